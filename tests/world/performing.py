"""What the puppet relay plays, hears and keeps; the answers come when a real relay's would."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rtp_relay import control
from tests.world.clock import Alarm, Clock
from tests.world.earphone import KEYS

Key = tuple[str, int]  # call and leg
Sounds = control.Tone | control.CountryTone | control.File | control.Speech


@dataclass
class Sounded:
    """Something that a leg was played. Times are the world's; ended_at and reason while it sounds: -1 and ""."""

    call: str
    leg: int
    what: Sounds
    codec: control.Codec
    repeat: int
    began_at: float
    ended_at: float = -1.0
    reason: str = ""

    @property
    def words(self) -> str:
        """The text, the file's name or the tone's."""
        match self.what:
            case control.Speech(text=text):
                return text
            case control.File(path=path):
                return path.rpartition("/")[2]
            case control.CountryTone(name=name, country=country):
                return f"{name} {country}"
        return "beep"


@dataclass
class _Playing:
    command: control.Play
    sounded: Sounded
    alarm: Alarm | None


@dataclass
class _Recording:
    command: control.Record
    began_at: float
    alarm: Alarm


class Performing:
    """length: seconds that a sound lasts, once; lengths: of those with such words. message: seconds that a caller
    speaks. fails: the trouble that every Play has. is_mute: nothing of what is played is ever told to be over.
    sounded: everything that was played, in order. kept: the Records obeyed. sent: keys pressed for legs.
    """

    def __init__(self, clock: Clock, answer: Callable[[control.Event], None]) -> None:
        self.length = 2.0
        self.lengths: dict[str, float] = {}
        self.message = 8.0
        self.fails = ""
        self.is_mute = False
        self.sounded: list[Sounded] = []
        self.kept: list[control.Record] = []
        self.sent: list[control.SendDigits] = []
        self.listens: dict[Key, control.Listen] = {}
        self._pressed: dict[Key, bytes] = {}  # the timestamp of the last press that was told
        self._clock = clock
        self._answer = answer
        self._playing: dict[Key, _Playing] = {}
        self._recording: dict[Key, _Recording] = {}

    def obey(self, command: control.Command, is_lent: bool) -> None:
        match command:
            case control.Play():
                self._play(command, is_lent)
            case control.StopPlaying():
                playing = self._playing.get((command.call, command.leg))
                if playing is not None and playing.command.play_id == command.play_id:
                    self._over((command.call, command.leg), "stopped")
            case control.Listen():
                self.listens[command.call, command.leg] = command
            case control.SendDigits():
                self._send(command, is_lent)
            case control.Record():
                self._record(command, is_lent)
            case control.StopRecording():
                self._kept((command.call, command.leg), "stopped")

    def release(self, key: Key) -> None:
        """The leg's endpoints are taken back."""
        self._over(key, "released")
        self._kept(key, "released")
        self.listens.pop(key, None)

    def forget(self) -> None:
        """As after kill -9: nothing is told of any more."""
        for playing in self._playing.values():
            if playing.alarm is not None:
                playing.alarm.cancel()
            playing.sounded.ended_at, playing.sounded.reason = self._clock.now, "lost"
        for recording in self._recording.values():
            recording.alarm.cancel()
        self._playing.clear()
        self._recording.clear()
        self.listens.clear()

    # What a test asks and does.

    def sounding(self, leg: int, call: str = "") -> str:
        """The words of what a leg hears now, "" for nothing."""
        for (name, number), playing in self._playing.items():
            if number == leg and call in ("", name):
                return playing.sounded.words
        return ""

    def heard(self, leg: int) -> list[str]:
        """The words of all that a leg was played, in order."""
        return [sounded.words for sounded in self.sounded if sounded.leg == leg]

    def press(self, leg: int, keys: str, call: str = "") -> bool:
        """Press keys at a leg, at once; False when nobody listens there."""
        for name, number in list(self.listens):
            if number == leg and call in ("", name) and self.listens[name, number].payload_types:
                for key in keys:
                    self._answer(control.Digit(name, leg, key, 0))
                return True
        return False

    def hear(self, key: Key, octets: bytes) -> bool:
        """A packet of RTP from a leg, which may be of a key; whether it goes on to the leg's partner."""
        listen = self.listens.get(key)
        if listen is None or octets[1] & 0x7F not in listen.payload_types:
            return True
        if self._pressed.get(key) != octets[4:8]:
            self._pressed[key] = octets[4:8]
            self._answer(control.Digit(*key, KEYS[octets[12]], 20))
        return listen.forward

    # Within.

    def _play(self, command: control.Play, is_lent: bool) -> None:
        key = (command.call, command.leg)
        self._over(key, "replaced")
        if self.fails or not is_lent:
            trouble = self.fails or "no such endpoint"
            self._answer(control.Played(*key, command.play_id, 0.0, "failed", trouble))
            return
        sounded = Sounded(*key, command.what, command.codec, command.repeat, self._clock.now)
        self.sounded.append(sounded)
        alarm = None
        if command.repeat and not self.is_mute:
            lasts = command.repeat * self.lengths.get(sounded.words, self.length)
            alarm = self._clock.after(lasts, lambda: self._over(key, "finished"))
        self._playing[key] = _Playing(command, sounded, alarm)

    def _over(self, key: Key, reason: control.Ending) -> None:
        playing = self._playing.pop(key, None)
        if playing is None:
            return
        if playing.alarm is not None:
            playing.alarm.cancel()
        now = self._clock.now
        playing.sounded.ended_at, playing.sounded.reason = now, reason
        if not self.is_mute:
            seconds = now - playing.sounded.began_at
            self._answer(control.Played(*key, playing.command.play_id, seconds, reason))

    def _send(self, command: control.SendDigits, is_lent: bool) -> None:
        key = (command.call, command.leg)
        if not is_lent:
            self._answer(control.DigitsSent(*key, 0.0, "failed", "no such endpoint"))
            return
        self.sent.append(command)
        pauses = command.digits.count("w")
        lasts = (
            pauses * command.pause
            + (len(command.digits) - pauses) * (command.milliseconds + command.gap) / 1000
        )
        if not self.is_mute:
            self._clock.after(lasts, lambda: self._answer(control.DigitsSent(*key, lasts, "finished")))

    def _record(self, command: control.Record, is_lent: bool) -> None:
        key = (command.call, command.leg)
        if not is_lent:
            self._answer(control.Recorded(*key, command.path, 0.0, "failed", "no such endpoint"))
            return
        self.kept.append(command)
        ends: control.Ending = "longest"
        lasts = command.longest
        if command.silence_end and self.message + command.silence_end < (lasts or 1e9):
            lasts, ends = self.message + command.silence_end, "silence"
        alarm = self._clock.after(lasts, lambda: self._kept(key, ends))
        self._recording[key] = _Recording(command, self._clock.now, alarm)

    def _kept(self, key: Key, reason: control.Ending) -> None:
        recording = self._recording.pop(key, None)
        if recording is None:
            return
        recording.alarm.cancel()
        seconds = self._clock.now - recording.began_at
        self._answer(control.Recorded(*key, recording.command.path, seconds, reason))
