"""Sockets that outlive their process, and packets that wait in them."""

from __future__ import annotations

import array
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from rtp_relay.process import holding
from rtp_relay.process.holding import BATCH, Nobody, Pair, Store


def udp() -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind(("127.0.0.1", 0))
    return made


class Supervisor:
    """Has the pair, and does nothing."""

    def __init__(self) -> None:
        self.ends = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._made: list[Pair] = []

    def relay(self) -> Pair:
        reading, writing = (os.dup(one.fileno()) for one in self.ends)
        made = holding.holder(f"{reading},{writing}")
        assert isinstance(made, Pair)
        self._made.append(made)
        return made

    def close(self) -> None:
        for pair in self._made:
            pair.end()
            pair._reading.close()
            pair._out.close()
        for one in self.ends:
            one.close()


@pytest.fixture
def supervisor() -> Iterator[Supervisor]:
    made = Supervisor()
    yield made
    made.close()


def open_ports(relay: Pair, number: int) -> list[int]:
    """Opened, held, and gone with the process."""
    opened = [udp() for _ in range(number)]
    for one in opened:
        relay.hold(one.fileno())
    relay.flush()
    ports = [one.getsockname()[1] for one in opened]
    for one in opened:
        one.close()
    return ports


def test_a_packet_for_a_relay_that_died_waits_for_the_next(supervisor: Supervisor) -> None:
    first = supervisor.relay()
    assert first.inherited() == []
    (port,) = open_ports(first, 1)
    with udp() as far:
        far.connect(("127.0.0.1", port))
        far.send(b"one")
        far.send(b"two")  # a port that is closed would be told of here
    (inherited,) = supervisor.relay().inherited()
    assert inherited.getsockname()[1] == port
    assert [inherited.recv(9) for _ in range(2)] == [b"one", b"two"]
    inherited.close()


def test_it_goes_on_being_held_from_relay_to_relay(supervisor: Supervisor) -> None:
    ports = open_ports(supervisor.relay(), 2 * BATCH + 7)
    for _ in range(3):
        inherited = supervisor.relay().inherited()
        assert sorted(one.getsockname()[1] for one in inherited) == sorted(ports)
        for one in inherited:
            one.close()


def test_after_a_clean_stop_nothing_is_held(supervisor: Supervisor) -> None:
    relay = supervisor.relay()
    (port,) = open_ports(relay, 1)
    relay.end()
    assert supervisor.relay().inherited() == []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as again:
        again.bind(("127.0.0.1", port))


def test_a_queue_that_is_full_is_no_harm(supervisor: Supervisor) -> None:
    supervisor.ends[1].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
    relay = supervisor.relay()
    with udp() as one:
        for _ in range(1000):
            relay.hold(one.fileno())
            relay.flush()
    assert relay.failed > 0


def test_without_a_holder() -> None:
    nobody = holding.holder("")
    assert isinstance(nobody, Nobody)
    nobody.hold(1)
    nobody.flush()
    assert nobody.inherited() == []


# systemd.


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as made:
        made.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield made


def test_systemd_is_given_the_sockets_and_does_not_poll_them(manager: socket.socket) -> None:
    store = holding.holder("systemd")
    assert isinstance(store, Store)
    assert store.inherited() == []
    with udp() as one:
        store.hold(one.fileno())
        store.flush()
        said, ancillary, _, _ = manager.recvmsg(999, holding.ROOM)
        assert said.split(b"\n") == [b"FDSTORE=1", b"FDNAME=ports", b"FDPOLL=0"]
        descriptors = array.array("i", ancillary[0][2])
        with socket.socket(fileno=descriptors[0]) as kept:
            assert kept.getsockname() == one.getsockname()
    store.end()
    assert manager.recv(999) == b"FDSTOREREMOVE=1\nFDNAME=ports"
    store._out.close()


def test_what_systemd_passes_on_is_ours_only_if_it_says_so(
    manager: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = holding.holder("systemd")
    assert isinstance(store, Store)
    first = udp()
    monkeypatch.setattr(holding, "FIRST_PASSED", first.fileno())
    monkeypatch.setenv("LISTEN_FDS", "1")
    monkeypatch.setenv("LISTEN_FDNAMES", "ports")
    monkeypatch.setenv("LISTEN_PID", "1")
    assert store.inherited() == []
    monkeypatch.setenv("LISTEN_PID", str(os.getpid()))
    monkeypatch.setenv("LISTEN_FDNAMES", "another")
    assert store.inherited() == []
    monkeypatch.setenv("LISTEN_FDNAMES", "ports")
    (inherited,) = store.inherited()
    assert inherited.getsockname() == first.getsockname()
    first.detach()
    inherited.close()
    store._out.close()


def test_systemd_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert isinstance(holding.holder("systemd"), Nobody)
