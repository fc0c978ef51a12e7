"""What a form of forwarding is: how ports are opened, and how packets of a confirmed flow get through.

Theory. Every packet that a form does not forward by itself is shown to its port's `receive`, which
answers with the Exit that it leaves by, or None. That is the whole of forwarding, and always right. A
form may besides be told of a *flow*: what comes to a port from one confirmed source and where it goes.
A form in the kernel keeps such flows and forwards them without asking; the user form has no need to. So
the absence of a flow is never an error, and `suspend` loses no packet.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

from rtp_relay.packet import Packet
from rtp_relay.source import Address
from rtp_relay.stream import Stream
from rtp_relay.tally import Work

QUEUE_FULL: Final = (errno.EAGAIN, errno.ENOBUFS)


class Interface(NamedTuple):
    """An address of this host that media may use. advertised: what far ends are told (NAT before us)."""

    name: str
    bind: str
    advertised: str


class Port(Protocol):
    """One open UDP port of a form.

    Whoever holds the port sets `receive`; a packet is valid only until that returns. waits: the port was an earlier
    relay's, and nothing is read from it until a call has taken it up (`attend`), or nobody will (`renounce`). far: this
    very object as an address may be left out, by `send_on`; None for no such address.
    """

    host: str
    number: int
    receive: Receive
    waits: bool
    far: Address | None

    @property
    def send_on(self) -> Callable[[Packet], object]:
        """Send one packet to `far`; may raise OSError. There is none while `far` is None."""

    @property
    def send(self) -> Callable[[Packet, Address], object]:
        """Send one packet from this port; may raise OSError."""

    def close(self) -> None:
        """Give the port back to the system."""


class Inheritance(NamedTuple):
    """What an earlier relay knew of a port's flow. lent_at: when the port was lent; stream: as Stream.keep gave it."""

    source: Address
    is_strict: bool
    lent_at: float
    stream: tuple[int | float, ...]


class Exit:
    """Where packets for one far end leave: from our port, to its address; and what has left so far.

    crowded_out: packets that found the queue of the socket or the interface full. unsent: those that could not be
    sent for another reason (no route, a firewall).
    """

    __slots__ = ("address", "crowded_out", "octets", "packets", "port", "unsent")

    def __init__(self, port: Port) -> None:
        self.port = port
        self.address: Address | None = None
        self.packets = 0
        self.octets = 0
        self.crowded_out = 0
        self.unsent = 0

    def fail(self, error: OSError) -> None:
        """A packet could not be sent."""
        if error.errno in QUEUE_FULL:
            self.crowded_out += 1
        else:
            self.unsent += 1


Receive = Callable[[Packet, Address, float], Exit | None]


class Copies(NamedTuple):
    """Who wants to see packets of a flow, and which. show(packet, now) is given each that was forwarded unasked.

    kinds: the payload types of those, None for all. withheld: payload types that are not to be forwarded unasked.
    """

    show: Callable[[Packet, float], object]
    kinds: frozenset[int] | None = None
    withheld: frozenset[int] = frozenset()


class Flow(NamedTuple):
    """What arrives from `source` leaves by `exit.port` to `destination`.

    exit and stream are where a form that forwards by itself accounts for what it sent and received.
    unread: no RTP (T.38). strict: the belief in the source is final, and packets from elsewhere need not be
    asked about: they are dropped, and counted as strangers of the stream. since: when the port was lent.
    copies: somebody listens. A form that asks about every packet need not mind: asking shows it.
    """

    source: Address
    exit: Exit
    destination: Address
    unread: bool
    strict: bool
    stream: Stream
    since: float = 0.0
    copies: Copies | None = None


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

    def measure(self) -> Work:
        """What the form has done so far."""

    # What an earlier relay has left, see Port.waits.

    def inheritance(self, port: Port) -> Inheritance | None:
        """What was known of the port's flow; None if nothing is left of it."""

    def attend(self, port: Port) -> None:
        """The call that had the port has it again: from now on it is read, what has waited first. A flow that was left
        and has not been installed again is suspended."""

    def renounce(self, port: Port) -> None:
        """What was left with the port is nobody's, flow and waiting packets; from now on it is read."""

    def end_inheritance(self) -> int:
        """Renounce everything that no call has taken up; how much that was."""
