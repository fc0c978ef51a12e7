"""A call of two legs through a form: packets that are sent at one end and counted at the other.

Nothing is waited for in vain: whatever is readable first, the far end's socket or the form, tells whether the kernel
has forwarded a packet or user space is to.
"""

from __future__ import annotations

import select
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Final, NamedTuple

from rtp_relay import control
from rtp_relay.form import Interface
from rtp_relay.forms.user import UserForm
from rtp_relay.process.probe.network import udp_socket
from rtp_relay.relay import Relay, Settings
from rtp_relay.source import address_of

CALL_PORTS: Final = 4
PATIENCE: Final = 0.5  # seconds for a packet to arrive, on a host that does nothing else with it
DATAGRAM: Final = 4096
HEADER: Final = struct.Struct(">BBHII")  # RFC 3550 §5.1
PAYLOADS: Final = (0, 1, 20, 160, 161, 1000)  # octets; odd ones too, for the checksums
WARM_UP: Final = 10  # packets at most until a flow is with the kernel
STRANGERS: Final = 5
CALL: Final = "self-test"


class ExchangeError(Exception):
    """The relay would not do its part. The text is for a person."""


class Count(NamedTuple):
    """As in facts.Trial."""

    sent: int
    arrived: int
    by_kernel: int
    strange: int


class Arrival(NamedTuple):
    arrived: bool
    by_kernel: bool


class Exchange:
    """Two far ends and a stranger at far_host, entered by `outside`; the relay at host, from port first on.

    Raises OSError and ExchangeError. `close` gives everything back but the form.
    """

    def __init__(
        self, form: UserForm, host: str, first: int, far_host: str, outside: AbstractContextManager[object]
    ) -> None:
        self._form = form
        self._sequence = 0
        with ExitStack() as opened:
            with outside:
                sockets = [opened.enter_context(udp_socket(far_host)) for _ in range(3)]
            self._one, self._other, self._stranger = sockets
            self._relay = Relay(form, [Interface("here", host, host)], Settings(first, first + CALL_PORTS - 1))
            opened.callback(self._relay.close)
            self._port = self._set_up(far_host)
            self._opened = opened.pop_all()

    def close(self) -> None:
        self._opened.close()

    def run(self, to: str, packets: int) -> Count:
        """Send that many, and some of a stranger's, to the relay's address."""
        for _ in range(WARM_UP):
            if self._send(to, PAYLOADS[-1]).by_kernel:
                break
        arrivals = [self._send(to, PAYLOADS[number % len(PAYLOADS)]) for number in range(packets)]
        strange = self._let_in(to)
        arrived = sum(arrival.arrived for arrival in arrivals)
        return Count(packets, arrived, sum(arrival.by_kernel for arrival in arrivals), strange)

    def _set_up(self, far_host: str) -> int:
        """A call between the two; the port of the first leg."""
        reserved = self._tell(control.Reserve(CALL, (control.LegRequest(0), control.LegRequest(1))))
        if not reserved or not isinstance(reserved[0], control.Reserved):
            raise ExchangeError(getattr(reserved[0], "reason", "no ports are lent") if reserved else "no answer")
        for leg, far in enumerate((self._one, self._other)):
            port = far.getsockname()[1]
            self._tell(control.Direct(CALL, leg, 0, far_host, port, port + 1 if port < 65535 else 0, latch=False))
        self._tell(control.Bridge(CALL, 0, 1))
        return reserved[0].lent[0].port

    def _tell(self, command: control.Command) -> list[control.Event]:
        self._relay.handle(command, 1, time.monotonic())
        return [event for _, event in self._relay.take_events()]

    def _send(self, to: str, payload: int) -> Arrival:
        """One packet of RTP, to its end."""
        packet = self._packet(payload)
        self._one.sendto(packet, address_of(to, self._port))
        deadline = time.monotonic() + PATIENCE
        read, other, form = 0, self._other.fileno(), self._form.fileno()
        while (left := deadline - time.monotonic()) > 0:
            ready = select.select([other, form], [], [], left)[0]
            if other in ready and self._other.recv(DATAGRAM) == packet:
                return Arrival(True, read == 0)
            if form in ready:
                read += self._form.turn()
        return Arrival(False, False)

    def _let_in(self, to: str) -> int:
        """How many packets of somebody else reach the far end, or are answered."""
        for _ in range(STRANGERS):
            self._stranger.sendto(self._packet(PAYLOADS[-1]), address_of(to, self._port))
        self._form.turn()
        return sum(_waiting(each) for each in (self._other, self._stranger))

    def _packet(self, payload: int) -> bytes:
        self._sequence += 1
        return HEADER.pack(0x80, 0, self._sequence, 160 * self._sequence, 0x5E1F7E57) + bytes(payload)


@contextmanager
def exchange(
    form: UserForm, host: str, first: int, far_host: str, outside: AbstractContextManager[object]
) -> Iterator[Exchange]:
    """Until the block is left. Raises OSError and ExchangeError."""
    made = Exchange(form, host, first, far_host, outside)
    try:
        yield made
    finally:
        made.close()


def _waiting(receiver: socket.socket) -> int:
    """Datagrams that wait in a socket; they are taken out."""
    count = 0
    while select.select([receiver], [], [], 0)[0]:
        receiver.recv(DATAGRAM)
        count += 1
    return count
