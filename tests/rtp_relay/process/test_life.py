"""kill -9 of the real relay in the middle of many calls, and the next one takes up what it has left.

A packet counts as lost if it does not reach the far end that it is meant for, whoever was dead when it was sent.
"""

from __future__ import annotations

import json
import os
import select
import shutil
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
    Bridge,
    Command,
    Direct,
    Event,
    Figures,
    Hello,
    LegRequest,
    Query,
    Release,
    Released,
    Reserve,
    Reserved,
    Welcome,
)
from rtp_relay.framing import events_in, packets_of
from tests.rtp_relay.conformance.rig import free_range, hindrance, looks_left, the_wire
from tests.rtp_relay.packets import rtp
from tests.rtp_relay.pinned import bpf_file_system

LIMIT = 60.0  # seconds that anything may take
HOST = namespaces.RELAY[False]
FAR = namespaces.FAR[False]
CALLS = 150
PAUSE = 0.02  # seconds between two packets of a stream; a real one sends as often


class Core:
    """Speaks to one relay, over the real socket."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.settimeout(LIMIT)
        self._socket.connect(str(path))
        (self.welcome,) = self.ask([Hello()], 1)

    def ask(self, commands: list[Command], answers: int) -> list[Event]:
        for packet in packets_of(commands):
            self._socket.send(packet)
        said: list[Event] = []
        while len(said) < answers:
            said += events_in(self._socket.recv(1 << 17))
        return said

    def close(self) -> None:
        self._socket.close()


class Stage:
    """One relay after another at one control socket, and calls between far ends on the other side of the wire."""

    def __init__(self, form: str, stack: ExitStack) -> None:
        self.form = form
        self.folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        self.folder.chmod(0o777)
        self.pins = stack.enter_context(bpf_file_system(self.folder / "bpf")) / "relay"
        stack.enter_context(the_wire().inside(the_wire().relay))
        self.first = free_range(HOST, 2 * CALLS + 8)
        self._notify = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        self._notify.bind(str(self.folder / "notify"))
        (self.folder / "notify").chmod(0o777)
        self._notify.settimeout(LIMIT)
        self._held = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._stack = stack
        stack.callback(self.close)
        self.running: list[subprocess.Popen[bytes]] = []
        self.calls: dict[str, tuple[socket.socket, socket.socket]] = {}
        self.ports: dict[str, tuple[int, int]] = {}
        self.directs: dict[str, list[Command]] = {}
        self.sent = 0  # packets of each stream
        self.arrived: dict[socket.socket, int] = {}
        self._epoll = select.epoll()

    def close(self) -> None:
        for process in self.running:
            process.kill()
            process.communicate(timeout=LIMIT)
        for one in (*self._held, *self.arrived):
            one.close()
        self._epoll.close()

    def options(self) -> list[str]:
        """Of the relay, and of its loader."""
        last = self.first + 4 * CALLS + 15
        chosen = ["--socket", str(self.folder / "relay"), "--form", self.form, "--interface", f"main={HOST}"]
        return [*chosen, "--ports", f"{self.first}-{last}", "--pins", str(self.pins)]

    def start(
        self, *more: str, is_awaited: bool = True, before: Sequence[str] = ()
    ) -> subprocess.Popen[bytes]:
        command = [*before, sys.executable, "-m", "rtp_relay", *self.options()]
        command += ["--hold", ",".join(str(one.fileno()) for one in self._held), *more]
        process = subprocess.Popen(
            command, env=os.environ | {"NOTIFY_SOCKET": str(self.folder / "notify")}, stderr=subprocess.PIPE,
            pass_fds=[one.fileno() for one in self._held],
        )  # fmt: skip
        self.running.append(process)
        if is_awaited:
            self.await_ready()
        return process

    def await_ready(self) -> None:
        while self._notify.recv(99) != b"READY=1":
            pass  # that of the relay before: STOPPING=1

    @property
    def is_ready(self) -> bool:
        return bool(select.select([self._notify], [], [], 0)[0])

    # Calls.

    def begin_calls(self, core: Core) -> None:
        names = [f"call {number}" for number in range(CALLS)]
        reserves: list[Command] = [Reserve(name, (LegRequest(0), LegRequest(1))) for name in names]
        for event in core.ask(reserves, CALLS):
            assert isinstance(event, Reserved)
            a, b = sorted(event.lent, key=lambda lent: lent.leg)
            self.ports[event.call] = (a.port, b.port)
        for name in names:
            self._direct(name)
        core.ask([command for name in names for command in (*self.directs[name], Query(name))], CALLS)

    def _direct(self, name: str) -> None:
        with the_wire().inside(the_wire().far):
            far = namespaces.udp_socket(FAR), namespaces.udp_socket(FAR)
        self.directs[name] = []
        for leg, one in enumerate(far):
            one.setblocking(False)
            one.connect((HOST, self.ports[name][leg]))  # so that a port that is closed would be told of
            port = one.getsockname()[1]
            self.directs[name].append(Direct(name, leg, 0, FAR, port, port + 1, latch=False))
            self._epoll.register(one, select.EPOLLIN)
            self.arrived[one] = 0
        self.directs[name].append(Bridge(name, 0, 1))
        self.calls[name] = far

    def restore(self, core: Core, names: list[str]) -> None:
        """As b2bua/calls/media.py says everything again."""
        commands: list[Command] = []
        for name in names:
            requests = tuple(LegRequest(leg, ports=(port,)) for leg, port in enumerate(self.ports[name]))
            commands += [Reserve(name, requests), *self.directs[name]]
        for event in core.ask(commands, len(names)):
            assert isinstance(event, Reserved), event

    def talk(self, until: Callable[[], bool], names: list[str] | None = None) -> None:
        """Every far end sends a packet again and again, and counts what it gets."""
        while True:
            self.sent += 1
            for number, name in enumerate(names or self.calls):
                for leg, far in enumerate(self.calls[name]):
                    self._send(far, 2 * number + leg + 1)
            self.listen(PAUSE)
            if until():
                return

    def _send(self, far: socket.socket, ssrc: int) -> None:
        packet = rtp(self.sent, ssrc=ssrc)
        if self.form == "xdp" and looks_left(packet, far.getsockname(), far.getpeername()):
            packet = rtp(self.sent, ssrc=ssrc, marker=True)  # another checksum
        far.send(packet)

    def listen(self, seconds: float = 0.0) -> int:
        """Wait so long for the first packet; how many there were."""
        heard = 0
        by_descriptor = {one.fileno(): one for one in self.arrived}
        while ready := self._epoll.poll(seconds):
            seconds = 0.0
            for descriptor, _ in ready:
                one = by_descriptor[descriptor]
                while True:
                    try:
                        one.recv(2048)
                    except BlockingIOError:
                        break
                    self.arrived[one] += 1
                    heard += 1
        return heard

    def rounds(self, number: int) -> Callable[[], bool]:
        last = self.sent + number
        return lambda: self.sent >= last

    def lost(self) -> int:
        """Packets that have not arrived, after all that are on their way had the time."""
        while missing := sum(self.sent - arrived for arrived in self.arrived.values()):
            if not self.listen(1.0):
                break
        return missing

    def attached(self) -> int:
        interface = socket.if_nametoindex(namespaces.RELAY_LINK)
        if self.form != "xdp":
            return len(syscall.attached(interface, syscall.AttachKind.TCX_INGRESS))
        command = ("ip", "link", "show", namespaces.RELAY_LINK)
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.count("prog/xdp")

    def until_said(self, process: subprocess.Popen[bytes], event: str) -> dict[str, object]:
        """The first line in its log of that event."""
        assert process.stderr is not None
        for line in process.stderr:
            said: dict[str, object] = json.loads(line)
            if said["event"] == event:
                return said
        raise AssertionError(f"no {event!r}")


@pytest.fixture(params=["user", "tc", "xdp"])
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    wired = {"user": "tc on a wire", "tc": "tc on a wire", "xdp": "xdp"}[request.param]
    if hindrance(wired):
        pytest.skip(hindrance(wired))
    with ExitStack() as stack:
        yield Stage(request.param, stack)


def figures(core: Core, name: str) -> list[tuple[int, int, int]]:
    (event,) = core.ask([Query(name)], 1)
    assert isinstance(event, Figures)
    return [(one.packets, one.sent_packets, one.lost) for one in event.streams]


def test_killed_in_the_middle_of_many_calls_and_no_packet_is_lost(stage: Stage) -> None:
    first = stage.start()
    core = Core(stage.folder / "relay")
    stage.begin_calls(core)
    stage.talk(stage.rounds(5))
    assert stage.lost() == 0
    figures(core, "call 0")  # whose answer comes after the turn in which the flows went to the kernel
    first.kill()
    first.wait(LIMIT)
    core.close()
    stage.talk(stage.rounds(5))
    if stage.form != "user":
        assert stage.lost() == 0, "the kernel forwards with nobody there"
    stage.start("--orphan-time", "2", is_awaited=False)
    stage.talk(lambda: stage.is_ready)
    stage.await_ready()
    core = Core(stage.folder / "relay")
    assert isinstance(core.welcome, Welcome)
    assert core.welcome.form == stage.form
    stage.talk(stage.rounds(2))
    stage.restore(core, list(stage.calls))
    stage.talk(stage.rounds(5))
    assert stage.lost() == 0
    for name in ("call 0", f"call {CALLS - 1}"):
        told = figures(core, name)
        if stage.form == "user":  # the figures of user space died with it; what had waited is counted
            assert all(packets == sent and packets > 5 and not lost for packets, sent, lost in told)
        else:
            assert told == [(stage.sent, stage.sent, 0)] * 2
    core.ask([Release(name) for name in stage.calls], CALLS)
    core.close()


def test_what_no_call_claims_is_removed(stage: Stage) -> None:
    stage.start()
    core = Core(stage.folder / "relay")
    stage.begin_calls(core)
    stage.talk(stage.rounds(3))
    assert stage.lost() == 0
    figures(core, "call 0")
    stage.running[0].kill()
    stage.running[0].wait(LIMIT)
    core.close()
    second = stage.start("--orphan-time", "1")
    core = Core(stage.folder / "relay")
    claimed, orphan = "call 0", "call 1"
    stage.restore(core, [claimed])
    stage.until_said(second, "what an earlier relay left and no call has claimed is closed")
    while stage.listen(0.2):
        pass
    before = dict(stage.arrived)
    stage.talk(stage.rounds(2), [claimed, orphan])
    while stage.listen(0.2):
        pass
    gained = {name: [stage.arrived[one] - before[one] for one in stage.calls[name]] for name in (claimed, orphan)}
    assert gained == {claimed: [2, 2], orphan: [0, 0]}
    core.close()


def test_a_clean_stop_leaves_nothing_and_programs_of_others_stay(stage: Stage) -> None:
    before = stage.attached()
    others: list[int] = []
    if stage.form != "xdp":
        others.append(someone_elses(socket.if_nametoindex(namespaces.RELAY_LINK)))
    process = stage.start("--user", "nobody")
    core = Core(stage.folder / "relay")
    stage.begin_calls(core)
    stage.talk(stage.rounds(2))
    assert stage.lost() == 0
    assert stage.attached() == before + len(others) + (stage.form != "user")
    core.close()
    process.send_signal(signal.SIGTERM)
    assert process.wait(LIMIT) == 0
    assert stage.attached() == before + len(others)
    assert not stage.pins.exists() or not list(stage.pins.iterdir())
    assert not select.select([stage._held[0]], [], [], 0)[0], "no socket is held any more"
    for link in others:
        os.close(link)


def test_asked_to_make_way_it_leaves_its_flows_to_the_next(stage: Stage) -> None:
    first = stage.start()
    core = Core(stage.folder / "relay")
    stage.begin_calls(core)
    stage.talk(stage.rounds(3))
    assert stage.lost() == 0
    figures(core, "call 0")
    first.send_signal(signal.SIGUSR1)
    assert first.wait(LIMIT) == 0
    core.close()
    stage.talk(stage.rounds(2))
    stage.start()
    core = Core(stage.folder / "relay")
    stage.restore(core, list(stage.calls))
    stage.talk(stage.rounds(2))
    assert stage.lost() == 0
    (released,) = core.ask([Release("call 7")], 1)
    assert isinstance(released, Released)
    if stage.form != "user":
        assert [one.packets for one in released.streams] == [stage.sent, stage.sent]
    core.close()


def someone_elses(interface: int) -> int:
    """A link of a program that lets everything pass."""
    from rtp_relay.bpf.asm import R0, Assembly

    a = Assembly()
    a.calc32(R0, "=", -1)
    a.end()
    program = syscall.load(syscall.ProgramKind.SCHED_CLS, a.code(), "another")
    link = syscall.attach(program, interface, syscall.AttachKind.TCX_INGRESS)
    os.close(program)
    return link

NOBODY = 65534


def as_nobody(*capabilities: str) -> list[str]:
    """With those capabilities and no others, as a unit of systemd would have it."""
    wanted = ",".join(["-all", *(f"+{name}" for name in capabilities)])
    return ["setpriv", "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups", f"--inh-caps={wanted}",
            f"--bounding-set={wanted}", f"--ambient-caps={wanted}"]  # fmt: skip


def load(stage: Stage, *more: str) -> subprocess.CompletedProcess[str]:
    """The loader, run once, with what its unit gives it."""
    command = [*as_nobody("bpf", "net_admin"), sys.executable, "-m", "rtp_relay.process.load", *stage.options(), *more]
    return subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False)


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="setpriv is not installed")
def test_a_relay_without_any_capability_uses_what_a_loader_made(stage: Stage) -> None:
    if stage.form == "user":
        pytest.skip("the user form needs no loader")
    os.chown(stage.pins.parent, NOBODY, NOBODY)
    stage.pins.parent.chmod(0o700)
    done = load(stage)
    assert done.returncode == 0, done.stderr
    assert stage.attached() == 1
    first = stage.start(before=as_nobody())
    core = Core(stage.folder / "relay")
    assert isinstance(core.welcome, Welcome)
    assert core.welcome.form == stage.form
    stage.begin_calls(core)
    stage.talk(stage.rounds(3))
    assert stage.lost() == 0
    figures(core, "call 0")
    first.kill()
    first.wait(LIMIT)
    core.close()
    stage.talk(stage.rounds(3))
    second = stage.start(before=as_nobody())
    core = Core(stage.folder / "relay")
    stage.restore(core, list(stage.calls))
    stage.talk(stage.rounds(3))
    assert stage.lost() == 0
    assert figures(core, "call 7") == [(stage.sent, stage.sent, 0)] * 2
    again = load(stage)  # as an upgrade does, under the relay that runs
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stderr)["replaced"] == []
    core.close()
    second.send_signal(signal.SIGTERM)
    assert second.wait(LIMIT) == 0
    assert stage.attached() == 1, "what the loader made stays for the next relay"
    assert load(stage, "--remove").returncode == 0
    assert stage.attached() == 0


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="setpriv is not installed")
def test_without_a_loader_and_without_capabilities_it_is_the_user_form(stage: Stage) -> None:
    if stage.form != "tc":
        pytest.skip("asked once")
    stage.form = "auto"
    process = stage.start(before=as_nobody())
    said = stage.until_said(process, "ready")
    assert said["form"] == "user"
    assert "no faster form can be had" in str(said["reason"])
    assert "not permitted" in str(said["reason"]) or "Permission denied" in str(said["reason"])
