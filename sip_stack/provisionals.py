"""Our provisional responses to one INVITE of a peer (RFC 3261 §13.3.1.1, RFC 3262 §3).

Theory. A provisional is sent once and renewed every minute, lest a proxy on the way give the INVITE up. A reliable one
goes end to end and is repeated, doubling, until its PRACK comes or 64*T1 have passed. Only one of these is out at a
time, so what follows waits for its turn: the next of them, and the 200, which must not overtake one with SDP (RFC 3262
§5). A PRACK that brings another offer holds them back until that has its answer.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from sip_stack.message import Request
from sip_stack.server_transaction import ServerTransaction
from sip_stack.timers import Timer

if TYPE_CHECKING:
    from sip_stack.invite_server import InviteServer

Fields = Sequence[tuple[str, str]]
Send = Callable[[float], None]

# RFC 3262 §3: a proxy's 3 minutes start anew with each provisional; one that cannot be lost need not come every minute.
_RELIABLE_MINUTES: Final = 2.5


class _Timers(enum.IntEnum):
    RESEND = 0
    GIVE_UP = 1
    RENEW = 2


class Provisionals:
    """Those of one INVITE, one after another. is_closed: the 200 has been asked for, and none may follow it."""

    __slots__ = (
        "_cseq", "_interval", "_out", "_prack", "_renewal", "_rseq", "_server", "_timers", "_waiting", "is_closed",
    )  # fmt: skip

    def __init__(self, server: InviteServer) -> None:
        self._server: InviteServer | None = server  # until the final response; a PRACK may come after it
        self._cseq = server.request.cseq
        self.is_closed = False
        self._rseq = 0
        self._out: tuple[int, bytes] | None = None  # RSeq and bytes of the reliable one that waits for its PRACK
        self._interval = 0.0  # seconds until that is repeated
        self._prack: ServerTransaction | None = None  # one whose offer is yet to be answered
        self._waiting: list[Send] = []
        self._renewal: tuple[Send, float] | None = None  # what to renew, and how often
        self._timers: dict[int, Timer] = {}

    @property
    def is_out(self) -> bool:
        """A reliable one waits for its PRACK."""
        return self._out is not None

    def send(self, status: int, now: float, fields: Fields, body: bytes, content_type: str) -> None:
        """Send one that may be lost."""
        server = self._server
        assert server is not None

        def send(at: float) -> None:
            server.respond_in_dialog(status, at, fields, body, content_type)

        send(now)
        # §13.3.1.1: a UAS "MUST send a non-100 provisional response at every minute".
        self._renew(send, server.stack.intervals.minute, now)

    def send_reliably(self, status: int, now: float, fields: Fields, body: bytes, content_type: str) -> None:
        """Send one that must not be lost, when its turn has come."""
        self._in_turn(lambda at: self._send_reliably(status, at, fields, body, content_type), now)

    def close(self, answer: Send, now: float) -> None:
        """Have the 200 sent when its turn has come, and nothing after it."""
        self.is_closed = True
        self._in_turn(answer, now)

    def go_on(self, now: float) -> None:
        """A PRACK with an offer may have got its response: what has waited for that is sent."""
        while self._waiting and not self._is_busy:
            self._waiting.pop(0)(now)

    def take_prack(self, request: Request, transaction: ServerTransaction, now: float) -> bool:
        """Whether it is that of the one that is out; answered here, unless it brings an offer. Then see go_on."""
        expected = f"{self._out[0]} {self._cseq} INVITE" if self._out is not None else ""
        if " ".join((request.get("rack") or "").split()) != expected:
            return False
        self._out = None
        self._cancel(_Timers.RESEND, _Timers.GIVE_UP)
        if request.body:
            self._prack = transaction
        else:
            transaction.respond(200, now)
        return True

    def renew_no_more(self) -> None:
        self._renewal = None

    def leave_dialog(self) -> None:
        """What still waits, or would be renewed, belongs to a dialog that is left."""
        self._waiting.clear()
        self._renewal = None

    def stop(self) -> None:
        """The INVITE has its final response: nothing more is sent. RFC 3262 §3: "it MUST be prepared to process PRACK
        requests for those outstanding responses".
        """
        self._cancel(*list(self._timers))
        self.leave_dialog()
        self._server = None

    def forget(self) -> None:
        """Nothing more is to be sent at all."""
        self.stop()
        self._prack = None

    def handle_timer(self, name: int, now: float) -> None:
        self._timers.pop(name, None)
        if name == _Timers.RESEND:
            self._resend(now)
        elif name == _Timers.GIVE_UP:
            self._give_up(now)
        elif self._renewal is not None and not self.is_closed:
            self._renew(*self._renewal, now)
            self._renewal[0](now)

    @property
    def _is_busy(self) -> bool:
        return self._out is not None or (self._prack is not None and not self._prack.is_answered)

    def _in_turn(self, send: Send, now: float) -> None:
        if self._is_busy:
            self._waiting.append(send)
        else:
            send(now)

    def _send_reliably(self, status: int, now: float, fields: Fields, body: bytes, content_type: str) -> None:
        server = self._server
        assert server is not None
        intervals = server.stack.intervals
        self._rseq = self._rseq + 1 if self._rseq else server.stack.first_rseq()
        more = [("Require", "100rel"), ("RSeq", str(self._rseq)), *fields]
        self._out = (self._rseq, server.respond_in_dialog(status, now, more, body, content_type))
        server.is_described |= bool(body)
        self._interval = intervals.t1
        self._set(_Timers.RESEND, now + self._interval)
        self._set(_Timers.GIVE_UP, now + intervals.timeout)
        # Renewed without its description, which has been agreed upon by then.
        self._renew(
            lambda at: self.send_reliably(status, at, fields, b"", content_type),
            intervals.minute * _RELIABLE_MINUTES,
            now,
        )

    def _resend(self, now: float) -> None:
        # RFC 3262 §3: repeated as a 2xx is, but the interval is not held at T2.
        if self._out is not None and self._server is not None:
            self._server.transaction.repeat_success(self._out[1], now)
            self._interval *= 2
            self._set(_Timers.RESEND, now + self._interval)

    def _give_up(self, now: float) -> None:
        self._out = None
        self._waiting.clear()
        self.is_closed = False
        self._cancel(_Timers.RESEND)
        if self._server is not None:
            self._server.tell_never_received()

    def _renew(self, send: Send, interval: float, now: float) -> None:
        """Have a provisional sent again every so many seconds, in place of the one before it."""
        self._renewal = (send, interval)
        self._set(_Timers.RENEW, now + interval)

    def _set(self, name: int, deadline: float) -> None:
        self._cancel(name)
        assert self._server is not None
        self._timers[name] = self._server.stack.wheel.set(self, name, deadline)

    def _cancel(self, *names: int) -> None:
        for name in names:
            timer = self._timers.pop(name, None)
            if timer is not None and self._server is not None:
                self._server.stack.wheel.cancel(timer)

    def __repr__(self) -> str:
        return f"<provisionals of {self._server!r}>"
