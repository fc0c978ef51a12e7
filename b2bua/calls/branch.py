"""One attempt to reach one recipient: when he is rung, and how it came out.

A branch is known by its number, never by its URI: the same URI may be rung twice. It may send several
INVITEs one after another (calling.py). At most one of them counts; one that was given up for the next is left
to its own machine, which takes it back on the wire. After his answer something may be asked of him (acceptance.py).
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from b2bua.calls import reasons
from b2bua.calls.acceptance import Acceptance
from b2bua.calls.best_response import Final
from b2bua.calls.calling import Calling
from b2bua.calls.final_response import refuse
from b2bua.calls.inviting import OUTCOMES, why
from b2bua.calls.leg import Leg
from b2bua.calls.recipient import Recipient
from b2bua.calls.record import RecipientOutcome, RecipientRecord
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
from sip_stack.message import Response
from sip_stack.sdp import Session as Description
from sip_stack.timers import Timer
from sip_stack.trace import Trace

if TYPE_CHECKING:
    from b2bua.calls.call import Call
    from b2bua.calls.fork import Fork


class _Timers(enum.IntEnum):
    START = 0
    STOP = 1


class Branch:
    """One recipient of a step. Open until it has won, or has ended in some other way."""

    __slots__ = (
        "_notes",
        "_timers",
        "acceptance",
        "call",
        "calling",
        "early_answer",
        "final",
        "fork",
        "has_rung",
        "index",
        "leg",
        "recipient",
        "record",
        "trace",
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
        self.acceptance: Acceptance | None = None  # from his 2xx on, of whom something is asked
        self.early_answer: Description | None = None  # of a 183 that the caller may hear
        self.final: Final | None = None
        self.has_rung = False
        self.calling = Calling(self)
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
        if not self.is_open:
            return
        if self.recipient.start_after > 0:
            self._set(_Timers.START, now + self.recipient.start_after)
        else:
            self.calling.begin(now)
        if self.recipient.stop_after > 0:
            self._set(_Timers.STOP, now + self.recipient.stop_after)

    def located(self, targets: list[Flow], now: float) -> None:
        """Where the recipient's server is, best first; empty when it was not found."""
        if self.is_open:
            self.calling.located(targets, now)

    def stop(self, outcome: RecipientOutcome, fields: str, now: float) -> None:
        """Take the INVITE back, with these Reason lines on CANCEL (or BYE). What was over stays as it was."""
        if self.acceptance is not None:
            self._stop_asking(self.acceptance, outcome, fields, now)
            return
        if not self.is_open:
            return
        if outcome is RecipientOutcome.FAILED:  # of the call, not of this recipient
            outcome = (
                RecipientOutcome.SKIPPED if self.record.invited_at is None else RecipientOutcome.NO_ANSWER
            )
        self._close(outcome, Final(487, is_real=False), now)
        if self.calling.client is not None:
            self.calling.client.cancel(fields, now)

    def _stop_asking(
        self, acceptance: Acceptance, outcome: RecipientOutcome, fields: str, now: float
    ) -> None:
        if self.is_open:
            self._close(outcome, Final(487, is_real=False), now)
            if outcome is RecipientOutcome.STOPPED:
                acceptance.lose(fields, now)
            else:
                acceptance.leave(fields or reasons.HUNG_UP, now)
        elif acceptance.is_over:
            acceptance.cancel()
        elif outcome is not RecipientOutcome.STOPPED:  # the call ends while he is told that he was too late
            acceptance.leave(fields, now)

    def screen(self, response: Response, answer: Description, now: float) -> None:
        """He has answered: see whether he takes the call."""
        self._cancel_all()
        self.calling.cancel_timer()
        self.acceptance = Acceptance(self, response, answer)
        self.call.notify("recipient.asked", now, recipient=self.record)
        self.acceptance.start(now)

    def note(self, text: str) -> None:
        """Something that the record is to tell of him, however it comes out."""
        if text not in self._notes:
            self._notes.append(text)

    def enter(self, remote_tag: str) -> None:
        """He speaks in the dialog of this To-tag from here on."""
        leg = self.leg
        leg.enter(remote_tag)
        if leg.session is not None and leg.session.dialog.remote_tag != remote_tag and self.calling.client is not None:
            leg.session = self.calling.client.early_session(remote_tag) or leg.session

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
        self.calling.cancel_timer()
        if self.acceptance is not None:
            self.acceptance.cancel()
        if self.calling.client is not None:
            self.calling.client.cancel(reasons.FAILED, now)
            if self.calling.client.session is not None:
                self.calling.client.refuse(self.calling.client.session, reasons.FAILED, now)

    @property
    def is_quiet(self) -> bool:
        """Nothing more is to be expected from the wire that the record would tell of."""
        return not self.is_open and self.calling.is_final and self.leg.is_gone

    def dissolve(self) -> None:
        """The record is closed. Whatever the wire may still bring is the stack's alone; no ring of references stays."""
        self.calling.dissolve()
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
        if event.client is not self.calling.client:
            return
        status = event.response.status
        self.calling.heard(status)
        if status > 100 and self.is_open:
            self.has_rung = True
            if self.record.ringing_at is None:
                self.record.ringing_at = self.call.microseconds(now)
                self.call.notify("recipient.ringing", now, recipient=self.record)
            self.fork.progressed(self, event.response, event.session, now)

    def _on_answered(self, event: Answered, now: float) -> None:
        self.calling.heard(event.response.status)
        self.leg.session = event.session
        self.record.status = 200
        if self.record.answered_at is None:
            self.record.answered_at = self.call.microseconds(now)
        if event.client is not self.calling.client:
            event.client.refuse(event.session, "", now)
            return
        self.fork.answered(self, event.client, event.session, event.response, now)

    def _on_late_answer(self, event: LateAnswer, now: float) -> None:
        if event.client is self.calling.client and self.record.outcome is not RecipientOutcome.ANSWERED:
            self.record.status = event.response.status
            if self.record.answered_at is None:  # a phone of his that answers second does not move when he did
                self.record.answered_at = self.call.microseconds(now)
            self.fork.answered_late(self, now)

    def _on_failed(self, event: Failed, now: float) -> None:
        if event.client is not self.calling.client:
            return
        self.calling.cancel_timer()
        if not self.is_open:
            if event.response is not None and event.response.status >= 300 and self.record.status is None:
                self.record.status = event.response.status
            self.call.branch_is_quiet(now)
            return
        self.calling.failed(event, now)

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
        self.call.ending.never_acknowledged(now)

    def _on_cancelled(self, event: Cancelled, now: float) -> None:
        """A re-INVITE was taken back; what is on its way across is sorted out when its answer comes."""

    def _on_gone(self, event: Gone, now: float) -> None:
        self.call.branch_is_quiet(now)

    def _on_ended(self, event: Ended, now: float) -> None:
        self.call.leg_ended(self.leg, event, now)

    # Timers.

    def _on_start(self, _: None, now: float) -> None:
        self.calling.begin(now)

    def _on_stop(self, _: None, now: float) -> None:
        if self.is_open:
            self.stop(RecipientOutcome.NO_ANSWER, self.fork.why_stopped(reasons.NO_ANSWER), now)
            self.fork.ended(self, now)

    # How it came out.

    def refused(self, response: Response, now: float) -> None:
        """He does not take the call, or somebody on the way to him says so."""
        status, client = response.status, self.calling.client
        assert client is not None
        if status in self.fork.step.decline_codes:
            outcome = RecipientOutcome.DECLINED
        else:
            outcome = RecipientOutcome.REDIRECTED if status < 400 else OUTCOMES.get(status, RecipientOutcome.REFUSED)
        self.record.status = status
        self.record.reason = why(response, client)
        fields = tuple(
            [(name, value) for name in ("Reason", "Warning") for value in response.get_all(name.lower())]
        )
        self._close(outcome, Final(status, fields=fields), now)
        self.fork.ended(self, now)

    def end(self, outcome: RecipientOutcome, final: Final, now: float) -> None:
        """He could not be reached, or was asked and does not take the call."""
        self._close(outcome, final, now)
        self.fork.ended(self, now)

    def _close(self, outcome: RecipientOutcome, final: Final, now: float) -> None:
        self.final = final
        self.record.outcome = outcome
        self.record.ended_at = self.call.microseconds(now)
        if self._notes:
            self.record.reason = "; ".join(filter(None, [self.record.reason, *self._notes]))
        self._cancel_all()
        self.calling.cancel_timer()
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
}
