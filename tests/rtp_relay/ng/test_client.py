"""The client against two rtpengines that the test plays, on real sockets."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable

import pytest

from rtp_relay import control
from rtp_relay.control import Query, Reserve
from rtp_relay.ng.node import Address
from tests.rtp_relay.ng.core import HOST, LIMIT, Core
from tests.rtp_relay.ng.puppet import Puppet


class Server:
    """A puppet behind a socket. dropped: how many datagrams it is deaf to."""

    def __init__(self, first_port: int) -> None:
        self.puppet = Puppet(HOST, first_port)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.socket.bind((HOST, 0))
        self.address = Address(HOST, self.socket.getsockname()[1])
        self.dropped = 0
        asyncio.get_running_loop().add_reader(self.socket, self._serve)

    def _serve(self) -> None:
        datagram, source = self.socket.recvfrom(65536)
        if self.dropped:
            self.dropped -= 1
        else:
            self.socket.sendto(self.puppet.answer(datagram), source)

    def die(self) -> None:
        asyncio.get_running_loop().remove_reader(self.socket)
        self.socket.close()


def run(test: Callable[[Core, list[Server]], Awaitable[None]], nodes: int = 2) -> None:
    async def running() -> None:
        servers = [Server(30000 + 1000 * number) for number in range(nodes)]
        core = Core([server.address for server in servers])
        try:
            await core.ready(*(server.address for server in servers))
            await asyncio.wait_for(test(core, servers), 2 * LIMIT)
        finally:
            core.client.close()
            for server in servers:
                if server.socket.fileno() >= 0:
                    server.die()

    asyncio.run(running())


def test_a_call_from_ports_to_figures() -> None:
    async def test(core: Core, servers: list[Server]) -> None:
        lent = await core.reserve("call", 0, 1)
        assert lent[0].port != lent[1].port
        core.bridge("call", {0: 4000, 1: 4010})
        core.client.send(Query("call"))
        figures = await core.next()
        assert isinstance(figures, control.Figures)
        (server,) = servers
        assert server.puppet.calls["call"].hears("0") == "1"
        assert len((await core.release("call")).streams) == 2

    run(test, nodes=1)


def test_the_next_call_goes_to_the_other_node_when_one_is_killed() -> None:
    async def test(core: Core, servers: list[Server]) -> None:
        await core.reserve("first", 0, 1)
        holder = next(server for server in servers if "first" in server.puppet.calls)
        (other,) = (server for server in servers if server is not holder)
        other.die()
        lent = await core.reserve("second", 0, 1)  # it would have been the other's turn
        assert sorted(lent) == [0, 1]
        assert "second" in holder.puppet.calls
        await core.until_node(other.address, False)
        await core.reserve("third", 0, 1)
        assert "third" in holder.puppet.calls
        assert core.client.is_ready

    run(test)


def test_a_datagram_that_is_lost_is_sent_again() -> None:
    async def test(core: Core, servers: list[Server]) -> None:
        servers[0].dropped = 1
        assert sorted(await core.reserve("call", 0, 1)) == [0, 1]
        assert servers[0].puppet.commands.count("offer") == 1

    run(test, nodes=1)


def test_the_core_is_told_when_the_last_node_is_gone() -> None:
    async def test(core: Core, servers: list[Server]) -> None:
        servers[0].die()
        assert await core.next() == "lost"
        assert not core.client.say([Reserve("call", ())])
        assert not core.client.send(Query("call"))

    run(test, nodes=1)


@pytest.mark.parametrize("octets", [b"", b"rubbish", b"test-0-1 d6:result4:pong"])
def test_rubbish_from_a_node_harms_nobody(octets: bytes) -> None:
    async def test(core: Core, servers: list[Server]) -> None:
        (server,) = servers
        lent = await core.reserve("call", 0, 1)
        own = next(iter(core.client._sockets.values())).getsockname()
        server.socket.sendto(octets, own)
        assert sorted(await core.reserve("another", 0, 1)) == sorted(lent)

    run(test, nodes=1)
