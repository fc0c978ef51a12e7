"""Where things lie in the maps that user space and the kernel's programs share.

A flow's entry is three cache lines. User space writes the first and the third and reads the second; the kernel
writes the second, and of the first the flag ACTIVE, which it takes away when a packet is for user space to judge,
UNCOPIED, and what belongs to the payload types. Addresses and ports lie as on the wire, all else in the host's order.

    line 0   what to expect, and where to send it
    line 1   what was counted
    line 2   addresses of IPv6
"""

from __future__ import annotations

from typing import Final

VERSION: Final = 3  # of everything here; a relay adopts only maps of its own version

FLOW_SIZE: Final = 192

FLAGS: Final = 0  # u32
NEXT_HOP: Final = 4  # u32, index of the next hop
SOURCE_4: Final = 8  # expected address
SOURCE_PORT: Final = 12  # expected port
FROM_4: Final = 16  # new source address
TO_4: Final = 20  # new destination address
PORTS: Final = 24  # new source port, new destination port
TICK: Final = 28  # u32, 1/256 ns in a tick of the RTP timestamp
SSRC: Final = 32  # as on the wire
PAYLOAD_TYPE: Final = 36  # u32, of the last packet, with COPY; see OTHER_TYPE
SIZE_LIMIT: Final = 40  # u32, octets of the IP packet that the next hop takes
NUMBER: Final = 44  # u32, of this entry
UNCOPIED: Final = 48  # u64, packets that found no room in the ring; written by the kernel
OTHER_TYPE: Final = 56  # u32, of what takes turns with it: the kernel changes the two about, and their ticks
OTHER_TICK: Final = 60  # u32

PACKETS: Final = 64  # u64, forwarded
OCTETS: Final = 72  # u64, of their UDP payload
STRANGERS: Final = 80  # u64, dropped for their source
RAISED: Final = 88  # u64, given to user space to judge
HIGHEST: Final = 96  # u32, extended sequence number
TIMESTAMP: Final = 100  # u32, of the last packet
LAST: Final = 104  # u64, ns, arrival of the last packet
JITTER: Final = 112  # u64, 1/16 ns
LONGEST_GAP: Final = 120  # u64, ns

SOURCE_6: Final = 128
FROM_6: Final = 144
TO_6: Final = 160

ACTIVE: Final = 1  # forward it; without this everything goes to user space
STRICT: Final = 2  # drop what comes from elsewhere; without this user space judges it
UNREAD: Final = 4  # no RTP (T.38)
FROM_THIS_HOST: Final = 8  # the source is an address of this host, so that it may come in by the loopback only

COPIED: Final = 16  # somebody listens: copies of those packets go to the ring whose payload type has COPY
COPY: Final = 1 << 8  # in PAYLOAD_TYPE and OTHER_TYPE
NO_TYPE: Final = 0xFF  # as OTHER_TYPE: no packet has it
TYPE_MASK: Final = 0x7F

NEXT_HOP_SIZE: Final = 64
INTERFACE: Final = 0  # u32, its index
SLOT: Final = 4  # u32, its place in the device map
USABLE: Final = 8  # u32, BY_TC and BY_XDP
MACS: Final = 12  # destination and source
KNOWN_BY: Final = 24  # u32, IP version of what user space knows it by; 0 for an interface without neighbours
IS_WATCHED: Final = 28  # u32, the kernel was asked to keep the neighbour fresh
HOP_ADDRESS: Final = 32  # 16 octets

LEGACY_SIZE: Final = 512  # of a port's entry in the table that only user space reads
PLAN_SIZE: Final = 8192
BY_TC: Final = 1
BY_XDP: Final = 2
