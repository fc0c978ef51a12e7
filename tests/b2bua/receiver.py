"""A web server on loopback that is told events: it notes what comes and answers as a test wants."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

LIMIT = 60.0  # seconds that anything may take


class Told(NamedTuple):
    """One request: header names in lower case, the body as it came."""

    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        made: dict[str, Any] = json.loads(self.body)
        return made

    @property
    def key(self) -> str:
        return self.headers["idempotency-key"]


class Receiver:
    """answer gives the status, and headers after it, for each request: "500 Oops", "302 Found\\r\\nLocation: /"."""

    def __init__(self, answer: Callable[[Told], str] = lambda _: "204 No Content") -> None:
        self.told: list[Told] = []
        self.answer = answer
        self.connections = 0
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.port = 0
        self._changed = asyncio.Condition()
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/calls"

    @property
    def keys(self) -> list[str]:
        return [each.key for each in self.told]

    async def start(self) -> None:
        """On a free port; after a stop on the same one again."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()
        await self._server.wait_closed()

    async def until(self, number: int) -> list[Told]:
        """All that was told, once it is so many."""
        async with asyncio.timeout(LIMIT), self._changed:
            await self._changed.wait_for(lambda: len(self.told) >= number)
        return self.told

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        try:
            while True:
                await self._one(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {
            name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)
        }
        told = Told(headers, await reader.readexactly(int(headers["content-length"])))
        async with self._changed:
            self.told.append(told)
            self._changed.notify_all()
        await self.may_answer.wait()
        head_and_body = self.answer(told).split("\n\n", 1)
        body = head_and_body[1] if len(head_and_body) > 1 else ""
        writer.write(f"HTTP/1.1 {head_and_body[0]}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
        await writer.drain()
