"""The console's side of the core's control socket: commands with their answers, on asyncio.

The core may be slow to start, restart or be gone; whoever asks is told what to do, and everything that needs only the
database goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

import msgspec

from b2bua.control import ControlError

ANSWER_LIMIT: Final = 10.0  # seconds
LINE_LIMIT: Final = 64 << 20  # octets; the snapshot of thousands of calls is one line

_REMEDY: Final = (
    "Start it (`systemctl start multiring-core`, or `b2bua run`), and look into its log when it does not stay."
    " Calls that were can be read meanwhile."
)
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict[str, Any]).decode


class CoreAway(ControlError):
    """The core does not answer. The text says what to do."""


class Core:
    """The core behind a control socket; each command has a connection of its own."""

    def __init__(self, path: str, limit: float = ANSWER_LIMIT) -> None:
        self.path = path
        self._limit = limit

    async def ask(self, command: dict[str, Any]) -> dict[str, Any]:
        """One command's answer. CoreAway when there is no core; ControlError with its reason when it refuses."""
        reader, writer = await self._connect()
        try:
            return await self._asked(reader, writer, command)
        finally:
            await _close(writer)

    async def follow(self) -> AsyncIterator[dict[str, Any]]:
        """The snapshot of "live", then events, until the core goes away. Raises CoreAway, ControlError."""
        reader, writer = await self._connect()
        try:
            yield await self._asked(reader, writer, {"command": "live"})
            while line := await _line(reader):
                yield _read(line)
        finally:
            await _close(writer)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        try:
            return await asyncio.open_unix_connection(self.path, limit=LINE_LIMIT)
        except OSError as problem:
            reason = problem.strerror or str(problem)
            raise CoreAway(f"The core is not there ({self.path}: {reason}). {_REMEDY}") from problem

    async def _asked(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, command: dict[str, Any]
    ) -> dict[str, Any]:
        writer.write(_encode(command) + b"\n")
        try:
            async with asyncio.timeout(self._limit):
                line = await _line(reader)
        except TimeoutError as problem:
            raise CoreAway(f"The core did not answer within {self._limit:g} s. {_REMEDY}") from problem
        if not line:
            raise CoreAway(f"The core hung up. {_REMEDY}")
        answer = _read(line)
        if "error" in answer:
            raise ControlError(str(answer["error"]))
        return answer


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    try:
        await writer.wait_closed()
    except OSError:
        pass  # the core has hung up before us


def _read(line: bytes) -> dict[str, Any]:
    try:
        return _decode(line)
    except (msgspec.DecodeError, msgspec.ValidationError) as problem:
        raise CoreAway(f"What answers there is no core of this version ({problem}). {_REMEDY}") from problem


async def _line(reader: asyncio.StreamReader) -> bytes:
    """The next line; b"" when there is none any more."""
    try:
        line = await reader.readline()
    except (OSError, ValueError):  # ValueError: longer than any line of a core's
        return b""
    return line if line.endswith(b"\n") else b""
