"""Packets a second, and CPU of a packet, of the relay's forms: user, tc and xdp, in interleaved rounds.

    python -m bench.relay_forms [--rounds 3] [--calls 200]        (as root)

Both parties of all calls live behind one veth pair, the relay at its other end with one address. The generator is
an XDP program that BPF_PROG_TEST_RUN runs on core 0 at a pace; it emits 172-octet RTP of all flows in turn, with
valid checksums. A second XDP program counts and drops what the relay sends back. Receiving (threaded NAPI, real-time
priority as softirqs have), relaying and that sink are pinned to core 1, and CPU of a packet is what the scheduler
charged all of them, divided by the packets that came out. The highest rate is the highest of a climb by a quarter at
which less than 0.1 % was lost. Compare within a round: the machine's speed changes by the minute.
"""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import ipaddress
import mmap
import os
import platform
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from socket import if_nametoindex
from typing import Final

from bench import namespaces
from bench.relay import Core
from rtp_relay.bpf import syscall
from rtp_relay.bpf.asm import R0, R1, R2, R3, R6, R7, R8, R9, R10, Assembly
from rtp_relay.bpf.netlink import Asking
from rtp_relay.bpf.site import KTIME_GET_NS, LOOK_UP, REDIRECT_MAP, XDP_DATA, XDP_DATA_END, XDP_DROP, XDP_PASS
from rtp_relay.control import Bridge, Direct

FORWARDING: Final = "ip"  # the system's own forwarding, of the same packets, without a relay
FORMS: Final = ("user", FORWARDING, "tc", "xdp")
ROUTED: Final = "10.88.0.1"  # beyond the far ends
FIRST_PORT: Final = 20000
FAR_PORT: Final = 30000
LOWEST: Final = {"user": 20_000, FORWARDING: 150_000, "tc": 150_000, "xdp": 300_000}  # packets a second
STEP: Final = 1.25
STEPS: Final = 14
COMPARED: Final = 20_000  # packets a second at which CPU is compared
LOSS: Final = 0.001
SECONDS: Final = 0.4
HEAD: Final = 54  # octets up to the end of the RTP header
FRAME: Final = 214
LAG: Final = 250_000  # ns that the generator catches up on, no more
COALESCING: Final = {"user": 200_000}  # ns between bursts, as a card would interrupt; in favour of the user form
COALESCING_OTHERWISE: Final = 20_000
LIVE_FRAMES: Final = 2  # BPF_F_TEST_XDP_LIVE_FRAMES

# The generator's state, u64 each, and a flow's value.
DUE, INTERVAL, NEXT, FLOWS, SENT, COALESCED, GATE = 0, 8, 16, 24, 32, 40, 48
SUM, SEQUENCE = 56, 60


def one_complement(octets: bytes) -> int:
    total: int = sum(struct.unpack(f"<{len(octets) // 2}H", octets))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def head(macs: bytes, source: tuple[str, int], to: tuple[str, int], ssrc: int) -> bytes:
    """A flow's value: all of the frame's head but sequence number, timestamp and checksum, whose sum follows."""
    addresses = ipaddress.ip_address(source[0]).packed + ipaddress.ip_address(to[0]).packed
    ip = struct.pack("!BBHHHBBH", 0x45, 0xB8, 200, 0, 0x4000, 64, 17, 0) + addresses
    ip = ip[:10] + struct.pack("<H", one_complement(ip) ^ 0xFFFF) + ip[12:]
    udp = struct.pack("!HHHH", source[1], to[1], 180, 0)
    rtp = struct.pack("!BBHII", 0x80, 0, 0, 0, ssrc)
    total = one_complement(addresses + struct.pack("!HH", 17, 180) + udp + rtp)
    frame = macs + b"\x08\x00" + ip + udp + rtp
    return frame + bytes(SUM - len(frame)) + struct.pack("<II", total, 0)


def generator(state: int, flows: int, devices: int) -> bytes:
    """Emits the next flow's packet if it is due; else the frame is dropped, and offered again."""
    a = Assembly()
    a.load(4, R7, R1, XDP_DATA)
    a.load(4, R2, R1, XDP_DATA_END)
    a.calc(R3, "=", R7)
    a.calc(R3, "+=", FRAME)
    a.jump_if(R3, ">", R2, "drop")
    a.call(KTIME_GET_NS)
    a.load_map_value(R6, state)
    a.load(8, R1, R6, GATE)
    a.jump_if(R0, "<", R1, "drop")
    a.load(8, R1, R6, DUE)
    a.jump_if(R0, ">=", R1, "due")
    a.load(8, R1, R6, COALESCED)
    a.calc(R0, "+=", R1)
    a.store(8, R6, GATE, R0)
    a.jump("drop")
    a.label("due")
    a.calc(R0, "-=", LAG)
    a.jump_if(R1, ">=", R0, "in time")
    a.calc(R1, "=", R0)
    a.label("in time")
    a.load(8, R2, R6, INTERVAL)
    a.calc(R1, "+=", R2)
    a.store(8, R6, DUE, R1)
    a.load(8, R1, R6, SENT)
    a.calc(R1, "+=", 1)
    a.store(8, R6, SENT, R1)
    a.load(8, R9, R6, NEXT)
    a.store(4, R10, -4, R9)
    a.calc(R9, "+=", 1)
    a.load(8, R2, R6, FLOWS)
    a.jump_if(R9, "<", R2, "not round")
    a.calc(R9, "=", 0)
    a.label("not round")
    a.store(8, R6, NEXT, R9)
    a.load_map(R1, flows)
    a.calc(R2, "=", R10)
    a.calc(R2, "+=", -4)
    a.call(LOOK_UP)
    a.jump_if(R0, "==", 0, "drop")
    a.calc(R8, "=", R0)
    for offset, octets in (*((offset, 8) for offset in range(0, 48, 8)), (48, 4), (52, 2)):
        a.load(octets, R1, R8, offset)
        a.store(octets, R7, offset, R1)
    a.load(4, R2, R8, SUM)
    a.load(4, R1, R8, SEQUENCE)
    a.calc(R1, "+=", 1)
    a.store(4, R8, SEQUENCE, R1)
    a.calc(R3, "=", R1)
    a.swap(R3, 16)
    a.store(2, R7, 44, R3)
    a.calc(R2, "+=", R3)
    a.calc32(R1, "*=", 160)
    a.swap(R1, 32)
    a.store(4, R7, 46, R1)
    a.calc(R2, "+=", R1)
    for _ in range(3):
        a.calc(R1, "=", R2)
        a.calc(R1, ">>=", 16)
        a.calc(R2, "&=", 0xFFFF)
        a.calc(R2, "+=", R1)
    a.calc(R2, "^=", 0xFFFF)
    a.store(2, R7, 40, R2)
    a.load_map(R1, devices)
    a.calc(R2, "=", 0)
    a.calc(R3, "=", 0)
    a.call(REDIRECT_MAP)
    a.end()
    a.label("drop")
    a.calc(R0, "=", XDP_DROP)
    a.end()
    return a.code()


def sink(state: int) -> bytes:
    """Counts and drops UDP with RTP's size; all else (ARP) goes to the stack."""
    a = Assembly()
    a.load(4, R7, R1, XDP_DATA)
    a.load(4, R2, R1, XDP_DATA_END)
    a.calc(R3, "=", R7)
    a.calc(R3, "+=", FRAME)
    a.jump_if(R3, "!=", R2, "pass")
    a.load_map_value(R6, state)
    a.calc(R1, "=", 1)
    a.add_atomically(8, R6, 0, R1)
    a.calc(R0, "=", XDP_DROP)
    a.end()
    a.label("pass")
    a.calc(R0, "=", XDP_PASS)
    a.end()
    return a.code()


def array(octets: int, entries: int, name: str) -> tuple[int, mmap.mmap]:
    descriptor = syscall.create_map(syscall.MapKind.ARRAY, 4, octets, entries, syscall.MMAPABLE, name)
    return descriptor, syscall.map_memory(descriptor, octets * entries)


class Rig:
    """Namespaces, generator and sink."""

    def __init__(self, calls: int) -> None:
        self.wire = namespaces.Namespaces()
        self._state, self.generated = array(64, 1, "bench_state")
        self._count, self.counted = array(8, 1, "bench_count")
        self._flows, self.heads = array(64, 2 * calls, "bench_flows")
        self._devices = syscall.create_map(syscall.MapKind.DEVMAP, 4, 4, 1)
        with self.wire.inside(self.wire.relay):
            namespaces.set_offload(namespaces.RELAY_LINK, namespaces.RECEIVE_OFFLOAD, True)
            namespaces.run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv4.conf.all.send_redirects=0",
                           f"net.ipv4.conf.{namespaces.RELAY_LINK}.send_redirects=0")  # fmt: skip
            namespaces.run("ip", "route", "add", f"{ROUTED}/32", "via", namespaces.FAR[False])
        with self.wire.inside(self.wire.far):
            interface = if_nametoindex(namespaces.FAR_LINK)
            program = syscall.load(syscall.ProgramKind.XDP, sink(self._count), "bench_sink")
            self.link = syscall.attach(program, interface, syscall.AttachKind.XDP, syscall.XDP_DRIVER_MODE)
            syscall.update(self._devices, bytes(4), struct.pack("<I", interface))
            code = generator(self._state, self._flows, self._devices)
            self._generator = syscall.load(syscall.ProgramKind.XDP, code, "bench_generator")
        self.macs = mac_of(self.wire, self.wire.relay, namespaces.RELAY_LINK)
        self.macs += mac_of(self.wire, self.wire.far, namespaces.FAR_LINK)

    def pin_receivers(self) -> list[int]:
        """Receiving in threads, on core 1; their ids."""
        for namespace, link in ((self.wire.relay, namespaces.RELAY_LINK), (self.wire.far, namespaces.FAR_LINK)):
            with self.wire.inside(namespace):
                script = f"mount -t sysfs none /sys && echo 1 > /sys/class/net/{link}/threaded"
                namespaces.run("unshare", "-m", "sh", "-c", script)
        pids = [
            int(path.parent.name)
            for path in Path("/proc").glob("[0-9]*/comm")
            if path.read_text().startswith((f"napi/{namespaces.RELAY_LINK}", f"napi/{namespaces.FAR_LINK}"))
        ]
        for pid in pids:
            os.sched_setaffinity(pid, {1})
            os.sched_setscheduler(pid, os.SCHED_FIFO, os.sched_param(50))
        return pids

    def offer(self, rate: float, seconds: float) -> tuple[int, int]:
        """Packets sent at that pace, and how many of them came back."""
        sent, came = self._sent(), self._came()
        struct.pack_into("<QQ", self.generated, DUE, time.monotonic_ns(), round(1e9 / rate))
        stop = time.monotonic() + seconds

        def emit() -> None:
            os.sched_setaffinity(0, {0})
            with self.wire.inside(self.wire.far):
                while time.monotonic() < stop:
                    self._run_live(1 << 25)

        thread = threading.Thread(target=emit)
        thread.start()
        time.sleep(max(0.0, stop - time.monotonic()))
        struct.pack_into("<Q", self.generated, INTERVAL, 1 << 62)  # never due again
        struct.pack_into("<Q", self.generated, DUE, 1 << 62)
        self.interrupt(thread)
        thread.join()
        time.sleep(0.05)
        return self._sent() - sent, self._came() - came

    def interrupt(self, thread: threading.Thread) -> None:
        """A signal ends the kernel's run of the generator."""
        while thread.is_alive():
            assert thread.ident is not None
            signal.pthread_kill(thread.ident, signal.SIGUSR1)
            thread.join(0.01)

    def _run_live(self, repeat: int) -> None:
        given = ctypes.create_string_buffer(bytes(FRAME), FRAME)
        attributes = bytearray(80)
        pointer = ctypes.addressof(given)
        struct.pack_into("<IIIIQQI", attributes, 0, self._generator, 0, FRAME, 0, pointer, 0, repeat)
        struct.pack_into("<III", attributes, 64, LIVE_FRAMES, 0, 64)
        try:
            syscall.answered(syscall.Command.PROG_TEST_RUN, bytes(attributes))
        except InterruptedError:
            pass

    def _sent(self) -> int:
        return int(struct.unpack_from("<Q", self.generated, SENT)[0])

    def _came(self) -> int:
        return int(struct.unpack_from("<Q", self.counted)[0])


def mac_of(wire: namespaces.Namespaces, namespace: int, link: str) -> bytes:
    with wire.inside(namespace):
        asking = Asking()
        try:
            return next(one.mac for one in asking.links().values() if one.name == link)
        finally:
            asking.close()


@dataclass(frozen=True, slots=True)
class Result:
    form: str
    highest: float  # packets a second
    ns_at_highest: float
    ns_compared: float


@contextmanager
def relay(rig: Rig, form: str, path: str, calls: int) -> Iterator[int]:
    """The relay's process, in its namespace and on core 1."""
    command = [sys.executable, "-m", "rtp_relay", "--socket", path, "--form", form, "--media-timeout", "0"]
    command += ["--interface", f"main={namespaces.RELAY[False]}", "--port-rest", "0", "--die-with-parent"]
    command += ["--ports", f"{FIRST_PORT}-{FIRST_PORT + 4 * calls + 199}", "--log-level", "warning"]
    with rig.wire.inside(rig.wire.relay):
        process = subprocess.Popen(["taskset", "-c", "1", *command])
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait(10)


async def set_up(rig: Rig, path: str, calls: int) -> Core:
    """All calls, directed and bridged, and the generator's flows to match."""
    core = Core(path)
    await core.start()
    far = namespaces.FAR[False]
    flows: list[bytes] = []
    for number in range(calls):
        answer = await core.reserve(f"call-{number}", 2)
        for lent in answer.lent:
            port = FAR_PORT + 4 * number + 2 * lent.leg
            core.client.send(Direct(f"call-{number}", lent.leg, 0, far, port, port + 1, latch=False))
            flows.append(head(rig.macs, (far, port), (lent.address, lent.port), len(flows)))
        core.client.send(Bridge(f"call-{number}", 0, 1))
    rig.heads[: 64 * len(flows)] = b"".join(flows)
    struct.pack_into("<QQ", rig.generated, NEXT, 0, len(flows))
    await core.reserve("the last", 1)  # answered when everything before it was done
    return core


def charged(pids: list[int]) -> int:
    """ns that the scheduler has charged those threads so far."""
    return sum(int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) for pid in pids)


def measure(rig: Rig, form: str, calls: int) -> Result:
    struct.pack_into("<Q", rig.generated, COALESCED, COALESCING.get(form, COALESCING_OTHERWISE))
    if form == FORWARDING:
        far, flows = namespaces.FAR[False], range(2 * calls)
        rig.heads[: 128 * calls] = b"".join(
            head(rig.macs, (far, FAR_PORT + 2 * flow), (ROUTED, FIRST_PORT + 2 * flow), flow) for flow in flows
        )
        struct.pack_into("<QQ", rig.generated, NEXT, 0, 2 * calls)
        return climb(rig, form, [])
    return asyncio.run(measure_form(rig, form, calls))


async def measure_form(rig: Rig, form: str, calls: int) -> Result:
    with tempfile.TemporaryDirectory() as folder, relay(rig, form, f"{folder}/relay", calls) as pid:
        core = await set_up(rig, f"{folder}/relay", calls)
        result = await asyncio.to_thread(climb, rig, form, [pid], 3 * 2 * calls)
        core.client.close()
        return result


def climb(rig: Rig, form: str, pids: list[int], first: int = 1000) -> Result:
    """first: packets before anything is measured, so that every flow is confirmed, and in the kernel."""
    pids = [*rig.pin_receivers(), *pids]
    rig.offer(5000, first / 5000)
    compared = _trial(rig, pids, COMPARED)[1]
    highest, ns = 0.0, 0.0
    rate = float(LOWEST[form])
    for _ in range(STEPS):
        loss, cost, came = _trial(rig, pids, rate)
        for _ in range(2):  # once or twice more: the host has hiccups
            if loss > LOSS:
                loss, cost, came = _trial(rig, pids, rate)
        if loss > LOSS:
            break
        highest, ns = came / SECONDS, cost
        rate *= STEP
    return Result(form, highest, ns, compared)


def _trial(rig: Rig, pids: list[int], rate: float) -> tuple[float, float, int]:
    """Loss, ns of CPU of a packet that came out, and how many did."""
    before = charged(pids)
    sent, came = rig.offer(rate, SECONDS)
    return 1 - came / max(sent, 1), (charged(pids) - before) / max(came, 1), came


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--forms", nargs="*", choices=FORMS, default=FORMS)
    given = parser.parse_args()
    if namespaces.missing():
        raise SystemExit(namespaces.missing())
    signal.signal(signal.SIGUSR1, lambda *_: None)
    rounds, calls = min(max(given.rounds, 1), 9), min(max(given.calls, 1), 2000)
    print(f"Python {platform.python_version()}, Linux {platform.release()}, {calls} calls, {rounds} rounds")
    rig = Rig(calls)
    results: list[Result] = []
    for number in range(rounds):
        for form in given.forms:
            result = measure(rig, form, calls)
            results.append(result)
            print(f"round {number + 1} {form:5s} {result.highest / 1000:8.0f} kpps below {LOSS:.1%} loss, "
                  f"{result.ns_at_highest:6.0f} ns a packet; {result.ns_compared:6.0f} ns at 20 kpps", flush=True)
    for form in given.forms:
        of = [result for result in results if result.form == form]
        highest = [result.highest for result in of]
        print(f"median {form:5s} {statistics.median(highest) / 1000:8.0f} kpps ({min(highest) / 1000:.0f} to "
              f"{max(highest) / 1000:.0f}), {statistics.median(result.ns_at_highest for result in of):.0f} ns, "
              f"{statistics.median(result.ns_compared for result in of):.0f} ns at 20 kpps")


if __name__ == "__main__":
    main()
