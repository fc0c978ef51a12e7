"""Round robins in the database, and who has taken whose call: written behind those in memory, or moved there and then.

A core uses `TurnStore.rotation`, which nobody waits for; a crash forgets at most the calls of the last quarter
of a second. Where several processes share a flow they use `TurnStore.advance` instead, each for every call.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

import structlog
from sqlalchemy import Table, bindparam, case, delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from b2bua.flows.regulars import RegularRow, Regulars
from b2bua.flows.rotation import Changes, PointerRow, Rotation, TakenRow
from b2bua.store import StoreError, schema
from b2bua.store.opening import engine_for, prepare

FLUSH_INTERVAL: Final = 0.25
RETRY_INTERVAL: Final = 5.0
EXPIRY_INTERVAL: Final = 3600.0  # seconds between looks at who is not to be known any longer

log = structlog.get_logger("flows")


class TurnStore:
    """Pointers, counts and callers of one database. Made by ``open``, emptied and ended by ``close``.

    clock: seconds since 1970.
    """

    def __init__(
        self, engine: AsyncEngine, rotation: Rotation, flush_interval: float, clock: Callable[[], float]
    ) -> None:
        self._engine = engine
        self._flush_interval = flush_interval
        self._clock = clock
        self._expires_at = 0.0
        self._closing = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.rotation = rotation

    @classmethod
    async def open(
        cls, url: str, flush_interval: float = FLUSH_INTERVAL, clock: Callable[[], float] = time.time
    ) -> TurnStore:
        """Read what there is and begin to write behind. flush_interval: seconds. Raises StoreError."""
        engine = engine_for(url)
        try:
            await prepare(engine)
            async with engine.connect() as connection:
                pointers = [PointerRow(*row) for row in await connection.execute(select(schema.turn))]
                taken = [TakenRow(*row) for row in await connection.execute(select(schema.turn_taken))]
                by_age = select(schema.turn_regular).order_by(schema.turn_regular.c.answered_at)
                regulars = Regulars([RegularRow(*row) for row in await connection.execute(by_age)])
        except SQLAlchemyError as problem:
            await engine.dispose()
            raise StoreError(f"the turns in {url} cannot be read: {_said(problem)}") from problem
        except StoreError:
            await engine.dispose()
            raise
        store = cls(engine, Rotation(pointers, taken, regulars), flush_interval, clock)
        store._task = asyncio.get_running_loop().create_task(store._run(), name="turns")
        return store

    async def advance(self, flow: str, step: str) -> int:
        """Move a pointer by one in the database; gives what it was. Raises StoreError."""
        insertion = self._insert(schema.turn).values(flow=flow, step=step, pointer=1)
        statement = insertion.on_conflict_do_update(
            index_elements=["flow", "step"], set_={"pointer": schema.turn.c.pointer + 1}
        ).returning(schema.turn.c.pointer)
        try:
            async with self._engine.begin() as connection:
                return int((await connection.execute(statement)).scalar_one()) - 1
        except SQLAlchemyError as problem:
            raise StoreError(f"the turn of {flow}, {step}, cannot be moved: {problem}") from problem

    async def close(self, limit: float = 5.0) -> None:
        """Write what waits, for so many seconds at most, and let the database go."""
        self._closing.set()
        if self._task is not None:
            await asyncio.wait([self._task], timeout=limit)
            self._task.cancel()
            await asyncio.wait([self._task])
        await self._engine.dispose()

    async def _run(self) -> None:
        while not self._closing.is_set():
            await self._pause(self._flush_interval)
            if not await self._flush():
                await self._pause(RETRY_INTERVAL)
        await self._flush()

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._closing.wait(), seconds)
        except TimeoutError:
            pass

    async def _flush(self) -> bool:
        """Write what has changed; False when the database would not have it."""
        self._expire()
        changes = self.rotation.changes()
        if not changes:
            return True
        try:
            await self._write(changes)
        except SQLAlchemyError as problem:
            self.rotation.put_back(changes)
            log.error("whose turn it is cannot be written; trying on", reason=_said(problem))
            return False
        return True

    def _expire(self) -> None:
        now = self._clock()
        if now >= self._expires_at:
            self._expires_at = now + EXPIRY_INTERVAL
            self.rotation.regulars.expire(now)

    async def _write(self, changes: Changes) -> None:
        async with self._engine.begin() as connection:
            if changes.pointers:
                insertion = self._insert(schema.turn)
                new, old = insertion.excluded.pointer, schema.turn.c.pointer
                # A pointer never goes back, whoever else has moved it.
                statement = insertion.on_conflict_do_update(
                    index_elements=["flow", "step"], set_={"pointer": case((new > old, new), else_=old)}
                )
                await connection.execute(statement, [row._asdict() for row in changes.pointers])
            if changes.taken:
                insertion = self._insert(schema.turn_taken)
                counted = insertion.on_conflict_do_update(
                    index_elements=["flow", "step", "recipient"], set_={"calls": insertion.excluded.calls}
                )
                await connection.execute(counted, [row._asdict() for row in changes.taken])
            await self._write_regulars(connection, changes)

    async def _write_regulars(self, connection: AsyncConnection, changes: Changes) -> None:
        table = schema.turn_regular
        if changes.forgotten:
            keys = [{f"the_{name}": value for name, value in key._asdict().items()} for key in changes.forgotten]
            is_it = [table.c[name] == bindparam(f"the_{name}") for name in changes.forgotten[0]._fields]
            await connection.execute(delete(table).where(*is_it), keys)
        if changes.regulars:
            insertion = self._insert(table)
            new = {name: insertion.excluded[name] for name in ("recipient", "answered_at", "kept_until")}
            remembered = insertion.on_conflict_do_update(index_elements=["flow", "step", "caller"], set_=new)
            await connection.execute(remembered, [row._asdict() for row in changes.regulars])

    def _insert(self, table: Table) -> sqlite.Insert | postgresql.Insert:
        is_postgresql = self._engine.dialect.name == "postgresql"
        return postgresql.insert(table) if is_postgresql else sqlite.insert(table)


def _said(problem: SQLAlchemyError) -> str:
    """What the database has said, without the values that it was given: callers' numbers are among them."""
    return str(getattr(problem, "orig", None) or problem)
