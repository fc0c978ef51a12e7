"""What a program is made for, and where things lie in what the kernel hands to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from rtp_relay.bpf import layout
from rtp_relay.packet import HEADER_SIZE

# linux/bpf.h: helpers by number.
LOOK_UP: Final = 1
KTIME_GET_NS: Final = 5
L4_CSUM_REPLACE: Final = 11
REDIRECT: Final = 23
PROCESSOR: Final = 8  # bpf_get_smp_processor_id
JIFFIES: Final = 118  # bpf_jiffies64, Linux 5.6
SKB_PULL_DATA: Final = 39
REDIRECT_MAP: Final = 51
SKB_LOAD_BYTES: Final = 26
RING_RESERVE: Final = 131
RING_SUBMIT: Final = 132
RING_DISCARD: Final = 133
XDP_LOAD_BYTES: Final = 189
XDP_LENGTH: Final = 188  # bpf_xdp_get_buff_len, Linux 5.18

# Flags of L4_CSUM_REPLACE.
IS_PSEUDO_HEADER: Final = 0x10
ZERO_IS_NO_CHECKSUM: Final = 0x20

# struct __sk_buff and struct xdp_md, by offset.
SKB_LENGTH, SKB_PACKET_TYPE, SKB_MARK, SKB_QUEUE, SKB_TAG, SKB_GSO_SIZE = 0, 4, 8, 12, 20, 176
SKB_DATA, SKB_DATA_END = 76, 80
XDP_DATA, XDP_DATA_END = 0, 4

TC_NEXT, TC_DROP = -1, 2
XDP_DROP, XDP_PASS = 1, 2

ETHERNET: Final = 14
ETHERTYPE: Final = 12
UDP: Final = 17
UDP_HEADER: Final = 8
HOP_LIMIT: Final = 64

# Places on the stack. Without CAP_PERFMON each costs a barrier where it is written first: few are used.
KEY, NEXT_HOP, RECORD = -8, -16, -24


@dataclass(frozen=True, slots=True)
class Site:
    """What one program is made for.

    addresses: index in the flow table and address, of those that packets may come to here.
    pairs: how many even ports from first_port on, which is even, have an entry. clock: an array of one u64, ns, that
        is read instead of the kernel's monotonic clock; None for the clock.
    until: an array of one u64, ns: the time after which nothing is forwarded, as nobody has given a sign of life;
        None for no such time.
    paces: an array of one value, see layout; None if the clock is to be read for every packet.
    flows, next_hops, devices, events: descriptors of the maps; without events nothing is copied.
    """

    kind: Literal["tc", "xdp"]
    is_loopback: bool
    addresses: tuple[tuple[int, str], ...]
    first_port: int
    pairs: int
    traffic_class: int
    flows: int
    next_hops: int
    devices: int
    clock: int | None = None
    events: int | None = None
    until: int | None = None
    paces: int | None = None

    @property
    def is_tc(self) -> bool:
        return self.kind == "tc"


@dataclass(frozen=True, slots=True)
class Layer:
    """Where the fields of an IP packet lie, from the Ethernet header on."""

    version: int
    ethertype: int  # as a little-endian host reads it
    header: int  # where UDP begins
    source: int
    destination: int
    words: int  # 32-bit words in an address
    expected: int  # in the flow's entry
    new_source: int
    new_destination: int

    @property
    def rtp(self) -> int:
        """Where RTP begins."""
        return self.header + UDP_HEADER

    @property
    def needed(self) -> int:
        """Octets up to the end of the RTP header."""
        return self.header + UDP_HEADER + HEADER_SIZE


IP_4: Final = Layer(4, 0x0008, 34, 26, 30, 1, layout.SOURCE_4, layout.FROM_4, layout.TO_4)
IP_6: Final = Layer(6, 0xDD86, 54, 22, 38, 4, layout.SOURCE_6, layout.FROM_6, layout.TO_6)
