"""What the kernel says of ways and neighbours, asked in a namespace where all of it is known."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from bench import namespaces
from rtp_relay.bpf.netlink import Asking, Changes, Message, neighbour_of
from tests.rtp_relay.conformance.rig import hindrance, the_wire


@pytest.fixture
def asking() -> Iterator[Asking]:
    if hindrance("tc on a wire"):
        pytest.skip(hindrance("tc on a wire"))
    with the_wire().inside(the_wire().relay):
        made = Asking()
        yield made
        made.close()


def number_of(asking: Asking, name: str) -> int:
    return next(link.number for link in asking.links().values() if link.name == name)


def test_links_and_addresses(asking: Asking) -> None:
    links = {link.name: link for link in asking.links().values()}
    assert links["lo"].is_loopback
    assert not links["lo"].is_ethernet
    wire = links[namespaces.RELAY_LINK]
    assert (wire.is_ethernet, wire.is_loopback, wire.mtu, len(wire.mac)) == (True, False, 1500, 6)
    addresses = asking.addresses()
    assert addresses["127.0.0.1"] == links["lo"].number
    assert addresses[namespaces.RELAY[False]] == addresses[namespaces.RELAY[True]] == wire.number


@pytest.mark.parametrize("version_6", [False, True])
def test_routes(asking: Asking, version_6: bool) -> None:
    ours, far = namespaces.RELAY[version_6], namespaces.FAR[version_6]
    wire = number_of(asking, namespaces.RELAY_LINK)
    assert asking.route(far, ours) == (wire, far, False)
    own = asking.route(ours)
    assert own is not None
    assert own.is_local
    beyond = "2001:db8::77" if version_6 else "198.51.100.77"
    assert asking.route(beyond) is None
    bits = "128" if version_6 else "32"
    namespaces.run("ip", "route", "add", f"{beyond}/{bits}", "via", far)
    try:
        assert asking.route(beyond) == (wire, far, False)
        if not version_6:  # for IPv6 the kernel does not look whose address it is
            assert asking.route(far, beyond) is None
    finally:
        namespaces.run("ip", "route", "del", f"{beyond}/{bits}")


def test_neighbours_and_news_of_them(asking: Asking) -> None:
    wire, host = number_of(asking, namespaces.RELAY_LINK), "10.77.0.77"
    changes = Changes()
    try:
        assert changes.take() == []
        assert asking.neighbour(wire, host) is None
        namespaces.run("ip", "neigh", "add", host, "lladdr", "02:00:00:00:00:01", "dev", namespaces.RELAY_LINK)
        found = asking.neighbour(wire, host)
        assert found == (wire, host, bytes.fromhex("020000000001"), True)
        assert [neighbour_of(message) for message in changes.take() or ()] == [found]
        namespaces.run("ip", "neigh", "del", host, "dev", namespaces.RELAY_LINK)
        last = [neighbour_of(message) for message in changes.take() or ()][-1]
        assert last is not None
        assert (last.host, last.mac) == (host, b"")
    finally:
        changes.close()


def test_a_neighbour_is_kept_fresh_and_let_go(asking: Asking) -> None:
    wire, host = number_of(asking, namespaces.RELAY_LINK), namespaces.FAR[False]
    asking.keep_fresh(wire, host)
    assert "managed" in shown(host)
    asking.let_age(wire, host)
    assert "managed" not in shown(host)
    found = asking.neighbour(wire, host)
    assert found is not None


def shown(host: str) -> str:
    command = ("ip", "neigh", "show", host)
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


def test_messages_of_something_else_tell_of_no_neighbour() -> None:
    assert neighbour_of(Message(16, b"")) is None
