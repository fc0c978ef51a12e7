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
from collections.abc import Callable, Iterable
from typing import Final

from rtp_relay.form import Flow, Inheritance, Port, Receive, drop
from rtp_relay.packet import Packet
from rtp_relay.source import Address, address_of, is_version_6
from rtp_relay.stream import Stream
from rtp_relay.tally import Work

EXPEDITED_FORWARDING: Final = 46  # RFC 3246, as RFC 4594 §4.1 wants it for telephony
BUFFER: Final = 65536  # octets, above the largest UDP payload: nothing is ever cut
USUAL: Final = 1501  # octets, above what Ethernet carries: packets up to there are cut from the buffer beforehand
ROUNDS: Final = 8  # of up to BATCH packets in one turn
BATCH: Final = 128


class UserPort:
    """A UDP socket of the relay."""

    __slots__ = ("_form", "_socket", "host", "number", "receive", "receive_into", "send", "waits")

    def __init__(self, host: str, number: int, opened: socket.socket, form: UserForm) -> None:
        self.host = host
        self.number = number
        self.receive: Receive = drop
        self.waits = False
        self.receive_into: Callable[[bytearray], tuple[int, Address]] = opened.recvfrom_into
        self.send: Callable[[Packet, Address], object] = opened.sendto
        self._socket = opened
        self._form = form

    def fileno(self) -> int:
        return self._socket.fileno()

    def throw_away(self) -> None:
        """What waits in the socket is for nobody."""
        try:
            while True:
                self._socket.recv(1, socket.MSG_DONTWAIT)
        except OSError:
            return

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
        self.packets = 0
        self.octets = 0
        self.sent = 0
        self.receive_errors = 0  # mostly ICMP errors that came back to a port
        self.send_errors = 0  # no route, no buffer, refused by a firewall
        self.trouble = ""
        self._clock = clock
        self._traffic_class = dscp << 2
        self._epoll = select.epoll()
        self._ports: dict[int, UserPort] = {}
        self._inherited: dict[tuple[str, int], socket.socket] = {}
        self.on_open: Callable[[int], object] = _say_nothing  # told of the descriptor of each socket that is new
        self._buffer = bytearray(BUFFER)
        self._view = memoryview(self._buffer)
        self._views = [self._view[:size] for size in range(USUAL)]

    def live_until(self, at: float) -> None:
        """Somebody is there to look after the flows until then, monotonic; here there are none without him."""

    def fileno(self) -> int:
        """Readable when `turn` has something to do."""
        return self._epoll.fileno()

    def inherit(self, sockets: Iterable[socket.socket]) -> None:
        """Sockets of an earlier relay: `open` takes them rather than new ones."""
        for one in sockets:
            one.setblocking(False)
            host, number = one.getsockname()[:2]
            self._inherited[host, number] = one

    def open(self, host: str, number: int) -> UserPort | None:
        inherited = self._inherited.pop((host, number), None)
        opened = inherited or self._bound(host, number)
        if opened is None:
            return None
        if inherited is None:
            self.on_open(opened.fileno())
        port = self._ports[opened.fileno()] = self._made(host, number, opened)
        port.waits = port.waits or inherited is not None
        if not port.waits:
            self._epoll.register(opened.fileno(), select.EPOLLIN)
        return port

    def _bound(self, host: str, number: int) -> socket.socket | None:
        version_6 = is_version_6(host)
        try:
            opened = socket.socket(
                socket.AF_INET6 if version_6 else socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK
            )
        except OSError as error:
            self.trouble = str(error)  # out of descriptors, as a rule
            return None
        try:
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
        return opened

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

    def inheritance(self, port: Port) -> Inheritance | None:
        """Sockets know nothing of their packets."""
        return None

    def attend(self, port: Port) -> None:
        assert isinstance(port, UserPort)
        if port.waits:
            port.waits = False
            self._epoll.register(port.fileno(), select.EPOLLIN)

    def renounce(self, port: Port) -> None:
        assert isinstance(port, UserPort)
        if port.waits:
            port.throw_away()
            self.attend(port)

    def end_inheritance(self) -> int:
        waiting = [port for port in self._ports.values() if port.waits]
        for port in waiting:
            self.renounce(port)
        for one in self._inherited.values():
            one.close()
        closed = len(self._inherited)
        self._inherited.clear()
        return len(waiting) + closed

    def turn(self, wait: float = 0.0) -> int:
        """Forward what has come in; `wait` seconds at most for the first packet. Returns packets read."""
        ports, view, views, buffer = self._ports, self._view, self._views, self._buffer
        read = octets = sent = 0
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
                octets += size
                packet = views[size] if size < USUAL else view[:size]
                exit = port.receive(packet, source, now)
                if exit is None:
                    continue
                destination = exit.address
                if destination is None:
                    continue
                try:
                    exit.port.send(packet, destination)
                except OSError as error:
                    self.send_errors += 1
                    exit.fail(error)
                else:
                    exit.packets += 1
                    exit.octets += size
                    sent += 1
        self.packets += read
        self.octets += octets
        self.sent += sent
        return read

    def measure(self) -> Work:
        return Work(self.packets, self.octets, self.sent, self.send_errors, self.receive_errors)

    @property
    def has_left(self) -> bool:
        """An earlier relay has left something that no call has taken up yet."""
        return bool(self._inherited) or any(port.waits for port in self._ports.values())

    def leave(self) -> None:
        """End, and leave the ports to whoever holds them besides."""
        self._epoll.close()

    def shut(self) -> None:
        """Close whatever is still open."""
        for port in list(self._ports.values()):
            port.close()
        for one in self._inherited.values():
            one.close()
        self._epoll.close()


def _say_nothing(descriptor: int) -> None:
    """Nobody keeps sockets."""
