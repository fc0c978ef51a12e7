"""The ear and mouth of a puppet: the socket that its descriptions name."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from tests.world.description import Description
from tests.world.network import Address, Connection, Packet

if TYPE_CHECKING:
    from tests.world.world import World


KEYS: Final = "0123456789*#ABCD"  # by their event codes (RFC 4733 §3.2)
_FRAME: Final = 160  # timestamp units of 20 ms
_FRAMES: Final = 5  # that a key is down


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

    def press(self, key: str, to: Description, medium: int = 0, payload_type: int = 101) -> None:
        """Press a key for 100 ms: RFC 4733 events, a marker on the first, the last one sent three times."""
        there = Address(to.media[medium].address, to.media[medium].port)
        start = _FRAME * (self._sequence + 1)
        for at in range(1, _FRAMES + 3):
            self.world.clock.after(0.02 * (at - 1), self._event(key, at, start, payload_type, there))

    def _event(self, key: str, at: int, start: int, payload_type: int, there: Address) -> Callable[[], None]:
        def send() -> None:
            self._sequence += 1
            kind = payload_type | (0x80 if at == 1 else 0)
            end = 0x80 if at >= _FRAMES else 0
            head = bytes((0x80, kind)) + self._sequence.to_bytes(2, "big") + start.to_bytes(4, "big")
            source = (0x1000 + self.address.port).to_bytes(4, "big")
            event = bytes((KEYS.index(key), end | 10)) + (_FRAME * min(at, _FRAMES)).to_bytes(2, "big")
            self.world.network.send("UDP", self.address, there, head + source + event)

        return send
