"""A form without sockets: a test, or a simulation, carries the packets and hands in the time."""

from __future__ import annotations

from collections.abc import Callable

from rtp_relay.form import Exit, Flow, Inheritance, Port, Receive, drop
from rtp_relay.packet import Packet
from rtp_relay.source import Address, address_of
from rtp_relay.stream import Stream
from rtp_relay.tally import NO_WORK, Work

Carry = Callable[[bytes, Address, Address], object]  # carry(packet, from our address, to the far end's)


class MemoryPort:
    """A port that exists only here."""

    def __init__(self, host: str, number: int, form: MemoryForm) -> None:
        self.host = host
        self.number = number
        self.address = address_of(host, number)
        self.receive: Receive = drop
        self.waits = False
        self.far: Address | None = None
        self._form = form

    def send(self, packet: Packet, destination: Address) -> None:
        self._form.carry(bytes(packet), self.address, destination)

    def send_on(self, packet: Packet) -> None:
        raise AssertionError("no address is known here")

    def close(self) -> None:
        del self._form.ports[self.address]


class MemoryForm:
    """Packets go in by `deliver` and come out at `carry`, or in `sent` if none is given."""

    def __init__(self, carry: Carry | None = None, taken: frozenset[int] = frozenset()) -> None:
        self.name = "memory"
        self.reason = "no sockets are wanted"
        self.sent: list[tuple[bytes, Address, Address]] = []
        self.ports: dict[Address, MemoryPort] = {}
        self.flows: dict[int, Flow] = {}
        self._taken = taken
        self.trouble = ""
        self.carry: Carry = carry or self._keep

    def open(self, host: str, number: int) -> MemoryPort | None:
        address = address_of(host, number)
        if number in self._taken or address in self.ports:
            return None
        port = self.ports[address] = MemoryPort(host, number, self)
        return port

    def _keep(self, packet: bytes, source: Address, destination: Address) -> None:
        self.sent.append((packet, source, destination))

    def install(self, port: Port, flow: Flow) -> None:
        self.flows[port.number] = flow

    def suspend(self, port: Port) -> None:
        self.flows.pop(port.number, None)

    def collect(self, port: Port, stream: Stream) -> None:
        """Nothing is forwarded unasked."""

    def inheritance(self, port: Port) -> Inheritance | None:
        return None

    def attend(self, port: Port) -> None:
        """Nothing has waited."""

    def renounce(self, port: Port) -> None:
        """Nothing was left."""

    def end_inheritance(self) -> int:
        return 0

    def measure(self) -> Work:
        """Nothing is counted: who carries the packets knows."""
        return NO_WORK

    def deliver(self, packet: bytes, source: Address, local: Address, now: float) -> bool:
        """A packet reaches `local`; False if no port is open there."""
        port = self.ports.get(local)
        if port is None:
            return False
        exit: Exit | None = port.receive(packet, source, now)
        if exit is not None and exit.address is not None:
            exit.port.send(packet, exit.address)
            exit.packets += 1
            exit.octets += len(packet)
        return True
