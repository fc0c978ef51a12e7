"""Who is played what, who is listened to, who is recorded. Pure: commands and packets in, events out, `now` given.

The stage stands beside the relay's forwarding and touches it in two places: an endpoint that is played to takes
nothing of its peer, and one that is listened to has its packets shown to a tap. Both are settled with the form: one
in the kernel lets go of the flow of who is played to, and copies what is said to who listens while it forwards it.
Every other call's packets go their way as before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Final

from rtp_relay import control
from rtp_relay.acts import Keying, Playback
from rtp_relay.control import Ending
from rtp_relay.digits import Ear, signals_of
from rtp_relay.endpoint import Endpoint, settle
from rtp_relay.errors import Refusal
from rtp_relay.form import Copies, Form
from rtp_relay.packet import Packet
from rtp_relay.recording import Reel
from rtp_relay.sound import FRAMES_A_SECOND, Sound, coding_of
from rtp_relay.studio import Reeled, Studio
from rtp_relay.voices import Voice, Wheel

Tell = Callable[[control.Event], None]


class Attention:
    """Those who listen to one endpoint, and whom they tell."""

    __slots__ = ("ear", "forwards", "leg", "name", "path", "reel", "tell")

    def __init__(self, call: str, leg: int, tell: Tell) -> None:
        self.name = call
        self.leg = leg
        self.tell = tell
        self.ear: Ear | None = None
        self.forwards = True  # telephone-event too
        self.reel: Reel | None = None
        self.path = ""

    def __call__(self, packet: Packet, now: float) -> bool:
        if self.reel is not None:
            self.reel.take(packet, now)
        if self.ear is None:
            return True
        for press in self.ear.hear(packet, now):
            self.tell(control.Digit(self.name, self.leg, press.digit, press.milliseconds))
        return self.forwards or not self.ear.is_event(packet)


    def copies(self) -> Copies:
        """What must be heard of media that is forwarded without being asked about."""
        ear = self.ear
        kinds = None if ear is None or self.reel is not None or ear.wants_everything else ear.kinds
        return Copies(self, kinds, frozenset() if ear is None or self.forwards else ear.kinds)


class Stage:
    """All plays, ears and recordings of a relay."""

    def __init__(self, form: Form, studio: Studio) -> None:
        self._form = form
        self._studio = studio
        self._wheel = Wheel()
        self._voices: dict[Endpoint, Voice] = {}
        self._plays: dict[Endpoint, dict[int, tuple[Playback, Tell]]] = {}  # being made ready, or said
        self._tellers: dict[Voice, Tell] = {}  # of what each voice says
        self._attentions: dict[Endpoint, Attention] = {}
        self._reels: dict[Endpoint, Attention] = {}

    @property
    def speaks(self) -> bool:
        return self._studio.speaks

    @property
    def playing(self) -> int:
        """How many voices there are in the wheel."""
        return len(self._wheel)

    def handle(
        self, command: control.Performance, endpoint: Endpoint | None, tell: Tell, now: float
    ) -> None:
        """Obey a command about an endpoint (None: there is none) and have `tell` told what comes of it."""
        match command:
            case control.Play():
                self._play(command, endpoint, tell, now)
            case control.SendDigits():
                self._send_digits(command, endpoint, tell, now)
            case control.Record():
                self._record(command, endpoint, tell, now)
            case control.Listen() if endpoint is not None:
                self._listen(command, endpoint, tell)
            case control.StopRecording() if endpoint is not None:
                self._end_recording(endpoint, "stopped")

    def stop(self, play_id: int, endpoints: Iterable[Endpoint]) -> None:
        """StopPlaying: a leg's name for it is good in all of its media."""
        for endpoint in endpoints:
            entry = self._plays.get(endpoint, {}).get(play_id)
            if entry is not None:
                self._end_play(endpoint, entry[0], "stopped")

    def hush(self, endpoint: Endpoint) -> None:
        """Who asked for what is said there is gone: it ends, lest it stand for ever between the parties."""
        voice = self._voices.get(endpoint)
        if voice is not None:
            self._end_act(voice, "released")
        for playback, _ in tuple(self._plays.get(endpoint, {}).values()):
            self._end_play(endpoint, playback, "released")

    def leave(self, endpoint: Endpoint) -> None:
        """The endpoint is being taken back: whatever goes on there ends, and is told of."""
        if not self._voices and not self._plays and not self._attentions:
            return  # nowhere does anything go on, as a rule
        self.hush(endpoint)
        self._voices.pop(endpoint, None)
        self._end_recording(endpoint, "released")
        self._attentions.pop(endpoint, None)

    def close(self) -> None:
        """Finish the recordings."""
        for endpoint in tuple(self._reels):
            self._end_recording(endpoint, "released")

    # Time.

    def next_deadline(self) -> float | None:
        due = self._wheel.next_deadline()
        for attention in self._reels.values():
            if attention.reel is not None and (due is None or attention.reel.due < due):
                due = attention.reel.due
        return due

    def handle_deadline(self, now: float) -> None:
        """Say what is due, look after the recordings."""
        for voice in self._wheel.turn(now):
            self._end_act(voice, "finished")
        if self._reels:
            for endpoint, attention in tuple(self._reels.items()):
                if attention.reel is not None and attention.reel.due <= now:
                    reached = attention.reel.look(now)
                    if reached:
                        self._end_recording(endpoint, ENDINGS[reached])

    # Playing.

    def _play(self, command: control.Play, endpoint: Endpoint | None, tell: Tell, now: float) -> None:
        playback = Playback(command, now)
        if endpoint is None:
            tell(_played(playback, "failed", "no such endpoint"))
            return
        plays = self._plays.setdefault(endpoint, {})
        before = plays.get(command.play_id)
        if before is not None:
            self._end_play(endpoint, before[0], "replaced")
            plays = self._plays.setdefault(endpoint, {})
        plays[command.play_id] = (playback, tell)
        try:
            coding_of(command.codec)
            if endpoint.kind != "rtp" or command.repeat < 0 or not 0.0 <= command.patience <= 60.0:
                raise Refusal(f"{endpoint.kind}, repeated {command.repeat}, patience {command.patience}")
        except Refusal as refusal:
            self._end_play(endpoint, playback, "failed", str(refusal))
            return
        self._studio.prepare(command.what, command.codec, partial(self._begin, endpoint, playback, tell, now))

    def _begin(
        self, endpoint: Endpoint, playback: Playback, tell: Tell, asked: float, sound: Sound | str, now: float
    ) -> None:
        """The sound is ready, or cannot be had."""
        if playback.is_over:
            return
        if isinstance(sound, str) or not sound.frames:
            self._end_play(endpoint, playback, "failed", sound if isinstance(sound, str) else "nothing to hear")
            return
        playback.load(sound)
        clock_rate = sound.step * FRAMES_A_SECOND
        self._take_stage(endpoint, playback, clock_rate, tell, max(asked, now))

    def _take_stage(
        self, endpoint: Endpoint, act: Playback | Keying, clock_rate: int, tell: Tell, now: float
    ) -> None:
        """Have an act said instead of what was, and instead of the peer."""
        voice = self._voice(endpoint, clock_rate)
        self._end_act(voice, "replaced", yields=False)
        voice.act = act
        voice.resume(now)
        self._tellers[voice] = tell
        self._wheel.add(voice, now)
        if not endpoint.is_played_to:
            endpoint.is_played_to = True
            settle(endpoint, self._form)

    def _voice(self, endpoint: Endpoint, clock_rate: int) -> Voice:
        """RFC 3550 §5.1 and RFC 7160 §4.1: another clock rate is another source."""
        voice = self._voices.get(endpoint)
        if voice is not None and voice.clock_rate != clock_rate:
            self._end_act(voice, "replaced", yields=False)
            voice = None
        if voice is None:
            draw = self._studio.draw
            voice = self._voices[endpoint] = Voice(endpoint, draw(32), draw(16), draw(32), clock_rate)
        return voice

    def _end_play(self, endpoint: Endpoint, playback: Playback, reason: Ending, trouble: str = "") -> None:
        voice = self._voices.get(endpoint)
        if voice is not None and voice.act is playback:
            self._end_act(voice, reason)
        else:
            self._tell_play(endpoint, playback, reason, trouble)

    def _tell_play(self, endpoint: Endpoint, playback: Playback, reason: Ending, trouble: str = "") -> None:
        playback.is_over = True
        plays = self._plays[endpoint]
        _, tell = plays.pop(playback.command.play_id)
        if not plays:
            del self._plays[endpoint]
        tell(_played(playback, reason, trouble))

    def _end_act(self, voice: Voice, reason: Ending, yields: bool = True) -> None:
        """What a voice says is over. yields: the peer may be heard again; else something else follows at once."""
        act, voice.act = voice.act, None
        self._wheel.remove(voice)
        tell = self._tellers.pop(voice, None)
        endpoint = voice.endpoint
        if yields and endpoint.is_played_to:
            endpoint.is_played_to = False
            settle(endpoint, self._form)
        if isinstance(act, Playback):
            self._tell_play(endpoint, act, reason)
        elif isinstance(act, Keying) and tell is not None:
            tell(control.DigitsSent(act.command.call, act.command.leg, act.seconds, reason))

    # Keys.

    def _send_digits(
        self, command: control.SendDigits, endpoint: Endpoint | None, tell: Tell, now: float
    ) -> None:
        try:
            if endpoint is None or endpoint.kind != "rtp":
                raise Refusal("no such endpoint")
            if not 0 <= command.payload_type < 128:
                raise Refusal(f"{command.payload_type} is no payload type")
            signals = signals_of(
                command.digits, command.clock_rate, command.milliseconds, command.gap, command.pause
            )
        except Refusal as refusal:
            tell(control.DigitsSent(command.call, command.leg, 0.0, "failed", str(refusal)))
            return
        step = command.clock_rate // FRAMES_A_SECOND
        self._take_stage(endpoint, Keying(command, signals, step), command.clock_rate, tell, now)

    def _listen(self, command: control.Listen, endpoint: Endpoint, tell: Tell) -> None:
        self._catch_up(endpoint)
        attention = self._attention(endpoint, command.call, command.leg, tell)
        kinds = command.payload_types
        endpoint.stream.expect(kinds)
        attention.ear = Ear(kinds, endpoint.stream.clock_rates, command.early) if kinds else None
        attention.forwards = command.forward
        self._attend(endpoint, attention)

    def _catch_up(self, endpoint: Endpoint) -> None:
        """Hear what a form has forwarded by itself until now."""
        self._form.collect(endpoint.pair.rtp, endpoint.stream)

    def _attention(self, endpoint: Endpoint, call: str, leg: int, tell: Tell) -> Attention:
        return self._attentions.get(endpoint) or Attention(call, leg, tell)

    def _attend(self, endpoint: Endpoint, attention: Attention) -> None:
        """Tap the endpoint as long as somebody wants to hear it."""
        if attention.ear is None and attention.reel is None:
            self._attentions.pop(endpoint, None)
            endpoint.listen(None)
        else:
            self._attentions[endpoint] = attention
            endpoint.listen(attention, attention.copies())
        settle(endpoint, self._form)

    # Recording.

    def _record(self, command: control.Record, endpoint: Endpoint | None, tell: Tell, now: float) -> None:
        try:
            if endpoint is None:
                raise Refusal("no such endpoint")
            if command.longest < 0 or command.silence_end < 0:
                raise Refusal(f"at most {command.longest} s, {command.silence_end} s of silence")
            for codec in command.codecs:
                coding_of(codec)
            self._end_recording(endpoint, "replaced")
            tape = self._studio.open_tape(command.path, command.codecs)
        except Refusal as refusal:
            tell(control.Recorded(command.call, command.leg, command.path, 0.0, "failed", str(refusal)))
            return
        attention = self._attention(endpoint, command.call, command.leg, tell)
        attention.reel, attention.path = Reel(tape, command.longest, command.silence_end, now), command.path
        self._reels[endpoint] = attention
        self._attend(endpoint, attention)

    def _end_recording(self, endpoint: Endpoint, reason: Ending) -> None:
        attention = self._reels.pop(endpoint, None)
        if attention is None or attention.reel is None:
            return
        self._catch_up(endpoint)
        reel, attention.reel = attention.reel, None
        reel.flush()
        self._attend(endpoint, attention)
        tell, call, leg, path = attention.tell, attention.name, attention.leg, attention.path

        def closed(reeled: Reeled, now: float) -> None:
            ending: Ending = "failed" if reeled.trouble else reason
            tell(control.Recorded(call, leg, path, reeled.seconds, ending, reeled.trouble))

        reel.tape.close(closed)


ENDINGS: Final[dict[str, Ending]] = {"longest": "longest", "silence": "silence", "failed": "failed"}


def _played(playback: Playback, reason: Ending, trouble: str = "") -> control.Played:
    command = playback.command
    return control.Played(command.call, command.leg, command.play_id, playback.seconds, reason, trouble)
