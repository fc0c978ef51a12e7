"""A peer that sends our own INVITEs back to us, for another number: half of a loop (RFC 5393)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.world.network import Address, Connection, Packet
from tests.world.reading import Heard, write

if TYPE_CHECKING:
    from tests.world.world import World


class Reflector:
    """A stateless proxy whose every route leads to our number. reflected: how many INVITEs went back."""

    def __init__(self, world: World, host: str = "198.51.100.50") -> None:
        self.world = world
        self.address = Address(host, 5060)
        self.service = Address(*world.service_address(host))
        self.uri = f"sip:someone@{host}:5060"
        self.reflected = 0
        self.most_forwards = 70
        world.network.bind("UDP", self.address, self)

    def receive(self, packet: Packet) -> None:
        message = packet.message
        if message.is_request:
            self._send_back(message, packet)
        else:
            self._pass_response(message)

    def _send_back(self, request: Heard, packet: Packet) -> None:
        if request.method == "INVITE":
            self.reflected += 1
            self.most_forwards = min(self.most_forwards, int(request.must("max-forwards")))
        via = f"SIP/2.0/UDP {self.address};branch={request.branch}-back"
        target = f"sip:{self.world.plan.number}@{self.service.host}"
        headers = [
            ("Via", via),
            *((_title(name), value) for name, value in request.headers if name not in _OWN),
        ]
        octets = write(f"{request.method} {target} SIP/2.0", headers, request.body)
        self.world.network.send("UDP", self.address, self.service, octets)

    def _pass_response(self, response: Heard) -> None:
        _, *vias = response.get_all("via")
        if not vias:
            return
        headers = [("Via", via) for via in vias]
        headers += [(_title(name), value) for name, value in response.headers if name not in (*_OWN, "via")]
        octets = write(response.first_line, headers, response.body)
        self.world.network.send("UDP", self.address, self.service, octets)

    def unreachable(self, packet: Packet, reason: str) -> None:
        """Nobody is told."""

    def closed(self, connection: Connection) -> None:
        """There are no connections here."""


_OWN = ("content-length", "content-type")


def _title(name: str) -> str:
    return {"call-id": "Call-ID", "cseq": "CSeq"}.get(name, name.title())
