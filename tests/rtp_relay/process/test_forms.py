"""The real process on the kernel's forms: from a wire to a wire, as nobody, and nothing left behind."""

from __future__ import annotations

import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from bench import namespaces
from rtp_relay.bpf import syscall
from rtp_relay.control import (
    VERSION,
    Bridge,
    Command,
    Direct,
    Event,
    Figures,
    Hello,
    LegRequest,
    Query,
    Reserve,
    Reserved,
    Welcome,
)
from rtp_relay.framing import events_in, packets_of
from tests.rtp_relay.conformance.rig import free_range, hindrance, looks_left, the_wire
from tests.rtp_relay.packets import rtp
from tests.rtp_relay.process.readiness import wait_until_ready

LIMIT = 60.0  # seconds that anything may take
HOST = namespaces.RELAY[False]
Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where nobody may make sockets; pytest's own folders are for one user only."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o777)
        yield Path(name)


@pytest.fixture
def start(folder: Path) -> Iterator[Start]:
    """Starts the relay in its namespace, as nobody if need be; returns when it listens."""
    running: list[subprocess.Popen[bytes]] = []
    with ExitStack() as stack:

        def make(form: str, user: str = "nobody") -> subprocess.Popen[bytes]:
            wired = "xdp" if form == "xdp" else "tc on a wire"
            if hindrance(wired):
                pytest.skip(hindrance(wired))
            stack.enter_context(the_wire().inside(the_wire().relay))
            first = free_range(HOST, 16)
            notify = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
            notify.bind(str(folder / "notify"))
            (folder / "notify").chmod(0o777)
            notify.settimeout(LIMIT)
            command = [sys.executable, "-m", "rtp_relay", "--socket", str(folder / "relay"), "--form", form]
            command += ["--interface", f"main={HOST}", "--ports", f"{first}-{first + 31}", "--user", user]
            command += ["--pins", "none"]
            process = subprocess.Popen(command, env={"NOTIFY_SOCKET": str(folder / "notify")},
                                       stderr=subprocess.PIPE)  # fmt: skip
            running.append(process)
            wait_until_ready(notify, process, LIMIT)
            return process

        yield make
        for process in running:
            process.kill()
            process.communicate(timeout=LIMIT)


class Core:
    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.settimeout(LIMIT)
        self._socket.connect(str(path))

    def ask(self, *commands: Command) -> list[Event]:
        for packet in packets_of(list(commands)):
            self._socket.send(packet)
        return self.hear()

    def hear(self) -> list[Event]:
        return list(events_in(self._socket.recv(1 << 17)))

    def close(self) -> None:
        self._socket.close()


def far_end(to: int, packets: Sequence[bytes]) -> socket.socket:
    """On the other side of the wire, at a port of which xdp forwards all those packets (see looks_left)."""
    with the_wire().inside(the_wire().far), ExitStack() as others:
        while True:
            made = namespaces.udp_socket(namespaces.FAR[False])
            if not any(looks_left(packet, made.getsockname(), (HOST, to)) for packet in packets):
                return made
            others.enter_context(made)  # until there is one


def heard(far: socket.socket) -> bytes:
    assert select.select([far], [], [], LIMIT)[0]
    return far.recv(4096)


def attached(form: str) -> int:
    """Programs at the relay's interface; bpf(2) does not tell of XDP, the interface does."""
    if form == "tc":
        interface = socket.if_nametoindex(namespaces.RELAY_LINK)
        return len(syscall.attached(interface, syscall.AttachKind.TCX_INGRESS))
    command = ("ip", "link", "show", namespaces.RELAY_LINK)
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.count("prog/xdp")


@pytest.mark.parametrize("form", ["tc", "xdp"])
@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL], ids=["stopped", "killed"])
def test_a_call_through_the_process(start: Start, folder: Path, form: str, end: signal.Signals) -> None:
    process = start(form)
    assert attached(form) == 1
    core = Core(folder / "relay")
    (welcome,) = core.ask(Hello())
    assert isinstance(welcome, Welcome)
    assert (welcome.version, welcome.form) == (VERSION, form)
    assert welcome.reason == f"as asked for (tc at lo, {form} at {namespaces.RELAY_LINK})"
    (reserved,) = core.ask(Reserve("call", (LegRequest(0), LegRequest(1))))
    assert isinstance(reserved, Reserved)
    ports = {lent.leg: lent.port for lent in reserved.lent}
    packets = [rtp(sequence) for sequence in range(1, 12)]
    far = [far_end(ports[0], packets), far_end(ports[1], [])]
    directs = [
        Direct("call", leg, 0, namespaces.FAR[False], port := one.getsockname()[1], port + 1, latch=False)
        for leg, one in enumerate(far)
    ]
    core.ask(*directs, Bridge("call", 0, 1), Query("call"))
    far[0].sendto(packets[0], (HOST, ports[0]))
    assert heard(far[1]) == packets[0]
    core.ask(Query("call"))  # whose answer comes after the turn in which the flow went to the kernel
    process.send_signal(signal.SIGSTOP)  # nobody is there to forward anything in user space
    for packet in packets[1:]:
        far[0].sendto(packet, (HOST, ports[0]))
        assert heard(far[1]) == packet
    process.send_signal(signal.SIGCONT)
    (figures,) = core.ask(Query("call"))
    assert isinstance(figures, Figures)
    assert [(one.packets, one.sent_packets, one.lost) for one in figures.streams] == [(11, 0, 0), (0, 11, 0)]
    core.close()
    process.send_signal(end)
    assert process.wait(LIMIT) == (0 if end is signal.SIGTERM else -end)
    assert attached(form) == 0
    for one in far:
        one.close()
