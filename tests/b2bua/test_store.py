"""Call records written and read again; what happens to them when the database fails."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from b2bua.calls.record import (
    CallOutcome,
    CallRecord,
    NotedTrace,
    RecipientOutcome,
    RecipientRecord,
    StreamRecord,
    TraceEntry,
)
from b2bua.calls.sentences import INTERRUPTED
from b2bua.store import Archive, CallFilter, Store, StoreError, schema, writing
from b2bua.store.opening import open_engine, said
from b2bua.store.rows import TraceKind, pack_trace, unpack_trace
from sip_stack.flow import Flow

START = 1_790_000_000_000_000
DAY = 86_400_000_000
NO_FILTER = CallFilter()


def running(number: int, caller: str = "+15550123", dialled: str = "100") -> CallRecord:
    return CallRecord(
        id=f"{number:04x}{'c0ffee' * 3}",
        trunk="carrier",
        source="192.0.2.1:5060",
        caller=caller,
        caller_name="Jo",
        dialled=dialled,
        number_name="Sales",
        sip_call_id=f"sip-{number}",
        started_at=START + number * 1_000_000,
    )


def answered(number: int, by: str = "Ana", **fields: Any) -> CallRecord:
    record = running(number, **fields)
    complete(record, by)
    return record


def complete(record: CallRecord, by: str = "Ana") -> None:
    at = record.started_at
    record.outcome = CallOutcome.ANSWERED
    record.sentence = f"{by} answered after 6.2 s"
    record.answered_by, record.answered_leg = by, 1
    record.ringing_at, record.answered_at, record.ended_at = at + 100_000, at + 6_200_000, at + 9_000_000
    record.ended_by, record.status, record.reason = "caller", 200, "OK"
    record.configuration = "0123456789ab"
    record.recipients = [
        RecipientRecord(
            1,
            by,
            "sip:a@192.0.2.7",
            RecipientOutcome.ANSWERED,
            "Answered",
            200,
            "OK",
            "b1",
            at,
            at + 1,
            at + 2,
        ),
        RecipientRecord(
            2, "Ben", "sip:b@192.0.2.8", RecipientOutcome.TOO_LATE, "Late", 200, "OK", "b2", late_by=8_214
        ),
    ]
    record.streams = [
        StreamRecord(
            0, 0, 100, 17_200, -1, 1.5, 0xFFFFFFFF, 0, 99, 2, 0.04, "192.0.2.1:4000", ssrc_changes=1, malformed=3,
            rtcp_packets=12, owed=60.5, silent=0.25, drops={"no far end": 7}, codec="opus", heard_by=1, round_trip=38.5,
            reported_lost=-2, reported_jitter=3.25, mos=4.21, is_one_way=False,
        ),
        StreamRecord(1, 0, heard_by=0, is_one_way=True),
        StreamRecord(2, 0, 5),
    ]
    record.trace = [
        TraceEntry(
            at, 0, True, "UDP", "192.0.2.5:5060", "192.0.2.1:5060", b"INVITE sip:100 SIP/2.0\r\n\r\nv=0\r\n"
        ),
        TraceEntry(at + 5, 1, False, "TCP", "192.0.2.5:5060", "192.0.2.7:5060", bytes(range(256))),
    ]


def run(scenario: Callable[[Path], Coroutine[Any, Any, None]], path: Path) -> None:
    asyncio.run(scenario(path / "calls.sqlite"))


async def opened(path: Path, **options: Any) -> Store:
    """A store that writes only when told to, by flush()."""
    return await Store.open(str(path), **{"flush_interval": 1e6, **options})


async def flush(store: Store) -> None:
    await store._flush()


async def listed(path: Path, wanted: CallFilter = NO_FILTER) -> list[CallRecord]:
    async with Archive(str(path)) as archive:
        return await archive.calls(wanted)


def rows(path: Path, query: str) -> list[Any]:
    connection = sqlite3.connect(path)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


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


def test_only_the_latest_traces_are_kept(tmp_path: Path) -> None:
    async def scenario(path: Path) -> None:
        store = await opened(path, keep_traces=3)
        for number in range(10):
            store.finish(answered(number))
            await flush(store)
        await store.close()
        kept = rows(path, "SELECT id FROM call JOIN trace ON call_number = number ORDER BY number")
        assert [row[0][:4] for row in kept] == ["0007", "0008", "0009"]
        assert rows(path, "SELECT count(*) FROM call") == [(10,)]

    run(scenario, tmp_path)


@pytest.mark.parametrize(("trace", "bodies"), [("full", b"v=0\r\n"), ("ladder", b"")])
def test_traces_with_and_without_bodies(tmp_path: Path, trace: str, bodies: bytes) -> None:
    async def scenario(path: Path) -> None:
        store = await opened(path, trace=trace)
        store.finish(answered(1))
        await store.close()
        async with Archive(str(path)) as archive:
            record = await archive.call("last")
        assert record is not None
        assert record.trace[0].data == b"INVITE sip:100 SIP/2.0\r\n\r\n" + bodies

    run(scenario, tmp_path)


def test_no_traces_when_off(tmp_path: Path) -> None:
    async def scenario(path: Path) -> None:
        for options in ({"trace": "off"}, {"keep_traces": 0}):
            store = await opened(path, **options)
            store.finish(answered(len(options)))
            await store.close()
        assert rows(path, "SELECT count(*) FROM trace") == [(0,)]

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


def test_large_batches_keep_their_traces_uncompressed_and_readable(tmp_path: Path) -> None:
    async def scenario(path: Path) -> None:
        store = await opened(path)
        records = [answered(number) for number in range(60)]
        for record in records:
            store.finish(record)
        await store.close()
        async with Archive(str(path)) as archive:
            assert await archive.call(records[30].id) == records[30]

    run(scenario, tmp_path)


entries_of_any_kind = st.builds(
    TraceEntry,
    st.integers(0, 2**50),
    st.integers(0, 64),
    st.booleans(),
    st.text(),
    st.text(),
    st.text(),
    st.binary(),
)


@given(st.lists(entries_of_any_kind), st.booleans())
def test_traces_pack_and_unpack(entries: list[TraceEntry], compressed: bool) -> None:
    assert unpack_trace(pack_trace(entries, "full", compressed)) == entries


def test_traces_are_let_go_a_twentieth_at_a_time(tmp_path: Path) -> None:
    async def scenario(path: Path) -> None:
        store = await opened(path, keep_traces=40)
        counts = []
        for number in range(46):
            store.finish(answered(number))
            await flush(store)
            with contextlib.closing(sqlite3.connect(path)) as database:
                counts += database.execute("SELECT count(*) FROM trace").fetchone()
        await store.close()
        assert counts[:40] == list(range(1, 41))
        assert max(counts) == 42 and counts[-1] in (40, 41, 42)

    run(scenario, tmp_path)


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("kind", ["full", "ladder"])
def test_what_the_stack_has_noted_is_kept_as_the_entries_that_it_reads_as(kind: TraceKind, compressed: bool) -> None:
    flows = [Flow("UDP", "udp:four", "192.0.2.1", 5060), Flow("TCP", "tcp:six", "2001:db8::1", 5062, 3)]
    messages = [(1.5 + at, at, at == 0, flow, b"BYE sip:h SIP/2.0\r\n\r\n\xff") for at, flow in enumerate(flows)]
    noted = NotedTrace(messages, 1.79e9, {"udp:four": "192.0.2.9:5060", "tcp:six": "[2001:db8::9]:5060"})
    kept = unpack_trace(pack_trace(noted, kind, compressed))
    assert kept == unpack_trace(pack_trace(list(noted), kind, compressed))
    assert [entry.local for entry in kept] == ["192.0.2.9:5060", "[2001:db8::9]:5060"]


# Reading


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (CallFilter(), [5, 4, 3, 2, 1]),
        (CallFilter(limit=2), [5, 4]),
        (CallFilter(limit=2, page=3), [1]),
        (CallFilter(since=START + 3_000_000), [5, 4, 3]),
        (CallFilter(until=START + 3_000_000), [2, 1]),
        (CallFilter(caller="+1"), [2]),
        (CallFilter(dialled="200"), [3]),
        (CallFilter(answered_by="Ben"), [4]),
        (CallFilter(outcome="answered"), [4, 3, 2, 1]),
        (CallFilter(outcome="running"), [5]),
        (CallFilter(text="ben ANSW"), [4]),
        (CallFilter(text="%"), []),
    ],
)
def test_filters(tmp_path: Path, wanted: CallFilter, expected: list[int]) -> None:
    async def scenario(path: Path) -> None:
        store = await opened(path)
        for record in (
            answered(1),
            answered(2, caller="+1"),
            answered(3, dialled="200"),
            answered(4, by="Ben"),
        ):
            store.finish(record)
        store.begin(running(5))
        await flush(store)
        found = await listed(path, wanted)
        assert [int(call.id[:4], 16) for call in found] == expected
        async with Archive(str(path)) as archive:
            unpaged = CallFilter(
                **{**{name: getattr(wanted, name) for name in wanted.__slots__}, "limit": 99, "page": 1}
            )
            assert await archive.count(wanted) == len(await archive.calls(unpaged))
        await store.close()

    run(scenario, tmp_path)


def test_a_beginning_that_fits_two_calls_is_refused(tmp_path: Path) -> None:
    async def scenario(path: Path) -> None:
        store = await opened(path)
        store.finish(answered(1))
        store.finish(answered(2))
        await store.close()
        async with Archive(str(path)) as archive:
            with pytest.raises(StoreError, match="write more of it"):
                await archive.call("000")

    run(scenario, tmp_path)


def test_filters_use_their_indexes(tmp_path: Path) -> None:
    async def scenario(path: Path) -> None:
        await (await opened(path)).close()
        for column in ("caller", "dialled", "outcome", "answered_by"):
            query = f"EXPLAIN QUERY PLAN SELECT * FROM call WHERE {column} = 'x' ORDER BY started_at DESC"
            plan = " ".join(str(row[-1]) for row in rows(path, query))
            assert f"ix_call_{column}_started_at" in plan
            assert "TEMP B-TREE" not in plan

    run(scenario, tmp_path)


# Opening


def test_there_is_nothing_to_read_before_the_service_has_run(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="has the service run"):
        Archive(str(tmp_path / "none.sqlite"))
    assert not (tmp_path / "none.sqlite").exists()


@pytest.mark.parametrize("url", ["nonsense://x", "oracle://u:p@h/x"])
def test_a_database_without_a_driver(url: str) -> None:
    with pytest.raises(StoreError, match="no driver"):
        asyncio.run(Store.open(url))


def test_a_place_where_no_file_can_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be opened"):
        asyncio.run(Store.open(str(tmp_path / "file" / "calls.sqlite")))
    with pytest.raises(StoreError, match="cannot be opened: Is a directory"):
        asyncio.run(open_engine(str(tmp_path)))
    (tmp_path / "text").write_text("no database" * 1000)
    with pytest.raises(StoreError, match="cannot be opened"):
        asyncio.run(Store.open(str(tmp_path / "text")))


def test_no_thread_is_left_of_a_database_that_cannot_be_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would call on our loop when that may be closed, and print a traceback into the command's answer."""
    monkeypatch.setattr("aiosqlite.connect", lambda *_, **__: pytest.fail("its thread would be started"))
    monkeypatch.setattr("os.access", lambda *_: False)
    for file in (tmp_path, tmp_path / "none.sqlite"):
        with pytest.raises(StoreError, match=r"Is a directory|cannot be made in"):
            asyncio.run(open_engine(str(file)))


def test_a_database_of_a_later_version_is_refused(tmp_path: Path) -> None:
    async def scenario(path: Path) -> None:
        await (await opened(path)).close()
        connection = sqlite3.connect(path)
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
        connection.close()
        with pytest.raises(StoreError, match="9999"):
            await opened(path)

    run(scenario, tmp_path)


def test_migrations_and_tables_agree(tmp_path: Path) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.config import Config
    from alembic.migration import MigrationContext
    from alembic.script import ScriptDirectory
    from sqlalchemy import create_engine

    from b2bua.store.opening import _migrate

    engine = create_engine(f"sqlite:///{tmp_path / 'migrated.sqlite'}")
    with engine.begin() as connection:
        _migrate(connection)
        assert compare_metadata(MigrationContext.configure(connection), schema.metadata) == []
        migrated = [
            tuple(row)
            for row in connection.exec_driver_sql(
                "SELECT name, type FROM sqlite_master WHERE name LIKE 'ix_%'"
            )
        ]
    engine.dispose()
    asyncio.run(_open_and_close(tmp_path / "made.sqlite"))
    made = rows(tmp_path / "made.sqlite", "SELECT name, type FROM sqlite_master WHERE name LIKE 'ix_%'")
    assert sorted(migrated) == sorted(made)
    config = Config()
    config.set_main_option("script_location", str(Path(writing.__file__).parents[1] / "migrations"))
    assert ScriptDirectory.from_config(config).get_current_head() == schema.HEAD


def test_streams_of_before_have_no_quality(tmp_path: Path) -> None:
    """A database of 0004: the columns that 0005 adds say that nothing is known."""
    from alembic import command
    from alembic.config import Config

    path = tmp_path / "calls.sqlite"
    config = Config()
    config.set_main_option("script_location", str(Path(writing.__file__).parents[1] / "migrations"))
    config.set_main_option("sqlalchemy.url", f"sqlite:///{path}")

    def migrated(revision: str) -> None:
        from sqlalchemy import create_engine

        engine = create_engine(f"sqlite:///{path}")
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, revision)
        engine.dispose()

    migrated("0004")
    connection = sqlite3.connect(path)
    connection.execute("INSERT INTO stream VALUES (1, 0, 0, 9, 9, 0, 1.5, 7, 0, 9, 0, 0.1, 'far')")
    connection.commit()
    connection.close()
    migrated("0005")
    assert rows(path, "SELECT packets, drops, heard_by, mos, owed FROM stream") == [(9, "", None, None, 0.0)]


async def _open_and_close(path: Path) -> None:
    await (await opened(path)).close()


def test_a_database_without_a_revision_is_migrated_from_the_start(tmp_path: Path) -> None:
    """An alembic_version table that is empty: the first migration was cut short."""
    connection = sqlite3.connect(tmp_path / "calls.sqlite")
    connection.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
    connection.commit()
    connection.close()

    async def scenario(path: Path) -> None:
        store = await opened(path)
        store.finish(answered(1))
        await store.close()
        assert len(await listed(path)) == 1

    run(scenario, tmp_path)


def test_opening_does_not_import_alembic(tmp_path: Path) -> None:
    program = (
        "import asyncio, sys\nfrom b2bua.store import Store\n"
        "async def run():\n    await (await Store.open(sys.argv[1])).close()\n"
        "asyncio.run(run())\nassert 'alembic' not in sys.modules\n"
    )
    for _ in range(2):
        subprocess.run([sys.executable, "-c", program, str(tmp_path / "x.sqlite")], check=True)


def test_what_a_database_says_is_told_without_the_statement_and_its_values() -> None:
    full = Exception("database or disk is full")
    problem = OperationalError("UPDATE call SET caller = ?", {"caller": "+15550123"}, full)
    assert said(problem) == "database or disk is full"
    assert said(OSError("no such place")) == "no such place"
