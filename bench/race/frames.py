"""What the generator sends: 214-octet Ethernet frames of 172-octet RTP, one flow's after the other's."""

from __future__ import annotations

import ipaddress
import struct
from typing import Final, NamedTuple

FRAME: Final = 214  # octets
HEAD: Final = 54  # octets up to the end of the RTP header; the stamp of the time of sending follows
RTP: Final = 172
HEAD_SIZE: Final = 64  # octets of a flow's value in the generator's map
SUM, SEQUENCE = 56, 60  # where the sum of what never changes, and the sequence number, lie in it


class Flow(NamedTuple):
    """One direction of a call: where its packets come from, and the relay's port that they go to."""

    source: tuple[str, int]
    to: tuple[str, int]


def one_complement(octets: bytes) -> int:
    total: int = sum(struct.unpack(f"<{len(octets) // 2}H", octets))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def head(macs: bytes, flow: Flow, ssrc: int) -> bytes:
    """A flow's value: all of the frame's head but sequence number, timestamp and checksum, whose sum follows."""
    addresses = ipaddress.ip_address(flow.source[0]).packed + ipaddress.ip_address(flow.to[0]).packed
    ip = struct.pack("!BBHHHBBH", 0x45, 0xB8, FRAME - 14, 0, 0x4000, 64, 17, 0) + addresses
    ip = ip[:10] + struct.pack("<H", one_complement(ip) ^ 0xFFFF) + ip[12:]
    udp = struct.pack("!HHHH", flow.source[1], flow.to[1], 8 + RTP, 0)
    rtp = struct.pack("!BBHII", 0x80, 0, 0, 0, ssrc)
    total = one_complement(addresses + struct.pack("!HH", 17, 8 + RTP) + udp + rtp)
    frame = macs + b"\x08\x00" + ip + udp + rtp
    return frame + bytes(SUM - len(frame)) + struct.pack("<II", total, 0)
