"""The control socket: commands, answers, events, and those who do not read them."""

from __future__ import annotations

import asyncio
import json
import socket
import stat
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from b2bua import control
from b2bua.calls.record import CallRecord, RecipientOutcome, RecipientRecord
from b2bua.control import ControlClient, ControlError, ControlServer, ServiceRunning, live_call


def answer(command: dict[str, Any]) -> dict[str, Any]:
    match command.get("command"):
        case "live":
            return {"calls": []}
        case "hangup":
            raise LookupError(f"there is no call {command['call']}")
        case "reload":
            raise ValueError("the file has 2 errors")
        case "echo":
            return command
    return {"error": "no such command"}


@asynccontextmanager
async def serving(path: Path) -> AsyncIterator[ControlServer]:
    server = ControlServer(str(path / "core.sock"), answer)
    await server.start()
    try:
        yield server
    finally:
        await server.close()


def run(scenario: Callable[[Path], Coroutine[Any, Any, None]], path: Path) -> None:
    async def limited() -> None:
        async with asyncio.timeout(60):
            await scenario(path)

    asyncio.run(limited())


async def client(server: ControlServer) -> ControlClient:
    return await asyncio.to_thread(ControlClient, server.path)


async def ask(asking: ControlClient, command: dict[str, Any]) -> dict[str, Any]:
    return await asyncio.to_thread(asking.ask, command)


async def turn() -> None:
    """Let the loop run once, with all that is ready."""
    await asyncio.to_thread(lambda: None)


def test_only_the_services_user_may_open_it(tmp_path: Path) -> None:
    async def scenario(path: Path) -> None:
        async with serving(path / "new") as server:
            modes.append(await asyncio.to_thread(lambda: Path(server.path).stat().st_mode))

    modes: list[int] = []
    run(scenario, tmp_path)
    assert (stat.S_IMODE(modes[0]), stat.S_ISSOCK(modes[0])) == (0o600, True)
    assert list((tmp_path / "new").iterdir()) == [], "the socket's file is gone"


def test_commands_and_answers(tmp_path: Path) -> None:
    async def scenario(path: Path) -> None:
        async with serving(path) as server:
            with await client(server) as asking:
                for text in ("one", "zwei"):
                    assert await ask(asking, {"command": "echo", "text": text}) == {
                        "command": "echo",
                        "text": text,
                    }
                with pytest.raises(ControlError, match="there is no call 4f"):
                    await ask(asking, {"command": "hangup", "call": "4f"})
                with pytest.raises(ControlError, match="2 errors"):
                    await ask(asking, {"command": "reload"})
                with pytest.raises(ControlError, match="no such command"):
                    await ask(asking, {"command": "dance"})

    run(scenario, tmp_path)


def test_rubbish_is_answered_and_the_next_command_still_works(tmp_path: Path) -> None:
    async def scenario(path: Path) -> None:
        async with serving(path) as server:
            reader, writer = await asyncio.open_unix_connection(server.path)
            writer.write(b'rubbish\n[1]\n\xff\n{"command": "ec')
            for _ in range(3):
                assert "not a command" in json.loads(await reader.readline())["error"]
            writer.write(b'ho"}\n')
            assert json.loads(await reader.readline()) == {"command": "echo"}
            writer.close()
            await writer.wait_closed()

    run(scenario, tmp_path)


def test_a_command_without_end_is_cut_off(tmp_path: Path) -> None:
    async def scenario(path: Path) -> None:
        async with serving(path) as server:
            reader, writer = await asyncio.open_unix_connection(server.path)
            writer.write(b"x" * (control.LINE_LIMIT + 1))
            assert await reader.read() == b""
            writer.close()

    run(scenario, tmp_path)


def test_live_is_a_snapshot_and_then_events(tmp_path: Path) -> None:
    async def scenario(path: Path) -> None:
        async with serving(path) as server:
            server.publish({"event": "before anybody listens"})
            assert not server.has_listeners
            with await client(server) as listening:
                assert await ask(listening, {"command": "live"}) == {"calls": []}
                assert server.has_listeners
                server.publish({"event": "call.started", "call": "1"})
                server.publish({"event": "call.ended", "call": "1"})
                events = listening.follow(tick=20)
                assert await asyncio.to_thread(next, events) == {"event": "call.started", "call": "1"}
                assert await asyncio.to_thread(next, events) == {"event": "call.ended", "call": "1"}
                assert await asyncio.to_thread(next, listening.follow(tick=0.01)) is None
            async with asyncio.timeout(60):
                while server.has_listeners:
                    await turn()

    run(scenario, tmp_path)


def test_a_listener_that_does_not_read_is_cut_off(tmp_path: Path) -> None:
    async def scenario(path: Path) -> None:
        async with serving(path) as server:
            with await client(server) as sleeping, await client(server) as awake:
                await ask(sleeping, {"command": "live"})
                await ask(awake, {"command": "live"})
                events = awake.follow(tick=20)
                for number in range(60):
                    server.publish({"event": "x", "number": number, "text": "x" * 50_000})
                    assert (await asyncio.to_thread(next, events) or {})["number"] == number
                assert len(server._listeners) == 1

    run(scenario, tmp_path)


def test_listeners_end_with_the_service(tmp_path: Path) -> None:
    async def scenario(path: Path) -> None:
        async with serving(path) as server:
            listening = await client(server)
            await ask(listening, {"command": "live"})
            await server.close()
            assert await asyncio.to_thread(list, listening.follow(tick=20)) == []
            listening.close()

    run(scenario, tmp_path)


def test_a_second_service_is_refused_and_a_dead_ones_socket_is_taken(tmp_path: Path) -> None:
    async def scenario(path: Path) -> None:
        async with serving(path) as server:
            with pytest.raises(ServiceRunning, match="running already"):
                await ControlServer(server.path, answer).start()
            with await client(server) as asking:
                assert await ask(asking, {"command": "echo"})
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(server.path)
        async with serving(path) as server, asyncio.timeout(60):
            with await client(server) as asking:
                assert await ask(asking, {"command": "echo"})

    run(scenario, tmp_path)


def test_nobody_there(tmp_path: Path) -> None:
    with pytest.raises(ControlError, match="Is the service running"):
        ControlClient(str(tmp_path / "none.sock"))


def test_a_place_that_cannot_be_listened_on(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ControlError, match=r"cannot be used: .*service\.control_socket") as caught:
        asyncio.run(ControlServer(str(tmp_path / "file" / "core.sock"), answer).start())
    assert not isinstance(caught.value, ServiceRunning)


def test_a_running_call_for_the_snapshot() -> None:
    record = CallRecord("id", "t", "s", "+1", "Jo", "100", "Sales", "c", 7)
    record.recipients = [
        RecipientRecord(1, "Ana", "u"),
        RecipientRecord(2, "Ben", "u", ringing_at=8),
        RecipientRecord(3, "Carl", "u", RecipientOutcome.BUSY, ended_at=9),
        RecipientRecord(4, "Dora", "u", RecipientOutcome.ANSWERED, answered_at=9),
    ]
    made = live_call(record)
    assert [each["state"] for each in made["recipients"]] == ["invited", "ringing", "ended", "answered"]
    assert made["recipients"][2]["outcome"] == "busy"
    assert json.loads(json.dumps(made)) == made
