"""Our sockets in the world: what comes to them is given to the switchboard, with the flow it came by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sip_stack.flow import Flow
from tests.world.network import Address, Connection, Packet

if TYPE_CHECKING:
    from tests.world.world import World


class LocalSocket:
    """A listening socket of ours, named as in Flow.local: "udp:192.0.2.1:5060"."""

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.name = name
        transport, _, place = name.partition(":")
        host, _, port = place.rpartition(":")
        self.transport = transport.upper()
        self.address = Address(host.strip("[]"), int(port))
        world.network.bind(self.transport, self.address, self)

    # From the network.

    def receive(self, packet: Packet) -> None:
        self.world.switchboard.receive(packet.octets, self._flow(packet.source, packet.connection), self._now)

    def unreachable(self, packet: Packet, reason: str) -> None:
        """ICMP, or a refused connection; one that never was has no number."""
        self.world.switchboard.transport_failed(self._flow(packet.destination, 0), reason, self._now)

    def closed(self, connection: Connection) -> None:
        peer = connection.server if connection.client.host == self.address.host else connection.client
        flow = self._flow(peer, connection.number)
        self.world.switchboard.transport_failed(flow, "connection closed", self._now)

    @property
    def _now(self) -> float:
        return self.world.clock.now

    def _flow(self, peer: Address, connection: int) -> Flow:
        return Flow(self.transport, self.name, peer.host, peer.port, connection)

    # To the network.

    def send(self, flow: Flow, octets: bytes) -> None:
        peer = Address(flow.host, flow.port)
        if self.transport == "UDP":
            self.world.network.send("UDP", self.address, peer, octets)
            return
        connection = self._connection(flow, peer)
        end = connection.client if connection.client_socket is self else connection.server
        self.world.network.send("TCP", end, connection.other(end), octets, connection.number)

    def _connection(self, flow: Flow, peer: Address) -> Connection:
        """By the flow's number; when that is gone, one that is open to that peer, or a new one (NET-6)."""
        network = self.world.network
        known = network.connections.get(flow.connection)
        if known is not None and known.is_open:
            return known
        for each in network.connections.values():
            if each.is_open and peer in (each.client, each.server) and self._is_end_of(each):
                return each
        return network.connect(self.address.host, peer, self)

    def _is_end_of(self, connection: Connection) -> bool:
        return self.address.host in (connection.client.host, connection.server.host)
