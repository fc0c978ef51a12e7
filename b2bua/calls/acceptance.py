"""What stands between a recipient's answer and the caller: his extension, a whisper, the key that says yes.

Theory. Who has answered is not yet somebody who takes the call: it may be a switchboard that wants an extension, a
mailbox, or a telephone that answers by itself. So he goes through stages, alone with us: no audio of the caller
reaches him, and none of his the caller, who hears ringing. He leaves them once, in one of four ways: he has the
call; he does not want it, or does nothing; he hangs up; somebody else has the call.

His keys come by RFC 4733 or as INFO, at any time: one that is pressed while the whisper is heard counts. Nothing
that the relay owes us is waited for without a deadline, so that a relay that says nothing costs time and no more.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import TYPE_CHECKING

from b2bua.calls import reasons
from b2bua.calls.best_response import Final
from b2bua.calls.flow import KEY_PAUSE, Prompt
from b2bua.calls.keys import key_in
from b2bua.calls.prompts import SPOKEN
from b2bua.calls.record import RecipientOutcome
from rtp_relay import control
from sip_stack.events import Ended, Requested
from sip_stack.message import Response
from sip_stack.sdp import Session as Description
from sip_stack.sdp_narrowing import names_in, narrowed
from sip_stack.server_transaction import ServerTransaction
from sip_stack.timers import Timer

if TYPE_CHECKING:
    from b2bua.calls.branch import Branch

FIRST_PACKET_PATIENCE = (
    0.2  # seconds that he hears nothing at most, while his first packet would show where he is
)
BETWEEN_PROMPTS = 1.0  # seconds in which he may think
LONGEST_WHISPER = 30.0  # seconds for which the caller is left to ringing at most
LONGEST_REGRET = 3.0  # seconds of the prompt for who was too late
KEY_TIME = 0.2  # seconds that one key of an extension takes, with the gap after it
KEY_SLACK = 2.0  # seconds past which they count as sent
KEY_TAIL = 1.0  # seconds from an accepted key in which the rest of it may come, which is not for the caller
_YES, _NO = "1", "2"
_KEYS_ACCEPTED = [("Accept", "application/dtmf-relay, application/dtmf")]


class Stage(enum.IntEnum):
    DIALLING = 0  # the keys of his extension are sent
    WHISPERING = 1
    ASKING = 2  # the prompt for the 1 is heard
    WAITING = 3  # until it is heard again
    REGRETTING = 4  # somebody else has the call, and he is told so
    OVER = 5


class _Timers(enum.IntEnum):
    SOUND = 0  # what is said now is over by then, come what may; in WAITING: it is said again
    CONFIRM = 1
    KEY_UP = 2


class Acceptance:
    """One recipient who has answered, until he is accepted or not. Tells the fork accepted, or ended.

    answer, response: his session description, and the 200 that brought it.
    """

    __slots__ = (
        "_branch",
        "_call",
        "_codec",
        "_farewell",
        "_medium",
        "_playing",
        "_telephone_events",
        "_timers",
        "answer",
        "response",
        "stage",
    )

    def __init__(self, branch: Branch, response: Response, answer: Description) -> None:
        self._branch = branch
        self._call = branch.call
        self.response = response
        self.answer = answer
        self.stage = Stage.WAITING
        self._playing = 0  # the play_id of what he hears
        self._farewell = ""  # Reason lines for the BYE to who was too late
        self._timers: dict[int, Timer] = {}
        voice = narrowed(answer, SPOKEN)
        self._codec: control.Codec | None = None
        if voice is not None:
            self._codec = control.Codec(voice.codec.payload_type, voice.codec.name, voice.codec.clock_rate)
            self._medium = voice.medium
        else:
            self._medium = next((index for index, each in enumerate(answer.media) if each.kind == "audio"), 0)
        self._telephone_events = voice.events if voice is not None else ()
        self._telephone_events = self._telephone_events or answer.media[self._medium].telephone_event

    # From the fork.

    @property
    def is_over(self) -> bool:
        return self.stage is Stage.OVER

    def start(self, now: float) -> None:
        """His ACK has left: his audio is ours from here on."""
        self._call.media.direct(self._branch.leg, self.answer, self._call.offer)
        self._listen()
        if self._branch.recipient.press_one:
            self._set(_Timers.CONFIRM, now + self._branch.fork.step.confirm_time)
        if not self._dial(now):
            self._whisper(now)

    def lose(self, fields: str, now: float) -> None:
        """Somebody else has the call: he is told, if he has heard a word of us, and then hung up with these lines."""
        was_heard = self.stage in (Stage.WHISPERING, Stage.ASKING, Stage.WAITING)
        self._farewell = fields
        self._cancel_all()
        if was_heard and self._say(Stage.REGRETTING, self._branch.fork.step.too_late, now, LONGEST_REGRET):
            return
        self.leave(fields, now)

    def leave(self, fields: str, now: float) -> None:
        """Hang up on him."""
        self._finish()
        session = self._branch.leg.session
        if session is not None:
            session.bye(self._farewell or fields, now)

    def relay_is_back(self, now: float) -> None:
        """A new relay knows nothing of what it was to say: it is said from the beginning."""
        again = {Stage.DIALLING: self._dialled, Stage.WHISPERING: self._whisper, Stage.ASKING: self._ask}
        if self.stage in again:
            self._playing = 0
            again[self.stage](now)

    # From the relay, from his dialog, from the wheel.

    def relay_event(self, event: control.Event, now: float) -> None:
        if isinstance(event, control.Digit):
            self.key(event.digit, now)
        elif isinstance(event, control.Played):
            if event.play_id == self._playing:
                self._playing = 0
                self._note_trouble(event)
                _AFTER[self.stage](self, now)
        elif isinstance(event, control.DigitsSent) and self.stage is Stage.DIALLING:
            self._note_trouble(event)
            self._dialled(now)

    def requested(self, event: Requested, now: float) -> None:
        """A request in his dialog that is neither re-INVITE nor UPDATE; an INFO may be a key."""
        server, request = event.server, event.request
        assert isinstance(server, ServerTransaction)
        if request.method != "INFO":
            server.respond(603 if request.method == "REFER" else 480, now)
            return
        key = key_in(request)
        if key or not request.body:
            server.respond(200, now)
        else:
            server.respond(415, now, fields=_KEYS_ACCEPTED)  # RFC 3261 §21.4.13
        if key:
            self.key(key, now)

    def hung_up(self, event: Ended, now: float) -> None:
        """His BYE, or his dialog was lost."""
        if self.stage is Stage.OVER:
            return
        was_told = self.stage is Stage.REGRETTING
        if event.request is None:
            self._branch.note(f"lost: {event.cause}")
        self._finish()
        if was_told:
            self._call.media.release([self._branch.leg])
        else:
            self._branch.end(RecipientOutcome.NOT_ACCEPTED, Final(480, is_real=False), now)

    def handle_timer(self, name: int, now: float) -> None:
        self._timers.pop(name, None)
        self._call.guard(Acceptance._timer_fired, self, name, now)

    def _timer_fired(self, name: int, now: float) -> None:
        if name == _Timers.KEY_UP:
            self._call.media.listen(self._branch.leg, (), medium=self._medium)
        elif name == _Timers.CONFIRM:
            self._refuse(RecipientOutcome.NOT_CONFIRMED, Final(480, is_real=False), now)
        else:
            self._silence()
            _AFTER[self.stage](self, now)

    # His keys.

    def key(self, key: str, now: float) -> None:
        if not self._branch.recipient.press_one:
            if self.stage is Stage.WHISPERING:  # he has heard enough
                self._accept(now, by_key=True)
        elif self.stage in (Stage.REGRETTING, Stage.OVER):
            if key == _YES:
                self._branch.fork.pressed_late(self._branch, now)
        elif self.stage is not Stage.DIALLING:  # where it may be the echo of our own
            self._chosen(key, now)

    def _chosen(self, key: str, now: float) -> None:
        if key == _YES:
            self._accept(now, by_key=True)
        elif key == _NO:
            self._refuse(RecipientOutcome.DECLINED, Final(603), now)
        else:
            self._ask(now)

    # The stages.

    def _dial(self, now: float) -> bool:
        """Send the keys of his extension; False when there are none, or no way to send them."""
        extension = self._branch.recipient.extension
        if not extension:
            return False
        if not self._telephone_events:
            self._branch.note("takes no telephone-event: the extension could not be dialled")
            return False
        self.stage = Stage.DIALLING
        payload_type = self._telephone_events[0]
        clock_rate = self.answer.media[self._medium].clock_rates.get(payload_type, 8000)
        self._call.media.send_digits(
            self._branch.leg, extension, payload_type, medium=self._medium, clock_rate=clock_rate
        )
        pauses = extension.count("w")
        seconds = pauses * KEY_PAUSE + (len(extension) - pauses) * KEY_TIME + KEY_SLACK
        self._set(_Timers.SOUND, now + seconds)
        return True

    def _dialled(self, now: float) -> None:
        if self._branch.recipient.press_one:  # the time for his 1 begins when there is somebody to press it
            self._set(_Timers.CONFIRM, now + self._branch.fork.step.confirm_time)
        self._whisper(now)

    def _whisper(self, now: float) -> None:
        if not self._say(Stage.WHISPERING, self._branch.fork.step.whisper, now, LONGEST_WHISPER):
            self._whispered(now)

    def _whispered(self, now: float) -> None:
        if self._branch.recipient.press_one:
            self._ask(now)
        else:
            self._accept(now)

    def _ask(self, now: float) -> None:
        """Ask for the 1, from the beginning. With nothing to ask with, he is given his time all the same."""
        step = self._branch.fork.step
        if not self._say(Stage.ASKING, step.confirm_prompt, now, step.confirm_time):
            self._silence()
            self._cancel(_Timers.SOUND)
            self.stage = Stage.WAITING

    def _asked(self, now: float) -> None:
        self.stage = Stage.WAITING
        self._set(_Timers.SOUND, now + BETWEEN_PROMPTS)

    def _regretted(self, now: float) -> None:
        self.leave(self._farewell, now)
        self._call.media.release([self._branch.leg])

    # How it comes out.

    def _accept(self, now: float, by_key: bool = False) -> None:
        self._finish(is_key_down=by_key)
        if by_key:
            self._set(_Timers.KEY_UP, now + KEY_TAIL)
        self._branch.fork.accepted(self._branch, now)

    def _refuse(self, outcome: RecipientOutcome, final: Final, now: float) -> None:
        self.leave(reasons.HUNG_UP, now)
        self._branch.end(outcome, final, now)

    def _finish(self, is_key_down: bool = False) -> None:
        """He hears nothing more of us, and we nothing of him, but for what is left of the key that he presses."""
        self.stage = Stage.OVER
        self._cancel_all()
        self._silence()
        if not is_key_down:
            self._call.media.listen(self._branch.leg, (), medium=self._medium)

    def cancel(self) -> None:
        """The call is let go of: nothing is waited for."""
        self.stage = Stage.OVER
        self._cancel_all()

    # Speaking and listening.

    def _say(self, stage: Stage, prompt: Prompt | None, now: float, longest: float) -> bool:
        """Let him hear a prompt, in place of what he hears; False when there is none, or none that he can hear."""
        if prompt is None:
            return False
        if self._codec is None:
            self._branch.note(f"could not be spoken to: {self._why_mute()}")
            return False
        self.stage = stage
        self._playing = self._call.media.play(
            self._branch.leg,
            self._call.sound(prompt),
            self._codec,
            medium=self._medium,
            patience=FIRST_PACKET_PATIENCE,
        )
        self._set(_Timers.SOUND, now + longest)
        return True

    def _why_mute(self) -> str:
        if "SAVP" in self.answer.media[self._medium].protocol.upper():
            return "the audio is encrypted"
        return f"the codec is {', '.join(names_in(self.answer)) or 'not known'}"

    def _silence(self) -> None:
        if self._playing:
            playing, self._playing = self._playing, 0
            self._call.media.stop_playing(self._branch.leg, playing)

    def _listen(self) -> None:
        """His keys may come with the payload types of either description (RFC 3264 §5.1 wants those he was told)."""
        told = self._call.offer.media if self._call.offer is not None else ()
        heard = dict.fromkeys(self.answer.media[self._medium].telephone_event)
        if self._medium < len(told):
            heard |= dict.fromkeys(told[self._medium].telephone_event)
        self._call.media.listen(self._branch.leg, tuple(heard), medium=self._medium, forward=False)

    def _note_trouble(self, event: control.Played | control.DigitsSent) -> None:
        if event.reason == "failed":
            self._branch.note(f"could not be played to: {event.trouble}")

    # Deadlines.

    def _set(self, name: int, deadline: float) -> None:
        self._cancel(name)
        self._timers[name] = self._call.stack.wheel.set(self, name, deadline)

    def _cancel(self, name: int) -> None:
        timer = self._timers.pop(name, None)
        if timer is not None:
            self._call.stack.wheel.cancel(timer)

    def _cancel_all(self) -> None:
        for name in list(self._timers):
            self._cancel(name)

    def __repr__(self) -> str:
        return f"<acceptance {self._branch.recipient.name} {self.stage.name.lower()}>"


def _nothing(_: Acceptance, now: float) -> None:
    """Who has left the stages is not led on."""


# What follows when that which is said, or waited for, is over.
_AFTER: dict[Stage, Callable[[Acceptance, float], None]] = {
    Stage.DIALLING: Acceptance._dialled,
    Stage.WHISPERING: Acceptance._whispered,
    Stage.ASKING: Acceptance._asked,
    Stage.WAITING: Acceptance._ask,
    Stage.REGRETTING: Acceptance._regretted,
    Stage.OVER: _nothing,
}
