"""A network of the self-test's own: two namespaces without names, joined by a veth pair.

The relay's end has the media addresses of this host, the other end a far end for each. Both are gone with the
process, however it ends; nothing here can be seen or reached from outside. Made by netlink alone: no program is needed.
"""

from __future__ import annotations

import ctypes
import ipaddress
import os
import select
import socket
import struct
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from rtp_relay.bpf.netlink import (
    ACKNOWLEDGE,
    ADDRESS,
    ADDRESS_HEADER,
    CREATE,
    EXCLUSIVE,
    LINK,
    LINK_NAME,
    LOCAL_ADDRESS,
    NEW_ADDRESS,
    NEW_LINK,
    Asking,
    attribute,
)
from rtp_relay.process.probe import ethtool
from rtp_relay.source import is_version_6

NEW_NETWORK: Final = 0x40000000  # CLONE_NEWNET
OWN: Final = "/proc/thread-self/ns/net"
OUR_LINK, FAR_LINK = "relay0", "far0"
# linux/if_link.h, linux/veth.h, linux/if.h, linux/if_addr.h.
LINK_KIND, KIND, KIND_DATA, PEER, IN_NAMESPACE = 18, 1, 2, 1, 28
IS_UP: Final = 1
NO_DUPLICATE_DETECTION: Final = 0x02
FAR_ENDS: Final = {4: "198.18.0.0/24", 6: "2001:2::/120"}  # nobody's: for measuring (RFC 2544, RFC 5180)
ALONE: Final = {4: 32, 6: 128}  # prefix lengths of one address
PATIENCE: Final = 5.0  # seconds for a link to come up
TRY: Final = 0.05

_libc = ctypes.CDLL(None, use_errno=True)


def far_ends_for(hosts: tuple[str, ...]) -> dict[str, str]:
    """A far end for each media address, which is none of them; for one of the loopback the address itself."""
    unused = {version: ipaddress.ip_network(network).hosts() for version, network in FAR_ENDS.items()}
    chosen = {}
    for host in hosts:
        address = ipaddress.ip_address(host)
        others = (str(other) for other in unused[address.version])
        chosen[host] = host if address.is_loopback else next(other for other in others if other not in hosts)
    return chosen


class Network:
    """`here` is the namespace of the media addresses, `there` that of the far ends. Raises OSError."""

    def __init__(self, hosts: tuple[str, ...]) -> None:
        self.far_ends = far_ends_for(hosts)
        self._home = os.open(OWN, os.O_RDONLY)
        self.there = self.here = -1
        with ExitStack() as undone:
            undone.callback(self.close)
            self.there, self.here = self._new(), self._new()
            self._join()
            pairs = {host: far for host, far in self.far_ends.items() if host != far}
            self._set_up(self.here, OUR_LINK, pairs)
            self._set_up(self.there, FAR_LINK, {far: host for host, far in pairs.items()})
            with self.inside(self.there):
                ethtool.set_receive_offload(FAR_LINK, True)  # without NAPI a veth takes nothing that XDP sends
            for host, far in pairs.items():
                self._wait(host, far)
            undone.pop_all()

    def close(self) -> None:
        for descriptor in (self.here, self.there, self._home):
            if descriptor >= 0:
                os.close(descriptor)

    @contextmanager
    def inside(self, namespace: int) -> Iterator[None]:
        """The calling thread is there for a while."""
        before = os.open(OWN, os.O_RDONLY)
        _enter(namespace)
        try:
            yield
        finally:
            _enter(before)
            os.close(before)

    def leave_checksums(self, far: bool, ours: bool) -> None:
        """Whether senders leave checksums to the hardware, which a veth does not have."""
        with self.inside(self.there):
            ethtool.set_checksum_offload(FAR_LINK, far)
        with self.inside(self.here):
            ethtool.set_checksum_offload(OUR_LINK, ours)

    def bad_checksums(self) -> int:
        """Datagrams that the far ends' system has thrown away for their checksum."""
        with self.inside(self.there):
            return checksum_errors(
                Path("/proc/thread-self/net/snmp").read_text(), Path("/proc/thread-self/net/snmp6").read_text()
            )

    def _new(self) -> int:
        if _libc.unshare(NEW_NETWORK) != 0:
            error = ctypes.get_errno()
            raise OSError(error, os.strerror(error))
        try:
            return os.open(OWN, os.O_RDONLY)
        finally:
            _enter(self._home)

    def _join(self) -> None:
        peer = LINK.pack(0, 0, 0, 0, 0) + attribute(LINK_NAME, FAR_LINK.encode() + b"\0")
        peer += attribute(IN_NAMESPACE, struct.pack("=I", self.there))
        kind = attribute(KIND, b"veth") + attribute(KIND_DATA, attribute(PEER, peer))
        link = LINK.pack(0, 0, 0, 0, 0) + attribute(LINK_NAME, OUR_LINK.encode() + b"\0") + attribute(LINK_KIND, kind)
        with self.inside(self.here):
            _ask(NEW_LINK, link, CREATE | EXCLUSIVE)

    def _set_up(self, namespace: int, link: str, addresses: dict[str, str]) -> None:
        """The link is up, with these addresses, each with the one at the other end."""
        with self.inside(namespace):
            index = socket.if_nametoindex(link)
            for number in (socket.if_nametoindex("lo"), index):
                _ask(NEW_LINK, LINK.pack(0, 0, number, IS_UP, IS_UP))
            for host, peer in addresses.items():
                address = ipaddress.ip_address(host)
                family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
                body = ADDRESS_HEADER.pack(family, ALONE[address.version], NO_DUPLICATE_DETECTION, 0, index)
                body += attribute(LOCAL_ADDRESS, address.packed)
                body += attribute(ADDRESS, ipaddress.ip_address(peer).packed)
                _ask(NEW_ADDRESS, body, CREATE | EXCLUSIVE)

    def _wait(self, host: str, far: str) -> None:
        """Until packets pass both ways: the system starts a link when it finds the time."""
        with self.inside(self.here):
            ours = udp_socket(host)
        with self.inside(self.there):
            theirs = udp_socket(far)
        with ours, theirs:
            for sender, receiver in ((ours, theirs), (theirs, ours)):
                for _ in range(round(PATIENCE / TRY)):
                    try:
                        sender.sendto(b"?", receiver.getsockname())
                    except OSError:
                        pass  # no route yet
                    if select.select([receiver], [], [], TRY)[0]:
                        break
                else:
                    raise OSError(0, f"nothing passes between {host} and {far}, on a network of our own")


def udp_socket(host: str, port: int = 0) -> socket.socket:
    """A socket there. Raises OSError."""
    made = socket.socket(socket.AF_INET6 if is_version_6(host) else socket.AF_INET, socket.SOCK_DGRAM)
    try:
        made.bind((host, port))
    except OSError:
        made.close()
        raise
    return made


def checksum_errors(snmp: str, snmp_6: str) -> int:
    """UDP's InCsumErrors of both versions, from the kernel's tables (/proc/net/snmp and snmp6)."""
    names, values = (row.split()[1:] for row in snmp.splitlines() if row.startswith("Udp:"))
    errors = int(dict(zip(names, values, strict=True))["InCsumErrors"])
    rows = (row.split() for row in snmp_6.splitlines())
    return errors + sum(int(row[1]) for row in rows if row[0] == "Udp6InCsumErrors")


def _ask(kind: int, body: bytes, flags: int = 0) -> None:
    asking = Asking()
    try:
        list(asking.ask(kind, body, flags | ACKNOWLEDGE))
    finally:
        asking.close()


def _enter(namespace: int) -> None:
    if _libc.setns(namespace, NEW_NETWORK) != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"setns: {os.strerror(error)}")
