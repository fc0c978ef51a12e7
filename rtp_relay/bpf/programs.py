"""The programs at an interface: a packet of a confirmed flow is counted, rewritten and sent on its way.

Theory. A program is generated for one interface of this very host: the media addresses that are its own, the
range of ports, the code point. What it does to a packet, in this order:

    parse       UDP over IPv4 or IPv6 without options, fragments or tags, whole, to one of our addresses and ports
    find        the time (see counting), then the flow of that address and port, ACTIVE
    judge       the source (STRICT: a stranger is dropped here), RTP and not RTCP, SSRC, sequence, payload type: the
                last one's, or that which takes turns with it; the next hop is usable
    count       packets, octets, gap, jitter, highest sequence number: what Stream.receive does, in integers
    copy        if somebody listens: into the ring, and if that is full, nowhere
    rewrite     addresses, ports, code point, hop limit, both checksums, MAC addresses
    send        redirect to the next hop's interface

Everything else goes *up*, to the port's socket, where it is treated as if there were no program. A packet that
changes what is expected (another SSRC, a third payload type, a leap in the sequence) goes up with all that follow it:
the program takes ACTIVE away, so that user space sees them in order, and gives it back when it has caught up.

Checksums. At tc the helper does the UDP checksum: it alone knows whether the sender left it to the hardware
(CHECKSUM_PARTIAL). At XDP nobody knows, but a checksum that was left holds the sum of the pseudo header, and such
a packet goes up: one honest packet in 65536 takes the longer way, none is ever sent with a wrong checksum.

Cost. It is less what is executed that takes time than what is waited for: the packet, which a card or another core has
written, and the flow. A processor waits for those of several packets at once, unless it has to finish first what it has
begun, as a locked instruction, a reading of the clock or a barrier asks, or there is too much to do between two waits.
So there is as little as can be of all of them.

Registers: r6 what the kernel gave us, r7 the packet, r8 the flow, r9 the time, and then the next hop, which until then
is in r0; r5 how far ahead the sequence number is.
"""

from __future__ import annotations

import ipaddress
import struct

from rtp_relay.bpf import layout
from rtp_relay.bpf.asm import R0, R1, R2, R3, R4, R5, R6, R7, R8, R9, R10, Assembly
from rtp_relay.bpf.copying import copy
from rtp_relay.bpf.counting import count, take_time
from rtp_relay.bpf.rewriting import look_for_left_checksum, rewrite, send
from rtp_relay.bpf.site import (
    ETHERNET,
    ETHERTYPE,
    IP_4,
    IP_6,
    KEY,
    LOOK_UP,
    SKB_DATA,
    SKB_DATA_END,
    SKB_GSO_SIZE,
    SKB_LENGTH,
    SKB_PACKET_TYPE,
    SKB_PULL_DATA,
    SKB_TAG,
    TC_DROP,
    TC_NEXT,
    UDP,
    UDP_HEADER,
    XDP_DATA,
    XDP_DATA_END,
    XDP_DROP,
    XDP_LENGTH,
    XDP_PASS,
    Layer,
    Site,
)  # fmt: skip
from rtp_relay.packet import HEADER_SIZE, HIGHEST_RTCP, LOWEST_RTCP
from rtp_relay.stream import MAX_DROPOUT, MAX_MISORDER


def program(site: Site) -> bytes:
    """The instructions for one interface."""
    writer = Writer(site)
    writer.write()
    return writer.code.code()


class Writer:
    """Writes one program. Labels of one IP version end in its number."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.code = Assembly()
        self.is_tc = site.is_tc

    def write(self) -> None:
        a = self.code
        a.calc(R6, "=", R1)
        if self.is_tc:
            self._look_at_buffer()
        self._load_packet()
        a.calc(R3, "=", R7)
        a.calc(R3, "+=", ETHERNET)
        a.jump_if(R3, ">", R2, "up")
        a.load(2, R3, R7, ETHERTYPE)
        layers = [ip for ip in (IP_4, IP_6) if self._addresses(ip)]
        for ip in layers:
            a.jump_if(R3, "==", ip.ethertype, f"ip{ip.version}")
        a.jump("up")
        for ip in layers:
            a.label(f"ip{ip.version}")
            self._write_layer(ip)
        self._write_ends()

    def _write_layer(self, ip: Layer) -> None:
        self._reach(ip)
        self._parse(ip)
        self._find(ip)
        self._judge_source(ip)
        self._judge_rtp(ip)
        self._find_next_hop(ip)
        if not self.is_tc:
            look_for_left_checksum(self.code, ip)
        count(self.code, ip)
        self.code.calc(R9, "=", R0)
        copy(self.code, self.site, ip)
        rewrite(self.code, self.site, ip)
        send(self.code, self.site, ip)

    # Parse.

    def _addresses(self, ip: Layer) -> list[tuple[int, list[int]]]:
        """Index and words of our addresses of that version."""
        packed = [(index, ipaddress.ip_address(host)) for index, host in self.site.addresses]
        return [
            (index, list(struct.unpack(f"<{ip.words}I", address.packed)))
            for index, address in packed
            if address.version == ip.version
        ]

    def _look_at_buffer(self) -> None:
        """To this host, without a VLAN tag, and one packet only (no GRO, no GSO)."""
        for offset in (SKB_PACKET_TYPE, SKB_TAG, SKB_GSO_SIZE):
            self.code.load(4, R1, R6, offset)
            self.code.jump_if(R1, "!=", 0, "up")

    def _load_packet(self) -> None:
        """r7: where the packet begins, r2: where it ends."""
        self.code.load(4, R7, R6, SKB_DATA if self.is_tc else XDP_DATA)
        self.code.load(4, R2, R6, SKB_DATA_END if self.is_tc else XDP_DATA_END)

    def _reach(self, ip: Layer) -> None:
        """The headers in reach; at tc they may have to be pulled there."""
        a, done = self.code, f"reached{ip.version}"
        for has_pulled in (False, True) if self.is_tc else (True,):
            a.calc(R3, "=", R7)
            a.calc(R3, "+=", ip.needed)
            if has_pulled:
                a.jump_if(R3, ">", R2, "up")
            else:
                a.jump_if(R3, "<=", R2, done)
                a.calc(R1, "=", R6)
                a.calc(R2, "=", ip.needed)
                a.call(SKB_PULL_DATA)
                a.jump_if(R0, "!=", 0, "up")
                self._load_packet()
        a.label(done)

    def _parse(self, ip: Layer) -> None:
        a = self.code
        if ip.version == 4:
            self._expect(14, 0xFF, 0x45)
            self._expect(23, 0xFF, UDP)
            a.load(2, R3, R7, 20)
            a.jump_if(R3, "&", 0xFF3F, "up")  # more fragments, or an offset
            length, beyond_udp = 16, 20
        else:
            self._expect(14, 0xF0, 0x60)
            self._expect(20, 0xFF, UDP)
            a.load(2, R3, R7, ip.header + 6)
            a.jump_if(R3, "==", 0, "up")  # RFC 8200 §8.1: without a checksum it is not valid
            length, beyond_udp = 18, 0
        # Both lengths agree and the packet has so much.
        a.load(2, R9, R7, length)
        a.swap(R9, 16)
        a.load(2, R4, R7, ip.header + 4)
        a.swap(R4, 16)
        a.calc(R4, "+=", beyond_udp)
        a.jump_if(R9, "!=", R4, "up")
        a.calc(R9, "+=", ip.header - beyond_udp)
        if self.is_tc:
            a.load(4, R0, R6, SKB_LENGTH)
        else:
            a.calc(R1, "=", R6)
            a.call(XDP_LENGTH)  # to compute it from where the packet begins and ends takes CAP_PERFMON
        a.jump_if(R9, ">", R0, "up")

    def _expect(self, offset: int, mask: int, value: int) -> None:
        self.code.load(1, R3, R7, offset)
        if mask != 0xFF:
            self.code.calc(R3, "&=", mask)
        self.code.jump_if(R3, "!=", value, "up")

    # Find.

    def _find(self, ip: Layer) -> None:
        """r8: the flow's entry."""
        a, site = self.code, self.site
        a.load(2, R8, R7, ip.header + 2)
        a.swap(R8, 16)
        a.calc(R8, "-=", site.first_port)
        a.jump_if(R8, ">=", 2 * site.pairs, "up")
        a.jump_if(R8, "&", 1, "up")
        a.calc(R8, ">>=", 1)
        ours = f"ours{ip.version}"
        for index, words in self._addresses(ip):
            following = f"not{index}"
            for number, word in enumerate(words):
                a.load(4, R4, R7, ip.destination + 4 * number)
                a.calc32(R3, "=", word)
                a.jump_if(R4, "!=", R3, following)
            a.calc(R8, "+=", index * site.pairs)
            a.jump(ours)
            a.label(following)
        a.jump("up")
        a.label(ours)
        a.store(4, R10, KEY, R8)
        take_time(a, site, ip)
        self._look_up_flow()
        a.calc(R8, "=", R0)
        a.load(4, R4, R8, layout.FLAGS)
        self._require(layout.ACTIVE, f"active{ip.version}")
        if site.is_loopback:
            self._require(layout.FROM_THIS_HOST, f"local{ip.version}")
        else:
            a.jump_if(R4, "&", layout.FROM_THIS_HOST, "up")

    def _require(self, flag: int, label: str) -> None:
        self.code.jump_if(R4, "&", flag, label)
        self.code.jump("up")
        self.code.label(label)

    def _look_up_flow(self) -> None:
        """r0: the value; there always is one, but the verifier wants it proved."""
        a = self.code
        a.load_map(R1, self.site.flows)
        a.calc(R2, "=", R10)
        a.calc(R2, "+=", KEY)
        a.call(LOOK_UP)
        a.jump_if(R0, "==", 0, "up")

    def _find_next_hop(self, ip: Layer) -> None:
        """r0: the next hop's entry, of one that takes this packet."""
        a = self.code
        a.load(2, R1, R7, ip.header + 4)
        a.swap(R1, 16)
        a.calc(R1, "+=", ip.header - ETHERNET)
        a.load(4, R2, R8, layout.SIZE_LIMIT)
        a.jump_if(R1, ">", R2, "raise")
        a.load(4, R1, R8, layout.NEXT_HOP)
        a.jump_if(R1, ">=", layout.NEXT_HOPS, "raise")
        a.calc(R1, "*=", layout.NEXT_HOP_SIZE)
        a.load_map_value(R0, self.site.next_hops)
        a.calc(R0, "+=", R1)
        a.load(4, R1, R0, layout.USABLE)
        usable = f"usable{ip.version}"
        a.jump_if(R1, "&", layout.BY_TC if self.is_tc else layout.BY_XDP, usable)
        a.jump("raise")
        a.label(usable)

    # Judge.

    def _judge_source(self, ip: Layer) -> None:
        a = self.code
        octets = min(4 * ip.words, 8)
        for octet in range(0, 4 * ip.words, octets):
            a.load(octets, R1, R7, ip.source + octet)
            a.load(octets, R2, R8, ip.expected + octet)
            a.jump_if(R1, "!=", R2, "stranger")
        a.load(2, R1, R7, ip.header)
        a.load(2, R2, R8, layout.SOURCE_PORT)
        a.jump_if(R1, "!=", R2, "stranger")

    def _judge_rtp(self, ip: Layer) -> None:
        """RTP that goes on as it did before. r5: how far ahead its sequence number is."""
        a, rtp, done = self.code, ip.rtp, f"judged{ip.version}"
        a.calc(R5, "=", 0)
        a.jump_if(R4, "&", layout.UNREAD, done)
        a.load(2, R1, R7, ip.header + 4)
        a.swap(R1, 16)
        a.jump_if(R1, "<", UDP_HEADER + HEADER_SIZE, "raise")
        a.load(1, R1, R7, rtp)
        a.calc(R1, "&=", 0xC0)
        a.jump_if(R1, "!=", 0x80, "raise")
        a.load(1, R1, R7, rtp + 1)
        a.calc(R2, "=", R1)
        a.calc(R2, "-=", LOWEST_RTCP)
        a.jump_if(R2, "<=", HIGHEST_RTCP - LOWEST_RTCP, "raise")
        a.calc(R1, "&=", 0x7F)
        a.load(4, R2, R8, layout.PAYLOAD_TYPE)
        a.calc(R2, "&=", layout.TYPE_MASK)
        a.jump_if(R1, "==", R2, f"expected{ip.version}")
        a.load(4, R2, R8, layout.OTHER_TYPE)
        a.calc(R2, "&=", layout.NO_TYPE)
        a.jump_if(R1, "!=", R2, "surrender")
        a.label(f"expected{ip.version}")
        a.load(4, R1, R7, rtp + 8)
        a.load(4, R2, R8, layout.SSRC)
        a.jump_if(R1, "!=", R2, "surrender")
        a.load(2, R5, R7, rtp + 2)
        a.swap(R5, 16)
        a.load(4, R2, R8, layout.HIGHEST)
        a.calc32(R5, "-=", R2)
        a.calc32(R5, "&=", 0xFFFF)
        a.jump_if(R5, "<", MAX_DROPOUT, done)
        a.jump_if(R5, "<=", 0xFFFF - MAX_MISORDER, "surrender")
        a.label(done)

    def _write_ends(self) -> None:
        """Where packets go that are not sent on."""
        a = self.code
        a.label("stranger")
        a.jump_if(R4, "&", layout.STRICT, "drop")
        a.jump("raise")
        a.label("drop")
        a.calc(R1, "=", 1)
        a.add_atomically(8, R8, layout.STRANGERS, R1)
        a.calc(R0, "=", TC_DROP if self.is_tc else XDP_DROP)
        a.end()
        a.label("surrender")
        a.load(4, R1, R8, layout.FLAGS)
        a.calc(R1, "&=", ~layout.ACTIVE)
        a.store(4, R8, layout.FLAGS, R1)
        a.label("raise")
        a.calc(R1, "=", 1)
        a.add_atomically(8, R8, layout.RAISED, R1)
        a.label("up")
        a.calc32(R0, "=", TC_NEXT if self.is_tc else XDP_PASS)
        a.end()
