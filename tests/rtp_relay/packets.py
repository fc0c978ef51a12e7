"""Packets made by hand."""

from __future__ import annotations

import struct


def rtp(
    sequence: int = 1, ssrc: int = 7, payload_type: int = 0, timestamp: int | None = None, size: int = 160,
    marker: bool = False,
) -> bytes:  # fmt: skip
    """An RTP packet; its payload is all ones, so that it is not mistaken for a header."""
    at = sequence * 160 if timestamp is None else timestamp
    second = payload_type | (0x80 if marker else 0)
    return struct.pack("!BBHII", 0x80, second, sequence & 0xFFFF, at & 0xFFFFFFFF, ssrc) + b"\xff" * size


def rtcp(kind: int = 200, ssrc: int = 7, words: int = 6) -> bytes:
    """An RTCP packet of that many 32-bit words after the first."""
    return struct.pack("!BBHI", 0x80, kind, words, ssrc) + b"\x00" * (4 * (words - 1))


def report_block(
    ssrc: int = 7, lost: int = 0, jitter: int = 0, last_report: int = 0, delay: float = 0.0, highest: int = 0,
    fraction: int = 0,
) -> bytes:  # fmt: skip
    """One report block; delay in seconds."""
    return struct.pack(
        "!IIIIII", ssrc, fraction << 24 | lost & 0xFFFFFF, highest, jitter, last_report, round(delay * 65536)
    )


def sender_report(ssrc: int, sent_at: int, *blocks: bytes) -> bytes:
    """An SR; sent_at is the middle of its NTP timestamp."""
    body = struct.pack("!IHIHIII", ssrc, 0, sent_at, 0, 0, 0, 0) + b"".join(blocks)
    return struct.pack("!BBH", 0x80 | len(blocks), 200, len(body) // 4) + body


def receiver_report(ssrc: int, *blocks: bytes) -> bytes:
    body = struct.pack("!I", ssrc) + b"".join(blocks)
    return struct.pack("!BBH", 0x80 | len(blocks), 201, len(body) // 4) + body
