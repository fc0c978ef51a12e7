"""The part of a program that makes our packet of theirs, and sends it: addresses, checksums, MACs, redirect."""

from __future__ import annotations

from rtp_relay.bpf import layout
from rtp_relay.bpf.asm import R0, R1, R2, R3, R4, R5, R6, R7, R8, R9, R10, Assembly
from rtp_relay.bpf.site import (
    ADDRESSES,
    CHECKSUM,
    HOP_LIMIT,
    IP_4,
    IS_PSEUDO_HEADER,
    L4_CSUM_REPLACE,
    PORTS,
    REDIRECT,
    REDIRECT_MAP,
    SKB_MARK,
    SKB_QUEUE,
    UDP,
    ZERO_IS_NO_CHECKSUM,
    Layer,
    Site,
)  # fmt: skip


def look_for_left_checksum(a: Assembly, ip: Layer) -> None:
    """CHECKSUM_PARTIAL at XDP: the field holds the folded sum of the pseudo header."""
    a.load(2, R0, R7, ip.header + 4)
    a.calc(R0, "+=", UDP << 8)
    for word in range(2 * ip.words):
        a.load(4, R1, R7, ip.source + 4 * word)
        a.calc(R0, "+=", R1)
    fold(a)
    a.load(2, R1, R7, ip.header + 6)
    a.jump_if(R0, "==", R1, "raise")


def rewrite(a: Assembly, site: Site, ip: Layer) -> None:
    if site.is_tc:
        remember_differences(a, ip)
    else:
        rewrite_checksum(a, ip)
    if ip.version == 4:
        rewrite_header_4(a, site)
    else:
        rewrite_header_6(a, site)
    for word in range(0, 4 * ip.words, 4):
        a.load(4, R1, R8, ip.new_source + word)
        a.store(4, R7, ip.source + word, R1)
        a.load(4, R1, R8, ip.new_destination + word)
        a.store(4, R7, ip.destination + word, R1)
    a.load(4, R1, R8, layout.PORTS)
    a.store(4, R7, ip.header, R1)
    for word in range(0, 12, 4):
        a.load(4, R1, R9, layout.MACS + word)
        a.store(4, R7, word, R1)


def add_addresses(a: Assembly, ip: Layer) -> None:
    """r0 += the new addresses less the old ones, as one's complement sums go (RFC 1624)."""
    for word in range(0, 4 * ip.words, 4):
        for old, new in ((ip.source, ip.new_source), (ip.destination, ip.new_destination)):
            a.load(4, R1, R7, old + word)
            a.invert32(R1)
            a.calc(R0, "+=", R1)
            a.load(4, R1, R8, new + word)
            a.calc(R0, "+=", R1)


def add_ports(a: Assembly, ip: Layer) -> None:
    a.load(4, R1, R7, ip.header)
    a.invert32(R1)
    a.calc(R0, "+=", R1)
    a.load(4, R1, R8, layout.PORTS)
    a.calc(R0, "+=", R1)


def fold_32(a: Assembly) -> None:
    """r0: to 32 bits, by adding the carries where they belong."""
    for _ in range(2):
        a.calc(R1, "=", R0)
        a.calc(R1, ">>=", 32)
        a.calc32(R0, "=", R0)
        a.calc(R0, "+=", R1)


def fold(a: Assembly) -> None:
    """r0: to 16 bits."""
    fold_32(a)
    for _ in range(3):
        a.calc(R1, "=", R0)
        a.calc(R1, ">>=", 16)
        a.calc(R0, "&=", 0xFFFF)
        a.calc(R0, "+=", R1)


def remember_differences(a: Assembly, ip: Layer) -> None:
    """For the helper, which takes the packet out of reach and so comes last."""
    a.calc(R0, "=", 0)
    add_addresses(a, ip)
    fold_32(a)
    a.store(8, R10, ADDRESSES, R0)
    a.calc(R0, "=", 0)
    add_ports(a, ip)
    fold_32(a)
    a.store(8, R10, PORTS, R0)
    a.load(2, R1, R7, ip.header + 6)
    a.store(8, R10, CHECKSUM, R1)


def rewrite_checksum(a: Assembly, ip: Layer) -> None:
    none, nonzero = f"unsummed{ip.version}", f"nonzero{ip.version}"
    a.load(2, R0, R7, ip.header + 6)
    a.jump_if(R0, "==", 0, none)
    a.calc(R0, "^=", 0xFFFF)
    add_addresses(a, ip)
    add_ports(a, ip)
    fold(a)
    a.calc(R0, "^=", 0xFFFF)
    a.jump_if(R0, "!=", 0, nonzero)
    a.calc(R0, "=", 0xFFFF)  # RFC 768: zero would say that there is none
    a.label(nonzero)
    a.store(2, R7, ip.header + 6, R0)
    a.label(none)


def rewrite_header_4(a: Assembly, site: Site) -> None:
    """Code point, hop limit, and the header's checksum; the addresses are written afterwards."""
    a.load(2, R0, R7, 24)
    a.calc(R0, "^=", 0xFFFF)
    for offset, value in ((14, 0x45 | site.traffic_class << 8), (22, HOP_LIMIT | UDP << 8)):
        a.load(2, R1, R7, offset)
        a.calc(R1, "^=", 0xFFFF)
        a.calc(R0, "+=", R1)
        a.calc(R0, "+=", value)
        a.calc(R1, "=", value)
        a.store(2, R7, offset, R1)
    add_addresses(a, IP_4)
    fold(a)
    a.calc(R0, "^=", 0xFFFF)
    a.store(2, R7, 24, R0)


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
    none = f"unsummed{ip.version}"
    a.load(8, R1, R10, CHECKSUM)
    a.jump_if(R1, "==", 0, none)
    for difference, flags in ((ADDRESSES, IS_PSEUDO_HEADER), (PORTS, 0)):
        a.calc(R1, "=", R6)
        a.calc(R2, "=", ip.header + 6)
        a.calc(R3, "=", 0)
        a.load(8, R4, R10, difference)
        a.calc(R5, "=", ZERO_IS_NO_CHECKSUM | flags)
        a.call(L4_CSUM_REPLACE)
    a.label(none)
