"""The real service, `b2bua run`, with a configuration of its own in a directory of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from b2bua.calls.record import CallRecord
from b2bua.control import ControlClient, ControlError
from b2bua.demo import processes
from b2bua.store import Archive, StoreError
from rtp_relay import control, framing
from tests.sipp_scenarios.waiting import BUSY, until

PROGRAM: Final = str(Path(sys.executable).with_name("b2bua"))
START: Final = 15.0  # seconds that a busy machine may need
END: Final = 30.0
MEDIA_PORTS: Final = 256


class Service:
    """A service that is started, spoken to, and ended. Text of its configuration: configuration()."""

    def __init__(self, directory: Path, configuration: str, port: int) -> None:
        self.directory = directory
        self.port = port
        self.started_in = 0.0
        self.process: subprocess.Popen[bytes]
        directory.mkdir(parents=True, exist_ok=True)
        self.file.write_text(configuration, encoding="utf-8")

    @property
    def file(self) -> Path:
        return self.directory / "service.toml"

    @property
    def log(self) -> str:
        path = self.directory / "service.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def start(self) -> None:
        """Returns when it takes calls and the relay is there."""
        began = time.monotonic()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
            path = self.directory / "ready.sock"
            listener.bind(os.fspath(path))
            listener.settimeout(START * BUSY)
            with (self.directory / "service.log").open("ab") as log:
                self.process = subprocess.Popen(
                    [PROGRAM, "run", str(self.file)],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env={**os.environ, "NOTIFY_SOCKET": str(path)},
                )
            try:
                while b"READY=1" not in listener.recv(4096).splitlines():
                    pass
                self.wait_for_relay()
            except BaseException as error:
                self.kill()
                error.add_note(f"the service did not come up:\n{self.log[-3000:]}")
                raise
            finally:
                path.unlink()
        self.started_in = time.monotonic() - began

    def wait_for_relay(self) -> None:
        until(
            lambda: self.status()["relay"] != "not there", START, "the relay is there", alive=[self.process]
        )

    # Speaking to it.

    def ask(self, command: dict[str, Any]) -> dict[str, Any]:
        """An answer from the control socket. ControlError when it cannot be spoken to."""
        with ControlClient(str(self.directory / "core.sock"), 5.0 * BUSY) as client:
            return client.ask(command)

    def status(self) -> dict[str, Any]:
        return self.ask({"command": "status"})

    @property
    def is_there(self) -> bool:
        """Whether its core answers, and has its relay."""
        try:
            return bool(self.status()["relay"] != "not there")
        except ControlError:
            return False

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """`b2bua ARGUMENTS`."""
        return subprocess.run(
            [PROGRAM, *arguments], capture_output=True, text=True, timeout=60, check=False, cwd=self.directory
        )

    def begun_record(self, call_id: str) -> CallRecord:
        """The record of the call with this SIP Call-ID, once it is begun."""
        return self._record_when(lambda record: True, call_id, "begun")

    def record(self, call_id: str) -> CallRecord:
        """The record of the call with this SIP Call-ID, once it is closed."""
        return self._record_when(lambda record: record.outcome is not None, call_id, "closed")

    def _record_when(self, holds: Callable[[CallRecord], bool], call_id: str, what: str) -> CallRecord:
        found: list[CallRecord] = []

        def look() -> bool:
            record = self.record_now(call_id)
            if record is not None and holds(record):
                found.append(record)
            return bool(found)

        until(look, 5.0, f"the record of {call_id} is {what}")
        return found[0]

    def record_now(self, call_id: str) -> CallRecord | None:
        """As it stands in the database; None when there is none."""

        async def read() -> CallRecord | None:
            async with Archive(str(self.directory / "calls.sqlite")) as archive:
                return await archive.call(call_id)

        with contextlib.suppress(StoreError):
            return asyncio.run(read())
        return None

    # Its processes.

    @property
    def family(self) -> list[processes.Process]:
        return processes.family(self.process.pid)

    def child(self, name: str) -> int:
        """The id of its "core" or "relay" process."""
        arguments = {"core": [b"core"], "relay": [b"relay", b"rtp_relay"]}[name]
        found = []
        for member in self.family[1:]:
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                line = Path(f"/proc/{member.pid}/cmdline").read_bytes().split(b"\0")
                if any(argument in line for argument in arguments):
                    found.append(member.pid)
        assert len(found) == 1, f"{len(found)} processes are the {name}"
        return found[0]

    def holdings(self) -> control.Holdings:
        """What the relay has lent."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
            connection.settimeout(5.0 * BUSY)
            connection.connect(str(self.directory / "relay.sock"))
            for packet in framing.packets_of([control.Hello(), control.Inventory()]):
                connection.send(packet)
            while True:
                for event in framing.events_in(connection.recv(control.PACKET_LIMIT)):
                    if isinstance(event, control.Holdings):
                        return event

    def wait_until_idle(self, within: float = 5.0) -> None:
        """Returns when no call runs."""
        until(lambda: self.status()["calls"] == 0, within, "no call runs", alive=[self.process])

    def stop(self) -> int:
        """SIGTERM; gives the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(END)
        except subprocess.TimeoutExpired:
            self.kill()
            return 255

    def kill(self) -> None:
        """SIGKILL to it and its children, if they still run."""
        processes.kill(self.family)
        self.process.wait()


def configuration(
    port: int,
    media: tuple[int, int],
    numbers: str,
    *,
    t1: float = 0.5,
    sources: Sequence[str] = ("127.0.0.0/8", "::1"),
    limits: str = "",
    media_settings: str = "",
    session_expires: int = 1800,
) -> str:
    """A configuration for a service at `port` on 127.0.0.1 and ::1, UDP and TCP."""
    listed = ", ".join(f'"{each}"' for each in sources)
    return f"""\
[sip]
listen = ["udp:127.0.0.1:{port}", "tcp:127.0.0.1:{port}", "udp:[::1]:{port}", "tcp:[::1]:{port}"]
t1 = {t1}
session_expires = {session_expires}

[media]
interfaces = [{{ name = "four", address = "127.0.0.1" }}, {{ name = "six", address = "::1" }}]
ports = [{media[0]}, {media[1]}]
{media_settings}

[limits]
{limits}

[trunks.local]
sources = [{listed}]

{numbers}

[records]
database = "calls.sqlite"

[console]
enabled = false

[service]
control_socket = "core.sock"
"""


def number(dialled: str, recipients: Sequence[str], settings: str = "") -> str:
    """A number with its recipients, each the lines of its table."""
    tables = "\n".join(f'[[numbers."{dialled}".recipients]]\n{recipient}\n' for recipient in recipients)
    return f'[numbers."{dialled}"]\n{settings}\n\n{tables}'


def recipient(name: str, uri: str, settings: str = "") -> str:
    return f'name = "{name}"\ndestination = "{uri}"\n{settings}'
