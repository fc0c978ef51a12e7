"""Loss, duplication, reordering, NAT, partition, ICMP and connections of the world's network."""

from __future__ import annotations

import functools

from tests.world.clock import Clock
from tests.world.network import Address, Connection, Link, Network, Packet

HERE = Address("192.0.2.1", 5060)
THERE = Address("203.0.113.1", 5060)


class Ear:
    def __init__(self) -> None:
        self.heard: list[tuple[bytes, Address]] = []
        self.failed: list[str] = []
        self.connections_closed: list[int] = []

    def receive(self, packet: Packet) -> None:
        self.heard.append((packet.octets, packet.source))

    def unreachable(self, packet: Packet, reason: str) -> None:
        self.failed.append(reason)

    def closed(self, connection: Connection) -> None:
        self.connections_closed.append(connection.number)

    @property
    def octets(self) -> list[bytes]:
        return [octets for octets, _ in self.heard]


def two_ends(seed: int = 1) -> tuple[Network, Ear, Ear]:
    network = Network(Clock(0.0), seed)
    here, there = Ear(), Ear()
    network.bind("UDP", HERE, here)
    network.bind("UDP", THERE, there)
    return network, here, there


def pass_time(network: Network) -> None:
    while (due := network.clock.next_due()) is not None:
        network.clock.now = due
        network.clock.ring_one()


def test_a_packet_arrives_after_the_delay() -> None:
    network, _, there = two_ends()
    network.link = Link(delay=0.25)
    packet = network.send("UDP", HERE, THERE, b"OPTIONS")
    pass_time(network)
    assert packet.arrivals == [0.25]
    assert there.heard == [(b"OPTIONS", HERE)]


def test_loss_and_duplication_come_in_their_shares() -> None:
    network, _, there = two_ends()
    network.link = Link(loss=0.25, duplication=0.1)
    for number in range(4000):
        network.send("UDP", HERE, THERE, b"%d" % number)
    pass_time(network)
    lost = sum(packet.fate == "lost" for packet in network.packets)
    twice = sum(len(packet.arrivals) == 2 for packet in network.packets)
    assert 900 < lost < 1100
    assert 230 < twice < 370
    assert len(there.heard) == 4000 - lost + twice


def test_reordering_lets_packets_overtake() -> None:
    network, _, there = two_ends()

    def send(octets: bytes) -> None:
        network.send("UDP", HERE, THERE, octets)

    network.link = Link(delay=0.01, reordering=0.2, reordered_by=0.05)
    for number in range(100):
        network.clock.after(0.01 * number, functools.partial(send, b"%03d" % number))
    pass_time(network)
    assert sorted(there.octets) != there.octets
    assert len(there.octets) == 100


def test_rules_drop_hold_and_alter_what_they_pick() -> None:
    network, _, there = two_ends()
    network.drop(lambda packet: packet.begins("b"))
    network.hold(lambda packet: packet.begins("c"), 1.0)
    network.alter(lambda packet: packet.begins("d"), bytes.upper)
    for octets in (b"a", b"b", b"b again", b"c", b"d"):
        network.send("UDP", HERE, THERE, octets)
    pass_time(network)
    assert there.octets == [b"a", b"b again", b"D", b"c"]
    assert network.packets[1].fate == "dropped"


def test_a_nat_gives_a_port_outside_and_finds_the_way_back() -> None:
    network, here, _ = two_ends()
    inner = Ear()
    network.bind("UDP", Address("10.0.0.5", 5060), inner)
    nat = network.add_nat(["10.0.0.5"], "198.51.100.77")
    network.send("UDP", Address("10.0.0.5", 5060), HERE, b"out")
    pass_time(network)
    assert here.heard == [(b"out", Address("198.51.100.77", 40001))]
    network.send("UDP", HERE, Address("198.51.100.77", 40001), b"back")
    network.send("UDP", HERE, Address("198.51.100.77", 5060), b"not mapped")
    pass_time(network)
    assert inner.octets == [b"back"]
    nat.forget()
    network.send("UDP", HERE, Address("198.51.100.77", 40001), b"too late")
    network.send("UDP", Address("10.0.0.5", 5060), HERE, b"again")
    pass_time(network)
    assert inner.octets == [b"back"]
    assert here.heard[-1] == (b"again", Address("198.51.100.77", 40002))


def test_a_parted_host_hears_nothing_until_healed() -> None:
    network, _, there = two_ends()
    network.part([THERE.host])
    network.send("UDP", HERE, THERE, b"lost")
    pass_time(network)
    network.heal()
    network.send("UDP", HERE, THERE, b"heard")
    pass_time(network)
    assert there.octets == [b"heard"]


def test_a_closed_port_and_an_unroutable_host_are_reported_an_unknown_host_is_not() -> None:
    network, here, _ = two_ends()
    network.unroutable.add("203.0.113.8")
    network.send("UDP", HERE, Address(THERE.host, 9), b"closed")
    network.send("UDP", HERE, Address("203.0.113.8", 5060), b"no route")
    network.send("UDP", HERE, Address("203.0.113.9", 5060), b"void")
    pass_time(network)
    assert here.failed == ["connection refused", "no route to host"]


def test_a_connection_keeps_order_and_loses_nothing() -> None:
    network, here, _ = two_ends()
    there = Ear()
    network.bind("TCP", THERE, there)
    network.link = Link(delay=0.01, jitter=0.5, loss=0.9)
    connection = network.connect(HERE.host, THERE, here)
    for number in range(50):
        network.send("TCP", connection.client, connection.server, b"%02d" % number, connection.number)
    pass_time(network)
    assert there.octets == [b"%02d" % number for number in range(50)]
    network.send("TCP", connection.server, connection.client, b"answer", connection.number)
    pass_time(network)
    assert here.octets == [b"answer"]
    network.close(connection)
    pass_time(network)
    assert here.connections_closed == there.connections_closed == [connection.number]


def test_a_refused_connection_is_reported() -> None:
    network, here, _ = two_ends()
    connection = network.connect(HERE.host, THERE, here)
    network.send("TCP", connection.client, connection.server, b"INVITE", connection.number)
    pass_time(network)
    assert here.failed == ["connection refused"]
    assert not connection.is_open
