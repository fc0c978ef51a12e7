"""What a voice can say: a sound, or keys."""

from __future__ import annotations

from collections.abc import Sequence

from rtp_relay.control import Play, SendDigits
from rtp_relay.digits import Signal
from rtp_relay.sound import FRAME, Sound
from rtp_relay.voices import MARKER, Voice


class Playback:
    """A Play being obeyed: made ready, then said."""

    __slots__ = ("_at", "_frames", "_left", "_step", "_waits_until", "command", "is_over", "said")

    def __init__(self, command: Play, now: float) -> None:
        self.command = command
        self.said = 0  # packets
        self.is_over = False
        self._frames: tuple[bytes, ...] = ()
        self._step = 0
        self._at = 0
        self._left = command.repeat or -1  # times to play; below 0 without end
        self._waits_until: float | None = now + command.patience if command.patience > 0 else None

    @property
    def seconds(self) -> float:
        return round(self.said * FRAME, 2)

    def load(self, sound: Sound) -> None:
        self._frames, self._step = sound.frames, sound.step

    def speak(self, voice: Voice, now: float) -> bool:
        if self._waits_until is not None:
            if voice.endpoint.latch.passing is None and now < self._waits_until:
                voice.pass_by(self._step, now)
                return True
            self._waits_until = None
        frames = self._frames
        # RFC 3551 §4.1: the first packet of a talkspurt has the marker.
        second = self.command.codec.payload_type | (0 if self.said else MARKER)
        voice.say(frames[self._at], second, voice.timestamp)
        voice.pass_by(self._step, now)
        self.said += 1
        self._at += 1
        if self._at == len(frames):
            self._at = 0
            self._left -= 1
        return self._left != 0


class Keying:
    """A SendDigits being obeyed."""

    __slots__ = ("_at", "_signals", "_step", "command")

    def __init__(self, command: SendDigits, signals: Sequence[Signal | None], step: int) -> None:
        self.command = command
        self._signals = signals
        self._step = step
        self._at = 0

    @property
    def seconds(self) -> float:
        return round(self._at * FRAME, 2)

    def speak(self, voice: Voice, now: float) -> bool:
        signal = self._signals[self._at]
        if signal is not None:
            second = self.command.payload_type | (MARKER if signal.marker else 0)
            voice.say(signal.payload, second, voice.timestamp - signal.since)
        voice.pass_by(self._step, now)
        self._at += 1
        return self._at < len(self._signals)
