"""Carries one webhook's events from the journal to its server.

``step`` settles what was sent, fetches what is due and has it sent, over CONNECTIONS connections, beside everything
else. What it holds is bounded by READY_LIMIT, and so is its share of the processor: a step is made PACE seconds
after the last at the earliest. A webhook that is slow or gone delays its own events only.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import structlog

from b2bua.config import Webhook
from b2bua.webhooks.backoff import interval_after
from b2bua.webhooks.journal import Delivery, Journal, Settled
from b2bua.webhooks.signature import signature_headers

CONNECTIONS: Final = 4
READY_LIMIT: Final = 32  # events held in memory
PACE: Final = 0.1  # seconds from one step to the next, so that no more than 320 events a second are sent
FAREWELL_PATIENCE: Final = 2.0  # seconds that what is being sent gets at the end, to spare a repeat
_LOG_INTERVAL: Final = 60.0

Posting = Callable[[str, bytes, Mapping[str, str], float], Awaitable[str]]
log = structlog.get_logger("webhooks")


class Courier:
    """One webhook's. clock gives seconds since 1970, fraction a random number from 0 to 1."""

    def __init__(
        self,
        webhook: Webhook,
        journal: Journal,
        post: Posting,
        clock: Callable[[], float],
        fraction: Callable[[], float],
        pace: float = PACE,
    ) -> None:
        self.webhook = webhook
        self.delivered = 0
        self.given_up = 0
        self._journal = journal
        self._post = post
        self._clock = clock
        self._fraction = fraction
        self._pace = pace
        self._news = asyncio.Event()
        self._ready: deque[Delivery] = deque()
        self._sending: set[asyncio.Task[None]] = set()
        self._held: set[int] = set()  # ready, being sent, or sent and not settled: not to be fetched again
        self._settled: list[Settled] = []
        self._complained_at = float("-inf")
        self._is_stopping = False

    def wake(self) -> None:
        """Something may be due: there are new entries, or time has passed."""
        self._news.set()

    @property
    def settled(self) -> int:
        """Events that are done with, one way or the other."""
        return self.delivered + self.given_up

    async def run(self) -> None:
        """Step by step, until stopped."""
        while not self._is_stopping:
            self._news.clear()
            due_at = await self.step()
            await asyncio.sleep(self._pace)
            await self._wait(due_at)

    async def step(self) -> float | None:
        """Do what can be done now; gives when something more is due by itself, in seconds since 1970."""
        await self._settle()
        now = self._clock()
        if len(self._held) < READY_LIMIT:
            await self._fetch(now)
        self._send()
        return await self._journal.next_due(self.webhook.name, now)

    def stop(self) -> None:
        """Send nothing more."""
        self._is_stopping = True
        self._news.set()

    async def close(self) -> None:
        """After stop: let what is being sent come to its end, if that is soon; the rest stays in the journal."""
        if self._sending:
            await asyncio.wait(self._sending, timeout=FAREWELL_PATIENCE)
        for task in list(self._sending):
            task.cancel()
        await asyncio.gather(*self._sending, return_exceptions=True)
        await self._settle()

    async def _wait(self, due_at: float | None) -> None:
        seconds = None if due_at is None else max(due_at - self._clock(), 0.0)
        try:
            await asyncio.wait_for(self._news.wait(), seconds)
        except TimeoutError:
            pass

    async def _fetch(self, now: float) -> None:
        """Fill up what is ready. The held ones are still in the journal, and due: they come along, unwanted."""
        for delivery in await self._journal.due(self.webhook.name, now, READY_LIMIT + len(self._held)):
            if delivery.number not in self._held and len(self._held) < READY_LIMIT:
                self._held.add(delivery.number)
                self._ready.append(delivery)

    async def _settle(self) -> None:
        settled, self._settled = self._settled, []
        if settled:
            await self._journal.settle(self.webhook.name, settled, self._clock())
            self._held.difference_update(each.delivery.number for each in settled)

    def _send(self) -> None:
        """Fill the connections that are free from what is ready."""
        while self._ready and len(self._sending) < CONNECTIONS and not self._is_stopping:
            task = asyncio.get_running_loop().create_task(self._deliver(self._ready.popleft()))
            self._sending.add(task)
            task.add_done_callback(self._sent)

    def _sent(self, task: asyncio.Task[None]) -> None:
        self._sending.discard(task)
        if not task.cancelled():
            task.result()  # a bug is told by the loop, with its trace
        self._send()
        self._news.set()

    async def _deliver(self, delivery: Delivery) -> None:
        webhook = self.webhook
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "multiring",
            "Idempotency-Key": delivery.key,
            **signature_headers(webhook.secret, int(self._clock()), delivery.body),
        }
        problem = await self._post(webhook.url, delivery.body, headers, webhook.timeout)
        self._settled.append(self._judged(delivery, problem))

    def _judged(self, delivery: Delivery, problem: str) -> Settled:
        """What is to become of a delivery after an attempt."""
        if not problem:
            self.delivered += 1
            return Settled(delivery, None)
        attempts = delivery.attempts + 1
        if attempts > self.webhook.retry_limit:
            self.given_up += 1
            log.error(
                "an event was given up: the webhook does not take it",
                webhook=self.webhook.name,
                call=delivery.call_id,
                happened=delivery.event,
                key=delivery.key,
                attempts=attempts,
                problem=problem,
            )
            return Settled(delivery, None)
        self._complain(delivery, problem)
        return Settled(delivery, self._clock() + interval_after(attempts, self._fraction()))

    def _complain(self, delivery: Delivery, problem: str) -> None:
        now = self._clock()
        if now - self._complained_at >= _LOG_INTERVAL:
            self._complained_at = now
            log.warning(
                "a webhook did not take an event; trying on",
                webhook=self.webhook.name,
                call=delivery.call_id,
                problem=problem,
            )
