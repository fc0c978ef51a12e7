"""The relay of the world: lends ports, obeys bridges, forwards what is sent through it, and keeps count.

What MediaRelay names can stand in its place, as real_relay.py does.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from rtp_relay import control
from tests.world.network import Address, Connection, Network, Packet
from tests.world.performing import Performing


class MediaRelay(Protocol):
    """What the world asks of a relay."""

    def command(self, command: control.Command) -> None: ...

    def next_deadline(self) -> float | None: ...

    def handle_deadline(self, now: float) -> None: ...

    def leftovers(self) -> list[str]: ...


@dataclass(eq=False)
class Endpoint:
    """One lent port pair. far: where the last Direct says the other end is; None before, or refused."""

    relay: PuppetRelay
    call: str
    leg: int
    medium: int
    address: Address
    far: Address | None = None
    direct: control.Direct | None = None
    packets: int = 0
    forwarded: int = 0

    def receive(self, packet: Packet) -> None:
        self.packets += 1
        self.relay.forward(self, packet)

    def unreachable(self, packet: Packet, reason: str) -> None:
        """Media to a far end that is gone."""

    def closed(self, connection: Connection) -> None:
        """There are no connections here."""


class PuppetRelay:
    """Answers Reserve and Release after `delay` seconds.

    refuses: a reason, for which every Reserve is Refused; "" lends. is_dead: nothing is answered any more.
    """

    def __init__(
        self,
        network: Network,
        addresses: dict[str, str],
        deliver: Callable[[control.Event], None],
        violation: Callable[[str, str], None],
    ) -> None:
        self.network = network
        self.addresses = addresses
        self.deliver = deliver
        self.violation = functools.partial(violation, "relay")
        self.delay = 0.0005
        self.refuses = ""
        self.is_dead = False
        self.commands: list[tuple[float, control.Command]] = []
        self.endpoints: dict[tuple[str, int, int], Endpoint] = {}
        self.bridges: dict[tuple[str, int], control.Bridge] = {}
        self.ports_lent = 0
        self.stage = Performing(network.clock, self._answer)
        self._next_port = 30000

    def command(self, command: control.Command) -> None:
        self.commands.append((self.network.clock.now, command))
        if self.is_dead:
            return
        match command:
            case control.Hello():
                self._answer(control.Welcome(control.VERSION, "puppet", "a test", 0))
            case control.Reserve():
                self._answer(self._reserve(command))
            case control.Direct():
                self._direct(command)
            case control.Bridge():
                self._bridge(command)
            case control.Release():
                self._answer(self._release(command))
            case control.Query():
                self._answer(control.Figures(command.call, self._figures(command.call, ())))
            case (
                control.Play()
                | control.StopPlaying()
                | control.Listen()
                | control.SendDigits()
                | control.Record()
                | control.StopRecording()
            ):
                self._perform(command)
            case control.Inventory():
                self._answer(control.Holdings(self._calls(), 2 * len(self.endpoints), 1000, 0))

    def of(self, kind: type) -> list[control.Command]:
        """The commands of one kind so far."""
        return [command for _, command in self.commands if isinstance(command, kind)]

    def legs(self, call: str) -> set[int]:
        """The legs of a call that hold ports now."""
        return {leg for name, leg, _ in self.endpoints if name == call}

    def next_deadline(self) -> float | None:
        """It looks at no clock: silence is told by `goes_silent`."""
        return None

    def handle_deadline(self, now: float) -> None:
        """There is none."""

    def leftovers(self) -> list[str]:
        return [
            f"relay: ports of call {call} leg {leg} medium {medium}" for call, leg, medium in self.endpoints
        ]

    def _calls(self) -> tuple[str, ...]:
        return tuple(sorted({call for call, _, _ in self.endpoints}))

    def _answer(self, event: control.Event) -> None:
        self.network.clock.after(self.delay, lambda: self.deliver(event))

    def _reserve(self, command: control.Reserve) -> control.Event:
        if self.refuses:
            return control.Refused(command.call, self.refuses)
        return control.Reserved(
            command.call,
            tuple(
                self._lend(command.call, request, index)
                for request in command.legs
                for index in range(request.media)
            ),
        )

    def _lend(self, call: str, request: control.LegRequest, index: int) -> control.Lent:
        medium = request.first_medium + index
        key = (call, request.leg, medium)
        if key in self.endpoints:
            self.violation(f"Reserve of {key}, which is lent already")
            self.network.unbind("UDP", self.endpoints[key].address)
        port = request.ports[index] if request.ports else self._next_port
        address = Address(self.addresses[request.interface], port)
        self._next_port = max(self._next_port, port + 2)
        self.ports_lent += 2
        endpoint = Endpoint(self, *key, address)
        self.endpoints[key] = endpoint
        self.network.bind("UDP", address, endpoint)
        return control.Lent(request.leg, medium, address.host, address.port, address.port + 1)

    def _direct(self, command: control.Direct) -> None:
        endpoint = self.endpoints.get((command.call, command.leg, command.medium))
        if endpoint is None:
            self.violation(
                f"Direct of call {command.call} leg {command.leg} medium {command.medium}: not lent"
            )
            return
        endpoint.direct = command
        endpoint.far = Address(command.address, command.port) if command.port else None

    def _perform(self, command: control.Performance) -> None:
        is_lent = (command.call, command.leg) in {key[:2] for key in self.endpoints}
        if not is_lent:
            self.violation(f"{type(command).__name__} of call {command.call} leg {command.leg}: not lent")
        elif isinstance(command, control.Play):
            endpoint = self.endpoints.get((command.call, command.leg, command.medium))
            if endpoint is None or endpoint.far is None:
                self.violation(f"Play to leg {command.leg} of {command.call}, whose far end is not known")
        self.stage.obey(command, is_lent)

    def _bridge(self, command: control.Bridge) -> None:
        held = self.legs(command.call)
        if not {command.a, command.b} <= held:
            self.violation(
                f"Bridge of legs {command.a} and {command.b} of {command.call}, lent are {sorted(held)}"
            )
            return
        for leg in (command.a, command.b):
            old = self.bridges.pop((command.call, leg), None)
            if old is not None:
                self.bridges.pop((command.call, old.a), None)
                self.bridges.pop((command.call, old.b), None)
        self.bridges[command.call, command.a] = self.bridges[command.call, command.b] = command

    def _release(self, command: control.Release) -> control.Event:
        figures = self._figures(command.call, command.legs)
        for key in list(self.endpoints):
            if key[0] == command.call and (not command.legs or key[1] in command.legs):
                self.network.unbind("UDP", self.endpoints.pop(key).address)
                self.bridges.pop(key[:2], None)
                self.stage.release(key[:2])
        return control.Released(command.call, figures)

    def _figures(self, call: str, legs: tuple[int, ...]) -> tuple[control.StreamFigures, ...]:
        return tuple(
            control.StreamFigures(
                leg=e.leg, medium=e.medium, packets=e.packets, octets=0, lost=0, jitter=0.0, ssrc=0,
                payload_type=0, rtcp_packets=0, sent_packets=e.forwarded, sent_octets=0, strangers=0,
                malformed=0, first_packet=-1.0, last_packet=-1.0, longest_gap=0.0, far=str(e.far or ""),
            )
            for (name, leg, _), e in self.endpoints.items()
            if name == call and (not legs or leg in legs)
        )  # fmt: skip

    def forward(self, endpoint: Endpoint, packet: Packet) -> None:
        """Carry media over the bridge of its leg, as far as the bridge is open that way; hear keys."""
        if packet.source == endpoint.far and not self.stage.hear((endpoint.call, endpoint.leg), packet.octets):
            return
        bridge = self.bridges.get((endpoint.call, endpoint.leg))
        if bridge is None or packet.source != endpoint.far:
            return
        is_a = endpoint.leg == bridge.a
        if self.stage.sounding(bridge.b if is_a else bridge.a, endpoint.call):
            return  # a leg hears one thing at a time
        if not (bridge.a_to_b if is_a else bridge.b_to_a):
            return
        other = self.endpoints.get((endpoint.call, bridge.b if is_a else bridge.a, endpoint.medium))
        if other is not None and other.far is not None:
            other.forwarded += 1
            self.network.send("UDP", other.address, other.far, packet.octets)

    def goes_silent(self, call: str, seconds: float) -> None:
        """Tell the core that no media comes any more."""
        self._answer(control.Silent(call, seconds))

    def dies(self) -> None:
        """As after kill -9: everything lent is gone, and nothing is answered."""
        for endpoint in self.endpoints.values():
            self.network.unbind("UDP", endpoint.address)
        self.endpoints.clear()
        self.bridges.clear()
        self.stage.forget()
        self.is_dead = True
