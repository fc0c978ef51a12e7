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
    async with asyncio.timeout(10):
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
        turn = store.rotation.begin("main", "ring", 3)
        store.rotation.answered(turn, 1, "Ben")
        await store.close()
        again = await TurnStore.open(path)
        assert again.rotation.begin("main", "ring", 3).start == 2
        assert again.rotation.taken("main", "ring") == {"Ben": 1}
        await again.close()

    run(scenario, tmp_path)


def test_it_is_written_without_being_closed(tmp_path: Path) -> None:
    async def scenario(path: str) -> None:
        store = await TurnStore.open(path, flush_interval=0.001)
        for number in (1, 2):
            store.rotation.begin("main", "ring", 3)
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
        store.rotation.begin("main", "ring", 3)
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
            store.rotation.begin("main", "ring", 3)
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
