"""The service under test: the real processes on free ports, on one core, and what they cost."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType

TICKS = os.sysconf("SC_CLK_TCK")
START_PATIENCE = 20.0  # seconds
CORE = 0  # the processor that the service has to itself


def free_ports(count: int) -> list[int]:
    """UDP ports that are free now."""
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


class Service:
    """`b2bua run` with a configuration of its own, pinned to one core, until the with block ends."""

    def __init__(self, directory: Path, recipients: int, trace: str = "full") -> None:
        self.directory = directory
        self.port, *self.phone_ports = free_ports(1 + recipients)
        self.log = directory / "service.log"
        self._configuration = directory / "bench.toml"
        self._socket = directory / "core.sock"
        self._configuration.write_text(self._text(trace))

    def _text(self, trace: str) -> str:
        phones = [
            f'{{ name = "phone{number}", destination = "sip:phone{number}@127.0.0.1:{port}" }}'
            for number, port in enumerate(self.phone_ports)
        ]
        return f"""
[sip]
listen = ["udp:127.0.0.1:{self.port}"]
[media]
interfaces = [{{ name = "here", address = "127.0.0.1" }}]
ports = [20000, 38999]
[trunks.bench]
sources = ["127.0.0.0/8"]
[numbers."100"]
recipients = [{", ".join(phones)}]
[limits]
calls = 20000
calls_per_second = 0
[records]
database = "{self.directory / "calls.sqlite"}"
trace = "{trace}"
[console]
enabled = false

[service]
control_socket = "{self._socket}"
log_level = "warning"
"""

    def __enter__(self) -> Service:
        command = [sys.executable, "-m", "b2bua", "run", str(self._configuration)]
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, preexec_fn=lambda: os.sched_setaffinity(0, {CORE})
            )
        deadline = time.monotonic() + START_PATIENCE
        while not self._is_ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the service did not start:\n{self.log.read_text()}")
            time.sleep(0.05)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        try:
            self._process.wait(90)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _is_ready(self) -> bool:
        try:
            return self.status().get("relay", "not there") != "not there"
        except OSError:
            return False

    def status(self) -> dict[str, object]:
        """What the control socket says of the core."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as control:
            control.settimeout(5)
            control.connect(str(self._socket))
            control.sendall(b'{"command": "status"}\n')
            line = control.makefile().readline()
        answer: dict[str, object] = json.loads(line)
        return answer

    def cpu(self) -> dict[str, float]:
        """Seconds of CPU that each process of the service has used, user and system together."""
        used = {}
        for name, pid in self.processes().items():
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            used[name] = (int(fields[11]) + int(fields[12])) / TICKS
        return used

    def memory(self) -> dict[str, int]:
        """Resident KiB of each process."""
        sizes = {}
        for name, pid in self.processes().items():
            pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
            sizes[name] = pages * os.sysconf("SC_PAGE_SIZE") // 1024
        return sizes

    def processes(self) -> dict[str, int]:
        found = {}
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        for pid in children:
            command = Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
            found["relay" if "rtp_relay" in command else "core"] = int(pid)
        return found
