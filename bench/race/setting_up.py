"""What it takes to set the media of a call up: ours, and rtpengine's offer and answer, one call after the other.

Ours is what the core says for a call of two legs: Reserve, two Directs and a Bridge; the clock stops when the relay
answers a question that was asked after them. rtpengine's is an offer and an answer, from a client as plain as can be.
Each call is ended before the next one: ports come and go as they do in service. The clock stands still meanwhile, but
CPU of the ending is counted. Nobody waits for our relay to hear of an end: the client keeps ends back for some
milliseconds, to tell of many at once, and a pause between two calls, which rtpengine's have not either, would measure
how a processor wakes. Both clients run on the generator's core, both relays on theirs.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from bench.race import rivals
from bench.race.methods import FAR, FIRST_PORT, relay
from bench.race.rig import SOURCE_CORE, Rig, charged, threads_of
from bench.relay import Core
from rtp_relay.client import RelayClient
from rtp_relay.control import (
    Bridge,
    Direct,
    Event,
    Figures,
    LegRequest,
    Query,
    Release,
    Reserve,
    Reserved,
)

CONTROL_PORT: Final = 2999
PORTS: Final = range(FIRST_PORT, FIRST_PORT + 4000)
WARMING: Final = 50  # calls before anything is measured


@dataclass(frozen=True, slots=True)
class SettingUp:
    """Microseconds a call: medians until all is done, and until the called side's ports are known, so that an INVITE
    may go out; CPU on both sides.
    """

    who: str
    round: int
    microseconds: float
    relay_cpu: float
    client_cpu: float
    until_lent: float = 0.0


class Watch:
    """Looks at the clock and at what is charged, of the calls after the first ones."""

    def __init__(self, threads: list[int], calls: int) -> None:
        self.calls = calls + WARMING
        self._threads = threads
        self._taken: list[float] = []
        self._lent: list[float] = []
        self._began = 0.0
        self._relay = self._client = 0.0

    def begin(self) -> None:
        self._began = time.perf_counter()

    def lent(self) -> None:
        self._lent.append(time.perf_counter() - self._began)

    def done(self) -> None:
        self._taken.append(time.perf_counter() - self._began)
        if len(self._taken) == WARMING:
            self._relay, self._client = charged(self._threads) / 1e9, time.process_time()

    def result(self, who: str, number: int) -> SettingUp:
        relay = charged(self._threads) / 1e9 - self._relay
        client = time.process_time() - self._client
        each = 1e6 / (len(self._taken) - WARMING)
        taken, lent = (1e6 * statistics.median(all_[WARMING:]) for all_ in (self._taken, self._lent))
        return SettingUp(who, number, taken, relay * each, client * each, lent)


@contextmanager
def _on_core(core: int) -> Iterator[None]:
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def ours(rig: Rig, form: str, number: int, calls: int) -> SettingUp:
    with (
        tempfile.TemporaryDirectory() as folder, relay(rig, form, f"{folder}/relay", PORTS) as pid,
        _on_core(SOURCE_CORE),
    ):  # fmt: skip
        return asyncio.run(_ours(f"{folder}/relay", pid, form, number, calls))


async def _ours(path: str, pid: int, form: str, number: int, calls: int) -> SettingUp:
    watch = Watch(threads_of(pid), calls)
    core = WatchedCore(path, watch)
    await core.start()
    for call in range(watch.calls):
        await core.set_call_up(f"call-{call}", FIRST_PORT + 4 * (call % 1000))
        core.client.say([Release(f"call-{call}")])
    result = watch.result(form, number)
    core.client.close()
    return result


class WatchedCore(Core):
    """Says things at once, as the service does, and looks at the clock when it is told of something."""

    def __init__(self, path: str, watch: Watch) -> None:
        super().__init__(path)
        self._watch = watch
        self.client = RelayClient(path, self._hear, lambda: None, lambda _: self.ready.set())

    def _hear(self, event: Event) -> None:
        if isinstance(event, Reserved):
            self._watch.lent()
        elif isinstance(event, Figures):
            self._watch.done()
        self.answers.put_nowait(event)

    async def set_call_up(self, name: str, port: int) -> None:
        self._watch.begin()
        self.client.say([Reserve(name, (LegRequest(0), LegRequest(1)))])
        await self.until(Reserved)  # it has come already, where the stock is not empty
        self.client.say([
            Direct(name, 0, 0, FAR, port, port + 1),
            Direct(name, 1, 0, FAR, port + 2, port + 3),
            Bridge(name, 0, 1),
            Query(name),
        ])  # fmt: skip
        await self.until(Figures)

    async def until(self, wanted: type[Event]) -> None:
        while not isinstance(await self.answers.get(), wanted):
            pass


def theirs(rig: Rig, number: int, calls: int) -> SettingUp:
    with rivals.rtpengine(rig, PORTS, CONTROL_PORT) as (pid, engine), _on_core(SOURCE_CORE):
        watch = Watch(threads_of(pid), calls)
        for call in range(watch.calls):
            watch.begin()
            rivals.set_call_up(engine, call, FIRST_PORT + 4 * (call % 1000), watch.lent)
            watch.done()
            engine.ask({"command": "delete", "call-id": f"call-{call}", "from-tag": "a", "delete delay": 0})
        return watch.result("rtpengine", number)
