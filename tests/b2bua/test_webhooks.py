"""Webhooks from the notices of the switchboard to a real server on loopback, over failures and restarts."""

from __future__ import annotations

import asyncio
import itertools
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from b2bua.calls.record import CallOutcome, CallRecord, RecipientOutcome, RecipientRecord
from b2bua.config import Webhook
from b2bua.store import Store
from b2bua.webhooks import EVENTS, Webhooks, interrupted_calls
from b2bua.webhooks import webhooks as module
from tests.b2bua.receiver import LIMIT, Receiver, Told
from tests.rtp_relay.loop import turn

START = 1_790_000_000
MICROSECONDS = START * 1_000_000
FULL = ["call.started", "recipient.ringing", "recipient.answered", "call.answered", "call.ended"]


class Clock:
    def __init__(self) -> None:
        self.now = float(START)

    def __call__(self) -> float:
        return self.now


class Stage:
    """A database, a receiver, and webhooks that may be started, ended and started again."""

    def __init__(self, path: Path) -> None:
        self.file = str(path / "calls.sqlite")
        self.clock = Clock()
        self.receiver = Receiver()
        self.running: list[Webhooks] = []

    def webhook(self, name: str = "crm", url: str = "", **settings: Any) -> Webhook:
        known: dict[str, Any] = {
            "secret": b"0123456789abcdef", "events": frozenset(EVENTS), "timeout": LIMIT, "retry_limit": 20
        }  # fmt: skip
        return Webhook(name, url or self.receiver.url, **{**known, **settings})

    async def start(self, *webhooks: Webhook, interrupted: list[str] | None = None) -> Webhooks:
        made = Webhooks(
            webhooks or (self.webhook(),),
            self.file,
            clock=self.clock,
            fraction=lambda: 0.0,
            flush_interval=0.0,
            pace=0.0,
        )
        self.running.append(made)
        await made.start(interrupted or [])
        return made

    async def close(self) -> None:
        while self.running:
            await self.running.pop().close()

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(LIMIT):
            while not condition():
                await turn()


def play(path: Path, scene: Callable[[Stage], Awaitable[None]]) -> list[Told]:
    stages: list[Stage] = []

    async def run() -> None:
        stage = Stage(path)
        stages.append(stage)
        await (await Store.open(stage.file)).close()
        await stage.receiver.start()
        try:
            await scene(stage)
        finally:
            await stage.close()
            await stage.receiver.stop()

    asyncio.run(run())
    return stages[0].receiver.told


def record(call: str) -> CallRecord:
    made = CallRecord(call, "carrier", "s", "+15550199", "", "+15550100", "Sales", "c", MICROSECONDS)
    made.recipients = [RecipientRecord(1, "Ana", "sip:ana@x"), RecipientRecord(2, "Ben", "sip:ben@x")]
    return made


def notice(event: str, call: str, leg: int = 0) -> dict[str, Any]:
    made: dict[str, Any] = {"event": event, "call": call, "at": MICROSECONDS + 1}
    return {**made, "recipient": leg} if leg else made


def begin(webhooks: Webhooks, call: str) -> CallRecord:
    made = record(call)
    webhooks.note((made,), (notice("call.started", call), notice("recipient.invited", call, 1)), ())
    return made


def finish(webhooks: Webhooks, of: CallRecord) -> None:
    of.outcome, of.sentence, of.ended_at = CallOutcome.ABANDONED, "The caller hung up", MICROSECONDS + 9
    webhooks.note((), (notice("call.ended", of.id),), (of,))


def whole_call(webhooks: Webhooks, call: str) -> None:
    made = begin(webhooks, call)
    webhooks.note((), (notice("recipient.ringing", call, 1),), ())
    made.answered_leg, made.recipients[0].outcome = 1, RecipientOutcome.ANSWERED
    webhooks.note((), (notice("recipient.answered", call, 1), notice("call.answered", call)), ())
    finish(webhooks, made)


def events_of(told: list[Told], call: str) -> list[str]:
    return [each.json["event"] for each in told if each.json["call"] == call]


def test_a_whole_call(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        webhooks = await stage.start()
        whole_call(webhooks, "a")
        await stage.receiver.until(5)
        await stage.until(lambda: webhooks.waiting == 0)

    told = play(tmp_path, scene)
    assert events_of(told, "a") == FULL
    assert [each.json["sequence"] for each in told] == [1, 2, 3, 4, 5]
    assert [each.json.get("recipient", {}).get("name") for each in told] == [None, "Ana", "Ana", "Ana", "Ana"]
    assert told[4].json["record"]["sentence"] == "The caller hung up"
    assert told[4].json["at"] == MICROSECONDS + 9
    assert all(each.headers["idempotency-key"] == each.json["key"] for each in told)
    assert len({each.key for each in told}) == 5


def test_only_the_events_that_are_wanted(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        few = stage.webhook(events=frozenset({"recipient.ringing", "call.ended"}))
        whole_call(await stage.start(few, stage.webhook("other", events=frozenset({"call.started"}))), "a")
        await stage.receiver.until(3)

    told = play(tmp_path, scene)
    assert sorted(each.json["event"] for each in told) == ["call.ended", "call.started", "recipient.ringing"]
    assert [each.json["sequence"] for each in told if each.json["event"] != "call.started"] == [2, 5]


def test_in_order_for_each_call_while_the_server_fails(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        answers = itertools.cycle(["500 Oops", "204 No Content", "503 Busy"])
        stage.receiver.answer = lambda _: next(answers)
        webhooks = await stage.start()
        for call in "abc":
            whole_call(webhooks, call)
        async with asyncio.timeout(LIMIT):
            while webhooks.waiting:
                stage.clock.now += 60
                webhooks.wake()
                await turn()

    told = play(tmp_path, scene)
    for call in "abc":
        tried = [each.json["sequence"] for each in told if each.json["call"] == call]
        assert sorted(set(tried)) == [1, 2, 3, 4, 5]
        assert tried == sorted(tried), "none was tried before the one before it was taken"


def test_a_server_that_is_away_for_a_while(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await stage.receiver.stop()
        webhooks = await stage.start()
        whole_call(webhooks, "a")
        with capture_logs() as logs:
            await stage.until(lambda: logs)
        assert logs[0]["event"] == "a webhook did not take an event; trying on"
        await stage.receiver.start()
        async with asyncio.timeout(LIMIT):
            while webhooks.waiting:
                stage.clock.now += 60
                webhooks.wake()
                await turn()

    assert events_of(play(tmp_path, scene), "a") == FULL


def test_a_slow_server_delays_nobody_else(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        slow = Receiver()
        slow.may_answer.clear()
        await slow.start()
        webhooks = await stage.start(stage.webhook("slow", slow.url), stage.webhook("quick"))
        whole_call(webhooks, "a")
        await stage.receiver.until(5)
        assert len(slow.told) == 1
        slow.may_answer.set()
        await slow.until(5)
        await stage.close()
        await slow.stop()

    assert events_of(play(tmp_path, scene), "a") == FULL


def test_a_restart_in_the_middle_loses_nothing(tmp_path: Path) -> None:
    """The server takes an event, and the process ends before it hears so: it comes again under its key."""

    async def scene(stage: Stage) -> None:
        webhooks = await stage.start()
        stage.receiver.may_answer.clear()
        whole_call(webhooks, "a")
        whole_call(webhooks, "b")
        await stage.receiver.until(2)
        await stage.close()
        stage.receiver.may_answer.set()
        await stage.start()
        await stage.receiver.until(2 + 10)
        await stage.until(lambda: stage.running[0].waiting == 0)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("b2bua.webhooks.courier.FAREWELL_PATIENCE", 0.0)
        told = play(tmp_path, scene)
    for call in "ab":
        assert events_of(told, call) == ["call.started", *FULL]
    repeated = [each for each in told if each.json["event"] == "call.started"]
    assert len({each.key for each in repeated}) == 2
    assert len({each.body for each in repeated}) == 2


def test_what_was_only_noted_is_written_at_the_end(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await stage.receiver.stop()
        whole_call(await stage.start(), "a")
        await stage.close()
        await stage.receiver.start()
        stage.clock.now += 3600
        await stage.start()
        await stage.receiver.until(5)

    assert events_of(play(tmp_path, scene), "a") == FULL


def test_a_process_that_was_killed(tmp_path: Path) -> None:
    """What it has written is sent by the next one, and its calls are told to have ended."""

    async def scene(stage: Stage) -> None:
        store = await Store.open(stage.file)
        webhooks = await stage.start()
        made = begin(webhooks, "a")
        store.begin(made)
        await stage.receiver.until(1)
        await stage.until(lambda: webhooks.waiting == 0)
        await store.close()  # with the call still running: as a kill would leave it
        await stage.close()
        interrupted = await interrupted_calls(stage.file)
        assert interrupted == ["a"]
        await (await Store.open(stage.file)).close()
        await stage.start(interrupted=interrupted)
        await stage.receiver.until(2)
        assert await interrupted_calls(stage.file) == []

    told = play(tmp_path, scene)
    assert events_of(told, "a") == ["call.started", "call.ended"]
    assert (told[1].key, told[1].json["sequence"]) == ("a-ended", 0)
    assert told[1].json["record"]["outcome"] == "interrupted"


def test_no_database_has_no_interrupted_calls(tmp_path: Path) -> None:
    assert asyncio.run(interrupted_calls(str(tmp_path / "none.sqlite"))) == []
    assert not (tmp_path / "none.sqlite").exists()
    (tmp_path / "empty.sqlite").touch()
    assert asyncio.run(interrupted_calls(str(tmp_path / "empty.sqlite"))) == []


def test_a_webhook_that_is_gone(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await stage.receiver.stop()
        whole_call(await stage.start(stage.webhook("old"), stage.webhook("kept")), "a")
        await stage.close()
        await stage.receiver.start()
        stage.clock.now += 3600
        with capture_logs() as logs:
            await stage.start(stage.webhook("kept"))
        assert [(line["log_level"], line["webhook"], line["events"]) for line in logs] == [
            ("error", "old", 5)
        ]
        await stage.receiver.until(5)
        await stage.until(lambda: stage.running[0].waiting == 0)
        await stage.close()
        assert (await stage.start(stage.webhook("old"))).waiting == 0  # let go for good

    assert events_of(play(tmp_path, scene), "a") == FULL


def test_what_waits_in_memory_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "NOTED_LIMIT", 3)

    async def scene(stage: Stage) -> None:
        webhooks = await stage.start()
        with capture_logs() as logs:
            whole_call(webhooks, "a")
        assert webhooks.lost == 2
        assert [line["log_level"] for line in logs] == ["error"]  # one line, not one an event
        await stage.receiver.until(3)

    assert events_of(play(tmp_path, scene), "a") == FULL[:3]


def test_what_waits_in_the_table_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WAITING_LIMIT", 3)

    async def scene(stage: Stage) -> None:
        stage.receiver.may_answer.clear()
        webhooks = await stage.start()
        whole_call(webhooks, "a")
        await stage.until(lambda: webhooks.lost == 2)
        stage.receiver.may_answer.set()
        await stage.until(lambda: webhooks.waiting == 0)
        whole_call(webhooks, "b")  # there is room again
        await stage.receiver.until(6)

    told = play(tmp_path, scene)
    assert events_of(told, "a") == FULL[:3]
    assert events_of(told, "b")[0] == FULL[0]


def test_events_of_a_call_that_began_before_are_passed_over(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        webhooks = await stage.start()
        webhooks.note((), (notice("recipient.ringing", "unknown", 1),), (record("unknown"),))
        whole_call(webhooks, "a")
        await stage.receiver.until(5)

    assert {each.json["call"] for each in play(tmp_path, scene)} == {"a"}


def test_without_webhooks_nothing_is_opened(tmp_path: Path) -> None:
    async def scene() -> None:
        webhooks = Webhooks((), str(tmp_path / "calls.sqlite"))
        assert not webhooks.is_wanted
        await webhooks.start()
        assert webhooks.waiting == 0
        await webhooks.close()

    asyncio.run(scene())
    assert list(tmp_path.iterdir()) == []


def test_without_webhooks_the_client_is_not_imported() -> None:
    program = "import sys, b2bua.service\nassert 'aiohttp' not in sys.modules\n"
    subprocess.run([sys.executable, "-c", program], check=True)
