"""The log of calls, page by page, at the same price whether there are a thousand or a million.

A page begins where the one before it ended (a cursor: the time and the number of its last call), so that nothing is
counted or skipped. Each alternative of a filter (an outcome, a number by its name or by its digits) goes by an index
of its own to its newest calls, and the newest of all alternatives are the page.

A text is found anywhere in a call, by looking: no index knows of it. Looked through are slices of the log, newest
first, until a page is full or the time for it is up; the answer then says how far it came, and where to go on.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Select, and_, or_, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from b2bua.calls.record import RING_TEST, CallOutcome, CallRecord
from b2bua.console.database import begun
from b2bua.store import schema
from b2bua.store.rows import call_of, recipient_of

SLICE: Final = 5_000  # calls that are looked through for a text at a time
SEARCH_TIME: Final = 0.15  # seconds after which no further slice is begun
RUNNING: Final = "running"

# Outcomes by the words of the log's chips; what a chip means when there is more than one outcome to it.
GROUPS: Final[dict[str, tuple[str, ...]]] = {
    "answered": (CallOutcome.ANSWERED.value,),
    "abandoned": (CallOutcome.ABANDONED.value,),
    "missed": tuple(
        outcome.value
        for outcome in (
            CallOutcome.NO_ANSWER,
            CallOutcome.BUSY,
            CallOutcome.DECLINED,
            CallOutcome.UNREACHABLE,
        )
    ),
    "problem": (CallOutcome.FAILED.value, CallOutcome.REFUSED.value, CallOutcome.INTERRUPTED.value),
    RUNNING: (RUNNING,),
} | {outcome.value: (outcome.value,) for outcome in CallOutcome}

_PUBLIC_TEXTS: Final = ("dialled", "number_name", "answered_by", "id")
_ALL_TEXTS: Final = (*_PUBLIC_TEXTS, "caller", "caller_name", "sentence", "sip_call_id")


class Cursor(NamedTuple):
    """The last call of a page: the next page begins below it."""

    started_at: int
    number: int

    def __str__(self) -> str:
        return f"{self.started_at}-{self.number}"

    @classmethod
    def read(cls, text: str) -> Cursor:
        """Raises ValueError for anything that no page has given."""
        started_at, found, number = text.partition("-")
        if not (
            found
            and all(each.isascii() and each.isdigit() and len(each) < 19 for each in (started_at, number))
        ):
            raise ValueError("is no cursor: take `next` of the page before.")
        return cls(int(started_at), int(number))


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which calls; what is empty does not filter. since, until: microseconds since 1970; until is not included.

    outcomes: values of CallOutcome, and RUNNING. number: a number's name, or as it is dialled.
    may_search_callers: whether a text is looked for in what tells who has called. ring_tests: those too.
    """

    since: int | None = None
    until: int | None = None
    outcomes: tuple[str, ...] = ()
    number: str = ""
    caller: str = ""
    answered_by: str = ""
    text: str = ""
    may_search_callers: bool = True
    ring_tests: bool = False
    cursor: Cursor | None = None
    limit: int = 50


class Page(NamedTuple):
    """next: where the page after this one begins; None when there is none. searched_back_to: of a text, how far."""

    calls: list[CallRecord]
    next: Cursor | None
    searched_back_to: int | None = None


async def read_page(engine: AsyncEngine, wanted: Wanted, clock: Callable[[], float] = time.monotonic) -> Page:
    """One page of calls with their recipients, newest first. Raises StoreError."""
    async with begun(engine) as connection:
        if wanted.text:
            return await _searched(connection, wanted, clock)
        found = await _newest(connection, wanted, wanted.limit + 1)
        is_more = len(found) > wanted.limit
        return Page(
            await _records(connection, found[: wanted.limit]), found[wanted.limit - 1] if is_more else None
        )


async def all_pages(engine: AsyncEngine, wanted: Wanted) -> AsyncIterator[list[CallRecord]]:
    """Every call, page by page, for an export. Raises StoreError."""
    cursor = wanted.cursor
    while True:
        page = await read_page(engine, replace(wanted, cursor=cursor))
        yield page.calls
        cursor = page.next
        if cursor is None:
            return


async def _searched(connection: AsyncConnection, wanted: Wanted, clock: Callable[[], float]) -> Page:
    until = clock() + SEARCH_TIME
    found: list[Cursor] = []
    at = wanted.cursor
    while len(found) <= wanted.limit:
        last = await _end_of_slice(connection, wanted, at)
        of_slice = replace(wanted, cursor=at)
        found += await _newest(connection, of_slice, wanted.limit + 1 - len(found), last)
        if last is None:
            break
        at = last
        if clock() >= until and len(found) <= wanted.limit:
            records = await _records(connection, found)
            return Page(records, last, last.started_at)
    is_more = len(found) > wanted.limit
    records = await _records(connection, found[: wanted.limit])
    return Page(records, found[wanted.limit - 1] if is_more else None)


async def _end_of_slice(connection: AsyncConnection, wanted: Wanted, at: Cursor | None) -> Cursor | None:
    """The last call of the slice that begins below a cursor; None when the log ends within it."""
    call = schema.call.c
    query = select(call.started_at, call.number).where(*_within(wanted, at)).order_by(*_NEWEST_FIRST)
    row = (await connection.execute(query.offset(SLICE - 1).limit(1))).first()
    return None if row is None else Cursor(*row)


async def _newest(
    connection: AsyncConnection, wanted: Wanted, limit: int, last: Cursor | None = None
) -> list[Cursor]:
    query = newest(wanted, limit, last, connection.dialect.name == "postgresql")
    return [Cursor(row.started_at, row.number) for row in await connection.execute(query)]


_call = schema.call.c
_NEWEST_FIRST: Final = (_call.started_at.desc(), _call.number.desc())


def newest(wanted: Wanted, limit: int, last: Cursor | None = None, minds_case: bool = False) -> Select[Any]:
    """started_at and number of the newest calls below the cursor; none below last."""
    within = [*_within(wanted, wanted.cursor)]
    if last is not None:
        within += [_call.started_at >= last.started_at]
        within += [or_(_call.started_at > last.started_at, _call.number >= last.number)]
    within += _texts(wanted, minds_case)
    within += [] if wanted.ring_tests else [_call.trunk != RING_TEST]
    within += [_call.caller == wanted.caller] if wanted.caller else []
    within += [_call.answered_by == wanted.answered_by] if wanted.answered_by else []
    alternatives = [
        select(_call.started_at, _call.number)
        .where(*within, *of_outcome, *of_number)
        .order_by(*_NEWEST_FIRST)
        .limit(limit)
        for of_outcome in _outcomes(wanted)
        for of_number in _numbers(wanted)
    ]
    if len(alternatives) == 1:
        return alternatives[0]
    each = union_all(*(select(one.subquery()) for one in alternatives)).subquery().c
    return (
        select(each.started_at, each.number).order_by(each.started_at.desc(), each.number.desc()).limit(limit)
    )


def _within(wanted: Wanted, at: Cursor | None) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.since is not None:
        found.append(_call.started_at >= wanted.since)
    if wanted.until is not None:
        found.append(_call.started_at < wanted.until)
    if at is not None:
        # Said in a way that every database takes by its index: a bound first, then the few of the same time.
        found.append(_call.started_at <= at.started_at)
        found.append(or_(_call.started_at < at.started_at, _call.number < at.number))
    return found


def _outcomes(wanted: Wanted) -> Sequence[list[ColumnElement[bool]]]:
    if not wanted.outcomes:
        return [[]]
    return [
        [_call.outcome.is_(None) if outcome == RUNNING else _call.outcome == outcome]
        for outcome in dict.fromkeys(wanted.outcomes)
    ]


def _numbers(wanted: Wanted) -> Sequence[list[ColumnElement[bool]]]:
    if not wanted.number:
        return [[]]
    return [
        [_call.number_name == wanted.number],
        [and_(_call.dialled == wanted.number, _call.number_name != wanted.number)],
    ]


def _texts(wanted: Wanted, minds_case: bool) -> list[ColumnElement[bool]]:
    if not wanted.text:
        return []
    columns = [_call[name] for name in (_ALL_TEXTS if wanted.may_search_callers else _PUBLIC_TEXTS)]
    # SQLite's LIKE minds no case (of ASCII) by itself, and is slower by half when both sides are lowered for it.
    look = "icontains" if minds_case else "contains"
    return [or_(*(getattr(column, look)(wanted.text, autoescape=True) for column in columns))]


async def _records(connection: AsyncConnection, found: Sequence[Cursor]) -> list[CallRecord]:
    numbers = [each.number for each in found]
    rows = await connection.execute(select(schema.call).where(_call.number.in_(numbers)))
    records = {row.number: call_of(row) for row in rows}
    recipient = schema.recipient.c
    query = select(schema.recipient).where(recipient.call_number.in_(numbers))
    for row in await connection.execute(query.order_by(recipient.call_number, recipient.leg)):
        if row.call_number in records:
            records[row.call_number].recipients.append(recipient_of(row))
    return [records[number] for number in numbers if number in records]
