"""The part of a program that counts: what Stream.receive does, in integers, where the packet is.

Theory. To read the clock takes as long as half of all the rest, and has the processor wait for whatever is under way.
So it is not read more often than every 8 us: a packet has the time of the last reading by its core, which was so few
packets ago as came in 8 us on the average of the timer tick before (1 to 10 ms). Below 125,000 packets a second that is
itself. With another tick the clock is read, and the pace is what it was in the one that is over. What comes in bursts
may be told to have come when the burst before it ended, if that was in the same tick; a card that interrupts once for
many packets leaves as little certain.

A flow is counted by one core at a time: what comes from one source to one port comes by one queue of the card. So the
counters are plain ones, without the bus being locked. Where a network has packets of one flow handled by two cores in
the same fifty nanoseconds, one of them may be missing in the figures.
"""

from __future__ import annotations

from typing import Final

from rtp_relay.bpf import layout
from rtp_relay.bpf.asm import R0, R1, R2, R3, R4, R5, R7, R8, R9, Assembly, Register
from rtp_relay.bpf.site import JIFFIES, KTIME_GET_NS, PROCESSOR, UDP_HEADER, Layer, Site
from rtp_relay.stream import MAX_DROPOUT

CERTAIN_TO: Final = 8192  # ns
LONGEST_STRIDE: Final = 64  # packets
HANDED_IN_TICK: Final = 22  # of a clock that is handed in: 2 to that ns


def take_time(a: Assembly, site: Site, ip: Layer) -> None:
    """r9: the time. Before the flow is looked up: it is not in the cache, and the two waits overlap.

    r8 is lost.
    """
    if site.paces is None:
        _read_clock(a, site)
    else:
        _take_pace(a, site, site.paces, ip)
    if site.until is not None:
        a.load_map_value(R1, site.until)
        a.load(8, R1, R1, 0)
        a.jump_if(R9, ">", R1, "up")


def _read_clock(a: Assembly, site: Site) -> None:
    if site.clock is None:
        a.call(KTIME_GET_NS)
    else:
        a.load_map_value(R1, site.clock)
        a.load(8, R0, R1, 0)
    a.calc(R9, "=", R0)


def _read_tick(a: Assembly, site: Site) -> None:
    """r0: a number that changes with each tick."""
    if site.clock is None:
        a.call(JIFFIES)
    else:
        a.load_map_value(R1, site.clock)
        a.load(8, R0, R1, 0)
        a.calc(R0, ">>=", HANDED_IN_TICK)


def _take_pace(a: Assembly, site: Site, paces: int, ip: Layer) -> None:
    """As long as neither the tick nor the stride is over the time is that of the last reading."""
    version, read, done = ip.version, f"read{ip.version}", f"timed{ip.version}"
    a.call(PROCESSOR)
    a.calc(R0, "&=", layout.PACES - 1)
    a.calc(R0, "*=", layout.PACE_SIZE)
    a.load_map_value(R8, paces)
    a.calc(R8, "+=", R0)
    _read_tick(a, site)
    a.load(4, R3, R8, layout.LEFT)
    a.load(8, R1, R8, layout.PACE_TICK)
    a.jump_if(R0, "!=", R1, read)
    a.jump_if(R3, "==", 0, read)
    a.calc(R3, "-=", 1)
    a.store(4, R8, layout.LEFT, R3)
    a.load(8, R9, R8, layout.CLOCK)
    a.jump(done)
    a.label(read)
    _read_clock(a, site)
    a.store(8, R8, layout.CLOCK, R9)
    _read_tick(a, site)
    a.load(4, R4, R8, layout.STRIDE)
    a.load(4, R2, R8, layout.LEFT)
    a.load(4, R3, R8, layout.PACE_PACKETS)
    a.calc(R3, "+=", R4)
    a.calc(R3, "-=", R2)
    a.calc(R3, "+=", 1)
    a.load(8, R1, R8, layout.PACE_TICK)
    a.jump_if(R0, "==", R1, f"stride{version}")
    a.store(8, R8, layout.PACE_TICK, R0)
    _find_stride(a, version)
    a.label(f"stride{version}")
    a.store(4, R8, layout.PACE_PACKETS, R3)
    a.store(4, R8, layout.LEFT, R4)
    a.label(done)


def _find_stride(a: Assembly, version: int) -> None:
    """r4: how many packets may go by without a reading, as r3 came in the tick that is over. r3: of the new one."""
    known = f"known{version}"
    a.calc(R4, "=", 0)
    a.calc(R2, "=", R9)
    a.load(8, R1, R8, layout.PACE_BEGAN)
    a.store(8, R8, layout.PACE_BEGAN, R9)
    a.calc(R2, "-=", R1)
    a.jump_if(R2, "==", 0, known)
    a.calc(R4, "=", R3)
    a.calc(R4, "*=", CERTAIN_TO)
    a.calc(R4, "/=", R2)
    a.jump_if(R4, "<=", LONGEST_STRIDE, known)
    a.calc(R4, "=", LONGEST_STRIDE)
    a.label(known)
    a.store(4, R8, layout.STRIDE, R4)
    a.calc(R3, "=", 0)


def count(a: Assembly, ip: Layer) -> None:
    """r9 is the time, r5 how far ahead the sequence number is; r0 stays as it is."""
    counted = f"counted{ip.version}"
    _count_time(a, ip)
    a.load(4, R1, R8, layout.FLAGS)
    a.jump_if(R1, "&", layout.UNREAD, counted)
    _take_turns(a, ip)
    _count_jitter(a, ip)
    a.label(f"taken{ip.version}")
    a.jump_if(R5, ">=", MAX_DROPOUT, counted)  # late
    _add(a, 4, layout.HIGHEST, R5)
    a.label(counted)
    a.load(2, R1, R7, ip.header + 4)
    a.swap(R1, 16)
    a.calc(R1, "-=", UDP_HEADER)
    _add(a, 8, layout.OCTETS, R1)
    a.calc(R1, "=", 1)
    _add(a, 8, layout.PACKETS, R1)


def _add(a: Assembly, octets: int, offset: int, what: Register) -> None:
    a.load(octets, R2, R8, offset)
    a.calc(R2, "+=", what)
    a.store(octets, R8, offset, R2)


def _count_time(a: Assembly, ip: Layer) -> None:
    """r9: ns since the last packet."""
    forward, shorter = f"forward{ip.version}", f"shorter{ip.version}"
    a.load(8, R1, R8, layout.LAST)
    a.store(8, R8, layout.LAST, R9)
    a.calc(R9, "-=", R1)
    a.jump_if(R9, "signed>=", 0, forward)
    a.calc(R9, "=", 0)
    a.label(forward)
    a.load(8, R1, R8, layout.LONGEST_GAP)
    a.jump_if(R9, "<=", R1, shorter)
    a.store(8, R8, layout.LONGEST_GAP, R9)
    a.label(shorter)


def _take_turns(a: Assembly, ip: Layer) -> None:
    """The other payload type takes its turn, with its tick; its first packet says nothing about transit."""
    goes_on = f"goes_on{ip.version}"
    a.load(1, R1, R7, ip.rtp + 1)
    a.load(4, R3, R8, layout.PAYLOAD_TYPE)
    a.calc(R1, "^=", R3)
    a.calc(R1, "&=", layout.TYPE_MASK)
    a.jump_if(R1, "==", 0, goes_on)
    for one, other in ((layout.PAYLOAD_TYPE, layout.OTHER_TYPE), (layout.TICK, layout.OTHER_TICK)):
        a.load(4, R1, R8, one)
        a.load(4, R3, R8, other)
        a.store(4, R8, one, R3)
        a.store(4, R8, other, R1)
    a.load(4, R3, R7, ip.rtp + 4)
    a.swap(R3, 32)
    a.store(4, R8, layout.TIMESTAMP, R3)
    a.jump(f"taken{ip.version}")
    a.label(goes_on)


def _count_jitter(a: Assembly, ip: Layer) -> None:
    """RFC 3550 A.8 in 1/16 ns; packets that share a timestamp say nothing about transit."""
    version, taken = ip.version, f"taken{ip.version}"
    a.load(4, R3, R7, ip.rtp + 4)
    a.swap(R3, 32)
    a.load(4, R4, R8, layout.TIMESTAMP)
    a.jump_if(R3, "==", R4, taken)
    a.store(4, R8, layout.TIMESTAMP, R3)
    a.calc32(R3, "-=", R4)
    a.load(4, R4, R8, layout.TICK)
    a.jump_if(R3, "&", -(1 << 31), f"back{version}")
    a.calc(R3, "*=", R4)
    a.calc(R3, ">>=", 8)
    a.jump(f"step{version}")
    a.label(f"back{version}")
    a.negate(R3)
    a.calc32(R3, "=", R3)
    a.calc(R3, "*=", R4)
    a.calc(R3, ">>=", 8)
    a.negate(R3)
    a.label(f"step{version}")
    a.calc(R9, "-=", R3)
    a.jump_if(R9, "signed>=", 0, f"late{version}")
    a.negate(R9)
    a.label(f"late{version}")
    a.load(8, R1, R8, layout.JITTER)
    a.calc(R2, "=", R1)
    a.calc(R2, "+=", 8)
    a.calc(R2, ">>=", 4)
    a.calc(R1, "-=", R2)
    a.calc(R1, "+=", R9)
    a.store(8, R8, layout.JITTER, R1)
