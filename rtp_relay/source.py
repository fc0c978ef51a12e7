"""Addresses of far ends, in the very form in which the socket tells them, so that comparing is one step."""

from __future__ import annotations

import functools
import ipaddress

# ("192.0.2.1", 4000), or ("2001:db8::1", 4000, 0, 0): flow label and scope are of no concern to media.
Address = tuple[str, int] | tuple[str, int, int, int]


@functools.lru_cache(maxsize=4096)
def canonical_host(text: str) -> str | None:
    """The host as the socket would write it; None for a name, which is never looked up here."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None


@functools.lru_cache(maxsize=4096)
def stated_host(text: str, version_6: bool) -> str | None:
    """The host as the socket would write it, if media can be exchanged with it: one party of that IP version and one
    only, neither a group, nor everybody, nor nobody (RFC 2543's way to hold).
    """
    host = canonical_host(text)
    if host is None or is_version_6(host) is not version_6:
        return None
    address = ipaddress.ip_address(host)
    is_one = not (address.is_unspecified or address.is_multicast or host == "255.255.255.255")
    return host if is_one else None


def is_version_6(host: str) -> bool:
    return ":" in host


def address_of(host: str, port: int) -> Address:
    """The socket's form of a host (canonical text) and a port."""
    return (host, port, 0, 0) if is_version_6(host) else (host, port)


def stated_address(text: str, port: int, version_6: bool) -> Address | None:
    """The address that the signalling states; None where media cannot be exchanged with it.

    text comes from the far end's SDP, by way of the core: nothing about it is certain.
    """
    host = stated_host(text, version_6)
    if host is None or not 0 < port < 65536:
        return None
    return (host, port, 0, 0) if version_6 else (host, port)


def text_of(address: Address | None) -> str:
    """host:port, with brackets where RFC 3986 §3.2.2 wants them; nothing for no address."""
    if address is None:
        return ""
    return f"[{address[0]}]:{address[1]}" if is_version_6(address[0]) else f"{address[0]}:{address[1]}"
