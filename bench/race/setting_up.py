"""What it takes to set the media of a call up: ours, and rtpengine's offer and answer, one call after the other.

Ours is what the core says for a call of two legs: Reserve, two Directs and a Bridge; the clock stops when the relay
answers a question that was asked after them. rtpengine's is an offer and an answer, from a client as plain as can be.
Each call is ended before the next one: ports come and go as they do in service. The clock stands still meanwhile, but
CPU of the ending is counted. Both clients run on the generator's core, both relays on theirs.
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
from rtp_relay.control import Bridge, Direct, Figures, Query, Release, Released

CONTROL_PORT: Final = 2999
PORTS: Final = range(FIRST_PORT, FIRST_PORT + 4000)
WARMING: Final = 50  # calls before anything is measured


@dataclass(frozen=True, slots=True)
class SettingUp:
    """Microseconds a call: the median until all is done, and CPU on both sides."""

    who: str
    round: int
    microseconds: float
    relay_cpu: float
    client_cpu: float


class Watch:
    """Looks at the clock and at what is charged, of the calls after the first ones."""

    def __init__(self, threads: list[int], calls: int) -> None:
        self.calls = calls + WARMING
        self._threads = threads
        self._taken: list[float] = []
        self._relay = self._client = 0.0

    def note(self, seconds: float) -> None:
        self._taken.append(seconds)
        if len(self._taken) == WARMING:
            self._relay, self._client = charged(self._threads) / 1e9, time.process_time()

    def result(self, who: str, number: int) -> SettingUp:
        relay = charged(self._threads) / 1e9 - self._relay
        client = time.process_time() - self._client
        taken = self._taken[WARMING:]
        each = 1e6 / len(taken)
        return SettingUp(who, number, 1e6 * statistics.median(taken), relay * each, client * each)


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
    core = Core(path)
    await core.start()
    watch = Watch(threads_of(pid), calls)
    for call in range(watch.calls):
        began = time.perf_counter()
        await _set_call_up(core, call)
        watch.note(time.perf_counter() - began)
        core.client.say([Release(f"call-{call}")])
        while not isinstance(await core.answers.get(), Released):
            pass
    result = watch.result(form, number)
    core.client.close()
    return result


async def _set_call_up(core: Core, number: int) -> None:
    name, port = f"call-{number}", FIRST_PORT + 4 * (number % 1000)
    await core.reserve(name, 2)
    core.client.say([
        Direct(name, 0, 0, FAR, port, port + 1),
        Direct(name, 1, 0, FAR, port + 2, port + 3),
        Bridge(name, 0, 1),
        Query(name),
    ])  # fmt: skip
    while not isinstance(await core.answers.get(), Figures):
        pass


def theirs(rig: Rig, number: int, calls: int) -> SettingUp:
    with rivals.rtpengine(rig, PORTS, CONTROL_PORT) as (pid, engine), _on_core(SOURCE_CORE):
        watch = Watch(threads_of(pid), calls)
        for call in range(watch.calls):
            began = time.perf_counter()
            rivals.set_call_up(engine, call, FIRST_PORT + 4 * (call % 1000))
            watch.note(time.perf_counter() - began)
            engine.ask({"command": "delete", "call-id": f"call-{call}", "from-tag": "a", "delete delay": 0})
        return watch.result("rtpengine", number)
