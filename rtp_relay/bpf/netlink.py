"""What the kernel knows of the way to a far end: routes, neighbours, links and addresses (rtnetlink(7)).

Asking needs no privilege. One socket asks and waits for its answer, which the kernel has at hand; another hears
of changes. Sockets belong to the network namespace in which they were opened.
"""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

from rtp_relay.source import is_version_6

# linux/rtnetlink.h and linux/netlink.h.
NLMSG_ERROR: Final = 2
NLMSG_DONE: Final = 3
NEW_LINK, DELETED_LINK, GET_LINK = 16, 17, 18
NEW_ADDRESS, DELETED_ADDRESS, GET_ADDRESS = 20, 21, 22
NEW_ROUTE, DELETED_ROUTE, GET_ROUTE = 24, 25, 26
NEW_NEIGHBOUR, DELETED_NEIGHBOUR, GET_NEIGHBOUR = 28, 29, 30
REQUEST, ACKNOWLEDGE, EXCLUSIVE, CREATE, DUMP = 0x1, 0x4, 0x200, 0x400, 0x300

LINK_ADDRESS, LINK_NAME, LINK_MTU = 1, 3, 4
ADDRESS, LOCAL_ADDRESS = 1, 2
ROUTE_DESTINATION, ROUTE_SOURCE, ROUTE_INTERFACE, ROUTE_GATEWAY = 1, 2, 4, 5
NEIGHBOUR_ADDRESS, NEIGHBOUR_MAC, NEIGHBOUR_MORE_FLAGS = 1, 2, 15
USE: Final = 1  # NTF_USE: as if a packet had gone there
MANAGED: Final = 1  # NTF_EXT_MANAGED: the kernel keeps the entry fresh by itself

ROUTE_UNICAST, ROUTE_LOCAL = 1, 2
ARPHRD_ETHER, ARPHRD_LOOPBACK = 1, 772
# NUD_REACHABLE, STALE, DELAY, PROBE, NOARP and PERMANENT: there is a MAC address, and it may be used.
HAS_MAC: Final = 0x02 | 0x04 | 0x08 | 0x10 | 0x40 | 0x80
PERMANENT: Final = 0x40 | 0x80  # somebody set it by hand, or there is nothing to look for
GROUPS: Final = 0x1 | 0x4 | 0x10 | 0x40 | 0x100 | 0x400  # link, neighbour, addresses and routes of both versions

HEADER: Final = struct.Struct("=IHHII")  # length, type, flags, sequence, port
ATTRIBUTE: Final = struct.Struct("=HH")  # length, type
LINK: Final = struct.Struct("=BxHiII")  # family, type, index, flags, change
ADDRESS_HEADER: Final = struct.Struct("=BBBBi")  # family, prefix, flags, scope, index
ROUTE: Final = struct.Struct("=BBBBBBBBI")  # family, prefixes, tos, table, protocol, scope, type, flags
NEIGHBOUR: Final = struct.Struct("=BxxxiHBB")  # family, index, state, flags, type
ROUTE_KIND: Final = 7  # field of ROUTE
ANSWER: Final = 1 << 16


class Link(NamedTuple):
    number: int
    name: str
    mac: bytes
    mtu: int
    is_loopback: bool
    is_ethernet: bool


class Route(NamedTuple):
    """is_local: to this very host. hop: whose MAC address is wanted, the gateway or the far end itself."""

    interface: int
    hop: str
    is_local: bool


class Neighbour(NamedTuple):
    interface: int
    host: str
    mac: bytes  # empty while it is not known
    is_permanent: bool


class Message(NamedTuple):
    kind: int
    body: bytes


class Asking:
    """Questions to the kernel, one at a time. Raises OSError where it has no answer."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        self._socket.bind((0, 0))
        self._socket.settimeout(1.0)
        self._sequence = 0

    def close(self) -> None:
        self._socket.close()

    def route(self, host: str, source: str = "") -> Route | None:
        """The way to a host, from one of our addresses; None if there is none, or one that leads nowhere."""
        body = ROUTE.pack(_family(host), _bits(host), _bits(source) if source else 0, 0, 0, 0, 0, 0, 0)
        body += attribute(ROUTE_DESTINATION, _packed(host))
        if source:
            body += attribute(ROUTE_SOURCE, _packed(source))
        try:
            answers = list(self.ask(GET_ROUTE, body))
        except OSError as error:
            if error.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EACCES, errno.EINVAL):
                return None
            raise
        for answer in answers:
            kind = ROUTE.unpack_from(answer.body)[ROUTE_KIND]
            found = attributes_of(answer.body[ROUTE.size :])
            if kind in (ROUTE_UNICAST, ROUTE_LOCAL) and ROUTE_INTERFACE in found:
                gateway = found.get(ROUTE_GATEWAY)
                hop = str(ipaddress.ip_address(gateway)) if gateway else host
                return Route(int.from_bytes(found[ROUTE_INTERFACE], "little"), hop, kind == ROUTE_LOCAL)
        return None

    def neighbour(self, interface: int, host: str) -> Neighbour | None:
        """What is known of a neighbour; None if it was never looked for."""
        body = NEIGHBOUR.pack(_family(host), interface, 0, 0, 0)
        try:
            for answer in self.ask(GET_NEIGHBOUR, body + attribute(NEIGHBOUR_ADDRESS, _packed(host))):
                found = neighbour_of(answer)
                if found is not None:
                    return found
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ENODEV):
                raise
        return None

    def keep_fresh(self, interface: int, host: str) -> None:
        """Have the kernel resolve a neighbour and watch over it, as no packet of ours will pass it any more.

        Needs CAP_NET_ADMIN and Linux 5.16; raises OSError.
        """
        body = NEIGHBOUR.pack(_family(host), interface, 0, 0, 0) + attribute(NEIGHBOUR_ADDRESS, _packed(host))
        body += attribute(NEIGHBOUR_MORE_FLAGS, struct.pack("=I", MANAGED))
        list(self.ask(NEW_NEIGHBOUR, body, CREATE | ACKNOWLEDGE))

    def let_age(self, interface: int, host: str) -> None:
        """End `keep_fresh`: the neighbour stays as known as it is, like any other. Raises OSError."""
        body = NEIGHBOUR.pack(_family(host), interface, 0, USE, 0) + attribute(NEIGHBOUR_ADDRESS, _packed(host))
        list(self.ask(NEW_NEIGHBOUR, body, CREATE | ACKNOWLEDGE))

    def links(self) -> dict[int, Link]:
        """Every interface, by its index."""
        answers = self.ask(GET_LINK, LINK.pack(0, 0, 0, 0, 0), DUMP)
        return {link.number: link for link in map(_link_of, answers) if link is not None}

    def addresses(self) -> dict[str, int]:
        """The addresses of this host, each with the index of its interface."""
        found: dict[str, int] = {}
        for answer in self.ask(GET_ADDRESS, ADDRESS_HEADER.pack(0, 0, 0, 0, 0), DUMP):
            attributes = attributes_of(answer.body[ADDRESS_HEADER.size :])
            packed = attributes.get(LOCAL_ADDRESS) or attributes.get(ADDRESS)
            if packed is not None:
                found[str(ipaddress.ip_address(packed))] = ADDRESS_HEADER.unpack_from(answer.body)[4]
        return found

    def ask(self, kind: int, body: bytes, flags: int = 0) -> Iterator[Message]:
        """What the kernel answers; with ACKNOWLEDGE nothing, but that it was done. Raises OSError."""
        self._sequence += 1
        size = HEADER.size + len(body)
        self._socket.send(HEADER.pack(size, kind, REQUEST | flags, self._sequence, 0) + body)
        while True:
            for sequence, message in _messages(self._socket.recv(ANSWER)):
                if sequence != self._sequence:
                    continue  # the rest of an answer that was given up
                if message.kind == NLMSG_DONE:
                    return
                if message.kind == NLMSG_ERROR:
                    number = -int.from_bytes(message.body[:4], "little", signed=True)
                    if number:
                        raise OSError(number, f"netlink: {os.strerror(number)}")
                    return
                yield message
                if not flags & DUMP:
                    return


class Changes:
    """News of links, addresses, routes and neighbours. Readable when there is some."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        self._socket.bind((0, GROUPS))
        self._socket.setblocking(False)

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        self._socket.close()

    def take(self) -> list[Message] | None:
        """What has changed since the last time; None if some of it was lost, and all must be asked again."""
        news: list[Message] = []
        while True:
            try:
                news += [message for _, message in _messages(self._socket.recv(ANSWER))]
            except BlockingIOError:
                return news
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                return None


def neighbour_of(message: Message) -> Neighbour | None:
    """The neighbour that a message tells of; None if it tells of none."""
    if message.kind not in (NEW_NEIGHBOUR, DELETED_NEIGHBOUR):
        return None
    family, interface, state, _, _ = NEIGHBOUR.unpack_from(message.body)
    found = attributes_of(message.body[NEIGHBOUR.size :])
    packed = found.get(NEIGHBOUR_ADDRESS)
    if family not in (socket.AF_INET, socket.AF_INET6) or packed is None:
        return None
    is_known = message.kind == NEW_NEIGHBOUR and state & HAS_MAC
    mac = found.get(NEIGHBOUR_MAC, b"") if is_known else b""
    return Neighbour(interface, str(ipaddress.ip_address(packed)), mac, bool(state & PERMANENT))


def _link_of(message: Message) -> Link | None:
    if message.kind != NEW_LINK:
        return None
    _, kind, index, _, _ = LINK.unpack_from(message.body)
    found = attributes_of(message.body[LINK.size :])
    name = found.get(LINK_NAME, b"").rstrip(b"\0").decode(errors="replace")
    mtu = int.from_bytes(found.get(LINK_MTU, b""), "little")
    mac = found.get(LINK_ADDRESS, b"")
    return Link(index, name, mac, mtu, kind == ARPHRD_LOOPBACK, kind == ARPHRD_ETHER)


def _messages(packet: bytes) -> Iterator[tuple[int, Message]]:
    at = 0
    while at + HEADER.size <= len(packet):
        length, kind, _, sequence, _ = HEADER.unpack_from(packet, at)
        if length < HEADER.size:
            return
        yield sequence, Message(kind, packet[at + HEADER.size : at + length])
        at += (length + 3) & ~3


def attributes_of(octets: bytes) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    at = 0
    while at + ATTRIBUTE.size <= len(octets):
        length, kind = ATTRIBUTE.unpack_from(octets, at)
        if length < ATTRIBUTE.size:
            break
        found[kind & 0x3FFF] = octets[at + ATTRIBUTE.size : at + length]
        at += (length + 3) & ~3
    return found


def attribute(kind: int, value: bytes) -> bytes:
    padded = value + bytes(-len(value) % 4)
    return ATTRIBUTE.pack(ATTRIBUTE.size + len(value), kind) + padded


def _family(host: str) -> int:
    return socket.AF_INET6 if is_version_6(host) else socket.AF_INET


def _bits(host: str) -> int:
    return 128 if is_version_6(host) else 32


def _packed(host: str) -> bytes:
    return ipaddress.ip_address(host).packed
