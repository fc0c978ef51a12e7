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
