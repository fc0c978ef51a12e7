"""The core's end of the webhooks: told in the loop what happens, it notes that and lets calls go on.

What is noted is written to the journal four times a second, in one transaction, its JSON made in a thread. From
there on nothing is lost by a restart; what a kill -9 takes with it is the last quarter of a second. What waits is
bounded: NOTED_LIMIT events in memory, WAITING_LIMIT for each webhook in the journal; beyond, new events are let
go, with an error in the log.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

import structlog
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from b2bua.calls.record import CallRecord
from b2bua.config import Webhook
from b2bua.store import Archive, schema
from b2bua.store.opening import engine_for, file_of
from b2bua.webhooks.courier import CONNECTIONS, PACE, Courier
from b2bua.webhooks.events import ENDED, EVENTS, Happened, body_of
from b2bua.webhooks.journal import Entry, Journal

FLUSH_INTERVAL: Final = 0.25
BATCH: Final = 500  # events written at a time: some 3 ms of work in threads, which the loop must share
NOTED_LIMIT: Final = 20_000  # some 200 bytes each, beside the records that they name
WAITING_LIMIT: Final = 100_000  # some 100 MB, when all are ends of calls
CLOSING_PATIENCE: Final = 5.0  # seconds for a database that fails at the end
_LOG_INTERVAL: Final = 10.0
_TOLD: Final = frozenset(EVENTS) - {ENDED}  # an end is told by its record, which is complete only then

log = structlog.get_logger("webhooks")


class Posting(Protocol):
    async def __call__(self, url: str, body: bytes, headers: Mapping[str, str], patience: float) -> str: ...

    async def close(self) -> None: ...


class _Running:
    """A call that goes on, and how many events it has had."""

    __slots__ = ("events", "record")

    def __init__(self, record: CallRecord) -> None:
        self.record = record
        self.events = 0


async def interrupted_calls(url: str) -> list[str]:
    """Ids of the calls that an earlier process left without an end. To be asked before the store is opened,
    which ends them in the record; their webhooks are still to be told."""
    file = file_of(url)
    if file is not None and not file.exists():
        return []
    engine = engine_for(url)
    try:
        async with engine.connect() as connection:
            call = schema.call.c
            return list((await connection.execute(select(call.id).where(call.outcome.is_(None)))).scalars())
    except DBAPIError:
        return []  # no tables yet, or none to be read, which the store will say
    finally:
        await engine.dispose()


class Webhooks:
    """All webhooks of one core. With none configured every method is a no-op, and is_wanted is False."""

    def __init__(
        self,
        webhooks: Sequence[Webhook],
        url: str,
        *,
        clock: Callable[[], float] = time.time,
        fraction: Callable[[], float] = random.random,
        post: Callable[[], Posting] | None = None,
        flush_interval: float = FLUSH_INTERVAL,
        pace: float = PACE,
    ) -> None:
        """url: of the database. clock: seconds since 1970. post: makes a client for one server."""
        self.is_wanted = bool(webhooks)
        self.lost = 0  # events let go, each with an error in the log
        self._webhooks = webhooks
        self._wanted = frozenset[str]().union(*(webhook.events for webhook in webhooks))
        self._url = url
        self._clock = clock
        self._fraction = fraction
        self._make_post = post
        self._flush_interval = flush_interval
        self._pace = pace
        self._running: dict[str, _Running] = {}
        self._noted: deque[Happened] = deque()
        self._news = asyncio.Event()
        self._writing = 0
        self._added: Counter[str] = (
            Counter()
        )  # to the journal, by webhook, what was there at the start included
        self._couriers: dict[str, Courier] = {}
        self._posts: list[Posting] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._said_at = float("-inf")
        self._is_closing = False
        self._journal: Journal

    async def start(self, interrupted: Sequence[str] = ()) -> None:
        """Go on where the last process was. The store must be open: the tables are its own."""
        if not self.is_wanted:
            return
        self._journal = Journal(self._url)
        await self._forget_the_gone()
        await self._tell_of_interrupted(interrupted)
        for webhook in self._webhooks:
            post = self._make_post() if self._make_post is not None else _client()
            self._posts.append(post)
            self._couriers[webhook.name] = Courier(
                webhook, self._journal, post, self._clock, self._fraction, self._pace
            )
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(courier.run()) for courier in self._couriers.values()]
        self._tasks.append(loop.create_task(self._write()))
        for task in self._tasks:
            task.add_done_callback(_say_why)

    # In the loop of the calls: microseconds.

    def note(
        self,
        began: Sequence[CallRecord],
        notices: Sequence[Mapping[str, Any]],
        ended: Sequence[CallRecord],
    ) -> None:
        """What the switchboard had to say this turn: records of new calls, notices, records that are complete."""
        for record in began:
            self._running[record.id] = _Running(record)
        for notice in notices:
            if notice["event"] in _TOLD:
                self._note_event(notice)
        for record in ended:
            running = self._running.pop(record.id, None)
            if running is not None and ENDED in self._wanted:
                at = record.ended_at or record.started_at
                self._append(Happened(ENDED, at, running.events + 1, record.answered_leg or 0, record))

    def _note_event(self, notice: Mapping[str, Any]) -> None:
        running = self._running.get(notice["call"])
        if running is None:
            return
        running.events += 1
        event = notice["event"]
        if event in self._wanted:
            record = running.record
            leg = notice.get("recipient") or (record.answered_leg if event == "call.answered" else 0) or 0
            self._append(Happened(event, notice["at"], running.events, leg, record))

    def _append(self, happened: Happened) -> None:
        if len(self._noted) >= NOTED_LIMIT:
            self._let_go(happened.key, "memory")
            return
        self._noted.append(happened)
        self._news.set()

    def _let_go(self, key: str, where: str) -> None:
        self.lost += 1
        now = self._clock()
        if now - self._said_at >= _LOG_INTERVAL:
            self._said_at = now
            log.error("an event was lost: too many wait", key=key, where=where, lost=self.lost)

    # Beside it.

    def wake(self) -> None:
        """Look again at what is due: time has passed otherwise than by waiting."""
        for courier in self._couriers.values():
            courier.wake()

    async def flush(self) -> None:
        """Write what was noted, and have it sent."""
        while self._noted:
            await self._write_batch([self._noted.popleft() for _ in range(min(len(self._noted), BATCH))])

    async def _write_batch(self, noted: list[Happened]) -> None:
        self._writing = len(noted)
        entries = self._bounded(await asyncio.to_thread(_entries, noted, self._webhooks))
        self._writing = 0
        try:
            await self._journal.add(entries, self._clock())
        except DBAPIError as problem:
            self.lost += len(entries)
            log.error("events lost: the database refused them", events=len(entries), reason=str(problem.orig))
        self.wake()

    @property
    def waiting(self) -> int:
        """Events that no server has taken yet."""
        noted = len(self._noted) + self._writing
        return noted + sum(self._waiting_for(webhook.name) for webhook in self._webhooks)

    def _waiting_for(self, name: str) -> int:
        courier = self._couriers.get(name)
        return self._added[name] - (courier.settled if courier is not None else 0)

    def _bounded(self, entries: list[Entry]) -> list[Entry]:
        kept = []
        for entry in entries:
            if self._waiting_for(entry.webhook) >= WAITING_LIMIT:
                self._let_go(entry.key, entry.webhook)
                continue
            self._added[entry.webhook] += 1
            kept.append(entry)
        return kept

    async def close(self) -> None:
        """Write what was noted; what is being sent may come to its end, the rest is sent after the next start."""
        if not self.is_wanted:
            return
        self._is_closing = True
        self._news.set()
        for courier in self._couriers.values():
            courier.stop()
        try:
            async with asyncio.timeout(CLOSING_PATIENCE):
                await asyncio.gather(*self._tasks)
                await self.flush()
                await asyncio.gather(*(courier.close() for courier in self._couriers.values()))
        except TimeoutError:
            log.error("events lost, or to be told again: the database could not be written")
        for post in self._posts:
            await post.close()
        await self._journal.close()

    async def _write(self) -> None:
        while not self._is_closing:
            await self._news.wait()
            await asyncio.sleep(self._flush_interval)
            self._news.clear()
            await self.flush()

    async def _forget_the_gone(self) -> None:
        known = {webhook.name for webhook in self._webhooks}
        for name, number in (await self._journal.waiting()).items():
            if name not in known:
                log.error("events were let go: their webhook is gone", webhook=name, events=number)
                await self._journal.forget(name)
            else:
                self._added[name] = number

    async def _tell_of_interrupted(self, interrupted: Sequence[str]) -> None:
        async with Archive(self._url) as archive:
            for call_id in interrupted:
                record = await archive.call(call_id)
                if record is not None and ENDED in self._wanted:
                    at = int(self._clock() * 1e6)
                    self._append(Happened(ENDED, at, 0, record.answered_leg or 0, record))
        await self.flush()


def _client() -> Posting:
    from b2bua.webhooks.post import Post

    return Post(CONNECTIONS)


def _entries(noted: Sequence[Happened], webhooks: Sequence[Webhook]) -> list[Entry]:
    """Runs in a thread beside the loop."""
    made = []
    for happened in noted:
        body = body_of(happened)
        made += [
            Entry(webhook.name, happened.record.id, happened.key, happened.event, body)
            for webhook in webhooks
            if happened.event in webhook.events
        ]
    return made


def _say_why(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        log.critical("a bug ended a task of the webhooks", exc_info=task.exception())
