"""Who makes sounds ready and keeps recordings: what the stage asks for, and a studio that can only make tones.

What takes time (files, codecs, disks) is done elsewhere than in the loop that forwards; the answer comes to
`done`, within the call if it is there at once, later if not. `done` is called from the loop, with the time.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from rtp_relay.control import Codec, CountryTone, File, Speech, Tone
from rtp_relay.errors import Refusal
from rtp_relay.g711 import ENCODE
from rtp_relay.sound import Sound
from rtp_relay.tones import tone_sound

What = Tone | CountryTone | File | Speech
Done = Callable[[Sound | str, float], None]  # done(the sound, or why there is none; now)
KEPT: int = 64  # tones


class Chunk(NamedTuple):
    """A packet that is to be kept."""

    packet: bytes
    arrival: float


class Reeled(NamedTuple):
    """A recording that has ended. trouble: why it is not whole, "" if it is."""

    seconds: float
    trouble: str


class Tape(Protocol):
    """A recording being made. last_loud: arrival of the last packet that was not silence; -1 before one."""

    last_loud: float
    trouble: str

    def write(self, chunks: Sequence[Chunk]) -> None:
        """Keep packets, soon; returns at once."""

    def close(self, done: Callable[[Reeled, float], None]) -> None:
        """Finish the file, then tell."""


class Studio(Protocol):
    speaks: bool

    def prepare(self, what: What, codec: Codec, done: Done) -> None:
        """Make a sound ready, for a codec that there is."""

    def open_tape(self, path: str, codecs: Sequence[Codec]) -> Tape:
        """Begin a recording. Raises Refusal."""

    def draw(self, bits: int) -> int:
        """A random number of so many bits (RFC 3550 §5.1 wants SSRC, sequence and timestamp to begin at one)."""


class Tones:
    """Sounds of tones in G.711, made once and kept."""

    def __init__(self) -> None:
        self._kept: dict[tuple[Tone | CountryTone, str], Sound] = {}

    def can(self, what: What, codec: Codec) -> bool:
        return isinstance(what, Tone | CountryTone) and codec.name.upper() in ENCODE

    def sound(self, what: Tone | CountryTone, codec: Codec) -> Sound:
        """Raises Refusal for a tone that cannot be made."""
        key = (what, codec.name.upper())
        sound = self._kept.pop(key, None) or tone_sound(what, codec)
        self._kept[key] = sound  # the last one used is the last to go
        if len(self._kept) > KEPT:
            del self._kept[next(iter(self._kept))]
        return sound


class PlainStudio:
    """Tones in G.711 and nothing else: no threads, no files. Its random numbers are none."""

    speaks = False

    def __init__(self) -> None:
        self._tones = Tones()
        self._numbers = itertools.count(1)

    def prepare(self, what: What, codec: Codec, done: Done) -> None:
        if isinstance(what, Tone | CountryTone) and self._tones.can(what, codec):
            try:
                done(self._tones.sound(what, codec), 0.0)
            except Refusal as refusal:
                done(str(refusal), 0.0)
        else:
            done("only tones in PCMU and PCMA can be played here", 0.0)

    def open_tape(self, path: str, codecs: Sequence[Codec]) -> Tape:
        raise Refusal("nothing can be recorded here")

    def draw(self, bits: int) -> int:
        return next(self._numbers) & (1 << bits) - 1
