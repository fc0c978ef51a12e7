"""SIP over TCP on loopback: framing at every cut, keep-alives, refusals, and connections that come and go."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Awaitable, Callable, Collection

import pytest

from sip_stack.aio.tcp import Limits, TcpListener
from sip_stack.errors import RemoteError
from sip_stack.flow import Flow
from tests.sip_stack.rig import OFFER, request

HOST = "127.0.0.1"
SOON = 60.0
VIA = "SIP/2.0/TCP 127.0.0.1:5060;branch=z9hG4bK1"
FIRST = request(via=VIA, body=OFFER)
SECOND = request("OPTIONS", via=VIA)


class Ear:
    """What a listener was told, and peers that connect to it."""

    def __init__(self, limits: Limits | None = None, known: Collection[str] = (HOST,)) -> None:
        self.messages: asyncio.Queue[tuple[bytes, Flow]] = asyncio.Queue()
        self.errors: asyncio.Queue[tuple[Flow, str]] = asyncio.Queue()
        self.unframed: asyncio.Queue[tuple[bytes, RemoteError]] = asyncio.Queue()
        self.answer_to_unframed = b""
        self.listener = TcpListener(
            "tcp", HOST, 0, lambda data, flow: self.messages.put_nowait((data, flow)), lambda: None,
            lambda flow, cause, quoted: self.errors.put_nowait((flow, cause)), self._unframed, limits,
            known.__contains__,
        )  # fmt: skip

    def _unframed(self, head: bytes, error: RemoteError, flow: Flow) -> None:
        self.unframed.put_nowait((head, error))
        if self.answer_to_unframed:
            self.listener.send(flow, self.answer_to_unframed)

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(HOST, self.listener.port)

    async def heard(self) -> Flow:
        """The flow of a peer, by a message of its."""
        return (await self.messages.get())[1]


class Peer:
    """A server of the peer's: its connections as they are made."""

    def __init__(self) -> None:
        self.connections: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
        self.port = 0

    async def open(self) -> asyncio.Server:
        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.connections.put_nowait((reader, writer))

        server = await asyncio.start_server(accept, HOST, self.port)
        self.port = server.sockets[0].getsockname()[1]
        return server


Scene = Callable[[Ear], Awaitable[None]]


def play(scene: Scene, limits: Limits | None = None, known: Collection[str] = (HOST,)) -> None:
    async def run() -> None:
        ear = Ear(limits, known)
        await ear.listener.start()
        try:
            async with asyncio.timeout(SOON):
                await scene(ear)
        finally:
            await ear.listener.close()
            while ear.listener.connections:
                await ear.errors.get()

    asyncio.run(run())


async def hang_up(writer: asyncio.StreamWriter) -> None:
    writer.close()
    try:
        await writer.wait_closed()
    except ConnectionError:
        pass


def test_two_messages_cut_at_every_octet_are_heard_as_two() -> None:
    async def scene(ear: Ear) -> None:
        _, writer = await ear.connect()
        both = FIRST + SECOND
        for cut in range(1, len(both)):
            writer.write(both[:cut])
            await writer.drain()
            if cut >= len(FIRST):
                assert (await ear.messages.get())[0] == FIRST
            writer.write(both[cut:])
            await writer.drain()
            if cut < len(FIRST):
                assert (await ear.messages.get())[0] == FIRST
            assert (await ear.messages.get())[0] == SECOND
        await hang_up(writer)

    play(scene)


def test_two_that_are_glued_together_come_by_one_flow() -> None:
    async def scene(ear: Ear) -> None:
        _, writer = await ear.connect()
        writer.write(b"\r\n" + FIRST + SECOND + FIRST)
        heard = [await ear.messages.get() for _ in range(3)]
        assert [data for data, _ in heard] == [FIRST, SECOND, FIRST]
        (flow,) = {flow for _, flow in heard}
        assert (flow.transport, flow.local, flow.host) == ("TCP", "tcp", HOST)
        assert flow.port == writer.get_extra_info("sockname")[1]
        assert flow.connection in ear.listener.connections
        await hang_up(writer)

    play(scene)


def test_octet_by_octet() -> None:
    async def scene(ear: Ear) -> None:
        _, writer = await ear.connect()
        for at in range(len(SECOND)):
            writer.write(SECOND[at : at + 1])
            await writer.drain()
        assert (await ear.messages.get())[0] == SECOND
        await hang_up(writer)

    play(scene)


def test_a_ping_gets_a_pong() -> None:
    """RFC 5626 §3.5.1, §4.4.1."""

    async def scene(ear: Ear) -> None:
        reader, writer = await ear.connect()
        writer.write(b"\r\n\r\n")
        assert await reader.readexactly(2) == b"\r\n"
        writer.write(b"\r\n\r\n" + FIRST + b"\r\n\r\n")
        assert await reader.readexactly(4) == b"\r\n\r\n"
        assert (await ear.messages.get())[0] == FIRST
        await hang_up(writer)

    play(scene)


def test_without_content_length_the_request_is_refused_and_the_connection_closed() -> None:
    """RFC 3261 §18.3, §20.14."""

    async def scene(ear: Ear) -> None:
        ear.answer_to_unframed = b"SIP/2.0 400 Bad Request\r\nContent-Length: 0\r\n\r\n"
        reader, writer = await ear.connect()
        writer.write(FIRST + SECOND.replace(b"Content-Length: 0\r\n", b""))
        assert (await ear.messages.get())[0] == FIRST
        head, error = await ear.unframed.get()
        assert head.startswith(b"OPTIONS ") and error.status == 400
        assert await reader.read() == ear.answer_to_unframed
        flow, cause = await ear.errors.get()
        assert flow.connection and "lost" in cause
        assert ear.listener.connections == {}
        await hang_up(writer)

    play(scene)


@pytest.mark.parametrize("drips", [False, True])
def test_half_a_message_is_not_waited_for_for_ever(drips: bool) -> None:
    """However slowly it comes: the time is that of the whole message."""

    async def scene(ear: Ear) -> None:
        reader, writer = await ear.connect()
        writer.write(FIRST[:20])
        eof = asyncio.ensure_future(reader.read())
        at = 20
        while drips and at < len(FIRST) - 1 and not eof.done():
            await asyncio.wait([eof], timeout=0.01)
            writer.write(FIRST[at : at + 1])
            at += 1
        assert await eof == b""
        assert at < len(FIRST) - 1
        assert ear.messages.empty()
        await hang_up(writer)

    play(scene, Limits(half_message=0.1))


def test_a_message_that_is_whole_begins_the_time_anew() -> None:
    async def scene(ear: Ear) -> None:
        reader, writer = await ear.connect()
        eof = asyncio.ensure_future(reader.read())
        writer.write(FIRST[:20])
        for _ in range(8):
            await asyncio.wait([eof], timeout=0.15)
            writer.write(FIRST[20:] + FIRST[:20])
            assert (await ear.messages.get())[0] == FIRST
        assert not eof.done()
        assert await eof == b""
        await hang_up(writer)

    play(scene, Limits(half_message=1.0))


def test_an_idle_connection_is_closed() -> None:
    async def scene(ear: Ear) -> None:
        reader, writer = await ear.connect()
        writer.write(b"\r\n\r\n")  # a keep-alive: it is somebody
        assert await reader.read() == b"\r\n"
        await hang_up(writer)

    play(scene, Limits(idle=0.05))


def test_a_connection_that_says_nothing_at_all_is_closed_sooner() -> None:
    async def scene(ear: Ear) -> None:
        reader, writer = await ear.connect()
        assert await reader.read() == b""
        await hang_up(writer)

    play(scene, Limits(half_message=0.05))


def test_replies_go_by_the_connection_of_the_request_whatever_the_port_says() -> None:
    """RFC 3261 §18.2.2."""

    async def scene(ear: Ear) -> None:
        reader, writer = await ear.connect()
        writer.write(FIRST)
        flow = await ear.heard()
        ear.listener.send(flow._replace(port=5060), SECOND)
        assert await reader.readexactly(len(SECOND)) == SECOND
        await hang_up(writer)

    play(scene)


def test_one_connection_is_made_however_much_is_sent_at_once_and_it_is_used_again() -> None:
    async def scene(ear: Ear) -> None:
        peer = Peer()
        server = await peer.open()
        flow = Flow("TCP", "tcp", HOST, peer.port)
        for data in (FIRST, SECOND):
            ear.listener.send(flow, data)
        reader, writer = await peer.connections.get()
        assert await reader.readexactly(len(FIRST + SECOND)) == FIRST + SECOND
        ear.listener.send(flow, FIRST)
        assert await reader.readexactly(len(FIRST)) == FIRST
        writer.write(SECOND)
        data, back = await ear.messages.get()
        assert data == SECOND and (back.host, back.port) == (HOST, peer.port)
        assert peer.connections.empty()
        await hang_up(writer)
        server.close()

    play(scene)


def test_a_connection_that_is_gone_is_made_anew() -> None:
    async def scene(ear: Ear) -> None:
        peer = Peer()
        server = await peer.open()
        flow = Flow("TCP", "tcp", HOST, peer.port)
        ear.listener.send(flow, FIRST)
        reader, writer = await peer.connections.get()
        await reader.readexactly(len(FIRST))
        await hang_up(writer)
        lost, cause = await ear.errors.get()
        assert lost.port == peer.port and cause.startswith("TCP: connection lost")
        ear.listener.send(lost, SECOND)
        reader, writer = await peer.connections.get()
        assert await reader.readexactly(len(SECOND)) == SECOND
        await hang_up(writer)
        server.close()

    play(scene)


def test_nothing_is_lost_in_a_connection_that_is_being_closed() -> None:
    async def scene(ear: Ear) -> None:
        peer = Peer()
        server = await peer.open()
        flow = Flow("TCP", "tcp", HOST, peer.port)
        ear.listener.send(flow, FIRST)
        reader, writer = await peer.connections.get()
        await reader.readexactly(len(FIRST))
        (connection,) = ear.listener.connections.values()
        connection.close()
        ear.listener.send(flow, SECOND)
        again, other = await peer.connections.get()
        assert await again.readexactly(len(SECOND)) == SECOND
        await hang_up(writer)
        await hang_up(other)
        server.close()

    play(scene)


def test_a_connection_that_is_refused_is_told_with_its_cause() -> None:
    async def scene(ear: Ear) -> None:
        peer = Peer()
        server = await peer.open()
        server.close()
        await server.wait_closed()
        flow = Flow("TCP", "tcp", HOST, peer.port, 77)
        ear.listener.send(flow, FIRST)
        assert ear.errors.empty()
        failed, cause = await ear.errors.get()
        assert failed == flow._replace(connection=0)
        assert cause.startswith("TCP: ") and str(errno.ECONNREFUSED) in cause

    play(scene)


def test_a_connection_that_takes_too_long_is_told_so() -> None:
    async def scene(ear: Ear) -> None:
        with socket.create_server((HOST, 0)) as deaf:
            ear.listener.send(Flow("TCP", "tcp", HOST, deaf.getsockname()[1]), FIRST)
            assert (await ear.errors.get())[1] == "TCP: no answer"

    play(scene, Limits(connect=0.0))


def test_more_connections_than_allowed_are_closed_and_said() -> None:
    async def scene(ear: Ear) -> None:
        _, first = await ear.connect()
        first.write(FIRST)
        await ear.heard()
        reader, second = await ear.connect()
        try:
            assert await reader.read() == b""
        except ConnectionError:
            pass
        assert len(ear.listener.connections) == 1
        peer = Peer()
        server = await peer.open()
        ear.listener.send(Flow("TCP", "tcp", HOST, peer.port), FIRST)
        assert (await ear.errors.get())[1] == "TCP: too many connections"
        for writer in (first, second, (await peer.connections.get())[1]):
            await hang_up(writer)
        server.close()

    play(scene, Limits(connections_of_one_host=1))


def test_strangers_have_a_part_of_the_places_and_no_more() -> None:
    """They are many, trunks are few: a flood of them must not keep a trunk's connection out."""

    async def scene(ear: Ear) -> None:
        _, first = await ear.connect()
        first.write(FIRST)
        await ear.heard()
        reader, second = await ear.connect()
        try:
            assert await reader.read() == b""
        except ConnectionError:
            pass
        ear.listener.is_known = lambda host: True
        _, third = await ear.connect()
        third.write(FIRST)
        await ear.heard()
        ear.listener.is_known = lambda host: False
        await hang_up(first)
        await ear.errors.get()
        _, fourth = await ear.connect()
        fourth.write(FIRST)
        await ear.heard()
        for writer in (second, third, fourth):
            await hang_up(writer)

    play(scene, Limits(connections_of_strangers=1), known=())


def test_a_peer_that_reads_nothing_is_given_up() -> None:
    async def scene(ear: Ear) -> None:
        _, writer = await ear.connect()
        writer.write(FIRST)
        flow = await ear.heard()
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        ear.listener.send(flow, b"x" * (32 << 20))  # more than the kernel takes for a peer
        assert (await ear.errors.get())[0].connection == flow.connection
        writer.transport.abort()

    play(scene, Limits(unsent=65536))
