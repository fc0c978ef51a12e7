"""Writing call records without holding up a call.

``begin`` and ``finish`` only note the record. A task gathers what was noted, four times a second, and
writes it in one transaction; rows are made and traces compressed in a thread, the database has another.

Theory of failure. A batch that cannot be written (disk full, database locked) is kept and tried again
with growing intervals, while new records wait behind it; calls go on. What waits is bounded: beyond
TRACES_WAITING finished calls the traces of new ones are let go, beyond RECORDS_WAITING the records
themselves, each with an error in the log. A record that the database refuses for what it is, not for
what the disk is, is let go alone, with an error, so that it cannot block the rest for ever.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

import structlog
from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from b2bua.calls.record import CallOutcome, CallRecord
from b2bua.calls.sentences import INTERRUPTED
from b2bua.store import schema
from b2bua.store.opening import StoreError, engine_for, file_of, prepare
from b2bua.store.rows import Rows, Statements, TraceKind, rows_of, statements

FLUSH_INTERVAL: Final = 0.25
RETRY_INTERVAL_LIMIT: Final = 5.0
TRACES_WAITING: Final = 5_000  # some 85 MB
RECORDS_WAITING: Final = 100_000  # some 200 MB
TRACES_SPARE: Final = 500  # calls between two looks at whether there are more traces than are to be kept
_LOG_INTERVAL: Final = 10.0  # between two lines that say the same
_PRUNE_SLICE: Final = 2_000  # rows deleted at a time, so that writing does not wait long
_DAY: Final = 86_400_000_000  # microseconds
_AGE_CHECK_INTERVAL: Final = 600.0

log = structlog.get_logger("store")


class Store:
    """The writer of call records. Made by ``open``, emptied and ended by ``close``."""

    def __init__(
        self,
        engine: AsyncEngine,
        *,
        keep_days: int,
        trace: TraceKind,
        keep_traces: int,
        clock: Callable[[], float],
        flush_interval: float,
    ) -> None:
        self._engine = engine
        self._keep_days = keep_days
        self._trace: TraceKind = trace if keep_traces else "off"
        self._keep_traces = keep_traces
        self._traces_spare = min(keep_traces // 20, TRACES_SPARE)  # may be there beyond keep_traces
        self._traces_unpruned = 0
        self._clock = clock
        self._flush_interval = flush_interval
        self._statements: Statements = statements(engine.dialect)
        self._begun: dict[str, CallRecord] = {}
        self._finished: list[CallRecord] = []
        self._closing = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._writing = 0
        self._age_checked_at = 0.0
        self._said: dict[str, float] = {}
        self.written = 0  # finished calls
        self.lost = 0  # records let go, each with an error in the log
        self.traces_lost = 0

    @classmethod
    async def open(
        cls,
        url: str,
        *,
        keep_days: int = 90,
        trace: TraceKind = "full",
        keep_traces: int = 10_000,
        clock: Callable[[], float] = time.time,
        flush_interval: float = FLUSH_INTERVAL,
    ) -> Store:
        """Open a database, a SQLAlchemy URL or a path, for writing. Raises StoreError.

        Makes or migrates the tables and marks calls that an earlier process left without an end.
        clock gives seconds since 1970, for keep_days.
        """
        engine = engine_for(url)
        try:
            _make_directory(url)
            await prepare(engine)
            store = cls(
                engine,
                keep_days=keep_days,
                trace=trace,
                keep_traces=keep_traces,
                clock=clock,
                flush_interval=flush_interval,
            )
            await store._mark_interrupted()
        except (SQLAlchemyError, OSError) as problem:
            await engine.dispose()
            raise StoreError(f"{url} cannot be opened: {_reason(problem)}") from problem
        except StoreError:
            await engine.dispose()
            raise
        store._task = asyncio.get_running_loop().create_task(store._run(), name="store")
        store._task.add_done_callback(_say_why)
        return store

    def begin(self, record: CallRecord) -> None:
        """A call has started. The record stays the call's own to fill until finish."""
        self._begun[record.id] = record

    def finish(self, record: CallRecord) -> None:
        """A call has ended. From here on nobody changes the record."""
        self._begun.pop(record.id, None)
        finished = self._finished
        if len(finished) >= TRACES_WAITING:
            self._relieve(record)
        finished.append(record)

    @property
    def waiting(self) -> int:
        """Finished calls that are not in the database yet."""
        return len(self._finished) + self._writing

    async def close(self, limit: float = 10.0) -> None:
        """Write what waits and let the database go. After limit seconds of failure it gives up, loudly."""
        self._closing.set()
        if self._task is not None:
            await asyncio.wait([self._task], timeout=limit)
            self._task.cancel()
            await asyncio.wait([self._task])
        if self.waiting:
            log.error("records lost: the database could not be written", calls=self.waiting)
        await self._engine.dispose()

    def _relieve(self, record: CallRecord) -> None:
        """The database does not keep up: give up traces first, then the oldest records, and say so."""
        if record.trace:
            self.traces_lost += 1
            record.trace = ()
            self._complain("trace lost: the database does not keep up", lost=self.traces_lost)
        if len(self._finished) >= RECORDS_WAITING:
            self.lost += 1
            oldest = self._finished.pop(0)
            self._complain("record lost: the database does not keep up", call=oldest.id, lost=self.lost)

    def _complain(self, what: str, **fields: object) -> None:
        now = time.monotonic()
        if now - self._said.get(what, -_LOG_INTERVAL) >= _LOG_INTERVAL:
            self._said[what] = now
            log.error(what, **fields)

    async def _run(self) -> None:
        while not self._closing.is_set():
            await self._pause(self._flush_interval)
            await self._flush()
        await self._flush()

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._closing.wait(), seconds)
        except TimeoutError:
            pass

    async def _flush(self) -> None:
        begun, finished = self._begun, self._finished
        if begun or finished:
            self._begun, self._finished = {}, []
            self._writing = len(finished)
            await self._write_until_done(list(begun.values()), finished)
            self.written += len(finished)
            self._writing = 0
        self._traces_unpruned += len(finished)
        await self._prune()

    async def _write_until_done(self, begun: list[CallRecord], finished: list[CallRecord]) -> None:
        interval = self._flush_interval
        while True:
            try:
                rows = await asyncio.to_thread(rows_of, begun, finished, self._trace)
                await self._write(rows)
                return
            except OperationalError as problem:
                self._complain(
                    "the database cannot be written; trying on", reason=_reason(problem), calls=self.waiting
                )
            except (DBAPIError, ValueError, TypeError, OverflowError) as problem:
                log.error(
                    "the database refused a batch; writing its calls one by one", reason=_reason(problem)
                )
                begun, finished = await self._write_one_by_one(begun, finished)
                if not (begun or finished):
                    return
            # Even while closing: close() has its own limit.
            await asyncio.sleep(interval)
            interval = min(interval * 2, RETRY_INTERVAL_LIMIT)

    async def _write(self, rows: Rows) -> None:
        async with self._engine.begin() as connection:
            for statement, of_table in zip(self._statements, rows, strict=True):
                if of_table:
                    await connection.exec_driver_sql(statement, of_table)

    async def _write_one_by_one(
        self, begun: list[CallRecord], finished: list[CallRecord]
    ) -> tuple[list[CallRecord], list[CallRecord]]:
        """Write each call by itself; give back those that the disk, not their content, kept out."""
        left: tuple[list[CallRecord], list[CallRecord]] = ([], [])
        for records, remaining, is_finished in ((begun, left[0], False), (finished, left[1], True)):
            for record in records:
                try:
                    one = ([], [record]) if is_finished else ([record], [])
                    await self._write(rows_of(*one, self._trace))
                except OperationalError:
                    remaining.append(record)
                except (DBAPIError, ValueError, TypeError, OverflowError) as problem:
                    if is_finished:
                        self.lost += 1
                        self.written -= 1
                    log.error("record lost: the database refused it", call=record.id, reason=_reason(problem))
        return left

    async def _mark_interrupted(self) -> None:
        async with self._engine.begin() as connection:
            marked = await connection.execute(
                update(schema.call)
                .where(schema.call.c.outcome.is_(None))
                .values(
                    outcome=CallOutcome.INTERRUPTED.value,
                    sentence=INTERRUPTED,
                    ended_by="service",
                    ended_at=int(self._clock() * 1e6),  # nobody knows better
                )
            )
        if marked.rowcount:
            log.warning("calls were interrupted when the service last ended", calls=marked.rowcount)

    async def _prune(self) -> None:
        now = self._clock()
        age_is_due = self._keep_days > 0 and now - self._age_checked_at >= _AGE_CHECK_INTERVAL
        traces_are_due = self._traces_unpruned > self._traces_spare
        if not (age_is_due or traces_are_due):
            return
        try:
            async with self._engine.begin() as connection:
                if traces_are_due:
                    await self._prune_traces(connection)
                    self._traces_unpruned = 0
                if age_is_due and await self._prune_old(connection, int(now * 1e6)) < _PRUNE_SLICE:
                    self._age_checked_at = now
        except DBAPIError as problem:
            self._complain("old records cannot be deleted; trying on", reason=_reason(problem))

    async def _prune_traces(self, connection: AsyncConnection) -> None:
        number = schema.trace.c.call_number
        latest = (await connection.execute(select(func.max(number)))).scalar()
        if latest is not None and latest > self._keep_traces:
            old = (
                select(number)
                .where(number <= latest - self._keep_traces)
                .order_by(number)
                .limit(_PRUNE_SLICE)
            )
            await connection.execute(delete(schema.trace).where(number.in_(old)))

    async def _prune_old(self, connection: AsyncConnection, now: int) -> int:
        call = schema.call.c
        old = select(call.number).where(call.started_at < now - self._keep_days * _DAY)
        chosen = (await connection.execute(old.order_by(call.started_at).limit(_PRUNE_SLICE))).scalars().all()
        if chosen:
            for table in (schema.recipient, schema.stream, schema.trace):
                await connection.execute(delete(table).where(table.c.call_number.in_(chosen)))
            await connection.execute(delete(schema.call).where(call.number.in_(chosen)))
        return len(chosen)


def _say_why(task: asyncio.Task[None]) -> None:
    """The writer has ended: at close, or by a bug, which must not pass in silence."""
    if not task.cancelled() and task.exception() is not None:
        log.critical("a bug ended the writer of records: none is written any more", exc_info=task.exception())


def _make_directory(url: str) -> None:
    file = file_of(url)
    if file is not None:
        # Records name callers: nobody else needs to look into a directory made here.
        file.parent.mkdir(mode=0o750, parents=True, exist_ok=True)


def _reason(problem: Exception) -> str:
    original = problem.orig if isinstance(problem, DBAPIError) else problem
    return str(original) or type(original).__name__
