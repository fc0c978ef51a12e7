"""The ear and mouth of a puppet: the socket that its descriptions name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.world.description import Description
from tests.world.network import Address, Connection, Packet

if TYPE_CHECKING:
    from tests.world.world import World


class Earphone:
    """Sends and hears RTP. heard: the payloads in order, each with the time."""

    def __init__(self, world: World, address: Address) -> None:
        self.world = world
        self.address = address
        self.heard: list[tuple[float, bytes]] = []
        self._sequence = 0
        world.network.bind("UDP", address, self)

    def receive(self, packet: Packet) -> None:
        self.heard.append((self.world.clock.now, packet.octets[12:]))

    def unreachable(self, packet: Packet, reason: str) -> None:
        """RTP sent to a port that has been taken back: nobody minds."""

    def closed(self, connection: Connection) -> None:
        """There are no connections here."""

    @property
    def payloads(self) -> set[bytes]:
        return {payload for _, payload in self.heard}

    def say(self, payload: bytes, to: Description, medium: int = 0) -> None:
        """Send one packet of PCMU to where the other side's description says."""
        there = Address(to.media[medium].address, to.media[medium].port)
        self._sequence += 1
        stamp = (160 * self._sequence).to_bytes(4, "big")
        source = (0x1000 + self.address.port).to_bytes(4, "big")
        packet = b"\x80\x00" + self._sequence.to_bytes(2, "big") + stamp + source + payload
        self.world.network.send("UDP", self.address, there, packet)
