"""Where things lie in the maps that user space and the kernel's programs share.

A flow's entry is three cache lines. User space writes the first and the third and reads the second; the kernel
writes the second, and of the first the flag ACTIVE, which it takes away when a packet is for user space to judge,
and what belongs to the payload types. Addresses and ports lie as on the wire, all else in the host's order.

    line 0   what to expect, and where to send it
    line 1   what was counted
    line 2   addresses of IPv6; copies that were lost

A packet of IPv4 that nobody listens to needs the first two and no more. Of a pair of ports only the even one has an
entry: RTCP is read in user space.

Checksums are changed by what is the same for all packets of a flow (RFC 1624), as the source of each is what was
expected: one's complement sums of 16-bit words, made when the flow is written.
"""

from __future__ import annotations

from typing import Final

VERSION: Final = 4  # of everything here; a relay adopts only maps of its own version

FLOW_SIZE: Final = 192

FLAGS: Final = 0  # u32
NEXT_HOP: Final = 4  # u32, index of the next hop
SOURCE_4: Final = 8  # expected address
SOURCE_PORT: Final = 12  # u16, expected port
PSEUDO_SUM: Final = 14  # u16, of the pseudo header as it comes, without the length
FROM_4: Final = 16  # new source address
TO_4: Final = 20  # new destination address
PORTS: Final = 24  # new source port, new destination port
TICK: Final = 28  # u32, 1/256 ns in a tick of the RTP timestamp
SSRC: Final = 32  # as on the wire
PAYLOAD_TYPE: Final = 36  # u32, of the last packet, with COPY; see OTHER_TYPE
SIZE_LIMIT: Final = 40  # u32, octets of the IP packet that the next hop takes
NUMBER: Final = 44  # u32, of this entry
OTHER_TYPE: Final = 48  # u32, of what takes turns with it: the kernel changes the two about, and their ticks
OTHER_TICK: Final = 52  # u32
ADDRESS_CHANGE: Final = 56  # u32, the sum of the new addresses less that of the old ones
PORT_CHANGE: Final = 60  # u32, the same of the ports

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
UNCOPIED: Final = 176  # u64, packets that found no room in the ring; written by the kernel

ACTIVE: Final = 1  # forward it; without this everything goes to user space
STRICT: Final = 2  # drop what comes from elsewhere; without this user space judges it
UNREAD: Final = 4  # no RTP (T.38)
FROM_THIS_HOST: Final = 8  # the source is an address of this host, so that it may come in by the loopback only

COPIED: Final = 16  # somebody listens: copies of those packets go to the ring whose payload type has COPY
COPY: Final = 1 << 8  # in PAYLOAD_TYPE and OTHER_TYPE
NO_TYPE: Final = 0xFF  # as OTHER_TYPE: no packet has it
TYPE_MASK: Final = 0x7F

NEXT_HOPS: Final = 1024  # all of them in one value: the programs need no call to find one
NEXT_HOP_SIZE: Final = 64
INTERFACE: Final = 0  # u32, its index
SLOT: Final = 4  # u32, its place in the device map
USABLE: Final = 8  # u32, BY_TC and BY_XDP
IS_WATCHED: Final = 12  # u32, the kernel was asked to keep the neighbour fresh
MACS: Final = 16  # destination and source
KNOWN_BY: Final = 28  # u32, IP version of what user space knows it by; 0 for an interface without neighbours
HOP_ADDRESS: Final = 32  # 16 octets

PACES: Final = 1024  # processors, each with a line of its own
PACE_SIZE: Final = 64
PACE_TICK: Final = 0  # u64, number of the tick in which the clock was read last
CLOCK: Final = 8  # u64, ns, what it said
PACE_BEGAN: Final = 16  # u64, ns, when it was read first in that tick
PACE_PACKETS: Final = 24  # u32, from then to the last reading
STRIDE: Final = 28  # u32, packets between two readings
LEFT: Final = 32  # u32, until the next one

LEGACY_SIZE: Final = 512  # of a port's entry in the table that only user space reads
PLAN_SIZE: Final = 8192
BY_TC: Final = 1
BY_XDP: Final = 2
