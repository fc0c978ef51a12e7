"""The table of events that are yet to be told, written before anything is sent and emptied after.

Order within a call is kept by the table itself: of a webhook's events of one call only the first has a time at
which it is due; the others have none and wait. When the first is settled, by success or by being given up, the
next becomes due. So what is due is found by an index, however much waits behind it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Final, NamedTuple, TypeVar

import structlog
from sqlalchemy import BindParameter, bindparam, case, delete, exists, func, insert, literal, select, update
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection

from b2bua.store import schema
from b2bua.store.opening import engine_for

RETRY_INTERVAL: Final = 0.25
RETRY_INTERVAL_LIMIT: Final = 5.0
_LOG_INTERVAL: Final = 10.0

log = structlog.get_logger("webhooks")

_Result = TypeVar("_Result")
_table = schema.webhook_delivery
_column = _table.c


class Entry(NamedTuple):
    """An event for one webhook, before it has a number."""

    webhook: str
    call_id: str
    key: str
    event: str
    body: bytes


class Delivery(NamedTuple):
    """An entry that is due. attempts: how often it has been sent in vain."""

    number: int
    call_id: str
    key: str
    event: str
    body: bytes
    attempts: int


class Settled(NamedTuple):
    """What came of a delivery: it is done with, or, with a due_at (seconds since 1970), to be sent again then."""

    delivery: Delivery
    due_at: float | None


_earlier = _table.alias("earlier")


def _new(name: str) -> BindParameter[Any]:
    return bindparam(f"new_{name}", type_=_column[name].type)


_is_first = ~exists().where(_earlier.c.webhook == _new("webhook"), _earlier.c.call_id == _new("call_id"))
_INSERTION = insert(_table).from_select(
    [*Entry._fields, "attempts", "due_at"],
    select(*(_new(name) for name in Entry._fields), literal(0), case((_is_first, _new("due_at")))),
)
_DELETION = delete(_table).where(_column.number == bindparam("settled"))
_POSTPONEMENT = (
    update(_table)
    .where(_column.number == bindparam("settled"))
    .values(attempts=_column.attempts + 1, due_at=bindparam("again_at"))
)
_NEXT_OF_CALL = (
    update(_table)
    .where(
        _column.number
        == select(func.min(_earlier.c.number))
        .where(_earlier.c.webhook == bindparam("of_webhook"), _earlier.c.call_id == bindparam("of_call"))
        .scalar_subquery(),
        _column.due_at.is_(None),
    )
    .values(due_at=bindparam("now"))
)


class Journal:
    """The table, written by one transaction at a time. A database that fails is tried until it works again; one
    that refuses what it is given raises DBAPIError."""

    def __init__(self, url: str) -> None:
        """url: of a database that the store has opened before."""
        self._engine = engine_for(url)
        self._writing = asyncio.Lock()
        self._said_at = -_LOG_INTERVAL

    async def close(self) -> None:
        await self._engine.dispose()

    async def add(self, entries: Sequence[Entry], now: float) -> None:
        if not entries:
            return
        rows = [
            {"new_due_at": now, **{f"new_{name}": value for name, value in entry._asdict().items()}}
            for entry in entries
        ]

        async def insert(connection: AsyncConnection) -> None:
            await connection.execute(_INSERTION, rows)

        await self._write(insert)

    async def settle(self, webhook: str, settled: Iterable[Settled], now: float) -> None:
        """Note what has come of deliveries: the next of each call that is done with becomes due."""
        done: list[dict[str, Any]] = []
        following: list[dict[str, Any]] = []
        again: list[dict[str, Any]] = []
        for delivery, due_at in settled:
            if due_at is not None:
                again.append({"settled": delivery.number, "again_at": due_at})
                continue
            done.append({"settled": delivery.number})
            following.append({"of_webhook": webhook, "of_call": delivery.call_id, "now": now})

        async def note(connection: AsyncConnection) -> None:
            for statement, rows in ((_DELETION, done), (_NEXT_OF_CALL, following), (_POSTPONEMENT, again)):
                if rows:
                    await connection.execute(statement, rows)

        await self._write(note)

    async def due(self, webhook: str, now: float, limit: int) -> list[Delivery]:
        """What may be sent now, the longest due first, at most one of a call."""
        wanted = (_column.number, _column.call_id, _column.key, _column.event, _column.body, _column.attempts)
        query = select(*wanted).where(_column.webhook == webhook, _column.due_at <= now)
        rows = await self._read(query.order_by(_column.due_at, _column.number).limit(limit))
        return [Delivery(*row) for row in rows]

    async def next_due(self, webhook: str, now: float) -> float | None:
        """When something is due that is not yet, in seconds since 1970."""
        query = select(func.min(_column.due_at)).where(_column.webhook == webhook, _column.due_at > now)
        rows = await self._read(query)
        moment: float | None = rows[0][0]
        return moment

    async def waiting(self) -> dict[str, int]:
        """How many entries there are, by webhook."""
        query = select(_column.webhook, func.count()).group_by(_column.webhook)
        return {row[0]: row[1] for row in await self._read(query)}

    async def forget(self, webhook: str) -> None:
        async def remove(connection: AsyncConnection) -> None:
            await connection.execute(delete(_table).where(_column.webhook == webhook))

        await self._write(remove)

    async def _write(self, change: Callable[[AsyncConnection], Awaitable[None]]) -> None:
        async def attempt() -> None:
            async with self._engine.begin() as connection:
                await change(connection)

        async with self._writing:
            await self._until_done(attempt)

    async def _read(self, query: Any) -> Sequence[Any]:
        async def attempt() -> Sequence[Any]:
            async with self._engine.connect() as connection:
                return (await connection.execute(query)).all()

        return await self._until_done(attempt)

    async def _until_done(self, attempt: Callable[[], Awaitable[_Result]]) -> _Result:
        interval = RETRY_INTERVAL
        while True:
            try:
                return await attempt()
            except (OperationalError, InterfaceError) as problem:
                self._complain(problem)
            await asyncio.sleep(interval)
            interval = min(interval * 2, RETRY_INTERVAL_LIMIT)

    def _complain(self, problem: DBAPIError) -> None:
        now = time.monotonic()
        if now - self._said_at >= _LOG_INTERVAL:
            self._said_at = now
            log.error("the table of events cannot be used; trying on", reason=str(problem.orig))
