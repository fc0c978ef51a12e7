"""The part of a program that makes our packet of theirs, and sends it: addresses, checksums, MACs, redirect.

What a checksum changes by is in the flow's entry (see layout), but for what is not the same in all its packets.
"""

from __future__ import annotations

from typing import Final

from rtp_relay.bpf import layout
from rtp_relay.bpf.asm import R0, R1, R2, R3, R4, R5, R6, R7, R8, R9, Assembly, Register
from rtp_relay.bpf.site import (
    HOP_LIMIT,
    IS_PSEUDO_HEADER,
    L4_CSUM_REPLACE,
    REDIRECT,
    REDIRECT_MAP,
    SKB_MARK,
    SKB_QUEUE,
    UDP,
    ZERO_IS_NO_CHECKSUM,
    Layer,
    Site,
)

ONES: Final = 0xFFFF
MAC_SIZES: Final = ((0, 8), (8, 4))  # both addresses


def look_for_left_checksum(a: Assembly, ip: Layer) -> None:
    """CHECKSUM_PARTIAL at XDP: the field holds the folded sum of the pseudo header. r0 and r5 stay as they are."""
    a.load(2, R1, R7, ip.header + 4)
    a.load(2, R2, R8, layout.PSEUDO_SUM)
    a.calc(R1, "+=", R2)
    fold(a, R1, R2)
    a.load(2, R2, R7, ip.header + 6)
    a.jump_if(R1, "==", R2, "raise")


def rewrite(a: Assembly, site: Site, ip: Layer) -> None:
    """r9 is the next hop."""
    if not site.is_tc:
        rewrite_checksum(a, ip)
    if ip.version == 4:
        rewrite_header_4(a, site)
    else:
        rewrite_header_6(a, site)
    for octet in range(0, 8 * ip.words, 8):  # both addresses, as they lie one behind the other there and here
        a.load(8, R1, R8, ip.new_source + octet)
        a.store(8, R7, ip.source + octet, R1)
    a.load(4, R1, R8, layout.PORTS)
    a.store(4, R7, ip.header, R1)
    for octet, octets in MAC_SIZES:
        a.load(octets, R1, R9, layout.MACS + octet)
        a.store(octets, R7, octet, R1)


def fold(a: Assembly, total: Register, other: Register, times: int = 1) -> None:
    """To 16 bits, by adding the carries where they belong: once for two numbers of 16 bits, twice for some more."""
    for _ in range(times):
        a.calc(other, "=", total)
        a.calc(other, ">>=", 16)
        a.calc(total, "&=", ONES)
        a.calc(total, "+=", other)


def rewrite_checksum(a: Assembly, ip: Layer) -> None:
    none, nonzero = f"unsummed{ip.version}", f"nonzero{ip.version}"
    a.load(2, R0, R7, ip.header + 6)
    a.jump_if(R0, "==", 0, none)
    a.calc(R0, "^=", ONES)
    for change in (layout.ADDRESS_CHANGE, layout.PORT_CHANGE):
        a.load(4, R1, R8, change)
        a.calc(R0, "+=", R1)
    fold(a, R0, R1, 2)
    a.calc(R0, "^=", ONES)
    a.jump_if(R0, "!=", 0, nonzero)
    a.calc(R0, "=", ONES)  # RFC 768: zero would say that there is none
    a.label(nonzero)
    a.store(2, R7, ip.header + 6, R0)
    a.label(none)


def rewrite_header_4(a: Assembly, site: Site) -> None:
    """Code point, hop limit, and the header's checksum."""
    first, limited = 0x45 | site.traffic_class << 8, HOP_LIMIT | UDP << 8
    a.load(2, R0, R7, 24)
    a.calc(R0, "^=", ONES)
    for offset in (14, 22):
        a.load(2, R1, R7, offset)
        a.calc(R1, "^=", ONES)
        a.calc(R0, "+=", R1)
    a.load(4, R1, R8, layout.ADDRESS_CHANGE)
    a.calc(R0, "+=", R1)
    a.calc(R0, "+=", first + limited)
    fold(a, R0, R1, 2)
    a.calc(R0, "^=", ONES)
    a.calc(R0, "<<=", 16)
    a.calc(R0, "|=", limited)
    a.store(4, R7, 22, R0)
    a.calc(R1, "=", first)
    a.store(2, R7, 14, R1)


def rewrite_header_6(a: Assembly, site: Site) -> None:
    """Traffic class and hop limit; the flow label stays."""
    traffic_class = site.traffic_class
    a.calc(R1, "=", 0x60 | traffic_class >> 4)
    a.store(1, R7, 14, R1)
    a.load(1, R1, R7, 15)
    a.calc(R1, "&=", 0x0F)
    a.calc(R1, "|=", (traffic_class & 0x0F) << 4)
    a.store(1, R7, 15, R1)
    a.calc(R1, "=", HOP_LIMIT)
    a.store(1, R7, 21, R1)


def send(a: Assembly, site: Site, ip: Layer) -> None:
    """Never by XDP_TX, though that spares a redirect where a packet leaves by the interface that it came by: a veth
    whose peer has no XDP program leaves such packets lying (Linux 6.18), and passes on what was redirected.
    """
    if site.is_tc:
        replace_checksum(a, ip)
        a.calc(R1, "=", 0)
        a.store(4, R6, SKB_MARK, R1)  # whoever marked it meant the way in
        a.store(4, R6, SKB_QUEUE, R1)
        a.load(4, R1, R9, layout.INTERFACE)
        a.calc(R2, "=", 0)
        a.call(REDIRECT)
    else:
        a.load(4, R2, R9, layout.SLOT)
        a.load_map(R1, site.devices)
        a.calc(R3, "=", 0)
        a.call(REDIRECT_MAP)
    a.end()


def replace_checksum(a: Assembly, ip: Layer) -> None:
    """The helper takes the packet out of reach, and so comes last."""
    none = f"unsummed{ip.version}"
    a.load(2, R1, R7, ip.header + 6)
    a.jump_if(R1, "==", 0, none)
    for change, flags in ((layout.ADDRESS_CHANGE, IS_PSEUDO_HEADER), (layout.PORT_CHANGE, 0)):
        a.calc(R1, "=", R6)
        a.calc(R2, "=", ip.header + 6)
        a.calc(R3, "=", 0)
        a.load(4, R4, R8, change)
        a.calc(R5, "=", ZERO_IS_NO_CHECKSUM | flags)
        a.call(L4_CSUM_REPLACE)
    a.label(none)
