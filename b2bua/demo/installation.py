"""A service of one's own to try things on: own directory, free ports, own database, own process.

    async with await Installation.start([Destination("Ana", ana.uri)]) as service:
        await caller.call(service.uri("100"))

It is gone when the block is left, with all processes that it started; `stop` tells whether it went in peace.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import os
import random
import re
import shutil
import signal
import socket
import sys
import tempfile
import time
import wave
from array import array
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple, Self

from b2bua.demo import processes, readiness

ADDRESS: Final = "127.0.0.1"
NUMBER: Final = "100"
START_INTERVAL: Final = 15.0  # seconds; the service needs two at most, a busy machine may need more
END_INTERVAL: Final = 10.0  # seconds from SIGTERM to the end when no calls are left
MEDIA_PORTS: Final = 128
LOOK_AGAIN: Final = 0.1  # seconds
NO_CONSOLE: Final = "[console]\nenabled = false\n"
_LOWEST_PORT: Final = 10_240
_HIGHEST_PORT: Final = 20_000  # above is the relay's usual range, and from 32768 on what Linux lends to all


class InstallationError(Exception):
    """The service did not come up, or a command of it failed."""


class Destination(NamedTuple):
    """Somebody to ring."""

    name: str
    uri: str


class Ending(NamedTuple):
    """How the service went: exit status, seconds it took, and which of its processes were still there."""

    status: int
    seconds: float
    left: list[int]


class Installation:
    """A running service."""

    def __init__(self, directory: Path, port: int, process: asyncio.subprocess.Process) -> None:
        self.directory = directory
        self.port = port
        self.started_in = 0.0
        self._process = process
        self._ending: Ending | None = None

    @classmethod
    async def start(
        cls,
        recipients: Sequence[Destination],
        *,
        ring_time: float = 20,
        number_settings: str = "",
        tables: str = NO_CONSOLE,
        prompts: Mapping[str, int] | None = None,
    ) -> Self:
        """Starts a service whose number 100 rings these recipients for `ring_time` seconds.

        `number_settings` are further lines for the number's table in the configuration, `tables` further tables.
        `prompts` are wav files beside it, to be played: each a second of a sine of so many hertz.
        Raises InstallationError, with the end of the log, when it does not come up.
        """
        directory = Path(tempfile.mkdtemp(prefix="multiring-"))
        port = free_ports(MEDIA_PORTS + 2)
        written = configuration(port, recipients, ring_time, number_settings, tables)
        (directory / "service.toml").write_text(written, encoding="utf-8")
        for name, frequency in (prompts or {}).items():
            write_sine(directory / name, frequency)
        began = time.monotonic()
        with readiness.Listener(directory / "ready.sock") as listener:
            process = await _spawn(directory, listener.path)
            service = cls(directory, port, process)
            async with contextlib.AsyncExitStack() as undone:
                undone.push_async_callback(service.stop)
                try:
                    await listener.wait(process, START_INTERVAL)
                except readiness.NotReady as error:
                    said = service.log_tail()
                    await service.stop()
                    service.remove()
                    raise InstallationError(f"the service {error}\n{said}") from error
                undone.pop_all()
        service.started_in = time.monotonic() - began
        return service

    @property
    def configuration_file(self) -> Path:
        """Where its configuration stands."""
        return self.directory / "service.toml"

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    @property
    def media_ports(self) -> tuple[int, int]:
        """First and last port of its relay."""
        return _media_ports(self.port)

    def uri(self, number: str = NUMBER, *, tcp: bool = False) -> str:
        """What a phone calls to reach a number."""
        return f"sip:{number}@{ADDRESS}:{self.port}" + (";transport=tcp" if tcp else "")

    async def command(self, *arguments: str) -> str:
        """What `b2bua ARGUMENTS --config FILE` prints. Raises InstallationError if it fails."""
        process = await asyncio.create_subprocess_exec(
            *(program(), *arguments, "--config", str(self.configuration_file)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        printed, complaint = await process.communicate()
        if process.returncode != 0:
            said = complaint.decode(errors="replace").strip()
            raise InstallationError(f"b2bua {' '.join(arguments)}: exit {process.returncode}: {said}")
        return printed.decode()

    def log_tail(self, lines: int = 40) -> str:
        """The end of the service's log."""
        log = self.directory / "service.log"
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) if log.exists() else ""

    async def logged(self, pattern: str, within: float) -> re.Match[str]:
        """The first place in the log that fits a regular expression. Raises InstallationError after so many seconds."""
        log = self.directory / "service.log"
        try:
            async with asyncio.timeout(within):
                while True:
                    if found := re.search(pattern, log.read_text(errors="replace")):
                        return found
                    await asyncio.sleep(LOOK_AGAIN)
        except TimeoutError as error:
            raise InstallationError(f"nothing like {pattern} in the log:\n{self.log_tail()}") from error

    async def stop(self) -> Ending:
        """SIGTERM, and SIGKILL to whatever does not heed it. May be called again."""
        if self._ending is None:
            began = time.monotonic()
            family = processes.family(self._process.pid)
            status = await self._terminate()
            left = await processes.wait_until_gone(family, 2.0)
            processes.kill(left)
            self._ending = Ending(status, time.monotonic() - began, [each.pid for each in left])
        return self._ending

    def remove(self) -> None:
        """Deletes the directory with all records and logs."""
        shutil.rmtree(self.directory, ignore_errors=True)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()
        if error is None:
            self.remove()

    async def _terminate(self) -> int:
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(END_INTERVAL):
                return await self._process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            return await self._process.wait()


def program() -> str:
    """The command line program that is installed beside this Python."""
    return str(Path(sys.executable).with_name("b2bua"))


def configuration(
    port: int,
    recipients: Sequence[Destination],
    ring_time: float,
    number_settings: str = "",
    tables: str = NO_CONSOLE,
) -> str:
    """A configuration file: SIP at `port`, media two ports above it, one number, and further tables."""
    listed = ",\n".join(
        f'    {{ name = {_quoted(each.name)}, type = "sip", destination = {_quoted(each.uri)} }}'
        for each in recipients
    )
    return f"""\
[sip]
listen = ["udp:{ADDRESS}:{port}", "tcp:{ADDRESS}:{port}"]

[media]
interfaces = [{{ name = "lan", address = "{ADDRESS}" }}]
ports = {list(_media_ports(port))}

[trunks.demo]
sources = ["127.0.0.0/8"]

[numbers."{NUMBER}"]
name = "Sales line"
ring_time = {ring_time}
{number_settings}
recipients = [
{listed},
]

[records]
database = "calls.sqlite"

[service]
control_socket = "core.sock"

{tables}"""


def write_sine(path: Path, frequency: int, seconds: float = 1.0, rate: int = 8000) -> None:
    """A wav file that can be told from any other by its pitch, in hertz."""
    step = 2 * math.pi * frequency / rate
    samples = array("h", [round(9000 * math.sin(step * number)) for number in range(int(seconds * rate))])
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.tobytes())


def free_ports(count: int) -> int:
    """The first of `count` neighbouring ports, an even one, that are free for UDP and TCP alike."""
    for _ in range(100):
        first = random.randrange(_LOWEST_PORT, _HIGHEST_PORT - count, 2)
        if all(_is_free(port) for port in range(first, first + count)):
            return first
    raise InstallationError(f"no {count} neighbouring ports are free")


def _media_ports(port: int) -> tuple[int, int]:
    return port + 2, port + 1 + MEDIA_PORTS


def _is_free(port: int) -> bool:
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                probe.bind((ADDRESS, port))
            except OSError:
                return False
    return True


def _quoted(text: str) -> str:
    return json.dumps(text)  # a basic string of TOML is one of JSON


async def _spawn(directory: Path, ready_socket: Path) -> asyncio.subprocess.Process:
    with (directory / "service.log").open("wb") as log:
        return await asyncio.create_subprocess_exec(
            *(program(), "run", str(directory / "service.toml")),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, "NOTIFY_SOCKET": str(ready_socket)},
        )
