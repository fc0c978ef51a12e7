"""Figures over many calls: how each recipient fares, and each number, by SQL in the database's own process.

Every query goes by an index to the calls that are asked for and no further; what comes back is a row a
recipient, a number, a quarter of an hour: never a row a call. Medians and percentiles are nearest ranks,
taken by the database from a sorted window. Calls that are still running count nowhere.

The suspicion of a voicemail. A machine answers after the same interval each time, a person does not. Of a
recipient's answers those that lie within one second of a common point are counted, and those that came at
once (a phone that is off passes straight to its voicemail). When they are nearly all of at least
ANSWERS_WANTED, a machine is likely. A person who always answers within the same two seconds is
suspected too: it is a suspicion, learned from times alone, and said as one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any, Final, NamedTuple

from sqlalchemy import CTE, ColumnElement, Select, and_, case, func, literal, or_, select, union_all
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.functions import Function

from b2bua.calls.record import RING_TEST, CallOutcome, RecipientOutcome
from b2bua.store import schema
from b2bua.store.opening import StoreError, engine_for, file_of, said

ROWS_LIMIT: Final = 500  # recipients, and numbers: those with the most calls
ANSWERS_WANTED: Final = 5  # fewer say nothing about a voicemail
MACHINE_SHARE: Final = 0.8  # of the answers, by which a machine is suspected
SAME_SECOND: Final = 2_000_000  # microseconds from the first to the last of answers that are ±1 s apart
AT_ONCE: Final = 1_500_000  # microseconds from ringing within which no person answers
_QUARTER: Final = 900_000_000  # microseconds; zones differ from UTC by whole quarters of an hour
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
        async with engine.connect() as connection:
            return Statistics(
                await _recipients(connection, selection), await _numbers(connection, selection, zone)
            )
    except SQLAlchemyError as problem:
        raise StoreError(f"{url} cannot be read: {said(problem)}") from problem
    finally:
        await engine.dispose()


# Recipients.


async def _recipients(connection: AsyncConnection, selection: Selection) -> tuple[RecipientFigures, ...]:
    totals: dict[tuple[str, str], tuple[int, int]] = {}
    outcomes: dict[tuple[str, str], dict[str, int]] = {}
    for name, uri, outcome, offered, rang in await connection.execute(recipient_outcomes(selection)):
        key = (name, uri)
        before = totals.get(key, (0, 0))
        totals[key] = (before[0] + offered, before[1] + rang)
        outcomes.setdefault(key, {})[outcome] = offered
    spreads = _spreads(await connection.execute(recipient_spreads(selection)))
    suspicions = _suspicions(await connection.execute(same_seconds(selection)))
    answered = sum(of_one.get(_ANSWERED, 0) for of_one in outcomes.values())
    chosen = sorted(totals, key=lambda key: (-totals[key][0], key))[:ROWS_LIMIT]
    return tuple(
        RecipientFigures(
            *key,
            *totals[key],
            share=outcomes[key].get(_ANSWERED, 0) / answered if answered else 0.0,
            outcomes=outcomes[key],
            to_ring=spreads.get((*key, "ring")),
            to_answer=spreads.get((*key, "answer")),
            late_by=spreads.get((*key, "late")),
            voicemail=suspicions.get(key),
        )
        for key in chosen
    )


def recipient_outcomes(selection: Selection) -> Select[Any]:
    """A row a recipient and outcome: name, uri, outcome, offered, rang. Who was never called is not offered."""
    each = _offers(selection, "outcome", "ringing_at").c
    return select(each.name, each.uri, each.outcome, func.count(), func.count(each.ringing_at)).group_by(
        each.name, each.uri, each.outcome
    )


def recipient_spreads(selection: Selection) -> Select[Any]:
    """Rows of name, uri, kind of interval, length, rank, number of them: see _ranked."""
    offers = _offers(selection, "invited_at", "ringing_at", "answered_at", "late_by")
    each = offers.c
    kinds = (
        ("ring", each.ringing_at - each.invited_at),
        ("answer", each.answered_at - each.invited_at),
        ("late", each.late_by),
    )
    intervals = union_all(
        *(
            select(each.name, each.uri, literal(kind).label("kind"), length.label("length")).where(
                length.is_not(None)
            )
            for kind, length in kinds
        )
    ).cte("intervals")
    return _ranked(intervals, intervals.c.name, intervals.c.uri, intervals.c.kind)


def same_seconds(selection: Selection) -> Select[Any]:
    """A row a recipient: name, uri, answers, the most of them within SAME_SECOND, first and last of
    those, and the answers that came at once and are not among them."""
    offers = _offers(selection, "invited_at", "ringing_at", "answered_at")
    each = offers.c
    wait = each.answered_at - func.coalesce(each.ringing_at, each.invited_at)
    answers = (
        select(each.name, each.uri, wait.label("waited")).where(each.answered_at.is_not(None)).cte("answers")
    )
    one = (answers.c.name, answers.c.uri)
    waited = answers.c.waited
    at_once = func.sum(case((waited < AT_ONCE, 1), else_=0))

    def alike(function: Function[int]) -> ColumnElement[int]:
        """Over this answer and those that took up to SAME_SECOND longer."""
        return function.over(partition_by=one, order_by=waited, range_=(0, SAME_SECOND))

    windows = select(
        *one,
        func.count().over(partition_by=one).label("of"),
        alike(func.count()).label("alike"),
        waited.label("first"),
        alike(func.max(waited)).label("last"),
        (at_once.over(partition_by=one) - alike(at_once)).label("others"),
    ).cte("windows")
    best = select(
        windows,
        func.row_number()
        .over(
            partition_by=(windows.c.name, windows.c.uri),
            order_by=(windows.c.alike.desc(), windows.c.first),
        )
        .label("rank"),
    ).cte("best")
    found = best.c
    return select(
        found.name,
        found.uri,
        found.of,
        found.alike,
        found.first,
        found.last,
        found.others,
    ).where(and_(found.rank == 1, found.of >= ANSWERS_WANTED))


def _suspicions(rows: Iterable[Any]) -> dict[tuple[str, str], Suspicion]:
    return {
        (name, uri): Suspicion((first + last) // 2, alike + others, of)
        for name, uri, of, alike, first, last, others in rows
        if alike + others >= MACHINE_SHARE * of
    }


def _offers(selection: Selection, *columns: str) -> CTE:
    """The recipients that were called in the chosen calls: name, uri and the columns that are named."""
    calls = _calls(selection, "number")
    recipient = schema.recipient.c
    return (
        select(recipient.name, recipient.uri, *(recipient[name] for name in columns))
        .select_from(calls.join(schema.recipient, recipient.call_number == calls.c.number))
        .where(recipient.invited_at.is_not(None))
        .cte("offers")
    )


# Numbers.


async def _numbers(
    connection: AsyncConnection, selection: Selection, zone: tzinfo | None
) -> tuple[NumberFigures, ...]:
    outcomes: dict[tuple[str, str], dict[str, int]] = {}
    hours: dict[tuple[str, str], list[Hour]] = {}
    hour_of = _hour_reader(zone)
    for dialled, name, quarter, outcome, calls in await connection.execute(number_outcomes(selection)):
        of_number = outcomes.setdefault((dialled, name), {})
        of_number[outcome] = of_number.get(outcome, 0) + calls
        of_day = hours.setdefault((dialled, name), [Hour()] * HOURS)
        hour = hour_of(quarter)
        of_day[hour] = _added(of_day[hour], outcome, calls)
    spreads = _spreads(await connection.execute(number_spreads(selection)))
    found = [
        NumberFigures(*key, of_number, tuple(hours[key]), spreads.get(key))
        for key, of_number in outcomes.items()
    ]
    return tuple(sorted(found, key=lambda each: (-each.calls, each.dialled, each.name))[:ROWS_LIMIT])


def number_outcomes(selection: Selection) -> Select[Any]:
    """A row a number, quarter of an hour and outcome: dialled, name, quarter since 1970, outcome, calls."""
    each = _calls(selection, "dialled", "number_name", "started_at", "outcome").c
    keys = (each.dialled, each.number_name, (each.started_at // _QUARTER).label("quarter"), each.outcome)
    return select(*keys, func.count()).group_by(*keys)


def number_spreads(selection: Selection) -> Select[Any]:
    """Rows of dialled, name, microseconds from the INVITE to the answer, rank, number of them."""
    each = _calls(selection, "dialled", "number_name", "started_at", "answered_at").c
    intervals = (
        select(each.dialled, each.number_name, (each.answered_at - each.started_at).label("length"))
        .where(each.answered_at.is_not(None))
        .cte("intervals")
    )
    return _ranked(intervals, intervals.c.dialled, intervals.c.number_name)


def _hour_reader(zone: tzinfo | None) -> Callable[[int], int]:
    return lambda quarter: datetime.fromtimestamp(quarter * _QUARTER / 1e6, zone).hour


def _added(hour: Hour, outcome: str, calls: int) -> Hour:
    return Hour(
        hour.calls + calls,
        hour.answered + (calls if outcome == CallOutcome.ANSWERED.value else 0),
        hour.abandoned + (calls if outcome == CallOutcome.ABANDONED.value else 0),
    )


# Both.


def _calls(selection: Selection, *columns: str) -> CTE:
    """The calls that have ended and are asked for. A number's name and its digits are two ways to the same
    calls, each by its own index; a call that answers to both is taken by its name. Ring tests are no calls."""
    call = schema.call.c
    chosen = select(*(call[name] for name in columns)).where(
        call.started_at >= selection.since,
        call.started_at < selection.until,
        call.outcome.is_not(None),
        call.trunk != RING_TEST,
    )
    if not selection.number:
        return chosen.cte("calls")
    return union_all(
        chosen.where(call.number_name == selection.number),
        chosen.where(call.dialled == selection.number, call.number_name != selection.number),
    ).cte("calls")


def _ranked(intervals: CTE, *keys: ColumnElement[Any]) -> Select[Any]:
    """Of the lengths of each key only the nearest ranks of one half and of 95 in a hundred, two rows at most."""
    length = intervals.c.length
    ranked = select(
        *keys,
        length.label("length"),
        func.row_number().over(partition_by=keys, order_by=length).label("rank"),
        func.count().over(partition_by=keys).label("of"),
    ).cte("ranked")
    rank, of = ranked.c.rank, ranked.c.of
    return select(ranked).where(or_(rank == (of + 1) // 2, rank == (of * 95 + 99) // 100))


def _spreads(rows: Iterable[Any]) -> dict[tuple[str, ...], Spread]:
    found: dict[tuple[str, ...], list[int]] = {}
    numbers: dict[tuple[str, ...], int] = {}
    for *key, length, _rank, of in rows:
        found.setdefault(tuple(key), []).append(length)
        numbers[tuple(key)] = of
    return {key: Spread(numbers[key], min(lengths), max(lengths)) for key, lengths in found.items()}
