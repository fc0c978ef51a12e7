"""What we ourselves let the caller hear, and what we hear of him: tones, prompts, keys, his message.

Theory. To be heard we need an agreement with the caller. His offer is narrowed to one codec that the relay speaks,
and that is his answer, in a 183 (ringback, music) or in the 200 (menu, voicemail); it is never another again on that
dialog, so whoever is rung from then on is offered that codec alone (call.offer). A caller who made no offer gets
ours in the 200, and is spoken to when his ACK has brought the answer.

One thing sounds at a time. Whoever asks for a sound says what is to be done when it is over; what is stopped or
replaced is not told of. Every sound has a time by which it counts as over, should the relay never say so.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import TYPE_CHECKING

from b2bua.calls.prompts import SPOKEN, Sound
from rtp_relay import control
from sip_stack.sdp import Session as Description
from sip_stack.sdp import parse
from sip_stack.sdp_narrowing import Narrowed, names_in, narrowed
from sip_stack.sdp_rewriting import CODECS, offer_of
from sip_stack.timers import Timer

if TYPE_CHECKING:
    from b2bua.calls.call import Call

Then = Callable[[float], None]

RELAY_PATIENCE = 10.0  # seconds for a relay that is gone to be back, before what it was to play counts as over
LONGEST_SOUND = 600.0  # seconds after which a sound that was to be heard once counts as over
FIRST_PACKET_PATIENCE = (
    1.0  # seconds that a prompt waits for the far end's first packet, where it may be behind NAT
)
MESSAGE_SLACK = 5.0  # seconds past its longest by which a message must have been kept


class _Timers(enum.IntEnum):
    SOUND = 0
    MESSAGE = 1


class Announcer:
    """The caller's ear and mouth, as far as they are turned to us. Told of everything by its call.

    description: what the caller was told, once he was told anything of ours; b"" before.
    """

    __slots__ = (
        "_call", "_kept", "_playing", "_repeat", "_sound", "_then", "_timers", "_waiting", "description", "voice",
    )  # fmt: skip

    def __init__(self, call: Call) -> None:
        self._call = call
        self.description = b""
        self.voice: Narrowed | None = None  # how to speak to him
        self._playing = 0  # the play_id of what sounds, 0 for nothing
        self._sound: Sound | None = None  # which that is, and how often
        self._repeat = 1
        self._then: Then | None = None
        self._kept: Callable[[control.Recorded, float], None] | None = None
        self._waiting: list[Then] = []  # for the answer in his ACK
        self._timers: dict[int, Timer] = {}

    # Agreeing.

    def agree(self) -> bool:
        """Settle how the caller is spoken to; False when he can't be, for want of a codec that we speak."""
        call = self._call
        if call.is_answered or call.early.has_offered:
            return self._agree_as_it_stands()
        if self.description:
            return True
        if call.offer is None:
            return self._offer_something()
        voice, answer = narrowed(call.offer, SPOKEN), narrowed(call.offer, SPOKEN, mirror=True)
        if voice is None or answer is None:
            return False
        self.description = call.caller.describe(answer.description)
        self._take(voice)
        return True

    def _offer_something(self) -> bool:
        """Our own offer, for a caller who made none."""
        call = self._call
        end = next((end for end in call.caller.ends if end is not None), None)
        if end is None:
            return False
        codec = next((each for each in call.plan.late_offer if each.name in SPOKEN), CODECS["PCMU"])
        self.description = offer_of((codec,), end, call.caller.origin())
        return True

    def _agree_as_it_stands(self) -> bool:
        """Nothing is said anew to a caller who has his answer: we speak what stands in it, and so do all to come."""
        exchange = self._call.caller.exchange
        if exchange.remote is None or exchange.local is None:  # his ACK is still to bring the answer
            return self.description != b""
        said = parse(exchange.local)
        mine = narrowed(said, SPOKEN) or narrowed(said, names_in(said))
        names = (mine.codec.name,) if mine is not None else ()
        voice = narrowed(exchange.remote, SPOKEN if self._call.early.has_offered else names)
        self.voice = None
        if voice is None:
            return False
        if voice.codec.name in SPOKEN:
            self._take(voice)
        self._call.offer = voice.description
        return self.voice is not None

    def _take(self, voice: Narrowed) -> None:
        self.voice = voice
        self._call.offer = voice.description
        self._call.media.direct(self._call.caller, voice.description)

    def answered(self, answer: Description, now: float) -> None:
        """The caller's ACK has brought the answer to our offer."""
        self._call.offer = answer
        voice = narrowed(answer, SPOKEN)
        if voice is not None:
            self._take(voice)
        else:
            call = self._call
            call.ending.note_trouble("the caller took no codec that prompts could be played in")
        self.go_on(now)

    def agree_again(self, offer: Description) -> bytes:
        """The answer to an offer that reaches nobody but us; b"" when it has nothing that we speak.

        Nor when it numbers the codec anew while somebody rings who was offered it by its number.
        """
        call, before = self._call, self.voice
        names = SPOKEN if before is None else (before.codec.name,)
        voice, answer = narrowed(offer, names), narrowed(offer, names, mirror=True)
        if voice is None or answer is None:
            return b""
        if call.fork.is_ringing and before is not None and voice.codec != before.codec:
            return b""
        self.voice, call.offer = voice, voice.description
        self.description = call.caller.describe(answer.description)
        call.media.direct(call.caller, voice.description, relatch=True)
        return self.description

    # Speaking.

    def when_ready(self, then: Then, now: float) -> None:
        """Go on at once, or when the caller's PRACK has let our 200 go and his ACK has said where he listens."""
        self._waiting.append(then)
        self.go_on(now)

    @property
    def is_awaited(self) -> bool:
        """Something is to be said as soon as the caller can be spoken to."""
        return bool(self._waiting)

    def go_on(self, now: float) -> None:
        """Something that was waited for may be there."""
        if self._call.offer is None or not self._call.is_told_so:
            return
        waiting, self._waiting = self._waiting, []
        for then in waiting:
            then(now)

    def play(self, sound: Sound, now: float, *, repeat: int = 1, then: Then | None = None) -> None:
        """Let the caller hear something, in place of what sounds. repeat 0: until it is stopped.

        then: called when it is over, however it ended, but not when it was stopped by us. A sound that can't be
        heard at all is over at once.
        """
        self.stop()
        if self.voice is None:
            if then is not None:
                then(now)
            return
        self._sound, self._repeat, self._then = sound, repeat, then
        self._play()
        if then is not None:
            self._set(_Timers.SOUND, now + LONGEST_SOUND)

    def _play(self) -> None:
        call, voice, sound = self._call, self.voice, self._sound
        assert voice is not None and sound is not None
        codec = control.Codec(voice.codec.payload_type, voice.codec.name, voice.codec.clock_rate)
        patience = FIRST_PACKET_PATIENCE if call.caller.latch and call.is_answered else 0.0
        self._playing = call.media.play(
            call.caller, sound, codec, medium=voice.medium, repeat=self._repeat, patience=patience
        )

    def stop(self) -> None:
        """Silence, whatever sounds."""
        if self._playing:
            playing, self._playing, self._then = self._playing, 0, None
            self._cancel(_Timers.SOUND)
            self._call.media.stop_playing(self._call.caller, playing)

    def call_ends(self) -> None:
        """Nothing more is said, and nothing follows what was; a message that was begun is still to be told of."""
        self._playing, self._then = 0, None
        self._waiting.clear()
        self._cancel(_Timers.SOUND)
        if self._kept is not None:
            self.stop_keeping()

    def finish(self) -> None:
        """The call is closed: nothing is waited for."""
        self._then = self._kept = None
        self._waiting.clear()
        for name in list(self._timers):
            self._cancel(name)

    @property
    def is_sounding(self) -> bool:
        return self._playing != 0

    # Hearing.

    def listen(self, is_on: bool) -> None:
        """Have keys told of, as control.Digit."""
        if self.voice is not None:
            events = self.voice.events if is_on else ()
            self._call.media.listen(self._call.caller, events, medium=self.voice.medium, forward=not is_on)

    def keep_message(
        self,
        path: str,
        longest: float,
        silence_end: float,
        kept: Callable[[control.Recorded, float], None],
        now: float,
    ) -> None:
        """Record what the caller says. kept: told of the file, or that there is none."""
        call, voice = self._call, self.voice
        if voice is None:
            kept(control.Recorded(call.id, 0, path, 0.0, "failed", "the caller speaks no codec of ours"), now)
            return
        codec = control.Codec(voice.codec.payload_type, voice.codec.name, voice.codec.clock_rate)
        self._kept = kept
        call.media.record(
            call.caller, path, codec, medium=voice.medium, longest=longest, silence_end=silence_end
        )
        self._set(_Timers.MESSAGE, now + longest + MESSAGE_SLACK)

    @property
    def is_keeping(self) -> bool:
        """A message is being recorded, or its file is still to be told of."""
        return self._kept is not None

    def stop_keeping(self) -> None:
        if self._kept is not None and self.voice is not None:
            self._call.media.stop_recording(self._call.caller, medium=self.voice.medium)

    # From the relay, and the wheel.

    def relay_event(self, event: control.Played | control.Recorded, now: float) -> None:
        if isinstance(event, control.Recorded):
            kept, self._kept = self._kept, None
            self._cancel(_Timers.MESSAGE)
            if kept is not None:
                kept(event, now)
        elif event.play_id == self._playing:
            if event.reason == "failed":
                self._call.ending.note_trouble(f"the caller could not be played to: {event.trouble}")
            self._over(now)

    def relay_lost(self, now: float) -> None:
        """Nothing sounds any more, and no file will be told of. A relay that is soon back begins a sound anew."""
        if self._kept is not None:
            self.relay_event(control.Recorded(self._call.id, 0, "", 0.0, "failed", "the relay is gone"), now)
        if self._playing and self._then is not None:
            self._set(_Timers.SOUND, now + RELAY_PATIENCE)

    def relay_is_back(self, now: float) -> None:
        """It has forgotten what it played."""
        if self._playing and self.voice is not None:
            self._play()
            if self._then is not None:
                self._set(_Timers.SOUND, now + LONGEST_SOUND)

    def _over(self, now: float) -> None:
        then, self._playing, self._then = self._then, 0, None
        self._cancel(_Timers.SOUND)
        if then is not None:
            then(now)

    def handle_timer(self, name: int, now: float) -> None:
        self._timers.pop(name, None)
        self._call.guard(Announcer._timer_fired, self, name, now)

    def _timer_fired(self, name: int, now: float) -> None:
        if name == _Timers.SOUND:
            self._call.media.stop_playing(self._call.caller, self._playing)
            self._over(now)
        else:
            self.relay_event(
                control.Recorded(self._call.id, 0, "", 0.0, "failed", "the relay said nothing"), now
            )

    def _set(self, name: int, deadline: float) -> None:
        self._cancel(name)
        self._timers[name] = self._call.stack.wheel.set(self, name, deadline)

    def _cancel(self, name: int) -> None:
        timer = self._timers.pop(name, None)
        if timer is not None:
            self._call.stack.wheel.cancel(timer)
