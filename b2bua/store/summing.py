"""The sums of the log, by the hour and by the day: brought up to date beside the calls, and read together.

Theory. Numbers of calls grow. A mark says up to which one the log has been counted, and which calls below it
had not ended then; what is to be counted next is the calls above the mark that have ended, and those of the
noted ones that have ended since. Both are found by index, so that a round costs what is new and not what is
there. A call counts in the hour in which it began, however long it lasts. Tallies and mark are written in one
transaction, by whoever finds the turn as he has read it: a round that is cut off, or done twice at once, counts once.

An hour is UTC's, and says of its calls in which quarter of an hour they began: a zone is chosen when figures
are read. Days are made of their hours when they are over, and change with them when a late call ends.

The core deletes old calls, the oldest first, and tells nobody. An hour is believed when the log has an older
call than its first moment: then nothing of it can have been deleted. What is not believed, what is no whole
hour and what is not counted yet is counted from the log itself, so that figures are always those of the log as it is.
A mark whose call is not there any more, or is another one, is believed in nothing; all is counted again.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Select, and_, delete, func, insert, or_, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from b2bua.calls.record import RING_TEST
from b2bua.store import schema
from b2bua.store.opening import StoreError, said
from b2bua.store.tally import CallRow, OfferRow, Tally

FORM: Final = 1  # of the bodies: tallies of another form are counted again
HOUR: Final = 3_600_000_000  # microseconds
DAY_HOURS: Final = 24
SLICE: Final = 500  # calls that are counted at a time: some 10 ms, in which nothing else is done
_IN_LIMIT: Final = 500  # values in one statement

_call = schema.call.c
_recipient = schema.recipient.c
_tally = schema.tally.c
_mark = schema.tally_mark.c


@dataclass(frozen=True, slots=True)
class Mark:
    """How far the log is counted. turn: None when nothing is written yet. running: calls at or below number."""

    turn: int | None = None
    number: int = 0
    call_id: str = ""
    running: frozenset[int] = field(default_factory=frozenset)
    floor: int = 0


class Behind(NamedTuple):
    """So many calls are yet to be counted, of so many."""

    left: int
    of: int


@asynccontextmanager
async def snapshot(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A connection that sees the database as it is at one moment. Raises StoreError."""
    try:
        async with engine.connect() as connection:
            if connection.dialect.name == "sqlite":
                await connection.exec_driver_sql("BEGIN")
            else:
                await connection.execution_options(isolation_level="REPEATABLE READ")
            yield connection
    except SQLAlchemyError as problem:
        raise StoreError(f"the log of calls cannot be read: {said(problem)}") from problem


# Bringing the sums up to date.


@dataclass(slots=True)
class _News:
    """What a round adds, by the hour, and the mark after it. is_more: the log goes on above the mark."""

    mark: Mark
    hours: dict[int, Tally]
    is_more: bool


async def advance(engine: AsyncEngine, limit: int = SLICE) -> bool:
    """Count up to so many more calls; gives whether more are waiting. Raises StoreError."""
    async with snapshot(engine) as connection:
        before = await _read_mark(connection)
        known = before if await _is_good(connection, before) else Mark(before.turn)
        news = await _news(connection, known, limit)
    if news.mark != known or known is not before:
        await _write(engine, news, starts_anew=known is not before)
    return news.is_more


async def _read_mark(connection: AsyncConnection) -> Mark:
    row = (await connection.execute(select(schema.tally_mark).where(_mark.form == FORM))).first()
    if row is None:
        return Mark()
    return Mark(row.turn, row.number, row.call_id, frozenset(json.loads(row.running)), row.floor)


async def _is_good(connection: AsyncConnection, mark: Mark) -> bool:
    """Whether the mark is of this log: numbers of deleted calls are given again when the log was empty."""
    if not mark.number:
        return True
    found = await connection.scalar(select(_call.id).where(_call.number == mark.number))
    return bool(found == mark.call_id)


async def _news(connection: AsyncConnection, mark: Mark, limit: int) -> _News:
    above = (
        select(_call.number, _call.id).where(_call.number > mark.number).order_by(_call.number).limit(limit)
    )
    found = (await connection.execute(above)).all()
    number, call_id = (found[-1].number, found[-1].id) if found else (mark.number, mark.call_id)
    unended = select(_call.number).where(_call.outcome.is_(None), _call.number <= number)
    running = frozenset((await connection.execute(unended)).scalars())
    hours: dict[int, Tally] = {}
    span = and_(_call.number > mark.number, _call.number <= number)
    for call, offers in await _counted(connection, span):
        hours.setdefault(call.started_at // HOUR, Tally()).add(call, offers)
    for some in _portions(mark.running - running):
        for call, offers in await _counted(connection, _call.number.in_(some)):
            hours.setdefault(call.started_at // HOUR, Tally()).add(call, offers)
    oldest = await connection.scalar(select(func.min(_call.started_at)))
    after = Mark(mark.turn, number, call_id, running, max(mark.floor, oldest or 0))
    return _News(after, hours, len(found) == limit)


async def _counted(
    connection: AsyncConnection, which: ColumnElement[bool]
) -> list[tuple[CallRow, list[OfferRow]]]:
    calls, offers = statements_for(which)
    found: dict[int, tuple[CallRow, list[OfferRow]]] = {
        number: (CallRow(*row), []) for number, *row in await connection.execute(calls)
    }
    for number, *row in await connection.execute(offers):
        found[number][1].append(OfferRow(*row))
    return list(found.values())


def statements_for(which: ColumnElement[bool]) -> tuple[Select[Any], Select[Any]]:
    """For calls that have ended, no ring tests, and for those of their recipients who were called."""
    chosen = and_(which, _call.outcome.is_not(None), _call.trunk != RING_TEST)
    calls = select(
        _call.number, _call.dialled, _call.number_name, _call.started_at, _call.answered_at, _call.outcome
    ).where(chosen)
    of_recipient = (getattr(_recipient, name) for name in OfferRow._fields)
    offers = (
        select(_recipient.call_number, *of_recipient)
        .select_from(schema.call.join(schema.recipient, _recipient.call_number == _call.number))
        .where(chosen, _recipient.invited_at.is_not(None))
    )
    return calls, offers


def _portions(numbers: Collection[int]) -> Iterable[Sequence[int]]:
    ordered = sorted(numbers)
    return [ordered[at : at + _IN_LIMIT] for at in range(0, len(ordered), _IN_LIMIT)]


async def _write(engine: AsyncEngine, news: _News, starts_anew: bool) -> None:
    async with _writing(engine) as connection:
        if not await _take_turn(connection, news.mark):
            return  # somebody else has counted these
        if starts_anew:
            await connection.execute(delete(schema.tally))
        await _add(connection, news.hours)


@asynccontextmanager
async def _writing(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    try:
        async with engine.begin() as connection:
            yield connection
    except SQLAlchemyError as problem:
        raise StoreError(f"sums of calls cannot be written: {said(problem)}") from problem


async def _take_turn(connection: AsyncConnection, mark: Mark) -> bool:
    """Write the mark, if it still is whose turn was read: the first statement, so that nobody else writes meanwhile."""
    values = {
        "number": mark.number,
        "call_id": mark.call_id,
        "running": json.dumps(sorted(mark.running)),
        "floor": mark.floor,
    }
    if mark.turn is None:
        await connection.execute(delete(schema.tally_mark).where(_mark.form != FORM))
        if (await connection.execute(select(_mark.form))).first() is not None:
            return False
        await connection.execute(delete(schema.tally))
        await connection.execute(insert(schema.tally_mark).values(form=FORM, turn=0, **values))
        return True
    changed = await connection.execute(
        update(schema.tally_mark)
        .where(_mark.form == FORM, _mark.turn == mark.turn)
        .values(turn=mark.turn + 1, **values)
    )
    return changed.rowcount == 1


async def _add(connection: AsyncConnection, news: Mapping[int, Tally]) -> None:
    """Add to the tallies of hours, and of those days that are made."""
    there: dict[tuple[int, int], bytes] = {}
    for hours, firsts in ((1, news), (DAY_HOURS, {_day_of(hour) for hour in news})):
        for some in _portions(firsts):
            query = select(_tally.first, _tally.body).where(_tally.hours == hours, _tally.first.in_(some))
            there |= {(hours, first): body for first, body in await connection.execute(query)}
    added: dict[tuple[int, int], Tally] = {}
    for hour, tally in news.items():
        added[1, hour] = tally
        day = (DAY_HOURS, _day_of(hour))
        if day in there:
            added.setdefault(day, Tally()).merge(tally)
    fresh = []
    for (hours, first), tally in added.items():
        body = there.get((hours, first))
        if body is not None:
            tally.add_packed(body)
            await connection.execute(delete(schema.tally).where(_tally.hours == hours, _tally.first == first))
        fresh.append({"hours": hours, "first": first, "body": tally.pack()})
    if fresh:
        await connection.execute(insert(schema.tally), fresh)


def _day_of(hour: int) -> int:
    return hour // DAY_HOURS * DAY_HOURS


async def fold(engine: AsyncEngine, now: int) -> bool:
    """Make a tally of one day that is over and has none, and let go of tallies whose calls are deleted; gives whether
    another day waits. now: microseconds since 1970. Raises StoreError."""
    async with snapshot(engine) as connection:
        mark = await _read_mark(connection)
        if mark.turn is None or not await _is_good(connection, mark):
            return False
        over = select(_tally.hours, _tally.first).where(_tally.first < _day_of(now // HOUR))
        days: dict[int, set[int]] = {1: set(), DAY_HOURS: set()}
        for hours, first in await connection.execute(over):
            days[hours].add(_day_of(first))
        unmade = sorted(days[1] - days[DAY_HOURS])
    async with _writing(engine) as connection:
        if not await _take_turn(connection, mark):
            return True
        await connection.execute(
            delete(schema.tally).where((_tally.first + _tally.hours) * HOUR <= mark.floor)
        )
        if unmade:
            day = unmade[0]
            within = and_(_tally.hours == 1, _tally.first >= day, _tally.first < day + DAY_HOURS)
            whole = _sum((await connection.execute(select(_tally.body).where(within))).scalars())
            await connection.execute(
                insert(schema.tally).values(hours=DAY_HOURS, first=day, body=whole.pack())
            )
    return len(unmade) > 1


def _sum(bodies: Iterable[bytes], number: str = "") -> Tally:
    total = Tally()
    for body in bodies:
        total.add_packed(body, number)
    return total


# Reading them.


async def behind(engine: AsyncEngine) -> Behind:
    """How much of the log is not counted yet. Raises StoreError."""
    async with snapshot(engine) as connection:
        mark = await _read_mark(connection)
        from_ = mark.number if await _is_good(connection, mark) else 0
        last = await connection.scalar(select(func.max(_call.number))) or 0
        first = await connection.scalar(select(func.min(_call.number))) or 1
        return Behind(max(0, last - max(from_, first - 1)), last - first + 1 if last else 0)


async def tally_of(connection: AsyncConnection, since: int, until: int, number: str = "") -> Tally:
    """The calls that began from since and before until, to a number by its name or its digits.

    connection: a snapshot. Raises what SQLAlchemy raises.
    """
    mark = await _read_mark(connection)
    if not (mark.number and await _is_good(connection, mark)):
        return await _live(connection, _began(since, until), number)
    oldest = await connection.scalar(select(func.min(_call.started_at))) or 0
    latest = await connection.scalar(select(func.max(_call.started_at))) or 0
    first = max(-(-since // HOUR), max(mark.floor, oldest) // HOUR + 1)
    # Where nothing began at or after until, what an hour has is all before it.
    last = -(-until // HOUR) if latest < until else until // HOUR
    if first >= last:
        return await _live(connection, _began(since, until), number)
    found = await _whole_hours(connection, first, last, number)
    within = _began(first * HOUR, min(until, last * HOUR))
    uncounted = [_began(since, first * HOUR), _began(last * HOUR, until)]
    uncounted += [and_(within, _call.number > mark.number)]
    uncounted += [and_(within, _call.number.in_(some)) for some in _portions(mark.running)]
    for which in uncounted:
        found.merge(await _live(connection, which, number))
    return found


def _began(since: int, until: int) -> ColumnElement[bool]:
    return and_(_call.started_at >= since, _call.started_at < until)


async def _live(connection: AsyncConnection, which: ColumnElement[bool], number: str) -> Tally:
    found = Tally()
    if number:
        which = and_(which, or_(_call.number_name == number, _call.dialled == number))
    for call, offers in await _counted(connection, which):
        found.add(call, offers)
    return found


async def _whole_hours(connection: AsyncConnection, first: int, last: int, number: str) -> Tally:
    inside = and_(_tally.first >= first, _tally.first + _tally.hours <= last)
    keys: dict[int, set[int]] = {1: set(), DAY_HOURS: set()}
    for hours, at in await connection.execute(select(_tally.hours, _tally.first).where(inside)):
        keys[hours].add(at)
    alone = {hour for hour in keys[1] if _day_of(hour) not in keys[DAY_HOURS]}
    bodies: list[bytes] = []
    for hours, chosen in ((DAY_HOURS, keys[DAY_HOURS]), (1, alone)):
        for some in _portions(chosen):
            query = select(_tally.body).where(_tally.hours == hours, _tally.first.in_(some))
            bodies += (await connection.execute(query)).scalars()
    return await asyncio.to_thread(_sum, bodies, number)
