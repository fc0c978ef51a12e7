"""The relay's real core in the world, and the client's leases before it.

Its memory form sends and receives on the world's network.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping

from rtp_relay import control, source
from rtp_relay.form import Interface
from rtp_relay.forms.memory import MemoryForm
from rtp_relay.leases import Leases
from rtp_relay.relay import Relay
from tests.world.network import Address, Connection, Network, Packet

CORE = 1  # the one owner of every call


class RealRelay:
    """Has the addresses of the puppet, and every port of them. delay: seconds to each event.

    notes: what it wrote to its log; a command for what is not lent would be there.
    """

    def __init__(
        self,
        network: Network,
        addresses: Mapping[str, str],
        deliver: Callable[[control.Event], None],
        delay: float,
    ) -> None:
        self.network = network
        self.deliver = deliver
        self.delay = delay
        self.notes: list[tuple[str, dict[str, object]]] = []
        self.form = MemoryForm(self._carry)
        interfaces = [Interface(name or "v4", host, host) for name, host in addresses.items()]
        self.relay = Relay(self.form, interfaces, note=self._note)
        for host in addresses.values():
            network.bind_host(host, self)
        self.leases = Leases([interface.name for interface in interfaces])
        self.leases.mind_stocks(network.clock.now)
        self._pass_on()

    def command(self, command: control.Command) -> None:
        self.leases.obey([command], self.network.clock.now)
        self._pass_on()
        for event in self.leases.take_answers():
            self.network.clock.after(0.0, functools.partial(self.deliver, event))

    def _pass_on(self) -> None:
        """What the leases want of the relay, until they want nothing more."""
        while commands := self.leases.take_commands():
            for command in commands:
                self.relay.handle(command, CORE, self.network.clock.now)
            self._tell()

    def next_deadline(self) -> float | None:
        return self.relay.next_deadline()

    def handle_deadline(self, now: float) -> None:
        self.relay.handle_deadline(now)
        self._tell()

    def leftovers(self) -> list[str]:
        lent = self.relay.ports_lent
        unknown = [f"relay: {event} {what}" for event, what in self.notes if event.startswith("no such")]
        return [*unknown, *([f"relay: {lent} ports are lent"] if lent else [])]

    def _tell(self) -> None:
        for _, event in self.relay.take_events():
            told = self.leases.hear(event, self.network.clock.now)
            if told is not None:
                self.network.clock.after(self.delay, functools.partial(self.deliver, told))

    def _note(self, event: str, **what: object) -> None:
        self.notes.append((event, what))

    def _carry(self, packet: bytes, ours: source.Address, theirs: source.Address) -> None:
        self.network.send("UDP", Address(*ours[:2]), Address(*theirs[:2]), packet)

    # As a socket of the network.

    def receive(self, packet: Packet) -> None:
        there, here = packet.source, packet.destination
        self.form.deliver(
            packet.octets, source.address_of(*there), source.address_of(*here), self.network.clock.now
        )

    def unreachable(self, packet: Packet, reason: str) -> None:
        """Media to a far end that is gone."""

    def closed(self, connection: Connection) -> None:
        """There are no connections here."""
