"""What time a packet is given: the clock's, and under load that of the core's last reading of it."""

from __future__ import annotations

import os
import random
import struct
from collections.abc import Iterator
from typing import Literal

import pytest

from rtp_relay.bpf import layout, syscall
from rtp_relay.bpf.counting import CERTAIN_TO, HANDED_IN_TICK
from rtp_relay.bpf.maps import Clock, FlowTable, NextHop, NextHopTable, Standing, Target
from rtp_relay.bpf.programs import program
from rtp_relay.bpf.site import Site
from rtp_relay.stream import Stream
from tests.rtp_relay.bpf.test_programs import (
    FIRST,
    GOES,
    HOSTS,
    LEAVES,
    MACS,
    OURS,
    PORTS,
    SENT,
    THEIRS,
    frame,
)
from tests.rtp_relay.packets import rtp

TICK = 1 << HANDED_IN_TICK  # ns
MILLISECOND = 1_000_000
BEGAN = 1000 * TICK


class Core:
    """A program whose clock is handed in, and one flow; all packets come to one core."""

    def __init__(self, kind: Literal["tc", "xdp"]) -> None:
        self.kind = kind
        self.flows, self.hops, self.clock = FlowTable(HOSTS, FIRST, PORTS), NextHopTable(), Clock()
        self.devices = syscall.create_map(syscall.MapKind.DEVMAP, 4, 4, 1)
        syscall.update(self.devices, bytes(4), struct.pack("<I", 1))
        self.paces = syscall.create_map(syscall.MapKind.ARRAY, 4, layout.PACES * layout.PACE_SIZE, 1)
        self.hops.put(0, NextHop(1, *MACS, 0, True))
        site = Site(
            kind, False, tuple(enumerate(HOSTS)), FIRST, PORTS // 2, 0xB8, self.flows.descriptor,
            self.hops.descriptor, self.devices, clock=self.clock.descriptor, paces=self.paces,
        )  # fmt: skip
        is_tc = kind == "tc"
        self.program = syscall.load(
            syscall.ProgramKind.SCHED_CLS if is_tc else syscall.ProgramKind.XDP, program(site), "a_test"
        )
        entry = self.flows.entry_of(*OURS[4])
        assert entry is not None
        self.entry = entry
        self.flows.activate(
            entry, Target(THEIRS[4], LEAVES[4], GOES[4], 0, 1500, layout.STRICT),
            Standing(7, 0, 125000 << 8, 0, 0, 0, 0, 0),
        )  # fmt: skip
        host, port = OURS[4]
        self.other = frame(4, rtp(1), THEIRS[4], (host, port + 2))

    def close(self) -> None:
        for descriptor in (self.program, self.paces, self.devices):
            os.close(descriptor)
        self.clock.close()
        self.hops.close()
        self.flows.close()

    def receive(self, payload: bytes, at: int) -> None:
        """A packet of the flow, at that time in ns."""
        self.clock.tell(at / 1e9)
        assert syscall.try_on(self.program, frame(4, payload, THEIRS[4], OURS[4])).result == SENT[self.kind]

    def load(self, begin: int, end: int, every: int) -> None:
        """Packets of others."""
        for at in range(begin, end, every):
            self.clock.tell(at / 1e9)
            syscall.try_on(self.program, self.other)

    @property
    def last(self) -> int:
        return self.flows.standing(self.entry).last


@pytest.fixture(params=["tc", "xdp"])
def core(request: pytest.FixtureRequest) -> Iterator[Core]:
    before = os.sched_getaffinity(0)
    try:
        made = Core(request.param)
    except OSError as error:
        pytest.skip(f"{request.param}: {error}")
    os.sched_setaffinity(0, {min(before)})  # the pace is a core's
    yield made
    os.sched_setaffinity(0, before)
    made.close()


def test_up_to_some_pace_the_clock_is_read_for_every_packet(core: Core) -> None:
    every = CERTAIN_TO + 500
    for number in range(2 * TICK // every):
        core.receive(rtp(number), BEGAN + number * every)
        assert core.last == BEGAN + number * every


def test_above_it_a_packet_has_the_time_of_a_little_while_ago(core: Core) -> None:
    every = CERTAIN_TO // 4
    core.load(BEGAN, BEGAN + TICK, every)
    seen = []
    for number in range(400):
        at = BEGAN + TICK + number * every
        core.receive(rtp(number), at)
        assert 0 <= at - core.last <= CERTAIN_TO
        seen.append(core.last)
    assert 400 / 6 <= len(set(seen)) <= 400 / 4


def test_with_another_tick_the_clock_is_read(core: Core) -> None:
    core.load(BEGAN, BEGAN + TICK, 1000)
    core.load(BEGAN + TICK, BEGAN + TICK + 3000, 1000)
    for number, ticks in enumerate((2, 3, 5, 50)):
        at = BEGAN + ticks * TICK + 77
        core.receive(rtp(number), at)
        assert core.last == at


def test_after_a_pause_within_a_tick_only_the_stride_that_was_begun_is_behind(core: Core) -> None:
    core.load(BEGAN, BEGAN + TICK, 1000)
    core.receive(rtp(0), BEGAN + TICK)
    paused = BEGAN + TICK + TICK // 2
    behind = 0
    for number in range(1, 40):
        core.receive(rtp(number), paused + number)
        behind += core.last == BEGAN + TICK
    assert 6 <= behind <= 8


@pytest.mark.parametrize("seed", range(3))
def test_jitter_under_load_is_what_it_is_without(core: Core, seed: int) -> None:
    """Delays of up to 10 ms, at twice the pace at which the clock is read."""
    drawn, exact = random.Random(seed), Stream()
    every = CERTAIN_TO // 2
    for number in range(60):
        at = BEGAN + number * 20 * MILLISECOND + drawn.randrange(10 * MILLISECOND)
        tick = at // TICK * TICK
        core.load(tick - TICK, at, every)
        packet = rtp(number, timestamp=160 * number, ssrc=7)
        core.receive(packet, at)
        exact.receive(packet, at / 1e9)
    assert exact.jitter > 0.001
    measured = core.flows.standing(core.entry).jitter / 16e9
    assert measured == pytest.approx(exact.jitter, abs=2 * CERTAIN_TO / 1e9)
