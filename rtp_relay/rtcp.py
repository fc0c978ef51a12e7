"""Sender and receiver reports, read where they lie. Nothing is believed of them but what they say of themselves.

RFC 3550 §6.4.1:

     0                   1                   2                   3
     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    |V=2|P|    RC   |   PT=SR=200   |             length            |
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    |                         SSRC of sender                        |
    +=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+
    |     NTP timestamp (64), RTP timestamp, packets, octets: SR only    |
    +=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+
    |                 SSRC_1 (SSRC of first source)                 |
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    | fraction lost |       cumulative number of packets lost       |
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    |           extended highest sequence number received           |
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    |                      interarrival jitter                      |
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    |                         last SR (LSR)                         |
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    |                   delay since last SR (DLSR)                  |
    +=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from rtp_relay.packet import Packet

SENDER_REPORT: Final = 200
RECEIVER_REPORT: Final = 201
HEADER: Final = struct.Struct("!BBHI")  # V P RC, packet type, length, SSRC
MIDDLE_AT: Final = 10  # of a sender report: the middle 32 bits of its NTP timestamp, which LSR repeats
MIDDLE: Final = struct.Struct("!I")
SENDER_INFORMATION: Final = 20
BLOCK: Final = struct.Struct("!IIIIII")
MOST_PACKETS: Final = 8  # of a compound that are looked at; a report comes first, RFC 3550 §6.1


class Block(NamedTuple):
    """What a receiver says of one source. lost counts packets, below zero with duplicates; jitter is in timestamp
    units; last_report is the middle of an NTP timestamp (0: it has had none), delay 1/65536 seconds.
    """

    ssrc: int
    lost: int
    highest: int
    jitter: int
    last_report: int
    delay: int


class Report(NamedTuple):
    """One SR or RR. sent_at: the middle 32 bits of a sender report's NTP timestamp, None in a receiver report."""

    ssrc: int
    sent_at: int | None
    blocks: tuple[Block, ...]


def reports(packet: Packet) -> list[Report]:
    """The reports in a compound, or reduced-size (RFC 5506), packet; what does not fit its length ends the reading."""
    found: list[Report] = []
    at, end = 0, len(packet)
    for _ in range(MOST_PACKETS):
        if at + HEADER.size > end:
            break
        first, kind, words, ssrc = HEADER.unpack_from(packet, at)
        following = at + 4 * (words + 1)
        if first & 0xC0 != 0x80 or following > end:
            break
        if kind in (SENDER_REPORT, RECEIVER_REPORT):
            report = _report(packet, at, following, ssrc, first & 0x1F, kind == SENDER_REPORT)
            if report is None:
                break
            found.append(report)
        at = following
    return found


def _report(packet: Packet, at: int, end: int, ssrc: int, count: int, is_sender: bool) -> Report | None:
    begin = at + HEADER.size + (SENDER_INFORMATION if is_sender else 0)
    if begin + count * BLOCK.size > end:
        return None
    sent_at = MIDDLE.unpack_from(packet, at + MIDDLE_AT)[0] if is_sender else None
    return Report(ssrc, sent_at, tuple([_block(packet, begin + n * BLOCK.size) for n in range(count)]))


def _block(packet: Packet, at: int) -> Block:
    ssrc, loss, highest, jitter, last_report, delay = BLOCK.unpack_from(packet, at)
    lost = loss & 0xFFFFFF
    if lost & 0x800000:
        lost -= 0x1000000
    return Block(ssrc, lost, highest, jitter, last_report, delay)
