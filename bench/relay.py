"""What the user form costs on this machine: CPU of a packet, and of setting a call's media up.

    python -m bench.relay [--calls 100] [--seconds 3]

Everything stays on the loopback. CPU of the relay is what the scheduler charged its process
(/proc/PID/schedstat), so it holds the sockets' cost on both sides of the relay, and nothing of the
generator's. Offered packets are 172 octets, of all flows in turn; the far ends do not read.
"""

from __future__ import annotations

import argparse
import asyncio
import platform
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rtp_relay.client import RelayClient
from rtp_relay.control import (
    Bridge,
    Direct,
    Event,
    Figures,
    LegRequest,
    Query,
    Release,
    Released,
    Reserve,
    Reserved,
)

HOST = "127.0.0.1"
HEADER = struct.Struct("!BBHII")
OUTSTANDING = 32  # calls being set up at a time
TALK = 0.002  # seconds that a single call lasts


def charged(pid: int) -> float:
    """CPU seconds that the scheduler has charged the process so far."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


@contextmanager
def relay(path: str, ports: str) -> Iterator[int]:
    command = [sys.executable, "-m", "rtp_relay", "--socket", path, "--interface", f"main={HOST}"]
    command += ["--ports", ports, "--media-timeout", "0", "--port-rest", "0", "--log-level", "warning"]
    process = subprocess.Popen([*command, "--die-with-parent"])
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait(10)


class Core:
    """The client, with answers to wait for."""

    def __init__(self, path: str) -> None:
        self.answers: asyncio.Queue[Event] = asyncio.Queue()
        self.ready = asyncio.Event()
        self.client = RelayClient(path, self.answers.put_nowait, lambda: None, lambda _: self.ready.set())

    async def start(self) -> None:
        self.client.start()
        await asyncio.wait_for(self.ready.wait(), 10)

    async def reserve(self, call: str, legs: int) -> Reserved:
        self.client.send(Reserve(call, tuple(LegRequest(leg) for leg in range(legs))))
        answer = await self.answers.get()
        assert isinstance(answer, Reserved), answer
        return answer


async def measure_single_calls(core: Core, pid: int, legs: int = 4, rounds: int = 500) -> None:
    """Calls as the core makes them, one at a time: reserved, answered, the losers given back, ended."""
    loop, send = asyncio.get_running_loop(), core.client.send
    before_relay, before_core, waited = charged(pid), time.process_time(), 0.0
    for number in range(rounds):
        name, asked = f"single-{number}", time.monotonic()
        await core.reserve(name, legs)
        waited += time.monotonic() - asked
        send(Direct(name, 0, 0, HOST, 4000, 4001))
        send(Direct(name, 1, 0, HOST, 4002, 4003))
        send(Bridge(name, 0, 1))
        send(Release(name, tuple(range(2, legs))))
        loop.call_later(TALK, send, Release(name))
        ended: Event | None = None
        while not isinstance(ended, Released) or len(ended.streams) < 2 or ended.streams[0].leg:
            ended = await core.answers.get()
    each = 1e6 / rounds
    relay_us, core_us = (charged(pid) - before_relay) * each, (time.process_time() - before_core) * each
    cost = f"relay {relay_us:.0f} us, core {core_us:.0f} us of CPU"
    print(f"one call of {legs} legs at a time: {cost}; endpoints after {waited * each:.0f} us")


async def measure_calls(core: Core, pid: int, legs: int = 4, rounds: int = 1500) -> None:
    """Reserve, two Directs, Bridge, Release, of calls of four legs, several at a time."""
    before_relay, before_core, began = charged(pid), time.process_time(), time.monotonic()
    started = ended = 0
    while ended < rounds:
        while started < rounds and started - ended < OUTSTANDING:
            core.client.send(Reserve(f"call-{started}", tuple(LegRequest(leg) for leg in range(legs))))
            started += 1
        answer = await core.answers.get()
        if isinstance(answer, Reserved):
            name, send = answer.call, core.client.send
            send(Direct(name, 0, 0, HOST, 4000, 4001))
            send(Direct(name, 1, 0, HOST, 4002, 4003))
            send(Bridge(name, 0, 1))
            send(Release(name))
        else:
            assert isinstance(answer, Released), answer
            ended += 1
    each = 1e6 / rounds
    relay_us, core_us = (charged(pid) - before_relay) * each, (time.process_time() - before_core) * each
    speed = rounds / (time.monotonic() - began)
    cost = f"relay {relay_us:.0f} us, core {core_us:.0f} us"
    print(f"set-up to release of a call with {legs} legs: {cost} of CPU; {speed:.0f} calls/s")


class Flow:
    """One party that sends."""

    def __init__(self, ssrc: int) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((HOST, 0))
        self.port = self.socket.getsockname()[1]
        self.packet = bytearray(172)
        self.ssrc = ssrc
        self.sequence = 0

    def send(self) -> None:
        self.sequence += 1
        HEADER.pack_into(self.packet, 0, 0x80, 0, self.sequence & 0xFFFF, self.sequence * 160, self.ssrc)
        self.socket.send(self.packet)


async def bridged(core: Core, calls: int) -> list[Flow]:
    """Both parties of so many calls, each connected to its endpoint."""
    flows = []
    for number in range(calls):
        name = f"standing-{number}"
        answer = await core.reserve(name, 2)
        for lent in answer.lent:
            flow = Flow(number * 2 + lent.leg)
            flow.socket.connect((lent.address, lent.port))
            core.client.send(Direct(name, lent.leg, 0, HOST, flow.port, flow.port + 1))
            flows.append(flow)
        core.client.send(Bridge(name, 0, 1))
    return flows


async def relayed(core: Core, calls: int) -> int:
    total = 0
    for number in range(calls):
        core.client.send(Query(f"standing-{number}"))
        answer = await core.answers.get()
        assert isinstance(answer, Figures), answer
        total += sum(stream.sent_packets for stream in answer.streams)
    return total


def offer(flows: list[Flow], rate: float, seconds: float) -> int:
    """Send from all flows in turn; rate 0 is as fast as it goes. Returns packets sent."""
    began = time.monotonic()
    sent = at = 0
    while (elapsed := time.monotonic() - began) < seconds:
        wanted = int(rate * elapsed) if rate else sent + 64
        if wanted <= sent:
            time.sleep(0.0005)
        for _ in range(wanted - sent):
            flows[at].send()
            at = at + 1 if at + 1 < len(flows) else 0
        sent = max(sent, wanted)
    return sent


async def measure_packets(
    core: Core, pid: int, flows: list[Flow], calls: int, rate: float, seconds: float
) -> None:
    carried, before = await relayed(core, calls), charged(pid)
    offered = await asyncio.to_thread(offer, flows, rate, seconds)
    await asyncio.sleep(0.2)
    cpu = charged(pid) - before
    carried = await relayed(core, calls) - carried
    name = f"{rate:.0f} packets/s offered" if rate else "saturated"
    print(
        f"{name}: {carried / seconds:.0f} packets/s relayed, {100 * (1 - carried / offered):.2f} % lost, "
        f"{1e6 * cpu / carried:.2f} us of CPU a packet, {100 * cpu / seconds:.0f} % of a core had, "
        f"{carried / cpu:.0f} packets/s to a whole one"
    )


async def measure(calls: int, seconds: float) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/relay"
        with relay(path, "24000-27999") as pid:
            core = Core(path)
            await core.start()
            await measure_single_calls(core, pid)
            await measure_calls(core, pid)
            flows = await bridged(core, calls)
            await measure_packets(core, pid, flows, calls, 20000, seconds)
            await measure_packets(core, pid, flows, calls, 0, seconds)
            core.client.close()
            for flow in flows:
                flow.socket.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--calls", type=int, default=100, help="standing calls (default %(default)s)")
    parser.add_argument("--seconds", type=float, default=3.0, help="of each run (default %(default)s)")
    given = parser.parse_args()
    calls, seconds = min(max(given.calls, 1), 900), min(max(given.seconds, 0.5), 30.0)
    print(f"$ python -m bench.relay --calls {calls} --seconds {seconds:g}")
    print(f"Python {platform.python_version()}, Linux {platform.release()}, user form, {calls} calls")
    asyncio.run(measure(calls, seconds))


if __name__ == "__main__":
    main()
