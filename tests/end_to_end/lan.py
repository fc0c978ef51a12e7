"""A network of one switch and four hosts: the service's, a caller's, a callee's and a stranger's.

Each host is a network namespace without a name, each cable a veth pair; gone with the process. Needs root and iproute2.
"""

from __future__ import annotations

import os
import select
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench import namespaces
from bench.namespaces import enter, libc, run, set_offload, udp_socket

SWITCH = "switch0"
LINK = "lan0"  # as each host calls its own
SERVICE, CALLER, CALLEE, STRANGER = HOSTS = ("10.79.0.1", "10.79.0.2", "10.79.0.3", "10.79.0.4")
TRIES = 200


class Lan:
    """`inside(host)`: the calling thread, and what it starts, is there for a while."""

    def __init__(self) -> None:
        self._home = os.open(namespaces.OWN, os.O_RDONLY)
        self._switch = self._new()
        self._namespaces = {host: self._new() for host in HOSTS}
        with self._within(self._switch):
            run("ip", "link", "add", SWITCH, "type", "bridge", "forward_delay", "0", "mcast_snooping", "0")
            run("ip", "link", "set", SWITCH, "up")
        for number, host in enumerate(HOSTS):
            self._plug_in(host, f"port{number}")
        for host in HOSTS[1:]:
            self._wait(host)

    def close(self) -> None:
        for descriptor in (*self._namespaces.values(), self._switch, self._home):
            os.close(descriptor)

    @contextmanager
    def inside(self, host: str) -> Iterator[None]:
        with self._within(self._namespaces[host]):
            yield

    def datagrams_to_sockets(self, host: str) -> int:
        """UDP datagrams that sockets of the host were given, as its system counts them."""
        with self.inside(host):
            rows = Path("/proc/thread-self/net/snmp").read_text().splitlines()
            names, values = (row.split()[1:] for row in rows if row.startswith("Udp:"))
            return int(dict(zip(names, values, strict=True))["InDatagrams"])

    def _plug_in(self, host: str, port: str) -> None:
        with self._within(self._switch):
            peer = f"/proc/{os.getpid()}/fd/{self._namespaces[host]}"
            run("ip", "link", "add", port, "type", "veth", "peer", "name", LINK, "netns", peer)
            run("ip", "link", "set", port, "master", SWITCH, "up")
            set_offload(port, namespaces.RECEIVE_OFFLOAD, True)  # else a veth takes nothing that XDP sends
        with self.inside(host):
            run("ip", "link", "set", "lo", "up")
            run("ip", "link", "set", LINK, "up")
            run("ip", "addr", "add", f"{host}/24", "dev", LINK)
            set_offload(LINK, namespaces.TX_CHECKSUMS, host == SERVICE)  # others send as from a wire: with a checksum

    def _wait(self, host: str) -> None:
        """Until packets pass."""
        with self.inside(SERVICE):
            to = udp_socket(SERVICE)
        with self.inside(host):
            by = udp_socket(host)
        with to, by:
            for _ in range(TRIES):
                by.sendto(b"?", to.getsockname())
                if select.select([to], [], [], 0.05)[0]:
                    return
        raise OSError(0, f"nothing passes from {host} to {SERVICE}")

    @contextmanager
    def _within(self, namespace: int) -> Iterator[None]:
        before = os.open(namespaces.OWN, os.O_RDONLY)
        enter(namespace)
        try:
            yield
        finally:
            enter(before)
            os.close(before)

    def _new(self) -> int:
        if libc.unshare(namespaces.CLONE_NEWNET) != 0:
            raise OSError(0, "no network namespace can be made")
        try:
            return os.open(namespaces.OWN, os.O_RDONLY)
        finally:
            enter(self._home)
