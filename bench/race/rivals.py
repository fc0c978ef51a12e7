"""Relays of others, started by hand on the relay's address and core, with calls in them.

rtpengine is Debian's daemon, in user space (table -1). rtp.io comes from PyPI into an environment of its own; whoever
has one already names its Python in BENCH_RTP_IO.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from bench import namespaces
from bench.race.frames import Flow
from bench.race.rig import RELAY_CORE, Rig
from rtp_relay.ng import messages

OWN_ENVIRONMENT: Final = Path(__file__).parents[2] / ".bench-venv"
INSTALLING: Final = 120  # seconds at most
PATIENCE: Final = 15.0
HOST, FAR = namespaces.RELAY[False], namespaces.FAR[False]
DESCRIPTORS_OF_CALL: Final = 4
ON_THE_CORE: Final = ("taskset", "-c", str(RELAY_CORE), "nice", "-n", "-20")


class Engine:
    """What a client of one rtpengine needs: questions and answers, one at a time."""

    def __init__(self, opened: socket.socket) -> None:
        self._socket = opened
        self._number = 0

    def ask(self, request: messages.Request, patience: float = 2.0) -> messages.Reply:
        """Raises OSError if nobody answers, or the answer is no."""
        self._number += 1
        self._socket.settimeout(patience)
        self._socket.send(messages.datagram(f"bench-{self._number}", request))
        reply = messages.read(self._socket.recv(65536))[1]
        if problem := messages.trouble(reply):
            raise OSError(0, problem)
        return reply

    def close(self) -> None:
        self._socket.close()


def description(port: int) -> str:
    return (
        f"v=0\r\no=- 1 1 IN IP4 {FAR}\r\ns=-\r\nc=IN IP4 {FAR}\r\nt=0 0\r\n"
        f"m=audio {port} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
    )


def port_in(reply: messages.Reply) -> int:
    """The port of the first medium of the description that rtpengine gave."""
    text = str(reply["sdp"])
    return int(text[text.index("m=audio ") :].split()[1])


def set_call_up(
    engine: Engine, number: int, port: int, on_offered: Callable[[], object] = lambda: None
) -> tuple[int, int]:
    """Offer and answer of a call between `port` and the second one above; the ports that these send to."""
    call: messages.Request = {"call-id": f"call-{number}", "from-tag": "a"}
    offered = engine.ask({"command": "offer", "sdp": description(port), **call})
    on_offered()
    answered = engine.ask({"command": "answer", "sdp": description(port + 2), "to-tag": "b", **call})
    return port_in(answered), port_in(offered)


@contextmanager
def rtpengine(rig: Rig, ports: range, control_port: int, threads: int = 0) -> Iterator[tuple[int, Engine]]:
    """The daemon's process, and who asks it. threads: how many of it forward, 0: as many as it likes."""
    command = [
        "rtpengine", "--foreground", "--table=-1", f"--interface={HOST}", f"--listen-ng=127.0.0.1:{control_port}",
        f"--port-min={ports.start}", f"--port-max={ports.stop - 1}", "--log-level=3", "--log-stderr",
        "--timeout=3600", "--silent-timeout=3600", "--config-file=none",
        *([f"--num-threads={threads}"] if threads else []),
    ]  # fmt: skip
    with rig.wire.inside(rig.wire.relay):
        opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        process = subprocess.Popen([*ON_THE_CORE, *command], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    opened.connect(("127.0.0.1", control_port))
    engine = Engine(opened)
    try:
        _wait_for(engine, process)
        yield process.pid, engine
    finally:
        engine.close()
        process.terminate()
        process.wait(10)


def _wait_for(engine: Engine, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        try:
            engine.ask(messages.ping(), 0.2)
            return
        except OSError:
            if process.poll() is not None:
                raise OSError(0, f"rtpengine ended with {process.returncode}") from None
            time.sleep(0.02)
    raise OSError(0, "rtpengine does not answer")


@contextmanager
def rtpengine_calls(rig: Rig, calls: int, first_port: int, processes: int = 1) -> Iterator[list[int]]:
    """Calls in so many daemons, one after the other's share; their processes. The rig sends what they expect."""
    share = -(-calls // processes)
    with _several(rig, calls, share, first_port) as (pids, flows):
        rig.set_flows(flows)
        yield pids


@contextmanager
def _several(rig: Rig, calls: int, share: int, first_port: int) -> Iterator[tuple[list[int], list[Flow]]]:
    if calls <= 0:
        yield [], []
        return
    here = min(share, calls)
    ports = range(first_port, first_port + DESCRIPTORS_OF_CALL * here + 40)
    with (
        rtpengine(rig, ports, 2000 + first_port % 1000) as (pid, engine),
        _several(rig, calls - here, share, ports.stop) as (pids, flows),
    ):
        for number in range(here):
            far_port = first_port + 4 * number
            from_a, from_b = set_call_up(engine, number, far_port)
            flows += [Flow((FAR, far_port), (HOST, from_a)), Flow((FAR, far_port + 2), (HOST, from_b))]
        yield [pid, *pids], flows


def missing_rtpengine() -> str:
    return "" if shutil.which("rtpengine") else "rtpengine is not installed (Debian: rtpengine-daemon)"


def rtp_io_python() -> tuple[str, str]:
    """The Python that has rtp.io, or why there is none. It is installed where it is not yet."""
    named = os.environ.get("BENCH_RTP_IO")
    python = named or str(OWN_ENVIRONMENT / "bin" / "python")
    if not _has_rtp_io(python) and not named:
        make = [sys.executable, "-m", "venv", str(OWN_ENVIRONMENT)]
        for command in (make, [python, "-m", "pip", "install", "-q", "rtp.io"]):
            try:
                subprocess.run(command, check=True, capture_output=True, timeout=INSTALLING)
            except (OSError, subprocess.SubprocessError) as problem:
                return "", f"rtp.io cannot be installed: {problem}"
    return (python, "") if _has_rtp_io(python) else ("", f"{python} has no rtp.io")


def _has_rtp_io(python: str) -> bool:
    try:
        return subprocess.run([python, "-c", "import rtp.io"], capture_output=True, timeout=30).returncode == 0
    except OSError:
        return False


@contextmanager
def rtp_io_calls(rig: Rig, python: str, calls: int, first_port: int) -> Iterator[list[int]]:
    ports = f"{first_port}-{first_port + DESCRIPTORS_OF_CALL * calls + 199}"
    server = str(Path(__file__).with_name("rtp_io_server.py"))
    command = [*ON_THE_CORE, python, server, HOST, ports, str(calls), FAR, str(first_port)]
    with rig.wire.inside(rig.wire.relay):
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
    assert process.stdout is not None and process.stdin is not None
    try:
        flows = []
        for number, line in enumerate(process.stdout):
            if line == "ready\n":
                break
            from_a, from_b = (int(port) for port in line.split())
            port = first_port + 4 * number
            flows += [Flow((FAR, port), (HOST, from_a)), Flow((FAR, port + 2), (HOST, from_b))]
        if len(flows) != 2 * calls:
            raise OSError(0, f"rtp.io gave {len(flows)} ports for {calls} calls")
        rig.set_flows(flows)
        yield [process.pid]
        process.stdin.close()
        process.wait(5)
    finally:
        process.kill()
        process.wait(10)
        process.stdout.close()
