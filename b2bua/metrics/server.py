"""Answers GET /metrics, and nothing else. One request a connection; who is slow is hung up on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from b2bua.metrics.exposition import CONTENT_TYPE

HEAD_LIMIT: Final = 8192  # octets of a request's head; a scraper's has some 300
PATIENCE: Final = 5.0  # seconds for a request to come, and for its answer to leave
AT_ONCE: Final = 8  # connections; a scraper has one

PAGE: Final = b"Metrics are at /metrics\n"


class MetricsServer:
    """`text` makes what is served. Raises OSError from `start` where it cannot listen."""

    def __init__(self, text: Callable[[], Awaitable[bytes]]) -> None:
        self._text = text
        self._server: asyncio.Server | None = None
        self._connections = 0

    async def start(self, host: str, port: int) -> None:
        self._server = await asyncio.start_server(self._serve, host, port, limit=HEAD_LIMIT)

    @property
    def port(self) -> int:
        """The one that was given, or that the system chose."""
        assert self._server is not None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections += 1
        try:
            if self._connections <= AT_ONCE:
                async with asyncio.timeout(PATIENCE):
                    writer.write(await self._answer(await reader.readuntil(b"\r\n\r\n")))
                    await writer.drain()
        except (TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
            pass  # slow, gone, or no HTTP
        finally:
            self._connections -= 1
            writer.close()

    async def _answer(self, head: bytes) -> bytes:
        method, _, rest = head.partition(b" ")
        path = rest.partition(b" ")[0].partition(b"?")[0]
        if method not in (b"GET", b"HEAD"):
            return _response("405 Method Not Allowed", b"", "text/plain")
        if path == b"/metrics":
            body = await self._text()
            return _response("200 OK", body, CONTENT_TYPE, is_head=method == b"HEAD")
        status = "200 OK" if path == b"/" else "404 Not Found"
        return _response(status, PAGE, "text/plain", is_head=method == b"HEAD")


def _response(status: str, body: bytes, kind: str, is_head: bool = False) -> bytes:
    allow = "Allow: GET, HEAD\r\n" if status.startswith("405") else ""
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{allow}"
        "Cache-Control: no-store\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + (b"" if is_head else body)
