"""A console on a database of its own, asked without a network; and a core that a test plays."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any, Final

import httpx
from argon2 import PasswordHasher

from b2bua.calls.record import CallOutcome, CallRecord, RecipientOutcome, RecipientRecord, TraceEntry
from b2bua.config import load
from b2bua.console.application import application
from b2bua.console.database import open_database
from b2bua.console.desk import Desk
from b2bua.console.passwords import Passwords
from b2bua.console.people import ROLES
from b2bua.control import ControlServer
from b2bua.store import Store

NOW: Final = 1_790_000_000.0  # 2026-09-21 14:13:20 UTC
SECOND: Final = 1_000_000
PASSWORD: Final = "a horse of course"
CONFIGURATION: Final = """
[sip]
listen = ["udp:127.0.0.1:5060"]
[trunks.carrier]
sources = ["192.0.2.0/24"]
address = "sip:192.0.2.9"
allowed_prefixes = ["+1"]
[numbers."+15550100"]
name = "Main line"
flow = "main"
[numbers."+15550101"]
name = "Support"
recipients = [{ name = "Ana", destination = "sip:ana@192.0.2.50" }]
[records]
database = "calls.sqlite"
[console]
prompts = "prompts"
"""
FLOW: Final[dict[str, Any]] = {
    "first": "team",
    "dial": {
        "team": {
            "ring_time": 20.0,
            "nobody_answered": "end",
            "recipients": [
                {"name": "Ana", "destination": "sip:ana@192.0.2.50"},
                {"name": "Ben", "type": "phone", "destination": "+15550102", "trunk": "carrier"},
            ],
        }
    },
    "hang_up": {"end": {}},
}
_INVITE: Final = (
    b"INVITE sip:+15550100@192.0.2.1 SIP/2.0\r\nFrom: <sip:+15557001234@192.0.2.9>\r\nCSeq: 1 INVITE\r\n\r\n"
)

_TRYING: Final = b"SIP/2.0 100 Trying\r\nCSeq: 1 INVITE\r\n\r\n"


class Clock:
    """Seconds since 1970, as a test wants them."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


class Stage:
    """``async with Stage(tmp_path) as stage``; clients are made by `client` and `logged_in`."""

    def __init__(self, place: Path, more: str = "") -> None:
        self.file = place / "multiring.toml"
        self.file.write_text(CONFIGURATION + more, encoding="utf-8")
        self.clock = Clock()
        self.desk: Desk
        self._clients: list[httpx.AsyncClient] = []
        self._core: ControlServer | None = None
        self.asked: list[dict[str, Any]] = []  # of the core
        self.core_answers: dict[str, dict[str, Any]] = {}

    async def __aenter__(self) -> Stage:
        config = load(self.file)
        # Passwords as cheap as argon2 allows: what they cost in earnest is no matter of these tests.
        cheap = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        engine = await open_database(config.records.database, patience=0.0)
        self.desk = Desk(config, engine, self.clock, cheap)
        self.app = application(self.desk)
        return self

    async def __aexit__(self, *_: object) -> None:
        for client in self._clients:
            await client.aclose()
        if self._core is not None:
            await self._core.close()
        await self.desk.close()

    def client(self, address: str = "192.0.2.200", **headers: str) -> httpx.AsyncClient:
        """A browser or program that nobody knows yet."""
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False, client=(address, 40000))
        made = httpx.AsyncClient(transport=transport, base_url="http://console", headers=headers)
        self._clients.append(made)
        return made

    async def logged_in(self, role: str) -> httpx.AsyncClient:
        """Somebody of a role, made and logged in; his name is the role's."""
        if await self.desk.people.user(role) is None:
            await self.desk.people.add(role, ROLES[role], PASSWORD, "a test")
        client = self.client()
        answer = await client.post("/api/session", json={"name": role, "password": PASSWORD})
        assert answer.status_code == 200, answer.text
        client.headers["X-CSRF-Token"] = answer.json()["csrf"]
        return client

    async def core(self) -> ControlServer:
        """A core that answers from core_answers, and keeps what it is asked."""
        self._core = ControlServer(self.desk.core.path, self._answer)
        await self._core.start()
        return self._core

    def _answer(self, command: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(command)
        return self.core_answers.get(command["command"], {})

    async def write(self, records: Iterable[CallRecord]) -> None:
        """Calls, by the core's own way."""
        store = await Store.open(self.desk.config.records.database, keep_days=0)
        for record in records:
            store.finish(record)
        await store.close()

    async def actions(self) -> list[str]:
        """What the audit has, the first entry first."""
        entries, _ = await self.desk.audit.entries(200)
        return [entry["action"] for entry in reversed(entries)]


def on_stage(place: Path, play: Callable[[Stage], Awaitable[None]], more: str = "") -> None:
    """Run a test's play on a stage of its own."""

    async def played() -> None:
        async with Stage(place, more) as stage:
            await play(stage)

    asyncio.run(played())


def call(index: int, outcome: CallOutcome | None = CallOutcome.ANSWERED, **changes: Any) -> CallRecord:
    """A call that began index seconds before NOW, answered by Ana after 6.2 s when it was."""
    at = int(NOW * SECOND) - index * SECOND
    record = CallRecord(
        id=f"{index:06x}{'a' * 10}",
        trunk="carrier",
        source="192.0.2.9:5060",
        caller="+15557001234",
        caller_name="Jo Doe",
        dialled="+15550100",
        number_name="Main line",
        sip_call_id=f"{index}@192.0.2.9",
        started_at=at,
        outcome=outcome,
        ended_at=at + 60 * SECOND,
        status=200 if outcome is CallOutcome.ANSWERED else 480,
    )
    ana = RecipientRecord(1, "Ana", "sip:ana@192.0.2.50", RecipientOutcome.NO_ANSWER)
    ben = RecipientRecord(2, "Ben", "sip:+15550102@192.0.2.9", RecipientOutcome.STOPPED)
    for recipient in (ana, ben):
        recipient.invited_at, recipient.ringing_at, recipient.ended_at = at, at + SECOND, record.ended_at
    if outcome is CallOutcome.ANSWERED:
        record.answered_by, record.answered_leg, record.answered_at = "Ana", 1, at + 6_200_000
        ana.outcome, ana.answered_at = RecipientOutcome.ANSWERED, record.answered_at
    record.recipients = [ana, ben]
    record.trace = [
        TraceEntry(at, 0, True, "UDP", "192.0.2.1:5060", "192.0.2.9:5060", _INVITE),
        TraceEntry(at + 1, 0, False, "UDP", "192.0.2.1:5060", "192.0.2.9:5060", _TRYING),
    ]  # fmt: skip
    for name, value in changes.items():
        setattr(record, name, value)
    return record
