"""What a relay has counted since it began: for metrics, which want sums that only grow."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from rtp_relay.control import StreamFigures


class Work(NamedTuple):
    """What a form has done. Of the sockets: packets and octets that came, and packets that were sent on, those that
    could not be, and errors that were read. Of the kernel: packets and octets forwarded there, strangers dropped
    there, packets raised to user space, flows that it has now, and packets that found no room in the ring for copies.
    """

    packets: int = 0
    octets: int = 0
    sent: int = 0
    send_errors: int = 0
    receive_errors: int = 0
    kernel_packets: int = 0
    kernel_octets: int = 0
    kernel_strangers: int = 0
    raised: int = 0
    flows: int = 0
    uncopied: int = 0


NO_WORK: Final = Work()


class Tally:
    """Sums over the streams that have ended: what is in their figures, and reserves that were refused."""

    __slots__ = ("drops", "lost", "malformed", "packets", "refused", "silent", "strangers")

    def __init__(self) -> None:
        self.packets = 0
        self.lost = 0
        self.strangers = 0
        self.malformed = 0
        self.drops: dict[str, int] = {}
        self.refused = 0
        self.silent = 0  # calls of which the core was told that no media came

    def add(self, streams: Iterable[StreamFigures]) -> None:
        for stream in streams:
            self.packets += stream.packets
            self.lost += max(stream.lost, 0)  # a counter never goes down
            self.strangers += stream.strangers
            self.malformed += stream.malformed
            for reason, packets in stream.drops:
                self.drops[reason] = self.drops.get(reason, 0) + packets
