"""Round robins in the database: they survive a restart, and a database that fails."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from b2bua.flows import turns
from b2bua.flows.turns import TurnStore
from b2bua.store import StoreError


def run(scenario: Callable[[str], Coroutine[Any, Any, None]], tmp_path: Path) -> None:
    asyncio.run(scenario(str(tmp_path / "calls.sqlite")))


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not is_so():
            await asyncio.to_thread(lambda: None)


def pointer_in(path: str) -> int | None:
    connection = sqlite3.connect(path)
    row = connection.execute("SELECT pointer FROM turn").fetchone()
    connection.close()
    return None if row is None else int(row[0])


def test_the_turn_survives_a_restart(tmp_path: Path) -> None:
    async def scenario(path: str) -> None:
        store = await TurnStore.open(path)
        turn = store.rotation.begin("main", "ring", (1, 1, 1))
        store.rotation.answered(turn, 1, "Ben")
        await store.close()
        again = await TurnStore.open(path)
        assert again.rotation.begin("main", "ring", (1, 1, 1)).start == 2
        assert again.rotation.taken("main", "ring") == {"Ben": 1}
        await again.close()

    run(scenario, tmp_path)


def test_it_is_written_without_being_closed(tmp_path: Path) -> None:
    async def scenario(path: str) -> None:
        store = await TurnStore.open(path, flush_interval=0.001)
        for number in (1, 2):
            store.rotation.begin("main", "ring", (1, 1, 1))
            await until(lambda number=number: pointer_in(path) == number)  # type: ignore[misc]
        await store.close()

    run(scenario, tmp_path)


def test_processes_that_advance_at_once_get_different_turns(tmp_path: Path) -> None:
    async def scenario(path: str) -> None:
        stores = [await TurnStore.open(path) for _ in range(2)]
        got = await asyncio.gather(*(stores[number % 2].advance("main", "ring") for number in range(20)))
        assert sorted(got) == list(range(20))
        assert await stores[0].advance("main", "other") == 0
        for store in stores:
            await store.close()

    run(scenario, tmp_path)


def test_a_pointer_never_goes_back(tmp_path: Path) -> None:
    async def scenario(path: str) -> None:
        store = await TurnStore.open(path)
        for _ in range(5):
            await store.advance("main", "ring")
        store.rotation.begin("main", "ring", (1, 1, 1))
        await store.close()
        assert pointer_in(path) == 5

    run(scenario, tmp_path)


def test_a_database_that_fails_for_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "RETRY_INTERVAL", 0.001)

    async def scenario(path: str) -> None:
        store = await TurnStore.open(path, flush_interval=0.001)
        connection = sqlite3.connect(path)
        connection.execute("ALTER TABLE turn RENAME TO gone")
        connection.commit()
        with capture_logs() as said:
            store.rotation.begin("main", "ring", (1, 1, 1))
            await until(lambda: bool(said))
            connection.execute("ALTER TABLE gone RENAME TO turn")
            connection.commit()
            connection.close()
            await until(lambda: pointer_in(path) == 1)
        assert said[0]["event"] == "whose turn it is cannot be written; trying on"
        await store.close()

    run(scenario, tmp_path)


def test_a_place_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "calls.sqlite").write_text("no database" * 1000)

    async def scenario(path: str) -> None:
        with pytest.raises(StoreError):
            await TurnStore.open(path)

    run(scenario, tmp_path)


def callers_in(path: str) -> list[tuple[str, str]]:
    connection = sqlite3.connect(path)
    rows = connection.execute("SELECT caller, recipient FROM turn_regular ORDER BY caller").fetchall()
    connection.close()
    return [(str(caller), str(recipient)) for caller, recipient in rows]


def test_who_took_a_callers_last_call_survives_a_restart(tmp_path: Path) -> None:
    async def scenario(path: str) -> None:
        store = await TurnStore.open(path, flush_interval=0.001, clock=lambda: 1000.0)
        store.rotation.remember("main", "ring", "15550199", "Ana", 1, 1000.0)
        await until(lambda: callers_in(path) == [("15550199", "Ana")])
        store.rotation.remember("main", "ring", "15550199", "Ben", 1, 1001.0)
        await store.close()
        again = await TurnStore.open(path, clock=lambda: 1002.0)
        assert again.rotation.regular("main", "ring", "15550199", 1, 1002.0) == "Ben"
        await again.close()
        assert callers_in(path) == [("15550199", "Ben")]

    run(scenario, tmp_path)


def test_who_is_not_to_be_known_any_longer_is_removed(tmp_path: Path) -> None:
    async def scenario(path: str) -> None:
        store = await TurnStore.open(path, clock=lambda: 1000.0)
        for caller, days in (("15550101", 1), ("15550102", 2), ("15550103", 3)):
            store.rotation.remember("main", "ring", caller, "Ana", days, 1000.0)
        await store.close()
        now = 1000.0 + 86_400
        again = await TurnStore.open(path, flush_interval=0.001, clock=lambda: now)
        await until(lambda: len(callers_in(path)) == 2)
        now += 86_400
        await until(lambda: callers_in(path) == [("15550103", "Ana")])
        await again.close()

    run(scenario, tmp_path)


def test_a_database_that_fails_is_told_without_the_callers_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "RETRY_INTERVAL", 0.001)

    async def scenario(path: str) -> None:
        store = await TurnStore.open(path, flush_interval=0.001, clock=lambda: 1000.0)
        connection = sqlite3.connect(path)
        connection.execute("ALTER TABLE turn_regular RENAME TO gone")
        connection.commit()
        with capture_logs() as said:
            store.rotation.remember("main", "ring", "15550199", "Ana", 1, 1000.0)
            await until(lambda: bool(said))
        assert "turn_regular" in said[0]["reason"] and "15550199" not in str(said)
        connection.execute("ALTER TABLE gone RENAME TO turn_regular")
        connection.commit()
        connection.close()
        await until(lambda: callers_in(path) == [("15550199", "Ana")])
        await store.close()

    run(scenario, tmp_path)
