"""A UDP socket for SIP on asyncio: drained in batches, and told of ICMP errors.

asyncio's own datagram transport reads one datagram a turn of the loop, which costs some ten times as much
as reading until the socket is empty. Unconnected sockets learn of ICMP errors only through the error queue
(IP_RECVERR), where the kernel also quotes the datagram that could not be delivered.

An entry in the error queue raises EPOLLERR, which asyncio tells as readable and writable; other loops may stop
watching a descriptor for good when they see it.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections import deque
from collections.abc import Callable

from sip_stack.flow import Flow

LARGEST_DATAGRAM = 65535
BATCH = 64  # datagrams before the loop's other work has its turn
RECEIVE_BUFFER = 8 << 20  # octets: a pause of 50 ms at 30,000 messages/s is 3.5 MB of the kernel's memory
FLOWS_KEPT = 4_096  # peers; whoever sends from many addresses must not eat the memory
UNSENT_LIMIT = 10_000  # datagrams that wait while the socket's send buffer is full

_IP_RECVERR = 11  # linux/in.h
_IPV6_RECVERR = 25  # linux/in6.h
_SO_RCVBUFFORCE = 33
_NO_ROOM = (errno.EAGAIN, errno.EWOULDBLOCK, errno.ENOBUFS, errno.ENOMEM)


class UdpListener:
    """One bound socket. on_datagram is told of each datagram, on_batch once after some, on_error of failures."""

    def __init__(
        self,
        name: str,
        host: str,
        port: int,
        on_datagram: Callable[[bytes, Flow], None],
        on_batch: Callable[[], None],
        on_error: Callable[[Flow, str, bytes], None],
    ) -> None:
        self.name = name
        self.dropped = 0  # datagrams that found no room to be sent
        self._on_datagram = on_datagram
        self._on_batch = on_batch
        self._on_error = on_error
        self._unsent: deque[tuple[bytes, tuple[str, int]]] = deque()
        self._flows: dict[tuple[str, int], Flow] = {}  # of peers that were heard lately
        self._socket = _bound(host, port)
        self.port: int = self._socket.getsockname()[1]
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._socket, self._read)

    def send(self, flow: Flow, data: bytes) -> None:
        address = (flow.host, flow.port)
        if self._unsent:
            self._queue(data, address)
            return
        try:
            self._socket.sendto(data, address)
        except OSError as error:
            self._not_sent(error, data, address)

    def close(self) -> None:
        self._loop.remove_reader(self._socket)
        self._loop.remove_writer(self._socket)
        self._socket.close()

    def _read(self) -> None:
        receive, flows, tell = self._socket.recvfrom, self._flows, self._on_datagram
        for _ in range(BATCH):
            try:
                data, address = receive(LARGEST_DATAGRAM)
            except BlockingIOError:
                break
            except OSError:
                self._read_errors()
                continue
            place = address[:2]
            tell(data, flows.get(place) or self._flow_from(place))
        self._on_batch()

    def _flow_from(self, place: tuple[str, int]) -> Flow:
        if len(self._flows) >= FLOWS_KEPT:
            self._flows.clear()
        flow = self._flows[place] = Flow("UDP", self.name, *place)
        return flow

    def _read_errors(self) -> None:
        """Take what ICMP has said; each entry quotes the datagram and says whereto it was sent."""
        while True:
            try:
                data, ancillary, _flags, address = self._socket.recvmsg(
                    LARGEST_DATAGRAM, 512, socket.MSG_ERRQUEUE | socket.MSG_DONTWAIT
                )
            except OSError:
                return
            number = next((int.from_bytes(each[2][:4], "little") for each in ancillary), 0)
            cause = errno.errorcode.get(number, "unreachable")
            self._on_error(Flow("UDP", self.name, address[0], address[1]), cause, data)

    def _not_sent(self, error: OSError, data: bytes, address: tuple[str, int]) -> None:
        if error.errno in _NO_ROOM:
            self._queue(data, address)
            return
        # An error that ICMP has left for an earlier datagram is raised but once, so this one goes now. What the
        # error queue says is told in a turn of its own: our caller is in the midst of sending.
        self._loop.call_soon(self._tell_errors)
        try:
            self._socket.sendto(data, address)
        except OSError as second:
            if second.errno in _NO_ROOM:
                self._queue(data, address)
                return
            cause = errno.errorcode.get(second.errno or 0, str(second))
            flow = Flow("UDP", self.name, address[0], address[1])
            self._loop.call_soon(self._tell_error, flow, cause, data)

    def _tell_errors(self) -> None:
        if self._socket.fileno() >= 0:
            self._read_errors()
            self._on_batch()

    def _tell_error(self, flow: Flow, cause: str, data: bytes) -> None:
        self._on_error(flow, cause, data)
        self._on_batch()

    def _queue(self, data: bytes, address: tuple[str, int]) -> None:
        if len(self._unsent) >= UNSENT_LIMIT:
            self.dropped += 1
            return
        if not self._unsent:
            self._loop.add_writer(self._socket, self._write)
        self._unsent.append((data, address))

    def _write(self) -> None:
        waiting, self._unsent = self._unsent, deque()
        self._loop.remove_writer(self._socket)
        while waiting and not self._unsent:
            data, address = waiting.popleft()
            try:
                self._socket.sendto(data, address)
            except OSError as error:
                self._not_sent(error, data, address)
        self._unsent += waiting


def _bound(host: str, port: int) -> socket.socket:
    is_ipv6 = ":" in host
    opened = socket.socket(socket.AF_INET6 if is_ipv6 else socket.AF_INET, socket.SOCK_DGRAM)
    try:
        opened.setblocking(False)
        if is_ipv6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            opened.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVERR, 1)
        else:
            opened.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        with contextlib.suppress(OSError):  # beyond net.core.rmem_max only with CAP_NET_ADMIN
            opened.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, RECEIVE_BUFFER)
        opened.bind((host, port))
    except OSError:
        opened.close()
        raise
    return opened
