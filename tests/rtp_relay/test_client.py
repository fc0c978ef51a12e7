"""The client against a relay that the test plays by hand."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from rtp_relay import control
from rtp_relay.client import RelayClient
from rtp_relay.framing import commands_in, packets_of
from rtp_relay.process.listener import listen
from rtp_relay.stock import FIRST_BATCH
from tests.rtp_relay.loop import turn

WELCOME = control.Welcome(control.VERSION, "user", "", 0)
LIMIT = 60.0  # seconds that anything may take


class Relay:
    """The other end of the client, at `path`."""

    def __init__(self, path: str) -> None:
        self.listening = listen(path)
        self.connections: list[socket.socket] = []
        self.connection: socket.socket

    async def accept(self) -> list[control.Command]:
        """The next connection's first commands."""
        self.connection, _ = await asyncio.get_running_loop().sock_accept(self.listening)
        self.connection.setblocking(False)
        self.connections.append(self.connection)
        return await self.commands()

    async def commands(self) -> list[control.Command]:
        packet = await asyncio.get_running_loop().sock_recv(self.connection, control.PACKET_LIMIT)
        return commands_in(packet) if packet else []

    def say(self, *events: control.Event) -> None:
        for packet in packets_of(events):
            self.connection.send(packet)

    def close(self) -> None:
        self.listening.close()
        for connection in self.connections:
            connection.close()


class Core:
    """What the client told, as it came."""

    def __init__(self, path: str) -> None:
        self.told: asyncio.Queue[object] = asyncio.Queue()
        put = self.told.put_nowait
        self.client = RelayClient(path, put, lambda: put("lost"), put)

    async def next(self) -> object:
        return await self.told.get()


Play = Callable[[Relay, Core], Awaitable[None]]


@pytest.fixture
def play(tmp_path: Path) -> Callable[[Play], None]:
    path = str(tmp_path / "relay")

    async def run(script: Play) -> None:
        relay, core = Relay(path), Core(path)
        try:
            async with asyncio.timeout(LIMIT):
                core.client.start()
                await script(relay, core)
        finally:
            core.client.close()
            relay.close()

    return lambda script: asyncio.run(run(script))


async def greet(relay: Relay, core: Core) -> None:
    assert await relay.accept() == [control.Hello()]
    relay.say(WELCOME)
    assert await core.next() == WELCOME


def test_it_greets_and_is_ready_when_welcome(play: Callable[[Play], None]) -> None:
    async def script(relay: Relay, core: Core) -> None:
        assert not core.client.send(control.Inventory())
        assert await relay.accept() == [control.Hello()]
        assert not core.client.send(control.Inventory())
        relay.say(WELCOME)
        assert await core.next() == WELCOME
        assert core.client.is_ready
        assert core.client.send(control.Inventory())
        assert await relay.commands() == [control.Inventory()]

    play(script)


def test_commands_of_one_turn_leave_in_one_packet(play: Callable[[Play], None]) -> None:
    async def script(relay: Relay, core: Core) -> None:
        await greet(relay, core)
        said = [control.Query(f"call-{number}") for number in range(50)]
        for command in said:
            core.client.send(command)
        assert await relay.commands() == said
        core.client.send(control.Inventory())
        assert await relay.commands() == [control.Inventory()]

    play(script)


def test_events_come_in_order(play: Callable[[Play], None]) -> None:
    async def script(relay: Relay, core: Core) -> None:
        await greet(relay, core)
        events = [control.Silent(f"call-{number}", 1.0) for number in range(40)]
        for event in events[:20]:
            relay.say(event)
        relay.say(*events[20:])
        assert [await core.next() for _ in events] == events

    play(script)


def test_many_packets_of_events_take_few_turns_of_the_loop(play: Callable[[Play], None]) -> None:
    """On a busy service the loop has 200 a second, and a relay whose events are not read hangs up."""

    async def script(relay: Relay, core: Core) -> None:
        await greet(relay, core)
        for number in range(64):
            relay.say(control.Silent("call", float(number)))
        turns = 0
        while core.told.qsize() < 64:
            await turn()
            turns += 1
        assert turns <= 16

    play(script)


def test_it_comes_back_after_a_loss(play: Callable[[Play], None]) -> None:
    async def script(relay: Relay, core: Core) -> None:
        for _ in range(3):
            await greet(relay, core)
            core.client.send(control.Inventory())
            relay.connection.close()
            assert await core.next() == "lost"
            assert not core.client.send(control.Inventory())
        assert await relay.accept() == [control.Hello()]  # and nothing of before

    play(script)


@pytest.mark.parametrize("packet", [b"rubbish", b"\x91\x01"])
def test_rubbish_from_the_relay_is_a_loss(play: Callable[[Play], None], packet: bytes) -> None:
    async def script(relay: Relay, core: Core) -> None:
        await greet(relay, core)
        relay.connection.send(packet)
        assert await core.next() == "lost"
        await greet(relay, core)

    play(script)


def test_a_slow_relay_gets_everything_in_the_end(play: Callable[[Play], None]) -> None:
    async def script(relay: Relay, core: Core) -> None:
        await greet(relay, core)
        said: list[control.Command] = []
        for batch_number in range(300):
            batch = [control.Query(f"{batch_number}-{number}-" + "x" * 400) for number in range(10)]
            said += batch
            for command in batch:
                assert core.client.send(command)
            core.client._flush()
        assert core.client._unsent  # the socket was full
        heard: list[control.Command] = []
        while len(heard) < len(said):
            heard += await relay.commands()
        assert heard == said
        core.client.send(control.Inventory())
        assert await relay.commands() == [control.Inventory()]

    play(script)


def test_a_relay_that_reads_nothing_is_given_up(
    play: Callable[[Play], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rtp_relay.client.UNSENT_LIMIT", 20)

    async def script(relay: Relay, core: Core) -> None:
        await greet(relay, core)
        while core.client.send(control.Query("x" * 4000)):
            core.client._flush()
        assert await core.next() == "lost"

    play(script)


def test_a_refused_version_is_not_asked_again(play: Callable[[Play], None]) -> None:
    async def script(relay: Relay, core: Core) -> None:
        assert await relay.accept() == [control.Hello()]
        relay.say(control.Refused("", "version 2 is wanted"))
        relay.connection.shutdown(socket.SHUT_RDWR)
        while core.client._socket is not None:
            await turn()
        assert core.client.refusal == "version 2 is wanted"
        assert core.client._retry is None

    play(script)


def test_it_waits_for_a_relay_that_is_not_there_yet(tmp_path: Path) -> None:
    path = str(tmp_path / "relay")

    async def script() -> None:
        core = Core(path)
        core.client.start()
        assert core.client._retry is not None
        relay = Relay(path)
        async with asyncio.timeout(LIMIT):
            await greet(relay, core)
        core.client.close()
        relay.close()

    asyncio.run(script())


LEASING = control.Welcome(control.VERSION, "user", "", 0, ("main",))
TWO_LEGS = control.Reserve("call", (control.LegRequest(0), control.LegRequest(1)))
FOUR_PAIRS = control.Leased("main", "192.0.2.1", (20000, 20002, 20004, 20006), 5.0)


async def greet_with_leases(relay: Relay, core: Core, *answers: control.Event) -> None:
    await relay.accept()
    relay.say(LEASING)
    assert await relay.commands() == [control.Lease("main", FIRST_BATCH)]
    assert not core.client.is_ready
    relay.say(*answers)
    assert await core.next() == LEASING
    assert core.client.is_ready


def test_it_is_ready_when_it_has_ports_and_answers_reserves_itself(play: Callable[[Play], None]) -> None:
    async def script(relay: Relay, core: Core) -> None:
        await greet_with_leases(relay, core, FOUR_PAIRS, control.Refused("", "no more"))
        core.client.send(TWO_LEGS)
        assert core.told.empty()  # not within send
        await turn()
        reserved = core.told.get_nowait()
        assert isinstance(reserved, control.Reserved)
        assert [(lent.address, lent.port) for lent in reserved.lent] == [
            ("192.0.2.1", 20000),
            ("192.0.2.1", 20002),
        ]
        assert (await relay.commands()) == [control.Lease("main", FIRST_BATCH - 4)]  # before: not a word
        core.client.send(control.Bridge("call", 0, 1))
        quiet = control.Reserve(
            "call", (control.LegRequest(0, ports=(20000,)), control.LegRequest(1, ports=(20002,))), quiet=True
        )
        assert await relay.commands() == [quiet, control.Bridge("call", 0, 1)]
        core.client.send(control.Release("call"))
        assert await relay.commands() == [control.Release("call")]
        relay.say(control.Released("call", ()))
        assert await core.next() == control.Released("call", ())

    play(script)


def test_a_call_that_nobody_answers_costs_the_relay_nothing(play: Callable[[Play], None]) -> None:
    async def script(relay: Relay, core: Core) -> None:
        await greet_with_leases(relay, core, FOUR_PAIRS)
        assert await relay.commands() == [control.Lease("main", FIRST_BATCH - 4)]
        core.client.send(TWO_LEGS)
        assert isinstance(await core.next(), control.Reserved)
        core.client.send(control.Release("call"))
        assert await core.next() == control.Released("call", ())
        core.client.send(control.Inventory())
        assert await relay.commands() == [control.Inventory()]

    play(script)


async def begin_two_calls(relay: Relay, core: Core) -> None:
    await greet_with_leases(relay, core, FOUR_PAIRS)
    await relay.commands()
    for call in ("one", "two"):
        core.client.send(control.Reserve(call, TWO_LEGS.legs))
        core.client.send(control.Bridge(call, 0, 1))
    assert len(await relay.commands()) == 4
    assert [type(await core.next()) for _ in range(2)] == [control.Reserved, control.Reserved]


def test_ends_of_calls_wait_for_each_other_and_hold_nothing_up(play: Callable[[Play], None]) -> None:
    async def script(relay: Relay, core: Core) -> None:
        await begin_two_calls(relay, core)
        core.client.send(control.Release("one"))
        await turn()
        core.client.say([control.Release("two"), control.Inventory()])
        assert await relay.commands() == [control.Inventory()]
        assert await relay.commands() == [control.Release("one"), control.Release("two")]

    play(script)


def test_ends_of_calls_that_wait_leave_before_it_hangs_up(play: Callable[[Play], None]) -> None:
    async def script(relay: Relay, core: Core) -> None:
        await begin_two_calls(relay, core)
        core.client.send(control.Release("one"))
        core.client.close()
        assert await relay.commands() == [control.Release("one")]

    play(script)


def test_ends_of_calls_that_wait_are_not_for_the_next_relay(play: Callable[[Play], None]) -> None:
    async def script(relay: Relay, core: Core) -> None:
        await begin_two_calls(relay, core)
        core.client.send(control.Release("one"))
        relay.connection.close()
        assert await core.next() == "lost"
        await greet_with_leases(relay, core, control.Refused("", "no"))
        core.client.send(control.Release("two"))  # which this one has not heard of: it waits for nothing
        assert await relay.commands() == [control.Release("two")]
        core.client.send(control.Inventory())
        assert await relay.commands() == [control.Inventory()]

    play(script)


def test_a_relay_that_refuses_leases_is_asked_for_each_call(play: Callable[[Play], None]) -> None:
    async def script(relay: Relay, core: Core) -> None:
        await greet_with_leases(relay, core, control.Refused("", "no leases here"))
        core.client.send(TWO_LEGS)
        assert await relay.commands() == [TWO_LEGS]
        reserved = control.Reserved("call", (control.Lent(0, 0, "192.0.2.1", 30000, 30001),))
        relay.say(reserved)
        assert await core.next() == reserved
        assert core.client.refusal == ""

    play(script)


def test_a_relay_that_does_not_answer_a_lease_is_ready_all_the_same(
    play: Callable[[Play], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rtp_relay.client.LEASE_PATIENCE", 0.01)

    async def script(relay: Relay, core: Core) -> None:
        await greet_with_leases(relay, core)
        core.client.send(TWO_LEGS)
        assert await relay.commands() == [TWO_LEGS]
        relay.say(FOUR_PAIRS)
        assert await relay.commands() == [control.Lease("main", FIRST_BATCH - 4)]
        core.client.send(control.Reserve("other", TWO_LEGS.legs))
        assert isinstance(await core.next(), control.Reserved)

    play(script)


def test_a_relay_lost_before_its_first_lease_was_never_there(play: Callable[[Play], None]) -> None:
    async def script(relay: Relay, core: Core) -> None:
        await relay.accept()
        relay.say(LEASING)
        await relay.commands()
        relay.connection.close()
        await greet(relay, core)  # and nothing was told of a loss

    play(script)


def test_with_the_connection_the_stock_is_lost(play: Callable[[Play], None]) -> None:
    async def script(relay: Relay, core: Core) -> None:
        await greet_with_leases(relay, core, FOUR_PAIRS)
        core.client.send(TWO_LEGS)
        assert isinstance(await core.next(), control.Reserved)
        relay.connection.close()
        assert await core.next() == "lost"
        await greet_with_leases(relay, core, control.Refused("", "no"))
        core.client.send(control.Release("call"))
        assert await relay.commands() == [control.Release("call")]
        core.client.send(TWO_LEGS)
        assert await relay.commands() == [TWO_LEGS]

    play(script)


def test_nothing_is_answered_once_closed(play: Callable[[Play], None]) -> None:
    async def script(relay: Relay, core: Core) -> None:
        await greet_with_leases(relay, core, FOUR_PAIRS)
        core.client.send(TWO_LEGS)
        core.client.close()
        await turn()
        assert core.told.empty()

    play(script)


def test_close_says_what_was_left_to_say(play: Callable[[Play], None]) -> None:
    async def script(relay: Relay, core: Core) -> None:
        await greet(relay, core)
        core.client.send(control.Release("call"))
        core.client.close()
        assert await relay.commands() == [control.Release("call")]
        assert await relay.commands() == []
        assert core.told.empty()

    play(script)
