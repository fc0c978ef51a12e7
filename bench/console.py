"""How long the console takes with many calls in the log: `python -m bench.console [--calls N] [--rounds N]`.

The database is filled through the store that the core writes with. First the answers of the API: requests go
through the whole application, in this process, so that what is measured is the console and not a network. Then every
page in a browser, and what an open wallboard costs; see bench/console_pages.py. All that docs/performance.md says of
the console is from here.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import httpx

from b2bua.calls.record import CallOutcome, CallRecord, RecipientOutcome, RecipientRecord, TraceEntry
from b2bua.config import load
from b2bua.console.application import application
from b2bua.console.database import open_database
from b2bua.console.desk import Desk
from b2bua.console.people import Role
from b2bua.store import Store
from b2bua.store.summing import advance
from bench import console_pages

DAYS: Final = 80
ROUNDS: Final = 7
_BATCH: Final = 4_000
_DAY: Final = 86_400_000_000
_PEOPLE: Final = ("Ana", "Ben", "Carl", "Dora", "Emil")
_NUMBERS: Final = tuple(
    (f"+1555010{digit}", name) for digit, name in enumerate(("Main line", "Support", "Sales", ""))
)
_OUTCOMES: Final = (
    *((CallOutcome.ANSWERED,) * 70),
    *((CallOutcome.ABANDONED,) * 12),
    *((CallOutcome.NO_ANSWER,) * 10),
    *((CallOutcome.BUSY,) * 4),
    *((CallOutcome.UNREACHABLE,) * 3),
    CallOutcome.FAILED,
)
_INVITE: Final = b"INVITE sip:ana@127.0.0.1 SIP/2.0\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"

CONFIGURATION: Final = """
[trunks.carrier]
sources = ["192.0.2.0/24"]
[sip]
listen = ["udp:127.0.0.1:0"]
[numbers."+15550100"]
name = "Main line"
recipients = [{ name = "Ana", destination = "sip:ana@192.0.2.50" }]
[records]
database = "calls.sqlite"
"""

REQUESTS: Final = (
    ("the log, first page", "/api/calls"),
    ("the log, 200 calls", "/api/calls?limit=200"),
    ("answered", "/api/calls?outcome=answered"),
    ("missed, four outcomes", "/api/calls?outcome=missed"),
    ("problem, three outcomes", "/api/calls?outcome=problem"),
    ("one number, missed", "/api/calls?number=Support&outcome=missed"),
    ("one number, no such outcome", "/api/calls?number=Support&outcome=declined"),
    ("answered by one", "/api/calls?answered_by=Emil"),
    ("of one caller", "/api/calls?caller=%2B15557001234"),
    ("a text, found at once", "/api/calls?q=Ana"),
    ("a text, found nowhere", "/api/calls?q=nowhere+at+all"),
    ("missed, a text, found nowhere", "/api/calls?outcome=missed&q=nowhere+at+all"),
    ("one number, a text found late", "/api/calls?number=Support&q=00000005"),
    ("answered by one, a text", "/api/calls?answered_by=Emil&q=Acme"),
    ("one call", "/api/calls/last"),
    ("today", "/api/summary"),
    ("numbers", "/api/numbers"),
    ("statistics of 30 days, as known", "/api/statistics"),
    ("statistics of one number", "/api/statistics?number=Support"),
)


def records(calls: int, now: int, seed: int = 1) -> Iterator[CallRecord]:
    """So many calls over DAYS days up to now (microseconds since 1970), the oldest first."""
    dice = random.Random(seed)
    for index in range(calls):
        yield _record(dice, index, now - DAYS * _DAY + index * (DAYS * _DAY // calls))


def _record(dice: random.Random, index: int, at: int) -> CallRecord:
    dialled, name = dice.choice(_NUMBERS)
    outcome = dice.choice(_OUTCOMES)
    winner = dice.randrange(3)
    record = CallRecord(
        id=f"{index:08x}{dice.getrandbits(64):016x}",
        trunk="carrier",
        source="192.0.2.7:5060",
        caller=f"+1555700{dice.randrange(10_000):04}",
        caller_name=dice.choice(("Jo Doe", "", "Acme Ltd")),
        dialled=dialled,
        number_name=name,
        sip_call_id=f"{index}@192.0.2.7",
        started_at=at,
        outcome=outcome,
        ended_at=at + dice.randrange(4_000_000, 300_000_000),
        status=200 if outcome is CallOutcome.ANSWERED else 480,
        configuration="bench",
    )
    for leg, person in enumerate(dice.sample(_PEOPLE, 3)):
        recipient = RecipientRecord(
            leg + 1, person, f"sip:{person.lower()}@127.0.0.1", RecipientOutcome.NO_ANSWER
        )
        recipient.invited_at, recipient.ringing_at = at + 1_000, at + 50_000
        recipient.ended_at = record.ended_at
        if outcome is CallOutcome.ANSWERED:
            recipient.outcome = RecipientOutcome.STOPPED
            if leg == winner:
                recipient.outcome = RecipientOutcome.ANSWERED
                recipient.answered_at = record.answered_at = at + dice.randrange(1_500_000, 20_000_000)
                record.answered_by, record.answered_leg = person, leg + 1
        record.recipients.append(recipient)
    record.ringing_at = at + 60_000
    record.trace = [TraceEntry(at, 0, True, "UDP", "127.0.0.1:5060", "192.0.2.7:5060", _INVITE)]
    return record


async def fill(database: str, calls: int, now: int) -> None:
    """Write so many calls by the core's own way."""
    store = await Store.open(database, keep_days=0, flush_interval=0.01)
    for count, record in enumerate(records(calls, now), 1):
        store.finish(record)
        if count % _BATCH == 0:
            while store.waiting:  # noqa: ASYNC110 (the store tells nobody when it has written)
                await asyncio.sleep(0.01)
    await store.close(120)


async def measure(directory: Path, calls: int) -> None:
    file = directory / "bench.toml"
    file.write_text(CONFIGURATION)
    config = load(file)
    now = time.time_ns() // 1000
    began = time.monotonic()
    await fill(config.records.database, calls, now)
    print(
        f"{calls} calls written in {time.monotonic() - began:.1f} s; milliseconds, median and longest of {ROUNDS}:"
    )
    desk = Desk(config, await open_database(config.records.database))
    began = time.monotonic()
    while await advance(desk.engine):  # as the console does by itself, every few seconds
        pass
    print(f"{'counted for the statistics, in s':32} {time.monotonic() - began:8.1f}")
    await desk.people.add("bench", Role.OWNER, "bench bench bench", "bench")
    token, _ = await desk.people.add_token("bench", Role.OWNER, "bench", None)
    transport = httpx.ASGITransport(application(desk))
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://console", headers=headers) as client:
        for name, path in REQUESTS:
            await _measure_one(client, name, path)
        await _measure_export(client)
    await desk.close()


async def _measure_one(client: httpx.AsyncClient, name: str, path: str) -> None:
    taken = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        answer = await client.get(path)
        taken.append((time.perf_counter() - began) * 1000)
        assert answer.status_code == 200, answer.text
    print(f"{name:32} {statistics.median(taken):8.1f} {max(taken):8.1f}")


async def _measure_export(client: httpx.AsyncClient) -> None:
    began = time.perf_counter()
    lines = (await client.get("/api/calls.csv")).text.count("\n")
    print(f"{'export as CSV':32} {(time.perf_counter() - began) * 1000:8.1f}          ({lines - 1} calls)")


async def run(directory: Path, arguments: argparse.Namespace) -> None:
    await measure(directory, arguments.calls)
    if not console_pages.is_possible():
        print(f"there is no {console_pages.CHROMIUM}: pages are not measured")
        return
    console_pages.keep_calls_only(directory / "calls.sqlite")
    await console_pages.measure(directory, arguments.rounds)
    await console_pages.wallboard(directory)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=100_000, help="in the log")
    parser.add_argument("--rounds", type=int, default=console_pages.ROUNDS, help="loads of each page")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(run(Path(directory), arguments))


if __name__ == "__main__":
    main()
