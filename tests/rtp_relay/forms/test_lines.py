"""Lines: what a port does with a socket of its own for a far end that is confirmed."""

from __future__ import annotations

import errno
import select
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from rtp_relay.form import Exit, Flow
from rtp_relay.forms.lines import FIRST, Beside
from rtp_relay.forms.user import BATCH, UserForm, UserPort
from rtp_relay.packet import Packet
from rtp_relay.source import Address
from rtp_relay.stream import Stream

PATIENCE = 10.0  # seconds that a packet on the loopback may take


class Kept:
    """A `receive` that keeps what it is shown."""

    def __init__(self) -> None:
        self.packets: list[tuple[bytes, Address]] = []
        self.exit: Exit | None = None

    def __call__(self, packet: Packet, source: Address, now: float) -> Exit | None:
        self.packets.append((bytes(packet), source))
        return self.exit


class Far:
    """A far end."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.socket = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((host, 0))
        self.socket.settimeout(PATIENCE)
        self.address: Address = self.socket.getsockname()

    def send(self, *packets: bytes, to: UserPort) -> None:
        for packet in packets:
            self.socket.sendto(packet, (to.host, to.number))


@pytest.fixture
def form() -> Iterator[UserForm]:
    made = UserForm(clock=lambda: 5.0)
    yield made
    made.shut()


@pytest.fixture
def far() -> Iterator[Far]:
    made = Far()
    yield made
    made.socket.close()


@pytest.fixture
def stranger() -> Iterator[Far]:
    made = Far()
    yield made
    made.socket.close()


def opened(form: UserForm, host: str = "127.0.0.1") -> tuple[UserPort, Kept]:
    port = form.open(host, 0)
    assert port is not None
    port.number = port._socket.getsockname()[1]
    kept = Kept()
    port.receive = kept
    return port, kept


def flow(port: UserPort, source: Address, strict: bool = True) -> Flow:
    return Flow(source, Exit(port), source, unread=False, strict=strict, stream=Stream())


def turn(form: UserForm, packets: int) -> None:
    """Turn until so many have been read."""
    while packets > 0:
        read = form.turn(PATIENCE)
        assert read, "a packet did not come"
        packets -= read


def confirm(form: UserForm, port: UserPort, far: Far) -> Flow:
    """The far end is confirmed by a packet, as it is in service; at the end of that turn it has a line."""
    confirmed = flow(port, far.address)
    form.install(port, confirmed)
    far.send(b"first", to=port)
    turn(form, 1)
    assert port.far is confirmed.source
    return confirmed


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_far_end_that_is_confirmed_gets_a_line_and_strangers_are_seen_as_before(form: UserForm, host: str) -> None:
    port, kept = opened(form, host)
    far, stranger = Far(host), Far(host)
    source = confirm(form, port, far).source
    far.send(b"speech", to=port)
    turn(form, 1)
    stranger.send(b"strange", to=port)
    turn(form, 1)
    assert kept.packets == [(b"first", far.address), (b"speech", far.address), (b"strange", stranger.address)]
    kept.exit = Exit(port)
    kept.exit.address = source
    far.send(b"echo", to=port)
    turn(form, 1)
    assert far.socket.recvfrom(99) == (b"echo", port._socket.getsockname())
    assert (kept.exit.packets, kept.exit.octets) == (1, 4)
    far.socket.close()
    stranger.socket.close()


def test_the_first_packets_are_read_with_their_source_and_the_rest_without(form: UserForm, far: Far) -> None:
    port, kept = opened(form)
    source = confirm(form, port, far).source
    for number in range(FIRST):
        assert port.source is None
        far.send(b"%d" % number, to=port)
        turn(form, 1)
    assert port.source is source
    far.send(b"known", to=port)
    turn(form, 1)
    assert kept.packets[-1] == (b"known", far.address)
    assert all(came == far.address for _, came in kept.packets)


def test_what_came_before_there_was_a_line_comes_first(form: UserForm, far: Far) -> None:
    port, kept = opened(form)
    form.install(port, flow(port, far.address))
    packets = [b"%d" % number for number in range(30)]
    far.send(*packets[:20], to=port)
    turn(form, 8)  # and the others, at the end of that turn
    far.send(*packets[20:], to=port)
    while len(kept.packets) < len(packets):
        turn(form, 1)
    assert [packet for packet, _ in kept.packets] == packets
    assert port.far == far.address
    assert form.packets == len(packets)


def test_a_belief_that_may_change_gets_none(form: UserForm, far: Far) -> None:
    port, _ = opened(form)
    form.install(port, flow(port, far.address, strict=False))
    far.send(b"one", to=port)
    turn(form, 1)
    assert port.far is None


def test_what_is_suspended_before_the_turn_ends_gets_none(form: UserForm, far: Far) -> None:
    port, _ = opened(form)
    form.install(port, flow(port, far.address))
    form.suspend(port)
    far.send(b"one", to=port)
    turn(form, 1)
    assert port.far is None


def test_nobody_can_take_the_port_besides(form: UserForm, far: Far) -> None:
    port, _ = opened(form)
    confirm(form, port, far)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as thief:
        thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with pytest.raises(OSError) as caught:
            thief.bind((port.host, port.number))
    assert caught.value.errno == errno.EADDRINUSE


def test_a_far_end_that_moves_gets_another_line(form: UserForm, far: Far, stranger: Far) -> None:
    port, kept = opened(form)
    confirm(form, port, far)
    moved = confirm(form, port, stranger)
    far.send(b"old", to=port)
    turn(form, 1)
    assert kept.packets[-1] == (b"old", far.address)
    stranger.send(b"new", to=port)
    turn(form, 1)
    assert kept.packets[-1] == (b"new", stranger.address)
    assert port.far is moved.source
    assert len(form._lined) == 1


def test_when_the_loan_ends_the_line_does(form: UserForm, far: Far) -> None:
    port, kept = opened(form)
    confirm(form, port, far)
    form.renounce(port)
    assert port.far is None and port.source is None
    far.send(b"late", to=port)
    turn(form, 1)
    assert kept.packets[-1] == (b"late", far.address)
    assert not any(isinstance(one, Beside) for one in form._ports.values())


def test_where_nobody_listens_any_more_packets_are_sent_all_the_same(form: UserForm, far: Far, stranger: Far) -> None:
    """The system tells a connected socket of the ICMP error that an earlier packet met, in place of sending."""
    port, _ = opened(form)
    other, kept = opened(form)
    source = confirm(form, port, far).source
    far.socket.close()
    kept.exit = Exit(port)
    kept.exit.address = source
    for _ in range(10):
        stranger.send(b"speech", to=other)
        before = len(kept.packets)
        while len(kept.packets) == before:
            form.turn(PATIENCE)  # an error that is read is no packet
    assert (kept.exit.packets, kept.exit.unsent, form.send_errors) == (10, 0, 0)


def test_after_any_icmp_error_packets_are_sent_all_the_same(form: UserForm, far: Far, stranger: Far) -> None:
    """A firewall may say "administratively prohibited", which is EHOSTUNREACH."""
    port, _ = opened(form)
    other, kept = opened(form)
    kept.exit = Exit(port)
    kept.exit.address = confirm(form, port, far).source

    def refuse(packet: Packet) -> None:
        raise OSError(errno.EHOSTUNREACH, "no route to host")

    port.send_on = refuse
    stranger.send(b"speech", to=other)
    turn(form, 1)
    assert far.socket.recv(99) == b"speech"
    assert (kept.exit.packets, kept.exit.unsent, form.send_errors) == (1, 0, 0)


def test_a_packet_that_waited_may_take_another_ports_line_away(form: UserForm, far: Far, stranger: Far) -> None:
    """As a digit does that ends what is played to the other side."""
    port, _ = opened(form)
    other, _ = opened(form)

    def receive(packet: Packet, source: Address, now: float) -> None:
        if packet == b"digit":
            form.suspend(other)

    port.receive = receive
    form.install(port, flow(port, far.address))
    form.install(other, flow(other, stranger.address))
    far.send(b"digit", to=port)
    assert select.select([port], [], [], PATIENCE)[0]
    form._draw_lines()
    assert port.far == far.address
    assert other.far is None


@pytest.mark.parametrize("packets", [3, FIRST + 20, 2 * FIRST + 60])
def test_nobody_is_taken_for_the_far_end_however_long_it_takes_to_connect(
    form: UserForm, far: Far, stranger: Far, packets: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    port, kept = opened(form)
    form.install(port, flow(port, far.address))
    far.send(b"first", to=port)

    class Slow(socket.socket):
        def connect(self, address: Any) -> None:
            stranger.send(*[b"strange"] * packets, to=port)
            super().connect(address)

    monkeypatch.setattr(socket, "socket", Slow)
    turn(form, 1)
    monkeypatch.undo()
    for number in range(2 * FIRST):
        far.send(b"%d" % number, to=port)
        while kept.packets[-1][0] != b"%d" % number:
            turn(form, 1)
    assert all((source == stranger.address) == (packet == b"strange") for packet, source in kept.packets)
    assert port.far == (far.address if packets < BATCH else None)


def test_without_descriptors_to_spare_there_are_no_lines(form: UserForm, far: Far) -> None:
    form._last_line = 0
    port, kept = opened(form)
    form.install(port, flow(port, far.address))
    far.send(b"one", to=port)
    turn(form, 1)
    far.send(b"two", to=port)
    turn(form, 1)
    assert port.far is None
    assert [packet for packet, _ in kept.packets] == [b"one", b"two"]


class FullEpoll:
    """One that takes no more descriptors (fs.epoll.max_user_watches)."""

    def __init__(self, within: select.epoll) -> None:
        self.poll = within.poll
        self.close = within.close

    def register(self, descriptor: int, events: int) -> None:
        raise OSError(errno.ENOSPC, "no space left on device")


def test_a_line_that_cannot_be_watched_is_none(form: UserForm, far: Far) -> None:
    port, kept = opened(form)
    form._epoll = FullEpoll(form._epoll)  # type: ignore[assignment]
    form.install(port, flow(port, far.address))
    far.send(b"one", to=port)
    turn(form, 1)
    far.send(b"two", to=port)
    turn(form, 1)
    assert port.far is None
    assert [packet for packet, _ in kept.packets] == [b"one", b"two"]


def test_where_no_line_can_be_had_there_is_none(form: UserForm, far: Far) -> None:
    port, kept = opened(form)
    form.install(port, flow(port, ("255.255.255.255", 4000)))  # refused by the kernel without SO_BROADCAST
    far.send(b"one", to=port)
    turn(form, 1)
    assert port.far is None
    assert kept.packets == [(b"one", far.address)]


def test_ports_that_are_left_to_another_relay_have_no_lines(form: UserForm, far: Far) -> None:
    port, _ = opened(form)
    confirm(form, port, far)
    with port._socket.dup() as held:
        form.leave()
        far.send(b"for the next", to=port)
        held.settimeout(PATIENCE)
        assert held.recv(99) == b"for the next"
