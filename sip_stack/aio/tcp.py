"""SIP over TCP on asyncio: connections that are accepted and made, framed, and reused (RFC 3261 §18, RFC 5923)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from sip_stack.errors import RemoteError
from sip_stack.flow import Flow
from sip_stack.framing import StreamFraming

PING, PONG = b"\r\n\r\n", b"\r\n"  # RFC 5626 §3.5.1

OnMessage = Callable[[bytes, Flow], None]
OnError = Callable[[Flow, str, bytes], None]
OnUnframed = Callable[[bytes, RemoteError, Flow], None]


@dataclass(frozen=True, slots=True)
class Limits:
    """What a peer may take of our patience (seconds) and of our memory.

    half_message: for a message that has begun to be whole, however its octets drip in.
    idle: without a message or keep-alive. connections_of_strangers: those of hosts that are not known, all together,
    so that they leave room for the others.
    unsent: octets that a peer may leave unread before its connection is given up.
    """

    connect: float = 4.0
    half_message: float = 10.0
    idle: float = 3600.0
    connections: int = 2000
    connections_of_one_host: int = 200
    connections_of_strangers: int = 500
    unsent: int = 1 << 20


class TcpListener:
    """A listening socket, and every connection to or from its address. start() binds it."""

    def __init__(
        self,
        name: str,
        host: str,
        port: int,
        on_message: OnMessage,
        on_batch: Callable[[], None],
        on_error: OnError,
        on_unframed: OnUnframed,
        limits: Limits | None = None,
        is_known: Callable[[str], bool] = lambda host: True,
    ) -> None:
        """is_known: whether a numeric address is one that we expect connections from."""
        self.name = name
        self.host = host
        self.port = port
        self.on_message = on_message
        self.on_batch = on_batch
        self.on_error = on_error
        self.on_unframed = on_unframed
        self.limits = limits or Limits()
        self.is_known = is_known
        self._strangers = 0  # connections that such hosts have made
        self.connections: dict[int, Connection] = {}
        self._by_peer: dict[tuple[str, int], Connection] = {}
        self._connecting: dict[tuple[str, int], tuple[asyncio.Task[None], list[bytes]]] = {}
        self._last = 0
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """OSError when the address is taken or is not ours."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: Connection(self), self.host, self.port, reuse_address=True
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for task, _ in list(self._connecting.values()):
            task.cancel()
        for connection in list(self.connections.values()):
            connection.close()

    def send(self, flow: Flow, data: bytes) -> None:
        """By the connection of the flow; when it is gone, by another to that address, or a new one."""
        connection = self.connections.get(flow.connection)
        if connection is None or connection.is_closing:
            connection = self._by_peer.get((flow.host, flow.port))
        if connection is not None and not connection.is_closing:
            connection.write(data)
            return
        waiting = self._connecting.get((flow.host, flow.port))
        if waiting is not None:
            waiting[1].append(data)
            return
        task = asyncio.get_running_loop().create_task(self._connect(flow))
        self._connecting[flow.host, flow.port] = (task, [data])

    async def _connect(self, flow: Flow) -> None:
        peer = (flow.host, flow.port)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self.limits.connect):
                _, connection = await loop.create_connection(
                    lambda: Connection(self, peer), flow.host, flow.port, local_addr=(self.host, 0)
                )
        except (OSError, TimeoutError) as error:
            self._connecting.pop(peer)
            self._tell_not_connected(flow, str(error) or "no answer")
            return
        _, waiting = self._connecting.pop(peer)
        if not connection.number:
            self._tell_not_connected(flow, "too many connections")
            return
        for data in waiting:
            connection.write(data)

    def _tell_not_connected(self, flow: Flow, cause: str) -> None:
        self.on_error(flow._replace(connection=0), f"TCP: {cause}", b"")
        self.on_batch()

    # From connections.

    def opened(self, connection: Connection) -> int:
        """The number of a new connection; 0 when there are too many and it is to be closed."""
        of_this_host = sum(1 for each in self.connections.values() if each.peer[0] == connection.peer[0])
        limits = self.limits
        if len(self.connections) >= limits.connections or of_this_host >= limits.connections_of_one_host:
            return 0
        if connection.is_strangers:
            if self._strangers >= limits.connections_of_strangers:
                return 0
            self._strangers += 1
        self._last += 1
        self.connections[self._last] = connection
        self._by_peer[connection.peer] = connection
        return self._last

    def closed(self, connection: Connection, cause: str) -> None:
        self.connections.pop(connection.number, None)
        if self._by_peer.get(connection.peer) is connection:
            del self._by_peer[connection.peer]
        if connection.number:
            self._strangers -= connection.is_strangers
            flow = Flow("TCP", self.name, *connection.peer, connection.number)
            self.on_error(flow, cause, b"")
            self.on_batch()


class Connection(asyncio.Protocol):
    """One TCP connection. What it brings is framed; what it cannot be framed by closes it (RFC 3261 §18.3)."""

    def __init__(self, listener: TcpListener, peer: tuple[str, int] | None = None) -> None:
        self.peer = peer or ("", 0)
        self.number = 0
        self._listener = listener
        self._framing = StreamFraming()
        self._transport: asyncio.Transport | None = None
        self._loop = asyncio.get_running_loop()
        self._deadline: asyncio.TimerHandle | None = None
        self._is_ours = peer is not None
        self.is_strangers = False  # made by a host that is not known
        self._is_halfway = False  # within a message, whose deadline stands until it is whole

    @property
    def is_closing(self) -> bool:
        return self._transport is None or self._transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        stream = cast(asyncio.Transport, transport)
        self._transport = stream
        stream.set_write_buffer_limits(high=self._listener.limits.unsent)
        host, port = stream.get_extra_info("peername")[:2]
        self.peer = (host, port)
        self.is_strangers = not self._is_ours and not self._listener.is_known(host)
        self.number = self._listener.opened(self)
        if not self.number:
            stream.abort()
            return
        limits = self._listener.limits
        # Who connects to us has something to say: a silent one must not keep its place for an hour.
        self._wait(limits.idle if self._is_ours else limits.half_message)

    def data_received(self, data: bytes) -> None:
        flow = Flow("TCP", self._listener.name, *self.peer, self.number)
        messages = self._framing.feed(data)
        for message in messages:
            self._listener.on_message(message, flow)
        for _ in range(min(self._framing.take_pings(), 16)):
            self.write(PONG)
        failure = self._framing.failure
        if failure is not None:
            self._listener.on_unframed(self._framing.failed_head, failure, flow)
        self._listener.on_batch()
        if failure is not None:
            self.close()
        elif self._framing.is_idle:
            self._is_halfway = False
            self._wait(self._listener.limits.idle)
        elif messages or not self._is_halfway:
            self._is_halfway = True
            self._wait(self._listener.limits.half_message)

    def connection_lost(self, error: Exception | None) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._listener.closed(self, f"TCP: connection lost{f' ({error})' if error else ''}")

    def pause_writing(self) -> None:
        """The peer reads nothing: as good as gone."""
        if self._transport is not None:
            self._transport.abort()

    def write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def _wait(self, seconds: float) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = self._loop.call_later(seconds, self.close)
