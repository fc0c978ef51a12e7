"""Waits until a service says that it is ready, in the words in which it tells systemd (sd_notify(3))."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path
from types import TracebackType
from typing import Self


class NotReady(Exception):
    """It ended, or took too long."""


class Listener:
    """The socket that NOTIFY_SOCKET names."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind(os.fspath(path))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()
        self.path.unlink(missing_ok=True)

    async def wait(self, process: asyncio.subprocess.Process, within: float) -> None:
        """Returns when READY=1 is said. Raises NotReady if the process ends first or takes too long."""
        ready = asyncio.create_task(self._ready())
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

    async def _ready(self) -> None:
        loop = asyncio.get_running_loop()
        while (
            "READY=1" not in (await loop.sock_recv(self._socket, 4096)).decode(errors="replace").splitlines()
        ):
            pass
