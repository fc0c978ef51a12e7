"""Waiting until all that was sent has arrived, however busy the machine is.

A datagram over the loopback or a veth pair has mostly arrived when sendto returns, and nothing says that it must:
it lies in a queue of the kernel, whose turn (a softirq) may be given to a thread of the kernel that has to wait for
a processor. So markers follow it through the same queues, and who has got the last marker knows that it has arrived,
or that it never will. This holds because

- the queues are first in, first out: the backlog of a processor, for what comes from the loopback and from a veth
  without NAPI, and the ring of a veth with NAPI;
- whatever leaves a queue is treated to its end before the next: it is in its socket, or at the end of the next
  queue. A marker goes on to the next queue only then, and so stays behind it;
- a thread that keeps to one processor (`pinned`) finds all its packets in that processor's backlog, and runs again
  only when that processor has left the softirq.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from bench import namespaces

HOST = "127.0.0.1"
LIMIT = 60  # seconds that a marker may take: more is a fault, and no busy machine
MARKER = b"marker"
LOCAL_EXPERIMENT = 0x88B5  # an EtherType for private use (IEEE 802, clause 9.2): no route and no program asks for it
BROADCAST = b"\xff" * 6
NOBODY = b"\x02" + bytes(5)
FRAME = BROADCAST + NOBODY + struct.pack("!H", LOCAL_EXPERIMENT) + MARKER

Hop = tuple[socket.socket, bytes, socket.socket]  # from here, this, to there


class Passage:
    """The queues between the far ends and the relay, in an order in which no packet passes more of them."""

    def __init__(self, *hops: Hop) -> None:
        self._hops = hops
        for _, _, into in hops:
            into.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("@ll", LIMIT, 0))

    def wait(self) -> None:
        """Until everything that this thread has sent, and what became of it, is where it goes."""
        for out, marker, into in self._hops:
            out.send(marker)
            try:
                into.recv(len(marker))
            except BlockingIOError:
                raise TimeoutError(f"what was sent {LIMIT} s ago has not arrived") from None


@cache
def over_loopback() -> Passage:
    """From a party to the relay, to another port of the relay, to a party: three times the same queue.

    Made once for all tests of a process, and gone with it.
    """
    hop = loopback_hop()
    return Passage(hop, hop, hop)


@cache
def over_wire(wire: namespaces.Namespaces) -> Passage:
    """To the relay's host and back, and over the loopback of that host before each, for parties that are there."""
    with wire.inside(wire.far):
        far = packet_socket(namespaces.FAR_LINK)
    with wire.inside(wire.relay):
        near, local = packet_socket(namespaces.RELAY_LINK), loopback_hop()
    return Passage(local, (far, FRAME, near), local, (near, FRAME, far))


def loopback_hop() -> Hop:
    """In the namespace of the calling thread."""
    into, out = namespaces.udp_socket(HOST), namespaces.udp_socket(HOST)
    out.connect(into.getsockname())
    into.connect(out.getsockname())
    return out, MARKER, into


def packet_socket(link: str) -> socket.socket:
    made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    made.bind((link, LOCAL_EXPERIMENT))
    return made


class _Pin:
    """Keeps the main thread where it is as long as anybody wants it there."""

    def __init__(self) -> None:
        self._wanted = 0
        self._before: set[int] = set()

    def hold(self) -> None:
        if self._wanted == 0:
            self._before = os.sched_getaffinity(0)
            os.sched_setaffinity(0, {chosen(self._before)})
        self._wanted += 1

    def let_go(self) -> None:
        self._wanted -= 1
        if self._wanted == 0:
            os.sched_setaffinity(0, self._before)


_pin = _Pin()


@contextmanager
def pinned() -> Iterator[None]:
    """The calling thread keeps to one processor; it may be said many times over, and in any order undone."""
    _pin.hold()
    try:
        yield
    finally:
        _pin.let_go()


def chosen(processors: set[int]) -> int:
    """Processes that run tests side by side (xdist: gw0, gw1, ...) do not choose the same one."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    return sorted(processors)[int(worker) % len(processors)]
