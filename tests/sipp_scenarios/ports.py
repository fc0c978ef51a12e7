"""Ports: free ones to hand out, and which are held."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator
from pathlib import Path

# Below 20000 are those of the demo's services, which the tests with phones start beside us, and the first of the
# relay's usual range are used as well; from 32768 on Linux lends ports to whoever asks for any.
_OTHERS, _LOWEST, _MIDDLE, _HIGHEST = 10_240, 20_400, 25_600, 32_000
_BEGIN = random.randrange(_MIDDLE, _HIGHEST, 2)  # another run on this machine begins elsewhere
_MANY = 1000  # so many are sought below the middle: small ones strewn about leave no room for them
_TABLES = {"udp": ("udp", "udp6"), "tcp": ("tcp", "tcp6")}
_claimed: set[int] = set()
_LISTEN = "0A"  # of TCP, include/net/tcp_states.h


def free_ports(count: int) -> int:
    """The first of `count` neighbouring ports, an even one, free for UDP and TCP, IPv4 and IPv6.

    None of them was given out before: a relay opens its ports as it needs them, so that free is not unclaimed.
    """
    for first in _firsts(count):
        wanted = range(first, first + count)
        if _claimed.isdisjoint(wanted) and all(_is_free(port) for port in wanted):
            _claimed.update(wanted)
            return first
    raise OSError(f"no {count} neighbouring ports are free")


def _firsts(count: int) -> Iterator[int]:
    if count >= _MANY:
        yield from range(_LOWEST, _HIGHEST - count, 100)
        return
    yield from range(_BEGIN, _HIGHEST - count, 2)
    yield from range(_MIDDLE, _BEGIN, 2)
    yield from range(_OTHERS, _LOWEST - count, 2)


def _is_free(port: int) -> bool:
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
            with socket.socket(family, kind) as probe:
                try:
                    probe.bind((address, port))
                except OSError:
                    return False
    return True


def is_bound(port: int, transport: str) -> bool:
    """Whether some socket of "udp" has this port, or one of "tcp" listens on it."""
    return any(
        int(fields[1].rpartition(":")[2], 16) == port
        for fields in _sockets(transport)
        if transport == "udp" or fields[3] == _LISTEN
    )


def sockets_of(pid: int) -> set[int]:
    """The inodes of all sockets that a process holds."""
    targets = [str(entry.readlink()) for entry in Path(f"/proc/{pid}/fd").iterdir() if entry.is_symlink()]
    return {int(target[8:-1]) for target in targets if target.startswith("socket:[")}


def open_sockets() -> set[int]:
    """The inodes of all UDP and TCP sockets that there are."""
    return {int(fields[9]) for transport in _TABLES for fields in _sockets(transport)}


def _sockets(transport: str) -> Iterator[list[str]]:
    for table in _TABLES[transport]:
        for line in Path("/proc/net", table).read_text().splitlines()[1:]:
            yield line.split()
