"""The user form's sockets; what it forwards is in conformance/."""

from __future__ import annotations

import errno
import resource
import select
import socket
from collections.abc import Iterator

import pytest

from rtp_relay.form import Exit, drop
from rtp_relay.forms.user import EXPEDITED_FORWARDING, ROUNDS, UserForm, UserPort
from rtp_relay.packet import Packet
from rtp_relay.source import Address
from tests.rtp_relay.conformance.passage import over_loopback, pinned


@pytest.fixture
def form() -> Iterator[UserForm]:
    made = UserForm(clock=lambda: 5.0)
    with pinned():
        yield made
    made.shut()


def opened(form: UserForm, host: str = "127.0.0.1") -> UserPort:
    """A port of the system's choice."""
    port = form.open(host, 0)
    assert port is not None
    port.number = port._socket.getsockname()[1]
    return port


def send(far: socket.socket, packet: bytes, port: UserPort) -> None:
    """It has arrived when this returns."""
    far.sendto(packet, ("127.0.0.1", port.number))
    over_loopback().wait()


class Kept:
    """A `receive` that keeps what it is shown."""

    def __init__(self, exit: Exit | None = None) -> None:
        self.packets: list[tuple[bytes, Address, float]] = []
        self.exit = exit

    def __call__(self, packet: Packet, source: Address, now: float) -> Exit | None:
        self.packets.append((bytes(packet), source, now))
        return self.exit


def test_packets_are_shown_with_source_and_time(form: UserForm) -> None:
    port = opened(form)
    kept = port.receive = Kept()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far:
        far.bind(("127.0.0.1", 0))
        send(far, b"one", port)
        send(far, b"", port)
        assert select.select([form], [], [], 0)[0] == [form]
        assert form.turn() == 2
        assert kept.packets == [(b"one", far.getsockname(), 5.0), (b"", far.getsockname(), 5.0)]
    assert form.turn() == 0
    assert select.select([form], [], [], 0)[0] == []


def test_a_turn_ends_though_packets_remain(form: UserForm) -> None:
    port = opened(form)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far:
        for _ in range(3 * ROUNDS):
            send(far, b"x", port)
    assert [form.turn() for _ in range(4)] == [ROUNDS, ROUNDS, ROUNDS, 0]


def test_what_a_port_lent_to_nobody_gets_is_read_and_dropped(form: UserForm) -> None:
    port = opened(form)
    assert port.receive is drop
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far:
        send(far, b"late", port)
    assert form.turn() == 1


def test_sent_packets_are_counted_at_their_exit(form: UserForm) -> None:
    port = opened(form)
    exit = Exit(port)
    port.receive = Kept(exit)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far:
        far.bind(("127.0.0.1", 0))
        far.settimeout(60)
        send(far, b"to nowhere yet", port)
        form.turn()
        exit.address = far.getsockname()
        send(far, b"abc", port)
        form.turn()
        assert far.recvfrom(99) == (b"abc", ("127.0.0.1", port.number))
    assert (exit.packets, exit.octets) == (1, 3)


def test_what_cannot_be_sent_is_counted_as_an_error(form: UserForm) -> None:
    port = opened(form)
    exit = Exit(port)
    exit.address = ("255.255.255.255", 4000)  # refused by the kernel without SO_BROADCAST
    port.receive = Kept(exit)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far:
        send(far, b"abc", port)
    form.turn()
    assert (exit.packets, form.send_errors) == (0, 1)


def test_errors_that_come_back_do_not_stop_the_turn(form: UserForm, monkeypatch: pytest.MonkeyPatch) -> None:
    port = opened(form)
    kept = port.receive = Kept()
    errors = iter([OSError(errno.ECONNREFUSED, "refused"), BlockingIOError()])
    really = port.receive_into

    def receive_into(buffer: bytearray) -> tuple[int, Address]:
        for error in errors:
            raise error
        return really(buffer)

    monkeypatch.setattr(port, "receive_into", receive_into)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far:
        send(far, b"abc", port)
    assert form.turn() == 1
    assert form.receive_errors == 1
    assert len(kept.packets) == 1


def test_media_is_marked(form: UserForm) -> None:
    port = opened(form)
    assert port._socket.getsockopt(socket.IPPROTO_IP, socket.IP_TOS) == EXPEDITED_FORWARDING << 2 == 0xB8
    port = opened(form, "::1")
    assert port._socket.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS) == 0xB8
    assert port._socket.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY) == 1


def test_a_port_that_somebody_has(form: UserForm) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        assert form.open("127.0.0.1", other.getsockname()[1]) is None
    assert form.trouble == ""


def test_an_address_that_is_not_ours(form: UserForm) -> None:
    assert form.open("192.0.2.1", 0) is None
    assert "assign" in form.trouble


def test_no_descriptor_left(form: UserForm) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (form.fileno(), hard))
        assert form.open("127.0.0.1", 0) is None
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert "Too many open files" in form.trouble


def test_a_closed_port_is_gone(form: UserForm) -> None:
    port = opened(form)
    port.close()
    again = form.open("127.0.0.1", port.number)
    assert again is not None
    assert form.turn() == 0
