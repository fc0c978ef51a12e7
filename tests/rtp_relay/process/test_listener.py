from __future__ import annotations

import asyncio
import socket
import stat
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from rtp_relay import control
from rtp_relay.errors import StartError
from rtp_relay.form import Interface
from rtp_relay.forms.memory import MemoryForm
from rtp_relay.framing import events_in, packets_of
from rtp_relay.process.listener import Listener, listen
from rtp_relay.relay import Relay, Settings
from tests.rtp_relay.loop import turn

LIMIT = 60.0


class Core:
    def __init__(self, path: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.setblocking(False)
        self.socket.connect(path)

    def say(self, *commands: control.Command) -> None:
        for packet in packets_of(commands):
            self.socket.send(packet)

    async def hear(self) -> list[control.Event]:
        """Events of the next packet; none once the relay has hung up."""
        try:
            packet = await asyncio.get_running_loop().sock_recv(self.socket, control.PACKET_LIMIT)
        except ConnectionResetError:  # it left what we said unread
            return []
        return events_in(packet) if packet else []


class Bench:
    def __init__(self, path: str) -> None:
        self.path = path
        self.now = 0.0
        self.changes = 0
        self.relay = Relay(MemoryForm(), [Interface("main", "127.0.0.1", "127.0.0.1")], Settings())
        self.listener = Listener(path, listen(path), self.relay, self._changed, lambda: self.now)
        self.cores: list[Core] = []

    def _changed(self) -> None:
        self.changes += 1

    def core(self) -> Core:
        self.cores.append(Core(self.path))
        return self.cores[-1]

    async def greeted(self) -> Core:
        core = self.core()
        core.say(control.Hello())
        (event,) = await core.hear()
        assert isinstance(event, control.Welcome)
        return core


Play = Callable[[Bench], Awaitable[None]]


@pytest.fixture
def play(tmp_path: Path) -> Callable[[Play], None]:
    async def run(script: Play) -> None:
        bench = Bench(str(tmp_path / "relay"))
        try:
            async with asyncio.timeout(LIMIT):
                await script(bench)
        finally:
            bench.listener.close()
            for core in bench.cores:
                core.socket.close()
        assert not (tmp_path / "relay").exists()

    return lambda script: asyncio.run(run(script))


def test_commands_of_one_packet_are_answered_in_one(play: Callable[[Play], None]) -> None:
    async def script(bench: Bench) -> None:
        core = bench.core()
        reserves = [control.Reserve(f"call-{number}", (control.LegRequest(0),)) for number in range(5)]
        core.say(control.Hello(), *reserves)
        events = await core.hear()
        assert isinstance(events[0], control.Welcome)
        assert [event.call for event in events[1:] if isinstance(event, control.Reserved)] == [
            reserve.call for reserve in reserves
        ]
        assert bench.changes == 1

    play(script)


def test_events_go_to_whose_call_it_is(play: Callable[[Play], None]) -> None:
    async def script(bench: Bench) -> None:
        one, other = await bench.greeted(), await bench.greeted()
        one.say(control.Query("a"))
        other.say(control.Query("b"))
        assert await one.hear() == [control.Figures("a", ())]
        assert await other.hear() == [control.Figures("b", ())]

    play(script)


def test_many_packets_of_commands_take_few_turns_of_the_loop(play: Callable[[Play], None]) -> None:
    """With more media than there is time for, a turn of the loop is some ten milliseconds."""

    async def script(bench: Bench) -> None:
        core = await bench.greeted()
        for number in range(64):
            core.say(control.Reserve(f"call-{number}", (control.LegRequest(0),)))
        turns = 0
        while len(bench.relay._calls) < 64:
            await turn()
            turns += 1
        assert turns <= 16

    play(script)


@pytest.mark.parametrize("packet", [b"rubbish", b"\x91\x01", b"x" * (control.PACKET_LIMIT + 1)])
def test_rubbish_costs_the_connection_and_nothing_else(play: Callable[[Play], None], packet: bytes) -> None:
    async def script(bench: Bench) -> None:
        one, other = await bench.greeted(), await bench.greeted()
        one.say(control.Reserve("call", (control.LegRequest(0),)))
        await one.hear()
        one.socket.send(packet)
        assert await one.hear() == []
        other.say(control.Inventory())
        (event,) = await other.hear()
        assert isinstance(event, control.Holdings)
        assert event.ports_lent == 1
        assert bench.relay.next_deadline() == 30.0  # an orphan now

    play(script)


def test_who_does_not_greet_is_hung_up_on(play: Callable[[Play], None]) -> None:
    async def script(bench: Bench) -> None:
        core = bench.core()
        core.say(control.Inventory())
        assert await core.hear() == []

    play(script)


def test_a_version_that_is_not_ours_is_refused_and_hung_up_on(play: Callable[[Play], None]) -> None:
    async def script(bench: Bench) -> None:
        core = bench.core()
        core.say(control.Hello(version=99))
        (event,) = await core.hear()
        assert isinstance(event, control.Refused)
        assert await core.hear() == []

    play(script)


def test_a_core_of_an_older_version_is_welcome(play: Callable[[Play], None]) -> None:
    async def script(bench: Bench) -> None:
        core = bench.core()
        core.say(control.Hello(version=control.OLDEST))
        (event,) = await core.hear()
        assert isinstance(event, control.Welcome)
        core.say(control.Inventory())
        (event,) = await core.hear()
        assert isinstance(event, control.Holdings)

    play(script)


def test_each_command_is_answered_in_its_turn(play: Callable[[Play], None]) -> None:
    """However many packets wait: none of them is forgotten, and the order is theirs."""

    async def script(bench: Bench) -> None:
        core = await bench.greeted()
        for number in range(20):
            core.say(control.Query(f"a-{number}"), control.Query(f"b-{number}"))
        answers: list[str] = []
        while len(answers) < 40:
            answers += [answer.call for answer in await core.hear() if isinstance(answer, control.Figures)]
        assert answers == [f"{side}-{number}" for number in range(20) for side in "ab"]

    play(script)


def test_a_core_that_leaves_before_it_is_answered_is_no_error(play: Callable[[Play], None]) -> None:
    async def script(bench: Bench) -> None:
        core = await bench.greeted()
        core.say(control.Reserve("a", (control.LegRequest(1),)))
        core.socket.close()
        while bench.relay.next_deadline() is None:
            await turn()
        assert bench.relay.next_deadline() == 30.0  # its call is an orphan

    play(script)


def test_a_core_that_does_not_read_gets_its_events_late_or_not_at_all(
    play: Callable[[Play], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def script(bench: Bench) -> None:
        slow = await bench.greeted()
        asked = 2000
        for number in range(asked):
            while True:
                try:
                    slow.say(control.Query(f"{number}-" + "x" * 1000))
                    break
                except BlockingIOError:
                    await turn()
        heard: list[control.Event] = []
        while len(heard) < asked:
            heard += await slow.hear()
        assert [event.call.partition("-")[0] for event in heard if isinstance(event, control.Figures)] == [
            str(number) for number in range(asked)
        ]
        monkeypatch.setattr("rtp_relay.process.listener.UNSENT_LIMIT", 3)
        with pytest.raises(OSError):  # reset or broken pipe, as it comes
            while True:
                try:
                    slow.say(control.Query("x" * 1000))
                except BlockingIOError:
                    pass
                await turn()

    play(script)


def test_the_socket_is_for_its_user_alone(tmp_path: Path) -> None:
    path = tmp_path / "relay"
    with listen(str(path)):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_dead_socket_is_removed_and_a_live_one_is_not(tmp_path: Path) -> None:
    path = str(tmp_path / "relay")
    listen(path).close()
    with listen(path), pytest.raises(StartError, match="another relay"):
        listen(path)


def test_a_file_that_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "relay"
    path.write_text("precious")
    with pytest.raises(StartError, match="no socket"):
        listen(str(path))
    assert path.read_text() == "precious"


def test_a_directory_that_is_missing_is_made_for_its_user_alone(tmp_path: Path) -> None:
    path = tmp_path / "run" / "relay"
    with listen(str(path)):
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    listen(str(tmp_path / "run" / "other")).close()


def test_a_place_where_no_directory_can_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StartError, match="File exists"):
        listen(str(tmp_path / "file" / "relay"))
    with pytest.raises(StartError, match="Not a directory"):
        listen(str(tmp_path / "file" / "deeper" / "relay"))
