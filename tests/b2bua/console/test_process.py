"""The console as a process: its start, its end, and that calls do not need it."""

from __future__ import annotations

import asyncio
import json
import os
import queue
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from b2bua.config import EX_CONFIG
from b2bua.control import ControlClient
from b2bua.demo.installation import free_ports
from tests.b2bua.console.stage import CONFIGURATION, PASSWORD
from tests.b2bua.core.stage import Stage as CoreStage

LIMIT: Final = 40.0  # seconds; the machine may be busy with other things
ROOT: Final = Path(__file__).parents[3]
PORTS: Final = 40  # of the relay


class Running:
    """A process of ours, and what it logs."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "b2bua", *arguments],
            cwd=ROOT,
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            env={name: value for name, value in os.environ.items() if name != "NOTIFY_SOCKET"},
        )
        self.seen: list[str] = []
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self._lines.put(line.decode())
        self._lines.put("")

    def logged(self, event: str) -> dict[str, Any]:
        """The next line of the log with this event."""
        while True:
            try:
                line = self._lines.get(timeout=LIMIT)
            except queue.Empty:
                line = ""
            assert line, f"{event!r} was not logged, but:\n{''.join(self.seen)}"
            self.seen.append(line)
            if line.startswith("{") and (said := json.loads(line))["event"] == event:
                found: dict[str, Any] = said
                return found

    def end(self, number: int = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        status = self.process.wait(LIMIT)
        self._reader.join(LIMIT)
        assert self.process.stderr is not None
        self.process.stderr.close()
        return status


@contextmanager
def running(*arguments: str) -> Iterator[Running]:
    made = Running(*arguments)
    try:
        yield made
    finally:
        if made.process.poll() is None:
            made.end(signal.SIGKILL)
        else:
            made.end()


def written(place: Path, listen: str = "127.0.0.1:0", more: str = "") -> str:
    file = place / "multiring.toml"
    file.write_text(CONFIGURATION + f'listen = "{listen}"\n{more}', encoding="utf-8")
    # The tables are there, as when the core has run before; else the console waits for it.
    made = subprocess.run(
        [sys.executable, "-m", "b2bua", "flow", "list", "--config", str(file)],
        cwd=ROOT, capture_output=True, check=True, timeout=LIMIT,
    )  # fmt: skip
    assert b"No flows" in made.stdout
    return str(file)


def test_from_the_first_link_to_live_events_to_the_end(tmp_path: Path) -> None:
    with running("console", written(tmp_path)) as console:
        place = console.logged("the console is there")["at"]
        link = console.logged("nobody can log in yet: make the first owner there, once")["link"]
        assert link.startswith(f"{place}/setup#code=")
        with httpx.Client(base_url=place, timeout=LIMIT) as client:
            setup = {"code": link.partition("#code=")[2], "name": "ana", "password": PASSWORD}
            answer = client.post("/api/setup", json=setup)
            assert answer.status_code == 200, answer.text
            assert "server" not in answer.headers
            with client.stream("GET", "/api/live") as events:
                assert events.headers["content-type"].startswith("text/event-stream")
                first = next(events.iter_text())
                assert "event: snapshot" in first and "The core is not there" in first
                # A stream that never ends by itself does not keep the process from ending in order.
                console.process.send_signal(signal.SIGTERM)
                assert console.end() == 0
        assert console.process.returncode == 0


def test_an_address_that_is_taken_is_said(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        file = written(tmp_path, f"127.0.0.1:{other.getsockname()[1]}")
        with running("console", file) as console:
            assert "cannot be listened on" in console.logged("cannot start")["problem"]
            assert console.process.wait(LIMIT) == 1


def test_one_that_is_turned_off_is_not_started_again(tmp_path: Path) -> None:
    with running("console", written(tmp_path, more="enabled = false\n")) as console:
        assert console.process.wait(LIMIT) == EX_CONFIG


def test_it_speaks_https_with_a_certificate(tmp_path: Path) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed")
    file = str(tmp_path / "console.pem")
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", file, "-out", file + ".crt"],
        check=True, capture_output=True,
    )  # fmt: skip
    certificate = f'tls_certificate = "{file}.crt"\ntls_key = "{file}"\n'
    with running("console", written(tmp_path, more=certificate)) as console:
        place = console.logged("the console is there")["at"]
        assert place.startswith("https://")
        with httpx.Client(verify=ssl.create_default_context(cafile=file + ".crt"), timeout=LIMIT) as client:
            answer = client.get(f"{place}/api/setup")
            assert answer.json() == {"needed": True}
            assert "max-age" in answer.headers["strict-transport-security"]


def test_a_certificate_that_is_not_there_is_said(tmp_path: Path) -> None:
    with running("console", written(tmp_path, more='tls_certificate = "missing.pem"\n')) as console:
        assert "cannot be used" in console.logged("cannot start")["problem"]


# With calls.


class Service(CoreStage):
    """A trunk and a phone, with the real service between them."""

    def __init__(self, place: Path, port: int) -> None:
        self._port = port
        super().__init__(place)

    @property
    def port(self) -> int:
        return self._port

    def write(self, more: str = "", listen: str = "", limits: str = "") -> None:
        super().write('[console]\nlisten = "127.0.0.1:0"\n', f"udp:127.0.0.1:{self._port}")
        first = free_ports(PORTS)
        own_relay = f"ports = [{first}, {first + PORTS - 1}]"
        self.file.write_text(self.file.read_text().replace('relay_socket = "relay.sock"', own_relay))


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def children(pid: int) -> dict[str, int]:
    """The processes of a service by their commands."""
    found = {}
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        words = Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")
        name = next((each.decode() for each in words if each in (b"core", b"console")), "relay")
        found[name] = int(child)
    return found


def test_kill_9_of_the_console_disturbs_no_call_and_no_other_process(tmp_path: Path) -> None:
    stage = Service(tmp_path, free_port())
    with running("run", str(stage.file)) as service:
        service.logged("the console is there")
        before = children(service.process.pid)
        assert set(before) == {"core", "relay", "console"}, service.seen
        with ControlClient(str(tmp_path / "core.sock"), LIMIT) as core:
            to = asyncio.run(_connected(stage))
            os.kill(before["console"], signal.SIGKILL)
            service.logged("the console is there")  # the next one
            after = children(service.process.pid)
            assert (after["core"], after["relay"]) == (before["core"], before["relay"])
            assert after["console"] != before["console"]
            assert core.ask({"command": "status"})["calls"] == 1
            asyncio.run(_hung_up(stage, to))
        assert service.end() == 0
    for wire in (stage.trunk, stage.phone):
        wire.socket.close()


async def _connected(stage: Service) -> str:
    return await stage.connect()


async def _hung_up(stage: Service, to: str) -> None:
    stage.trunk.send(stage.request("BYE", to=to), stage.port)
    stage.respond(await stage.phone.receive("BYE"), "200 OK")
    await stage.trunk.receive("SIP/2.0 200")
