"""The messages of calls: which are kept, how they are packed, and when they are let go."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from b2bua.calls.record import (
    NotedTrace,
    TraceEntry,
)
from b2bua.store import Archive
from b2bua.store.rows import TraceKind, pack_trace, unpack_trace
from sip_stack.flow import Flow
from tests.b2bua.stored import (
    answered,
    flush,
    opened,
    rows,
    run,
)


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
