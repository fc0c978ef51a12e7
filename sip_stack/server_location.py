"""Where a URI's server is (RFC 3263), as far as it can be told without asking.

A numeric host needs no question. For a name, `questions` says what to look up and in which order; the
resolver of aio/ asks and puts the answers together with `order`.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

from sip_stack.errors import RemoteError
from sip_stack.uri import Uri

DEFAULT_PORT = 5060
_TRANSPORTS = ("UDP", "TCP")


class Service(NamedTuple):
    """An SRV record (RFC 2782)."""

    priority: int
    weight: int
    target: str
    port: int


class Enquiry(NamedTuple):
    """What to ask of DNS for a URI.

    services: SRV names in order, each with the transport it stands for; empty when the port is given
        (RFC 3263 §4.2: then only A and AAAA are asked for).
    """

    host: str
    port: int
    transport: str
    services: tuple[tuple[str, str], ...]


@lru_cache(maxsize=4096)
def numeric_target(uri: str) -> tuple[str, str, int] | None:
    """Transport, numeric host and port of a URI whose host is an address; None for a name."""
    try:
        parsed = Uri.parse(uri)
        address = ipaddress.ip_address(parsed.host)
    except (RemoteError, ValueError):
        return None
    return _transport(parsed) or "UDP", str(address), parsed.port or DEFAULT_PORT


def enquiry(uri: str) -> Enquiry:
    """What to look up for a URI with a name. RemoteError(400, 416) for what is no SIP URI."""
    parsed = Uri.parse(uri)
    if parsed.scheme != "sip" or not parsed.host:
        raise RemoteError(416, f"no SIP URI to look up: {uri}")
    transport = _transport(parsed)
    if parsed.port is not None:
        return Enquiry(parsed.host, parsed.port, transport or "UDP", ())
    # §4.1: without NAPTR, SRV of each transport that we support, in our order of preference.
    wanted = (transport,) if transport else _TRANSPORTS
    services = tuple([(f"_sip._{each.lower()}.{parsed.host}", each) for each in wanted])
    return Enquiry(parsed.host, DEFAULT_PORT, transport or "UDP", services)


def order(services: Sequence[Service], fraction: Callable[[], float]) -> list[Service]:
    """By priority, and at random by weight within one (RFC 2782, "Weight")."""
    ordered: list[Service] = []
    for priority in sorted({service.priority for service in services}):
        left = [service for service in services if service.priority == priority]
        left.sort(key=lambda service: service.weight > 0)
        while left:
            mark = fraction() * sum(service.weight for service in left)
            running = 0
            for service in left:
                running += service.weight
                if running >= mark:
                    break
            left.remove(service)
            ordered.append(service)
    return ordered


def _transport(uri: Uri) -> str:
    transport = uri.transport.upper()
    return transport if transport in _TRANSPORTS else ""
