"""The programs of the bench itself: what sends, what counts, and the least that a redirect can be."""

from __future__ import annotations

from typing import Final

from bench.race.frames import FRAME, HEAD, SEQUENCE, SUM
from rtp_relay.bpf.asm import R0, R1, R2, R3, R6, R7, R8, R9, R10, Assembly
from rtp_relay.bpf.site import (
    KTIME_GET_NS,
    LOOK_UP,
    REDIRECT,
    REDIRECT_MAP,
    SKB_DATA,
    SKB_DATA_END,
    SKB_LENGTH,
    TC_DROP,
    TC_NEXT,
    XDP_DATA,
    XDP_DATA_END,
    XDP_DROP,
    XDP_PASS,
)

RANDOM: Final = 7  # bpf_get_prandom_u32
LAG: Final = 250_000  # ns that the generator catches up on, no more

# The generator's state, u64 each.
DUE, INTERVAL, NEXT, FLOWS, SENT, COALESCED, GATE, SPREAD = range(0, 64, 8)
GENERATOR_STATE: Final = 64

# The sink's state, u64 each.
COUNT, IS_TIMED = 0, 8
SINK_STATE: Final = 16
BUCKET_SHIFT: Final = 8  # a bucket of the delays is 256 ns
BUCKETS: Final = 8192  # some 2 ms; the last one has all that took longer


def generator(state: int, flows: int, devices: int) -> bytes:
    """Emits the next flow's packet if it is due; else the frame is dropped, and offered again.

    SPREAD, a power of two less one, makes intervals random: by so many ns longer than INTERVAL at most.
    """
    a = Assembly()
    a.load(4, R7, R1, XDP_DATA)
    a.load(4, R2, R1, XDP_DATA_END)
    a.calc(R3, "=", R7)
    a.calc(R3, "+=", FRAME)
    a.jump_if(R3, ">", R2, "drop")
    a.call(KTIME_GET_NS)
    a.calc(R8, "=", R0)
    a.load_map_value(R6, state)
    _wait_until_due(a)
    _look_next_flow_up(a, flows)
    _write_head(a)
    a.load_map(R1, devices)
    a.calc(R2, "=", 0)
    a.calc(R3, "=", 0)
    a.call(REDIRECT_MAP)
    a.end()
    a.label("drop")
    a.calc(R0, "=", XDP_DROP)
    a.end()
    return a.code()


def _wait_until_due(a: Assembly) -> None:
    """R8 is the time, R6 the state. Goes on if a packet is due, and says when the next one is."""
    a.load(8, R1, R6, GATE)
    a.jump_if(R8, "<", R1, "drop")
    a.load(8, R9, R6, DUE)
    a.jump_if(R8, ">=", R9, "due")
    a.load(8, R1, R6, COALESCED)
    a.calc(R8, "+=", R1)
    a.store(8, R6, GATE, R8)
    a.jump("drop")
    a.label("due")
    a.calc(R1, "=", R8)
    a.calc(R1, "-=", LAG)
    a.jump_if(R9, ">=", R1, "in time")
    a.calc(R9, "=", R1)
    a.label("in time")
    a.load(8, R2, R6, INTERVAL)
    a.calc(R9, "+=", R2)
    a.load(8, R2, R6, SPREAD)
    a.jump_if(R2, "==", 0, "even")
    a.call(RANDOM)
    a.load(8, R2, R6, SPREAD)
    a.calc(R0, "&=", R2)
    a.calc(R9, "+=", R0)
    a.label("even")
    a.store(8, R6, DUE, R9)


def _look_next_flow_up(a: Assembly, flows: int) -> None:
    """R9 becomes the flow's value. The time stays in R8."""
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
    a.calc(R9, "=", R0)


def _write_head(a: Assembly) -> None:
    """From the flow's value at R9 to the frame at R7, with the time in R8 behind it, and a checksum that is right."""
    for offset, octets in (*((offset, 8) for offset in range(0, 48, 8)), (48, 4), (52, 2)):
        a.load(octets, R1, R9, offset)
        a.store(octets, R7, offset, R1)
    a.store(8, R7, HEAD, R8)
    a.load(4, R2, R9, SUM)
    a.calc32(R1, "=", R8)
    a.calc(R2, "+=", R1)
    a.calc(R8, ">>=", 32)
    a.calc(R2, "+=", R8)
    a.load(4, R1, R9, SEQUENCE)
    a.calc(R1, "+=", 1)
    a.store(4, R9, SEQUENCE, R1)
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


def sink(is_xdp: bool, state: int, delays: int) -> bytes:
    """Counts and drops frames of the bench's size, and sorts their age into `delays` if IS_TIMED; others pass."""
    a = Assembly()
    _ours_or_pass(a, is_xdp)
    a.load_map_value(R6, state)
    a.calc(R1, "=", 1)
    a.add_atomically(8, R6, COUNT, R1)
    a.load(8, R1, R6, IS_TIMED)
    a.jump_if(R1, "==", 0, "drop")
    a.load(8, R8, R7, HEAD)
    a.call(KTIME_GET_NS)
    a.calc(R0, "-=", R8)
    a.calc(R0, ">>=", BUCKET_SHIFT)
    a.jump_if(R0, "<", BUCKETS, "within")
    a.calc(R0, "=", BUCKETS - 1)
    a.label("within")
    a.store(4, R10, -4, R0)
    a.load_map(R1, delays)
    a.calc(R2, "=", R10)
    a.calc(R2, "+=", -4)
    a.call(LOOK_UP)
    a.jump_if(R0, "==", 0, "drop")
    a.calc(R1, "=", 1)
    a.add_atomically(8, R0, 0, R1)
    a.label("drop")
    a.calc(R0, "=", XDP_DROP if is_xdp else TC_DROP)
    a.end()
    _pass(a, is_xdp)
    return a.code()


def least_redirect(is_xdp: bool, macs: bytes, interface: int, devices: int) -> bytes:
    """Turns every frame of the bench's size round: new MAC addresses, and out. What no relay can be faster than."""
    a = Assembly()
    _ours_or_pass(a, is_xdp)
    for offset, octets in ((0, 4), (4, 4), (8, 4)):
        a.calc32(R1, "=", _word(macs[offset : offset + octets]))
        a.store(octets, R7, offset, R1)
    if is_xdp:
        a.load_map(R1, devices)
        a.calc(R2, "=", 0)
        a.calc(R3, "=", XDP_PASS)
        a.call(REDIRECT_MAP)
    else:
        a.calc(R1, "=", interface)
        a.calc(R2, "=", 0)
        a.call(REDIRECT)
    a.end()
    _pass(a, is_xdp)
    return a.code()


def _ours_or_pass(a: Assembly, is_xdp: bool) -> None:
    """R7 becomes the beginning of a frame that is long enough; what is not of the bench's size goes to "pass"."""
    beginning, end = (XDP_DATA, XDP_DATA_END) if is_xdp else (SKB_DATA, SKB_DATA_END)
    if not is_xdp:
        a.load(4, R2, R1, SKB_LENGTH)
        a.jump_if(R2, "!=", FRAME, "pass")
    a.load(4, R7, R1, beginning)
    a.load(4, R2, R1, end)
    a.calc(R3, "=", R7)
    a.calc(R3, "+=", FRAME if is_xdp else HEAD + 8)
    a.jump_if(R3, ">", R2, "pass")
    if is_xdp:
        a.jump_if(R3, "!=", R2, "pass")


def _pass(a: Assembly, is_xdp: bool) -> None:
    a.label("pass")
    a.calc(R0, "=", XDP_PASS if is_xdp else TC_NEXT)
    a.end()


def _word(octets: bytes) -> int:
    value = int.from_bytes(octets, "little")
    return value - (1 << 32) if value >> 31 else value


