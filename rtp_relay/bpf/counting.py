"""The part of a program that counts: what Stream.receive does, in integers, where the packet is."""

from __future__ import annotations

from rtp_relay.bpf import layout
from rtp_relay.bpf.asm import R0, R1, R2, R3, R7, R8, R10, Assembly
from rtp_relay.bpf.site import AHEAD, ETHERNET, KTIME_GET_NS, LENGTH, TIME, TURNS, UDP_HEADER, Layer, Site
from rtp_relay.stream import MAX_DROPOUT


def take_time(a: Assembly, site: Site) -> None:
    """The one reading of the clock. Before the flow is looked up: it is not in the cache, and the two waits overlap."""
    if site.clock is None:
        a.call(KTIME_GET_NS)
    else:
        a.load_map_value(R1, site.clock)
        a.load(8, R0, R1, 0)
    a.store(8, R10, TIME, R0)
    if site.until is not None:
        a.load_map_value(R1, site.until)
        a.load(8, R1, R1, 0)
        a.jump_if(R0, ">", R1, "up")


def count(a: Assembly, site: Site, ip: Layer) -> None:
    counted = f"counted{ip.version}"
    a.load(8, R0, R10, TIME)
    count_time(a, ip)
    a.load(4, R1, R8, layout.FLAGS)
    a.jump_if(R1, "&", layout.UNREAD, counted)
    a.load(8, R1, R10, TURNS)
    a.jump_if(R1, "==", 0, f"goes_on{ip.version}")
    change_about(a, ip)
    a.jump(f"taken{ip.version}")
    a.label(f"goes_on{ip.version}")
    count_jitter(a, ip)
    a.label(f"taken{ip.version}")
    a.load(8, R1, R10, AHEAD)
    a.jump_if(R1, ">=", MAX_DROPOUT, counted)  # late
    a.load(4, R2, R8, layout.HIGHEST)
    a.calc32(R2, "+=", R1)
    a.store(4, R8, layout.HIGHEST, R2)
    a.label(counted)
    a.calc(R1, "=", 1)
    a.add_atomically(8, R8, layout.PACKETS, R1)
    a.load(8, R1, R10, LENGTH)
    a.calc(R1, "-=", ip.header + UDP_HEADER - ETHERNET)
    a.add_atomically(8, R8, layout.OCTETS, R1)


def count_time(a: Assembly, ip: Layer) -> None:
    """r0 comes as the time and leaves as what has passed since the last packet, ns."""
    forward, shorter = f"forward{ip.version}", f"shorter{ip.version}"
    a.load(8, R1, R8, layout.LAST)
    a.store(8, R8, layout.LAST, R0)
    a.calc(R0, "-=", R1)
    a.jump_if(R0, "signed>=", 0, forward)
    a.calc(R0, "=", 0)
    a.label(forward)
    a.load(8, R1, R8, layout.LONGEST_GAP)
    a.jump_if(R0, "<=", R1, shorter)
    a.store(8, R8, layout.LONGEST_GAP, R0)
    a.label(shorter)


def change_about(a: Assembly, ip: Layer) -> None:
    """The other payload type takes its turn, with its tick; its first packet says nothing about transit."""
    for one, other in ((layout.PAYLOAD_TYPE, layout.OTHER_TYPE), (layout.TICK, layout.OTHER_TICK)):
        a.load(4, R1, R8, one)
        a.load(4, R2, R8, other)
        a.store(4, R8, one, R2)
        a.store(4, R8, other, R1)
    a.load(4, R2, R7, ip.header + UDP_HEADER + 4)
    a.swap(R2, 32)
    a.store(4, R8, layout.TIMESTAMP, R2)


def count_jitter(a: Assembly, ip: Layer) -> None:
    """RFC 3550 A.8 in 1/16 ns; packets that share a timestamp say nothing about transit."""
    version = ip.version
    a.load(4, R2, R7, ip.header + UDP_HEADER + 4)
    a.swap(R2, 32)
    a.load(4, R3, R8, layout.TIMESTAMP)
    a.jump_if(R2, "==", R3, f"same{version}")
    a.store(4, R8, layout.TIMESTAMP, R2)
    a.calc32(R2, "-=", R3)
    a.load(4, R3, R8, layout.TICK)
    a.jump_if(R2, "&", -(1 << 31), f"back{version}")
    a.calc(R2, "*=", R3)
    a.calc(R2, ">>=", 8)
    a.jump(f"step{version}")
    a.label(f"back{version}")
    a.negate(R2)
    a.calc32(R2, "=", R2)
    a.calc(R2, "*=", R3)
    a.calc(R2, ">>=", 8)
    a.negate(R2)
    a.label(f"step{version}")
    a.calc(R0, "-=", R2)
    a.jump_if(R0, "signed>=", 0, f"late{version}")
    a.negate(R0)
    a.label(f"late{version}")
    a.load(8, R1, R8, layout.JITTER)
    a.calc(R2, "=", R1)
    a.calc(R2, "+=", 8)
    a.calc(R2, ">>=", 4)
    a.calc(R1, "-=", R2)
    a.calc(R1, "+=", R0)
    a.store(8, R8, layout.JITTER, R1)
    a.label(f"same{version}")
