"""The round robins in the database: written behind the one in memory, or moved there and then.

A core uses `TurnStore.rotation`, which nobody waits for; a crash forgets at most the calls of the last quarter
of a second. Where several processes share a flow they use `TurnStore.advance` instead, each for every call.
"""

from __future__ import annotations

import asyncio
from typing import Final

import structlog
from sqlalchemy import Table, case, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from b2bua.flows.rotation import Changes, PointerRow, Rotation, TakenRow
from b2bua.store import StoreError, schema
from b2bua.store.opening import engine_for, prepare

FLUSH_INTERVAL: Final = 0.25
RETRY_INTERVAL: Final = 5.0

log = structlog.get_logger("flows")


class TurnStore:
    """Pointers and counts of one database. Made by ``open``, emptied and ended by ``close``."""

    def __init__(self, engine: AsyncEngine, rotation: Rotation, flush_interval: float) -> None:
        self._engine = engine
        self._flush_interval = flush_interval
        self._closing = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.rotation = rotation

    @classmethod
    async def open(cls, url: str, flush_interval: float = FLUSH_INTERVAL) -> TurnStore:
        """Read what there is and begin to write behind. flush_interval: seconds. Raises StoreError."""
        engine = engine_for(url)
        try:
            await prepare(engine)
            async with engine.connect() as connection:
                pointers = [PointerRow(*row) for row in await connection.execute(select(schema.turn))]
                taken = [TakenRow(*row) for row in await connection.execute(select(schema.turn_taken))]
        except SQLAlchemyError as problem:
            await engine.dispose()
            raise StoreError(f"the turns in {url} cannot be read: {problem}") from problem
        except StoreError:
            await engine.dispose()
            raise
        store = cls(engine, Rotation(pointers, taken), flush_interval)
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
        changes = self.rotation.changes()
        if not changes:
            return True
        try:
            await self._write(changes)
        except SQLAlchemyError as problem:
            self.rotation.put_back(changes)
            log.error("whose turn it is cannot be written; trying on", reason=str(problem))
            return False
        return True

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

    def _insert(self, table: Table) -> sqlite.Insert | postgresql.Insert:
        is_postgresql = self._engine.dialect.name == "postgresql"
        return postgresql.insert(table) if is_postgresql else sqlite.insert(table)
