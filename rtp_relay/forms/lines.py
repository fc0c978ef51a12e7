"""A line: a second socket of the same port, connected to a far end that is confirmed.

Theory. The system gives a packet to the socket that fits best. What the far end sends comes to its line, and what
anybody else sends to the port's own socket, as before: strangers are seen, judged and counted, and a far end that
moves is found. A packet from a line brings no address to be made, and one that leaves by it needs no address to be read
and no route to be looked up. A port without a line does the same, only slower: where a line cannot be had, there is
none.

Between bind and connect a line is open to everybody. What came then is read with its source before the line is used;
the first packets after that are, too, as another processor may have been about to put one there. Only what comes after
them is taken to be the far end's.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Final, Protocol

from rtp_relay.form import Receive
from rtp_relay.source import Address, address_of, is_version_6

FIRST: Final = 64  # packets of a line in use that are still read with their source


def open_socket(host: str, traffic_class: int) -> socket.socket:
    """A UDP socket for media, not bound yet. Raises OSError."""
    version_6 = is_version_6(host)
    opened = socket.socket(
        socket.AF_INET6 if version_6 else socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK
    )
    try:
        if version_6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, traffic_class)
        else:
            opened.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, traffic_class)
    except OSError:
        opened.close()
        raise
    return opened


def connected(own: socket.socket, host: str, number: int, far: Address, traffic_class: int) -> socket.socket:
    """A line of the port whose own socket that is. Raises OSError.

    Two sockets may have a port if both say so when the second one is bound. They say so for that moment only: a port of
    ours is nobody else's to take.
    """
    line = open_socket(host, traffic_class)
    try:
        for one in (own, line):
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            line.bind(address_of(host, number))
        finally:
            for one in (own, line):
                one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
        line.connect(far)
    except OSError:
        line.close()
        raise
    return line


class Receiving(Protocol):
    """A port, as far as it says what becomes of a packet."""

    receive: Receive


class Beside:
    """Takes the place of a port in the epoll while it has a line: its own socket, where strangers' packets come."""

    __slots__ = ("_port", "read_into", "receive_into")

    source: Address | None = None  # packets are read with theirs
    waits = False

    def __init__(self, port: Receiving, own: socket.socket) -> None:
        self._port = port
        self.receive_into: Callable[[bytearray], tuple[int, Address]] = own.recvfrom_into
        self.read_into: Callable[[bytearray], int] = own.recv_into

    @property
    def receive(self) -> Receive:
        return self._port.receive
