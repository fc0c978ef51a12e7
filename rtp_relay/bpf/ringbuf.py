"""A ring of copied packets: the kernel's programs put them in, we take them out (BPF_MAP_TYPE_RINGBUF).

It is memory that both sides see. The first page is ours and holds how far we have read; then comes the kernel's, with
how far it has written; then the records, mapped twice in a row, so that a record which goes round lies in one piece.
A record is eight octets of the kernel's (length, a bit that says that it is still being written, another that it was
given up) and then, rounded up to eight:

    u32 number      of the flow's entry
    u32 length      octets of the packet
    u64 time        ns, of its arrival
    the packet      the UDP payload, in one of three sizes of room

A processor that does not keep the order of loads could show us the end of a record before its beginning; x86 keeps it,
and so does what Python does between two loads, in practice.

When the ring is full the program counts that (layout.UNCOPIED) and forwards the packet as ever: media never waits.
"""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Callable
from typing import Final

from rtp_relay.bpf import syscall

SIZE: Final = 1 << 23  # octets, a power of two: 30,000 packets of 20 ms, two thirds of a second of 1000 calls
HEAD: Final = struct.Struct("<IIQ")
ROOMS: Final = (64, 256, 1536)  # octets of a record, HEAD included: a key, 20 ms of speech, whatever Ethernet carries
LARGEST: Final = ROOMS[-1] - HEAD.size  # octets of UDP payload
AT_ONCE: Final = 2048  # records between two looks at the sockets: two or three milliseconds

KERNEL_HEAD: Final = 8
BUSY: Final = 1 << 31  # linux/bpf.h: BPF_RINGBUF_BUSY_BIT
GIVEN_UP: Final = 1 << 30  # BPF_RINGBUF_DISCARD_BIT

Take = Callable[[int, memoryview, int], object]  # take(number of the entry, packet, ns)


class Ring:
    """Made, or opened by the descriptor of one that is there. Raises OSError."""

    def __init__(self, descriptor: int | None = None) -> None:
        self.descriptor = descriptor if descriptor is not None else syscall.create_map(
            syscall.MapKind.RINGBUF, 0, 0, SIZE, 0, "rtp_copies"
        )  # fmt: skip
        page = mmap.PAGESIZE
        self._ours = mmap.mmap(self.descriptor, page, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)
        self._theirs = mmap.mmap(
            self.descriptor, page + 2 * SIZE, mmap.MAP_SHARED, mmap.PROT_READ, offset=page
        )
        self._read = memoryview(self._ours).cast("Q")
        self._written = memoryview(self._theirs)[:page].cast("Q")
        self._records = memoryview(self._theirs)[page:]
        self._words = self._records.cast("I")

    def close(self) -> None:
        for view in (self._words, self._records, self._written, self._read):
            view.release()
        self._theirs.close()
        self._ours.close()
        os.close(self.descriptor)

    @property
    def is_empty(self) -> bool:
        return self._read[0] == self._written[0]

    def drain(self, take: Take, most: int = AT_ONCE) -> int:
        """Take what is there, in its order; a packet is valid only until `take` returns. How many there were.

        What is still being written ends it: the kernel wakes us again.
        """
        read, words, records = self._read, self._words, self._records
        at, end = read[0], self._written[0]
        taken = 0
        while at < end and taken < most:
            place = at % SIZE
            word = words[place // 4]
            if word & BUSY:
                break
            size = word & ~GIVEN_UP
            if not word & GIVEN_UP:
                begin = place + KERNEL_HEAD
                number, length, time = HEAD.unpack_from(records, begin)
                begin += HEAD.size
                take(number, records[begin : begin + length], time)
                taken += 1
            at += KERNEL_HEAD + (size + 7 & ~7)
            read[0] = at
        return taken

    def skip(self) -> None:
        """What an earlier relay has not taken is for nobody now."""
        self.drain(_pass_over, SIZE)


def _pass_over(number: int, packet: memoryview, time: int) -> None:
    """Of a call that nobody listens to any more."""
