"""A relay on one form, with parties around it and a clock that only the test moves.

What was sent has been through the kernel when `send` returns (see passage), so that a turn of the form sees all of
it, and `received` gives all that came: no test has to wait.

Ports on a wire are the same in every run, as nobody else is in those namespaces. It matters to the xdp form, which
leaves one packet in 65536 to user space, for its checksum (see rtp_relay/bpf/programs.py): which one depends on the
ports, and with ports of the system's choice a long test met it now and then. No test is to meet it unawares.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Callable
from contextlib import ExitStack, nullcontext
from functools import cache
from typing import Any, Protocol

import pytest

from bench import namespaces
from rtp_relay import control
from rtp_relay.bpf.maps import Clock
from rtp_relay.bpf.pins import Pins
from rtp_relay.form import Interface
from rtp_relay.forms import tc, xdp
from rtp_relay.forms.kernel import KernelForm
from rtp_relay.forms.memory import MemoryForm
from rtp_relay.forms.user import UserForm, UserPort
from rtp_relay.relay import Relay, Settings
from rtp_relay.source import Address, address_of
from rtp_relay.studio import Studio
from tests.rtp_relay.conformance.passage import Passage, over_loopback, over_wire, pinned

FORMS = ("user", "memory", "tc", "tc on a wire", "xdp")
WIRED = ("tc on a wire", "xdp")  # the relay in one network namespace, everybody else in another
LOOPBACK = {False: "127.0.0.1", True: "::1"}  # by whether it is IPv6
OTHER_LOOPBACK = {False: "127.0.0.9", True: "::1"}
UNREACHED = {False: "10.11.12.13", True: "fd99::13"}  # what a phone behind NAT states
FIRST_FAR_PORT = 22000
CORE = 1  # the owner of calls in these tests
DATAGRAM = 4096
TURNS = 10_000  # of the form, for what was sent before; more is a loop
SPREAD = 509  # processes of neighbouring ids begin to look far from each other


class Party(Protocol):
    """A far end: sends from its address, and keeps what comes there."""

    host: str
    port: int

    def send(self, packet: bytes, port: int) -> None: ...
    def received(self) -> list[tuple[bytes, int]]: ...
    def close(self) -> None: ...


class SocketParty:
    def __init__(
        self, host: str, port: int, relay_host: str, before: Callable[[], None], passage: Passage, is_by_xdp: bool
    ) -> None:  # fmt: skip
        self._socket = namespaces.udp_socket(host, port)
        self._socket.setblocking(False)
        self._relay_host = relay_host
        self._before = before
        self._passage = passage
        self._is_by_xdp = is_by_xdp
        self.host, self.port = self._socket.getsockname()[:2]

    def send(self, packet: bytes, port: int) -> None:
        self._before()
        if self._is_by_xdp and looks_left(packet, (self.host, self.port), (self._relay_host, port)):
            pytest.fail("xdp takes its checksum for one that was left to the hardware: choose other ports (or bytes)")
        self._socket.sendto(packet, (self._relay_host, port))
        self._passage.wait()

    def received(self) -> list[tuple[bytes, int]]:
        """What came, each with the relay's port that it came from."""
        self._passage.wait()
        packets: list[tuple[bytes, int]] = []
        while True:
            try:
                packet, source = self._socket.recvfrom(DATAGRAM)
            except BlockingIOError:
                return packets
            assert source[0] == self._relay_host
            packets.append((packet, source[1]))

    def close(self) -> None:
        self._socket.close()


class MemoryParty:
    def __init__(self, host: str, port: int, rig: Rig) -> None:
        self.host, self.port = host, port
        self.inbox: list[tuple[bytes, int]] = []
        self._rig = rig

    def send(self, packet: bytes, port: int) -> None:
        rig, source = self._rig, address_of(self.host, self.port)
        assert isinstance(rig.form, MemoryForm)
        relay_host = next(ours for ours in rig.hosts if (":" in ours) == (":" in self.host))
        rig.form.deliver(packet, source, address_of(relay_host, port), rig.now)

    def received(self) -> list[tuple[bytes, int]]:
        packets, self.inbox = self.inbox, []
        return packets

    def close(self) -> None:
        pass


class Rig:
    """`now` is the time. Ports are `first` to `first + 2 * pairs - 1`, less what others have.

    both_versions: the relay has an interface "other" too, at an address of the other version of IP.
    pins: a directory in a bpf file system, for what another relay is to take up.
    """

    def __init__(
        self, form: str, version_6: bool = False, pairs: int = 24, studio: Studio | None = None,
        both_versions: bool = False, pins: str = "", **settings: Any,
    ) -> None:  # fmt: skip
        self.now = 1000.0
        self._name, self._pins = form, pins
        self._clock: Clock | None = None  # while there is no relay
        self._wire = the_wire() if form in WIRED else None
        ours = LOOPBACK if self._wire is None else namespaces.RELAY
        self.host = ours[version_6]
        self.far_host = (LOOPBACK if self._wire is None else namespaces.FAR)[version_6]
        elsewhere = OTHER_LOOPBACK if form != "memory" else {False: "127.0.0.9", True: "::9"}
        self.elsewhere = (elsewhere if self._wire is None else namespaces.ELSEWHERE)[version_6]
        self.behind_nat: dict[str, Any] = {"address": UNREACHED[version_6], "port": 4000, "rtcp_port": 4001}
        self.parties: dict[Address, Party] = {}
        self.hosts = (self.host, ours[not version_6]) if both_versions else (self.host,)
        with ExitStack() as undone:
            if form != "memory":
                undone.enter_context(pinned())
                self._passage = over_loopback() if self._wire is None else over_wire(self._wire)
            if self._wire is not None:
                undone.enter_context(self._wire.inside(self._wire.relay))
            first = free_range(self.host, pairs, *self.hosts[1:], is_alone=self._wire is not None)
            self.form: UserForm | MemoryForm = self._made(form, first, first + 2 * pairs - 1)
            self._stack = undone.pop_all()
        chosen = Settings(first_port=first, last_port=first + 2 * pairs - 1, **settings)
        self.notes: list[tuple[str, dict[str, object]]] = []
        self._interfaces = [
            Interface(name, host, host) for name, host in zip(("main", "other"), self.hosts, strict=False)
        ]
        self._settings = chosen
        self.relay = Relay(self.form, self._interfaces, chosen, self._note, studio)
        self._next_port = FIRST_FAR_PORT

    def _made(self, form: str, first: int, last: int) -> UserForm | MemoryForm:
        if form == "memory":
            return MemoryForm(self._carry)
        if form == "user":
            return UserForm(clock=lambda: self.now)
        open_form = xdp.open_form if form == "xdp" else tc.open_form
        return open_form(self.hosts, first, last, clock=lambda: self.now, directory=self._pins)

    def close(self) -> None:
        for party in self.parties.values():
            party.close()
        self.relay.close()
        if isinstance(self.form, UserForm):
            self.form.shut()
        self._stack.close()

    def kill(self) -> list[socket.socket]:
        """kill -9 of the relay: nothing is said, nothing is cleared; somebody has the ports' sockets."""
        assert isinstance(self.form, UserForm)
        sockets = [port._socket for port in self.form._ports.values() if isinstance(port, UserPort) and port.number]
        held = [one.dup() for one in sockets]
        if isinstance(self.form, KernelForm):
            self._clock = Clock(Pins(self._pins).open("clock"))  # time goes on
        self.form.leave()
        for one in sockets:
            one.close()
        return held

    def start_again(self, held: list[socket.socket]) -> None:
        """A new relay, which has heard of no call."""
        self.form = self._made(self._name, self._settings.first_port, self._settings.last_port)
        assert isinstance(self.form, UserForm)
        self.form.inherit(held)
        if self._clock is not None:
            self._clock.close()
            self._clock = None
        self.relay = Relay(self.form, self._interfaces, self._settings, self._note)

    # The far ends.

    def party(self, host: str = "", port: int = 0, is_on_our_host: bool = False) -> Party:
        """is_on_our_host: on the relay's own, whatever is between it and the others."""
        host = host or (self.host if is_on_our_host else self.far_host)
        made: Party
        if isinstance(self.form, UserForm):
            relay_host = next(ours for ours in self.hosts if (":" in ours) == (":" in host))
            wire = None if is_on_our_host else self._wire
            with wire.inside(wire.far) if wire is not None else nullcontext():
                number = port or (self._free_port(host) if self._wire is not None else 0)
                made = SocketParty(host, number, relay_host, self._tell_time, self._passage, self._name == "xdp")
        else:
            self._next_port += 2
            made = MemoryParty(host, port or self._next_port, self)
        self.parties[address_of(made.host, made.port)] = made
        return made

    def _free_port(self, host: str) -> int:
        """The next that nobody has; in the namespace of the calling thread."""
        self._next_port += 2
        while not is_free(host, self._next_port):
            self._next_port += 2
        return self._next_port

    def party_of_the_other_version(self) -> Party:
        """Of a relay with both."""
        return self.party((LOOPBACK if self._wire is None else namespaces.FAR)[":" not in self.host])

    def need_another_host(self) -> None:
        """For tests that tell hosts apart, and not only ports."""
        if self.elsewhere == self.far_host:
            pytest.skip(f"at {self.host} there is one host only")

    def rtp_and_rtcp(self) -> tuple[Party, Party]:
        """A far end with an RTP port and the one above it."""
        for _ in range(50):
            rtp = self.party()
            try:
                return rtp, self.party(port=rtp.port + 1)
            except OSError:
                continue
        raise AssertionError("no two neighbouring ports are free")

    def _note(self, event: str, **what: object) -> None:
        self.notes.append((event, what))

    def _carry(self, packet: bytes, source: Address, destination: Address) -> None:
        party = self.parties.get(destination)
        if isinstance(party, MemoryParty):
            party.inbox.append((packet, source[1]))

    def _tell_time(self) -> None:
        if self._clock is not None:
            self._clock.tell(self.now)
        elif isinstance(self.form, KernelForm):
            self.form.tell_time(self.now)

    def run(self, seconds: float = 0.0) -> None:
        """Let the relay take what was sent, then let time pass."""
        if isinstance(self.form, UserForm):
            turns = 0
            while self.form.turn():
                self._passage.wait()  # for what it has sent to itself
                turns += 1
                assert turns < TURNS, "packets without end"
        self.now += seconds
        due = self.relay.next_deadline()
        if due is not None and due <= self.now:
            self.relay.handle_deadline(self.now)

    def send(self, party: Party, packet: bytes, port: int) -> None:
        """One packet, forwarded before anything else happens."""
        party.send(packet, port)
        self.run()

    # The core.

    def do(self, *commands: control.Command, owner: int = CORE) -> list[control.Event]:
        for command in commands:
            self.relay.handle(command, owner, self.now)
        return [event for _, event in self.relay.take_events()]

    def events(self) -> list[control.Event]:
        return [event for _, event in self.relay.take_events()]

    def reserve(self, call: str = "call", legs: int = 2, media: int = 1, owner: int = CORE) -> dict[Any, int]:
        """RTP ports by (leg, medium), and by leg for the first medium."""
        requests = tuple(control.LegRequest(leg, media=media) for leg in range(legs))
        (event,) = self.do(control.Reserve(call, requests), owner=owner)
        assert isinstance(event, control.Reserved), event
        ports: dict[Any, int] = {(lent.leg, lent.medium): lent.port for lent in event.lent}
        return ports | {lent.leg: lent.port for lent in event.lent if lent.medium == 0}

    def direct(self, leg: int, party: Party, call: str = "call", **more: Any) -> None:
        what: dict[str, Any] = {"medium": 0, "address": party.host, "port": party.port}
        what["rtcp_port"] = party.port + 1
        self.do(control.Direct(call=call, leg=leg, **(what | more)))

    def call(self, latch: bool = False, **more: Any) -> tuple[Party, Party, dict[Any, int]]:
        """A call of two legs, directed and bridged."""
        ports = self.reserve()
        a, b = self.party(), self.party()
        self.direct(0, a, latch=latch, **more)
        self.direct(1, b, latch=latch, **more)
        self.do(control.Bridge("call", 0, 1))
        return a, b, ports

    def figures(self, leg: int = 0, medium: int = 0, call: str = "call") -> control.StreamFigures:
        (event,) = self.do(control.Query(call))
        assert isinstance(event, control.Figures)
        return next(one for one in event.streams if (one.leg, one.medium) == (leg, medium))

    def release(self, *legs: int, call: str = "call") -> tuple[control.StreamFigures, ...]:
        (event,) = self.do(control.Release(call, legs))
        assert isinstance(event, control.Released)
        return event.streams

    def relay_pairs(self) -> int:
        """How many pairs the relay has: the whole range, less what other programs hold."""
        self.relay.open(1 << 15)
        holdings = self.holdings()
        return holdings.ports_free + holdings.ports_lent + holdings.ports_resting

    def holdings(self) -> control.Holdings:
        (event,) = self.do(control.Inventory())
        assert isinstance(event, control.Holdings)
        return event


@cache
def the_wire() -> namespaces.Namespaces:
    """Made once for all tests of a process, and gone with it."""
    return namespaces.Namespaces()


@cache
def has_version_6() -> bool:
    """Whether this machine speaks IPv6 at all."""
    return is_free(LOOPBACK[True], 0)


@cache
def hindrance(form: str) -> str:
    """Why the form cannot be tried on this machine; "" if it can."""
    if form not in ("tc", *WIRED):
        return ""
    if form in WIRED and namespaces.missing():
        return namespaces.missing()
    try:
        Rig(form).close()
    except OSError as error:
        return str(error)
    return ""


def free_range(host: str, pairs: int, *others: str, is_alone: bool = False) -> int:
    """An even port with so many pairs free at all hosts, below those that the system gives to others (bind 0).

    is_alone: no other process looks for ports at these hosts.
    """
    span = 2 * pairs
    lowest, highest = 10000, 32768 - span
    start = lowest if is_alone else lowest + os.getpid() * 2 * SPREAD % (highest - lowest)
    for step in range(0, highest - lowest, span):
        first = (lowest + (start - lowest + step) % (highest - lowest)) & ~1
        if all(is_free(each, port) for port in range(first, first + span) for each in (host, *others)):
            return first
    raise AssertionError("no free range of ports")


def looks_left(packet: bytes, source: Address, destination: Address) -> bool:
    """Whether the checksum is by chance the sum of the pseudo header, as the sender's system leaves it to hardware."""
    family = socket.AF_INET6 if ":" in source[0] else socket.AF_INET
    length = len(packet) + 8
    addresses = b"".join(socket.inet_pton(family, host) for host in (source[0], destination[0]))
    pseudo_header = sum_of(addresses) + socket.IPPROTO_UDP + length
    return (2 * pseudo_header + source[1] + destination[1] + length + sum_of(packet)) % 0xFFFF == 0


def sum_of(octets: bytes) -> int:
    """As RFC 1071 adds them, before anything is carried."""
    even = octets + bytes(len(octets) % 2)
    return sum(struct.unpack(f"!{len(even) // 2}H", even))


def is_free(host: str, port: int) -> bool:
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind((host, port))
    except OSError:
        return False
    return True
