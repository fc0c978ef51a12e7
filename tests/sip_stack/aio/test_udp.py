"""The UDP socket on each loop that the service may run on."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Awaitable, Callable

import pytest

from sip_stack.aio import udp
from sip_stack.aio.udp import UdpListener
from sip_stack.flow import Flow
from tests.rtp_relay.conformance.passage import over_loopback, pinned

HOST = "127.0.0.1"

SOON = 60.0


class Ear:
    """What a listener was told."""

    def __init__(self) -> None:
        self.datagrams: asyncio.Queue[tuple[bytes, Flow]] = asyncio.Queue()
        self.errors: asyncio.Queue[tuple[Flow, str, bytes]] = asyncio.Queue()
        self.batches: asyncio.Queue[int] = asyncio.Queue()  # how many datagrams had come by then
        self.listener = UdpListener(
            "udp",
            HOST,
            0,
            lambda data, flow: self.datagrams.put_nowait((data, flow)),
            lambda: self.batches.put_nowait(self.datagrams.qsize()),
            self._failed,
        )

    def _failed(self, flow: Flow, cause: str, quoted: bytes) -> None:
        self.errors.put_nowait((flow, cause, quoted))


def play(scene: Callable[[Ear], Awaitable[None]]) -> None:
    async def run() -> None:
        ear = Ear()
        try:
            async with asyncio.timeout(SOON):
                await scene(ear)
        finally:
            ear.listener.close()

    with asyncio.Runner() as runner:
        runner.run(run())


def closed_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def test_it_hears_on_after_icmp_has_said_no() -> None:
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

    play(scene)


def test_more_than_a_batch_is_heard_to_the_last() -> None:
    async def scene(ear: Ear) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            for number in range(200):
                peer.sendto(b"%d" % number, (HOST, ear.listener.port))
            heard = [(await ear.datagrams.get())[0] for _ in range(200)]
            assert heard == [b"%d" % number for number in range(200)]

    play(scene)


def test_a_peer_keeps_its_flow_and_many_do_not_eat_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(udp, "FLOWS_KEPT", 3)

    async def scene(ear: Ear) -> None:
        heard = []
        for _ in range(5):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
                peer.bind((HOST, 0))
                for _ in range(2):
                    peer.sendto(b"x", (HOST, ear.listener.port))
                    heard.append((await ear.datagrams.get())[1])
                assert heard[-1] is heard[-2] and heard[-1] == Flow("UDP", "udp", HOST, peer.getsockname()[1])
                assert len(ear.listener._flows) <= 3

    play(scene)


def test_icmp_is_told_in_a_turn_of_its_own_and_not_while_another_datagram_is_being_sent() -> None:
    """The one who sends is in the midst of something; an event born there would wait for the next packet."""

    async def scene(ear: Ear) -> None:
        nobody = [closed_port(), closed_port()]
        for number, port in enumerate(nobody):
            ear.listener.send(Flow("UDP", "udp", HOST, port), b"%d" % number)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            peer.bind((HOST, 0))
            peer.settimeout(SOON)
            ear.listener.send(Flow("UDP", "udp", HOST, peer.getsockname()[1]), b"live")
            assert ear.errors.empty()
            assert peer.recv(100) == b"live"
        told = [await ear.errors.get() for _ in nobody]
        assert [(flow.port, quoted) for flow, _, quoted in told] == [(nobody[0], b"0"), (nobody[1], b"1")]
        assert ear.batches.qsize() >= 1

    play(scene)


def test_what_is_too_large_is_told_with_what_could_not_be_sent() -> None:
    async def scene(ear: Ear) -> None:
        flow, data = Flow("UDP", "udp", HOST, closed_port()), b"x" * 70000
        ear.listener.send(flow, data)
        assert ear.errors.empty()
        assert await ear.errors.get() == (flow, "EMSGSIZE", data)

    play(scene)


class Full:
    """A socket whose send buffer is full for a while."""

    def __init__(self, real: socket.socket, times: int, last: OSError | None = None) -> None:
        self.real = real
        self.times = times
        self.last = last

    def sendto(self, data: bytes, address: tuple[str, int]) -> int:
        if self.times:
            self.times -= 1
            raise BlockingIOError(errno.EAGAIN, "full")
        if self.last is not None:
            error, self.last = self.last, None
            raise error
        return self.real.sendto(data, address)

    def __getattr__(self, name: str) -> object:
        return getattr(self.real, name)


@pytest.mark.parametrize("last", [None, ConnectionRefusedError(errno.ECONNREFUSED, "of an earlier one")])
def test_what_finds_no_room_waits_and_keeps_its_order(last: OSError | None) -> None:
    async def scene(ear: Ear) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            peer.bind((HOST, 0))
            peer.setblocking(False)
            ear.listener._socket = Full(ear.listener._socket, 3, last)  # type: ignore[assignment]
            flow = Flow("UDP", "udp", HOST, peer.getsockname()[1])
            for number in range(20):
                ear.listener.send(flow, b"%d" % number)
            loop = asyncio.get_running_loop()
            heard = [await loop.sock_recv(peer, 100) for _ in range(20)]
            assert heard == [b"%d" % number for number in range(20)]
            assert ear.listener.dropped == 0

    play(scene)


def test_there_is_an_end_to_what_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(udp, "UNSENT_LIMIT", 5)

    async def scene(ear: Ear) -> None:
        ear.listener._socket = Full(ear.listener._socket, 100)  # type: ignore[assignment]
        for _ in range(8):
            ear.listener.send(Flow("UDP", "udp", HOST, ear.listener.port), b"x")
        assert ear.listener.dropped == 3

    play(scene)


def test_a_batch_is_told_once_after_its_datagrams() -> None:
    async def scene(ear: Ear) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer, pinned():
            for _ in range(10):
                peer.sendto(b"x", (HOST, ear.listener.port))
            over_loopback().wait()  # all are there
        assert await ear.batches.get() == 10

    play(scene)


def test_ipv6_flows_have_no_brackets() -> None:
    async def run() -> None:
        heard: asyncio.Queue[Flow] = asyncio.Queue()
        listener = UdpListener(
            "six", "::1", 0, lambda data, flow: heard.put_nowait(flow), lambda: None, lambda *_: None
        )
        listener.send(Flow("UDP", "six", "::1", listener.port), b"to myself")
        async with asyncio.timeout(SOON):
            assert await heard.get() == Flow("UDP", "six", "::1", listener.port)
        listener.close()

    asyncio.run(run())


def test_an_address_that_is_taken_is_an_os_error() -> None:
    async def scene(ear: Ear) -> None:
        with pytest.raises(OSError, match="in use"):
            UdpListener("udp", HOST, ear.listener.port, lambda *_: None, lambda: None, lambda *_: None)

    play(scene)
