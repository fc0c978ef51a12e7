"""A courier between a real journal and a server that a test plays, on a clock that a test turns."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from b2bua.config import Webhook
from b2bua.store import Store
from b2bua.webhooks import courier as couriers
from b2bua.webhooks.courier import CONNECTIONS, READY_LIMIT, Courier
from b2bua.webhooks.journal import Entry, Journal

UNCHECKED = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
START = 1_790_000_000.0
WEBHOOK = Webhook("crm", "https://crm.example.com/calls", b"0123456789abcdef", frozenset(), 10.0, 20)
LIMIT = 60.0


class Server:
    """What posts come to; problems gives what each of them meets, "" for success."""

    def __init__(self, problems: Callable[[str], str] = lambda _: "") -> None:
        self.problems = problems
        self.keys: list[str] = []  # of what was taken
        self.tried: list[tuple[float, str, Mapping[str, str]]] = []
        self.busy = 0
        self.busiest = 0
        self.open = asyncio.Event()
        self.open.set()
        self.now = START

    async def __call__(self, url: str, body: bytes, headers: Mapping[str, str], patience: float) -> str:
        assert (url, patience) == (WEBHOOK.url, WEBHOOK.timeout)
        self.busy += 1
        self.busiest = max(self.busiest, self.busy)
        self.tried.append((self.now, headers["Idempotency-Key"], headers))
        try:
            await self.open.wait()
        finally:
            self.busy -= 1
        problem = self.problems(headers["Idempotency-Key"])
        if not problem:
            self.keys.append(headers["Idempotency-Key"])
        return problem


class Stage:
    def __init__(self, journal: Journal, server: Server, webhook: Webhook) -> None:
        self.journal = journal
        self.server = server
        self.courier = Courier(webhook, journal, server, lambda: server.now, lambda: 0.0, pace=0.0)

    async def add(self, *keys: str) -> None:
        """Keys like "a-1": of call a."""
        entries = [Entry("crm", key.partition("-")[0], key, "call.started", b"{}") for key in keys]
        await self.journal.add(entries, self.server.now)

    async def settle_all(self) -> None:
        """Steps, at each moment that something is due, until nothing is left."""
        async with asyncio.timeout(LIMIT):
            while await self.journal.waiting():
                due_at = await self.courier.step()
                sending = list(self.courier._sending)
                if sending:
                    await asyncio.wait(sending)
                elif not self.courier._settled and due_at is not None:
                    self.server.now = due_at


def play(
    path: Path,
    scene: Callable[[Stage], Awaitable[None]],
    problems: Callable[[str], str] = lambda _: "",
    webhook: Webhook = WEBHOOK,
) -> Server:
    servers: list[Server] = []

    async def run() -> None:
        file = str(path / "calls.sqlite")
        await (await Store.open(file)).close()
        journal = Journal(file)
        servers.append(Server(problems))
        stage = Stage(journal, servers[0], webhook)
        try:
            await scene(stage)
        finally:
            stage.courier.stop()
            await stage.courier.close()
            await journal.close()

    asyncio.run(run())
    return servers[0]


def failing(times: int) -> Callable[[str], str]:
    """Each key fails so many times, then is taken."""
    left: dict[str, int] = {}

    def problems(key: str) -> str:
        left[key] = left.get(key, times) - 1
        return "500 Oops" if left[key] >= 0 else ""

    return problems


def test_events_are_taken_in_the_order_of_their_call(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await stage.add("a-1", "b-1", "a-2", "a-3", "b-2")
        await stage.settle_all()

    keys = play(tmp_path, scene).keys
    assert [key for key in keys if key[0] == "a"] == ["a-1", "a-2", "a-3"]
    assert [key for key in keys if key[0] == "b"] == ["b-1", "b-2"]


@given(seed=st.integers(0, 2**32))
@settings(max_examples=15, deadline=None, suppress_health_check=UNCHECKED)
def test_in_order_and_none_lost_whatever_fails(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    dice = random.Random(seed)
    calls = {call: [f"{call}-{number}" for number in range(dice.randint(1, 4))] for call in "abcdef"}

    async def scene(stage: Stage) -> None:
        left = {call: list(keys) for call, keys in calls.items()}
        while any(left.values()):
            call = dice.choice([call for call, keys in left.items() if keys])
            await stage.add(left[call].pop(0))
            if dice.random() < 0.5:
                await stage.courier.step()
        await stage.settle_all()

    server = play(tmp_path_factory.mktemp("x"), scene, lambda _: "500" if dice.random() < 0.4 else "")
    for call, keys in calls.items():
        assert [key for key in server.keys if key[0] == call] == keys


def test_a_failure_is_tried_again_after_growing_intervals(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await stage.add("a-1", "a-2")
        await stage.settle_all()

    server = play(tmp_path, scene, failing(3))
    times = [round(at - START, 3) for at, key, _ in server.tried if key == "a-1"]
    assert times == [0.0, 1.0, 3.0, 7.0]
    assert server.keys == ["a-1", "a-2"]


def test_each_attempt_is_signed_for_its_own_time(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await stage.add("a-1")
        await stage.settle_all()

    server = play(tmp_path, scene, failing(1))
    first, second = (headers for _, _, headers in server.tried)
    assert first["X-Multiring-Timestamp"] == str(int(START))
    assert second["X-Multiring-Timestamp"] == str(int(START) + 1)
    assert first["X-Multiring-Signature"] != second["X-Multiring-Signature"]
    assert first["Content-Type"] == "application/json"


def test_what_is_never_taken_is_given_up_loudly_and_the_next_is_sent(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await stage.add("a-1", "a-2")
        await stage.settle_all()
        assert (stage.courier.delivered, stage.courier.given_up) == (1, 1)

    def problems(key: str) -> str:
        return "410 Gone" if key == "a-1" else ""

    with capture_logs() as logs:
        server = play(tmp_path, scene, problems, replace(WEBHOOK, retry_limit=2))
    assert [key for _, key, _ in server.tried] == ["a-1", "a-1", "a-1", "a-2"]
    (line,) = [line for line in logs if line["log_level"] == "error"]
    assert (line["webhook"], line["call"], line["key"], line["attempts"]) == ("crm", "a", "a-1", 3)
    assert line["problem"] == "410 Gone"


def test_a_webhook_that_fails_is_told_of_once_a_minute(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await stage.add("a-1", "b-1", "c-1")
        await stage.settle_all()

    with capture_logs() as logs:
        play(tmp_path, scene, failing(6))  # at 0, 1, 3, 7, 15, 31 s
    assert [line["log_level"] for line in logs] == ["warning"]


def test_connections_and_memory_are_bounded(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await stage.add(*(f"{number}-1" for number in range(3 * READY_LIMIT)))
        stage.server.open.clear()
        for _ in range(3):
            await stage.courier.step()
        await asyncio.wait(stage.courier._sending, return_when=asyncio.FIRST_COMPLETED, timeout=0)
        assert len(stage.courier._held) == READY_LIMIT
        stage.server.open.set()
        await stage.settle_all()

    server = play(tmp_path, scene)
    assert server.busiest == CONNECTIONS
    assert len(set(server.keys)) == len(server.keys) == 3 * READY_LIMIT


def test_it_runs_by_itself_and_sleeps_until_something_is_due(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        taken = asyncio.Event()
        fails = failing(1)

        def problems(key: str) -> str:
            problem = fails(key)
            taken.set()
            return problem

        stage.server.problems = problems
        running = asyncio.ensure_future(stage.courier.run())
        async with asyncio.timeout(LIMIT):
            await stage.add("a-1")
            stage.courier.wake()
            await taken.wait()
            taken.clear()
            while not await stage.journal.next_due("crm", stage.server.now):
                pass  # the journal's own thread lets the loop go on
            stage.server.now += 1.0
            stage.courier.wake()
            await taken.wait()
        assert stage.server.keys == ["a-1"]
        stage.courier.stop()
        await running

    play(tmp_path, scene)


def test_the_end_waits_for_what_is_being_sent(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await stage.add(*(f"{number}-1" for number in range(CONNECTIONS + 2)))
        stage.server.open.clear()
        await stage.courier.step()
        stage.courier.stop()
        asyncio.get_running_loop().call_soon(stage.server.open.set)
        await stage.courier.close()
        assert await stage.journal.waiting() == {"crm": 2}  # the rest is for the next start

    assert len(play(tmp_path, scene).keys) == CONNECTIONS


def test_the_end_does_not_wait_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(couriers, "FAREWELL_PATIENCE", 0.0)

    async def scene(stage: Stage) -> None:
        await stage.add("a-1")
        stage.server.open.clear()
        await stage.courier.step()
        stage.courier.stop()
        await stage.courier.close()
        assert stage.courier._sending == set()
        assert await stage.journal.waiting() == {"crm": 1}

    play(tmp_path, scene)
