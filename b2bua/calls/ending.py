"""How a call ends: who ends it, what each side is told, and when its record is closed.

Theory. It ends once, by whoever is first: end() is a claim. Then everything is let go of in one step, and none of it
waits for another: branches are stopped, sessions hung up, endpoints given back. The record is closed when every
branch is quiet and the relay has given its figures, or a second later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from b2bua.calls import reasons
from b2bua.calls.final_response import refuse
from b2bua.calls.record import CallOutcome, RecipientOutcome
from b2bua.calls.state import State
from sip_stack.events import Requested
from sip_stack.timers import Timer

if TYPE_CHECKING:
    from b2bua.calls.call import Call

RECORD_PATIENCE = 1.0  # seconds for the last branch to fall quiet, so that a record is soon to be seen


class Ending:
    """The end of one call."""

    __slots__ = ("_call", "_timer", "_trouble")

    def __init__(self, call: Call) -> None:
        self._call = call
        self._timer: Timer | None = None
        self._trouble = ""

    def note_trouble(self, text: str) -> None:
        """Something of the flow could not be done; the first of it stands in the record, behind how the call ended."""
        self._trouble = self._trouble or text

    # Who ends it.

    def abandoned(self, reason_values: Sequence[str], now: float, how: str = "hung up") -> None:
        """The caller hung up while it rang: every phone stops, and shows a missed call unless he says otherwise."""
        call = self._call
        if call.state is State.OVER:
            return
        if call.is_told_so:
            self._left_the_flow(reason_values, how, now)
            return
        fields = reasons.passed_on(list(reason_values))
        if call.winner is not None:
            call.answering.take_back()
            fields = fields or reasons.HUNG_UP
        else:
            call.fork.stop(RecipientOutcome.CALLER_HUNG_UP, fields, now)
        call.record.status = 487
        call.end(CallOutcome.ABANDONED, now, by="caller", reason="hung up while it rang", fields=fields)

    def _left_the_flow(self, reason_values: Sequence[str], how: str, now: float) -> None:
        """A caller whom the flow has answered hangs up with nobody connected."""
        call = self._call
        call.fork.stop(RecipientOutcome.CALLER_HUNG_UP, reasons.passed_on(list(reason_values)), now)
        call.end(call.walk.outcome_if_left, now, by="caller", reason=how)

    def never_acknowledged(self, now: float) -> None:
        # RFC 3261 §13.3.1.4: "If the 2xx response has been retransmitted for 64*T1 seconds without
        # receiving an ACK, the dialog is confirmed, but the session SHOULD be terminated."
        self._fail("the answer was never acknowledged", reasons.NO_ACK, now)

    def no_media(self, detail: str, now: float) -> None:
        """The relay lends nothing: his trunk may try elsewhere, if he was not answered yet."""
        self.refuse(503, now, fields=(("Retry-After", "5"),), detail=detail)

    def media_lost(self, detail: str, now: float) -> None:
        self._fail(f"the media was lost: {detail}", reasons.FAILED, now)

    def from_within(self, reason: str, fields: str, now: float) -> None:
        """From our side, whatever it is doing. reason: for the record. fields: Reason lines of the BYEs."""
        call = self._call
        if not call.is_told_so:
            call.answering.take_back()
            self.refuse(480, now, detail=reason)
        else:
            outcome = CallOutcome.REFUSED if call.record.answered_by is None else CallOutcome.ANSWERED
            call.end(outcome, now, by="service", reason=reason, fields=fields)

    def refuse(
        self,
        status: int,
        now: float,
        reason: str = "",
        fields: Sequence[tuple[str, str]] = (),
        detail: str = "",
    ) -> None:
        """End a call that never rang, or that we cannot go on with."""
        call = self._call
        if call.is_told_so:
            self._fail(detail or reason, reasons.FAILED, now)
            return
        call.server.reject(status, now, reason=reason, fields=fields)
        call.record.status = status
        outcome = CallOutcome.FAILED if status >= 500 else CallOutcome.REFUSED
        call.end(outcome, now, by="service", reason=detail or reason)

    def _fail(self, reason: str, fields: str, now: float) -> None:
        """As it has come out so far, if it has come to something."""
        record = self._call.record
        outcome = CallOutcome.VOICEMAIL if record.voicemail else CallOutcome.FAILED
        if record.answered_by is not None:
            outcome = CallOutcome.ANSWERED
        self._call.end(outcome, now, by="service", reason=reason, fields=fields)

    # The end.

    def end(self, outcome: CallOutcome, now: float, *, by: str, reason: str, fields: str = "") -> None:
        """End the call, once: whatever is up is hung up, the endpoints go back, the record is closed."""
        call = self._call
        if call.state is State.OVER:
            return
        self._note(outcome, by, reason, now)
        call.walk.finish()
        call.announcer.call_ends()
        call.fork.finish()
        for fork in call.forks():  # those of earlier steps too: somebody may be told still that he was too late
            fork.stop(RecipientOutcome.FAILED, fields, now)
        if not call.server.is_over:
            call.server.reject(500, now)
        call.crossing.abandon(now)
        for leg in call.legs:
            if leg.session is not None and leg.session.is_confirmed:
                leg.session.bye(fields, now)
        call.cancel_timer()
        call.lending.release_all()
        call.notify("call.ended", now)
        self._timer = call.stack.wheel.set(self, 0, now + RECORD_PATIENCE)
        call.close_if_quiet(now)

    def _note(self, outcome: CallOutcome, by: str, reason: str, now: float) -> None:
        """First of all, so that the record is whole whatever may break behind it."""
        call = self._call
        record, winner = call.record, call.winner
        call.state = State.OVER
        record.outcome, record.ended_by = outcome, by
        record.reason = f"{reason}; {self._trouble}" if self._trouble else reason
        record.ended_at = call.microseconds(now)
        if winner is not None and winner.record.ended_at is None:
            winner.record.ended_at = record.ended_at

    def close_if_quiet(self, now: float) -> None:
        call = self._call
        if call.lending.is_owed or call.announcer.is_keeping:
            return
        if not call.caller.is_gone or call.server.is_awaiting_acknowledgement:
            return
        if all(branch.is_quiet for branch in call.branches):
            self._close(now)

    def _close(self, now: float) -> None:
        self._cancel()
        self._call.announcer.finish()
        self._call.switchboard.finished(self._call)

    def handle_timer(self, name: int, now: float) -> None:
        self._timer = None
        self._call.guard(Ending._record_is_due, self, None, now)

    def _record_is_due(self, _: None, now: float) -> None:
        self._close(now)

    def _cancel(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            self._call.stack.wheel.cancel(timer)

    # After a bug.

    def farewells(self, event: object) -> Iterator[Callable[[float], None]]:
        """After a bug in the handling of an event: what lets go of everything, piece by piece.

        Each is to be tried, so that one that breaks spares no other; what one has done the next find done.
        The callees come before the ordinary end, which may close the call.
        """
        call = self._call
        if isinstance(event, Requested):
            yield lambda now: refuse(event.server, 500, now)
        yield from [branch.abandon for branch in call.branches]
        yield self._collapse
        yield lambda now: call.server.reject(500, now)
        yield self._bye_caller
        yield self._let_go

    def _collapse(self, now: float) -> None:
        reason = self._call.record.reason
        self._call.end(CallOutcome.FAILED, now, by="service", reason=reason, fields=reasons.FAILED)

    def _bye_caller(self, now: float) -> None:
        session = self._call.caller.session
        if session is not None and session.is_confirmed:
            session.bye(reasons.FAILED, now)

    def _let_go(self, now: float) -> None:
        """Close the call at once, unless its end has come so far that it closes by itself."""
        call = self._call
        if self._timer is not None or call.id not in call.switchboard.calls:
            return
        if call.state is not State.OVER:
            self._note(CallOutcome.FAILED, "service", call.record.reason, now)
        call.cancel_timer()
        call.lending.release_all()
        self._close(now)
