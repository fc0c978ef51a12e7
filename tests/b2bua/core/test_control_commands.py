"""What a running core is asked through its control socket."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from b2bua.control import ControlClient, ControlError, up_to_date
from tests.b2bua.core.stage import LIMIT, Stage, answer_to, header, only_record, play


def test_status(place: Path) -> None:
    async def scene(stage: Stage) -> None:
        before = await stage.ask({"command": "status"})
        assert (before["calls"], before["total"], before["relay"]) == (0, 0, "user")
        assert before["configuration"] == stage.core.config.version
        assert before["records_waiting"] == 0 and isinstance(before["dropped"], dict)
        to = await stage.connect()
        during = await stage.ask({"command": "status"})
        assert (during["calls"], during["total"]) == (1, 1)
        await stage.leave(to)

    play(place, scene)


def test_live_shows_what_is_and_then_what_happens(place: Path) -> None:
    async def scene(stage: Stage) -> None:
        first = await stage.connect()
        with ControlClient(str(place / "core.sock"), LIMIT) as client:
            (call,) = (await asyncio.to_thread(client.ask, {"command": "live"}))["calls"]
            assert (call["caller"], call["answered_by"]) == ("+15550199", "Ana")
            events = client.follow(LIMIT)

            async def next_event() -> str:
                event = await asyncio.to_thread(next, events)
                assert event is not None
                return str(event["event"])

            second = await stage.connect("2")
            assert [await next_event() for _ in range(5)] == [
                "call.started", "recipient.invited", "recipient.ringing", "recipient.answered", "call.answered",
            ]  # fmt: skip
            await stage.leave_all({"1": first, "2": second})
            assert [await next_event() for _ in range(2)] == ["call.ended", "call.ended"]

    play(place, scene)


def test_a_running_calls_record_is_told_as_it_is(place: Path) -> None:
    async def scene(stage: Stage) -> None:
        to = await stage.connect()
        (call,) = stage.core.switchboard.calls
        answer = await stage.ask({"command": "records", "calls": [call, "nobody"], "messages": True})
        begun = replace(stage.core.switchboard.calls[call].record, outcome=None, recipients=[])
        (record,) = up_to_date([begun], answer)
        assert (record.id, record.answered_by, record.outcome) == (call, "Ana", None)
        assert [each.name for each in record.recipients] == ["Ana"]
        assert [entry.data.split()[0] for entry in record.trace if entry.leg == 1 and not entry.received] == [
            b"INVITE", b"ACK",
        ]  # fmt: skip
        brief = await stage.ask({"command": "records", "calls": [call]})
        assert up_to_date([begun], brief)[0].trace == []
        await stage.leave(to)
        gone = await stage.ask({"command": "records", "calls": [call]})
        assert up_to_date([begun], gone) == [begun]

    play(place, scene)


def test_hang_up_by_the_beginning_of_the_name(place: Path) -> None:
    async def scene(stage: Stage) -> None:
        await stage.connect()
        (call,) = stage.core.switchboard.calls
        assert await stage.ask({"command": "hangup", "call": call[:6]}) == {"call": call}
        bye = await stage.trunk.receive("BYE")
        assert "Q.850;cause=16" in header(bye, "Reason")
        stage.trunk.send(answer_to(bye), stage.port)
        stage.respond(await stage.phone.receive("BYE"), "200 OK")
        await stage.until(lambda: not stage.core.switchboard.calls)

    play(place, scene)
    assert (only_record(place).ended_by, only_record(place).reason) == ("service", "ended by the operator")


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        ({"command": "hangup", "call": "nobody"}, "no running call of that name"),
        ({"command": "records"}, '"calls" is wanted: a list of ids'),
        ({"command": "hangup", "call": ""}, "no running call of that name"),
        ({"command": "hangup"}, "no running call of that name"),
        ({"command": "dance"}, "no such command: 'dance'"),
        ({}, "no such command: None"),
    ],
)
def test_commands_that_cannot_be_obeyed(place: Path, command: dict[str, Any], problem: str) -> None:
    async def scene(stage: Stage) -> None:
        with pytest.raises(ControlError, match=problem):
            await stage.ask(command)

    play(place, scene)


def test_a_beginning_that_two_calls_share(place: Path) -> None:
    async def scene(stage: Stage) -> None:
        calls = stage.core.switchboard.calls
        dialogs = {"1": await stage.connect("1"), "2": await stage.connect("2")}
        for number, name in enumerate(list(calls)):
            calls[f"same{number}"] = calls.pop(name)
        with pytest.raises(ControlError, match="2 calls begin so"):
            await stage.ask({"command": "hangup", "call": "same"})
        for name, call in list(calls.items()):
            calls[call.id] = calls.pop(name)
        await stage.leave_all(dialogs)

    play(place, scene)


def test_asked_before_it_has_started(place: Path) -> None:
    async def scene(stage: Stage) -> None:
        commands, stage.core.commands = stage.core.commands, None
        with pytest.raises(ControlError, match="starting"):
            await stage.ask({"command": "status"})
        stage.core.commands = commands

    play(place, scene)
