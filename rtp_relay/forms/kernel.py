"""The user form with a cache of confirmed flows in the kernel before it; what the tc and xdp forms share.

Theory. Every port has its socket, and every packet that comes to the socket is relayed as the user form does it.
A flow that is confirmed goes into the table that the programs at the interfaces read, and its packets are then
forwarded there. A packet that reaches the socket of an active flow nevertheless (RTCP on the same port, another
SSRC, a leap) is a reason to take the flow back: what was counted in the kernel is brought into the stream, the
packet is treated, and when the socket is empty the flow is given to the kernel again, with the figures as they
stand. So the kernel's counting and ours are one, no packet is lost and none overtakes another between the two.

A flow whose way is not known (no route, no MAC address yet) stays here: the system finds the neighbour for us,
and tells us when it has.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Final

from rtp_relay import stream as streams
from rtp_relay.bpf import layout, netlink
from rtp_relay.bpf.legacy import Legacy
from rtp_relay.bpf.loader import Loaded, Place, Plan
from rtp_relay.bpf.maps import NANOSECONDS, Counters, Standing, Target, same_version
from rtp_relay.bpf.ringbuf import LARGEST, SIZE, Ring
from rtp_relay.form import Copies, Exit, Flow, Inheritance, Port, Receive, drop
from rtp_relay.forms.user import UserForm, UserPort
from rtp_relay.forms.ways import Ways
from rtp_relay.packet import Packet
from rtp_relay.source import Address, address_of
from rtp_relay.stream import Stream
from rtp_relay.tally import Work

JITTER_UNITS: Final = 16 * NANOSECONDS  # in a second
TICKS: Final = 256 * NANOSECONDS
SEQUENCES: Final = 1 << 32
LEAST_HEADERS: Final = 28  # octets of IPv4 and UDP


class KernelPort(UserPort):
    """A socket, and the flow that may be in the kernel."""

    __slots__ = ("_asked", "before", "entry", "fed_by", "flow", "kernel", "start", "target")

    def __init__(self, host: str, number: int, opened: socket.socket, form: KernelForm) -> None:
        self.kernel = form
        self.entry: int | None = form.loaded.flows.entry_of(host, number)
        self.flow: Flow | None = None
        self.target: Target | None = None  # of the flow, as long as the way is what it was
        self.fed_by: KernelPort | None = None  # the port whose flow leaves here
        self.before = Counters(0, 0, 0, 0)  # counters that are accounted for
        self.start = 0  # the highest sequence number that is accounted for
        super().__init__(host, number, opened, form)
        self.waits = self.entry in form.left

    @property
    def receive(self) -> Receive:
        return self._asked if self.flow is None else self._take

    @receive.setter
    def receive(self, asked: Receive) -> None:
        self._asked = asked

    def _take(self, packet: Packet, source: Address, now: float) -> Exit | None:
        """A packet that the kernel did not forward, though there is a flow."""
        flow, kernel = self.flow, self.kernel
        if flow is not None and flow.copies is not None:
            kernel.drain()  # who listens hears in their order those before it and this one
        if flow is not None and source == flow.source:
            kernel.take_back(self)
            kernel.waiting.add(self)
        else:
            kernel.account(self)
        return self._asked(packet, source, now)

    def has_more(self) -> bool:
        """Whether packets wait in the socket."""
        try:
            self._socket.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except OSError:
            return False
        return True

    def close(self) -> None:
        self.kernel.suspend(self)
        self.kernel.waiting.discard(self)
        super().close()


class News(UserPort):
    """Takes the place of a port in the epoll: readable when routes or neighbours have changed."""

    __slots__ = ()

    def __init__(self, form: KernelForm) -> None:
        self.host, self.number, self.waits = "", 0, False
        self.receive = drop
        self.receive_into, self.source = form.take_news, None

    def close(self) -> None:
        """The form closes what is behind it."""


class Copied(UserPort):
    """In the epoll too: readable when the kernel has copied packets for somebody who listens."""

    __slots__ = ()

    def __init__(self, form: KernelForm) -> None:
        self.host, self.number, self.waits = "", 0, False
        self.receive = drop
        self.receive_into, self.source = form.take_copies, None

    def close(self) -> None:
        """The tables close what is behind it."""


class KernelForm(UserForm):
    """Forwards as the user form does, and less and less of it. Raises OSError where the kernel will not have it.

    clock: as in the user form. If it is not the monotonic clock itself, `tell_time` tells the programs.
    """

    def __init__(
        self, plan: Plan, places: tuple[Place, ...], name: str, reason: str,
        clock: Callable[[], float] = time.monotonic, directory: str = "",
    ) -> None:  # fmt: skip
        super().__init__(reason, plan.traffic_class >> 2, clock)
        self.name = name
        self.hindrance = ""  # why its flows end with this process, where they were to outlast it
        self.waiting: set[KernelPort] = set()  # whose flows are to go (back) to the kernel
        self.left: set[int] = set()  # entries of an earlier relay, of which no call has said that it goes on
        with ExitStack() as undone:
            undone.callback(super().shut)
            self._changes = netlink.Changes()
            undone.callback(self._changes.close)
            self.loaded = Loaded(plan, places, clock is not time.monotonic, directory)
            undone.callback(self.loaded.leave)
            self._ways = Ways(self.loaded.next_hops, self.loaded.slots)
            undone.callback(self._ways.close)
            if self.loaded.is_adopted:
                self._adopt()
            undone.pop_all()
        self._ports[self._changes.fileno()] = News(self)
        self._epoll.register(self._changes.fileno(), 1)
        self._listened: dict[int, KernelPort] = {}  # by the number of its entry
        self._ring: Ring = self.loaded.tables.ring
        self._ring.skip()
        self._ports[self._ring.descriptor] = Copied(self)
        self._epoll.register(self._ring.descriptor, 1)

    def shut(self) -> None:
        """Close the ports, detach, and leave nothing behind."""
        del self._ports[self._changes.fileno()]
        del self._ports[self._ring.descriptor]
        super().shut()
        self._ways.let_age()
        self.loaded.close()
        self._changes.close()
        self._ways.close()

    @property
    def has_left(self) -> bool:
        return bool(self.left) or super().has_left

    def leave(self) -> None:
        self.loaded.leave()
        self._changes.close()
        self._ways.close()
        super().leave()

    def _made(self, host: str, number: int, opened: socket.socket) -> KernelPort:
        return KernelPort(host, number, opened, self)

    def live_until(self, at: float) -> None:
        """The kernel forwards until then, monotonic, or for ever if this is never said."""
        self.loaded.tables.until.tell(at)

    def tell_time(self, now: float) -> None:
        """The time, for programs that do not read a clock."""
        if self.loaded.clock is not None:
            self.loaded.clock.tell(now)

    # What the relay asks for.

    def install(self, port: Port, flow: Flow) -> None:
        """The flow goes to the kernel as soon as no packet of it is left here."""
        assert isinstance(port, KernelPort)
        self.suspend(port)
        if port.entry is None:
            return
        port.flow = flow
        port.before = self.loaded.flows.counters(port.entry)
        if isinstance(flow.exit.port, KernelPort):
            flow.exit.port.fed_by = port
        if not self._goes_on(port, flow, port.entry):
            self.waiting.add(port)

    def suspend(self, port: Port) -> None:
        assert isinstance(port, KernelPort)
        if port.flow is None:
            return
        self.take_back(port)
        exit = port.flow.exit.port
        if isinstance(exit, KernelPort) and exit.fed_by is port:
            exit.fed_by = None
        if port.flow.copies is not None and port.entry is not None:
            self.drain()
            self._listened.pop(port.entry // layout.FLOW_SIZE, None)
        port.flow = port.target = None

    def collect(self, port: Port, stream: Stream) -> None:
        """Bring up to date what came to the port, and what left by it."""
        assert isinstance(port, KernelPort)
        if port.flow is not None:
            self.account(port)
            if port.flow.copies is not None:
                self.drain()
        if port.fed_by is not None:
            self.account(port.fed_by)

    def measure(self) -> Work:
        totals = self.loaded.flows.totals()
        return super().measure()._replace(
            kernel_packets=totals.packets, kernel_octets=totals.octets, kernel_strangers=totals.strangers,
            raised=totals.raised, flows=len(self.loaded.flows.active()),
            uncopied=self.loaded.flows.uncopied(),
        )  # fmt: skip

    def turn(self, wait: float = 0.0) -> int:
        read = super().turn(wait)
        if self.waiting:
            for port in tuple(self.waiting):
                if port.flow is None or not port.has_more():
                    self.waiting.discard(port)
                    self._give(port)
        return read

    # For who listens.

    def take_copies(self, buffer: bytearray) -> tuple[int, Address]:
        """As a port's socket reads; what was copied is shown, and there never is a packet: BlockingIOError."""
        self._ring.drain(self._show)
        raise BlockingIOError

    def drain(self) -> None:
        """Show all that the kernel has copied so far."""
        self._ring.drain(self._show, SIZE)

    def _show(self, number: int, packet: Packet, time: int) -> None:
        port = self._listened.get(number)
        if port is not None and port.flow is not None and port.flow.copies is not None:
            port.flow.copies.show(packet, time / NANOSECONDS)

    # What an earlier relay has left.

    def _adopt(self) -> None:
        """Flows go on as they are; next hops are looked after from now on, and are what is true now."""
        flows, legacies = self.loaded.flows, self.loaded.legacies
        self.left = set(flows.active()) | {number * layout.FLOW_SIZE for number in legacies.numbers()}
        self._ways.adopt()

    def inheritance(self, port: Port) -> Inheritance | None:
        assert isinstance(port, KernelPort)
        legacy = self._legacy(port.entry)
        if legacy is None or port.entry is None:
            return None
        source = self.loaded.flows.target(port.entry).source
        return Inheritance(address_of(*source), legacy.is_strict, legacy.lent_at, legacy.stream)

    def _legacy(self, entry: int | None) -> Legacy | None:
        return self.loaded.legacies.get(entry // layout.FLOW_SIZE) if entry in self.left and entry is not None else None

    def _goes_on(self, port: KernelPort, flow: Flow, entry: int) -> bool:
        """Whether the flow is one that was left, and the kernel has it already."""
        legacy = self._legacy(entry)
        if legacy is None or legacy.lent_at != flow.since:
            self._disown(entry)
            return False
        self.left.discard(entry)
        port.before, port.start = legacy.before, legacy.start
        flow.exit.packets, flow.exit.octets = legacy.exit_packets, legacy.exit_octets
        port.target = self._target(port, flow)
        if self.loaded.flows.is_active(entry) and port.target == self.loaded.flows.target(entry):
            self.account(port)
            return True
        self.take_back(port)
        return False

    def _disown(self, entry: int | None) -> None:
        if entry is not None and entry in self.left:
            self.left.discard(entry)
            self.loaded.flows.deactivate(entry)
            self.loaded.legacies.clear(entry // layout.FLOW_SIZE)

    def attend(self, port: Port) -> None:
        assert isinstance(port, KernelPort)
        self._disown(port.entry)
        super().attend(port)

    def renounce(self, port: Port) -> None:
        assert isinstance(port, KernelPort)
        if port.entry is not None:
            self._disown(port.entry)
            self.loaded.legacies.clear(port.entry // layout.FLOW_SIZE)
        super().renounce(port)

    def end_inheritance(self) -> int:
        removed = super().end_inheritance() + len(self.left)
        for entry in tuple(self.left):
            self._disown(entry)
        return removed

    # Between user space and the kernel.

    def take_back(self, port: KernelPort) -> None:
        """From now on packets come to the socket; what was counted is in the stream."""
        if port.entry is not None:
            self.loaded.flows.deactivate(port.entry)
            self.account(port)

    def account(self, port: KernelPort) -> None:
        """Bring what the kernel has counted into the stream and the exit."""
        flow, entry = port.flow, port.entry
        if flow is None or entry is None:
            return
        before, now = port.before, self.loaded.flows.counters(entry)
        if now == before:
            return
        port.before = now
        packets, octets = now.packets - before.packets, now.octets - before.octets
        flow.stream.strangers += now.strangers - before.strangers
        if packets:
            after = self._standing_after(port, entry)
            flow.stream.absorb(packets, octets, after, not flow.unread)
            flow.exit.packets += packets
            flow.exit.octets += octets

    def _standing_after(self, port: KernelPort, entry: int) -> streams.Standing:
        there = self.loaded.flows.standing(entry)
        highest = port.start + (there.highest - port.start) % SEQUENCES
        port.start = highest
        return streams.Standing(
            there.ssrc, there.payload_type, 0, highest, there.timestamp,
            there.last / NANOSECONDS, there.jitter / JITTER_UNITS, there.longest_gap / NANOSECONDS,
        )  # fmt: skip

    def _give(self, port: KernelPort) -> None:
        """The flow goes to the kernel, if it is such that it can."""
        flow, entry = port.flow, port.entry
        if flow is None or entry is None:
            return
        standing = flow.stream.standing(not flow.unread)
        target = port.target = port.target or self._target(port, flow)
        if standing is None or target is None:
            return
        if flow.copies is not None and not flow.unread:
            if standing.kind in flow.copies.withheld:
                return
            self._listened[entry // layout.FLOW_SIZE] = port
            target = target._replace(
                flags=target.flags | layout.COPIED, size_limit=min(target.size_limit, LARGEST + LEAST_HEADERS)
            )  # what is too large for the ring goes up
        port.start = max(standing.highest, 0)
        self.loaded.legacies.put(entry // layout.FLOW_SIZE, Legacy(
            flow.since, flow.strict, port.start, port.before, flow.exit.packets, flow.exit.octets, flow.stream.keep(),
        ))  # fmt: skip
        there = Standing(
            standing.ssrc, _kind(standing.kind, flow.copies), TICKS // standing.clock_rate, port.start % SEQUENCES,
            standing.timestamp, round(standing.last_packet * NANOSECONDS), round(standing.jitter * JITTER_UNITS),
            round(standing.longest_gap * NANOSECONDS), _kind(standing.other_kind, flow.copies),
            TICKS // standing.other_clock_rate,
        )  # fmt: skip
        self.loaded.flows.activate(entry, target, there)

    def _target(self, port: KernelPort, flow: Flow) -> Target | None:
        exit = flow.exit.port
        if not same_version(port.host, exit.host, flow.destination[0]):
            return None
        is_from_here = self._ways.is_local(flow.source[0])
        way = self._ways.way(flow.destination[0], exit.host)
        if way is None or (way.is_local and not is_from_here):
            return None  # what came by a wire does not enter the loopback: the system would not believe it
        flags = layout.STRICT if flow.strict else 0
        flags |= layout.UNREAD if flow.unread else 0
        flags |= layout.FROM_THIS_HOST if is_from_here else 0
        return Target(
            (flow.source[0], flow.source[1]), (exit.host, exit.number),
            (flow.destination[0], flow.destination[1]), way.number, way.size_limit, flags,
        )  # fmt: skip

    # What changes on the way.

    def take_news(self, buffer: bytearray) -> tuple[int, Address]:
        """As a port's socket reads; there never is a packet, which is told as such: BlockingIOError."""
        news = self._changes.take()
        neighbours = [netlink.neighbour_of(message) for message in news or ()]
        if news is None or any(neighbour is None for neighbour in neighbours):
            self.ask_again()
        for neighbour in neighbours:
            if neighbour is not None:
                self._ways.take(neighbour)
        raise BlockingIOError

    def ask_again(self) -> None:
        """Routes, addresses or links have changed: every flow comes back here and goes by what is true now.

        They come back first: if the kernel does not answer (it may be slow when many networks change at once), no
        packet goes by what was true before. Raises OSError then.
        """
        for port in self._ports.values():
            if isinstance(port, KernelPort) and port.flow is not None:
                self.take_back(port)
                port.target = None
        for entry in self.left:
            self.loaded.flows.deactivate(entry)
        self._ways.ask_again()


def _kind(payload_type: int, copies: Copies | None) -> int:
    """As the program is told of it: to be copied or not, or not to be forwarded at all."""
    if payload_type < 0 or (copies is not None and payload_type in copies.withheld):
        return layout.NO_TYPE
    is_copied = copies is not None and (copies.kinds is None or payload_type in copies.kinds)
    return payload_type | layout.COPY if is_copied else payload_type
