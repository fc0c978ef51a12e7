"""Generator, relay's host and sink: two network namespaces, one veth pair, two cores.

    core 0   the generator, an XDP program that BPF_PROG_TEST_RUN runs at a pace in the far ends' namespace
    core 1   the relay's host: what its link receives (a NAPI thread, real-time as softirqs have precedence), the
             relay, and the sink at the far end of the link, which runs inline and stands for the card's work

Both parties of all calls are at the far end, the relay has one address: packets leave by the link that they came by.
Receiving, relaying and sink are charged to threads of core 1, so CPU of a packet is what the scheduler charged those,
divided by the packets that came out.

The sink is a tc program where buffers are sent, and an XDP program where frames are (what XDP redirects, a veth takes
only if its peer has NAPI).
"""

from __future__ import annotations

import atexit
import ctypes
import mmap
import os
import signal
import struct
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import if_nametoindex
from typing import Final, NamedTuple

from bench import namespaces
from bench.race import programs
from bench.race.frames import FRAME, HEAD_SIZE, Flow, head
from rtp_relay.bpf import syscall
from rtp_relay.bpf.netlink import Asking

SOURCE_CORE, RELAY_CORE = 0, 1
BEYOND: Final = "10.88"  # a network behind the far ends, for the system's own forwarding: .0.0/16
LIVE_FRAMES: Final = 2  # BPF_F_TEST_XDP_LIVE_FRAMES
BATCH: Final = 64  # frames at a time
BATCH_TIMED: Final = 2  # where a frame's age counts
REAL_TIME: Final = 50  # priority of receiving
FIRST_PRIORITY: Final = -20  # of the generator, and of all that belongs to the bench
RAMP: Final = 0.03  # seconds of sending before anything is looked at
QUIET: Final = 0.02  # seconds without a packet after which none is on its way
LONGEST_DRAIN: Final = 4.0
NEVER: Final = 1 << 62
TICK: Final = os.sysconf("SC_CLK_TCK")


class Moment(NamedTuple):
    """Packets so far, ns of CPU so far, seconds that the relay's core was busy so far, at a time."""

    at: float
    sent: int
    came: int
    cpu: int
    busy: float


class Trial(NamedTuple):
    """What was seen between two moments of sending, and how it ended.

    rate: packets a second that came out. ns: CPU of one. lost: share of all that were sent and never came. late:
    seconds that the last packets waited: where too much is offered, queues grow before anything is lost. foreign:
    the share of the relay's core that others had. offered: the share of the rate asked for that was really sent.
    """

    rate: float
    ns: float
    lost: float
    late: float
    foreign: float
    offered: float = 1.0


def array(octets: int, entries: int, name: str) -> tuple[int, mmap.mmap]:
    descriptor = syscall.create_map(syscall.MapKind.ARRAY, 4, octets, entries, syscall.MMAPABLE, name)
    return descriptor, syscall.map_memory(descriptor, octets * entries)


def device_map(interface: int) -> int:
    made = syscall.create_map(syscall.MapKind.DEVMAP, 4, 4, 1)
    syscall.update(made, bytes(4), struct.pack("<I", interface))
    return made


class Rig:
    """Room for so many flows. Everything in it goes when the process does."""

    def __init__(self, flows: int) -> None:
        signal.signal(signal.SIGUSR1, lambda *_: None)
        go_first()
        self.wire = namespaces.Namespaces()
        self._state, self._generated = array(programs.GENERATOR_STATE, 1, "race_state")
        self._counts, self._counted = array(programs.SINK_STATE, 1, "race_count")
        self._delays, self._delayed = array(8, programs.BUCKETS, "race_delays")
        self._flows, self._heads = array(HEAD_SIZE, flows, "race_flows")
        self._sink: list[int] = []
        self.threads: tuple[int, ...] = ()  # of the relay's core, besides the relay's own
        with self.wire.inside(self.wire.relay):
            namespaces.set_offload(namespaces.RELAY_LINK, namespaces.RECEIVE_OFFLOAD, True)
            namespaces.run(
                "sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv4.conf.all.send_redirects=0",
                f"net.ipv4.conf.{namespaces.RELAY_LINK}.send_redirects=0",
            )  # fmt: skip
            namespaces.run("ip", "route", "add", f"{BEYOND}.0.0/16", "via", namespaces.FAR[False])
            self.interface = if_nametoindex(namespaces.RELAY_LINK)
        with self.wire.inside(self.wire.far):
            self._far_interface = if_nametoindex(namespaces.FAR_LINK)
            code = programs.generator(self._state, self._flows, device_map(self._far_interface))
            self._generator = syscall.load(syscall.ProgramKind.XDP, code, "race_generator")
        relay_mac = mac_of(self.wire, self.wire.relay, namespaces.RELAY_LINK)
        far_mac = mac_of(self.wire, self.wire.far, namespaces.FAR_LINK)
        self._macs_there, self.macs_back = relay_mac + far_mac, far_mac + relay_mac
        self._pin_receiving()

    # Before a relay is measured.

    def warm_up(self) -> None:
        """Have the machine below give us both cores."""
        self.set_sink(True)
        self.set_flows([Flow((namespaces.FAR[False], 4000), (beyond(0), 4000))])
        with self.least_redirect(True):
            self.trial(500_000, 0.5, 0, ())

    def set_flows(self, flows: Iterable[Flow]) -> None:
        """What is sent from now on, in turn."""
        heads = [head(self._macs_there, flow, number) for number, flow in enumerate(flows)]
        self._heads[: HEAD_SIZE * len(heads)] = b"".join(heads)
        struct.pack_into("<QQ", self._generated, programs.NEXT, 0, len(heads))

    def set_sink(self, is_xdp: bool) -> None:
        """What waits at the far end."""
        while self._sink:
            os.close(self._sink.pop())
        with self.wire.inside(self.wire.far):
            namespaces.set_offload(namespaces.FAR_LINK, namespaces.RECEIVE_OFFLOAD, is_xdp)
            self._sink.append(self._attach_sink(is_xdp, self._far_interface))

    @contextmanager
    def sink_at_relay(self, is_xdp: bool) -> Iterator[None]:
        """No relay: what arrives is counted and dropped."""
        with self.wire.inside(self.wire.relay):
            link = self._attach_sink(is_xdp, self.interface)
        try:
            yield
        finally:
            os.close(link)

    @contextmanager
    def least_redirect(self, is_xdp: bool) -> Iterator[None]:
        with self.wire.inside(self.wire.relay):
            devices = device_map(self.interface)
            code = programs.least_redirect(is_xdp, self.macs_back, self.interface, devices)
            link = attach(code, is_xdp, self.interface)
        try:
            yield
        finally:
            os.close(link)
            os.close(devices)

    def _attach_sink(self, is_xdp: bool, interface: int) -> int:
        return attach(programs.sink(is_xdp, self._counts, self._delays), is_xdp, interface)

    def _pin_receiving(self) -> None:
        """The relay's link is received from in threads, on the relay's core."""
        before = set(_threads_called("napi/"))
        with self.wire.inside(self.wire.relay):
            threaded = f"/sys/class/net/{namespaces.RELAY_LINK}/threaded"
            namespaces.run("unshare", "-m", "sh", "-c", f"mount -t sysfs none /sys && echo 1 > {threaded}")
        receiving = sorted(set(_threads_called(f"napi/{namespaces.RELAY_LINK}")) - before)
        for thread in receiving:
            os.sched_setaffinity(thread, {RELAY_CORE})
            os.sched_setscheduler(thread, os.SCHED_FIFO, os.sched_param(REAL_TIME))
        self.threads = (*receiving, *_threads_called(f"ksoftirqd/{RELAY_CORE}"))

    # Measuring.

    def trial(self, rate: float, seconds: float, coalesced: int, threads: Iterable[int]) -> Trial:
        """Packets at that pace, in bursts every `coalesced` ns as a card would interrupt."""
        threads = (*self.threads, *threads)
        struct.pack_into("<Q", self._generated, programs.COALESCED, coalesced)
        before = self._now(())
        with self._sending(rate, 0):
            time.sleep(RAMP)
            first = self._now(threads)
            time.sleep(seconds)
            last = self._now(threads)
        after = self._now(())
        came, elapsed, cpu = last.came - first.came, last.at - first.at, last.cpu - first.cpu
        sent = after.sent - before.sent
        waiting = (last.sent - before.sent) - (last.came - before.came) - (sent - (after.came - before.came))
        return Trial(
            rate=came / elapsed,
            ns=cpu / max(came, 1),
            lost=1 - (after.came - before.came) / max(sent, 1),
            late=max(waiting, 0) / rate,
            foreign=max(0.0, last.busy - first.busy - cpu / 1e9) / elapsed,
            offered=(last.sent - first.sent) / elapsed / rate,
        )

    def delays(self, rate: float, seconds: float) -> list[int]:
        """How many packets took how long, in buckets of 256 ns, at random intervals around that pace."""
        self._delayed[:] = bytes(len(self._delayed))
        spread = (1 << int(1e9 / rate).bit_length()) - 1
        struct.pack_into("<Q", self._generated, programs.COALESCED, 0)
        struct.pack_into("<Q", self._counted, programs.IS_TIMED, 1)
        with self._sending(1e9 / (1e9 / rate - spread / 2), spread):
            time.sleep(seconds)
        struct.pack_into("<Q", self._counted, programs.IS_TIMED, 0)
        return list(struct.unpack(f"<{programs.BUCKETS}Q", self._delayed[:]))

    @contextmanager
    def _sending(self, rate: float, spread: int) -> Iterator[None]:
        """Packets at that pace until the block ends; then until nothing comes any more."""
        struct.pack_into("<Q", self._generated, programs.SPREAD, spread)
        struct.pack_into("<QQ", self._generated, programs.DUE, time.monotonic_ns(), round(1e9 / rate))
        is_over = False

        def emit() -> None:
            os.sched_setaffinity(0, {SOURCE_CORE})
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), FIRST_PRIORITY)
            with self.wire.inside(self.wire.far):
                while not is_over:
                    self._run_live(1 << 25, BATCH_TIMED if spread else BATCH)

        thread = threading.Thread(target=emit)
        thread.start()
        try:
            yield
        finally:
            struct.pack_into("<QQ", self._generated, programs.DUE, NEVER, NEVER)
            is_over = True
            while thread.is_alive():  # a signal ends the kernel's run of the generator
                assert thread.ident is not None
                signal.pthread_kill(thread.ident, signal.SIGUSR1)
                thread.join(0.01)
            self._drain()

    def _drain(self) -> None:
        """Until nothing has come for a while: what waits in sockets must not count for the next trial."""
        until, came = time.monotonic() + LONGEST_DRAIN, -1
        while came != (came := self._came()) and time.monotonic() < until:
            time.sleep(QUIET)

    def _now(self, threads: Iterable[int]) -> Moment:
        sent, came, at = self._sent(), self._came(), time.monotonic()
        return Moment(at, sent, came, charged(threads), _busy())

    def _run_live(self, repeat: int, batch: int) -> None:
        given = ctypes.create_string_buffer(bytes(FRAME), FRAME)
        attributes = bytearray(80)
        pointer = ctypes.addressof(given)
        struct.pack_into("<IIIIQQI", attributes, 0, self._generator, 0, FRAME, 0, pointer, 0, repeat)
        struct.pack_into("<III", attributes, 64, LIVE_FRAMES, 0, batch)
        try:
            syscall.answered(syscall.Command.PROG_TEST_RUN, bytes(attributes))
        except InterruptedError:
            pass

    def _sent(self) -> int:
        return int(struct.unpack_from("<Q", self._generated, programs.SENT)[0])

    def _came(self) -> int:
        return int(struct.unpack_from("<Q", self._counted, programs.COUNT)[0])


def attach(code: bytes, is_xdp: bool, interface: int) -> int:
    """A link in the namespace of the calling thread; it ends with its descriptor."""
    kind = syscall.ProgramKind.XDP if is_xdp else syscall.ProgramKind.SCHED_CLS
    where = syscall.AttachKind.XDP if is_xdp else syscall.AttachKind.TCX_INGRESS
    program = syscall.load(kind, code, "race")
    try:
        return syscall.attach(program, interface, where, syscall.XDP_DRIVER_MODE if is_xdp else 0)
    finally:
        os.close(program)


def beyond(number: int) -> str:
    """One of the hosts behind the far ends, of some 60,000."""
    return f"{BEYOND}.{1 + number // 250}.{1 + number % 250}"


def mac_of(wire: namespaces.Namespaces, namespace: int, link: str) -> bytes:
    with wire.inside(namespace):
        asking = Asking()
        try:
            return next(one.mac for one in asking.links().values() if one.name == link)
        finally:
            asking.close()


def _threads_called(prefix: str) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/comm"):
        try:
            if path.read_text().startswith(prefix):
                found.append(int(path.parent.name))
        except OSError:
            pass  # it has ended meanwhile
    return found


def go_first() -> None:
    """Have the scheduler prefer all processes of this session, until this one ends: their priorities count only
    among themselves where the system groups processes by session.
    """
    group = Path("/proc/self/autogroup")
    if group.exists():
        before = group.read_text().split()[-1]
        group.write_text(str(FIRST_PRIORITY))
        atexit.register(group.write_text, before)


def threads_of(process: int) -> list[int]:
    return [int(task.name) for task in Path(f"/proc/{process}/task").iterdir()]


def charged(threads: Iterable[int]) -> int:
    """ns that the scheduler has charged those threads so far."""
    return sum(int(Path(f"/proc/{thread}/schedstat").read_text().split()[0]) for thread in threads)


def _busy() -> float:
    """Seconds that the relay's core was not idle, and not taken by the machine below, as ticks have it."""
    for row in Path("/proc/stat").read_text().splitlines():
        name, *columns = row.split()
        if name == f"cpu{RELAY_CORE}":
            user, nice, system, _, _, irq, softirq, steal, *_ = (int(each) for each in columns)
            return (user + nice + system + irq + softirq + steal) / TICK
    return 0.0
