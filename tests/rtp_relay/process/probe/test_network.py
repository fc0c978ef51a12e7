"""Namespaces of the self-test's own."""

from __future__ import annotations

import contextlib
import os
import socket
from pathlib import Path

import pytest

from rtp_relay.process.probe import network
from rtp_relay.process.probe.network import Network, checksum_errors, far_ends_for, udp_socket

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")
HOSTS = ("192.0.2.2", "192.0.2.3", "fd00::2", "127.0.0.1", "198.18.0.1")


def own_namespace() -> int:
    return Path(network.OWN).stat().st_ino


def test_far_ends_are_no_addresses_of_ours() -> None:
    chosen = far_ends_for(HOSTS)
    assert chosen["127.0.0.1"] == "127.0.0.1"
    wired = [far for host, far in chosen.items() if host != far]
    assert len(set(wired)) == 4
    assert not set(wired) & set(HOSTS)
    assert ":" in chosen["fd00::2"]


@needs_root
def test_packets_pass_between_the_two_and_nothing_is_left() -> None:
    before, links = own_namespace(), socket.if_nameindex()
    with contextlib.closing(Network(HOSTS)) as made:
        for host, far in made.far_ends.items():
            with made.inside(made.here):
                ours = udp_socket(host)
                assert own_namespace() != before
                with made.inside(made.there if far != host else made.here):
                    theirs = udp_socket(far)
                assert own_namespace() != before
            with ours, theirs:
                theirs.settimeout(60)
                ours.sendto(b"packet", theirs.getsockname())
                assert theirs.recv(99) == b"packet"
        assert made.bad_checksums() == 0
        made.leave_checksums(True, False)
    assert own_namespace() == before
    assert socket.if_nameindex() == links


@needs_root
def test_an_address_that_cannot_be_had_is_told_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "PATIENCE", 0.2)
    before, descriptors = own_namespace(), len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(OSError):
        Network(("224.0.0.1",))
    assert own_namespace() == before
    assert len(list(Path("/proc/self/fd").iterdir())) == descriptors


def test_checksum_errors_of_both_versions() -> None:
    table = "Ip: Forwarding\nIp: 1\nUdp: InDatagrams InCsumErrors\nUdp: 7 2\nUdpLite: InCsumErrors\nUdpLite: 9\n"
    assert checksum_errors(table, "Ip6InReceives 4\nUdp6InCsumErrors 3\n") == 5
