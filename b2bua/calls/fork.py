"""Ringing one or more recipients, at once or in turns, and who wins (FRK-1 to FRK-21).

Theory. A fork is open until it has a winner or an end. The call is claimed in one step: by the first usable
2xx that is handled while nobody has claimed it; in that same step the losers are cancelled and the call goes on
to answer the caller, and none of it waits for an answer to another. Whatever comes after meets a fork that is
claimed: ACK and BYE, and a record that says by how much it was too late.

Something may come between a 2xx and the caller (acceptance.py). A recipient who only hears a whisper, or whose
extension is dialled, has claimed the call by his 2xx, and wins when that is over. One who must press 1 claims
nothing by it: the others ring on, several may be asked, and the first key that is handled claims and wins.

With no winner the fork fails once: when its last branch is over, or when ring time ends and nobody is being asked,
with the best of what the recipients have said. In turns, ring time is that of whose turn it is, and the next one
rings when a branch is over.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from b2bua.calls import reasons
from b2bua.calls.acceptance import Acceptance
from b2bua.calls.best_response import Final, best, told, upstream
from b2bua.calls.branch import Branch
from b2bua.calls.identity import digits_of
from b2bua.calls.leg import Leg
from b2bua.calls.recipient import DialStep, SixXX
from b2bua.calls.record import RecipientOutcome, outcome_of
from rtp_relay import control
from sip_stack.body import description_in
from sip_stack.errors import RemoteError
from sip_stack.events import Ended
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
        "_claimant",
        "_claimed_at",
        "_first_number",
        "_is_over",
        "_ring_timer",
        "_turn",
        "_waiting",
        "_was_timed_out",
        "branches",
        "is_ringing",
        "step",
        "winner",
    )

    def __init__(self, call: Call, step: DialStep, first_number: int = 1, order: Iterable[int] = ()) -> None:
        """first_number: of the leg of the first branch; the others follow. order: of turns, as indices of the
        step's recipients, each asked for when it is his turn; none: as they stand."""
        self._call = call
        self.step = step
        self.winner: Branch | None = None  # who has the call
        self.is_ringing = False
        self._claimant: Branch | None = None  # who has it, or will when he has heard what he is told
        self._claimed_at = 0.0
        self._is_over = False
        self._was_timed_out = False
        self._ring_timer: Timer | None = None
        self._first_number = first_number
        self.branches = [
            Branch(call, self, first_number + index, index, recipient, call.switchboard.next_session_id())
            for index, recipient in enumerate(step.recipients)
        ]
        self._turn: Branch | None = None  # whose turn it is
        self._waiting: Iterator[Branch] = map(self.branches.__getitem__, order) if order else iter(self.branches)

    # From the call.

    def ring(self, now: float) -> None:
        """Every endpoint is lent: ring them all, in this turn of the loop; or the first of those who take turns."""
        self.is_ringing = True
        self._leave_out(now)
        if self.step.takes_turns or not any(branch.is_open for branch in self.branches):
            self._go_on(now)
            return
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
        self.branches, self._waiting = [], iter(())
        self.winner = self._claimant = self._turn = None

    def release(self) -> None:
        """The call goes on without this fork: its endpoints go back, but for who still hears that he was too late."""
        self._call.media.release([branch.leg for branch in self.branches if not branch.is_told])

    def relay_event(self, event: control.Event, now: float) -> None:
        """Played, Digit or DigitsSent of one of its legs."""
        acceptance = self._acceptance_of(getattr(event, "leg", 0))
        if acceptance is not None:
            acceptance.relay_event(event, now)

    def relay_is_back(self, now: float) -> None:
        """What was being said to those who are asked is said anew."""
        for branch in self.branches:
            if branch.acceptance is not None:
                branch.acceptance.relay_is_back(now)

    def leg_ended(self, leg: Leg, event: Ended, now: float) -> None:
        """The dialog of a branch is over that has not won."""
        acceptance = self._acceptance_of(leg.number)
        if acceptance is not None:
            acceptance.hung_up(event, now)
            self._call.branch_is_quiet(now)

    # What branches ask.

    @property
    def is_over(self) -> bool:
        """It has failed, or the call goes on without it."""
        return self._is_over

    @property
    def may_ring(self) -> bool:
        return self.is_ringing and self._claimant is None

    def may_ring_uri(self, uri: str) -> bool:
        """Whether a recipient may forward the call there: no target is rung twice (FRK-10)."""
        is_new = not any(uri in branch.calling.inviting.tried for branch in self.branches)
        return is_new and self._call.switchboard.directory.may_ring(uri)

    def why_stopped(self, fields: str) -> str:
        """Reason lines for who is stopped though nobody has answered: these, but where that leaves no trace either."""
        return reasons.COMPLETED_ELSEWHERE if self.step.hides_always else fields

    # What branches tell.

    def progressed(self, branch: Branch, response: Response, session: Session | None, now: float) -> None:
        """A 101-199."""
        if self.may_ring:
            if session is not None:
                branch.leg.session = session
                branch.leg.enter(response.to_tag)
            self._call.rang(now)
            self._call.early.progressed(branch, response, session is not None, now)

    def answered(
        self, branch: Branch, client: InviteClient, session: Session, response: Response, now: float
    ) -> None:
        """A 2xx. The first that can be used wins; every other gets ACK and BYE."""
        if not self.may_ring or not branch.is_open:
            self._note_late(branch, now)
            client.refuse(session, self._stop_reason(), now)
            return
        branch.leg.enter(response.to_tag)
        answer = _usable_answer(branch, response)
        if answer is None:
            client.refuse(session, reasons.FAILED, now)
            branch.record.reason = "answer without a usable session description"
            branch.lose(RecipientOutcome.FAILED, Final(488, is_real=False), now)
            self.ended(branch, now)
        elif session.has_ended:  # his BYE has overtaken his 200
            client.refuse(session, "", now)
            branch.lose(RecipientOutcome.NOT_ACCEPTED, Final(480, is_real=False), now)
            self.ended(branch, now)
        elif self.step.screens(branch.recipient):
            self._screen(branch, response, answer, now)
        else:
            self._win(branch, response, answer, now)

    def accepted(self, branch: Branch, now: float) -> None:
        """Who was asked has accepted: by the key, or by having heard what he was told."""
        acceptance = branch.acceptance
        assert acceptance is not None
        if self._claimant in (None, branch) and not self._is_over:
            self._win(branch, acceptance.response, acceptance.answer, now)

    def pressed_late(self, branch: Branch, now: float) -> None:
        """The key of somebody who was asked, when another has the call."""
        record = branch.record
        if self._claimant is not None and record.outcome is RecipientOutcome.STOPPED:
            record.outcome = RecipientOutcome.PRESSED_TOO_LATE
            record.lost_to = self._claimant.recipient.name
            record.late_by = round((now - self._claimed_at) * 1_000_000)

    def answered_late(self, branch: Branch, now: float) -> None:
        """A 2xx that crossed our CANCEL; it has had its ACK and BYE."""
        self._note_late(branch, now)
        self._call.branch_is_quiet(now)

    def ended(self, branch: Branch, now: float) -> None:
        """A branch is over without having won."""
        if self._is_over or self.winner is not None:
            self._call.branch_is_quiet(now)
            return
        if self._claimant is branch:
            self._claimant = None
        status = self._status_for_everyone(branch)
        if status and branch.final is not None:
            for other in self.branches:
                if other.is_open:
                    other.record.lost_to = branch.recipient.name
            self.stop(RecipientOutcome.STEP_ENDED, self.why_stopped(""), now)
            self._fail(status, branch.final, now)
        elif not any(each.is_open for each in self.branches) or branch is self._turn:
            self._go_on(now)
        else:
            self._call.early.branch_ended(branch, now)

    # From the wheel.

    def handle_timer(self, name: int, now: float) -> None:
        self._ring_timer = None
        self._call.guard(Fork._ring_time_ended, self, None, now)

    def _ring_time_ended(self, _: None, now: float) -> None:
        """Who rings is stopped. Who is being asked keeps the time that he has for it (product 5d)."""
        if not self.may_ring:
            return
        self._was_timed_out = True
        if not self.step.takes_turns:
            self.is_ringing = False
        rung = [self._turn] if self._turn is not None else self.branches
        unheard = [branch for branch in rung if not branch.is_asked]
        for branch in unheard:
            branch.stop(RecipientOutcome.NO_ANSWER, self.why_stopped(reasons.NO_ANSWER), now)
        if len(unheard) == len(rung):
            self._go_on(now)
        for branch in [] if self._is_over else unheard:  # the caller hears ringing, and nobody any more
            self._call.early.branch_ended(branch, now)

    # Within.

    def _leave_out(self, now: float) -> None:
        """Nobody rings himself, and nobody is rung twice in a step of a flow."""
        own = self._call.identity.digits
        rung = set()
        for branch in self.branches:
            recipient = branch.recipient
            if own and own in recipient.uri and digits_of(recipient.uri) == own:
                branch.skip("it is the caller's own number", now)
            elif recipient.is_once:
                if (recipient.uri, recipient.route) in rung:
                    branch.skip("rung already in this step", now)
                rung.add((recipient.uri, recipient.route))

    def _screen(self, branch: Branch, response: Response, answer: Description, now: float) -> None:
        """Something comes before the caller. Who need not press 1 has the call already, if he only stays."""
        if not branch.recipient.press_one:
            self._claimant, self._claimed_at = branch, now
            self._stop_ring_timer()
            if not self.step.takes_turns:
                self._stop_others(branch, now)
        self._call.early.keep_ringing(now)
        branch.screen(response, answer, now)

    def _win(self, branch: Branch, response: Response, answer: Description, now: float) -> None:
        self.winner = branch
        if self._claimant is None:
            self._claimant, self._claimed_at = branch, now
        self._stop_ring_timer()
        branch.win(now)
        self._stop_others(branch, now)
        assert branch.leg.session is not None
        self._call.fork_won(branch, branch.leg.session, response, answer, now)

    def _status_for_everyone(self, branch: Branch) -> int:
        """What the caller is told when this refusal ends the step for all; 0 when it does not."""
        final = branch.final
        if final is None:
            return 0
        is_six_xx = final.is_real and final.status >= 600 and branch.acceptance is None
        if is_six_xx and self.step.six_xx is SixXX.EVERYONE:
            return final.status
        declines = branch.record.outcome is RecipientOutcome.DECLINED and (
            branch.acceptance is not None or final.status in self.step.decline_codes
        )
        return upstream(final.status) if declines and self.step.decline_ends else 0

    def _go_on(self, now: float) -> None:
        """With the next whose turn it is; with nobody left, the fork has failed (FRK-9, FRK-10)."""
        if self.step.takes_turns and self._ring_next(now):
            return
        self._turn = None
        rung = [each for each in self.branches if each.record.outcome is not RecipientOutcome.SKIPPED]
        finals = [each.final for each in rung if each.final is not None]
        held = best(finals)
        if held is None:  # there was nobody to ring
            held = Final(480, is_real=False)
        if held.is_real or not self._was_timed_out:
            said = told(finals, held)
            self._fail(said.status, replace(held, fields=said.fields), now)
            return
        # What somebody real has said was none; 480 when a phone rang, else 408.
        status = self.step.timeout_status if any(branch.has_rung for branch in self.branches) else 408
        reason = (("Reason", 'Q.850;cause=19;text="No answer from user"'),)
        self._fail(status, Final(status, is_real=False, fields=reason), now)

    def _ring_next(self, now: float) -> bool:
        """Ring the next of those who take turns; False when there is none."""
        for branch in self._waiting:
            if branch.is_open:
                self._turn = branch
                self._stop_ring_timer()
                self._ring_timer = self._call.stack.wheel.set(self, 0, now + self.step.ring_time)
                branch.schedule(now)
                return True
        return False

    def _fail(self, status: int, final: Final, now: float) -> None:
        self.finish()
        outcome = outcome_of([branch.record.outcome for branch in self.branches], self._was_timed_out)
        self._call.fork_failed(outcome, status, final, now)

    def _stop_others(self, winner: Branch, now: float) -> None:
        losers = [branch for branch in self.branches if branch is not winner]
        reason = self._stop_reason()
        for branch in losers:
            if branch.is_open:
                branch.record.lost_to = winner.recipient.name
            branch.stop(RecipientOutcome.STOPPED, reason, now)
            if self.winner is None:  # the caller is left to ringing for a while
                self._call.early.branch_ended(branch, now)
        self._call.media.release([branch.leg for branch in losers if not branch.is_told])

    def _acceptance_of(self, leg: int) -> Acceptance | None:
        index = leg - self._first_number
        return self.branches[index].acceptance if 0 <= index < len(self.branches) else None

    def _stop_reason(self) -> str:
        if self._claimant is not None:
            return reasons.COMPLETED_ELSEWHERE if self.step.answered_elsewhere else ""
        return ""

    def _note_late(self, branch: Branch, now: float) -> None:
        if self._claimant is not None and self._claimant is not branch:
            branch.record.late_by = round((now - self._claimed_at) * 1_000_000)
            branch.record.lost_to = self._claimant.recipient.name
            branch.lose(RecipientOutcome.TOO_LATE, Final(200), now)

    def _stop_ring_timer(self) -> None:
        if self._ring_timer is not None:
            self._call.stack.wheel.cancel(self._ring_timer)
            self._ring_timer = None

    def __repr__(self) -> str:
        return f"<fork {self.branches!r}>"


def _usable_answer(branch: Branch, response: Response) -> Description | None:
    """The description in a 2xx, when it answers our offer; or that of a reliable 1xx before it in the same dialog."""
    exchange = branch.leg.exchange
    if exchange.remote is not None:
        # RFC 3261 §13.2.1: once it has its answer, reliably, the UAC "MUST ignore any session descriptions in
        # subsequent responses to the initial INVITE".
        return exchange.remote
    try:
        answer = description_in(response)
        if answer is None:
            return None
        # Our offer has the m-lines of the caller's; parsing our own words again is only for what we made up.
        offer = branch.call.offer or parse(exchange.offered_local or exchange.local or b"")
        fault = is_answer_to(offer, answer)
    except RemoteError as error:
        branch.record.reason = error.detail
        return None
    return None if fault or all(medium.is_rejected for medium in answer.media) else answer
