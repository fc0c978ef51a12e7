"""Keeping one session alive, or noticing that it is dead (RFC 4028 §7.4, §10): its timer, and our refreshes."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from sip_stack.message import Response
from sip_stack.outgoing import lines
from sip_stack.session_timer import Agreement, agree_as_client, min_se_of
from sip_stack.timers import Timer

if TYPE_CHECKING:
    from sip_stack.session import Session

BUSY_PAUSE = 1.0  # seconds until a refresh that an INVITE under way has kept back is tried again


class _Timers(enum.IntEnum):
    REFRESH = 0
    EXPIRE = 1


class Refresher:
    """The session timer of one dialog: refreshes when that is our part, ends the session when none came."""

    __slots__ = ("_session", "_timers", "agreement")

    def __init__(self, session: Session) -> None:
        self._session = session
        self._timers: dict[int, Timer] = {}
        self.agreement: Agreement | None = None

    def agree(self, agreement: Agreement | None, now: float) -> None:
        """Start anew as agreed (§7.2, §9)."""
        self.stop()
        self.agreement = agreement
        if agreement is not None:
            if agreement.we_refresh:
                self._set(_Timers.REFRESH, now + agreement.refresh_after)
            self._set(_Timers.EXPIRE, now + agreement.expire_after)

    def stop(self) -> None:
        for timer in self._timers.values():
            self._session.stack.wheel.cancel(timer)
        self._timers.clear()

    def handle_timer(self, name: int, now: float) -> None:
        self._timers.pop(name, None)
        if name == _Timers.EXPIRE:
            self._session.expire(now)
        else:
            self._refresh(now)

    def _refresh(self, now: float, min_se: int = 0) -> None:
        """min_se: as a 422 has asked for it, else 0."""
        session = self._session
        if "UPDATE" in session.peer_allows:
            method, body = "UPDATE", b""
        elif session.is_inviting or session.is_invited:
            self._set(_Timers.REFRESH, now + BUSY_PAUSE)
            return
        else:
            method, body = "INVITE", session.local_body
            if body and session.origin is not None:
                body = session.origin.say_again(body)
        assert self.agreement is not None
        fields = [
            ("Contact", session.dialog.contact),
            ("Supported", "timer"),
            ("Session-Expires", f"{self.agreement.interval};refresher=uac"),
        ]
        if min_se:
            fields.append(("Min-SE", str(min_se)))
        session.send_refresh(method, lines(fields), body, now)

    def refreshed(self, response: Response, now: float) -> None:
        """A 2xx to a refresh of ours, or to what was one beside its purpose: all deadlines start anew (§10)."""
        self.agree(agree_as_client(response) or self.agreement, now)

    def handle_reply(self, response: Response | None, needs_acknowledgement: bool, now: float) -> None:
        """The final response to a refresh of ours, None when there was none (then the session ends by itself)."""
        session = self._session
        if response is None:
            return
        if response.status < 300:
            if needs_acknowledgement:
                session.acknowledge(now)
            self.refreshed(response, now)
        elif (
            response.status == 422
            and self.agreement is not None
            and min_se_of(response) > self.agreement.interval
        ):
            # §7.4: sent once more with the interval that is asked for.
            self.agreement = Agreement(min_se_of(response), we_refresh=True)
            self._refresh(now, min_se_of(response))
        elif response.status == 491:
            # RFC 3261 §14.1: 2.1 to 4 s for the owner of the Call-ID, else 0 to 2 s.
            draw = session.stack.fraction()
            self._set(_Timers.REFRESH, now + (2.1 + draw * 1.9 if session.owns_call_id else draw * 2.0))
        elif self.agreement is not None:
            self._set(_Timers.REFRESH, now + self.agreement.interval / 4)

    def _set(self, name: int, deadline: float) -> None:
        wheel = self._session.stack.wheel
        old = self._timers.pop(name, None)
        if old is not None:
            wheel.cancel(old)
        self._timers[name] = wheel.set(self, name, deadline)
