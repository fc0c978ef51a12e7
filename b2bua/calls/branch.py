"""One attempt to reach one recipient: its INVITEs, its retries, and how it came out.

A branch is known by its number, never by its URI: the same URI may be rung twice. It may send several
INVITEs one after another (credentials, a larger Min-SE, the next address of the same recipient, a
redirect), all with one Call-ID and tag and a rising CSeq. At most one of them counts; one that was given
up for the next is left to its own machine, which takes it back on the wire.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from b2bua.calls import reasons
from b2bua.calls.acceptance import Acceptance
from b2bua.calls.best_response import Final
from b2bua.calls.crossing import refuse
from b2bua.calls.leg import Leg
from b2bua.calls.recipient import Recipient
from b2bua.calls.record import RecipientOutcome, RecipientRecord
from sip_stack.digest import DigestClient
from sip_stack.errors import RemoteError
from sip_stack.events import (
    Acknowledged,
    Answered,
    Cancelled,
    Ended,
    Event,
    Failed,
    Gone,
    LateAnswer,
    NeverAcknowledged,
    Progress,
    Replied,
    Requested,
)
from sip_stack.flow import Flow
from sip_stack.invite_client import Invitation, InviteClient
from sip_stack.message import Response
from sip_stack.outgoing import lines
from sip_stack.sdp import Session as Description
from sip_stack.sdp import parse
from sip_stack.sdp_narrowing import names_in
from sip_stack.session import challenges
from sip_stack.timers import Timer
from sip_stack.trace import Trace

if TYPE_CHECKING:
    from b2bua.calls.call import Call
    from b2bua.calls.fork import Fork

_OUTCOMES = {
    486: RecipientOutcome.BUSY,
    600: RecipientOutcome.BUSY,
    603: RecipientOutcome.DECLINED,
    607: RecipientOutcome.DECLINED,
    608: RecipientOutcome.DECLINED,
    404: RecipientOutcome.UNREACHABLE,
    408: RecipientOutcome.UNREACHABLE,
    410: RecipientOutcome.UNREACHABLE,
    430: RecipientOutcome.UNREACHABLE,
    480: RecipientOutcome.UNREACHABLE,
    502: RecipientOutcome.UNREACHABLE,
    503: RecipientOutcome.UNREACHABLE,
    504: RecipientOutcome.UNREACHABLE,
    604: RecipientOutcome.UNREACHABLE,
}
_NEXT_ADDRESS = (408, 503)  # RFC 3263 §4.3: what sends a request on to the next address of the same target


class _Timers(enum.IntEnum):
    START = 0
    STOP = 1
    UNREACHABLE = 2


class Branch:
    """One recipient of a step. Open until it has won, or has ended in some other way."""

    __slots__ = (
        "_digest",
        "_min_se",
        "_notes",
        "_redirects",
        "_targets",
        "_timers",
        "_uri",
        "acceptance",
        "call",
        "client",
        "cseq",
        "early_answer",
        "final",
        "fork",
        "has_rung",
        "index",
        "is_heard",
        "is_located",
        "is_started",
        "is_stopped",
        "leg",
        "local_tag",
        "recipient",
        "record",
        "sip_call_id",
        "trace",
        "tried",
    )

    def __init__(
        self, call: Call, fork: Fork, number: int, index: int, recipient: Recipient, session_id: int
    ) -> None:
        """number: of its leg. index: of the recipient in the step."""
        self.call = call
        self.fork = fork
        self.index = index
        self.recipient = recipient
        self.leg = Leg(number, recipient.media_interface, recipient.nat, session_id, call.retry_after())
        self.trace = Trace(number, call.messages) if call.plan.keep_trace else None
        self.record = RecipientRecord(number, recipient.name, recipient.uri)
        self.client: InviteClient | None = None
        self.acceptance: Acceptance | None = None  # from his 2xx on, of whom something is asked
        self.early_answer: Description | None = None  # of a 183 that the caller may hear
        self.final: Final | None = None
        self.cseq = 0
        self.has_rung = False
        self.is_heard = False  # any response at all
        self.is_located = False
        self.is_started = False
        self.is_stopped = False  # by us
        stack = call.stack
        self.local_tag = stack.token()
        self.sip_call_id = call.server.request.call_id if recipient.keep_call_id else stack.token()
        self._uri = recipient.uri
        self._targets: list[Flow] = []
        self.tried: set[str] = {recipient.uri}
        self._redirects: list[str] = []
        self._digest: DigestClient | None = None
        self._min_se = 0
        self._notes: list[str] = []
        self._timers: dict[int, Timer] = {}

    @property
    def number(self) -> int:
        return self.leg.number

    @property
    def is_open(self) -> bool:
        return self.final is None

    @property
    def is_screened(self) -> bool:
        """His answer is not for the caller yet: nothing passes between the two before he is accepted."""
        return self.fork.step.screens(self.recipient)

    @property
    def is_asked(self) -> bool:
        """He has answered, and it is still open whether he takes the call."""
        return self.acceptance is not None and self.final is None

    @property
    def is_told(self) -> bool:
        """Somebody else has the call, and he hears of it."""
        return self.acceptance is not None and not self.acceptance.is_over

    # From the call.

    def skip(self, reason: str, now: float) -> None:
        """He is not rung at all."""
        self.record.reason = reason
        self._close(RecipientOutcome.SKIPPED, Final(480, is_real=False), now)

    def schedule(self, now: float) -> None:
        """The step begins: start now, or after the recipient's own delay."""
        if self.recipient.start_after > 0:
            self._set(_Timers.START, now + self.recipient.start_after)
        else:
            self.is_started = True
            self._start(now)
        if self.recipient.stop_after > 0:
            self._set(_Timers.STOP, now + self.recipient.stop_after)

    def located(self, targets: list[Flow], now: float) -> None:
        """Where the recipient's server is, best first; empty when it was not found."""
        self._targets = list(targets)
        self.is_located = True
        if not self.is_open:
            return
        if targets:
            self._start(now)
        elif not self._follow_next(now):
            self._give_up(RecipientOutcome.UNREACHABLE, Final(480, is_real=False), "address not found", now)

    def stop(self, outcome: RecipientOutcome, fields: str, now: float) -> None:
        """Take the INVITE back, with these Reason lines on CANCEL (or BYE). What was over stays as it was."""
        if self.acceptance is not None:
            self._stop_asking(self.acceptance, outcome, fields, now)
            return
        if not self.is_open:
            return
        self.is_stopped = True
        if outcome is RecipientOutcome.FAILED:  # of the call, not of this recipient
            outcome = (
                RecipientOutcome.SKIPPED if self.record.invited_at is None else RecipientOutcome.NO_ANSWER
            )
        self._close(outcome, Final(487, is_real=False), now)
        if self.client is not None:
            self.client.cancel(fields, now)

    def _stop_asking(
        self, acceptance: Acceptance, outcome: RecipientOutcome, fields: str, now: float
    ) -> None:
        if self.is_open:
            self.is_stopped = True
            self._close(outcome, Final(487, is_real=False), now)
            if outcome is RecipientOutcome.STOPPED:
                acceptance.lose(fields, now)
            else:
                acceptance.leave(fields or reasons.HUNG_UP, now)
        elif (
            outcome is not RecipientOutcome.STOPPED
        ):  # the call ends, maybe while he is told that he was too late
            if acceptance.is_over:
                acceptance.cancel()
            else:
                acceptance.leave(fields, now)

    def screen(self, response: Response, answer: Description, now: float) -> None:
        """He has answered: see whether he takes the call."""
        self._cancel_all()
        self.acceptance = Acceptance(self, response, answer)
        self.acceptance.start(now)

    def note(self, text: str) -> None:
        """Something that the record is to tell of him, however it comes out."""
        if text not in self._notes:
            self._notes.append(text)

    def win(self, now: float) -> None:
        """The call was claimed by this branch."""
        self._close(RecipientOutcome.ANSWERED, Final(200), now)
        self.record.ended_at = None

    def lose(self, outcome: RecipientOutcome, final: Final, now: float) -> None:
        """An answer that cannot be used: too late, or without a usable description."""
        if self.is_open:
            self._close(outcome, final, now)
        else:
            self.record.outcome = outcome

    def abandon(self, now: float) -> None:
        """After a bug: take back whatever is out, in the plainest way."""
        self._cancel_all()
        if self.acceptance is not None:
            self.acceptance.cancel()
        if self.client is not None:
            self.client.cancel(reasons.FAILED, now)
            if self.client.session is not None:
                self.client.refuse(self.client.session, reasons.FAILED, now)

    @property
    def is_quiet(self) -> bool:
        """Nothing more is to be expected from the wire that the record would tell of."""
        is_final = self.client is None or self.client.is_final
        return not self.is_open and is_final and self.leg.is_gone

    def dissolve(self) -> None:
        """The record is closed. Whatever the wire may still bring is the stack's alone; no ring of references stays."""
        if self.client is not None:
            self.client.owner = None
            self.client = None
        if self.acceptance is not None:
            self.acceptance.cancel()
            self.acceptance = None
        self.leg.dissolve()

    # From the stack.

    def handle(self, event: Event, now: float) -> None:
        self.call.guard(_HANDLE[type(event)], self, event, now)

    def handle_timer(self, name: int, now: float) -> None:
        self._timers.pop(name, None)
        self.call.guard(_ON_TIMER[name], self, None, now)

    def _on_progress(self, event: Progress, now: float) -> None:
        if event.client is not self.client:
            return
        self.is_heard = True
        self._cancel(_Timers.UNREACHABLE)
        status = event.response.status
        if status > 100 and self.is_open:
            self.has_rung = True
            if self.record.ringing_at is None:
                self.record.ringing_at = self.call.microseconds(now)
                self.call.notify("recipient.ringing", now, recipient=self.record)
            self.fork.progressed(self, event.response, event.session, now)

    def _on_answered(self, event: Answered, now: float) -> None:
        self.is_heard = True
        self.leg.session = event.session
        event.session.digest = self._digest
        self.record.status = 200
        if self.record.answered_at is None:
            self.record.answered_at = self.call.microseconds(now)
        if event.client is not self.client:
            event.client.refuse(event.session, "", now)
            return
        self.fork.answered(self, event.client, event.session, event.response, now)

    def _on_late_answer(self, event: LateAnswer, now: float) -> None:
        if event.client is self.client and self.record.outcome is not RecipientOutcome.ANSWERED:
            self.record.status = event.response.status
            self.record.answered_at = self.call.microseconds(now)
            self.fork.answered_late(self, now)

    def _on_failed(self, event: Failed, now: float) -> None:
        if event.client is not self.client:
            return
        self._cancel(_Timers.UNREACHABLE)
        if not self.is_open:
            if event.response is not None and event.response.status >= 300 and self.record.status is None:
                self.record.status = event.response.status
            self.call.branch_is_quiet(now)
            return
        response = event.response
        if response is None:
            self._no_response(event.cause, now)
        elif not self._try_again(response, now):
            self._refused(response, now)

    def _on_crossing(self, event: Requested | Replied, now: float) -> None:
        if self.acceptance is not None and self.fork.winner is not self and isinstance(event, Requested):
            self._on_requested_alone(self.acceptance, event, now)
        else:
            self.call.crossing.handle(self.leg, event, now)

    def _on_requested_alone(self, acceptance: Acceptance, event: Requested, now: float) -> None:
        """A request of somebody who is not connected to the caller: it goes no further than to us."""
        request = event.request
        if request.method == "INVITE" or (request.method == "UPDATE" and request.body):
            # RFC 3261 §14.2, RFC 3311 §5.2: as while an offer of ours is under way. He asks again when he talks.
            refuse(event.server, 491, now)
        elif request.method == "UPDATE":
            self.call.crossing.handle(self.leg, event, now)
        else:
            acceptance.requested(event, now)

    def _on_acknowledged(self, event: Acknowledged, now: float) -> None:
        self.call.crossing.acknowledged(event, now)

    def _on_never_acknowledged(self, event: NeverAcknowledged, now: float) -> None:
        self.call.never_acknowledged(now)

    def _on_cancelled(self, event: Cancelled, now: float) -> None:
        """A re-INVITE was taken back; what is on its way across is sorted out when its answer comes."""

    def _on_gone(self, event: Gone, now: float) -> None:
        self.call.branch_is_quiet(now)

    def _on_ended(self, event: Ended, now: float) -> None:
        self.call.leg_ended(self.leg, event, now)

    # Timers.

    def _on_start(self, _: None, now: float) -> None:
        self.is_started = True
        self._start(now)

    def _on_stop(self, _: None, now: float) -> None:
        if self.is_open:
            self.stop(RecipientOutcome.NO_ANSWER, reasons.NO_ANSWER, now)
            self.fork.ended(self, now)

    def _on_unreachable(self, _: None, now: float) -> None:
        if not self.is_open or self.is_heard or self.client is None:
            return
        # Not a word for seconds: the next address of the same recipient, or none. The INVITE that is out is
        # taken back by its own machine as soon as somebody answers it.
        self.client.cancel("", now)
        if self._targets:
            self._invite(now)
        elif not self._follow_next(now):
            self._give_up(RecipientOutcome.UNREACHABLE, Final(408, is_real=False), "no response", now)

    # Inviting.

    def _start(self, now: float) -> None:
        if (
            self.is_started
            and self.is_located
            and self.is_open
            and self.client is None
            and self.fork.may_ring
        ):
            self._invite(now)

    def _invite(self, now: float, more_fields: str = "", flow: Flow | None = None) -> None:
        call, recipient = self.call, self.recipient
        flow = flow or self._targets.pop(0)
        self.cseq += 1
        self.is_heard = False
        body = call.offer_for(self.leg)
        if self._digest is not None and not more_fields and self._uri == recipient.uri:
            # RFC 3261 §22.3: a new request, to another server maybe, which has refused none of our credentials.
            # Whereto somebody has redirected us they do not go unasked.
            more_fields = lines(self._digest.preauthorise("INVITE", self._uri, body))
        invitation = Invitation(
            uri=self._uri,
            local_value=f"{call.caller_for(recipient)};tag={self.local_tag}",
            remote_value=f"<{self._uri}>",
            local_tag=self.local_tag,
            call_id=self.sip_call_id,
            cseq=self.cseq,
            fields=call.branch_fields(recipient, flow, self._min_se) + more_fields,
            body=body,
            routes=(_route(recipient.route),) if recipient.route else (),
            max_forwards=call.max_forwards,
            nat=recipient.nat,
        )
        self.leg.source_hosts = (flow.host,)
        self.client = InviteClient(call.stack, self, invitation, flow, self.trace)
        if self.record.invited_at is None:
            self.record.invited_at = call.microseconds(now)
            self.record.sip_call_id = self.sip_call_id
            call.notify("recipient.invited", now, recipient=self.record)
        if recipient.unreachable_after > 0:
            self._set(_Timers.UNREACHABLE, now + recipient.unreachable_after)
        self.client.start(now)

    def _try_again(self, response: Response, now: float) -> bool:
        """Whether another INVITE was sent for this failure."""
        status = response.status
        assert self.client is not None
        if status in self.recipient.caller_id_refusals and self._show_another_number(status):
            self._invite(now, "", self.client.flow)
            return True
        if status in (401, 407):
            fields = self._credentials_for(response)
            if fields is None:
                return False
            self._invite(now, fields, self.client.flow)
            return True
        if status == 422 and not self._min_se:
            text = (response.get("min-se") or "").split(";")[0].strip()
            if text.isascii() and text.isdigit() and len(text) < 8:
                self._min_se = int(text)
                self._invite(now, "", self.client.flow)
                return True
        if status in _NEXT_ADDRESS and self._targets and not self.has_rung:
            self._invite(now)
            return True
        return status < 400 and self._follow(response, now)

    def _show_another_number(self, status: int) -> bool:
        """Whether the trunk may have refused the number that was shown, and there is another one to show.

        What a telephone says that has rung is what somebody says who sits before it.
        """
        recipe = self.recipient.second_recipe
        if recipe is None or self.has_rung:
            return False
        shown = "the caller's number" if self.recipient.recipe.from_user == "caller" else "the number shown"
        self.note(f"the trunk refused {shown} ({status}); rang with the tracking number")
        self.recipient = replace(self.recipient, recipe=recipe, second_recipe=None)
        return True

    def _credentials_for(self, response: Response) -> str | None:
        if not self.recipient.credentials:
            return None
        if self._digest is None:
            known = [(each.username, each.password, each.realm) for each in self.recipient.credentials]
            self._digest = DigestClient(known, self.call.stack.token)
        assert self.client is not None
        body = self.client.invitation.body
        fields = self._digest.answer(challenges(response), "INVITE", self._uri, body)
        return None if fields is None else lines(fields)

    def _follow(self, response: Response, now: float) -> bool:
        """Ring where a 3xx points to, if this recipient may be forwarded (FRK-10)."""
        if self.recipient.follow_redirects >= len(self.tried):
            self._redirects = [uri for uri in _redirects(response) if self.fork.may_ring_uri(uri)]
        return self._follow_next(now)

    def _follow_next(self, now: float) -> bool:
        if not self._redirects:
            return False
        self._uri = self._redirects.pop(0)
        self.tried.add(self._uri)
        self._targets, self.client, self.is_located = [], None, False
        self.call.locate(self, self._uri, now)
        return True

    # How it came out.

    def _no_response(self, cause: str, now: float) -> None:
        if self._targets and not self.has_rung:
            self._invite(now)
            return
        if self._follow_next(now):
            return
        status = 408 if cause == "timeout" else 503
        self._give_up(RecipientOutcome.UNREACHABLE, Final(status, is_real=False), cause, now)

    def _refused(self, response: Response, now: float) -> None:
        status = response.status
        if self._follow_next(now):
            return
        outcome = (
            RecipientOutcome.REDIRECTED if status < 400 else _OUTCOMES.get(status, RecipientOutcome.REFUSED)
        )
        self.record.status = status
        self.record.reason = response.reason
        if status < 400:
            self.record.reason = ", ".join(_redirects(response)) or response.reason
        elif status == 488:
            self.record.reason = self._why_not_acceptable(response)
        fields = tuple(
            [(name, value) for name in ("Reason", "Warning") for value in response.get_all(name.lower())]
        )
        self._close(outcome, Final(status, fields=fields), now)
        self.fork.ended(self, now)

    def _why_not_acceptable(self, response: Response) -> str:
        """The codecs that were offered, and those that he wants where he says so (RFC 3261 §21.4.26)."""
        assert self.client is not None
        text = f"{response.reason}: offered {_codecs_in(self.client.invitation.body) or 'none'}"
        wanted = _codecs_in(response.body)
        return f"{text}, wanted {wanted}" if wanted else text

    def end(self, outcome: RecipientOutcome, final: Final, now: float) -> None:
        """He was asked, and does not take the call."""
        self._close(outcome, final, now)
        self.fork.ended(self, now)

    def _give_up(self, outcome: RecipientOutcome, final: Final, reason: str, now: float) -> None:
        self.record.reason = reason
        self.end(outcome, final, now)

    def _close(self, outcome: RecipientOutcome, final: Final, now: float) -> None:
        self.final = final
        self.record.outcome = outcome
        self.record.ended_at = self.call.microseconds(now)
        if self._notes:
            self.record.reason = "; ".join(filter(None, [self.record.reason, *self._notes]))
        self._cancel_all()
        if outcome is not RecipientOutcome.ANSWERED:
            self.call.notify("recipient.ended", now, recipient=self.record)

    def _set(self, name: int, deadline: float) -> None:
        self._cancel(name)
        self._timers[name] = self.call.stack.wheel.set(self, name, deadline)

    def _cancel(self, name: int) -> None:
        timer = self._timers.pop(name, None)
        if timer is not None:
            self.call.stack.wheel.cancel(timer)

    def _cancel_all(self) -> None:
        for timer in self._timers.values():
            self.call.stack.wheel.cancel(timer)
        self._timers.clear()

    def __repr__(self) -> str:
        outcome = self.record.outcome.value if self.record.outcome else "open"
        return f"<branch {self.number} {self.recipient.name} {outcome}>"


def _codecs_in(body: bytes) -> str:
    try:
        return ", ".join(names_in(parse(body))) if body else ""
    except RemoteError:
        return ""


def _route(uri: str) -> str:
    return f"<{uri}>" if ";lr" in uri else f"<{uri};lr>"


def _redirects(response: Response) -> list[str]:
    """The URIs of the Contacts of a 3xx, best first by q (RFC 3261 §8.1.3.4)."""
    try:
        contacts = response.contacts
    except RemoteError:
        return []
    ranked = sorted(contacts, key=lambda contact: -_q(contact.parameters.get("q")))
    return [contact.uri for contact in ranked if contact.uri.lower().startswith("sip:")]


def _q(text: str | None) -> float:
    try:
        q = float(text or "1")
    except ValueError:
        return 0.0
    return min(q, 1.0) if q > 0.0 else 0.0  # a NaN is not above it either


_HANDLE: dict[type, Callable[[Branch, Any, float], None]] = {
    Progress: Branch._on_progress,
    Answered: Branch._on_answered,
    LateAnswer: Branch._on_late_answer,
    Failed: Branch._on_failed,
    Acknowledged: Branch._on_acknowledged,
    NeverAcknowledged: Branch._on_never_acknowledged,
    Cancelled: Branch._on_cancelled,
    Requested: Branch._on_crossing,
    Replied: Branch._on_crossing,
    Ended: Branch._on_ended,
    Gone: Branch._on_gone,
}

_ON_TIMER: dict[int, Callable[[Branch, None, float], None]] = {
    _Timers.START: Branch._on_start,
    _Timers.STOP: Branch._on_stop,
    _Timers.UNREACHABLE: Branch._on_unreachable,
}
