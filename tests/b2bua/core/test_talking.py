"""Who talks is written in the call, for should the core be killed in it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from b2bua.calls.record import CallOutcome, CallRecord, RecipientRecord
from b2bua.core.talking import INTERVAL, Talking
from b2bua.store import Archive, Store

START = 1_790_000_000.0  # seconds since 1970


class Shelf:
    """What was given to the store."""

    def __init__(self) -> None:
        self.begun: list[str] = []

    def begin(self, record: CallRecord) -> None:
        self.begun.append(record.id)


def call(name: str, answered_after: float | None, ended_after: float | None = None) -> CallRecord:
    """A call to Ana and Ben; times in seconds after START."""
    began = int(START * 1e6)
    record = CallRecord(name, "carrier", "192.0.2.1:5060", "+15550123", "Jo", "100", "Sales", f"sip-{name}", began)
    record.recipients = [RecipientRecord(1, "Ana", "sip:ana@192.0.2.9"), RecipientRecord(2, "Ben", "sip:ben@192.0.2.9")]
    if answered_after is not None:
        record.answered_by, record.answered_leg = "Ana", 1
        record.answered_at = int((START + answered_after) * 1e6)
        record.outcome, record.status = CallOutcome.ANSWERED, 200
    if ended_after is not None:
        record.ended_at = int((START + ended_after) * 1e6)
    return record


def begun(records: list[CallRecord], looks: int) -> list[list[str]]:
    """What each look writes, INTERVAL apart."""
    shelf, found = Shelf(), []
    talking = Talking(shelf)  # type: ignore[arg-type]
    for look in range(1, looks + 1):
        talking.look(records, look * INTERVAL, START + look * INTERVAL)
        found.append(shelf.begun)
        shelf.begun = []
    return found


def test_each_call_is_written_once_when_it_has_talked_for_a_while() -> None:
    records = [call("a", 0.1), call("b", 4.9), call("c", 5.1), call("rings", None), call("over", 0.1, 0.2)]
    assert begun(records, 4) == [[], ["a", "b"], ["c"], []]


def test_it_looks_once_in_a_while_however_often_it_is_asked() -> None:
    shelf = Shelf()
    talking = Talking(shelf)  # type: ignore[arg-type]
    talking.look([], 100.0, START + 20.0)
    talking.look([call("a", 16.0)], 100.0 + INTERVAL / 2, START + 20.0 + INTERVAL / 2)
    assert not shelf.begun
    talking.look([call("a", 16.0)], 100.0 + INTERVAL, START + 20.0 + INTERVAL)
    assert shelf.begun == ["a"]


def test_after_a_crash_the_record_says_who_talked_and_since_when(tmp_path: Path) -> None:
    file = str(tmp_path / "calls.sqlite")

    async def write(record: CallRecord) -> None:
        store = await Store.open(file)
        Talking(store).look([record], 0.0, START + 60.0)
        await store.close()

    async def read() -> CallRecord | None:
        await (await Store.open(file)).close()  # the next process
        async with Archive(file) as archive:
            return await archive.call("a")

    record = call("a", 2.0)
    asyncio.run(write(record))
    found = asyncio.run(read())
    assert found is not None
    assert (found.outcome, found.answered_by, found.answered_at) == (CallOutcome.INTERRUPTED, "Ana", record.answered_at)
    assert found.reason == "was talking with Ana; also rang Ben"
