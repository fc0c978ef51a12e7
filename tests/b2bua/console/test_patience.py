"""Connections of those who never come to the end of what they want to say."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from b2bua.console import patience
from b2bua.console.patience import Fair, Patient

LIMIT = 60.0  # seconds; the machine may be busy with other things
Dial = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]


async def application(scope: Any, receive: Any, send: Any) -> None:
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


def served(kind: type[Patient], play: Callable[[Dial], Awaitable[None]]) -> None:
    async def run() -> None:
        config = uvicorn.Config(application, log_config=None, lifespan="off", http=kind)
        state = ServerState()
        server = await asyncio.get_running_loop().create_server(
            lambda: kind(config, state, {}), "127.0.0.1", 0
        )
        host, port = server.sockets[0].getsockname()[:2]
        writers = []

        async def dial() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
            reader, writer = await asyncio.open_connection(host, port)
            writers.append(writer)
            return reader, writer

        try:
            async with asyncio.timeout(LIMIT):
                await play(dial)
        finally:
            for writer in writers:
                writer.close()
            server.close()
            await server.wait_closed()

    asyncio.run(run())


async def ended(reader: asyncio.StreamReader) -> bool:
    try:
        return await reader.read() == b""
    except ConnectionResetError:
        return True


@pytest.mark.parametrize("begun", [b"", b"GET / HTTP/1.1\r\nHost: a\r\n"])
def test_a_head_that_never_ends_is_not_waited_for(monkeypatch: pytest.MonkeyPatch, begun: bytes) -> None:
    monkeypatch.setattr(patience, "HEAD_LIMIT", 0.05)

    async def play(dial: Dial) -> None:
        reader, writer = await dial()
        writer.write(begun)
        assert await ended(reader)

    served(Patient, play)


def test_a_body_that_never_ends_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "BODY_LIMIT", 0.05)

    async def play(dial: Dial) -> None:
        reader, writer = await dial()
        writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n123")
        assert await ended(reader)

    served(Patient, play)


def test_who_asks_whole_questions_is_answered_on_one_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "BODY_LIMIT", 0.0)

    async def play(dial: Dial) -> None:
        reader, writer = await dial()
        for _ in range(3):
            writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")

    served(Patient, play)


def test_an_answer_may_take_as_long_as_it_takes() -> None:
    protocol = Patient.__new__(Patient)
    protocol._waits_for = "head"
    protocol._set(None)
    assert protocol._due is None


def test_one_address_does_not_take_all_places(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "OF_ONE_ADDRESS", 3)

    async def play(dial: Dial) -> None:
        held = [await dial() for _ in range(3)]
        reader, _ = await dial()
        assert await ended(reader)
        for reader, writer in held:
            writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")

    served(Fair, play)
