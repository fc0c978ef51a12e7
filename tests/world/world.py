"""The simulated world: the service under test between a trunk and phones, on a clock of its own.

    world = World()
    ana, ben = world.phone("ana", answers_after=2.0), world.phone("ben")
    call = world.caller().call()
    world.run_until(lambda: call.is_answered)
    call.hang_up()
    world.finish()

`run`, `run_until` and `finish` move straight to whatever is due next: a packet's arrival, a timer of a
puppet, the deadline of the switchboard. After each of these the switchboard is drained. The puppets note
what we do wrong as violations; `finish` lets everything run out and raises if there is one, or if
anything is left over.

To add a whole call: a file in tests/calls named for what happens, phones scripted by `phone(...)` or led
by hand (`ana.ring()`, `ana.answer()`, `ana.fail(486)`), the weather set by `network.link`, `network.drop`,
`hold` and `alter` with the predicates of picking.py, the configuration by the fields of `plan`, all before
time first passes; then `run_until`, asserts, and always `finish`.
"""

from __future__ import annotations

import functools
import itertools
from collections import deque
from collections.abc import Callable
from typing import Any

from b2bua.calls import flow as flows
from b2bua.calls.flow import DialRecipient, Step
from b2bua.calls.recipient import Recipient
from b2bua.calls.record import CallRecord
from rtp_relay.control import Event
from sip_stack.flow import Flow
from tests.world import ladder, plan, subject
from tests.world.agent import UserAgent
from tests.world.caller import Caller, TrunkCall
from tests.world.clock import Clock
from tests.world.network import Address, Network, Packet
from tests.world.phone import Phone, Script
from tests.world.plan import Plan
from tests.world.reading import Heard, host_and_port
from tests.world.real_relay import RealRelay
from tests.world.relay import MediaRelay, PuppetRelay
from tests.world.service import LocalSocket
from tests.world.subject import Question, Subject

living: deque[World] = deque(maxlen=3)  # of the running test, for the ladder that a failure prints


class World:
    """seed rules every chance in it. at_once: everything due at one instant is given to the switchboard
    before it is drained, as when datagrams wait in the socket's queue."""

    def __init__(
        self,
        make_switchboard: Callable[[Plan, int], Subject] = subject.make_switchboard,
        seed: int = 0,
        at_once: bool = False,
    ) -> None:
        self.seed = seed
        self.at_once = at_once
        self.clock = Clock()
        self.network = Network(self.clock, seed)
        self.plan = Plan()
        self.agents: list[UserAgent] = []
        self.violations: list[str] = []
        self.records: list[CallRecord] = []
        self.notices: list[tuple[float, dict[str, Any]]] = []
        self.questions: list[Question] = []
        self.invites_heard: list[Heard] = []
        self.names: dict[str, list[Flow]] = {}
        self.resolver_delay = 0.02
        self.media_addresses = tuple(plan.MEDIA_ADDRESSES.values())
        self.relay = PuppetRelay(self.network, plan.MEDIA_ADDRESSES, self._relay_event, self.violation)
        self.media: MediaRelay = self.relay
        self.sockets = {name: LocalSocket(self, name) for name in plan.LOCAL_SOCKETS}
        self._make = make_switchboard
        self._counter = itertools.count(1)
        self._hosts = itertools.count(10)
        self._tolerated: list[str] = []
        living.append(self)

    @functools.cached_property
    def switchboard(self) -> Subject:
        """Made when it is first needed, from the plan as it then stands."""
        return self._make(self.plan, self.seed)

    def use_real_relay(self, delay: float = 0.0005) -> RealRelay:
        """Put the real relay's core in the place of the puppet, before the first call."""
        real = RealRelay(self.network, plan.MEDIA_ADDRESSES, self._relay_event, delay)
        self.media = real
        return real

    def count(self) -> int:
        """A number never given before, for tags and branches."""
        return next(self._counter)

    # Who is in it.

    def phone(
        self,
        name: str,
        *,
        version: int = 4,
        transport: str = "UDP",
        host: str = "",
        script: Script | None = None,
        recipient: dict[str, Any] | None = None,
        is_recipient: bool = True,
        **parts: Any,
    ) -> Phone:
        """A phone, and a recipient that rings it. parts: of its Script; recipient: of its Recipient."""
        number = next(self._hosts)
        host = host or (f"203.0.113.{number}" if version == 4 else f"2001:db8:2::{number:x}")
        phone = Phone(self, name, host, transport=transport, script=script or Script(**parts))
        if is_recipient:
            self.add_recipient(phone, **(recipient or {}))
        return phone

    def add_recipient(self, phone: Phone, **changes: Any) -> None:
        """Ring this phone (once more) for the dialled number."""
        interface = "v6" if ":" in phone.address.host else ""
        fields: dict[str, Any] = {"name": phone.name, "uri": phone.uri, "media_interface": interface}
        self.plan.recipients.append(Recipient(**(fields | changes)))

    def dialled(self, phone: Phone, **changes: Any) -> DialRecipient:
        """A phone as a recipient of a flow's dial step."""
        fields: dict[str, Any] = {"name": phone.name, "destination": phone.uri}
        if ":" in phone.address.host:
            fields["interface"] = "v6"
        return DialRecipient(**(fields | changes))

    def flow(self, **steps: Step) -> None:
        """Have the dialled number go through these steps, beginning with the first."""
        self.plan.flow = flows.Flow("flow", 1, next(iter(steps)), steps)

    def silent_phone(self, name: str, **parts: Any) -> Phone:
        """A phone that gets INVITEs and says nothing."""
        return self.phone(name, script=Script.silent(), **parts)

    def caller(
        self,
        name: str = "trunk",
        *,
        version: int = 4,
        transport: str = "UDP",
        host: str = "",
        port: int = 5060,
    ) -> Caller:
        host = host or ("198.51.100.1" if version == 4 else "2001:db8:1::1")
        if ":" in host:
            self.plan.trunk_media_interface = "v6"
        return Caller(self, name, host, port, transport)

    def connect(self, phone: Phone, caller: Caller | None = None, **parts: Any) -> TrunkCall:
        """A call that this phone has answered, a second old. parts: of Caller.call."""
        call = (caller or self.caller()).call(**parts)
        self.run_until(lambda: call.is_answered and phone.is_talking)
        self.run(1.0)
        return call

    def service_address(self, towards: str) -> tuple[str, int]:
        """Where a peer of that address finds us."""
        return (plan.SERVICE_V6 if ":" in towards else plan.SERVICE_V4), plan.SERVICE_PORT

    # Time.

    def run(self, seconds: float) -> None:
        """Let so many seconds pass."""
        end = self.clock.now + seconds
        while self._step(end):
            pass
        self.clock.now = end

    def run_until(self, condition: Callable[[], object], limit: float = 60.0) -> None:
        """Let time pass until the condition holds; AssertionError if it does not within `limit` seconds."""
        end = self.clock.now + limit
        while not condition():
            if not self._step(end):
                raise AssertionError(f"not so within {limit} s\n{self.ladder()}")

    def run_until_idle(self, limit: float = 400.0) -> None:
        """Let time pass until no packet flies, no puppet waits and the switchboard holds nothing."""
        end = self.clock.now + limit
        while self.clock.next_due() is not None or self.switchboard.leftovers():
            if not self._step(end):
                break

    def _step(self, end: float) -> bool:
        """Do what is due next, if it is due by `end`."""
        self._drain()
        alarm, deadline = self.clock.next_due(), self.switchboard.next_deadline()
        relays = self.media.next_deadline()
        due = min((at for at in (alarm, deadline, relays) if at is not None), default=None)
        if due is None or due > end:
            return False
        self.clock.now = max(self.clock.now, due)
        if alarm is not None and alarm <= self.clock.now:
            self.clock.ring_one()
            while self.at_once and self.clock.ring_one():
                pass
        elif deadline is not None and deadline <= self.clock.now:
            self._meet_deadline()
        else:
            self.media.handle_deadline(self.clock.now)
        self._drain()
        return True

    def _meet_deadline(self) -> None:
        self.switchboard.handle_deadline(self.clock.now)
        after = self.switchboard.next_deadline()
        assert after is None or after > self.clock.now, f"the deadline {after} stands, though it was met"

    # What passes between the switchboard and the rest.

    def _drain(self) -> None:
        board = self.switchboard
        for flow, octets in board.take_datagrams():
            self.sockets[flow.local].send(flow, octets)
        for command in board.take_commands():
            self.media.command(command)
        for question in board.take_questions():
            self._ask(question)
        self.records += board.take_records()
        self.notices += [(self.clock.elapsed, notice) for notice in board.take_notices()]

    def _relay_event(self, event: Event) -> None:
        self.switchboard.relay_event(event, self.clock.now)

    def restart_relay(self, away: float = 1.0) -> None:
        """As after kill -9 of the relay: what was lent is gone; the core learns of loss and return."""
        self.relay.dies()
        self.switchboard.relay_lost(self.clock.now)
        self.run(away)
        self.relay.is_dead = False
        self.switchboard.relay_is_back(self.clock.now)

    def _ask(self, question: Question) -> None:
        self.questions.append(question)
        targets = self.names.get(host_and_port(question.uri)[0], [])

        def answer() -> None:
            self.switchboard.located(question.id, targets, self.clock.now)

        self.clock.after(self.resolver_delay, answer)

    def raw(self, octets: bytes, source: Address | None = None, local: str = "") -> list[Packet]:
        """Give the switchboard octets as they are; what it sends back to the source within 0.1 s."""
        source = source or Address("198.51.100.9", 5060)
        before = len(self.network.packets)
        flow = Flow("UDP", local or plan.LOCAL_SOCKETS[0], source.host, source.port)
        self.switchboard.receive(octets, flow, self.clock.now)
        self.run(0.1)
        return [packet for packet in self.network.packets[before:] if packet.destination == source]

    # What is found.

    def violation(self, who: str, text: str) -> None:
        """A puppet found a fault of ours."""
        self.violations.append(f"{self.clock.elapsed:10.4f} {who}: {text}")

    def tolerate(self, text: str) -> None:
        """Violations with this text are meant in this test."""
        self._tolerated.append(text)

    def ladder(self) -> str:
        names = {agent.address.host: agent.name for agent in self.agents}
        names |= {plan.SERVICE_V4: "us", plan.SERVICE_V6: "us"}
        faults = [f"VIOLATION {text}" for text in self.untolerated()]
        faults += [f"FAILURE {failure}" for failure in self.switchboard.failures]
        return "\n".join([ladder.draw(self.network.packets, names, self.clock.started), *faults])

    def untolerated(self) -> list[str]:
        return [text for text in self.violations if not any(each in text for each in self._tolerated)]

    def check(self) -> None:
        """AssertionError if any puppet found a fault."""
        faults = [*self.untolerated(), *(str(failure) for failure in self.switchboard.failures)]
        assert not faults, "\n".join([*faults, self.ladder()])

    def finish(self, limit: float = 400.0) -> None:
        """Let everything run out; then nothing may be wrong, wait anywhere, or be left over."""
        self.run_until_idle(limit)
        self.check()
        waiting = [text for agent in self.agents for text in agent.unfinished()]
        waiting = [text for text in waiting if not any(each in text for each in self._tolerated)]
        left = [*waiting, *self.switchboard.leftovers(), *self.media.leftovers()]
        assert not left, "\n".join(["left over:", *left, self.ladder()])

    def finish_after(self, call: TrunkCall) -> None:
        """The caller hangs up, and the world is finished."""
        call.hang_up()
        self.finish()

    def sent(self, begins: str, to: UserAgent | None = None) -> list[Packet]:
        """Packets of ours that begin so, in the order that they left."""
        ours = (plan.SERVICE_V4, plan.SERVICE_V6)
        return [
            packet
            for packet in self.network.packets
            if packet.sender.host in ours
            and packet.begins(begins)
            and (to is None or packet.destination.host == to.address.host)
        ]
