"""Figures over many calls: how each recipient fares, and each number.

They are made of the sums that b2bua/store/summing.py keeps, and of the calls that these have not got: what is
read is a row an hour or a day, not a row a call. Medians and percentiles are nearest ranks; intervals have three
significant digits. Calls that are still running count nowhere, and ring tests are no calls.

The suspicion of a voicemail. A machine answers after the same interval each time, a person does not. Of a
recipient's answers those that lie within one second of a common point are counted, and those that came at
once (a phone that is off passes straight to its voicemail). When they are nearly all of at least
ANSWERS_WANTED, a machine is likely. A person who always answers within the same two seconds is
suspected too: it is a suspicion, learned from times alone, and said as one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Final, NamedTuple

from sqlalchemy.ext.asyncio import AsyncEngine

from b2bua.calls.record import CallOutcome, RecipientOutcome
from b2bua.store.opening import StoreError, engine_for, file_of
from b2bua.store.summing import snapshot, tally_of
from b2bua.store.tally import (
    QUARTER,
    CalledNumber,
    Counts,
    OfNumber,
    OfRecipient,
    RungRecipient,
    Tally,
)

ROWS_LIMIT: Final = 500  # recipients, and numbers: those with the most calls
ANSWERS_WANTED: Final = 5  # fewer say nothing about a voicemail
MACHINE_SHARE: Final = 0.8  # of the answers, by which a machine is suspected
SAME_SECOND: Final = 2_000_000  # microseconds from the first to the last of answers that are ±1 s apart
AT_ONCE: Final = 1_500_000  # microseconds from ringing within which no person answers
HOURS: Final = 24

_ANSWERED: Final = RecipientOutcome.ANSWERED.value
_LOST: Final = (
    RecipientOutcome.STOPPED.value,
    RecipientOutcome.TOO_LATE.value,
    RecipientOutcome.PRESSED_TOO_LATE.value,
)


@dataclass(frozen=True, slots=True)
class Selection:
    """Which calls to count: since and until as of CallFilter; number is a number's name or as it is dialled."""

    since: int
    until: int
    number: str = ""


class Spread(NamedTuple):
    """Microseconds: the middle of so many intervals, and what 95 of a hundred do not exceed."""

    of: int
    median: int
    p95: int


class Suspicion(NamedTuple):
    """answers of so many came after the same interval (after, microseconds of ringing), or at once."""

    after: int
    answers: int
    of: int


@dataclass(frozen=True, slots=True)
class RecipientFigures:
    """How one recipient, which is a name and an address, has fared.

    outcomes: calls by RecipientOutcome's value. rang: those in which the phone was heard to ring.
    share: of all answered calls of the selection, by the one who answered; 0 to 1.
    to_ring, to_answer: from the INVITE; to_answer has late answers too. late_by: behind the winner.
    """

    name: str
    uri: str
    offered: int
    rang: int
    share: float
    outcomes: Mapping[str, int]
    to_ring: Spread | None = None
    to_answer: Spread | None = None
    late_by: Spread | None = None
    voicemail: Suspicion | None = None

    @property
    def answered(self) -> int:
        return self.outcomes.get(_ANSWERED, 0)

    @property
    def lost(self) -> int:
        """Calls that somebody else had: this phone was stopped, or its answer or its key came too late."""
        return sum(self.outcomes.get(outcome, 0) for outcome in _LOST)


class Hour(NamedTuple):
    """What began in one hour of the day."""

    calls: int = 0
    answered: int = 0
    abandoned: int = 0
    voicemail: int = 0


@dataclass(frozen=True, slots=True)
class NumberFigures:
    """How the calls to one number came out. outcomes: by CallOutcome's value. hours: 24, from midnight."""

    dialled: str
    name: str
    outcomes: Mapping[str, int]
    hours: tuple[Hour, ...]
    to_answer: Spread | None = None

    @property
    def calls(self) -> int:
        return sum(self.outcomes.values())

    @property
    def answered(self) -> int:
        return self.outcomes.get(CallOutcome.ANSWERED.value, 0)

    @property
    def abandoned(self) -> int:
        """The caller hung up before anybody had answered."""
        return self.outcomes.get(CallOutcome.ABANDONED.value, 0)

    @property
    def missed(self) -> int:
        """The caller waited to the end, and nobody took the call."""
        return sum(self.outcomes.get(outcome, 0) for outcome in _MISSED)


_MISSED: Final = tuple(
    outcome.value
    for outcome in (CallOutcome.NO_ANSWER, CallOutcome.BUSY, CallOutcome.DECLINED, CallOutcome.UNREACHABLE)
)


@dataclass(frozen=True, slots=True)
class Statistics:
    """Recipients by offered calls, numbers by calls, the most first; no more than ROWS_LIMIT of either."""

    recipients: tuple[RecipientFigures, ...]
    numbers: tuple[NumberFigures, ...]


async def read(url: str, selection: Selection, zone: tzinfo | None = None) -> Statistics:
    """The figures of a selection. zone: of the hours of the day; None is the machine's. Raises StoreError."""
    file = file_of(url)
    if file is not None and not file.exists():
        raise StoreError(f"there is no database {file}: has the service run yet, with this configuration?")
    engine = engine_for(url)
    try:
        return await read_from(engine, selection, zone)
    finally:
        await engine.dispose()


async def read_from(engine: AsyncEngine, selection: Selection, zone: tzinfo | None = None) -> Statistics:
    """As read, from a database that is open."""
    async with snapshot(engine) as connection:
        tally = await tally_of(connection, selection.since, selection.until, selection.number)
    return figures_of(tally, zone)


def figures_of(tally: Tally, zone: tzinfo | None = None) -> Statistics:
    """What is said of the calls of a tally."""
    return Statistics(_recipients(tally), _numbers(tally, zone))


def _recipients(tally: Tally) -> tuple[RecipientFigures, ...]:
    """Whatever number a recipient was rung for: he is one."""
    found: dict[RungRecipient, OfRecipient] = {}
    for (_, rung), of in tally.recipients.items():
        found.setdefault(rung, OfRecipient()).merge(of)
    offered = {rung: sum(of.outcomes.values()) for rung, of in found.items()}
    answered = sum(of.outcomes.get(_ANSWERED, 0) for of in found.values())
    chosen = sorted(found, key=lambda rung: (-offered[rung], rung))[:ROWS_LIMIT]
    return tuple(_recipient(rung, found[rung], offered[rung], answered) for rung in chosen)


def _recipient(rung: RungRecipient, of: OfRecipient, offered: int, all_answered: int) -> RecipientFigures:
    answered = of.outcomes.get(_ANSWERED, 0)
    return RecipientFigures(
        rung.name,
        rung.uri,
        offered,
        of.rang,
        share=answered / all_answered if all_answered else 0.0,
        outcomes={str(outcome): calls for outcome, calls in of.outcomes.items()},
        to_ring=spread(of.ring),
        to_answer=spread(of.answer),
        late_by=spread(of.late),
        voicemail=suspicion(of.waited),
    )


def _numbers(tally: Tally, zone: tzinfo | None) -> tuple[NumberFigures, ...]:
    hour_of = _hour_reader(zone)
    found = [_number(called, of, hour_of) for called, of in tally.numbers.items()]
    return tuple(sorted(found, key=lambda each: (-each.calls, each.dialled, each.name))[:ROWS_LIMIT])


def _number(called: CalledNumber, of: OfNumber, hour_of: Callable[[int], int]) -> NumberFigures:
    hours = [[0] * len(Hour._fields) for _ in range(HOURS)]
    for outcome, quarters in of.quarters.items():
        column = _HOUR_COLUMNS.get(outcome)
        for quarter, calls in quarters.items():
            hour = hours[hour_of(quarter)]
            hour[0] += calls
            if column is not None:
                hour[column] += calls
    outcomes = {outcome: sum(quarters.values()) for outcome, quarters in of.quarters.items()}
    return NumberFigures(*called, outcomes, tuple(Hour(*hour) for hour in hours), spread(of.answer))


_HOUR_COLUMNS: Final = {
    CallOutcome.ANSWERED.value: Hour._fields.index("answered"),
    CallOutcome.ABANDONED.value: Hour._fields.index("abandoned"),
    CallOutcome.VOICEMAIL.value: Hour._fields.index("voicemail"),
}


def _hour_reader(zone: tzinfo | None) -> Callable[[int], int]:
    known: dict[int, int] = {}

    def hour_of(quarter: int) -> int:
        hour = known.get(quarter)
        if hour is None:
            hour = known[quarter] = datetime.fromtimestamp(quarter * QUARTER / 1e6, zone).hour
        return hour

    return hour_of


def spread(lengths: Counts) -> Spread | None:
    """The nearest ranks of one half and of 95 in a hundred."""
    of = sum(lengths.values())
    if not of:
        return None
    ordered = sorted(lengths.items())
    return Spread(of, _at_rank(ordered, (of + 1) // 2), _at_rank(ordered, (of * 95 + 99) // 100))


def _at_rank(ordered: list[tuple[int, int]], rank: int) -> int:
    """rank: from 1 to how many there are."""
    passed = 0
    for length, count in ordered:
        passed += count
        if passed >= rank:
            return length
    raise AssertionError("a rank beyond all lengths")


def suspicion(waited: Counts) -> Suspicion | None:
    """Of intervals from ringing to the answer: whether nearly all are alike, or came at once."""
    of = sum(waited.values())
    if of < ANSWERS_WANTED:
        return None
    ordered = sorted(waited.items())
    at_once = sum(count for length, count in ordered if length < AT_ONCE)
    alike, first, last, quick = 0, 0, 0, 0  # of the best window: answers, its ends, and those of it at once
    low, inside, quick_inside = 0, 0, 0
    for length, count in ordered:
        inside += count
        quick_inside += count if length < AT_ONCE else 0
        while length - ordered[low][0] > SAME_SECOND:
            inside -= ordered[low][1]
            quick_inside -= ordered[low][1] if ordered[low][0] < AT_ONCE else 0
            low += 1
        if inside > alike:
            alike, first, last, quick = inside, ordered[low][0], length, quick_inside
    answers = alike + at_once - quick
    return Suspicion((first + last) // 2, answers, of) if answers >= MACHINE_SHARE * of else None
