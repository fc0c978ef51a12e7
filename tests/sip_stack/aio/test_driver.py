"""Sockets, clock and one timer around a core, on loopback."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable

import pytest

from sip_stack.aio import pace
from sip_stack.aio.dice import SystemDice
from sip_stack.aio.driver import Driver
from sip_stack.errors import RemoteError
from sip_stack.events import Event, Failed
from sip_stack.flow import Flow
from sip_stack.invite_client import Invitation, InviteClient
from sip_stack.listeners import Listener
from sip_stack.message import Request, Response, parse
from sip_stack.stack import Stack
from tests.sip_stack.rig import OFFER, request

HOST = "127.0.0.1"
SOON = 60.0
UDP, TCP = Listener("udp", "UDP", HOST, 0), Listener("tcp", "TCP", HOST, 0)


class Core:
    """Keeps what it is given; sends and waits for what it is told to."""

    def __init__(self) -> None:
        self.heard: asyncio.Queue[tuple[bytes, Flow, float]] = asyncio.Queue()
        self.failed: asyncio.Queue[tuple[Flow, str, bytes]] = asyncio.Queue()
        self.kept: asyncio.Queue[float] = asyncio.Queue()
        self.outgoing: list[tuple[Flow, bytes]] = []
        self.deadlines: list[float] = []
        self.turns = 0
        self.after_turn: Callable[[], None] = lambda: None

    def receive(self, data: bytes, flow: Flow, now: float) -> None:
        self.heard.put_nowait((data, flow, now))

    def refuse_unframed(self, head: bytes, error: RemoteError, flow: Flow, now: float) -> None:
        self.outgoing.append((flow, b"SIP/2.0 %d\r\n\r\n" % error.status))

    def transport_failed(self, flow: Flow, reason: str, now: float, quoted: bytes = b"") -> None:
        self.failed.put_nowait((flow, reason, quoted))

    def handle_deadline(self, now: float) -> None:
        while self.deadlines and self.deadlines[0] <= now:
            self.deadlines.pop(0)
            self.kept.put_nowait(now)

    def next_deadline(self) -> float | None:
        return min(self.deadlines, default=None)

    def take_datagrams(self) -> list[tuple[Flow, bytes]]:
        taken, self.outgoing = self.outgoing, []
        return taken

    def after(self) -> None:
        self.turns += 1
        self.after_turn()


class Scene:
    def __init__(self) -> None:
        self.core = Core()
        self.driver = Driver(self.core.after)
        self.ports: dict[str, int] = {}

    async def open(self) -> None:
        bound = await self.driver.listen([(HOST, UDP), (HOST, TCP)])
        self.ports = {listener.name: listener.port for listener in bound}
        self.driver.drive(self.core)


def play(act: Callable[[Scene], Awaitable[None]]) -> None:
    async def run() -> None:
        scene = Scene()
        await scene.open()
        try:
            async with asyncio.timeout(SOON):
                await act(scene)
        finally:
            await scene.driver.close()

    asyncio.run(run())


def peer_socket() -> socket.socket:
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    opened.bind((HOST, 0))
    opened.setblocking(False)
    return opened


async def hear(peer: socket.socket) -> bytes:
    return await asyncio.get_running_loop().sock_recv(peer, 65535)


def test_port_0_is_bound_and_said() -> None:
    async def act(scene: Scene) -> None:
        assert set(scene.ports) == {"udp", "tcp"} and all(scene.ports.values())

    play(act)


def test_what_cannot_be_bound_is_named() -> None:
    async def act(scene: Scene) -> None:
        other = Driver(lambda: None)
        taken = Listener("the trunk", "UDP", HOST, scene.ports["udp"])
        with pytest.raises(OSError, match=r"cannot listen on the trunk: .*in use"):
            await other.listen([(HOST, taken)])
        await other.close()

    play(act)


def test_datagrams_come_with_their_flow_and_the_time_and_replies_leave_in_the_same_turn() -> None:
    async def act(scene: Scene) -> None:
        with peer_socket() as peer:
            flow = Flow("UDP", "udp", HOST, peer.getsockname()[1])
            scene.core.after_turn = lambda: scene.core.outgoing.extend(
                [(flow, b"answer")] * scene.core.heard.qsize()
            )
            before = time.monotonic()
            peer.sendto(b"question", (HOST, scene.ports["udp"]))
            assert await hear(peer) == b"answer"
            data, came_by, now = await scene.core.heard.get()
            assert (data, came_by) == (b"question", flow)
            assert before <= now <= time.monotonic()

    play(act)


@pytest.mark.parametrize("noise", [b"", b"\0", b"\r\n", b"\r\n\r\n", b"\0\0\0\0", b"    "])
def test_keep_alives_over_udp_do_not_reach_the_core(noise: bytes) -> None:
    async def act(scene: Scene) -> None:
        with peer_socket() as peer:
            for data in (noise, b"question"):
                peer.sendto(data, (HOST, scene.ports["udp"]))
            assert (await scene.core.heard.get())[0] == b"question"

    play(act)


def test_deadlines_are_kept_in_their_order_and_never_early() -> None:
    async def act(scene: Scene) -> None:
        start = time.monotonic()
        scene.core.deadlines = [start + 0.03, start + 0.06]
        scene.driver.pump()
        first, second = await scene.core.kept.get(), await scene.core.kept.get()
        assert start + 0.03 <= first < second and start + 0.06 <= second
        assert scene.driver.lag >= 0.0

    play(act)


def test_an_earlier_deadline_takes_the_place_of_a_later_one() -> None:
    async def act(scene: Scene) -> None:
        start = time.monotonic()
        scene.core.deadlines = [start + 3600]
        scene.driver.pump()
        scene.core.deadlines = [start + 0.02, start + 3600]
        scene.driver.pump()
        assert start + 0.02 <= await scene.core.kept.get() < start + 3600

    play(act)


def test_an_owner_that_breaks_stops_no_clock() -> None:
    """Else no timer would be kept until the next datagram: no retransmission, no end of ringing."""

    def break_down() -> None:
        raise RuntimeError("the disk is full")

    async def act(scene: Scene) -> None:
        start = time.monotonic()
        scene.core.deadlines = [start + 0.02]
        scene.core.after_turn = break_down
        with pytest.raises(RuntimeError):
            scene.driver.pump()
        scene.core.after_turn = lambda: None
        assert await scene.core.kept.get() >= start + 0.02

    play(act)


def test_what_taking_the_rest_has_brought_is_sent_before_the_turn_ends() -> None:
    async def act(scene: Scene) -> None:
        with peer_socket() as peer:
            flow = Flow("UDP", "udp", HOST, peer.getsockname()[1])
            scene.core.outgoing = [(flow, b"first")]
            scene.core.after_turn = lambda: scene.core.outgoing.append((flow, b"second"))
            scene.driver.pump()
            assert [await hear(peer), await hear(peer)] == [b"first", b"second"]

    play(act)


def test_a_flow_of_another_transport_finds_a_listener_of_it() -> None:
    """A dialog that has moved to another transport still bears the name of its first listener."""

    async def act(scene: Scene) -> None:
        connected: asyncio.Queue[bytes] = asyncio.Queue()

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            connected.put_nowait(await reader.readexactly(5))
            writer.close()
            await writer.wait_closed()

        server = await asyncio.start_server(accept, HOST, 0)
        scene.core.outgoing = [(Flow("TCP", "udp", HOST, server.sockets[0].getsockname()[1]), b"hello")]
        scene.driver.pump()
        assert await connected.get() == b"hello"
        assert (await scene.core.failed.get())[1].startswith("TCP: connection lost")
        with peer_socket() as peer:
            scene.core.outgoing = [(Flow("UDP", "tcp", HOST, peer.getsockname()[1]), b"hello")]
            scene.driver.pump()
            assert await hear(peer) == b"hello"
        server.close()

    play(act)


def test_a_refusal_of_what_cannot_be_framed_leaves_before_the_connection_is_closed() -> None:
    async def act(scene: Scene) -> None:
        reader, writer = await asyncio.open_connection(HOST, scene.ports["tcp"])
        via = "SIP/2.0/TCP 127.0.0.1;branch=z9hG4bK1"
        writer.write(request(via=via).replace(b"Content-Length: 0\r\n", b""))
        assert await reader.read() == b"SIP/2.0 400\r\n\r\n"
        await scene.core.failed.get()
        writer.close()
        await writer.wait_closed()

    play(act)


def test_icmp_is_told_with_what_it_quotes() -> None:
    async def act(scene: Scene) -> None:
        with peer_socket() as peer:
            nobody = peer.getsockname()[1]
        flow = Flow("UDP", "udp", HOST, nobody)
        scene.core.outgoing = [(flow, b"anybody?")]
        scene.driver.pump()
        assert await scene.core.failed.get() == (flow, "ECONNREFUSED", b"anybody?")

    play(act)


def test_after_close_nothing_reaches_the_core_and_pump_does_nothing() -> None:
    async def run() -> None:
        scene = Scene()
        await scene.open()
        scene.core.deadlines = [time.monotonic() + 3600]
        scene.driver.pump()
        await scene.driver.close()
        turns = scene.core.turns
        scene.driver.pump()
        assert scene.core.turns == turns

    asyncio.run(run())


# Rests, and pumping for many at once.


def rest_test(act: Callable[[Scene, asyncio.Queue[tuple[float, int]]], Awaitable[None]]) -> None:
    """act is told of each rest that the driver would take, and of the turns that were before."""

    async def run() -> None:
        scene = Scene()
        rests: asyncio.Queue[tuple[float, int]] = asyncio.Queue()
        scene.driver = Driver(scene.core.after, sleep=lambda rest: rests.put_nowait((rest, scene.core.turns)))
        await scene.open()
        try:
            async with asyncio.timeout(SOON):
                await act(scene, rests)
        finally:
            await scene.driver.close()

    asyncio.run(run())


def test_a_busy_driver_has_sent_all_before_it_rests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "BUSY_RATE", 0)

    async def act(scene: Scene, rests: asyncio.Queue[tuple[float, int]]) -> None:
        with peer_socket() as peer:
            turns = scene.core.turns
            peer.sendto(b"question", (HOST, scene.ports["udp"]))
            assert await rests.get() == (pace.REST, turns + 1)
            await scene.core.heard.get()
            peer.sendto(b"question", (HOST, scene.ports["udp"]))
            assert await rests.get() == (pace.REST, turns + 2)

    rest_test(act)


def test_a_driver_with_little_to_do_takes_no_rest() -> None:
    async def act(scene: Scene, rests: asyncio.Queue[tuple[float, int]]) -> None:
        with peer_socket() as peer:
            for _ in range(20):
                peer.sendto(b"question", (HOST, scene.ports["udp"]))
                await scene.core.heard.get()
        assert rests.empty()

    rest_test(act)


async def turn_of_the_loop() -> None:
    loop = asyncio.get_running_loop()
    over = loop.create_future()
    loop.call_soon(over.set_result, None)
    await over


def test_many_who_want_to_pump_soon_are_served_by_one_turn() -> None:
    async def act(scene: Scene) -> None:
        turns = scene.core.turns
        for _ in range(5):
            scene.driver.pump_soon()
        assert scene.core.turns == turns
        await turn_of_the_loop()
        assert scene.core.turns == turns + 1
        scene.driver.pump_soon()
        await turn_of_the_loop()
        assert scene.core.turns == turns + 2

    play(act)


def test_who_wants_to_pump_soon_within_a_turn_has_it_at_once() -> None:
    async def act(scene: Scene) -> None:
        flow = Flow("UDP", "udp", HOST, 9)
        sent: list[int] = []

        def after_turn() -> None:
            if not sent:
                sent.append(scene.core.turns)
                scene.core.outgoing.append((flow, b"more"))
                scene.driver.pump_soon()

        scene.core.after_turn = after_turn
        turns = scene.core.turns
        scene.driver.pump()
        assert scene.core.turns == turns + 2 and not scene.core.outgoing

    play(act)


# With the stack itself.


class Living:
    """A stack that is driven."""

    def __init__(self) -> None:
        self.told: asyncio.Queue[Event] = asyncio.Queue()
        self.driver = Driver(self._take)
        self.stack: Stack | None = None

    def _take(self) -> None:
        if self.stack is not None:
            self.stack.dispatch_events()

    def handle(self, event: Event, now: float) -> None:
        self.told.put_nowait(event)

    async def open(self) -> Stack:
        class Driven(Stack):
            def take_datagrams(self) -> list[tuple[Flow, bytes]]:
                taken, self.outgoing = self.outgoing, []
                return taken

        stack = Driven(await self.driver.listen([(HOST, UDP)]), SystemDice())
        stack.front = self
        self.stack = stack
        self.driver.drive(stack)
        return stack


def invitation(uri: str) -> Invitation:
    return Invitation(
        uri=uri, local_value="<sip:us@127.0.0.1>;tag=us1", remote_value=f"<{uri}>", local_tag="us1", call_id="ours1",
        cseq=1, fields="", body=OFFER,
    )  # fmt: skip


def test_an_invite_to_nobody_fails_at_once() -> None:
    async def run() -> None:
        living = Living()
        stack = await living.open()
        with peer_socket() as peer:
            port = peer.getsockname()[1]
        client = InviteClient(
            stack, living, invitation(f"sip:{HOST}:{port}"), Flow("UDP", "udp", HOST, port), None
        )
        client.start(time.monotonic())
        living.driver.pump()
        async with asyncio.timeout(SOON):
            assert await living.told.get() == Failed(client, None, "ECONNREFUSED")
        await living.driver.close()

    asyncio.run(run())


def test_a_silent_peer_hears_the_invite_again_after_t1() -> None:
    async def run() -> None:
        living = Living()
        stack = await living.open()
        with peer_socket() as peer:
            port = peer.getsockname()[1]
            client = InviteClient(
                stack, living, invitation(f"sip:{HOST}:{port}"), Flow("UDP", "udp", HOST, port), None
            )
            start = time.monotonic()
            client.start(start)
            living.driver.pump()
            async with asyncio.timeout(SOON):
                first, second = await hear(peer), await hear(peer)
            assert first == second
            assert time.monotonic() - start >= stack.intervals.t1
            sent = parse(first)
            assert isinstance(sent, Request) and sent.uri == f"sip:{HOST}:{port}"
        await living.driver.close()

    asyncio.run(run())


def test_a_peer_is_answered_where_its_via_says() -> None:
    async def run() -> None:
        living = Living()
        stack = await living.open()
        port = next(iter(stack.listeners.values())).port
        with peer_socket() as peer:
            via = f"SIP/2.0/UDP {HOST}:{peer.getsockname()[1]};branch=z9hG4bK1;rport"
            peer.sendto(request("BYE", via=via, to_value="<sip:us@127.0.0.1>;tag=gone"), (HOST, port))
            async with asyncio.timeout(SOON):
                answer = parse(await hear(peer))
            assert isinstance(answer, Response) and answer.status == 481
        await living.driver.close()

    asyncio.run(run())
