"""Plain forwarding in user space: always complete, always right; what faster forms fall back on.

One epoll of its own holds every port; the loop that runs it watches that one descriptor. A turn takes
one packet of each port that has some and asks again, so that no port is read in vain (a read that finds
nothing costs as much as one that finds a packet) and no port can starve another. A turn ends after
ROUNDS, so that media never starves the control socket.

A far end that is confirmed gets a line: a socket of its own at the same port, see lines.py.
"""

from __future__ import annotations

import errno
import itertools
import resource
import select
import socket
import time
from collections.abc import Callable, Iterable
from typing import Final

from rtp_relay.form import Exit, Flow, Inheritance, Port, Receive, drop
from rtp_relay.forms.lines import FIRST, Beside, connected, open_socket
from rtp_relay.packet import Packet
from rtp_relay.source import Address, address_of
from rtp_relay.stream import Stream
from rtp_relay.tally import Work

EXPEDITED_FORWARDING: Final = 46  # RFC 3246, as RFC 4594 §4.1 wants it for telephony
BUFFER: Final = 65536  # octets, above the largest UDP payload: nothing is ever cut
USUAL: Final = 1501  # octets, above what Ethernet carries: packets up to there are cut from the buffer beforehand
ROUNDS: Final = 8  # of up to BATCH packets in one turn
BATCH: Final = 128
DRAWN: Final = 32  # lines at most in one turn: half a millisecond
LINES: Final = 0.75  # of the descriptors that we may have: beyond, there are no more lines, lest ports get none


class UserPort:
    """A UDP socket of the relay.

    source: where all that comes is from (then `read_into` reads it), or None (`receive_into`, with the source).
    far: who the port has a line to.
    """

    __slots__ = (
        "_first", "_form", "_line", "_socket", "far", "host", "number", "read_into", "receive", "receive_into", "send",
        "send_on", "source", "waits",
    )  # fmt: skip

    def __init__(self, host: str, number: int, opened: socket.socket, form: UserForm) -> None:
        self.host = host
        self.number = number
        self.receive: Receive = drop
        self.waits = False
        self.receive_into: Callable[[bytearray], tuple[int, Address]] = opened.recvfrom_into
        self.send: Callable[[Packet, Address], object] = opened.sendto
        self.source: Address | None = None
        self.far: Address | None = None
        self.read_into: Callable[[bytearray], int] = opened.recv_into
        self.send_on: Callable[[Packet], object] = opened.send
        self._line: socket.socket | None = None
        self._first = 0  # packets that are still to be read with their source
        self._socket = opened
        self._form = form

    def fileno(self) -> int:
        return self._socket.fileno()

    def join(self, line: socket.socket, far: Address) -> None:
        """From now on a line is what is read and sent by; what comes to the port besides is read from a Beside."""
        self._line, self._first, self.far = line, FIRST, far
        self.read_into, self.send_on = line.recv_into, line.send
        self.receive_into = self._receive_first

    def _receive_first(self, buffer: bytearray) -> tuple[int, Address]:
        assert self._line is not None
        got = self._line.recvfrom_into(buffer)
        self._first -= 1
        if not self._first:
            self.source = self.far
        return got

    def part(self) -> int | None:
        """No line any more; the descriptor that it had. What waits in it is lost."""
        line, self._line = self._line, None
        if line is None:
            return None
        self.source = self.far = None
        self.receive_into, self.read_into = self._socket.recvfrom_into, self._socket.recv_into
        self.send_on = self._socket.send
        descriptor = line.fileno()
        line.close()
        return descriptor

    def throw_away(self) -> None:
        """What waits in the socket is for nobody."""
        try:
            while True:
                self._socket.recv(1, socket.MSG_DONTWAIT)
        except OSError:
            return

    def close(self) -> None:
        self.receive = drop
        self._form.forget(self)
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
        self._ports: dict[int, UserPort | Beside] = {}
        self._wanted: dict[UserPort, Address] = {}  # who is to get a line
        self._lined: set[UserPort] = set()  # who has one
        self._last_line = int(resource.getrlimit(resource.RLIMIT_NOFILE)[0] * LINES)  # the highest descriptor of one
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
        try:
            opened = open_socket(host, self._traffic_class)
        except OSError as error:
            self.trouble = str(error)  # out of descriptors, as a rule
            return None
        try:
            opened.bind(address_of(host, number))
        except OSError as error:
            opened.close()
            if error.errno != errno.EADDRINUSE:
                self.trouble = str(error)
            return None
        return opened

    def _made(self, host: str, number: int, opened: socket.socket) -> UserPort:
        return UserPort(host, number, opened, self)

    def forget(self, port: UserPort) -> None:
        """The port is being closed."""
        self._wanted.pop(port, None)
        self._hang_up(port)
        del self._ports[port.fileno()]

    def install(self, port: Port, flow: Flow) -> None:
        """Every packet asks its endpoint. But a far end that is confirmed gets a line, when this turn is over."""
        assert isinstance(port, UserPort)
        if flow.strict and port.far != flow.source:
            self._wanted[port] = flow.source

    def suspend(self, port: Port) -> None:
        """Nothing was kept. A line that there is may stay: who comes by it is judged as before."""
        assert isinstance(port, UserPort)
        self._wanted.pop(port, None)

    def _draw_lines(self) -> None:
        for port in tuple(itertools.islice(self._wanted, DRAWN)):
            far = self._wanted.pop(port, None)
            if far is None:
                continue  # a packet that had waited at another port has changed it
            self._hang_up(port)
            line = self._watched_line(port, far)
            if line is None:
                continue
            own, aside = port.fileno(), Beside(port, port._socket)
            self._empty(aside)
            if not self._empty(Beside(port, line)):
                line.close()  # somebody floods the port: what waits in there is not all told apart
                continue
            port.join(line, far)
            self._lined.add(port)
            self._ports[own], self._ports[line.fileno()] = aside, port

    def _watched_line(self, port: UserPort, far: Address) -> socket.socket | None:
        """None where none can be had: no descriptor to spare, no route, no room in the epoll."""
        try:
            line = connected(port._socket, port.host, port.number, far, self._traffic_class)
        except OSError:
            return None
        try:
            if line.fileno() <= self._last_line:
                self._epoll.register(line.fileno(), select.EPOLLIN)
                return line
        except OSError:
            pass  # it is closed, as one descriptor too many is
        line.close()
        return None

    def _hang_up(self, port: UserPort) -> None:
        descriptor = port.part()
        if descriptor is not None:  # which has left the epoll by being closed
            del self._ports[descriptor]
            self._ports[port.fileno()] = port
            self._lined.discard(port)

    def _empty(self, aside: Beside) -> bool:
        """What came before there was a line is relayed before what comes by it; whether that is all."""
        now = self._clock()
        for _ in range(BATCH):
            try:
                size, source = aside.receive_into(self._buffer)
            except OSError:
                return True
            self.packets += 1
            self.octets += size
            packet = self._view[:size]
            exit = aside.receive(packet, source, now)
            if exit is not None and exit.address is not None and self._send_again(exit, packet, exit.address):
                exit.packets += 1
                exit.octets += size
                self.sent += 1
        return False

    def _send_again(self, exit: Exit, packet: Packet, destination: Address) -> bool:
        """Without a line, which is told of an earlier packet's ICMP error in place of sending the next."""
        try:
            exit.port.send(packet, destination)
        except OSError as error:
            self.send_errors += 1
            exit.fail(error)
            return False
        return True

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
        self._wanted.pop(port, None)
        self._hang_up(port)
        if port.waits:
            port.throw_away()
            self.attend(port)

    def end_inheritance(self) -> int:
        waiting = [port for port in self._ports.values() if isinstance(port, UserPort) and port.waits]
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
                source = port.source
                try:
                    if source is None:
                        size, source = port.receive_into(buffer)
                    else:
                        size = port.read_into(buffer)
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
                out = exit.port
                try:
                    if destination is out.far:
                        out.send_on(packet)
                    else:
                        out.send(packet, destination)
                except OSError as error:
                    if destination is not out.far:
                        self.send_errors += 1
                        exit.fail(error)
                        continue
                    if not self._send_again(exit, packet, destination):
                        continue
                exit.packets += 1
                exit.octets += size
                sent += 1
        if self._wanted:
            self._draw_lines()
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
        for port in tuple(self._lined):
            self._hang_up(port)
        self._epoll.close()

    def shut(self) -> None:
        """Close whatever is still open."""
        for port in tuple(self._lined):
            self._hang_up(port)
        for one in tuple(self._ports.values()):
            if isinstance(one, UserPort):
                one.close()
        for left in self._inherited.values():
            left.close()
        self._epoll.close()


def _say_nothing(descriptor: int) -> None:
    """Nobody keeps sockets."""
