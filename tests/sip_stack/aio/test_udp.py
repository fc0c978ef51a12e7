"""The UDP socket on each loop that the service may run on."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable

import pytest

from sip_stack.aio.udp import UdpListener
from sip_stack.flow import Flow

HOST = "127.0.0.1"
SOON = 5.0


def _loops() -> list[Callable[[], asyncio.AbstractEventLoop]]:
    loops: list[Callable[[], asyncio.AbstractEventLoop]] = [asyncio.new_event_loop]
    try:
        import uvloop
    except ImportError:
        return loops
    return [*loops, uvloop.new_event_loop]


class Ear:
    """What a listener was told."""

    def __init__(self) -> None:
        self.datagrams: asyncio.Queue[tuple[bytes, Flow]] = asyncio.Queue()
        self.errors: asyncio.Queue[tuple[Flow, str, bytes]] = asyncio.Queue()
        self.listener = UdpListener(
            "udp",
            HOST,
            0,
            lambda data, flow: self.datagrams.put_nowait((data, flow)),
            lambda: None,
            self._failed,
        )

    def _failed(self, flow: Flow, cause: str, quoted: bytes) -> None:
        self.errors.put_nowait((flow, cause, quoted))


def play(
    loop_factory: Callable[[], asyncio.AbstractEventLoop], scene: Callable[[Ear], Awaitable[None]]
) -> None:
    async def run() -> None:
        ear = Ear()
        try:
            async with asyncio.timeout(SOON):
                await scene(ear)
        finally:
            ear.listener.close()

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(run())


def closed_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.mark.parametrize("loop_factory", _loops())
def test_it_hears_on_after_icmp_has_said_no(loop_factory: Callable[[], asyncio.AbstractEventLoop]) -> None:
    async def scene(ear: Ear) -> None:
        for number in range(3):  # the first must not be the last
            nobody = closed_port()
            ear.listener.send(Flow("UDP", "udp", HOST, nobody), b"anybody?")
            flow, cause, quoted = await ear.errors.get()
            assert (flow.port, cause, quoted) == (nobody, "ECONNREFUSED", b"anybody?")
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
                peer.sendto(b"%d" % number, (HOST, ear.listener.port))
                data, flow = await ear.datagrams.get()
                assert (data, flow.port) == (b"%d" % number, peer.getsockname()[1])

    play(loop_factory, scene)


@pytest.mark.parametrize("loop_factory", _loops())
def test_more_than_a_batch_is_heard_to_the_last(
    loop_factory: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    async def scene(ear: Ear) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            for number in range(200):
                peer.sendto(b"%d" % number, (HOST, ear.listener.port))
            heard = [(await ear.datagrams.get())[0] for _ in range(200)]
            assert heard == [b"%d" % number for number in range(200)]

    play(loop_factory, scene)
