"""The network between us, the trunk and the phones: delay, jitter, loss, duplication, reordering, NAT.

Every packet is kept, with what became of it. Chance comes from one seeded generator, so that a
seed names one course of events.
"""

from __future__ import annotations

import functools
import itertools
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from tests.world.clock import Clock
from tests.world.reading import Heard


class Address(NamedTuple):
    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(slots=True, weakref_slot=True)
class Link:
    """The way from one host to another. Intervals in seconds, chances from 0 to 1.

    reordering: the chance that a packet is held for reordered_by seconds, and so overtaken by others.
    """

    delay: float = 0.001
    jitter: float = 0.0
    loss: float = 0.0
    duplication: float = 0.0
    reordering: float = 0.0
    reordered_by: float = 0.05


@dataclass(eq=False)
class Packet:
    """A datagram, or one message of a connection.

    sender is who really sent it, source what the far end sees (they differ behind a NAT).
    """

    number: int
    sent_at: float
    transport: str
    sender: Address
    source: Address
    destination: Address
    octets: bytes
    connection: int = 0
    arrivals: list[float] = field(default_factory=list)
    fate: str = ""  # "" on its way or arrived

    @property
    def is_sip(self) -> bool:
        """RTP and RTCP begin with version 2, that is an octet from 0x80; SIP with a letter."""
        return self.octets[:1].isalpha()

    @functools.cached_property
    def message(self) -> Heard:
        return Heard(self.octets)

    def begins(self, text: str) -> bool:
        return self.octets.startswith(text.encode())


class Socket(Protocol):
    """What is bound to an address."""

    def receive(self, packet: Packet) -> None: ...

    def unreachable(self, packet: Packet, reason: str) -> None:
        """A packet that left here met a closed port or a host that no route leads to (ICMP, RST)."""

    def closed(self, connection: Connection) -> None: ...


@dataclass(eq=False)
class Connection:
    """A TCP connection. client opened it, to server."""

    number: int
    client: Address
    server: Address
    client_socket: Socket
    is_open: bool = True
    ready_at: dict[Address, float] = field(default_factory=dict)

    def other(self, end: Address) -> Address:
        return self.server if end == self.client else self.client


@dataclass(slots=True)
class _Rule:
    predicate: Callable[[Packet], bool]
    act: Callable[[Packet], float | None]  # None: dropped; else seconds to be held
    times: float


class Nat:
    """A NAT box: hosts inside appear as one host outside, each of their sockets as a port of it."""

    def __init__(self, inside: Iterable[str], outside: str) -> None:
        self.inside = frozenset(inside)
        self.outside = outside
        self._ports = itertools.count(40001)
        self._outward: dict[Address, int] = {}
        self._inward: dict[int, Address] = {}

    def map(self, source: Address) -> Address:
        port = self._outward.get(source)
        if port is None:
            port = self._outward[source] = next(self._ports)
            self._inward[port] = source
        return Address(self.outside, port)

    def inner(self, port: int) -> Address | None:
        return self._inward.get(port)

    def forget(self) -> None:
        """As after a restart of the box: old ports lead nowhere, the next packet gets a new one."""
        self._outward.clear()
        self._inward.clear()


class Network:
    """Carries packets. `bind` a socket, `send`; the rest makes it bad weather."""

    def __init__(self, clock: Clock, seed: int = 0) -> None:
        self.clock = clock
        self.chance = random.Random(seed)
        self.link = Link()
        self.packets: list[Packet] = []
        self.connections: dict[int, Connection] = {}
        self.unroutable: set[str] = set()
        self.in_flight = 0
        self._links: dict[tuple[str, str], Link] = {}
        self._sockets: dict[tuple[str, Address], Socket] = {}
        self._hosts: set[str] = set()
        self._whole_hosts: dict[str, Socket] = {}
        self._rules: list[_Rule] = []
        self._nats: list[Nat] = []
        self._parted: list[frozenset[str]] = []
        self._waiting: list[Packet] = []
        self._ephemeral = itertools.count(49152)
        self._first: dict[tuple[Address, bytes], Packet] = {}

    # What stands on the network.

    def bind(self, transport: str, address: Address, socket: Socket) -> None:
        assert (transport, address) not in self._sockets, f"{transport} {address} is taken"
        self._sockets[transport, address] = socket
        self._hosts.add(address.host)

    def bind_host(self, host: str, socket: Socket) -> None:
        """Every UDP port of a host that nothing else is bound to."""
        self._whole_hosts[host] = socket
        self._hosts.add(host)

    def unbind(self, transport: str, address: Address) -> None:
        """The port is closed from now on: packets to it come back as unreachable."""
        del self._sockets[transport, address]

    def add_nat(self, inside: Iterable[str], outside: str) -> Nat:
        nat = Nat(inside, outside)
        self._nats.append(nat)
        return nat

    # Weather.

    def set_link(self, one: str, other: str, link: Link) -> None:
        """Both directions between two hosts; `set_way` sets one."""
        self._links[one, other] = self._links[other, one] = link

    def set_way(self, source: str, destination: str, link: Link) -> None:
        self._links[source, destination] = link

    def drop(self, predicate: Callable[[Packet], bool], times: float = 1) -> None:
        """Lose the next `times` packets that the predicate picks; float("inf") for all."""
        self._rules.append(_Rule(predicate, lambda packet: None, times))

    def hold(self, predicate: Callable[[Packet], bool], seconds: float, times: float = 1) -> None:
        """Let packets arrive later by so many seconds: overtaken, or crossing."""
        self._rules.append(_Rule(predicate, lambda packet: seconds, times))

    def alter(
        self, predicate: Callable[[Packet], bool], change: Callable[[bytes], bytes], times: float = 1
    ) -> None:
        """Change octets on the way."""

        def act(packet: Packet) -> float:
            packet.octets = change(packet.octets)
            return 0.0

        self._rules.append(_Rule(predicate, act, times))

    def part(self, hosts: Iterable[str]) -> None:
        """Nothing passes between these hosts and the others until `heal`; what TCP carries waits so long."""
        self._parted.append(frozenset(hosts))

    def heal(self) -> None:
        """Let everything pass again; rules that have not been used up go too."""
        self._parted.clear()
        self._rules.clear()
        waiting, self._waiting = self._waiting, []
        for packet in waiting:
            self._fly(packet, self._way(packet.sender.host, packet.destination.host).delay)

    # Carrying.

    def send(
        self, transport: str, sender: Address, destination: Address, octets: bytes, connection: int = 0
    ) -> Packet:
        source = self._outer(sender, destination)
        packet = Packet(
            len(self.packets), self.clock.now, transport, sender, source, destination, octets, connection
        )
        self.packets.append(packet)
        self._first.setdefault((sender, octets), packet)
        held = self._apply_rules(packet)
        if held is None:
            packet.fate = "dropped"
        elif transport == "TCP":
            self._carry_in_order(packet, held)
        else:
            self._carry_datagram(packet, held)
        return packet

    def first(self, packet: Packet) -> Packet:
        """The first packet of the same sender with the same octets: when a retransmission was meant."""
        return self._first.get((packet.sender, packet.octets), packet)

    def connect(self, client_host: str, server: Address, socket: Socket) -> Connection:
        """Open a connection. A refusal comes back with the first packet that is sent on it."""
        client = Address(client_host, next(self._ephemeral))
        connection = Connection(len(self.connections) + 1, client, server, socket)
        connection.ready_at[client] = self.clock.now + 2 * self._way(client.host, server.host).delay
        self.connections[connection.number] = connection
        return connection

    def close(self, connection: Connection) -> None:
        """Reset: both ends learn of it after the link's delay."""
        if not connection.is_open:
            return
        connection.is_open = False
        ends = [connection.client_socket]
        server = self._sockets.get(("TCP", connection.server))
        ends += [server] if server else []
        for end in ends:
            self.clock.after(self.link.delay, functools.partial(end.closed, connection))

    def _outer(self, sender: Address, destination: Address) -> Address:
        for nat in self._nats:
            if sender.host in nat.inside and destination.host not in nat.inside:
                return nat.map(sender)
        return sender

    def _inner(self, destination: Address) -> Address | None:
        for nat in self._nats:
            if destination.host == nat.outside:
                return nat.inner(destination.port)
        return destination

    def _apply_rules(self, packet: Packet) -> float | None:
        held = 0.0
        for rule in list(self._rules):
            if rule.times < 1 or not rule.predicate(packet):
                continue
            rule.times -= 1
            seconds = rule.act(packet)
            if seconds is None:
                return None
            held += seconds
        return held

    def _way(self, source: str, destination: str) -> Link:
        return self._links.get((source, destination), self.link)

    def _carry_datagram(self, packet: Packet, held: float) -> None:
        link = self._way(packet.sender.host, packet.destination.host)
        chance = self.chance.random
        if link.loss and chance() < link.loss:
            packet.fate = "lost"
            return
        copies = 2 if link.duplication and chance() < link.duplication else 1
        for _ in range(copies):
            late = link.reordered_by if link.reordering and chance() < link.reordering else 0.0
            wobble = chance() * link.jitter if link.jitter else 0.0
            self._fly(packet, held + link.delay + wobble + late)

    def _carry_in_order(self, packet: Packet, held: float) -> None:
        connection = self.connections[packet.connection]
        link = self._way(packet.sender.host, packet.destination.host)
        ready = max(self.clock.now, connection.ready_at.get(packet.sender, 0.0)) + held
        connection.ready_at[packet.sender] = ready
        self._fly(packet, ready - self.clock.now + link.delay)

    def _fly(self, packet: Packet, delay: float) -> None:
        self.in_flight += 1
        self.clock.after(delay, functools.partial(self._land, packet))

    def _land(self, packet: Packet) -> None:
        self.in_flight -= 1
        target = self._inner(packet.destination)
        if target is not None and self._is_parted(packet.sender.host, target.host):
            if packet.transport == "TCP":
                self._waiting.append(packet)
                return
            target = None
        if target is None:
            packet.fate = "lost"
            return
        socket = self._socket_at(packet, target)
        if socket is not None:
            packet.arrivals.append(self.clock.now)
            socket.receive(packet)
        elif packet.transport == "TCP" or target.host in self._hosts | self.unroutable:
            packet.fate = "unreachable"
            self._report(
                packet, "no route to host" if target.host in self.unroutable else "connection refused"
            )
        else:
            packet.fate = "nobody there"

    def _socket_at(self, packet: Packet, target: Address) -> Socket | None:
        if packet.transport != "TCP":
            return self._sockets.get((packet.transport, target)) or self._whole_hosts.get(target.host)
        connection = self.connections[packet.connection]
        if not connection.is_open:
            return None
        if target == connection.client:
            return connection.client_socket
        return self._sockets.get(("TCP", connection.server))

    def _report(self, packet: Packet, reason: str) -> None:
        connection = self.connections.get(packet.connection)
        if connection is not None:
            connection.is_open = False
        if connection is not None and packet.sender == connection.client:
            sender: Socket | None = connection.client_socket
        else:
            sender = self._sockets.get((packet.transport, packet.sender))
        if sender is None:
            return
        delay = self._way(packet.destination.host, packet.sender.host).delay
        self.clock.after(delay, functools.partial(sender.unreachable, packet, reason))

    def _is_parted(self, one: str, other: str) -> bool:
        return any((one in hosts) != (other in hosts) for hosts in self._parted)
