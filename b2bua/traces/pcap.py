"""A call's trace as a pcap file, for Wireshark and its like.

The trace has messages, not packets. Each is put back into one IP packet between the addresses it went between, at
its own microsecond; what lay around it on the wire is made up, and only as much as a reader needs: checksums are
right, a TCP connection is one stream without gaps whose numbers begin at 1, without its SYN and FIN. Packets may be
longer than any link's MTU: nothing is in fragments. The session descriptions in the messages tell a reader which
ports are RTP's; the audio itself is not in a trace.

When traces are kept without bodies (`records.trace = "ladder"`) the packets are cut, as a capture with a short snap
length has them: their headers tell the length that they had.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable
from typing import Final, NamedTuple

from b2bua.calls.record import TraceEntry
from b2bua.traces.way import Way, way

MEDIA_TYPE: Final = "application/vnd.tcpdump.pcap"

# draft-ietf-opsawg-pcap §4: microseconds, big-endian, version 2.4; the link type says that packets begin with IP.
_MAGIC: Final = 0xA1B2C3D4
_LINKTYPE_RAW: Final = 101
_SNAP_LENGTH: Final = 262_144  # as tcpdump writes; more than any packet has

_TTL: Final = 64
_IPV4_HEADER: Final = 20
_LONGEST: Final = 65_535  # octets: RFC 791 §3.1 of a packet, RFC 8200 §3 of what follows the header
_UDP, _TCP = 17, 6
_HEADER_LENGTHS: Final = {_UDP: 8, _TCP: 20}
_PUSH_AND_ACK: Final = 0x18
_WINDOW: Final = 65_535
_SEGMENT: Final = 65_000  # octets of a message in one TCP segment

_CONTENT_LENGTH: Final = re.compile(
    rb"\r\n(?:content-length|l)[ \t]*:[ \t]*(\d{1,7})[ \t]*\r\n", re.IGNORECASE
)


class _Piece(NamedTuple):
    """What one packet carries. missing: octets after the payload that were sent and not kept."""

    payload: bytes
    missing: int


def capture(trace: Iterable[TraceEntry]) -> bytes:
    """All messages of a trace, in the order of time; a file without packets for an empty one."""
    head = struct.pack("!IHHiIII", _MAGIC, 2, 4, 0, 0, _SNAP_LENGTH, _LINKTYPE_RAW)
    streams = _Streams()
    return head + b"".join(
        _record(entry.at, packet, piece.missing)
        for entry in sorted(trace, key=lambda entry: entry.at)
        for piece, packet in _packets(entry, streams)
    )


def _record(at: int, packet: bytes, missing: int) -> bytes:
    seconds, microseconds = divmod(at, 1_000_000)
    return struct.pack("!IIII", seconds, microseconds, len(packet), len(packet) + missing) + packet


def _packets(entry: TraceEntry, streams: _Streams) -> Iterable[tuple[_Piece, bytes]]:
    path = way(entry)
    missing = _missing(entry.data)
    if entry.transport == "TCP":
        for piece in _segments(entry.data, missing):
            yield piece, _ip(path, _TCP, streams.next_header(path, piece), piece)
    else:
        # A message that no datagram can hold was never sent: what would have fitted is shown.
        room = _LONGEST - _IPV4_HEADER - _HEADER_LENGTHS[_UDP]
        piece = _Piece(entry.data[:room], min(missing, room - len(entry.data[:room])))
        length = _HEADER_LENGTHS[_UDP] + len(piece.payload) + piece.missing
        header = struct.pack("!HHHH", path.source.port, path.destination.port, length, 0)
        yield piece, _ip(path, _UDP, header, piece)


def _missing(message: bytes) -> int:
    """The octets of a body that the message announces and the trace has left out altogether."""
    found = _CONTENT_LENGTH.search(message)
    return (
        int(found[1]) if found is not None and message.endswith(b"\r\n\r\n") and _has_no_body(message) else 0
    )


def _has_no_body(message: bytes) -> bool:
    return message.find(b"\r\n\r\n") == len(message) - 4


def _segments(message: bytes, missing: int) -> Iterable[_Piece]:
    for begin in range(0, len(message), _SEGMENT):
        payload = message[begin : begin + _SEGMENT]
        is_last = begin + _SEGMENT >= len(message)
        yield _Piece(payload, min(missing, _SEGMENT - len(payload)) if is_last else 0)


class _Streams:
    """The next sequence number of each direction of each connection (RFC 9293 §3.4)."""

    def __init__(self) -> None:
        self._next: dict[Way, int] = {}

    def next_header(self, path: Way, piece: _Piece) -> bytes:
        number = self._next.get(path, 1)
        self._next[path] = (number + len(piece.payload) + piece.missing) & 0xFFFFFFFF
        seen = self._next.get(path.back, 1)
        offset = (_HEADER_LENGTHS[_TCP] // 4) << 4
        ports = (path.source.port, path.destination.port)
        return struct.pack("!HHIIBBHHH", *ports, number, seen, offset, _PUSH_AND_ACK, _WINDOW, 0, 0)


_CHECKSUM_AT: Final = {_UDP: 6, _TCP: 16}


def _ip(path: Way, protocol: int, header: bytes, piece: _Piece) -> bytes:
    """An IP packet around a UDP or TCP header whose checksum is still zero."""
    length = len(header) + len(piece.payload) + piece.missing
    source, destination = path.source.packed, path.destination.packed
    pseudo = struct.pack(
        "!II", length, protocol
    )  # RFC 8200 §8.1; as a sum it is RFC 768's and RFC 9293's too
    checksum = _checksum(source + destination + pseudo + header + piece.payload)
    at = _CHECKSUM_AT[protocol]
    # RFC 768: "If the computed checksum is zero, it is transmitted as all ones".
    header = header[:at] + struct.pack("!H", checksum or 0xFFFF) + header[at + 2 :]
    return _ip_header(path, protocol, length) + header + piece.payload


def _ip_header(path: Way, protocol: int, length: int) -> bytes:
    source, destination = path.source.packed, path.destination.packed
    if path.is_ipv6:
        return struct.pack("!IHBB", 6 << 28, length, protocol, _TTL) + source + destination
    total = _IPV4_HEADER + length
    unfragmented = 0x4000  # "don't fragment", at offset 0
    fields = (
        struct.pack("!BBHHHBBH", 0x45, 0, total, 0, unfragmented, _TTL, protocol, 0) + source + destination
    )
    return fields[:10] + struct.pack("!H", _checksum(fields)) + fields[12:]


def _checksum(octets: bytes) -> int:
    """RFC 1071: the one's complement of the one's complement sum of all 16-bit words."""
    # Modulo 2^16 - 1 a number is the sum of its 16-bit digits, carries added in.
    even = octets if len(octets) % 2 == 0 else octets + b"\0"
    total = int.from_bytes(even, "big") % 0xFFFF
    return 0xFFFF - total if total else (0 if any(octets) else 0xFFFF)
