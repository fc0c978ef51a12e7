"""Call flows: steps and the exits that lead from one to the next. Plain values, held by a call to its end.

A flow begins at its step `first`. Each step has named exits, each of which leads to another step, by name;
where an exit that may be absent is absent, the call ends there. b2bua.flows.paths says whether every path
has an end; nothing here checks anything, so that a draft can be held as well.

Moments are seconds since 1970, in UTC. Schedules live by the clock on the wall of their time zone: an office
that opens at 9:00 opens at 9:00 on the day after the clocks have changed, too.
"""

from __future__ import annotations

import enum
import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from b2bua.calls.recipient import DECLINE_CODES, EarlyMedia, Recipient, SixXX

# Exits. A menu has one more for each digit, a schedule one for each branch.
ANSWERED: Final = "answered"  # of a dial step, optional: the recipient has hung up, the caller has not
NOBODY_ANSWERED: Final = "nobody answered"
ALL_BUSY_OR_DECLINED: Final = "all busy or declined"  # optional: as NOBODY_ANSWERED where it is absent
PLAYED: Final = "played"
NO_CHOICE: Final = "no choice"  # nothing, or nothing that is on the menu, in all tries
HOLIDAY: Final = "holiday"  # optional: as OTHERWISE where it is absent
OTHERWISE: Final = "otherwise"
RECORDED: Final = "recorded"  # optional: the caller is still there after his message

# Caller IDs that are not a fixed number; "" shows what the trunk's recipe says.
CALLER: Final = "caller"
TRACKING: Final = "tracking"  # the number that was dialled

VARIABLES: Final = ("caller", "source", "flow", "dialled")
KEY_PAUSE: Final = 0.5  # seconds that a "w" in an extension waits
MINUTES_OF_A_DAY: Final = 1440

_VARIABLE = re.compile(r"\{(\w+)\}")
# Holidays repeat within a year and a day at most; a leap day's within eight years, which nobody waits for.
_DAYS_AHEAD: Final = 370


class PromptKind(enum.Enum):
    SAY = "say"
    PLAY = "play"
    TONE = "tone"


@dataclass(frozen=True, slots=True)
class Prompt:
    """Something to hear.

    content: the text to say, with {caller}, {source}, {flow} and {dialled} in it; the file to play; or the
    country (ISO 3166, lower case) whose ringing tone sounds.
    voice: of what is said, as espeak-ng names it ("en-us"); "" is its own default.
    """

    kind: PromptKind
    content: str
    voice: str = ""

    def text(self, values: Mapping[str, str]) -> str:
        """What is said, with variables filled in; one that is not known stays as it is written."""
        return _VARIABLE.sub(lambda found: values.get(found[1], found[0]), self.content)

    @property
    def variables(self) -> tuple[str, ...]:
        """The names in braces, known or not, of a text that is said."""
        return tuple(_VARIABLE.findall(self.content)) if self.kind is PromptKind.SAY else ()


class Mode(enum.Enum):
    """How a dial step connects."""

    ONE = "one"  # the first recipient that is on, and nobody else
    EVERYONE = "everyone"  # all at once; the first that answers
    TURNS = "turns"  # one after the other; the next call begins one further on


class RecipientType(enum.Enum):
    SIP = "sip"
    PHONE = "phone"


class Decline(enum.Enum):
    """What one recipient's decline, by a status or by 2 in the prompt, means for the others."""

    RECIPIENT = "recipient"
    EVERYONE = "everyone"  # ends the step


class Redirect(enum.Enum):
    """What becomes of a 3xx."""

    IGNORE = "ignore"  # a failure; the record keeps whereto
    FOLLOW = "follow"  # once, where the configuration allows the destination


class Elsewhere(enum.Enum):
    """What phones that are stopped show. Where the caller has given up they show a missed call, whatever this says."""

    HIDE = "hide"  # nothing where somebody else answered: "call completed elsewhere"
    SHOW = "show"  # a missed call
    ALWAYS_HIDE = "always hide"  # nothing, also where nobody has answered in time


@dataclass(frozen=True, slots=True)
class DialRecipient:
    """Somebody whom a dial step rings, as the flow says it.

    destination: a SIP URI, or a number without separators. trunk: through which, "" for none.
    extension: digits of RFC 4733 §3.2 sent after the answer, a "w" for each half second of pause.
    start_after, stop_after: seconds from the start of the step (of his turn, in TURNS); stop_after 0: its end.
    unreachable_after: with no response at all for that many seconds he is given up; 0: never early.
    press_one: None is what the step says.
    voicemail_after: the second in which his own voicemail is known to answer; 0: not known.
    weight: 1 to 100; his share of first turns, among those of the step, in TURNS.
    interface, nat: towards him; "" and None are what his trunk says.
    way: how he is reached over SIP, worked out from the configuration when the flow is put to use; None when
    that did not say how: he is not rung.
    """

    name: str
    destination: str
    type: RecipientType = RecipientType.SIP
    trunk: str = ""
    extension: str = ""
    start_after: float = 0.0
    stop_after: float = 0.0
    unreachable_after: float = 4.0
    press_one: bool | None = None
    voicemail_after: float = 0.0
    weight: int = 1
    is_on: bool = True
    interface: str = ""
    nat: bool | None = None
    way: Recipient | None = field(default=None, repr=False, compare=False)

    def keys(self) -> Iterator[tuple[float, str]]:
        """The extension as pairs: seconds to wait, then the digit to send."""
        pause = 0.0
        for key in self.extension:
            if key == "w":
                pause += KEY_PAUSE
            else:
                yield pause, key
                pause = 0.0


@dataclass(frozen=True, slots=True)
class Dial:
    """Ring recipients and connect one. Exits: ANSWERED, NOBODY_ANSWERED, ALL_BUSY_OR_DECLINED.

    ring_time: seconds, 5 to 300; of the whole step, in TURNS of each recipient.
    caller_hears: None is 180 and the caller's own ringback; a prompt is sent as 183, repeated, and fixes the
    codec of the call before anybody has answered (RFC 3261 §13.2.1).
    whisper: heard by the recipient alone, before he is connected.
    press_one: nobody is connected who has not pressed 1, if his own setting does not differ.
    confirm_prompt: asks for the 1, after the whisper, again and again; too_late: tells who pressed it second.
    confirm_time: seconds for the 1, from the answer; ring_time does not cut it short.
    sticky: days in which a caller comes first to whoever of this step took his last call, in TURNS; 0: never.
    caller_id: CALLER, TRACKING, a fixed number, or "" for what the trunk says.
    decline_codes: statuses that are a decline, from 400 to 699.
    timeout_status: for the caller when ring time ends and the flow with it; 480 or 408.
    """

    recipients: tuple[DialRecipient, ...]
    mode: Mode = Mode.EVERYONE
    sticky: int = 0
    ring_time: float = 30.0
    caller_hears: Prompt | None = None
    early_media: EarlyMedia = EarlyMedia.NONE
    whisper: Prompt | None = None
    press_one: bool = False
    confirm_prompt: Prompt | None = None
    too_late: Prompt | None = None
    confirm_time: float = 10.0
    caller_id: str = ""
    display_prefix: str = ""
    decline: Decline = Decline.RECIPIENT
    decline_codes: tuple[int, ...] = DECLINE_CODES
    redirect: Redirect = Redirect.IGNORE
    answered_elsewhere: Elsewhere = Elsewhere.HIDE
    six_xx: SixXX = SixXX.RECIPIENT
    timeout_status: int = 480
    exits: Mapping[str, str] = field(default_factory=dict)

    @property
    def rung(self) -> tuple[DialRecipient, ...]:
        """Those whom the step may ring, in order."""
        on = tuple([recipient for recipient in self.recipients if recipient.is_on])
        return on[:1] if self.mode is Mode.ONE else on

    def asks_for_one(self, recipient: DialRecipient) -> bool:
        return self.press_one if recipient.press_one is None else recipient.press_one


@dataclass(frozen=True, slots=True)
class Play:
    """Let the caller hear something, once. Exit: PLAYED."""

    prompt: Prompt
    exits: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Menu:
    """Let the caller choose by a digit. Exits: the digits that are offered, and NO_CHOICE.

    timeout: seconds to wait after the prompt; tries: how often the prompt is heard.
    """

    prompt: Prompt
    timeout: float = 5.0
    tries: int = 3
    exits: Mapping[str, str] = field(default_factory=dict)


class Opening(NamedTuple):
    """Hours of one day of the week, 0 for Monday; minutes since midnight, `closes` not included (1440 at most)."""

    weekday: int
    opens: int
    closes: int


class Holiday(NamedTuple):
    """A day on which no hours count; year 0 is every year."""

    month: int
    day: int
    year: int = 0
    name: str = ""


@dataclass(frozen=True, slots=True)
class Branch:
    """The exit of this name is taken within these hours."""

    name: str
    openings: tuple[Opening, ...]


@dataclass(frozen=True, slots=True)
class Schedule:
    """Go by the clock. Exits: the names of branches, the first that fits; HOLIDAY; OTHERWISE, always there.

    time_zone: of the IANA database, "Europe/Berlin".
    """

    time_zone: str
    branches: tuple[Branch, ...]
    holidays: tuple[Holiday, ...] = ()
    exits: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Voicemail:
    """Record a message. Exit: RECORDED.

    longest: seconds; silence_end: so many seconds of silence end the message, 0: none do.
    mailbox: the name that messages are kept under.
    """

    mailbox: str
    greeting: Prompt | None = None
    longest: float = 120.0
    silence_end: float = 5.0
    exits: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HangUp:
    """End the call. status, of a call not answered yet: 0 is how the last dial step came out, or 480."""

    status: int = 0
    exits: Mapping[str, str] = field(default_factory=dict)


Step = Dial | Play | Menu | Schedule | Voicemail | HangUp


@dataclass(frozen=True, slots=True)
class Flow:
    """A call flow. version: from 1; 0 is a draft, or one that stands in the configuration file."""

    name: str
    version: int
    first: str
    steps: Mapping[str, Step]


def leads_to(step: Step, leaving: str) -> str:
    """The step that an exit leads to; "" where the call ends."""
    exits = step.exits
    if leaving == ALL_BUSY_OR_DECLINED:
        return exits.get(leaving) or exits.get(NOBODY_ANSWERED, "")
    if leaving == HOLIDAY:
        return exits.get(leaving) or exits.get(OTHERWISE, "")
    return exits.get(leaving, "")


class Change(NamedTuple):
    """From a moment on, a schedule takes another exit."""

    moment: float
    exit: str


def open_at(schedule: Schedule, moment: float) -> str:
    """The exit that a schedule takes: a branch's name, HOLIDAY or OTHERWISE.

    Raises zoneinfo.ZoneInfoNotFoundError for a time zone that this machine does not know.
    """
    now = datetime.fromtimestamp(moment, ZoneInfo(schedule.time_zone))
    if _is_holiday(schedule, now.date()):
        return HOLIDAY
    weekday, minute = now.weekday(), now.hour * 60 + now.minute
    for branch in schedule.branches:
        for opening in branch.openings:
            if opening.weekday == weekday and opening.opens <= minute < opening.closes:
                return branch.name
    return OTHERWISE


def next_change(schedule: Schedule, moment: float) -> Change | None:
    """When a schedule takes another exit than at a moment, and which; None when not within a year."""
    zone = ZoneInfo(schedule.time_zone)
    before = open_at(schedule, moment)
    today = datetime.fromtimestamp(moment, zone).date()
    for days in range(_DAYS_AHEAD):
        for candidate in _edges(schedule, today + timedelta(days), zone):
            if candidate > moment and (now := open_at(schedule, candidate)) != before:
                return Change(candidate, now)
    return None


def _is_holiday(schedule: Schedule, day: date) -> bool:
    return any(
        (holiday.month, holiday.day) == (day.month, day.day) and holiday.year in (0, day.year)
        for holiday in schedule.holidays
    )


def _edges(schedule: Schedule, day: date, zone: tzinfo) -> list[float]:
    """All moments of a day in which anything can change, in order.

    Where the clock is put back an hour passes twice, and each time on the wall is two moments. Where it is
    put forward a time is left out, and what begins within begins when the clock is changed: so that is one too.
    """
    minutes = {0}
    for branch in schedule.branches:
        for opening in branch.openings:
            if opening.weekday == day.weekday():
                minutes |= {opening.opens, opening.closes}
    found = {
        datetime.combine(day, time(minute // 60, minute % 60, fold=fold), zone).timestamp()
        for minute in minutes
        if minute < MINUTES_OF_A_DAY
        for fold in (0, 1)
    }
    return sorted(found | _clock_changes(day, zone))


def _clock_changes(day: date, zone: tzinfo) -> set[float]:
    """The moment of a day at which the clock is put on or back; one at midnight is of the day that it leads to."""
    noon = datetime.combine(day, time(12), zone)
    found = set()
    for start, end in ((noon - timedelta(1), noon), (noon, noon + timedelta(1))):
        first, last = int(start.timestamp()), int(end.timestamp())
        offset = start.utcoffset()
        if offset != end.utcoffset():
            changed = bisect_left(
                range(first, last),
                True,
                key=lambda at: datetime.fromtimestamp(at, zone).utcoffset() != offset,
            )
            found.add(float(first + changed))
    return {at for at in found if datetime.fromtimestamp(at, zone).date() == day}
