"""A call: from the caller's INVITE to the last BYE, one record.

Theory. A call goes through four states: Preparing (endpoints are being lent), Ringing (or whatever else a step of
its flow does while nobody is connected), Connected, Over. Everything that may happen comes as an event, one at a
time. Which step it is in is the walk's matter (walk.py), who is rung and who wins the fork's (fork.py), what the
caller hears of us the announcer's, what crosses between two legs that are connected the crossing's.

The call ends once, by whoever is first: end() is a claim too. Its record is closed when every branch is
quiet and the relay has given its figures, or a second later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from b2bua.calls import reasons
from b2bua.calls.announcer import Announcer
from b2bua.calls.answering import ANSWERING, Answering
from b2bua.calls.best_response import Final
from b2bua.calls.branch import Branch
from b2bua.calls.crossing import Crossing
from b2bua.calls.early import EarlyMediaPolicy
from b2bua.calls.ending import Ending
from b2bua.calls.flow import Dial, Prompt
from b2bua.calls.fork import Fork
from b2bua.calls.identity import Identity
from b2bua.calls.leg import Leg
from b2bua.calls.lending import Lending
from b2bua.calls.media import Media
from b2bua.calls.plan import CallPlan
from b2bua.calls.prompts import Sound, sound_of, variables_of
from b2bua.calls.recipient import DialStep
from b2bua.calls.record import CallOutcome, CallRecord, RecipientRecord, readable
from b2bua.calls.state import State
from b2bua.calls.walk import Result, Walk
from rtp_relay import control
from sip_stack.errors import RemoteError
from sip_stack.events import (
    Ended,
    Event,
    Gone,
    Replied,
    Requested,
)
from sip_stack.invite_server import InviteServer
from sip_stack.message import Response
from sip_stack.sdp import Session as Description
from sip_stack.sdp_rewriting import offer_of
from sip_stack.session import Session
from sip_stack.session_timer import agree_as_client, refuse_too_small
from sip_stack.timers import Timer

if TYPE_CHECKING:
    from b2bua.calls.switchboard import Switchboard


class Call:
    """One call. Made by the switchboard for each INVITE that it takes."""

    def __init__(
        self, switchboard: Switchboard, server: InviteServer, plan: CallPlan, identifier: str, now: float
    ) -> None:
        request = server.request
        self.switchboard = switchboard
        self.stack = switchboard.stack
        self.server = server
        self.plan = plan
        self.id = identifier
        self.wall_offset = switchboard.wall_offset  # as it began: setting the clock bends no duration
        self.state = State.PREPARING
        trace = server.transaction.trace
        self.messages = trace.messages if trace is not None else []
        self.identity = Identity(request, plan)
        self.caller = Leg(0, plan.interface, plan.nat, switchboard.next_session_id(), self.retry_after())
        self.caller.source_hosts = (server.transaction.source.host,)
        self.media = Media(identifier, switchboard.commands)
        self.lending = Lending(self)
        self.answering = Answering(self)
        self.ending = Ending(self)
        self.crossing = Crossing(self)
        self.announcer = Announcer(self)
        self.early = EarlyMediaPolicy(self)
        self.is_answered = False  # to the caller: by us, for a recipient or for what the flow has to say
        self.record = self._new_record(now)
        self.fork = Fork(self, _NOBODY, 1)
        self.branches: list[Branch] = []  # of every dial step so far
        self.walk = Walk(self)
        self.max_forwards = (request.max_forwards if request.max_forwards is not None else 70) - 1
        self.offer: Description | None = None  # what recipients are offered
        self.first_offer: Description | None = None  # that of the caller's INVITE
        self._timer: Timer | None = None  # by which an answered call is ended
        server.owner = self

    # Beginning.

    def start(self, now: float) -> None:
        """Read the caller's offer, and ask for endpoints for every leg at once."""
        request = self.server.request
        self.switchboard.began(self)
        if self.server.is_over:
            self.ending.abandoned((), now)
            return
        try:
            self.answering.read_offer()
            refused = refuse_too_small(request, self.plan.timer)
            if refused is not None:
                raise refused
        except RemoteError as error:
            self.ending.refuse(error.status, now, error.reason, error.fields, error.detail)
            return
        self.walk.begin(now)

    # What the steps of its flow ask for.

    def step_begins(self, name: str, now: float) -> None:
        """Another step, of a flow that has more to it than to ring and to hang up."""
        self.record.steps.append(name)
        self.notify("call.step", now)
        self.lending.release_spent()

    def ring(self, dial: DialStep, step: Dial, order: Iterable[int], now: float) -> None:
        """Ring the recipients of a dial step, when all of them have endpoints."""
        fork = self.fork = Fork(self, dial, len(self.branches) + 1, order)
        self.branches += fork.branches
        self.record.recipients += [branch.record for branch in fork.branches]
        for branch in fork.branches:
            self.locate(branch, branch.recipient.route or branch.recipient.uri, now)
        if fork.is_over:  # none of them can be reached, which was known at once
            return

        def begin(at: float) -> None:
            self.early.step_begins(dial, step.caller_hears, at)
            fork.ring(at)

        def lent(at: float) -> None:
            if self.offer is None:
                self.early.offer_first(begin, at)
            else:
                begin(at)

        self.lending.with_endpoints(fork, lent, now)

    def answer_alone(self, now: float) -> bool:
        """Answer the caller ourselves, for what the flow has to say; False when he can't be spoken to."""
        if not self.announcer.agree():
            return False
        if not self.is_answered:
            self.answering.answer(self.early.own_description(), now)
            self.record.status = 200
        return True

    def resume(self, now: float) -> None:
        """The recipient has hung up; the flow goes on with the caller alone."""
        branch = self.winner
        assert branch is not None
        if branch.record.ended_at is None:
            branch.record.ended_at = self.microseconds(now)
        self.cancel_timer()
        self.crossing.part(now)
        self.fork.finish()
        self.fork = Fork(self, _NOBODY, len(self.branches) + 1)
        self.media.release([branch.leg])
        self.state = State.RINGING
        self.announcer.agree()

    def turn_away(
        self, outcome: CallOutcome, status: int, fields: Sequence[tuple[str, str]], reason: str, now: float
    ) -> None:
        """The flow has ended, and the caller was never answered: he is told this status."""
        self.server.reject(status, now, fields=fields)
        self.record.status = status
        self.end(outcome, now, by="service", reason=reason)

    def sound(self, prompt: Prompt) -> Sound:
        """What a prompt is to the relay, in this call."""
        return sound_of(prompt, variables_of(self.record), self.plan.prompts)

    def relay_event(self, event: control.Event, now: float) -> None:
        """Whatever the relay has to say of this call."""
        self.guard(Call._on_relay_event, self, event, now)

    def _on_relay_event(self, event: control.Event, now: float) -> None:
        if isinstance(event, control.Reserved | control.Refused | control.Released):
            self.lending.relay_event(event, now)
        elif isinstance(event, control.Played | control.Recorded | control.Digit | control.DigitsSent):
            self._on_performance(event, now)
        elif isinstance(event, control.Silent) and self.state is State.CONNECTED:
            self.end(
                CallOutcome.ANSWERED, now, by="service", reason="media timeout", fields=reasons.MEDIA_TIMEOUT
            )

    def _on_performance(
        self, event: control.Played | control.Recorded | control.Digit | control.DigitsSent, now: float
    ) -> None:
        """What is told of something played to a leg, or heard of it."""
        if event.leg != self.caller.number:
            if not isinstance(event, control.Recorded) and 0 < event.leg <= len(self.branches):
                self.branches[event.leg - 1].fork.relay_event(event, now)  # maybe of an earlier step
        elif isinstance(event, control.Digit):
            if self.state is State.RINGING:
                self.walk.key(event.digit, now)
        elif not isinstance(event, control.DigitsSent):
            self.announcer.relay_event(event, now)

    # What branches ask of the call.

    @property
    def is_over(self) -> bool:
        return self.state is State.OVER

    @property
    def winner(self) -> Branch | None:
        return self.fork.winner

    def forks(self) -> list[Fork]:
        """Of every dial step so far."""
        return list({id(branch.fork): branch.fork for branch in self.branches}.values())

    @property
    def legs(self) -> list[Leg]:
        return [self.caller, *[branch.leg for branch in self.branches]]

    def locate(self, branch: Branch, uri: str, now: float) -> None:
        self.switchboard.locate(branch, uri, now)

    def offer_for(self, leg: Leg) -> bytes:
        """The caller's offer as this leg makes it, or our own when the caller made none."""
        if self.offer is not None:
            body = leg.describe(self.offer)
        else:
            end = next(end for end in leg.ends if end is not None)
            body = offer_of(self.plan.late_offer, end, leg.origin())
        leg.offer(body)
        return body

    def retry_after(self) -> int:
        """RFC 3261 §14.2: "a randomly chosen value of between 0 and 10 seconds", one a dialog."""
        return int(self.stack.fraction() * 11)

    # What branches tell.

    def rang(self, now: float) -> None:
        """Some recipient rings."""
        if self.record.ringing_at is None:
            self.record.ringing_at = self.microseconds(now)

    def branch_is_quiet(self, now: float) -> None:
        if self.state is State.OVER:
            self.close_if_quiet(now)

    # Connecting.

    def fork_won(
        self, branch: Branch, session: Session, response: Response, answer: Description, now: float
    ) -> None:
        self.state = State.CONNECTED
        leg = branch.leg
        leg.session = session
        leg.exchange.receive_answer(answer)
        session.local_body = leg.exchange.local or b""
        session.agree(agree_as_client(response), now)
        self.announcer.stop()
        if not self.is_answered:
            self.answering.answer(self.early.final_description(answer), now)
        said = self._said_of_his_media()
        if said is not None:
            self.media.direct(self.caller, said, answer)
        self.media.direct(leg, answer, said)
        self.media.bridge(self.caller, leg)
        self.crossing.leave_all_but(leg, now)
        record = self.record
        if record.answered_by is None:  # later steps may connect him to others: the first has taken his call
            record.answered_by, record.answered_leg = branch.recipient.name, branch.number
            record.answered_at = self.microseconds(now)
        record.outcome, record.status = CallOutcome.ANSWERED, 200
        self.walk.connected(branch, now)
        self.notify("recipient.answered", now, recipient=branch.record)
        self.notify("call.answered", now)
        if self.plan.duration_limit > 0:
            self._timer = self.stack.wheel.set(self, 0, now + self.plan.duration_limit)

    def _said_of_his_media(self) -> Description | None:
        """What holds of the caller's media: his first offer, or what was agreed upon since."""
        if self.server.is_renegotiated and self.announcer.voice is None:
            return self.caller.exchange.remote
        return self.offer

    # From the stack: the caller's side.

    def handle(self, event: Event, now: float) -> None:
        answering = ANSWERING.get(type(event))
        if answering is not None:
            self.guard(answering, self.answering, event, now)
        else:
            self.guard(_HANDLE[type(event)], self, event, now)

    def _on_crossing(self, event: Requested | Replied, now: float) -> None:
        self.crossing.handle(self.caller, event, now)

    def _on_gone(self, event: Gone, now: float) -> None:
        self.branch_is_quiet(now)

    def _on_ended(self, event: Ended, now: float) -> None:
        self.leg_ended(self.caller, event, now)

    def leg_ended(self, leg: Leg, event: Ended, now: float) -> None:
        """A dialog is over: the other leg follows, with the Reason that was given (DLG-7, T23)."""
        if self.is_over:
            return
        if leg is not self.caller and (self.winner is None or leg is not self.winner.leg):
            self.branches[leg.number - 1].fork.leg_ended(leg, event, now)
            return
        if leg is self.caller and (self.state is not State.CONNECTED or not self.is_told_so):
            values = event.request.get_all("reason") if event.request is not None else []
            self.ending.abandoned(values, now, "hung up" if event.request is not None else f"lost: {event.cause}")
            return
        if self.state is not State.CONNECTED:
            return
        if leg is not self.caller and self.walk.recipient_left(now):
            return
        by = "caller" if leg is self.caller else self.winner.recipient.name if self.winner else ""
        values = event.request.get_all("reason") if event.request is not None else []
        cause = "hung up" if event.request is not None else f"lost: {event.cause}"
        self.end(CallOutcome.ANSWERED, now, by=by, reason=cause, fields=reasons.passed_on(values))

    # Ending.

    @property
    def is_told_so(self) -> bool:
        """Our 200 has left for the caller. One that was decided on may still wait for his PRACK (RFC 3262 §5)."""
        return self.caller.session is not None and self.caller.session.is_confirmed

    def end(self, outcome: CallOutcome, now: float, *, by: str, reason: str, fields: str = "") -> None:
        """End the call, unless it is over: whatever is up is hung up. fields: Reason lines of the BYEs."""
        self.ending.end(outcome, now, by=by, reason=reason, fields=fields)

    def hang_up(self, now: float) -> None:
        """Somebody who sees to the service wants it ended."""
        self.ending.from_within("ended by the operator", reasons.HUNG_UP, now)

    def shut_down(self, now: float) -> None:
        """The service ends, and the call has outlived the drain."""
        self.ending.from_within("the service was stopped", reasons.SHUTDOWN, now)

    def close_if_quiet(self, now: float) -> None:
        """Close the record, if nothing more is to be told."""
        self.ending.close_if_quiet(now)

    def farewells(self, event: object) -> Iterator[Callable[[float], None]]:
        return self.ending.farewells(event)

    def fork_failed(self, outcome: CallOutcome, status: int, final: Final, now: float) -> None:
        """Nobody has answered: the flow goes on, or the caller is told the best of it (FRK-8)."""
        outcomes = [branch.record.outcome for branch in self.fork.branches]
        self.lending.keep_spent(self.fork)
        self.early.step_is_over()
        self.walk.dial_failed(Result(outcome, status, final, f"nobody answered ({final.status})"), outcomes, now)

    def relay_lost(self, now: float) -> None:
        self.lending.relay_lost(now)

    def relay_is_back(self, now: float) -> None:
        self.lending.relay_is_back(now)

    def dissolve(self) -> None:
        """The record has been taken: let go of all parts, so that none waits for the garbage collector.

        What the wire may still bring (a repeated 2xx, a late BYE) is finished by the stack alone.
        """
        for fork in self.forks():
            fork.dissolve()
        self.branches = []
        self.lending.dissolve()
        self.server.forget_owner()
        self.caller.dissolve()
        self.messages.clear()  # transactions live for 32 s more, and hold the trace
        del self.announcer, self.answering, self.crossing, self.early, self.ending, self.fork, self.lending, self.walk

    def handle_timer(self, name: int, now: float) -> None:
        self._timer = None
        self.guard(Call._has_lasted_long_enough, self, None, now)

    def _has_lasted_long_enough(self, _: None, now: float) -> None:
        self.end(CallOutcome.ANSWERED, now, by="service", reason="duration limit", fields=reasons.TIME_LIMIT)

    def cancel_timer(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            self.stack.wheel.cancel(timer)

    # The record, and the edge.

    def microseconds(self, now: float) -> int:
        return round((now + self.wall_offset) * 1_000_000)

    def notify(self, event: str, now: float, recipient: RecipientRecord | None = None) -> None:
        self.switchboard.notify(event, self, now, recipient)

    def guard(self, step: Callable[[Any, Any, float], None], who: object, event: object, now: float) -> None:
        """The edge of a call: a bug ends this call, is kept whole, and leaves every other call alone."""
        try:
            step(who, event, now)
        except Exception as error:
            self.switchboard.failed(self, error, event, now)

    def _new_record(self, now: float) -> CallRecord:
        request, source = self.server.request, self.server.transaction.source
        return CallRecord(
            id=self.id,
            trunk=self.plan.trunk,
            source=f"{source.host}:{source.port}",
            caller=readable(self.identity.number),
            caller_name=readable(self.identity.display),
            dialled=readable(self.plan.dialled),
            number_name=self.plan.number_name,
            sip_call_id=readable(request.call_id),
            started_at=self.microseconds(now),
            configuration=self.plan.configuration,
            flow=self.plan.flow.name,
            flow_version=self.plan.flow.version,
        )

    def __repr__(self) -> str:
        return f"<call {self.id} {self.state.name.lower()} {self.branches!r}>"


_NOBODY = DialStep(())

_HANDLE: dict[type, Callable[[Call, Any, float], None]] = {
    Requested: Call._on_crossing,
    Replied: Call._on_crossing,
    Ended: Call._on_ended,
    Gone: Call._on_gone,
}
