"""Who takes part: our forms, relays of others, the system itself, and the least that can be done."""

from __future__ import annotations

import asyncio
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench import namespaces
from bench.race import rivals
from bench.race.frames import Flow
from bench.race.rig import Rig, beyond
from bench.race.table import filled
from bench.relay import Core
from rtp_relay.control import Bridge, Direct, Figures, Query, Record

FIRST_PORT: Final = 20000
HOST, FAR = namespaces.RELAY[False], namespaces.FAR[False]
CALM, EAGER = 200_000, 20_000  # ns between bursts; user space is better off with few wakings
BUFFERS, FRAMES, SOCKETS = 3_000_000, 8_000_000, 300_000  # packets a second that nobody can, by what is made of them
SPARE_DESCRIPTORS: Final = 600
FAREWELL: Final = 5.0  # seconds
MEMORY: Final = "/dev/shm"  # where recordings go, so that no disk is measured

Running = AbstractContextManager[list[int]]  # processes that are charged, besides the rig's threads


@dataclass(frozen=True, slots=True)
class Method:
    """run: has it forward so many calls. lowest: packets a second that it surely can. flood: more than it ever can.
    missing: why it cannot be had. is_xdp: it sends frames, and the sink has to be one for frames.
    """

    name: str
    title: str
    run: Callable[[Rig, int], Running]
    lowest: int
    flood: int
    coalesced: int = EAGER
    is_xdp: bool = False
    missing: str = ""


def descriptors() -> int:
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0] - SPARE_DESCRIPTORS


# The system, and the least.


def _routed(number: int, hosts: int = 1) -> Flow:
    return Flow((FAR, FIRST_PORT + 2 * number), (beyond(number % hosts), FIRST_PORT + 2 * number))


def forwarding(is_to_one: bool) -> Callable[[Rig, int], Running]:
    """The system's own IP forwarding of the same packets, by one route: each flow to a host of its own, or all of them
    to one, for which the system looks the route up once a burst and not once a packet.
    """

    @contextmanager
    def run(rig: Rig, calls: int) -> Iterator[list[int]]:
        rig.set_flows(_routed(number, 1 if is_to_one else 2 * calls) for number in range(2 * calls))
        yield []

    return run


def nothing(is_xdp: bool) -> Callable[[Rig, int], Running]:
    @contextmanager
    def run(rig: Rig, calls: int) -> Iterator[list[int]]:
        rig.set_flows(_routed(number) for number in range(2 * calls))
        with rig.sink_at_relay(is_xdp):
            yield []

    return run


def least(is_xdp: bool) -> Callable[[Rig, int], Running]:
    @contextmanager
    def run(rig: Rig, calls: int) -> Iterator[list[int]]:
        rig.set_flows(_routed(number) for number in range(2 * calls))
        with rig.least_redirect(is_xdp):
            yield []

    return run


# Ours.


@contextmanager
def relay(rig: Rig, form: str, path: str, ports: range) -> Iterator[int]:
    """The relay's process, in its namespace and on its core."""
    command = [sys.executable, "-m", "rtp_relay", "--socket", path, "--form", form, "--media-timeout", "0"]
    command += ["--interface", f"main={HOST}", "--port-rest", "0", "--orphan-time", "36000"]
    command += ["--ports", f"{ports.start}-{ports.stop - 1}", "--log-level", "error", "--die-with-parent"]
    command += ["--pins", "none"]
    with rig.wire.inside(rig.wire.relay):
        process = subprocess.Popen([*rivals.ON_THE_CORE, *command], stderr=subprocess.DEVNULL)
    try:
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(FAREWELL)
        except subprocess.TimeoutExpired:  # it has recordings to finish, which nobody wants
            process.kill()
            process.wait(FAREWELL)


def ours(form: str, is_recorded: bool = False) -> Callable[[Rig, int], Running]:
    """A relay with calls in it; several where one has not descriptors enough, as far as that is the same thing.

    is_recorded: what every leg says is kept in a file.
    """

    @contextmanager
    def run(rig: Rig, calls: int) -> Iterator[list[int]]:
        processes = -(-rivals.DESCRIPTORS_OF_CALL * calls // descriptors())
        if processes > 1 and form != "user":
            with filled(rig, form, calls, FIRST_PORT):
                yield []
            return
        share, flows, pids = -(-calls // processes), list[Flow](), list[int]()
        with ExitStack() as running, tempfile.TemporaryDirectory(dir=_memory()) as folder:
            for number in range(processes):
                here = min(share, calls - number * share)
                first = FIRST_PORT + number * (4 * share + 200)
                path = f"{folder}/{number}"
                pids.append(running.enter_context(relay(rig, form, path, range(first, first + 4 * here + 200))))
                flows += asyncio.run(set_up(path, here, first, folder if is_recorded else ""))
            rig.set_flows(flows)
            yield pids

    return run


def _memory() -> str | None:
    return MEMORY if Path(MEMORY).is_dir() else None


async def set_up(path: str, calls: int, first_port: int, folder: str) -> list[Flow]:
    """All calls, directed and bridged; what is to be sent. They outlive the connection, which ends here.

    folder: where recordings of all legs go; "" for none.
    """
    core = Core(path)
    await core.start()
    flows: list[Flow] = []
    for number in range(calls):
        name = f"call-{number}"
        for lent in (await core.reserve(name, 2)).lent:
            port = first_port + 4 * number + 2 * lent.leg
            core.client.send(Direct(name, lent.leg, 0, FAR, port, port + 1, latch=False))
            flows.append(Flow((FAR, port), (lent.address, lent.port)))
            if folder:
                core.client.send(Record(name, lent.leg, f"{folder}/{first_port}-{number}-{lent.leg}.wav"))
        core.client.send(Bridge(name, 0, 1))
    core.client.send(Query(f"call-{calls - 1}"))
    while not isinstance(await core.answers.get(), Figures):
        pass
    core.client.close()
    return flows


# All of them.


def all_methods() -> list[Method]:
    """In the order of the report."""
    python, no_rtp_io = rivals.rtp_io_python()
    of_one = descriptors() // rivals.DESCRIPTORS_OF_CALL

    @contextmanager
    def rtpengine(rig: Rig, calls: int) -> Iterator[list[int]]:
        with rivals.rtpengine_calls(rig, calls, FIRST_PORT, -(-calls // of_one)) as pids:
            yield pids

    @contextmanager
    def rtp_io(rig: Rig, calls: int) -> Iterator[list[int]]:
        with rivals.rtp_io_calls(rig, python, calls, FIRST_PORT) as pids:
            yield pids

    return [
        Method("none tc", "no relay: received and dropped at tc", nothing(False), 300_000, BUFFERS),
        Method("none xdp", "no relay: received and dropped by XDP", nothing(True), 600_000, FRAMES, is_xdp=True),
        Method("least tc", "least redirect at tc", least(False), 150_000, BUFFERS),
        Method("least xdp", "least redirect by XDP", least(True), 300_000, FRAMES, is_xdp=True),
        Method("ip", "the system's IP forwarding", forwarding(is_to_one=False), 150_000, BUFFERS),
        Method("ip one", "the same, all to one host", forwarding(is_to_one=True), 150_000, BUFFERS),
        Method("user", "ours, user", ours("user"), 30_000, SOCKETS, CALM),
        Method("tc", "ours, tc", ours("tc"), 150_000, BUFFERS),
        Method("xdp", "ours, xdp", ours("xdp"), 300_000, FRAMES, is_xdp=True),
        Method("recorded", "ours, tc, every leg recorded", ours("tc", is_recorded=True), 150_000, BUFFERS),
        Method("rtpengine", "rtpengine, user space", rtpengine, 30_000, SOCKETS, CALM,
               missing=rivals.missing_rtpengine()),
        Method("rtp.io", "rtp.io", rtp_io, 20_000, SOCKETS, CALM, missing=no_rtp_io),
    ]  # fmt: skip
