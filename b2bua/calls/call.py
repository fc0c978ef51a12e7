"""A call: from the caller's INVITE to the last BYE, one record.

Theory. A call goes through four states: Preparing (endpoints are being lent), Ringing (or whatever else a step of
its flow does while nobody is connected), Connected, Over. Everything that may happen comes as an event, one at a
time. Which step it is in is the walk's matter (walk.py), who is rung and who wins the fork's (fork.py), what the
caller hears of us the announcer's, what crosses between two legs that are connected the crossing's.

The call ends once, by whoever is first: end() is a claim too. Its record is closed when every branch is
quiet and the relay has given its figures, or a second later.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from b2bua.calls import reasons
from b2bua.calls.announcer import Announcer
from b2bua.calls.best_response import Final
from b2bua.calls.branch import Branch
from b2bua.calls.crossing import Crossing, refuse
from b2bua.calls.early import EarlyMediaPolicy
from b2bua.calls.flow import Dial, Prompt
from b2bua.calls.fork import Fork
from b2bua.calls.identity import Identity
from b2bua.calls.keys import key_in
from b2bua.calls.leg import Leg
from b2bua.calls.lending import Lending
from b2bua.calls.media import Media
from b2bua.calls.plan import CallPlan
from b2bua.calls.prompts import Sound, sound_of
from b2bua.calls.recipient import DialStep, Recipient
from b2bua.calls.record import CallOutcome, CallRecord, RecipientOutcome, RecipientRecord, readable
from b2bua.calls.state import State
from b2bua.calls.walk import Result, Walk
from rtp_relay import control
from sip_stack.body import find_sdp
from sip_stack.errors import RemoteError
from sip_stack.events import (
    Acknowledged,
    Cancelled,
    Ended,
    Event,
    Gone,
    NeverAcknowledged,
    NeverReceived,
    Received,
    Replied,
    Requested,
)
from sip_stack.flow import Flow
from sip_stack.invite_server import InviteServer
from sip_stack.message import Request, Response
from sip_stack.sdp import Session as Description
from sip_stack.sdp import parse
from sip_stack.sdp_rewriting import offer_of
from sip_stack.session import Session
from sip_stack.session_timer import agree_as_client, agree_as_server, refuse_too_small
from sip_stack.timers import Timer

if TYPE_CHECKING:
    from b2bua.calls.switchboard import Switchboard

RECORD_PATIENCE = 1.0  # seconds for the last branch to fall quiet, so that a record is soon to be seen


class _Timers(enum.IntEnum):
    RECORD = 0
    DURATION = 1


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
        self._timers: dict[int, Timer] = {}
        self._trouble = ""
        server.owner = self

    # Beginning.

    def start(self, now: float) -> None:
        """Read the caller's offer, and ask for endpoints for every leg at once."""
        request = self.server.request
        self.switchboard.began(self)
        if self.server.is_over:
            self._abandoned((), now)
            return
        try:
            self._read_offer()
            refused = refuse_too_small(request, self.plan.timer)
            if refused is not None:
                raise refused
        except RemoteError as error:
            self._refuse(error.status, now, error.reason, error.fields, error.detail)
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
            self._answer(self.early.own_description(), now)
            self.record.status = 200
        return True

    def resume(self, now: float) -> None:
        """The recipient has hung up; the flow goes on with the caller alone."""
        branch = self.winner
        assert branch is not None
        if branch.record.ended_at is None:
            branch.record.ended_at = self.microseconds(now)
        self._cancel(_Timers.DURATION)
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
        return sound_of(prompt, self.variables, self.plan.prompts)

    @property
    def variables(self) -> Mapping[str, str]:
        """What {caller}, {source}, {flow} and {dialled} stand for."""
        record = self.record
        return {
            "caller": record.caller or "an unknown number",
            "source": record.number_name or record.dialled,
            "flow": record.flow,
            "dialled": record.dialled,
        }

    def message_path(self, mailbox: str) -> str:
        """The file that a message of this call's caller is kept in."""
        return str(PurePath(self.plan.messages, mailbox, f"{self.id}.wav"))

    def message_kept(self, mailbox: str, path: str, seconds: float, now: float) -> None:
        record = self.record
        record.mailbox, record.voicemail, record.voicemail_seconds = mailbox, path, seconds
        if self.is_over and record.outcome is not CallOutcome.ANSWERED:
            record.outcome = CallOutcome.VOICEMAIL
        self.notify("call.voicemail", now)

    def note_trouble(self, text: str) -> None:
        """Something of the flow could not be done; the first of it stands in the record, behind how the call ended."""
        self._trouble = self._trouble or text

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

    def takes_key(self, request: Request, now: float) -> bool:
        """Whether an INFO of the caller is a key for the flow that he is in, which it then gets."""
        key = key_in(request) if self.state is State.RINGING and self.is_answered else ""
        if key:
            self.walk.key(key, now)
        return bool(key)

    def _read_offer(self) -> None:
        request = self.server.request
        body = find_sdp(
            request.get("content-type") or "", request.body, request.get("content-disposition") or ""
        )
        if body is not None:
            self.offer = self.first_offer = parse(body)
            if all(medium.is_rejected for medium in self.offer.media):
                raise RemoteError(488, "the offer has no medium that could be relayed")
            self.caller.exchange.receive_offer(self.offer)

    # What branches ask of the call.

    @property
    def is_over(self) -> bool:
        return self.state is State.OVER

    @property
    def winner(self) -> Branch | None:
        return self.fork.winner

    def _forks(self) -> list[Fork]:
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

    def caller_for(self, recipient: Recipient) -> str:
        return self.identity.from_value(recipient.recipe)

    def branch_fields(self, recipient: Recipient, flow: Flow, min_se: int) -> str:
        """The header lines of an INVITE to a recipient that are not the dialog's."""
        is_alone = len(self.fork.branches) == 1
        supported = "timer, 100rel" if is_alone and self._caller_supports_100rel else "timer"
        return (
            f"Contact: {self.stack.contact(flow)}\r\nAllow: {self.switchboard.allow}\r\nSupported: {supported}\r\n"
            f"{self.switchboard.timer_lines(self.plan.timer, min_se)}User-Agent: {self.stack.product}\r\n"
            f"X-Call-ID: {self.id}\r\n{self.identity.lines(recipient.recipe)}"
        )

    @property
    def _caller_supports_100rel(self) -> bool:
        request = self.server.request
        return "100rel" in request.tokens("supported") or "100rel" in request.tokens("require")

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
            self._answer(self.early.final_description(answer), now)
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
            self._set(_Timers.DURATION, now + self.plan.duration_limit)

    def _said_of_his_media(self) -> Description | None:
        """What holds of the caller's media: his first offer, or what was agreed upon since."""
        if self.server.is_renegotiated and self.announcer.voice is None:
            return self.caller.exchange.remote
        return self.offer

    def _answer(self, body: bytes, now: float) -> None:
        """Send the caller his 200."""
        self.is_answered = True
        exchange = self.caller.exchange
        if exchange.local is None:  # else he has his answer, or we have his
            if self.offer is not None:
                exchange.send_answer(body)
            else:
                exchange.send_offer(body)
        agreement, timer_fields = agree_as_server(self.server.request, self.plan.timer)
        fields = [
            ("Allow", self.switchboard.allow),
            ("Supported", "timer"),
            *timer_fields,
            ("Server", self.stack.product),
        ]
        self.server.answer(now, fields=fields, body=body)
        session = self.server.early_session()
        self.caller.session = session
        session.local_body = exchange.local or body
        session.agree(agreement, now)

    # From the stack: the caller's side.

    def handle(self, event: Event, now: float) -> None:
        self.guard(_HANDLE[type(event)], self, event, now)

    def _on_cancelled(self, event: Cancelled, now: float) -> None:
        if event.server is not self.server:
            return
        self._abandoned(event.request.get_all("reason"), now)

    def _on_acknowledged(self, event: Acknowledged, now: float) -> None:
        if event.server is not self.server:
            self.crossing.acknowledged(event, now)
        elif self.early.has_offered or self.server.is_renegotiated:
            self.crossing.align(now)
        else:
            self._take_answer_in_ack(event, now)

    def _take_answer_in_ack(self, event: Acknowledged, now: float) -> None:
        if self.offer is not None or self.is_over:
            return
        request = event.request
        try:
            body = find_sdp(request.get("content-type") or "", request.body)
            if body is None:
                raise RemoteError(400, "ACK without the answer that our offer is due")
            answer = parse(body)
        except RemoteError as error:
            self.end(CallOutcome.FAILED, now, by="caller", reason=error.detail, fields=reasons.FAILED)
            return
        self.caller.exchange.receive_answer(answer)
        if self.winner is not None:
            self.media.direct(self.caller, answer, self.winner.leg.exchange.remote)
        else:
            self.announcer.answered(answer, now)

    def _on_never_acknowledged(self, event: NeverAcknowledged, now: float) -> None:
        self.never_acknowledged(now)

    def never_acknowledged(self, now: float) -> None:
        # RFC 3261 §13.3.1.4: "If the 2xx response has been retransmitted for 64*T1 seconds without
        # receiving an ACK, the dialog is confirmed, but the session SHOULD be terminated."
        self.end(
            self._outcome_now(),
            now,
            by="service",
            reason="the answer was never acknowledged",
            fields=reasons.NO_ACK,
        )

    def _on_received(self, event: Received, now: float) -> None:
        if event.server is not self.server:
            return
        if self.early.has_offered and self.offer is None and not event.request.body:
            # RFC 3262 §5: "If the UAC receives a reliable provisional response with an offer ... it MUST generate an
            # answer in the PRACK."
            self._refuse(488, now, detail="PRACK without the answer that our offer is due")
            return
        self.announcer.go_on(now)

    def answered_early(self, answer: Description, now: float) -> None:
        """The caller's PRACK has answered our offer."""
        if all(medium.is_rejected for medium in answer.media):
            self._refuse(488, now, detail="the caller takes nothing of what we offer")
        else:
            self.early.offer_is_answered(answer, now)

    def _on_never_received(self, event: NeverReceived, now: float) -> None:
        # RFC 3262 §3: no PRACK in 64*T1: the request SHOULD be rejected with a 5xx.
        self._take_back_the_answer()
        self.fork.stop(RecipientOutcome.CALLER_HUNG_UP, "", now)
        self._refuse(504, now, detail="the caller never sent PRACK")

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
            self._abandoned(values, now, "hung up" if event.request is not None else f"lost: {event.cause}")
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

    def _take_back_the_answer(self) -> None:
        """Somebody has answered, but the caller was never told: to him nobody has."""
        if self.winner is not None:
            self.winner.record.outcome = RecipientOutcome.CALLER_HUNG_UP
        self.record.answered_by = self.record.answered_leg = self.record.answered_at = None

    def _abandoned(self, reason_values: Sequence[str], now: float, how: str = "hung up") -> None:
        """The caller hung up while it rang: every phone stops, and shows a missed call unless he says otherwise."""
        if self.state is State.OVER:
            return
        if self.is_told_so:
            self._left_the_flow(reason_values, how, now)
            return
        if self.winner is not None:
            self._take_back_the_answer()
            self.record.status = 487
            fields = reasons.passed_on(list(reason_values)) or reasons.HUNG_UP
            self.end(CallOutcome.ABANDONED, now, by="caller", reason="hung up while it rang", fields=fields)
            return
        self.fork.stop(RecipientOutcome.CALLER_HUNG_UP, reasons.passed_on(list(reason_values)), now)
        self.record.status = 487
        self.end(CallOutcome.ABANDONED, now, by="caller", reason="hung up while it rang")

    def _left_the_flow(self, reason_values: Sequence[str], how: str, now: float) -> None:
        """A caller whom the flow has answered hangs up with nobody connected."""
        self.fork.stop(RecipientOutcome.CALLER_HUNG_UP, reasons.passed_on(list(reason_values)), now)
        self.end(self.walk.outcome_if_left, now, by="caller", reason=how)

    def fork_failed(self, outcome: CallOutcome, status: int, final: Final, now: float) -> None:
        """Nobody has answered: the flow goes on, or the caller is told the best of it (FRK-8)."""
        outcomes = [branch.record.outcome for branch in self.fork.branches]
        self.lending.keep_spent(self.fork)
        self.early.step_is_over()
        self.walk.dial_failed(Result(outcome, status, final, f"nobody answered ({final.status})"), outcomes, now)

    def _outcome_now(self) -> CallOutcome:
        if self.record.answered_by is not None:
            return CallOutcome.ANSWERED
        return CallOutcome.VOICEMAIL if self.record.voicemail else CallOutcome.FAILED

    def no_media(self, detail: str, now: float) -> None:
        """The relay lends nothing: his trunk may try elsewhere, if he was not answered yet."""
        self._refuse(503, now, fields=(("Retry-After", "5"),), detail=detail)

    def media_lost(self, detail: str, now: float) -> None:
        cause = f"the media was lost: {detail}"
        self.end(self._outcome_now(), now, by="service", reason=cause, fields=reasons.FAILED)

    def _refuse(
        self,
        status: int,
        now: float,
        reason: str = "",
        fields: Sequence[tuple[str, str]] = (),
        detail: str = "",
    ) -> None:
        """End a call that never rang, or that we cannot go on with."""
        if self.is_told_so:
            self.end(self._outcome_now(), now, by="service", reason=detail or reason, fields=reasons.FAILED)
            return
        self.server.reject(status, now, reason=reason, fields=fields)
        self.record.status = status
        outcome = CallOutcome.FAILED if status >= 500 else CallOutcome.REFUSED
        self.end(outcome, now, by="service", reason=detail or reason)

    def end(self, outcome: CallOutcome, now: float, *, by: str, reason: str, fields: str = "") -> None:
        """End the call, once: whatever is up is hung up, the endpoints go back, the record is closed."""
        if self.state is State.OVER:
            return
        self._note_end(outcome, by, reason, now)
        self.walk.finish()
        self.announcer.call_ends()
        self.fork.finish()
        for fork in self._forks():  # those of earlier steps too: somebody may be told still that he was too late
            fork.stop(RecipientOutcome.FAILED, fields, now)
        if not self.server.is_over:
            self.server.reject(500, now)
        self.crossing.abandon(now)
        for leg in self.legs:
            if leg.session is not None and leg.session.is_confirmed:
                leg.session.bye(fields, now)
        for timer in list(self._timers):
            self._cancel(timer)
        self.lending.release_all()
        self.notify("call.ended", now)
        self._set(_Timers.RECORD, now + RECORD_PATIENCE)
        self.close_if_quiet(now)

    def _note_end(self, outcome: CallOutcome, by: str, reason: str, now: float) -> None:
        """First of all, so that the record is whole whatever may break behind it."""
        self.state = State.OVER
        record = self.record
        record.outcome, record.ended_by = outcome, by
        record.reason = f"{reason}; {self._trouble}" if self._trouble else reason
        record.ended_at = self.microseconds(now)
        if self.winner is not None and self.winner.record.ended_at is None:
            self.winner.record.ended_at = record.ended_at

    def hang_up(self, now: float) -> None:
        """End the call from our side, whatever it is doing."""
        reason = "ended by the operator"
        if not self.is_told_so:
            self._take_back_the_answer()
            self._refuse(480, now, detail=reason)
        else:
            outcome = CallOutcome.REFUSED if self.record.answered_by is None else CallOutcome.ANSWERED
            self.end(outcome, now, by="service", reason=reason, fields=reasons.HUNG_UP)

    def relay_lost(self, now: float) -> None:
        self.lending.relay_lost(now)

    def relay_is_back(self, now: float) -> None:
        self.lending.relay_is_back(now)

    def close_if_quiet(self, now: float) -> None:
        if self.lending.is_owed or self.announcer.is_keeping:
            return
        if not self.caller.is_gone or self.server.is_awaiting_acknowledgement:
            return
        if all(branch.is_quiet for branch in self.branches):
            self._close(now)

    def _close(self, now: float) -> None:
        self._cancel(_Timers.RECORD)
        self.announcer.finish()
        self.switchboard.finished(self)

    def dissolve(self) -> None:
        """The record has been taken: let go of all parts, so that none waits for the garbage collector.

        What the wire may still bring (a repeated 2xx, a late BYE) is finished by the stack alone.
        """
        for fork in self._forks():
            fork.dissolve()
        self.branches = []
        self.lending.dissolve()
        self.server.forget_owner()
        self.caller.dissolve()
        self.messages.clear()  # transactions live for 32 s more, and hold the trace
        del self.announcer, self.crossing, self.early, self.fork, self.lending, self.walk

    # Timers.

    def handle_timer(self, name: int, now: float) -> None:
        self._timers.pop(name, None)
        self.guard(_ON_TIMER[name], self, None, now)

    def _on_record_time(self, _: None, now: float) -> None:
        self._close(now)

    def _on_duration(self, _: None, now: float) -> None:
        self.end(CallOutcome.ANSWERED, now, by="service", reason="duration limit", fields=reasons.TIME_LIMIT)

    def _set(self, name: int, deadline: float) -> None:
        self._cancel(name)
        self._timers[name] = self.stack.wheel.set(self, name, deadline)

    def _cancel(self, name: int) -> None:
        timer = self._timers.pop(name, None)
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

    def farewells(self, event: object) -> Iterator[Callable[[float], None]]:
        """After a bug in the handling of an event: what lets go of everything, piece by piece.

        Each is to be tried, so that one that breaks spares no other; what one has done the next find done.
        The callees come before the ordinary end, which may close the call.
        """
        if isinstance(event, Requested):
            yield lambda now: refuse(event.server, 500, now)
        yield from [branch.abandon for branch in self.branches]
        yield self._collapse
        yield lambda now: self.server.reject(500, now)
        yield self._bye_caller
        yield self._let_go

    def _collapse(self, now: float) -> None:
        self.end(CallOutcome.FAILED, now, by="service", reason=self.record.reason, fields=reasons.FAILED)

    def _bye_caller(self, now: float) -> None:
        session = self.caller.session
        if session is not None and session.is_confirmed:
            session.bye(reasons.FAILED, now)

    def _let_go(self, now: float) -> None:
        """Close the call at once, unless its end has come so far that it closes by itself."""
        if _Timers.RECORD in self._timers or self.id not in self.switchboard.calls:
            return
        if self.state is not State.OVER:
            self._note_end(CallOutcome.FAILED, "service", self.record.reason, now)
        for timer in list(self._timers):
            self._cancel(timer)
        self.lending.release_all()
        self._close(now)

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
    Cancelled: Call._on_cancelled,
    Acknowledged: Call._on_acknowledged,
    NeverAcknowledged: Call._on_never_acknowledged,
    Received: Call._on_received,
    NeverReceived: Call._on_never_received,
    Requested: Call._on_crossing,
    Replied: Call._on_crossing,
    Ended: Call._on_ended,
    Gone: Call._on_gone,
}

_ON_TIMER: dict[int, Callable[[Call, None, float], None]] = {
    _Timers.RECORD: Call._on_record_time,
    _Timers.DURATION: Call._on_duration,
}
