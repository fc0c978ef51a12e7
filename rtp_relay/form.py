"""What a form of forwarding is: how ports are opened, and how packets of a confirmed flow get through.

Theory. Every packet that a form does not forward by itself is shown to its port's `receive`, which
answers with the Exit that it leaves by, or None. That is the whole of forwarding, and always right. A
form may besides be told of a *flow*: what comes to a port from one confirmed source and where it goes.
A form in the kernel keeps such flows and forwards them without asking; the user form has no need to. So
the absence of a flow is never an error, and `suspend` loses no packet.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from rtp_relay.packet import Packet
from rtp_relay.source import Address
from rtp_relay.stream import Stream


class Interface(NamedTuple):
    """An address of this host that media may use. advertised: what far ends are told (NAT before us)."""

    name: str
    bind: str
    advertised: str


class Port(Protocol):
    """One open UDP port of a form.

    Whoever holds the port sets `receive`; a packet is valid only until that returns.
    """

    host: str
    number: int
    receive: Receive

    @property
    def send(self) -> Callable[[Packet, Address], object]:
        """Send one packet from this port; may raise OSError."""

    def close(self) -> None:
        """Give the port back to the system."""


class Exit:
    """Where packets for one far end leave: from our port, to its address; and what has left so far."""

    __slots__ = ("address", "octets", "packets", "port")

    def __init__(self, port: Port) -> None:
        self.port = port
        self.address: Address | None = None
        self.packets = 0
        self.octets = 0


Receive = Callable[[Packet, Address, float], Exit | None]


class Flow(NamedTuple):
    """What arrives from `source` leaves by `exit.port` to `destination`.

    exit and stream are where a form that forwards by itself accounts for what it sent and received.
    unread: no RTP (T.38). strict: the belief in the source is final, and packets from elsewhere need not be
    asked about: they are dropped, and counted as strangers of the stream.
    """

    source: Address
    exit: Exit
    destination: Address
    unread: bool
    strict: bool
    stream: Stream


def drop(packet: Packet, source: Address, now: float) -> Exit | None:
    """The `receive` of a port that is lent to nobody: late packets end here, not at the next caller."""
    return None


class Form(Protocol):
    """One way to forward packets."""

    name: str
    reason: str  # why this form and no faster one

    @property
    def trouble(self) -> str:
        """Why ports could not be opened, other than that somebody has them; "" if there was nothing."""

    def open(self, host: str, number: int) -> Port | None:
        """Open UDP port `number` at `host`; None if somebody else has it or descriptors have run out."""

    def install(self, port: Port, flow: Flow) -> None:
        """From now on packets of the flow may be forwarded without asking; replaces the port's flow."""

    def suspend(self, port: Port) -> None:
        """Ask for each packet again."""

    def collect(self, port: Port, stream: Stream) -> None:
        """Bring the stream, and the exit of the port's flow, up to date with what was forwarded unasked."""
