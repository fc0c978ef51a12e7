"""What is read of this host."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from rtp_relay.bpf.netlink import Asking
from rtp_relay.process.probe import ethtool, generic, machine
from rtp_relay.process.probe.network import udp_socket

TABLE = """\
   sl  local_address                         remote_address                        st tx_queue rx_queue
  100: 0100007F:4E20 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1 2 0 0
  101: 00000000:13C4 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1 2 0 0
"""
TABLE_6 = """\
  sl  local_address                         remote_address                        st tx_queue rx_queue
  200: 000000FD000000000000000002000000:4E22 00000000000000000000000000000000:0000 07 00000000:00000000 00:0 0 0 0 1
"""


@pytest.fixture
def asking() -> Iterator[Asking]:
    with contextlib.closing(Asking()) as made:
        yield made


def test_ports_in_the_kernels_tables() -> None:
    assert machine.bound_in(TABLE) == [("127.0.0.1", 20000), ("0.0.0.0", 5060)]
    assert machine.bound_in(TABLE_6) == [("fd00::2", 20002)]
    assert machine.bound_in("") == []


@pytest.mark.parametrize(("host", "other", "is_so"), [
    ("10.0.0.1", "10.0.0.1", True), ("10.0.0.1", "10.0.0.2", False), ("10.0.0.1", "0.0.0.0", True),
    ("0.0.0.0", "10.0.0.2", True), ("10.0.0.1", "::", True), ("10.0.0.1", "fd00::1", False),
    ("::1", "::", True), ("::1", "0.0.0.0", False),
])  # fmt: skip
def test_who_keeps_whom_from_a_port(host: str, other: str, is_so: bool) -> None:
    assert machine.collide(host, other) is is_so


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_port_that_somebody_has_is_seen_without_asking_for_it(host: str) -> None:
    with udp_socket(host) as held:
        port = held.getsockname()[1]
        assert machine.taken((host,), (port, port)) == {host: (port,)}
    assert machine.taken((host,), (port, port)) == {host: ()}


def test_the_loopback_as_a_link(asking: Asking) -> None:
    (link,) = machine.links(asking, ("127.0.0.1", "::1"))
    assert (link.kind, link.hosts, link.can_xdp, link.has_xdp) == ("loopback", ("127.0.0.1", "::1"), None, False)
    assert link.mtu >= 16384
    assert link.is_up


def test_addresses_that_are_not_here(asking: Asking) -> None:
    assert machine.missing(asking, ("192.0.2.250", "127.0.0.7", "0.0.0.0", "::1")) == ("192.0.2.250",)


def test_ways_to_this_host_and_to_nowhere(asking: Asking) -> None:
    here, nowhere = machine.ways(asking, ("127.0.0.1", "::1"), ("127.0.0.1", "198.51.100.1"))
    assert (here.link, here.hop, here.neighbour, here.returns_by) == ("lo", "", "none", "lo")
    assert (nowhere.link, nowhere.towards) == ("", "198.51.100.1")  # the loopback's address does not go out


def test_settings_that_are_there(tmp_path: Path) -> None:
    (tmp_path / "net/core").mkdir(parents=True)
    (tmp_path / "net/core/rmem_max").write_text("212992\n")
    (tmp_path / "net/core/rmem_default").write_text("much\n")
    assert machine.settings(tmp_path) == {"net.core.rmem_max": 212992}
    assert machine.settings()["net.core.rmem_max"] > 0


def test_descriptor_limits(tmp_path: Path) -> None:
    assert machine.descriptors() > 100
    assert machine.descriptors_of(os.getpid()) > 100
    (tmp_path / "7").mkdir()
    (tmp_path / "7/limits").write_text("Limit Soft Hard Units\nMax open files            1024        4096      files\n")
    assert machine.descriptors_of(7, tmp_path) == 1024
    assert machine.descriptors_of(8, tmp_path) == 0


def test_drivers_that_say_nothing_are_no_error() -> None:
    assert ethtool.driver("no such link") is None
    assert ethtool.channels("lo") is None
    assert ethtool.hashes_ports("lo") is None
    assert ethtool.leaves_checksums("lo") in (True, False, None)
    assert generic.xdp_features(socket.if_nametoindex("lo")) in (0, None)
    assert generic.xdp_features(1 << 30) is None
