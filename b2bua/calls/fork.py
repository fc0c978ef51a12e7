"""Ringing one or more recipients at once, and who wins (FRK-1 to FRK-21).

Theory. A fork is open until it has a winner or an end. The winner is claimed in one step: the first usable
2xx that is handled while nobody has won; in that same step the losers are cancelled and the call goes on to
answer the caller, and none of it waits for an answer to another. Whatever comes after meets a fork that has
a winner: ACK and BYE, and a record that says by how much it was too late.

With no winner the fork fails once: when its last branch is over, or when ring time ends, with the best of
what the recipients have said.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from b2bua.calls import reasons
from b2bua.calls.best_response import Final, best, upstream
from b2bua.calls.branch import Branch
from b2bua.calls.recipient import DialStep, SixXX
from b2bua.calls.record import CallOutcome, RecipientOutcome
from sip_stack.body import find_sdp
from sip_stack.errors import RemoteError
from sip_stack.invite_client import InviteClient
from sip_stack.message import Response
from sip_stack.sdp import Session as Description
from sip_stack.sdp import is_answer_to, parse
from sip_stack.session import Session
from sip_stack.timers import Timer

if TYPE_CHECKING:
    from b2bua.calls.call import Call


class Fork:
    """The recipients of one dial step. Tells its call fork_won or fork_failed, one of them, once."""

    __slots__ = (
        "_call",
        "_claimed_at",
        "_is_over",
        "_ring_timer",
        "branches",
        "is_ringing",
        "step",
        "winner",
    )

    def __init__(self, call: Call, step: DialStep) -> None:
        self._call = call
        self.step = step
        self.winner: Branch | None = None
        self.is_ringing = False
        self._is_over = False
        self._claimed_at = 0.0
        self._ring_timer: Timer | None = None
        self.branches = [
            Branch(call, self, number, recipient, call.switchboard.next_session_id())
            for number, recipient in enumerate(step.recipients, 1)
        ]

    # From the call.

    def ring(self, now: float) -> None:
        """Every endpoint is lent: ring them all, in this turn."""
        self.is_ringing = True
        self._ring_timer = self._call.stack.wheel.set(self, 0, now + self.step.ring_time)
        for branch in self.branches:
            branch.schedule(now)

    def stop(self, outcome: RecipientOutcome, fields: str, now: float) -> None:
        """Take every open branch back, with this outcome and these Reason lines."""
        for branch in self.branches:
            branch.stop(outcome, fields, now)

    def finish(self) -> None:
        """The call is over, or goes on without this fork: nothing more is told."""
        self.is_ringing = False
        self._is_over = True
        self._stop_ring_timer()

    def dissolve(self) -> None:
        """Let go of the branches, so that none waits for the garbage collector."""
        self.finish()
        for branch in self.branches:
            branch.dissolve()
        self.branches = []
        self.winner = None

    # What branches ask.

    @property
    def may_ring(self) -> bool:
        return self.is_ringing and self.winner is None

    def may_ring_uri(self, uri: str) -> bool:
        """Whether a recipient may forward the call there: no target is rung twice (FRK-10)."""
        is_new = not any(uri in branch.tried for branch in self.branches)
        return is_new and self._call.switchboard.directory.may_ring(uri)

    # What branches tell.

    def progressed(self, branch: Branch, response: Response, session: Session | None, now: float) -> None:
        """A 101-199."""
        if self.may_ring:
            if session is not None:
                branch.leg.session = session
            self._call.rang(now)
            self._call.early.progressed(branch, response, session is not None, now)

    def answered(
        self, branch: Branch, client: InviteClient, session: Session, response: Response, now: float
    ) -> None:
        """A 2xx. The first that can be used wins; every other gets ACK and BYE."""
        if not self.may_ring:
            self._note_late(branch, now)
            client.refuse(session, self._stop_reason(), now)
            return
        answer = _usable_answer(branch, response)
        if answer is None:
            client.refuse(session, reasons.FAILED, now)
            branch.record.reason = "answer without a usable session description"
            branch.lose(RecipientOutcome.FAILED, Final(488, is_real=False), now)
            self.ended(branch, now)
            return
        self.winner = branch
        self._claimed_at = now
        self._stop_ring_timer()
        branch.win(now)
        self._stop_others(branch, now)
        self._call.fork_won(branch, session, response, answer, now)

    def answered_late(self, branch: Branch, now: float) -> None:
        """A 2xx that crossed our CANCEL; it has had its ACK and BYE."""
        self._note_late(branch, now)
        self._call.branch_is_quiet(now)

    def ended(self, branch: Branch, now: float) -> None:
        """A branch is over without having won."""
        if self._is_over or self.winner is not None:
            self._call.branch_is_quiet(now)
            return
        final = branch.final
        if self.step.six_xx is SixXX.EVERYONE and final is not None and final.is_real and final.status >= 600:
            self.stop(RecipientOutcome.STEP_ENDED, "", now)
            self._fail(final.status, final, now)
        elif not any(each.is_open for each in self.branches):
            chosen = best([each.final for each in self.branches if each.final is not None])
            assert chosen is not None
            self._fail(upstream(chosen.status), chosen, now)
        else:
            self._call.early.branch_ended(branch, now)

    # From the wheel.

    def handle_timer(self, name: int, now: float) -> None:
        self._ring_timer = None
        self._call.guard(Fork._ring_time_ended, self, None, now)

    def _ring_time_ended(self, _: None, now: float) -> None:
        """FRK-9: what somebody real has said, else 480 when a phone rang, else 408."""
        if not self.may_ring:
            return
        held = best([each.final for each in self.branches if each.final is not None and each.final.is_real])
        self.stop(RecipientOutcome.NO_ANSWER, reasons.NO_ANSWER, now)
        if held is not None:
            self._fail(upstream(held.status), held, now, was_ringing=True)
            return
        status = self.step.timeout_status if any(branch.has_rung for branch in self.branches) else 408
        reason = (("Reason", 'Q.850;cause=19;text="No answer from user"'),)
        self._fail(status, Final(status, is_real=False, fields=reason), now, was_ringing=True)

    # Within.

    def _fail(self, status: int, final: Final, now: float, was_ringing: bool = False) -> None:
        self.finish()
        self._call.fork_failed(self._outcome(was_ringing), status, final, now)

    def _outcome(self, was_ringing: bool) -> CallOutcome:
        outcomes = {branch.record.outcome for branch in self.branches}
        if RecipientOutcome.NO_ANSWER in outcomes or was_ringing:
            return CallOutcome.NO_ANSWER
        return next(
            (call for recipient, call in _CALL_OUTCOMES if recipient in outcomes), CallOutcome.NO_ANSWER
        )

    def _stop_others(self, winner: Branch, now: float) -> None:
        losers = [branch for branch in self.branches if branch is not winner]
        reason = self._stop_reason()
        for branch in losers:
            branch.stop(RecipientOutcome.STOPPED, reason, now)
        self._call.media.release([branch.leg for branch in losers])

    def _stop_reason(self) -> str:
        if self.winner is not None:
            return reasons.COMPLETED_ELSEWHERE if self.step.answered_elsewhere else ""
        return ""

    def _note_late(self, branch: Branch, now: float) -> None:
        if self.winner is not None and self.winner is not branch:
            branch.record.late_by = round((now - self._claimed_at) * 1_000_000)
            branch.lose(RecipientOutcome.TOO_LATE, Final(200), now)

    def _stop_ring_timer(self) -> None:
        if self._ring_timer is not None:
            self._call.stack.wheel.cancel(self._ring_timer)
            self._ring_timer = None

    def __repr__(self) -> str:
        return f"<fork {self.branches!r}>"


def _usable_answer(branch: Branch, response: Response) -> Description | None:
    """The description in a 2xx, when it answers our offer; else the one that a reliable 1xx brought."""
    exchange = branch.leg.exchange
    try:
        body = find_sdp(response.get("content-type") or "", response.body)
        if body is None:
            return exchange.remote
        answer = parse(body)
        # Our offer has the m-lines of the caller's; parsing our own words again is only for what we made up.
        offer = branch.call.offer or parse(exchange.offered_local or exchange.local or b"")
        fault = is_answer_to(offer, answer)
    except RemoteError as error:
        branch.record.reason = error.detail
        return None
    return None if fault or all(medium.is_rejected for medium in answer.media) else answer


_CALL_OUTCOMES = (
    (RecipientOutcome.BUSY, CallOutcome.BUSY),
    (RecipientOutcome.DECLINED, CallOutcome.DECLINED),
    (RecipientOutcome.REFUSED, CallOutcome.DECLINED),
    (RecipientOutcome.FAILED, CallOutcome.FAILED),
    (RecipientOutcome.REDIRECTED, CallOutcome.UNREACHABLE),
    (RecipientOutcome.UNREACHABLE, CallOutcome.UNREACHABLE),
)
