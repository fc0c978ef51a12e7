"""Ports: free ones to hand out, and which are held."""

from __future__ import annotations

import random
import socket
from pathlib import Path

_LOWEST, _HIGHEST = 10_240, 32_000  # Linux lends ports from 32768 on to whoever asks for any
_TABLES = {"udp": ("udp", "udp6"), "tcp": ("tcp", "tcp6")}
_LISTEN = "0A"  # of TCP, include/net/tcp_states.h


def free_ports(count: int) -> int:
    """The first of `count` neighbouring ports, an even one, free for UDP and TCP, IPv4 and IPv6."""
    for _ in range(200):
        first = random.randrange(_LOWEST, _HIGHEST - count, 2)
        if all(_is_free(port) for port in range(first, first + count)):
            return first
    raise OSError(f"no {count} neighbouring ports are free")


def _is_free(port: int) -> bool:
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
            with socket.socket(family, kind) as probe:
                try:
                    probe.bind((address, port))
                except OSError:
                    return False
    return True


def bound(transport: str) -> dict[int, set[int]]:
    """Ports with a socket of "udp", or that listens of "tcp", each with the inodes of its sockets."""
    found: dict[int, set[int]] = {}
    for table in _TABLES[transport]:
        for line in Path("/proc/net", table).read_text().splitlines()[1:]:
            fields = line.split()
            if transport == "udp" or fields[3] == _LISTEN:
                found.setdefault(int(fields[1].rpartition(":")[2], 16), set()).add(int(fields[9]))
    return found


def is_bound(port: int, transport: str) -> bool:
    return port in bound(transport)


def ports_of(pid: int, transport: str = "udp") -> set[int]:
    """The ports that a process holds."""
    inodes = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = str(entry.readlink())
        except FileNotFoundError:
            continue
        if target.startswith("socket:["):
            inodes.add(int(target[8:-1]))
    return {port for port, held in bound(transport).items() if held & inodes}
