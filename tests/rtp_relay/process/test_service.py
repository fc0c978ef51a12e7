"""The real process: how it begins, what it survives, how it ends."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rtp_relay.client import RelayClient
from rtp_relay.control import (
    Bridge,
    Direct,
    Event,
    Hello,
    Holdings,
    Inventory,
    LegRequest,
    Release,
    Released,
    Reserve,
    Reserved,
    Silent,
    Welcome,
)
from rtp_relay.framing import packets_of
from tests.rtp_relay.conformance.rig import free_range
from tests.rtp_relay.loop import turn
from tests.rtp_relay.packets import rtp
from tests.rtp_relay.process.readiness import wait_until_ready

LIMIT = 60.0  # seconds that anything may take
HOST = "127.0.0.1"
Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def notify(tmp_path: Path) -> Iterator[socket.socket]:
    """systemd's end: says when the process is ready, with no need to look again and again."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as made:
        made.bind(str(tmp_path / "notify"))
        made.settimeout(LIMIT)
        yield made


@pytest.fixture
def start(tmp_path: Path, notify: socket.socket) -> Iterator[Start]:
    """Starts the relay; `extra` are options, `ready` waits until it is."""
    running: list[subprocess.Popen[bytes]] = []

    def make(*extra: str, ready: bool = True, **environment: str) -> subprocess.Popen[bytes]:
        first = free_range(HOST, 64)
        command = [sys.executable, "-m", "rtp_relay", "--socket", str(tmp_path / "relay")]
        command += ["--interface", f"main={HOST}", "--ports", f"{first}-{first + 127}", *extra]
        process = subprocess.Popen(
            command,
            env=os.environ | {"NOTIFY_SOCKET": str(tmp_path / "notify")} | environment,
            stderr=subprocess.PIPE,
        )
        running.append(process)
        if ready:
            wait_until_ready(notify, process, LIMIT)
        return process

    yield make
    for process in running:
        process.kill()
        process.communicate(timeout=LIMIT)


class Core:
    def __init__(self, path: Path) -> None:
        self.told: asyncio.Queue[Event] = asyncio.Queue()
        self.lost = asyncio.Event()
        self.client = RelayClient(str(path), self.told.put_nowait, self.lost.set, self.told.put_nowait)

    async def ready(self) -> Welcome:
        self.client.start()
        event = await self.told.get()
        assert isinstance(event, Welcome)
        return event

    async def reserve(self, *requests: LegRequest) -> list[int]:
        self.client.send(Reserve("call", requests))
        event = await self.told.get()
        assert isinstance(event, Reserved), event
        return [lent.port for lent in event.lent]

    async def talk(self) -> list[int]:
        """A call of two legs that the relay knows of; its ports."""
        ports = await self.reserve(LegRequest(0), LegRequest(1))
        self.client.send(Bridge("call", 0, 1))
        await self.holdings()  # everything before it is done
        return ports

    async def holdings(self) -> Holdings:
        self.client.send(Inventory())
        event = await self.told.get()
        assert isinstance(event, Holdings)
        return event

    async def until_nothing_is_lent(self) -> None:
        while (await self.holdings()).ports_lent:
            await turn()


def run(script: Callable[[Core], object], path: Path) -> None:
    async def play() -> None:
        core = Core(path)
        async with asyncio.timeout(LIMIT):
            await script(core)  # type: ignore[misc]
        core.client.close()

    asyncio.run(play())


def logged(process: subprocess.Popen[bytes]) -> list[dict[str, object]]:
    """What it wrote until it ended."""
    _, written = process.communicate(timeout=LIMIT)
    return [json.loads(line) for line in written.splitlines()]


def test_a_call_through_the_real_process(start: Start, tmp_path: Path) -> None:
    async def script(core: Core) -> None:
        assert (await core.ready()).form == "user"
        ports = await core.reserve(LegRequest(0), LegRequest(1))
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as a,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as b,
        ):
            for leg, party in enumerate((a, b)):
                party.bind((HOST, 0))
                party.setblocking(False)
                core.client.send(Direct("call", leg, 0, HOST, party.getsockname()[1], 0))
            core.client.send(Bridge("call", 0, 1))
            await core.holdings()  # everything before it is done
            a.sendto(rtp(1), (HOST, ports[0]))
            got = await asyncio.get_running_loop().sock_recvfrom(b, 999)
            assert got == (rtp(1), (HOST, ports[1]))

    start()
    run(script, tmp_path / "relay")


def test_sigterm_ends_it_with_nothing_left(start: Start, tmp_path: Path, notify: socket.socket) -> None:
    process = start()
    process.send_signal(signal.SIGTERM)
    assert process.wait(LIMIT) == 0
    assert notify.recv(99) == b"STOPPING=1"
    assert not (tmp_path / "relay").exists()
    assert [line["event"] for line in logged(process)] == ["ready", "stopped"]


def test_it_starts_in_well_under_a_second(start: Start) -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    process = start()
    process.terminate()
    process.wait(LIMIT)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 1.0


def test_after_kill_9_of_the_core_its_ports_come_back(start: Start, tmp_path: Path) -> None:
    start("--orphan-time", "0")
    path = tmp_path / "relay"
    (packet,) = packets_of([Hello(), Reserve("call", (LegRequest(0), LegRequest(1)))])
    reserve = f"""if True:
        import signal, socket
        core = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        core.connect({str(path)!r})
        core.send({packet!r})
        print(core.recv(9999), flush=True)
        signal.pause()
    """
    child = subprocess.Popen([sys.executable, "-c", reserve], stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert b"Reserved" in child.stdout.readline()

    async def script(core: Core) -> None:
        await core.ready()
        assert (await core.holdings()).ports_lent == 2
        child.kill()
        await core.until_nothing_is_lent()

    run(script, path)
    child.communicate(timeout=LIMIT)


def test_a_core_that_comes_back_finds_its_call(start: Start, tmp_path: Path) -> None:
    start()

    async def script(core: Core) -> None:
        await core.ready()
        ports = await core.talk()
        core.client.close()
        again = Core(tmp_path / "relay")
        assert (await again.ready()).calls == 1
        requests = [LegRequest(leg, ports=(port,)) for leg, port in enumerate(ports)]
        assert await again.reserve(*requests) == ports
        again.client.close()

    run(script, tmp_path / "relay")


def test_a_call_survives_the_relay_by_asking_for_its_ports(start: Start, tmp_path: Path) -> None:
    first = free_range(HOST, 64)
    ports_wanted = ("--ports", f"{first}-{first + 127}")
    process = start(*ports_wanted)

    async def script(core: Core) -> None:
        await core.ready()
        ports = await core.talk()
        process.kill()
        await core.lost.wait()
        await asyncio.to_thread(start, *ports_wanted)
        assert isinstance(await core.told.get(), Welcome)
        requests = [LegRequest(leg, ports=(port,)) for leg, port in enumerate(ports)]
        assert await core.reserve(*requests) == ports

    run(script, tmp_path / "relay")


def test_rubbish_on_the_control_socket_is_logged_and_survived(start: Start, tmp_path: Path) -> None:
    process = start()

    async def script(core: Core) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as control:
            control.connect(str(tmp_path / "relay"))
            control.send(b"rubbish")
            await core.ready()
            assert control.recv(99) == b""
        await core.reserve(LegRequest(0))

    run(script, tmp_path / "relay")
    process.terminate()
    lines = logged(process)
    (error,) = (line for line in lines if line["level"] == "error")
    assert error["event"] == "control connection closed"
    assert "no commands" in str(error["reason"])
    assert process.returncode == 0


def test_silence_is_told_by_the_real_clock(start: Start, tmp_path: Path) -> None:
    start("--media-timeout", "0.2")

    async def script(core: Core) -> None:
        await core.ready()
        await core.reserve(LegRequest(0), LegRequest(1))
        core.client.send(Direct("call", 0, 0, HOST, 9, 10))
        core.client.send(Bridge("call", 0, 1))
        event = await core.told.get()
        assert isinstance(event, Silent)
        assert event.seconds >= 0.2

    run(script, tmp_path / "relay")


def test_the_watchdog_is_fed(start: Start, notify: socket.socket) -> None:
    start(WATCHDOG_USEC="100000")
    assert [notify.recv(99) for _ in range(3)] == 3 * [b"WATCHDOG=1"]


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        (("--interface", "far=192.0.2.1"), "no port can be opened at 192.0.2.1"),
        (("--interface", f"main={HOST}"), "twice"),
        (("--user", "nobody-of-that-name"), "no user"),
        (("--socket", "/dev/null/nowhere/relay"), "Not a directory"),
    ],
)
def test_what_keeps_it_from_beginning_is_said(start: Start, extra: tuple[str, ...], words: str) -> None:
    process = start(*extra, ready=False)
    lines = logged(process)
    assert process.returncode == 1
    assert lines[-1]["event"] == "cannot begin"
    assert words in str(lines[-1]["reason"])


def test_a_second_relay_leaves_the_first_alone(start: Start, tmp_path: Path) -> None:
    start()
    second = start(ready=False)
    assert "another relay" in str(logged(second)[-1]["reason"])
    run(lambda core: core.ready(), tmp_path / "relay")


def test_it_dies_with_its_parent(tmp_path: Path, notify: socket.socket) -> None:
    first = free_range(HOST, 64)
    command = [sys.executable, "-m", "rtp_relay", "--socket", str(tmp_path / "relay"), "--interface"]
    command += [f"main={HOST}", "--ports", f"{first}-{first + 127}", "--die-with-parent"]
    script = f"import subprocess, signal; subprocess.Popen({command!r}); signal.pause()"
    environment = os.environ | {"NOTIFY_SOCKET": str(tmp_path / "notify")}
    parent = subprocess.Popen([sys.executable, "-c", script], env=environment, stderr=subprocess.DEVNULL)
    assert notify.recv(99) == b"READY=1"
    parent.kill()
    parent.wait(LIMIT)
    assert notify.recv(99) == b"STOPPING=1"


def test_release_tells_the_figures(start: Start, tmp_path: Path) -> None:
    start()

    async def script(core: Core) -> None:
        await core.ready()
        await core.reserve(LegRequest(0, media=2))
        core.client.send(Direct("call", 0, 0, HOST, 9, 10))
        core.client.send(Release("call"))
        event = await core.told.get()
        assert isinstance(event, Released)
        assert [(one.leg, one.medium) for one in event.streams] == [(0, 0), (0, 1)]

    run(script, tmp_path / "relay")


def test_a_call_that_nobody_answered_is_none_of_the_relay_s_business(start: Start, tmp_path: Path) -> None:
    start("--port-rest", "0")

    async def script(core: Core) -> None:
        await core.ready()
        for _ in range(100):  # of 64 pairs
            await core.reserve(*(LegRequest(leg) for leg in range(4)))
            core.client.send(Release("call"))
            assert await core.told.get() == Released("call", ())
            holdings = await core.holdings()
            assert (holdings.ports_lent, holdings.calls) == (0, ())
        assert holdings.ports_leased > 0
        core.client.close()
        again = Core(tmp_path / "relay")
        await again.ready()
        assert (await again.reserve(LegRequest(0))) != []
        again.client.close()

    run(script, tmp_path / "relay")
