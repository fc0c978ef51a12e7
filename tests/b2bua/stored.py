"""Records to be stored, a store that writes when told to, and what is found in the database then."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from b2bua.calls.record import (
    CallOutcome,
    CallRecord,
    RecipientOutcome,
    RecipientRecord,
    StreamRecord,
    TraceEntry,
)
from b2bua.store import Archive, CallFilter, Store

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
