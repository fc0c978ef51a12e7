"""Waits until a service says that it is ready, in the words in which it tells systemd (sd_notify(3))."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from pathlib import Path
from types import TracebackType
from typing import Final, Self

_CREDENTIALS: Final = struct.Struct("3i")  # pid, uid, gid: struct ucred of unix(7)


class NotReady(Exception):
    """It ended, or took too long."""


class Listener:
    """The socket that NOTIFY_SOCKET names."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._socket.bind(os.fspath(path))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()
        self.path.unlink(missing_ok=True)

    async def wait(self, process: asyncio.subprocess.Process, within: float) -> None:
        """Returns when the process itself says READY=1. Raises NotReady if it ends or takes too long."""
        ready = asyncio.create_task(self._ready(process.pid))
        ended = asyncio.create_task(process.wait())
        try:
            done, _ = await asyncio.wait((ready, ended), timeout=within, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ready.cancel()
            ended.cancel()
            await asyncio.gather(ready, ended, return_exceptions=True)
        if ready not in done:
            how = f"ended with exit status {process.returncode}" if done else f"was not ready in {within:g} s"
            raise NotReady(how)

    async def _ready(self, pid: int) -> None:
        loop = asyncio.get_running_loop()
        while True:
            arrived = loop.create_future()
            loop.add_reader(self._socket, arrived.set_result, None)
            try:
                await arrived
            finally:
                loop.remove_reader(self._socket)
            said, sender = self._receive()
            # A child may inherit the socket's name; only the process that was started speaks for the service.
            if sender == pid and "READY=1" in said.splitlines():
                return

    def _receive(self) -> tuple[str, int]:
        said, ancillary, _, _ = self._socket.recvmsg(4096, socket.CMSG_SPACE(_CREDENTIALS.size))
        for level, kind, content in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_CREDENTIALS):
                return said.decode(errors="replace"), _CREDENTIALS.unpack(content)[0]
        return "", 0
