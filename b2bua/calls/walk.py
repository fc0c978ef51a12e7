"""A call's way through its flow: the step that it is in, and where each exit leads.

Theory. One step at a time. A step either is over at once (a schedule) or goes on until something happens (a dial
step comes out, a prompt has been heard, a key is pressed), and then the walk leaves it by a named exit. An exit that
leads nowhere ends the call, as the last dial step came out if nobody has answered by then.

What the caller hears of us answers the call (200), but for what he hears while it rings: before the 200 many trunks
carry no audio, and none carries his keys.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, NamedTuple

from b2bua.calls import flow as flows
from b2bua.calls import reasons
from b2bua.calls.best_response import Final
from b2bua.calls.prompts import BEEP
from b2bua.calls.recipient import DialStep
from b2bua.calls.record import CallOutcome, RecipientOutcome
from b2bua.calls.sentences import THE_FLOW_ENDED
from rtp_relay import control
from sip_stack.timers import Timer

if TYPE_CHECKING:
    from b2bua.calls.branch import Branch
    from b2bua.calls.call import Call
    from b2bua.calls.turns import Turn

MOST_STEPS_AT_ONCE = 100  # entered in one instant; more is a circle that no caller would ever leave
SHORTEST_MESSAGE = 1.0  # seconds; less is a caller who has hung up at the beep

_TURNED_DOWN = (RecipientOutcome.BUSY, RecipientOutcome.DECLINED)
_KNOWN = "rung first: took this caller's last call"
_NOT_ASKED = (RecipientOutcome.SKIPPED, RecipientOutcome.STEP_ENDED)  # who has said nothing of his own


class Result(NamedTuple):
    """How the last dial step came out: final is the best of what was said, status what the caller is told of it, said
    what the record is.
    """

    outcome: CallOutcome
    status: int
    final: Final
    said: str


class _Timers(enum.IntEnum):
    KEY = 0


class Walk:
    """Where a call stands in its flow. name: of the step that it is in."""

    __slots__ = (
        "_at", "_call", "_first", "_is_entering", "_is_of_interest", "_leaving", "_result", "_steps_now", "_timers",
        "_tries", "_turn", "flow", "name", "step",
    )  # fmt: skip

    def __init__(self, call: Call) -> None:
        self._call = call
        self.flow = call.plan.flow
        kinds = [type(step) for step in self.flow.steps.values()]
        self._is_of_interest = kinds != [
            flows.Dial,
            flows.HangUp,
        ]  # which is all that a number with recipients is
        self.name = ""
        self.step: flows.Step = flows.HangUp()
        self._turn: Turn | None = None
        self._first: int | None = None  # who has taken this caller's last call, of those who take turns
        self._result: Result | None = None
        self._is_entering = False
        self._leaving: str | None = None
        self._at = -1.0
        self._steps_now = 0
        self._tries = 0
        self._timers: dict[int, Timer] = {}

    def begin(self, now: float) -> None:
        self._enter(self.flow.first, now)

    def leave(self, leaving: str, now: float) -> None:
        """The step is over; what comes next begins, unless the call is over meanwhile."""
        if self._is_entering:  # it was over as soon as it began: whoever is beginning it goes on
            self._leaving = leaving
        elif not self._call.is_over:
            self._enter(flows.leads_to(self.step, leaving), now)

    def _enter(self, name: str, now: float) -> None:
        while not self._call.is_over:
            step = self.flow.steps.get(name)
            if step is None or self._goes_round(now):
                self._end(0, now)
                return
            self.name, self.step = name, step
            if self._is_of_interest and not isinstance(step, flows.HangUp):
                self._call.step_begins(name, now)
            self._leaving, self._is_entering = None, True
            try:
                _BEGIN[type(step)](self, step, now)
            finally:
                self._is_entering = False
            if self._leaving is None:
                return
            name = flows.leads_to(step, self._leaving)

    def _goes_round(self, now: float) -> bool:
        self._steps_now = self._steps_now + 1 if now == self._at else 0
        self._at = now
        if self._steps_now < MOST_STEPS_AT_ONCE:
            return False
        self._call.ending.note_trouble(f"the flow goes round in a circle at {self.name}")
        return True

    # Dialling.

    def _dial(self, step: flows.Dial, now: float) -> None:
        call = self._call
        dial = call.plan.dials[self.name]
        order: Iterable[int] = ()
        if not dial.recipients:
            nobody = Final(480, is_real=False)
            self._result = Result(CallOutcome.REFUSED, 480, nobody, "no recipient to ring")
            self.leave(flows.NOBODY_ANSWERED, now)
            return
        if step.mode is flows.Mode.TURNS:
            order = self._take_turns(step, dial, now)
        if call.is_answered:
            call.announcer.agree()
            call.announcer.when_ready(lambda at: call.ring(dial, step, order, at), now)
        else:
            call.ring(dial, step, order, now)

    def _take_turns(self, step: flows.Dial, dial: DialStep, now: float) -> Iterable[int]:
        call, turns = self._call, self._call.switchboard.turns
        self._first = None
        if step.sticky and not call.identity.is_private:
            caller, moment = call.identity.digits, now + call.wall_offset
            known = turns.regular(self.flow.name, self.name, caller, step.sticky, moment)
            names = [recipient.name for recipient in dial.recipients]
            self._first = names.index(known) if known in names else None
        weights = [recipient.weight for recipient in dial.recipients]
        self._turn = turns.begin(self.flow.name, self.name, weights, self._first)
        return self._turn.order()

    def connected(self, branch: Branch, now: float) -> None:
        """A recipient of the dial step has been connected."""
        if self._turn is None:
            return
        call, step, name = self._call, self.step, branch.recipient.name
        assert isinstance(step, flows.Dial)
        call.switchboard.turns.answered(self._turn, branch.index, name)
        self._turn = None
        if branch.index == self._first:
            branch.record.reason = "; ".join(filter(None, [branch.record.reason, _KNOWN]))
        if step.sticky and not call.identity.is_private:
            caller, moment = call.identity.digits, now + call.wall_offset
            call.switchboard.turns.remember(self.flow.name, self.name, caller, name, step.sticky, moment)

    def _end_turn(self) -> None:
        if self._turn is not None:
            self._call.switchboard.turns.over(self._turn)
            self._turn = None

    def recipient_left(self, now: float) -> bool:
        """The recipient has hung up, the caller has not: whether the flow has something more for him."""
        if flows.ANSWERED not in self.step.exits:
            return False
        self._call.resume(now)
        self.leave(flows.ANSWERED, now)
        return True

    def dial_failed(self, result: Result, outcomes: list[RecipientOutcome | None], now: float) -> None:
        self._result = result
        self._end_turn()
        said = [outcome for outcome in outcomes if outcome not in _NOT_ASKED]
        turned_down = bool(said) and all(outcome in _TURNED_DOWN for outcome in said)
        self._call.announcer.stop()
        self.leave(flows.ALL_BUSY_OR_DECLINED if turned_down else flows.NOBODY_ANSWERED, now)

    # Speaking and hearing.

    def _play(self, step: flows.Play, now: float) -> None:
        def speak(at: float) -> None:
            call = self._call
            call.announcer.play(call.sound(step.prompt), at, then=lambda then: self.leave(flows.PLAYED, then))

        self._answer_and(speak, flows.PLAYED, now)

    def _menu(self, step: flows.Menu, now: float) -> None:
        self._tries = 0
        self._answer_and(self._ask, flows.NO_CHOICE, now)

    def _ask(self, now: float) -> None:
        step = self.step
        assert isinstance(step, flows.Menu)
        if self._tries >= step.tries:
            self._call.announcer.listen(False)
            self.leave(flows.NO_CHOICE, now)
            return
        self._tries += 1
        self._call.announcer.listen(True)
        self._call.announcer.play(self._call.sound(step.prompt), now, then=self._await_key)

    def _await_key(self, now: float) -> None:
        assert isinstance(self.step, flows.Menu)
        self._set(_Timers.KEY, now + self.step.timeout)

    def _voicemail(self, step: flows.Voicemail, now: float) -> None:
        self._answer_and(self._greet, flows.RECORDED, now)

    def _greet(self, now: float) -> None:
        step = self.step
        assert isinstance(step, flows.Voicemail)
        self._call.announcer.listen(True)
        if step.greeting is None:
            self._beep(now)
        else:
            self._call.announcer.play(self._call.sound(step.greeting), now, then=self._beep)

    def _beep(self, now: float) -> None:
        self._call.announcer.play(BEEP, now, then=self._keep)

    def _keep(self, now: float) -> None:
        call, step = self._call, self.step
        assert isinstance(step, flows.Voicemail)
        path = str(PurePath(call.plan.messages, step.mailbox, f"{call.id}.wav"))
        call.announcer.keep_message(path, step.longest, step.silence_end, self._kept, now)

    def _kept(self, event: control.Recorded, now: float) -> None:
        call, step = self._call, self.step
        if event.reason == "failed":
            call.ending.note_trouble(f"no message could be kept: {event.trouble}")
        elif event.seconds >= SHORTEST_MESSAGE:
            assert isinstance(step, flows.Voicemail)
            self._note_message(step.mailbox, event, now)
        if call.is_over:
            call.close_if_quiet(now)
            return
        call.announcer.listen(False)
        self.leave(flows.RECORDED, now)

    def _note_message(self, mailbox: str, event: control.Recorded, now: float) -> None:
        call, record = self._call, self._call.record
        record.mailbox, record.voicemail, record.voicemail_seconds = mailbox, event.path, event.seconds
        if call.is_over and record.outcome is not CallOutcome.ANSWERED:
            record.outcome = CallOutcome.VOICEMAIL
        call.notify("call.voicemail", now)

    def key(self, digit: str, now: float) -> None:
        """A key of the caller, while he is not connected to anybody."""
        step, announcer = self.step, self._call.announcer
        if announcer.is_awaited:  # nothing has been said yet that it could be meant for
            return
        if isinstance(step, flows.Menu):
            self._cancel(_Timers.KEY)
            announcer.stop()
            if digit in step.exits:
                announcer.listen(False)
                self.leave(digit, now)
            else:
                self._ask(now)
        elif isinstance(step, flows.Voicemail) and digit == "#":
            if announcer.is_keeping:
                announcer.stop_keeping()
            elif announcer.is_sounding:
                announcer.stop()
                self._beep(now)

    def _answer_and(self, then: Callable[[float], None], otherwise: str, now: float) -> None:
        """Answer the call, if it is not, and go on when the caller can be spoken to; leave when he cannot."""

        def lent(at: float) -> None:
            if not self._call.answer_alone(at):
                self._call.ending.note_trouble("the caller offers no codec that prompts could be played in")
                self.leave(otherwise, at)
                return
            self._call.announcer.when_ready(then, at)

        self._call.lending.with_endpoint(lent, now)

    # Going by the clock, and ending.

    def _schedule(self, step: flows.Schedule, now: float) -> None:
        self.leave(flows.open_at(step, now + self._call.wall_offset), now)

    def _hang_up(self, step: flows.HangUp, now: float) -> None:
        self._end(step.status, now)

    def _end(self, status: int, now: float) -> None:
        call, result = self._call, self._result
        if call.is_answered:
            call.end(self.outcome, now, by="service", reason=THE_FLOW_ENDED, fields=reasons.HUNG_UP)
        elif result is None:
            call.turn_away(self.outcome, status or 480, (), THE_FLOW_ENDED, now)
        else:
            fields = result.final.fields if not status else ()
            call.turn_away(result.outcome, status or result.status, fields, result.said, now)

    @property
    def outcome(self) -> CallOutcome:
        """How the call came out, if it ends here and nobody is connected."""
        record = self._call.record
        if record.answered_by is not None:
            return CallOutcome.ANSWERED
        if record.voicemail:
            return CallOutcome.VOICEMAIL
        if self._result is not None:
            return self._result.outcome
        return CallOutcome.SERVED

    @property
    def outcome_if_left(self) -> CallOutcome:
        """How it came out, if the caller hangs up now."""
        record = self._call.record
        is_dialling = isinstance(self.step, flows.Dial)
        if is_dialling and record.answered_by is None and not record.voicemail:
            return CallOutcome.ABANDONED
        return self.outcome

    def finish(self) -> None:
        """The call is over."""
        self._end_turn()
        for name in list(self._timers):
            self._cancel(name)

    # Timers.

    def handle_timer(self, name: int, now: float) -> None:
        self._timers.pop(name, None)
        self._call.guard(Walk._no_key, self, None, now)

    def _no_key(self, _: None, now: float) -> None:
        self._ask(now)

    def _set(self, name: int, deadline: float) -> None:
        self._cancel(name)
        self._timers[name] = self._call.stack.wheel.set(self, name, deadline)

    def _cancel(self, name: int) -> None:
        timer = self._timers.pop(name, None)
        if timer is not None:
            self._call.stack.wheel.cancel(timer)


_BEGIN: dict[type, Callable[[Walk, Any, float], None]] = {
    flows.Dial: Walk._dial,
    flows.Play: Walk._play,
    flows.Menu: Walk._menu,
    flows.Schedule: Walk._schedule,
    flows.Voicemail: Walk._voicemail,
    flows.HangUp: Walk._hang_up,
}
