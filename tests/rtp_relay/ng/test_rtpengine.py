"""The client against the real daemon: what puppet.py pretends is what rtpengine does, and packets go through."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest

from rtp_relay import control
from rtp_relay.control import Direct, LegRequest, Refused, Reserve, Reserved
from tests.rtp_relay.ng.core import HOST, LIMIT, Core
from tests.rtp_relay.ng.daemon import Daemon, missing
from tests.rtp_relay.packets import rtp

A_MOMENT = 0.5  # seconds, for what is not to come

pytestmark = [
    pytest.mark.sipp,  # it has the machine to itself
    pytest.mark.skipif(bool(missing()), reason=missing()),
]

@contextmanager
def far_ends(count: int) -> Iterator[list[socket.socket]]:
    with ExitStack() as opened:
        made = [opened.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) for _ in range(count)]
        for each in made:
            each.bind((HOST, 0))
            each.setblocking(False)
        yield made


def port_of(opened: socket.socket) -> int:
    return int(opened.getsockname()[1])


async def passes(
    sender: socket.socket, to: control.Lent, receiver: socket.socket, number: int, within: float = LIMIT
) -> bool:  # fmt: skip
    """Whether a packet that goes in comes out."""
    packet = rtp(number, ssrc=port_of(sender))
    sender.sendto(packet, (to.address, to.port))
    try:
        async with asyncio.timeout(within):
            return await asyncio.get_running_loop().sock_recv(receiver, 2000) == packet
    except TimeoutError:
        return False


def run(test: Callable[[Core, list[Daemon]], Awaitable[None]], daemons: int = 1) -> None:
    async def running(started: list[Daemon]) -> None:
        core = Core([daemon.address for daemon in started])
        try:
            await core.ready(*(daemon.address for daemon in started))
            await asyncio.wait_for(test(core, started), 3 * LIMIT)
        finally:
            core.client.close()

    with ExitStack() as stack:
        started: list[Daemon] = []
        for _ in range(daemons):
            started.append(Daemon())
            stack.callback(started[-1].close)
        asyncio.run(running(started))


def test_a_fork_a_bridge_and_the_figures() -> None:
    async def test(core: Core, _: list[Daemon]) -> None:
        lent = await core.reserve("call", 0, 1, 2)
        with far_ends(3) as ends:
            for leg in (0, 1, 2):  # nobody hears anybody yet
                assert not await passes(ends[leg], lent[leg], ends[(leg + 1) % 3], 1, A_MOMENT)
            core.bridge("call", {0: port_of(ends[0]), 2: port_of(ends[2])})
            await core.release("call", 1)
            assert await passes(ends[0], lent[0], ends[2], 2)
            assert await passes(ends[2], lent[2], ends[0], 2)
            released = await core.release("call")
            counted = {one.leg: (one.packets, one.sent_packets, one.far) for one in released.streams}
            assert counted[0][1:] == (counted[2][0], f"{HOST}:{port_of(ends[0])}")
            assert counted[0][0] >= 1 and counted[2][0] >= 1

    run(test)


def test_early_media_one_way_and_then_both() -> None:
    async def test(core: Core, _: list[Daemon]) -> None:
        lent = await core.reserve("call", 0, 1)
        with far_ends(2) as (a, b):
            ports = {0: port_of(a), 1: port_of(b)}
            core.bridge("call", ports, a_to_b=False)
            await core.release("call", 7)  # of a leg that is not there: answered when what was before it is done
            assert await passes(b, lent[1], a, 1)
            assert not await passes(a, lent[0], b, 1, A_MOMENT)
            core.bridge("call", ports)
            await core.release("call", 7)
            assert await passes(a, lent[0], b, 2)
            await core.release("call")

    run(test)


def test_a_stranger_is_not_heard() -> None:
    async def test(core: Core, _: list[Daemon]) -> None:
        lent = await core.reserve("call", 0, 1)
        with far_ends(3) as (a, b, stranger):
            core.bridge("call", {0: port_of(a), 1: port_of(b)})
            await core.release("call", 7)
            assert not await passes(stranger, lent[0], b, 1, A_MOMENT)
            assert await passes(a, lent[0], b, 1)
            await core.release("call")

    run(test)


def test_a_far_end_that_moves_keeps_our_ports() -> None:
    async def test(core: Core, _: list[Daemon]) -> None:
        lent = await core.reserve("call", 0, 1)
        with far_ends(3) as (a, b, moved):
            core.bridge("call", {0: port_of(a), 1: port_of(b)})
            core.client.say([Direct("call", 1, 0, HOST, port_of(moved), 0, latch=False, relatch=True)])
            await core.release("call", 7)
            assert await passes(a, lent[0], moved, 1)
            assert await passes(moved, lent[1], a, 1)
            await core.release("call")

    run(test)


def test_fax_goes_through_the_ports_of_the_speech_before_it() -> None:
    async def test(core: Core, _: list[Daemon]) -> None:
        lent = await core.reserve("call", 0, 1)
        with far_ends(2) as (a, b):
            ports = {0: port_of(a), 1: port_of(b)}
            core.bridge("call", ports)
            core.client.say([
                Direct("call", leg, 0, HOST, port, 0, kind="udptl", latch=False) for leg, port in ports.items()
            ])  # fmt: skip
            await core.release("call", 7)
            a.sendto(b"\x00\x01fax", (HOST, lent[0].port))
            assert await asyncio.wait_for(asyncio.get_running_loop().sock_recv(b, 2000), LIMIT) == b"\x00\x01fax"
            await core.release("call")

    run(test)


def test_a_medium_more() -> None:
    async def test(core: Core, _: list[Daemon]) -> None:
        lent = await core.reserve("call", 0, 1)
        with far_ends(2) as (a, b):
            core.bridge("call", {0: port_of(a), 1: port_of(b)})
            core.client.say([Reserve("call", (LegRequest(0, "", 1, (), 1), LegRequest(1, "", 1, (), 1)))])
            more = await core.next()
            assert isinstance(more, Reserved)
            assert {(one.leg, one.medium) for one in more.lent} == {(0, 1), (1, 1)}
            assert await passes(a, lent[0], b, 1)
            await core.release("call")

    run(test)


def test_a_call_that_has_ended_is_not_there_any_more() -> None:
    async def test(core: Core, _: list[Daemon]) -> None:
        await core.reserve("call", 0, 1)
        await core.release("call")
        core.client.say([Reserve("call", (LegRequest(0, "", 1, (30000,)),))])
        assert isinstance(await core.next(), Refused)

    run(test)


def test_the_next_call_goes_to_the_other_node_when_one_is_killed() -> None:
    async def test(core: Core, daemons: list[Daemon]) -> None:
        await core.reserve("first", 0, 1)
        await core.reserve("second", 0, 1)  # the other's
        daemons[0].kill()
        await core.until_node(daemons[0].address, False)
        lent = await core.reserve("third", 0, 1)
        with far_ends(2) as (a, b):
            core.bridge("third", {0: port_of(a), 1: port_of(b)})
            await core.release("third", 7)
            assert await passes(a, lent[0], b, 1)
        for call in ("first", "second", "third"):
            await core.release(call)

    run(test, daemons=2)
