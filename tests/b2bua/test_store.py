"""Call records written and read again; what happens to them when the database fails."""

from __future__ import annotations

import ast
import asyncio
import sqlite3
from pathlib import Path

import pytest
from structlog.testing import capture_logs

import b2bua
from b2bua.calls.record import (
    CallOutcome,
    RecipientRecord,
)
from b2bua.calls.sentences import INTERRUPTED
from b2bua.store import Archive, Store, writing
from b2bua.store.rows import _FROM_THE_START
from tests.b2bua.stored import (
    DAY,
    START,
    answered,
    complete,
    flush,
    listed,
    opened,
    rows,
    run,
    running,
)


def test_a_call_comes_back_as_it_was(tmp_path: Path) -> None:
    async def scenario(path: Path) -> None:
        record = answered(1)
        store = await opened(path)
        store.begin(record)
        store.finish(record)
        await store.close()
        async with Archive(str(path)) as archive:
            assert await archive.call(record.id) == record
            assert await archive.call(record.id[:6]) == record
            assert await archive.call("sip-1") == record
            assert await archive.call("last") == record
            assert await archive.call("none") is None
        assert (store.written, store.lost, store.waiting) == (1, 0, 0)

    run(scenario, tmp_path)


def test_a_running_call_is_seen_and_then_completed(tmp_path: Path) -> None:
    async def scenario(path: Path) -> None:
        record = running(1)
        store = await opened(path)
        store.begin(record)
        await flush(store)
        assert [call.outcome for call in await listed(path)] == [None]
        complete(record)
        store.finish(record)
        await flush(store)
        async with Archive(str(path)) as archive:
            assert await archive.call("last") == record
        await store.close()

    run(scenario, tmp_path)


def is_of_a_record(target: ast.expr) -> bool:
    return (
        isinstance(target, ast.Attribute)
        and target.attr in _FROM_THE_START
        and ast.unparse(target.value).rpartition(".")[2] == "record"
    )


def test_nobody_changes_what_a_record_says_from_the_start() -> None:
    """The row that was written when the call began keeps it: the one at its end leaves these columns alone."""
    assert is_of_a_record(ast.parse("self.call.record.caller = 1").body[0].targets[0])  # type: ignore[attr-defined]
    changes = [
        f"{path}:{node.lineno}"
        for path in Path(b2bua.__file__).parent.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if is_of_a_record(target)
    ]
    assert not changes


def test_a_call_begun_and_finished_in_one_batch_is_written_once(tmp_path: Path) -> None:
    async def scenario(path: Path) -> None:
        store = await opened(path)
        record = answered(1)
        store.begin(record)
        store.finish(record)
        assert (len(store._begun), len(store._finished)) == (0, 1)
        await store.close()
        assert rows(path, "SELECT count(*) FROM call") == [(1,)]

    run(scenario, tmp_path)


def test_the_flusher_writes_by_itself(tmp_path: Path) -> None:
    async def scenario(path: Path) -> None:
        store = await opened(path, flush_interval=0.01)
        store.finish(answered(1))
        async with asyncio.timeout(60):
            while store.written == 0:
                await asyncio.wait([asyncio.create_task(asyncio.to_thread(lambda: None))])
        assert store.waiting == 0
        await store.close()

    run(scenario, tmp_path)


def test_calls_left_by_a_killed_process_are_marked_interrupted(tmp_path: Path) -> None:
    async def scenario(path: Path) -> None:
        store = await opened(path)
        cut_off = running(1)
        cut_off.recipients = [RecipientRecord(1, "Ana", "sip:ana@x"), RecipientRecord(2, "Ben", "sip:ben@x")]
        store.begin(cut_off)
        store.finish(answered(2))
        await store.close()
        with capture_logs() as logs:
            await (await opened(path, clock=lambda: 1.7e9)).close()
        newest, oldest = await listed(path)
        assert (oldest.outcome, oldest.ended_by) == (CallOutcome.INTERRUPTED, "service")
        assert (oldest.sentence, oldest.reason) == (INTERRUPTED, "was ringing Ana, Ben")
        assert oldest.ended_at == 1_700_000_000_000_000, "when that was noticed"
        assert newest.outcome is CallOutcome.ANSWERED
        assert [line["calls"] for line in logs] == [1]

    run(scenario, tmp_path)


def test_a_locked_database_is_waited_for_and_nothing_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("b2bua.store.opening._BUSY_TIMEOUT", 10)

    async def scenario(path: Path) -> None:
        store = await opened(path, flush_interval=0.005)
        lock = sqlite3.connect(path, isolation_level=None)
        lock.execute("BEGIN IMMEDIATE")
        with capture_logs() as logs:
            for number in range(5):
                store.finish(answered(number))
            async with asyncio.timeout(60):
                while not logs:
                    await asyncio.wait([asyncio.create_task(asyncio.to_thread(lambda: None))])
            assert "trying on" in logs[0]["event"]
            assert "locked" in logs[0]["reason"]
            store.finish(answered(5))  # costs the call nothing
            lock.execute("ROLLBACK")
            lock.close()
            await store.close()
        assert (len(await listed(path)), store.lost) == (6, 0)

    run(scenario, tmp_path)


def test_closing_gives_up_a_database_that_stays_locked_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("b2bua.store.opening._BUSY_TIMEOUT", 10)

    async def scenario(path: Path) -> None:
        store = await opened(path)
        lock = sqlite3.connect(path, isolation_level=None)
        lock.execute("BEGIN IMMEDIATE")
        store.finish(answered(1))
        with capture_logs() as logs:
            await store.close(limit=0.05)
        lock.close()
        assert logs[-1]["event"] == "records lost: the database could not be written"
        assert logs[-1]["calls"] == 1

    run(scenario, tmp_path)


def test_a_full_disk_is_tried_again(tmp_path: Path) -> None:
    async def scenario(path: Path) -> None:
        store = await opened(path)
        async with store._engine.begin() as connection:
            pages = (await connection.exec_driver_sql("PRAGMA page_count")).scalar()
            await connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")
        for number in range(200):
            store.finish(answered(number))
        with capture_logs() as logs:
            writer = asyncio.create_task(store._flush())
            async with asyncio.timeout(60):
                while not logs:
                    await asyncio.wait([asyncio.create_task(asyncio.to_thread(lambda: None))])
            assert "full" in logs[0]["reason"]
            assert store.waiting == 200
            writer.cancel()
            await asyncio.wait([writer])
            await store.close(limit=0)

    run(scenario, tmp_path)


def test_a_record_that_cannot_be_written_does_not_block_the_others(tmp_path: Path) -> None:
    async def scenario(path: Path) -> None:
        store = await opened(path)
        bad = answered(2)
        bad.caller = "\udcff"  # no database takes a lone surrogate
        for record in (answered(1), bad, answered(3)):
            store.finish(record)
        with capture_logs() as logs:
            await flush(store)
        assert [line["event"] for line in logs][-1] == "record lost: the database refused it"
        assert logs[-1]["call"] == bad.id
        assert (store.written, store.lost) == (2, 1)
        assert len(await listed(path)) == 2
        await store.close()

    run(scenario, tmp_path)


def test_a_writer_that_dies_of_a_bug_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object) -> None:
        raise AssertionError("a bug")

    monkeypatch.setattr(Store, "_flush", broken)

    async def scenario(path: Path) -> None:
        with capture_logs() as logs:
            await (await opened(path)).close()
        assert [line["log_level"] for line in logs] == ["critical"]

    run(scenario, tmp_path)


def test_what_waits_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "TRACES_WAITING", 3)
    monkeypatch.setattr(writing, "RECORDS_WAITING", 5)

    async def scenario(path: Path) -> None:
        store = await opened(path)
        with capture_logs() as logs:
            for number in range(7):
                store.finish(answered(number))
        assert (store.waiting, store.lost, store.traces_lost) == (5, 2, 4)
        assert {line["log_level"] for line in logs} == {"error"}
        await store.close()
        assert [len(call.recipients) for call in await listed(path)] == [2] * 5

    run(scenario, tmp_path)


def test_old_records_are_deleted_with_all_that_belongs_to_them(tmp_path: Path) -> None:
    async def scenario(path: Path) -> None:
        store = await opened(path, keep_days=10, clock=lambda: (START + 11 * DAY) / 1e6)
        old, young = answered(1), answered(2)
        young.started_at += 5 * DAY
        store.finish(old)
        store.finish(young)
        await store.close()
        assert [call.id for call in await listed(path)] == [young.id]
        for table in ("recipient", "stream", "trace"):
            assert rows(path, f"SELECT count(DISTINCT call_number) FROM {table}") == [(1,)]

    run(scenario, tmp_path)
