"""Plain forwarding in user space: always complete, always right; what faster forms fall back on.

One epoll of its own holds every port; the loop that runs it watches that one descriptor. A turn takes
one packet of each port that has some and asks again, so that no port is read in vain (a read that finds
nothing costs as much as one that finds a packet) and no port can starve another. A turn ends after
ROUNDS, so that media never starves the control socket.
"""

from __future__ import annotations

import errno
import select
import socket
import time
from collections.abc import Callable
from typing import Final

from rtp_relay.form import Flow, Port, Receive, drop
from rtp_relay.packet import Packet
from rtp_relay.source import Address, address_of, is_version_6
from rtp_relay.stream import Stream

EXPEDITED_FORWARDING: Final = 46  # RFC 3246, as RFC 4594 §4.1 wants it for telephony
BUFFER: Final = 65536  # octets, above the largest UDP payload: nothing is ever cut
ROUNDS: Final = 8  # of up to BATCH packets in one turn
BATCH: Final = 128


class UserPort:
    """A UDP socket of the relay."""

    __slots__ = ("_form", "_socket", "host", "number", "receive", "receive_into", "send")

    def __init__(self, host: str, number: int, opened: socket.socket, form: UserForm) -> None:
        self.host = host
        self.number = number
        self.receive: Receive = drop
        self.receive_into: Callable[[bytearray], tuple[int, Address]] = opened.recvfrom_into
        self.send: Callable[[Packet, Address], object] = opened.sendto
        self._socket = opened
        self._form = form

    def close(self) -> None:
        self.receive = drop
        self._form.forget(self._socket.fileno())
        self._socket.close()  # which takes it out of the epoll


class UserForm:
    """Forwards by recvfrom and sendto. `clock` is the one that the relay's `now` comes from."""

    def __init__(
        self, reason: str = "the plain form", dscp: int = EXPEDITED_FORWARDING,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self.name = "user"
        self.reason = reason
        self.receive_errors = 0  # mostly ICMP errors that came back to a port
        self.send_errors = 0  # no route, no buffer, refused by a firewall
        self.trouble = ""
        self._clock = clock
        self._traffic_class = dscp << 2
        self._epoll = select.epoll()
        self._ports: dict[int, UserPort] = {}
        self._buffer = bytearray(BUFFER)
        self._view = memoryview(self._buffer)

    def fileno(self) -> int:
        """Readable when `turn` has something to do."""
        return self._epoll.fileno()

    def open(self, host: str, number: int) -> UserPort | None:
        version_6 = is_version_6(host)
        try:
            opened = socket.socket(socket.AF_INET6 if version_6 else socket.AF_INET, socket.SOCK_DGRAM)
        except OSError as error:
            self.trouble = str(error)  # out of descriptors, as a rule
            return None
        try:
            opened.setblocking(False)
            if version_6:
                opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, self._traffic_class)
            else:
                opened.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, self._traffic_class)
            opened.bind(address_of(host, number))
        except OSError as error:
            opened.close()
            if error.errno != errno.EADDRINUSE:
                self.trouble = str(error)
            return None
        port = self._ports[opened.fileno()] = self._made(host, number, opened)
        self._epoll.register(opened.fileno(), select.EPOLLIN)
        return port

    def _made(self, host: str, number: int, opened: socket.socket) -> UserPort:
        return UserPort(host, number, opened, self)

    def forget(self, descriptor: int) -> None:
        """The port of that descriptor is being closed."""
        del self._ports[descriptor]

    def install(self, port: Port, flow: Flow) -> None:
        """Nothing to keep: every packet asks its endpoint."""

    def suspend(self, port: Port) -> None:
        """Nothing was kept."""

    def collect(self, port: Port, stream: Stream) -> None:
        """Nothing is forwarded unasked."""

    def turn(self, wait: float = 0.0) -> int:
        """Forward what has come in; `wait` seconds at most for the first packet. Returns packets read."""
        ports, view, buffer = self._ports, self._view, self._buffer
        read = 0
        for _ in range(ROUNDS):
            ready = self._epoll.poll(wait, BATCH)
            if not ready:
                break
            wait = 0.0
            now = self._clock()
            for descriptor, _events in ready:
                port = ports[descriptor]
                try:
                    size, source = port.receive_into(buffer)
                except BlockingIOError:
                    continue  # dropped by the kernel for its checksum
                except OSError:
                    self.receive_errors += 1
                    continue
                read += 1
                packet = view[:size]
                exit = port.receive(packet, source, now)
                if exit is None:
                    continue
                destination = exit.address
                if destination is None:
                    continue
                try:
                    exit.port.send(packet, destination)
                except OSError:
                    self.send_errors += 1
                else:
                    exit.packets += 1
                    exit.octets += size
        return read

    def shut(self) -> None:
        """Close whatever is still open."""
        for port in list(self._ports.values()):
            port.close()
        self._epoll.close()
