"""What a phone's process is told, and what it tells: one JSON object a line, each way.

A command carries its name in "command", an event in "event":

    {"command": "call", "uri": "sip:100@127.0.0.1:5060"}
    {"event": "confirmed", "at": 8123.402113, "line": 1}

Every `at` is in seconds on the machine's monotonic clock, which all processes share, so that the events of
several phones can be laid in one order. A `line` numbers the calls of one phone from 1 on.
"""

from __future__ import annotations

import re

import msgspec


def _tag(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", " ", name).lower()


class Command(msgspec.Struct, frozen=True, tag_field="command", tag=_tag):
    """An order to the phone. One that cannot be obeyed is answered by `Failed`."""


class Call(Command, frozen=True):
    """Call a SIP URI. A display name is taken along: `"Ana" <sip:ana@host>`."""

    uri: str


class Answer(Command, frozen=True):
    """Answer the call that rings, by default with 200. A code below 200 is sent and the call rings on."""

    code: int = 200


class Decline(Command, frozen=True):
    """Refuse the call that rings, with a code from 300 on."""

    code: int = 603


class HangUp(Command, frozen=True):
    """End the call in any state: CANCEL, a final refusal, or BYE."""


class Hold(Command, frozen=True):
    """Put the call on hold by a re-INVITE."""


class Resume(Command, frozen=True):
    """Take the call off hold by a re-INVITE."""


class SendDigits(Command, frozen=True):
    """Send digits as telephone-events (RFC 4733)."""

    digits: str


class Mute(Command, frozen=True):
    """Send silence in place of the tone until the next `Play`."""


class Play(Command, frozen=True):
    """Send a sine of `frequency` hertz from now on."""

    frequency: int


class Listen(Command, frozen=True):
    """Forget what was heard; watch for these frequencies, in hertz, from now on."""

    frequencies: list[int]


class Report(Command, frozen=True):
    """Ask for `Heard`."""


class Quit(Command, frozen=True):
    """End the call if there is one, and the process."""


class Event(msgspec.Struct, frozen=True, tag_field="event", tag=_tag):
    """Something that happened to the phone, at `at` seconds of the monotonic clock."""

    at: float


class Ready(Event, frozen=True):
    """The phone listens on `port` (UDP, and TCP when asked for) and can be called at `uri`."""

    port: int
    uri: str
    pid: int


class Incoming(Event, frozen=True):
    """An INVITE came. `headers` are all of its header lines, in their order."""

    line: int
    caller: str
    caller_name: str
    headers: list[tuple[str, str]]


class Ringing(Event, frozen=True):
    """Our outgoing call was answered provisionally (180 or 183), or we sent 180 for one that came in."""

    line: int
    code: int


class MediaActive(Event, frozen=True):
    """Audio was agreed on. `state` is "active", "held by us" or "held by them"."""

    line: int
    state: str
    codec: str
    remote_address: str


class Confirmed(Event, frozen=True):
    """The call is up: 200 and ACK have passed."""

    line: int


class Disconnected(Event, frozen=True):
    """The call is over.

    code, reason: status of the last response, with its phrase.
    outcome: a word of `b2bua.phone.outcome`.
    reason_headers: values of Reason (RFC 3326) in the CANCEL or BYE that ended it; empty if none came.
    """

    line: int
    code: int
    reason: str
    outcome: str
    reason_headers: list[str]


class DigitHeard(Event, frozen=True):
    """A telephone-event (RFC 4733) arrived."""

    line: int
    digit: str


class ToneHeard(Event, frozen=True):
    """A watched tone began. `level` is in dB, 0 at full scale."""

    frequency: int
    level: float


class ToneGone(Event, frozen=True):
    """A tone that was heard is heard no more."""

    frequency: int


class Heard(Event, frozen=True):
    """All that was heard since the last `Listen`, counted in windows of 100 ms.

    tones: for each watched frequency the number of windows in which it was.
    strange: windows that were not silent although no watched tone was in them.
    """

    windows: int
    silent: int
    strange: int
    tones: dict[int, int]


class Failed(Event, frozen=True):
    """A command could not be obeyed, and why."""

    command: str
    reason: str


AnyCommand = (
    Call | Answer | Decline | HangUp | Hold | Resume | SendDigits | Mute | Play | Listen | Report | Quit
)
AnyEvent = (
    Ready
    | Incoming
    | Ringing
    | MediaActive
    | Confirmed
    | Disconnected
    | DigitHeard
    | ToneHeard
    | ToneGone
    | Heard
    | Failed
)

_encoder = msgspec.json.Encoder()
_commands: msgspec.json.Decoder[AnyCommand] = msgspec.json.Decoder(AnyCommand)
_events: msgspec.json.Decoder[AnyEvent] = msgspec.json.Decoder(AnyEvent)


def to_line(message: Command | Event) -> bytes:
    """The message as one line, its line end included."""
    return _encoder.encode(message) + b"\n"


def command_from(line: bytes) -> AnyCommand:
    """The command in a line. Raises msgspec.DecodeError for anything else."""
    return _commands.decode(line)


def event_from(line: bytes) -> AnyEvent:
    """The event in a line. Raises msgspec.DecodeError for anything else."""
    return _events.decode(line)
