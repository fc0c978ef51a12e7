"""The part of a program that copies a packet for who listens, before it is rewritten and sent on (see ringbuf).

The room must be of a size that the verifier knows, so there are three, tried from the smallest. r9, the next hop, makes
way for the length of the payload meanwhile, and is kept on the stack.
"""

from __future__ import annotations

from rtp_relay.bpf import layout
from rtp_relay.bpf.asm import R0, R1, R2, R3, R4, R6, R7, R8, R9, R10, Assembly
from rtp_relay.bpf.ringbuf import HEAD, ROOMS
from rtp_relay.bpf.site import (
    NEXT_HOP,
    RECORD,
    RING_DISCARD,
    RING_RESERVE,
    RING_SUBMIT,
    SKB_LOAD_BYTES,
    UDP_HEADER,
    XDP_LOAD_BYTES,
    Layer,
    Site,
)
from rtp_relay.packet import HEADER_SIZE


def copy(a: Assembly, site: Site, ip: Layer) -> None:
    """Nothing, for a flow that nobody listens to: one flag is looked at."""
    if site.events is None:
        return
    version = ip.version
    a.load(4, R1, R8, layout.FLAGS)
    a.jump_if(R1, "&", layout.COPIED, f"copy{version}")
    a.jump(f"uncopied{version}")
    a.label(f"copy{version}")
    a.load(4, R1, R8, layout.PAYLOAD_TYPE)
    a.jump_if(R1, "<", layout.COPY, f"uncopied{version}")
    a.store(8, R10, NEXT_HOP, R9)
    a.load(2, R9, R7, ip.header + 4)
    a.swap(R9, 16)
    a.calc(R9, "-=", UDP_HEADER)
    a.jump_if(R9, "<", HEADER_SIZE, f"lost{version}")  # which cannot be; the verifier wants it said
    for room in ROOMS:
        a.jump_if(R9, ">", room - HEAD.size, f"above{room}.{version}")
        _copy_into(a, site, ip, room)
        a.label(f"above{room}.{version}")
    a.label(f"lost{version}")
    a.calc(R1, "=", 1)
    a.add_atomically(8, R8, layout.UNCOPIED, R1)
    a.label(f"copied{version}")
    a.load(8, R9, R10, NEXT_HOP)
    a.label(f"uncopied{version}")


def _copy_into(a: Assembly, site: Site, ip: Layer, room: int) -> None:
    """Whatever fails is counted as lost, and gives the room back."""
    version, has_failed = ip.version, f"failed{room}.{ip.version}"
    assert site.events is not None
    a.load_map(R1, site.events)
    a.calc(R2, "=", room)
    a.calc(R3, "=", 0)
    a.call(RING_RESERVE)
    a.jump_if(R0, "==", 0, f"lost{version}")
    a.store(8, R10, RECORD, R0)
    a.load(4, R1, R8, layout.NUMBER)
    a.store(4, R0, 0, R1)
    a.store(4, R0, 4, R9)
    a.load(8, R1, R8, layout.LAST)
    a.store(8, R0, 8, R1)
    a.calc(R1, "=", R6)
    a.calc(R2, "=", ip.rtp)
    a.calc(R3, "=", R0)
    a.calc(R3, "+=", HEAD.size)
    a.calc(R4, "=", R9)
    a.call(SKB_LOAD_BYTES if site.is_tc else XDP_LOAD_BYTES)
    a.calc(R3, "=", R0)
    a.load(8, R1, R10, RECORD)
    a.calc(R2, "=", 0)
    a.jump_if(R3, "!=", 0, has_failed)
    a.call(RING_SUBMIT)
    a.jump(f"copied{version}")
    a.label(has_failed)
    a.call(RING_DISCARD)
    a.jump(f"lost{version}")
