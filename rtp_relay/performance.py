"""Messages of control.py about what is played to a leg, heard from it, and kept of it.

A leg hears one thing at a time: while something is played to one of its media, or keys are sent, what its partner
says there is not passed on.
"""

from __future__ import annotations

from typing import Literal

import msgspec


class Message(msgspec.Struct, frozen=True, tag=True, array_like=True, gc=False):
    """Anything said on the control socket."""


class Codec(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """As the SDP has it: name of PCMU, PCMA, G722 and opus; clock_rate in Hz is RTP's (G.722: 8000, RFC 3551 4.5.2)."""

    payload_type: int = 0
    name: str = "PCMU"
    clock_rate: int = 8000


class ToneStep(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Sines sounding together, in Hz, for so many seconds; none is silence."""

    frequencies: tuple[int, ...]
    seconds: float


class Tone(msgspec.Struct, frozen=True, tag=True, array_like=True, gc=False):
    """Steps, one after the other; played once, or repeated, as any other sound."""

    steps: tuple[ToneStep, ...]


class CountryTone(msgspec.Struct, frozen=True, tag=True, array_like=True, gc=False):
    """A tone that every network has: "ringback", "busy", "congestion"; country in two letters, "us" if unknown."""

    name: str = "ringback"
    country: str = "us"


class File(msgspec.Struct, frozen=True, tag=True, array_like=True, gc=False):
    """A file at the relay's host: wav, mp3, ogg, flac."""

    path: str


class Speech(msgspec.Struct, frozen=True, tag=True, array_like=True, gc=False):
    """Words to be said by the relay's host, in a language ("en", "de", "fr-fr")."""

    text: str
    language: str = "en"


class Play(Message, frozen=True):
    """Play something to one medium of a leg; answered by Played when it is over.

    play_id: the core's name for it. repeat: how often, 0 until it is stopped.
    patience: seconds to wait at most for the far end's first packet, which shows where it is behind NAT.
    """

    call: str
    leg: int
    medium: int
    play_id: int
    what: Tone | CountryTone | File | Speech
    codec: Codec = Codec()
    repeat: int = 1
    patience: float = 0.0


class StopPlaying(Message, frozen=True):
    """End what is played under that name; answered by its Played, or by nothing if it is over."""

    call: str
    leg: int
    play_id: int


class Listen(Message, frozen=True):
    """Tell keys pressed at a leg (RFC 4733) as Digit; payload_types are those of telephone-event, none: no more.

    forward: the events go on to the partner. early: a key is told of as soon as it is down; else when it is up.
    """

    call: str
    leg: int
    payload_types: tuple[int, ...]
    medium: int = 0
    forward: bool = True
    early: bool = True


class SendDigits(Message, frozen=True):
    """Send keys (0-9 * # A-D) as RFC 4733 events; w waits `pause` seconds. Answered by DigitsSent.

    milliseconds: how long a key is down, gap: how long none is after it.
    """

    call: str
    leg: int
    medium: int
    payload_type: int
    digits: str
    clock_rate: int = 8000
    milliseconds: int = 100
    gap: int = 100
    pause: float = 0.5


class Record(Message, frozen=True):
    """Keep what a leg says in a wav file; answered by Recorded when the file is there.

    longest: seconds, 0 without end. silence_end: it ends after so many seconds without a loud packet, 0 never.
    codecs: what the payload types are; those not named are left out, as silence.
    """

    call: str
    leg: int
    path: str
    longest: float = 0.0
    silence_end: float = 0.0
    medium: int = 0
    codecs: tuple[Codec, ...] = (Codec(), Codec(8, "PCMA"), Codec(9, "G722"))


class StopRecording(Message, frozen=True):
    """End the recording of a leg; answered by its Recorded, or by nothing if there is none."""

    call: str
    leg: int
    medium: int = 0


Ending = Literal["finished", "stopped", "replaced", "released", "failed", "longest", "silence"]


class Played(Message, frozen=True):
    """Over after so many seconds. reason: finished; stopped; replaced (by what came after); released (the leg is
    gone); failed, with the trouble in words.
    """

    call: str
    leg: int
    play_id: int
    seconds: float
    reason: Ending
    trouble: str = ""


class Digit(Message, frozen=True):
    """A key was pressed, once a press. milliseconds: how long it is, or was, down by what its packets say."""

    call: str
    leg: int
    digit: str
    milliseconds: int


class DigitsSent(Message, frozen=True):
    """All keys were sent (finished), or not: as with Played."""

    call: str
    leg: int
    seconds: float
    reason: Ending
    trouble: str = ""


class Recorded(Message, frozen=True):
    """The file is there, so many seconds long (or failed, and why). reason: longest, silence, stopped, released."""

    call: str
    leg: int
    path: str
    seconds: float
    reason: Ending
    trouble: str = ""


Performance = Play | StopPlaying | Listen | SendDigits | Record | StopRecording
