"""The RTP header, read where it lies; the payload is never copied.

RFC 3550 §5.1:

     0                   1                   2                   3
     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    |V=2|P|X|  CC   |M|     PT      |       sequence number         |
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    |                           timestamp                           |
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    |           synchronization source (SSRC) identifier            |
    +=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+

RTCP (§6.4.1) keeps the version where it is and has its packet type in the whole second octet.
"""

from __future__ import annotations

import struct
from typing import Final

Packet = bytes | memoryview  # a datagram, valid only until the next one is read

HEADER: Final = struct.Struct("!BBHII")  # V P X CC, M PT, sequence number, timestamp, SSRC
HEADER_SIZE: Final = HEADER.size
HEADER_IN_WORDS: Final = struct.Struct("!HHII")  # the same with the first two octets as one number
RTCP_HEADER_SIZE: Final = 8  # the fixed part and the SSRC of the sender, RFC 3550 §6.4.2
VERSION_AT: Final = 0
TYPE_AT: Final = 1
SEQUENCE_AT: Final = 2
TIMESTAMP_AT: Final = 4
SSRC_AT: Final = 8

LOWEST_VERSION_2: Final = 0x80  # the two top bits of the first octet: 1 0
HIGHEST_VERSION_2: Final = 0xBF
TYPE_MASK: Final = 0x7F

# RFC 5761 §4: "...the RTP payload type ... MUST be chosen ... values in the range 64-95 are avoided",
# which is the second octet of every RTCP packet, 192 to 223, without its top bit.
LOWEST_RTCP: Final = 192
HIGHEST_RTCP: Final = 223

DEFAULT_CLOCK_RATE: Final = 8000  # Hz
# RFC 3551 §6, tables 4 and 5: the static payload types whose clock is not 8000 Hz.
STATIC_CLOCK_RATES: Final = {
    6: 16000, 10: 44100, 11: 44100, 14: 90000, 16: 11025, 17: 22050,
    25: 90000, 26: 90000, 28: 90000, 31: 90000, 32: 90000, 33: 90000, 34: 90000,
}  # fmt: skip


def is_version_2(packet: Packet) -> bool:
    """RTP or RTCP by its version; STUN, DTLS and T.38 are not (RFC 7983 §7)."""
    return len(packet) > TYPE_AT and LOWEST_VERSION_2 <= packet[VERSION_AT] <= HIGHEST_VERSION_2


def is_rtcp(packet: Packet) -> bool:
    """RTCP by version, packet type and length, wherever it came in (RFC 5761 §4)."""
    return (
        len(packet) >= RTCP_HEADER_SIZE
        and LOWEST_VERSION_2 <= packet[VERSION_AT] <= HIGHEST_VERSION_2
        and LOWEST_RTCP <= packet[TYPE_AT] <= HIGHEST_RTCP
    )


def is_rtp(packet: Packet) -> bool:
    """RTP by version and length, and not RTCP beside it."""
    return (
        len(packet) >= HEADER_SIZE
        and LOWEST_VERSION_2 <= packet[VERSION_AT] <= HIGHEST_VERSION_2
        and not LOWEST_RTCP <= packet[TYPE_AT] <= HIGHEST_RTCP
    )


def sequence_and_ssrc(packet: Packet) -> tuple[int, int]:
    """Sequence number and SSRC of a packet that `is_rtp`."""
    _, _, sequence, _, ssrc = HEADER.unpack_from(packet)
    return sequence, ssrc


def payload_of(packet: Packet) -> Packet:
    """The payload of a packet that `is_rtp`, where it lies: after CSRCs and extension, before padding (§5.1, §5.3.1).

    Empty where the lengths do not fit.
    """
    first = packet[VERSION_AT]
    start, end = HEADER_SIZE + 4 * (first & 0x0F), len(packet)
    if first & 0x10:
        if start + 4 > end:
            return b""
        start += 4 + 4 * (packet[start + 2] << 8 | packet[start + 3])
    if first & 0x20:
        end -= packet[end - 1]
    return packet[start:end] if start < end else b""
