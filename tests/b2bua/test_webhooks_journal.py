"""The table of events that are yet to be told."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from sqlalchemy.exc import DBAPIError
from structlog.testing import capture_logs

from b2bua.store import Store
from b2bua.webhooks import journal as journals
from b2bua.webhooks.journal import Delivery, Entry, Journal, Settled

NOW = 1_790_000_000.0


def entry(call: str, number: int, webhook: str = "crm") -> Entry:
    return Entry(webhook, call, f"{call}-{number}", "recipient.ringing", f"{call}{number}".encode())


def play(path: Path, scene: Callable[[Journal], Awaitable[None]]) -> None:
    async def run() -> None:
        file = str(path / "calls.sqlite")
        await (await Store.open(file)).close()
        journal = Journal(file)
        try:
            await scene(journal)
        finally:
            await journal.close()

    asyncio.run(run())


async def due(journal: Journal, now: float = NOW, webhook: str = "crm") -> list[str]:
    return [each.key for each in await journal.due(webhook, now, 100)]


async def settle(journal: Journal, key: str, due_at: float | None = None, now: float = NOW) -> None:
    (delivery,) = [each for each in await journal.due("crm", now, 100) if each.key == key]
    await journal.settle("crm", [Settled(delivery, due_at)], now)


def test_an_entry_comes_back_whole(tmp_path: Path) -> None:
    async def scene(journal: Journal) -> None:
        await journal.add([entry("a", 1)], NOW)
        (found,) = await journal.due("crm", NOW, 1)
        assert found == Delivery(found.number, "a", "a-1", "recipient.ringing", b"a1", 0)

    play(tmp_path, scene)


def test_only_the_first_of_each_call_is_due(tmp_path: Path) -> None:
    async def scene(journal: Journal) -> None:
        await journal.add([entry("a", 1), entry("b", 1), entry("a", 2)], NOW)
        await journal.add([entry("a", 3)], NOW)
        assert await due(journal) == ["a-1", "b-1"]
        await settle(journal, "a-1")
        assert await due(journal) == ["b-1", "a-2"] or await due(journal) == ["a-2", "b-1"]
        await settle(journal, "a-2")
        await settle(journal, "a-3")
        assert await due(journal) == ["b-1"]

    play(tmp_path, scene)


def test_what_is_postponed_holds_its_call_back(tmp_path: Path) -> None:
    async def scene(journal: Journal) -> None:
        await journal.add([entry("a", 1), entry("a", 2), entry("b", 1)], NOW)
        await settle(journal, "a-1", due_at=NOW + 4)
        await journal.add([entry("a", 3)], NOW + 1)
        assert await due(journal, NOW + 3.9) == ["b-1"]
        assert await journal.next_due("crm", NOW) == NOW + 4
        (again,) = [each for each in await journal.due("crm", NOW + 4, 9) if each.call_id == "a"]
        assert (again.key, again.attempts) == ("a-1", 1)

    play(tmp_path, scene)


def test_webhooks_do_not_hold_each_other_back(tmp_path: Path) -> None:
    async def scene(journal: Journal) -> None:
        await journal.add([entry("a", 1), entry("a", 1, "other"), entry("a", 2, "other")], NOW)
        await settle(journal, "a-1", due_at=NOW + 60)
        assert await due(journal, webhook="other") == ["a-1"]
        assert await journal.waiting() == {"crm": 1, "other": 2}
        await journal.forget("other")
        assert await journal.waiting() == {"crm": 1}

    play(tmp_path, scene)


def test_several_are_settled_at_once(tmp_path: Path) -> None:
    async def scene(journal: Journal) -> None:
        await journal.add([entry(call, number) for call in "abc" for number in (1, 2)], NOW)
        first, second, third = await journal.due("crm", NOW, 9)
        settled = [Settled(first, None), Settled(second, NOW + 9), Settled(third, None)]
        await journal.settle("crm", settled, NOW)
        assert sorted(await due(journal)) == ["a-2", "c-2"]

    play(tmp_path, scene)


def test_nothing_more_is_due(tmp_path: Path) -> None:
    async def scene(journal: Journal) -> None:
        assert await journal.next_due("crm", NOW) is None
        await journal.add([], NOW)
        assert await due(journal) == []

    play(tmp_path, scene)


def test_it_is_there_after_a_restart(tmp_path: Path) -> None:
    async def scene(journal: Journal) -> None:
        await journal.add([entry("a", 1), entry("a", 2)], NOW)

    play(tmp_path, scene)

    async def later(journal: Journal) -> None:
        assert await due(journal) == ["a-1"]

    play(tmp_path, later)


def test_a_database_that_is_locked_is_tried_until_it_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journals, "RETRY_INTERVAL", 0.0)
    monkeypatch.setattr("b2bua.store.opening._BUSY_TIMEOUT", 1)

    async def scene(journal: Journal) -> None:
        other = sqlite3.connect(tmp_path / "calls.sqlite", isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        failed = asyncio.Event()
        complain = journal._complain

        def note(problem: DBAPIError) -> None:
            complain(problem)
            failed.set()

        monkeypatch.setattr(journal, "_complain", note)
        adding = asyncio.ensure_future(journal.add([entry("a", 1)], NOW))
        async with asyncio.timeout(60):
            await failed.wait()
            assert not adding.done()
            other.execute("ROLLBACK")
            await adding
        other.close()
        assert await due(journal) == ["a-1"]

    with capture_logs() as logs:
        play(tmp_path, scene)
    assert [line["event"] for line in logs] == ["the table of events cannot be used; trying on"]


def test_what_is_due_is_found_by_an_index(tmp_path: Path) -> None:
    """A long backlog, all of one call even, must not be read through again and again."""

    async def scene(_: Journal) -> None:
        return

    play(tmp_path, scene)
    connection = sqlite3.connect(tmp_path / "calls.sqlite")
    for query, index in (
        ("SELECT body FROM webhook_delivery WHERE webhook='a' AND due_at<=1 ORDER BY due_at, number LIMIT 9",
         "ix_webhook_delivery_webhook_due_at (webhook=? AND due_at<?)"),
        ("SELECT min(due_at) FROM webhook_delivery WHERE webhook='a' AND due_at>1",
         "ix_webhook_delivery_webhook_due_at (webhook=? AND due_at>?)"),
        ("SELECT min(number) FROM webhook_delivery WHERE webhook='a' AND call_id='b'",
         "ix_webhook_delivery_webhook_call_id_number (webhook=? AND call_id=?)"),
    ):  # fmt: skip
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {query}")]
        assert any(index in step for step in plan), plan
        assert not any("TEMP B-TREE" in step for step in plan)
    connection.close()
