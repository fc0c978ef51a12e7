"""Live calls: one connection to the core, any number of browsers, each with what it may see."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from b2bua.console import live
from b2bua.console.core import Core, CoreAway
from b2bua.console.live import Live, RunningCalls, told
from b2bua.console.masking import OPEN, Mask
from tests.b2bua.console.stage import Stage, on_stage
from tests.rtp_relay.loop import turn

LIMIT = 60.0  # seconds that anything may take
RUNNING = {
    "call": "4f2a",
    "trunk": "carrier",
    "caller": "+15557001234",
    "caller_name": "Jo",
    "dialled": "+15550100",
    "number_name": "Main line",
    "started_at": 1,
    "ringing_at": None,
    "answered_at": None,
    "answered_by": None,
    "recipients": [{"recipient": 1, "name": "Ana", "state": "invited", "outcome": None}],
}


class Browser:
    """Reads a stream of events, one at a time."""

    def __init__(self, source: AsyncIterator[bytes]) -> None:
        self._source = source
        self._rest = b""

    async def next(self) -> tuple[str, Any]:
        """The name and value of the next event; retry lines are passed over."""
        async with asyncio.timeout(LIMIT):
            while b"\n\n" not in self._rest:
                self._rest += await anext(self._source)
        block, _, self._rest = self._rest.partition(b"\n\n")
        if block.startswith(b"retry"):
            return await self.next()
        if block.startswith(b":"):
            return "", block.decode()
        name, _, data = block.partition(b"\n")
        return name.removeprefix(b"event: ").decode(), json.loads(data.removeprefix(b"data: "))

    async def close(self) -> None:
        await self._source.aclose()  # type: ignore[attr-defined]


async def always() -> bool:
    return True


async def until(condition: Any) -> None:
    async with asyncio.timeout(LIMIT):
        while not condition():
            await turn()


def test_a_browser_gets_a_snapshot_and_then_what_happens(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        stage.core_answers["live"] = {"calls": [RUNNING]}
        core = await stage.core()
        browser = Browser(stage.desk.live.stream(OPEN, always))
        assert await browser.next() == (
            "snapshot",
            {"calls": [RUNNING], "core": {"there": True, "reason": ""}},
        )
        event = {"event": "recipient.ringing", "call": "4f2a", "at": 2, "recipient": 1, "name": "Ana"}
        core.publish(event)
        assert await browser.next() == ("recipient.ringing", event)
        await browser.close()

    on_stage(tmp_path, play)


def test_all_browsers_share_one_connection_and_a_later_one_sees_what_has_become(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        stage.core_answers["live"] = {"calls": [RUNNING]}
        core = await stage.core()
        first = Browser(stage.desk.live.stream(OPEN, always))
        await first.next()
        core.publish({"event": "recipient.ringing", "call": "4f2a", "at": 2, "recipient": 1, "name": "Ana"})
        await first.next()
        second = Browser(stage.desk.live.stream(OPEN, always))
        _, snapshot = await second.next()
        assert snapshot["calls"][0]["recipients"][0]["state"] == "ringing"
        assert stage.asked == [{"command": "live"}]
        for browser in (first, second):
            await browser.close()

    on_stage(tmp_path, play)


def test_viewers_get_masked_events_beside_others_who_see_all(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        stage.core_answers["live"] = {"calls": [RUNNING]}
        core = await stage.core()
        mask = Mask({"+15550100"})
        viewer, editor = (Browser(stage.desk.live.stream(each, always)) for each in (mask, OPEN))
        _, snapshot = await viewer.next()
        assert snapshot["calls"][0]["caller"] == "…234"
        await editor.next()
        started = {
            "event": "call.started",
            "call": "7",
            "at": 3,
            "caller": "+15557005678",
            "dialled": "+15550100",
        }
        core.publish(started)
        _, seen = await viewer.next()
        assert (seen["caller"], seen["dialled"]) == ("…678", "+15550100")
        assert (await editor.next())[1] == started
        for browser in (viewer, editor):
            await browser.close()

    on_stage(tmp_path, play)


def test_a_core_that_is_away_is_said_and_its_return_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "RETRY", 0.01)

    async def play(stage: Stage) -> None:
        browser = Browser(stage.desk.live.stream(OPEN, always))
        name, snapshot = await browser.next()
        assert (name, snapshot["calls"], snapshot["core"]["there"]) == ("snapshot", [], False)
        assert "Start it" in snapshot["core"]["reason"]
        stage.core_answers["live"] = {"calls": [RUNNING]}
        core = await stage.core()
        assert (await browser.next())[1]["core"]["there"] is True
        await core.close()
        assert await browser.next() == (
            "core",
            {"there": False, "reason": "The core has gone away; the console looks for it once a second."},
        )
        await browser.close()

    on_stage(tmp_path, play)


def test_the_core_is_left_alone_when_nobody_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "LINGER", 0.0)

    async def play(stage: Stage) -> None:
        stage.core_answers["live"] = {"calls": [RUNNING]}
        core = await stage.core()
        browser = Browser(stage.desk.live.stream(OPEN, always))
        await browser.next()
        assert core.has_listeners
        await browser.close()
        await until(lambda: not core.has_listeners)
        assert stage.desk.live.absence, "what ran then is not told as what runs now"
        assert stage.desk.live.running.calls == {}

    on_stage(tmp_path, play)


def test_a_browser_that_does_not_read_is_cut_off_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "QUEUE_LIMIT", 3)

    async def play(stage: Stage) -> None:
        core = await stage.core()
        slow, quick = (Browser(stage.desk.live.stream(OPEN, always)) for _ in range(2))
        await slow.next()
        await quick.next()
        for number in range(5):
            core.publish({"event": "call.ended", "call": "x", "at": number})
            assert (await quick.next())[1]["at"] == number
        with pytest.raises(StopAsyncIteration):
            await slow.next()
        await quick.close()

    on_stage(tmp_path, play)


def test_a_stream_ends_when_its_session_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "HEARTBEAT", 0.0)

    async def play(stage: Stage) -> None:
        await stage.core()
        answers = iter([True, False])

        async def may_still() -> bool:
            return next(answers)

        browser = Browser(stage.desk.live.stream(OPEN, may_still))
        await browser.next()
        assert (await browser.next())[0] == ""  # a heartbeat
        with pytest.raises(StopAsyncIteration):
            await browser.next()

    on_stage(tmp_path, play)


def test_closing_ends_all_streams_at_once(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        await stage.core()
        browser = Browser(stage.desk.live.stream(OPEN, always))
        await browser.next()
        stage.desk.live.close()
        with pytest.raises(StopAsyncIteration):
            await browser.next()

    on_stage(tmp_path, play)


def test_running_calls_follow_the_events() -> None:
    running = RunningCalls()
    running.apply({"event": "call.started", "call": "1", "at": 5, "caller": "a", "recipients": ["Ana"]})
    running.apply({"event": "recipient.ringing", "call": "1", "at": 6, "recipient": 1, "name": "Ana"})
    running.apply({"event": "recipient.invited", "call": "1", "at": 6, "recipient": 2, "name": "Ben"})
    running.apply({"event": "recipient.ended", "call": "1", "at": 7, "recipient": 2, "outcome": "busy"})
    running.apply({"event": "call.answered", "call": "1", "at": 8, "answered_by": "Ana"})
    running.apply({"event": "call.step", "call": "1", "at": 8, "step": "mailbox"})
    running.apply({"event": "from.the.future", "call": "1", "at": 8})
    running.apply({"event": "call.answered", "call": "another", "at": 8})
    (call,) = running.calls.values()
    assert (call["started_at"], call["ringing_at"], call["answered_at"], call["answered_by"]) == (
        5,
        6,
        8,
        "Ana",
    )
    assert call["step"] == "mailbox"
    assert [(each["name"], each["state"], each["outcome"]) for each in call["recipients"]] == [
        ("Ana", "ringing", None),
        ("Ben", "ended", "busy"),
    ]
    running.apply({"event": "call.ended", "call": "1", "at": 9})
    assert running.calls == {}


def test_no_name_of_a_caller_can_break_out_of_an_event() -> None:
    said = told("call.started", {"caller_name": "a\n\nevent: x\ndata: y"})
    assert said.count(b"\n") == 3 and said.endswith(b"\n\n")


def test_a_call_is_ended_and_that_is_written_down(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        client = await stage.logged_in("editor")
        away = await client.post("/api/live/4f2a/hangup")
        assert away.status_code == 503 and "Start it" in away.json()["errors"][0]["reason"]
        stage.core_answers = {"hangup": {"call": "4f2a00"}}
        await stage.core()
        answer = await client.post("/api/live/4f2a/hangup")
        assert (answer.status_code, answer.json()) == (202, {"call": "4f2a00"})
        assert stage.asked == [{"command": "hangup", "call": "4f2a"}]
        stage.core_answers = {"hangup": {"error": "no running call of that name"}}
        assert (await client.post("/api/live/ff/hangup")).status_code == 404
        assert (await stage.actions()).count("call.hangup") == 1

    on_stage(tmp_path, play)


class Impostor:
    """Something at the core's socket that says a few octets and hangs up; or nothing, until it is hung up on."""

    def __init__(self, said: bytes) -> None:
        self._said = said
        self._is_over = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await (reader.readline() if self._said else reader.read())
        writer.write(self._said)
        writer.close()
        await writer.wait_closed()
        self._is_over.set()

    async def over(self) -> None:
        async with asyncio.timeout(LIMIT):
            await self._is_over.wait()


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (b"", r"did not answer within 0\.05 s"),
        (b"{", "hung up"),
        (b"[]\n", "no core of this version"),
        (b"\xff\n", "no core of this version"),
    ],
)
def test_what_does_not_answer_as_a_core_is_as_good_as_none(tmp_path: Path, said: bytes, reason: str) -> None:
    async def played() -> None:
        path = str(tmp_path / "core.sock")
        impostor = Impostor(said)
        async with await asyncio.start_unix_server(impostor.serve, path):
            with pytest.raises(CoreAway, match=reason):
                await Core(path, limit=0.05).ask({"command": "status"})
            await impostor.over()

    asyncio.run(played())


def test_live_is_not_opened_for_nothing() -> None:
    watched = Live(Core("/nowhere"))
    watched.close()
    assert watched.absence
