"""The way a traced message went, as octets: who sent it from where, to whom, over what."""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import NamedTuple

from b2bua.calls.record import TraceEntry


class Place(NamedTuple):
    """packed: an IP address, 4 octets or 16, in network order."""

    packed: bytes
    port: int


class Way(NamedTuple):
    """One direction between two places; both are of one family. transport is "UDP" or "TCP"."""

    transport: str
    source: Place
    destination: Place

    @property
    def back(self) -> Way:
        return Way(self.transport, self.destination, self.source)

    @property
    def is_ipv6(self) -> bool:
        return len(self.source.packed) == 16


def way(entry: TraceEntry) -> Way:
    return _way(entry.transport, entry.local, entry.remote, entry.received)


@lru_cache(maxsize=4096)  # the messages of a call go few ways
def _way(transport: str, local: str, remote: str, received: bool) -> Way:
    ours, theirs = place(local), place(remote)
    if len(ours.packed) != len(theirs.packed):
        # A socket of both families: the short one is written as RFC 4291 §2.5.5.2 maps it.
        ours, theirs = _mapped(ours), _mapped(theirs)
    return Way(transport, theirs, ours) if received else Way(transport, ours, theirs)


def place(text: str) -> Place:
    """Read "192.0.2.1:5060" or "[2001:db8::1]:5060"; what is neither becomes 0.0.0.0, port 0.

    A trace always has numeric addresses; but it may have been written by another version of the service.
    """
    host, _, port = text.rpartition(":")
    try:
        number = int(port)
        return Place(ipaddress.ip_address(host.strip("[]")).packed, number if 0 <= number < 65536 else 0)
    except ValueError:
        return Place(bytes(4), 0)


def _mapped(place: Place) -> Place:
    return place if len(place.packed) == 16 else Place(bytes(10) + b"\xff\xff" + place.packed, place.port)
