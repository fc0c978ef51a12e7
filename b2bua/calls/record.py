"""The record of a call: one of these a call, one line a recipient. Times are microseconds since 1970, UTC."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, overload

from sip_stack.trace import Traced

RING_TEST = "ring test"  # stands for the trunk of a call that is no caller's


class CallOutcome(enum.Enum):
    ANSWERED = "answered"
    ABANDONED = "abandoned"  # the caller hung up while it rang
    BUSY = "busy"
    DECLINED = "declined"
    NO_ANSWER = "no answer"
    VOICEMAIL = "voicemail"  # nobody answered, and the caller has left a message
    SERVED = "served"  # by the flow alone: he heard an announcement, or chose nothing from a menu
    UNREACHABLE = "not reachable"
    FAILED = "failed"  # our own failure: no ports, an error in the call
    REFUSED = "refused"  # never rang: unknown number, over a limit, bad request
    INTERRUPTED = "interrupted"  # the service was ended in the middle of it


class RecipientOutcome(enum.Enum):
    ANSWERED = "answered"
    STOPPED = "stopped"  # somebody else answered first
    TOO_LATE = "answered too late"
    DECLINED = "declined"
    BUSY = "busy"
    NO_ANSWER = "no answer"
    UNREACHABLE = "not reachable"
    REFUSED = "refused"  # 4xx-6xx that says neither busy nor declined
    REDIRECTED = "forwarding ignored"
    CALLER_HUNG_UP = "caller hung up"
    FAILED = "failed"  # answered, but could not be connected
    SKIPPED = "skipped"  # never rung
    NOT_CONFIRMED = "did not press 1"  # answered, and did nothing more: a mailbox, maybe
    NOT_ACCEPTED = "did not accept"  # answered, and hung up while he was told who calls, or asked
    PRESSED_TOO_LATE = "pressed 1 too late"
    STEP_ENDED = "step ended"  # stopped by another recipient's refusal (six_xx = "everyone")


_NOBODY = frozenset((
    RecipientOutcome.NO_ANSWER, RecipientOutcome.NOT_CONFIRMED, RecipientOutcome.NOT_ACCEPTED,
))  # fmt: skip
_CALL_OUTCOMES = (
    (RecipientOutcome.BUSY, CallOutcome.BUSY),
    (RecipientOutcome.DECLINED, CallOutcome.DECLINED),
    (RecipientOutcome.REFUSED, CallOutcome.DECLINED),
    (RecipientOutcome.FAILED, CallOutcome.FAILED),
    (RecipientOutcome.REDIRECTED, CallOutcome.UNREACHABLE),
    (RecipientOutcome.UNREACHABLE, CallOutcome.UNREACHABLE),
)

def outcome_of(recipients: Iterable[RecipientOutcome | None], was_timed_out: bool = False) -> CallOutcome:
    """How a call comes out whose recipients came out so, none of them as the one who has answered."""
    outcomes = set(recipients)
    if was_timed_out or not _NOBODY.isdisjoint(outcomes):
        return CallOutcome.NO_ANSWER
    return next((call for recipient, call in _CALL_OUTCOMES if recipient in outcomes), CallOutcome.NO_ANSWER)


def readable(text: str) -> str:
    """What a peer has sent, as text that can be stored and shown: octets that are no UTF-8, and NUL, become U+FFFD.

    On the wire they pass as they came (surrogateescape); a database, JSON or a terminal would refuse them.
    """
    if text.isascii():
        return text.replace("\0", "\ufffd") if "\0" in text else text
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace").replace("\0", "\ufffd")


class TraceEntry(NamedTuple):
    """A message as it was on the wire. leg 0 is the caller, 1 and up the branches."""

    at: int
    leg: int
    received: bool
    transport: str
    local: str  # "host:port"
    remote: str
    data: bytes


class NotedTrace(Sequence[TraceEntry]):
    """The messages of a call as the stack has noted them, which read as TraceEntry.

    An entry is made when it is asked for: of most calls nobody looks at any, and the store keeps them as they are.
    messages: their times are of the monotonic clock. offset: seconds from it to the time of day.
    places: our addresses, "host:port", by the names of the listeners.
    """

    __slots__ = ("messages", "offset", "places")

    def __init__(self, messages: Iterable[Traced], offset: float, places: Mapping[str, str]) -> None:
        self.messages = tuple(messages)
        self.offset = offset
        self.places = places

    def __len__(self) -> int:
        return len(self.messages)

    @overload
    def __getitem__(self, index: int) -> TraceEntry: ...
    @overload
    def __getitem__(self, index: slice) -> list[TraceEntry]: ...
    def __getitem__(self, index: int | slice) -> TraceEntry | list[TraceEntry]:
        if isinstance(index, slice):
            return [self._entry(noted) for noted in self.messages[index]]
        return self._entry(self.messages[index])

    def __iter__(self) -> Iterator[TraceEntry]:
        return map(self._entry, self.messages)

    def __eq__(self, other: object) -> bool:
        return list(self) == list(other) if isinstance(other, Sequence) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def _entry(self, noted: Traced) -> TraceEntry:
        at, leg, received, flow, data = noted
        remote = f"[{flow.host}]:{flow.port}" if ":" in flow.host else f"{flow.host}:{flow.port}"
        local = self.places.get(flow.local, flow.local)
        return TraceEntry(int((at + self.offset) * 1e6), leg, received, flow.transport, local, remote, data)

    def __repr__(self) -> str:
        return f"<{len(self)} messages>"


@dataclass(slots=True)
class StreamRecord:
    """Media of one leg and medium; lost in packets, jitter and round_trip in ms, owed and silent in seconds.

    As rtp_relay.control.StreamFigures, where None says that nothing is known of it. codec: its name in lower case,
    "" if it is not known. mos: how the leg in heard_by heard this one, 1 to 4.5. is_one_way: nothing came though it
    was due, and the other direction was there. The last three are found when the call is over, see quality.py.
    """

    leg: int
    medium: int
    packets: int = 0
    octets: int = 0
    lost: int = 0
    jitter: float = 0.0
    ssrc: int = 0
    payload_type: int = -1
    sent_packets: int = 0
    strangers: int = 0
    longest_gap: float = 0.0
    far: str = ""
    ssrc_changes: int = 0
    malformed: int = 0
    rtcp_packets: int = 0
    owed: float = 0.0
    silent: float = 0.0
    drops: dict[str, int] = field(default_factory=dict)
    codec: str = ""
    heard_by: int | None = None
    round_trip: float | None = None
    reported_lost: int | None = None
    reported_jitter: float | None = None
    mos: float | None = None
    is_one_way: bool | None = None


@dataclass(slots=True)
class RecipientRecord:
    """How it came out for one recipient. leg is the branch's number in the trace, from 1."""

    leg: int
    name: str
    uri: str
    outcome: RecipientOutcome | None = None
    sentence: str = ""
    status: int | None = None
    reason: str = ""
    sip_call_id: str = ""
    invited_at: int | None = None
    ringing_at: int | None = None
    answered_at: int | None = None
    ended_at: int | None = None
    late_by: int | None = None  # microseconds after the winner, of a recipient who answered too late
    lost_to: str = ""  # who had the call instead, in the same step


@dataclass(slots=True)
class CallRecord:
    id: str
    trunk: str
    source: str
    caller: str
    caller_name: str
    dialled: str
    number_name: str
    sip_call_id: str
    started_at: int
    outcome: CallOutcome | None = None  # None while it runs
    sentence: str = ""
    answered_by: str | None = None
    answered_leg: int | None = None
    ringing_at: int | None = None
    answered_at: int | None = None
    ended_at: int | None = None
    ended_by: str = ""  # "caller", a recipient's name, "service"
    status: int | None = None  # final status sent to the caller
    reason: str = ""
    configuration: str = ""  # version of the configuration that the call ran with
    flow: str = ""  # its name, and its version, 0 for one of the configuration file
    flow_version: int = 0
    steps: list[str] = field(default_factory=list)  # names of the steps that it went through, in order
    mailbox: str = ""  # of the message that the caller has left
    voicemail: str = ""  # the file of it
    voicemail_seconds: float = 0.0
    recipients: list[RecipientRecord] = field(default_factory=list)
    streams: list[StreamRecord] = field(default_factory=list)
    trace: Sequence[TraceEntry] = ()
