"""HEP version 3 (also called EEP), the datagrams in which capture agents tell a Homer server of SIP messages.

A packet is "HEP3", its whole length, then chunks: vendor (0: the generic ones), type, length with these six octets,
value; all numbers in network order. The specification is sipcapture's, "HEP3 Network Protocol Specification".
"""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import Final, NamedTuple

from b2bua.calls.record import TraceEntry
from b2bua.traces.way import Way, way

_GENERIC: Final = 0
_FAMILY, _PROTOCOL = 0x0001, 0x0002
_SOURCE_IPV4, _DESTINATION_IPV4, _SOURCE_IPV6, _DESTINATION_IPV6 = 0x0003, 0x0004, 0x0005, 0x0006
_SOURCE_PORT, _DESTINATION_PORT = 0x0007, 0x0008
_SECONDS, _MICROSECONDS = 0x0009, 0x000A
_PROTOCOL_TYPE, _CAPTURE_ID, _PASSWORD, _PAYLOAD, _CORRELATION = 0x000B, 0x000C, 0x000E, 0x000F, 0x0011

_AF_INET, _AF_INET6 = 2, 10  # as Linux numbers them, which is what the protocol has
_NUMBERS: Final = {"UDP": 17, "TCP": 6}
_SIP: Final = 1

LONGEST: Final = 65_507  # octets that a UDP datagram over IPv4 carries; the length field would allow 65,535


class Agent(NamedTuple):
    """Who tells. id: from 0 to 2^32 - 1. password: "" sends none."""

    id: int
    password: str = ""


def packet(entry: TraceEntry, call_id: str, agent: Agent) -> bytes:
    """One message. call_id: what all legs of the call have in common (our X-Call-ID), its correlation.

    A message that does not fit into a datagram is cut at its end.
    """
    seconds, microseconds = divmod(entry.at, 1_000_000)
    when = struct.pack(_WHEN, *_chunk(_SECONDS, 4), seconds, *_chunk(_MICROSECONDS, 4), microseconds)
    head = _path(way(entry)) + when + _told_by(agent) + _octets(_CORRELATION, call_id.encode())
    payload = entry.data[: LONGEST - 6 - len(head) - 6]
    body = head + _octets(_PAYLOAD, payload)
    return struct.pack("!4sH", b"HEP3", 6 + len(body)) + body


_WHEN: Final = "!HHHIHHHI"


@lru_cache(maxsize=4096)
def _path(path: Way) -> bytes:
    source, destination = path.source, path.destination
    types = (_SOURCE_IPV6, _DESTINATION_IPV6) if path.is_ipv6 else (_SOURCE_IPV4, _DESTINATION_IPV4)
    return b"".join([
        _octets(_FAMILY, bytes([_AF_INET6 if path.is_ipv6 else _AF_INET])),
        _octets(_PROTOCOL, bytes([_NUMBERS.get(path.transport, 0)])),
        _octets(types[0], source.packed),
        _octets(types[1], destination.packed),
        _octets(_SOURCE_PORT, struct.pack("!H", source.port)),
        _octets(_DESTINATION_PORT, struct.pack("!H", destination.port)),
    ])  # fmt: skip


@lru_cache(maxsize=16)
def _told_by(agent: Agent) -> bytes:
    chunks = _octets(_PROTOCOL_TYPE, bytes([_SIP])) + _octets(_CAPTURE_ID, struct.pack("!I", agent.id))
    return chunks + (_octets(_PASSWORD, agent.password.encode()) if agent.password else b"")


def _octets(kind: int, value: bytes) -> bytes:
    return struct.pack("!HHH", *_chunk(kind, len(value))) + value


def _chunk(kind: int, length: int) -> tuple[int, int, int]:
    return _GENERIC, kind, 6 + length
