"""A simulated call from its INVITE to its record.

Theory. Three SIP stacks on one virtual clock: that of the service under the real switchboard and calls, one of the
trunk and one of all phones. What one sends another receives a moment later. After each event it is noted what
every party hears. Nothing here knows what a flow means, so nothing here can differ from what calls do.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final

from b2bua.calls.admission import Admission
from b2bua.calls.flow import Dial
from b2bua.calls.flow import Flow as CallFlow
from b2bua.calls.identity import digits_of
from b2bua.calls.record import CallRecord
from b2bua.calls.sentences import recipient_sentence
from b2bua.calls.switchboard import Switchboard
from b2bua.config import Config, DialledNumber, Limits, Trunk
from b2bua.config.reaching import first_dial_step, reached
from b2bua.directory import ConfiguredDirectory
from b2bua.flows.rotation import Rotation
from b2bua.records import as_json, ladder, printable
from b2bua.simulate.clock import Clock
from b2bua.simulate.lengths import length_of
from b2bua.simulate.peers import Phones, PhoneState, SimulatedCaller
from b2bua.simulate.relay import SimulatedRelay, Sound
from b2bua.simulate.scene import Behaviour, Manner, Scene
from b2bua.simulate.story import CALLER, Heard, Party, caller_hears, recipient_hears, unheard
from rtp_relay import control
from sip_stack.flow import Flow
from sip_stack.listeners import Listener
from sip_stack.message import Request
from sip_stack.stack import Stack

LATENCY: Final = 0.005  # seconds that a message travels
LONGEST: Final = 4 * 3600.0  # seconds of a call, after which it is given up
MOST_EVENTS: Final = 200_000

_CALLER_HOST = {4: "198.51.100.100", 6: "2001:db8:51::100"}
# By which the caller's trunk is told from the same trunk with a recipient behind it: most send from where they listen.
_CALLER_PORT = 65060
_PHONE_HOST = {4: "198.51.100.200", 6: "2001:db8:51::200"}


@dataclass(frozen=True)
class Simulation:
    """What came of a scene. seconds: how long it took. record: as the call's record would be."""

    record: CallRecord
    parties: tuple[Party, ...]
    seconds: float
    steps: tuple[tuple[float, str], ...]
    problems: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        record = self.record
        return {
            "seconds": round(self.seconds, 3),
            "outcome": record.outcome.value if record.outcome is not None else None,
            "sentence": record.sentence,
            "answered_by": record.answered_by,
            "steps": [{"at": round(at, 3), "name": name} for at, name in self.steps],
            "parties": [
                {
                    "name": party.name,
                    "leg": party.leg,
                    "outcome": self._outcome_of(party),
                    "hears": [
                        {"at": at, "until": until, "kind": heard.kind, "what": heard.what}
                        for at, until, heard in party.moments(self.seconds)
                    ],
                }
                for party in self.parties
            ],
            "problems": list(self.problems),
            "record": as_json(record),
        }

    def lines(self, with_ladder: bool = True) -> list[str]:
        """For a terminal: what each hears, second by second, the outcome, the ladder."""
        record = self.record
        lines = [f"{record.sentence}.", ""]
        rows = [
            (at, party.name, heard.what)
            for party in self.parties
            for at, _, heard in party.moments(self.seconds)
        ]
        rows += [(at, "flow", f"→ {name}") for at, name in self.steps]
        width = max(len(name) for _, name, _ in rows)
        rows.sort(key=lambda row: (round(row[0], 2), row[1] != "flow"))
        lines += [f"{at:8.2f} s  {name:<{width}}  {what}" for at, name, what in rows]
        outcomes = [f"{party.name}: {self._outcome_of(party)}" for party in self.parties if party.leg]
        lines += ["", *outcomes] if outcomes else []
        lines += [f"problem: {problem}" for problem in self.problems]
        if with_ladder:
            lines += ["", ladder(record)]
        return [printable(line) if "\n" not in line else line for line in lines]

    def _outcome_of(self, party: Party) -> str:
        for recipient in self.record.recipients:
            if recipient.leg == party.leg:
                return recipient.sentence or recipient_sentence(recipient, self.record)
        return self.record.sentence if party.leg == 0 else ""


def simulate(flow: CallFlow, config: Config, scene: Scene) -> Simulation:
    """Try a call. Raises ValueError where the scene cannot be played: a recipient who is nowhere, no trunk."""
    return _Run(flow, config, scene).play()


@dataclass
class _Dice:
    random: random.Random = field(default_factory=lambda: random.Random(1))

    def token(self) -> str:
        return f"{self.random.getrandbits(64):016x}"

    def fraction(self) -> float:
        return self.random.random()


class _Run:
    def __init__(self, flow: CallFlow, config: Config, scene: Scene) -> None:
        self.scene = scene
        self.clock = Clock()
        self.parties: dict[int, Party] = {0: Party(CALLER, 0)}
        self.steps: list[tuple[float, str]] = []
        self.record: CallRecord | None = None
        self._taken: set[int] = set()
        self._talking_to: int | None = None
        trunk, listener = _trunk(config), config.sip.listeners[0]
        self._version = 6 if ":" in listener.advertised else 4
        number, simulated = _configuration(flow, config, scene, trunk)
        _check_names(simulated.numbers[number].flow or flow, scene)
        listeners = [
            Listener(each.name, each.transport, each.advertised, each.port) for each in config.sip.listeners
        ]
        self.core = Switchboard(
            Stack(listeners, _Dice(), product=config.sip.user_agent),
            ConfiguredDirectory(simulated),
            admission=Admission(),
            turns=_rotation(flow, scene),
            wall_offset=scene.moment,
        )
        trunk_end = Listener("trunk", listener.transport, _CALLER_HOST[self._version], 5060)
        far_end = Listener("far", listener.transport, _PHONE_HOST[self._version], 5060)
        self.trunk = Stack([trunk_end], _Dice(random.Random(2)))
        self.far = Stack([far_end], _Dice(random.Random(3)))
        self.phones = Phones(self.far, self._recognise)
        addresses = {each.name: each.advertised for each in config.media.interfaces}
        self.relay = SimulatedRelay(
            self.clock, addresses or {"": listener.advertised}, self._relay_event, length_of, scene.speaks
        )
        self.relay.on_play = self._played
        source = str(next(iter(trunk.sources)).network_address)
        self._trunk_flow = Flow(listener.transport, listener.name, source, _CALLER_PORT)
        gateway = Flow(listener.transport, "trunk", listener.advertised, listener.port)
        host = f"[{listener.advertised}]" if self._version == 6 else listener.advertised
        self.caller = SimulatedCaller(
            self.trunk, gateway, f"sip:{number}@{host}:{listener.port}", scene.caller, scene.caller_name,
            _CALLER_HOST[self._version],
        )  # fmt: skip

    def play(self) -> Simulation:
        now = self.clock.now
        self.caller.begin(now)
        if self.scene.hangs_up_after:
            self.clock.after(self.scene.hangs_up_after, lambda: self.caller.hang_up(self.clock.now))
        for at, key in self.scene.keys:
            self.clock.after(at, lambda key=key: self._press(key))  # type: ignore[misc]
        ended: float | None = None
        for _ in range(MOST_EVENTS):
            self._settle()
            if ended is None and self.caller.is_over:
                ended = self.clock.now
            is_told = self.record is not None and self.record.sentence and self.record.outcome is not None
            if is_told and self.caller.is_over:
                break
            if not self._step():
                break
        record = self.record
        if record is None:
            raise ValueError(
                f"the call was turned away with {self.caller.final}: {', '.join(self.core.stack.dropped)}"
            )
        if record.outcome is None:
            raise ValueError(f"the call has not ended within {LONGEST:g} s")
        problems = tuple(failure.text for failure in self.core.failures)
        parties = tuple(self.parties[leg] for leg in sorted(self.parties))
        return Simulation(
            record, parties, self.clock.now if ended is None else ended, tuple(self.steps), problems
        )

    # Time.

    def _step(self) -> bool:
        """Whatever is due next."""
        stacks: list[tuple[float | None, Callable[[float], None]]] = [
            (self.core.next_deadline(), self.core.handle_deadline),
            (
                self.trunk.next_deadline(),
                lambda at: self.trunk.handle_deadline(at, self.trunk.dispatch_events),
            ),
            (self.far.next_deadline(), lambda at: self.far.handle_deadline(at, self.far.dispatch_events)),
        ]
        due = self.clock.next_due()
        first = min([each for each in [due, *[at for at, _ in stacks]] if each is not None], default=None)
        if first is None or first > LONGEST:
            return False
        self.clock.now = max(self.clock.now, first)
        if due is not None and due <= self.clock.now:
            self.clock.ring()
            return True
        for at, handle in stacks:
            if at is not None and at <= self.clock.now:
                handle(self.clock.now)
                break
        return True

    # What passes.

    def _settle(self) -> None:
        """Carry what was sent, and note what everybody hears now."""
        core, clock = self.core, self.clock
        for flow, data in core.take_datagrams():
            self._to_peer(flow, data)
        for _, data in _taken(self.trunk):
            source = self._trunk_flow
            clock.after(LATENCY, lambda data=data, source=source: self._receive(data, source))  # type: ignore[misc]
        for flow, data in _taken(self.far):
            source = Flow(flow.transport, self._local_of(flow.transport), _PHONE_HOST[self._version], 5060)
            clock.after(LATENCY, lambda data=data, source=source: self._receive(data, source))  # type: ignore[misc]
        for command in core.take_commands():
            self.relay.command(command)
        for question in core.take_questions():
            target = self.core.stack.listeners.flow_to(self._trunk_flow.transport, _PHONE_HOST[self._version], 5060)
            clock.after(LATENCY, lambda each=question.id, to=target: core.located(each, [to], clock.now))  # type: ignore[misc]
        for record in core.take_began():
            self.record = record
        for notice in core.take_notices():
            if notice["event"] == "call.step":
                self.steps.append((clock.now, str(notice["step"])))
        core.take_records()
        self._note()

    def _to_peer(self, flow: Flow, data: bytes) -> None:
        transport = flow.transport
        listener = self.core.stack.listeners[flow.local]
        is_trunk = flow.port == _CALLER_PORT or flow.host == _CALLER_HOST[self._version]
        stack, name = (self.trunk, "trunk") if is_trunk else (self.far, "far")
        source = Flow(transport, name, listener.host, listener.port)

        def arrive() -> None:
            stack.receive(data, source, self.clock.now)
            stack.dispatch_events()

        if not (stack is self.far and self._is_unreachable(data)):
            self.clock.after(LATENCY, arrive)

    def _receive(self, data: bytes, source: Flow) -> None:
        self.core.receive(data, source, self.clock.now)

    def _local_of(self, transport: str) -> str:
        return next(name for name, each in self.core.stack.listeners.items() if each.transport == transport)

    def _relay_event(self, event: control.Event) -> None:
        self.core.relay_event(event, self.clock.now)

    # Who is who.

    def _is_unreachable(self, data: bytes) -> bool:
        """An INVITE to somebody who does not answer to anything is lost on its way."""
        if self.record is None or not data.startswith(b"INVITE "):
            return False
        uri = data.split(b" ", 2)[1].decode("utf-8", "replace")
        named = [each for each in self.record.recipients if each.uri == uri]
        return any(self._behaviour(each.name).manner is Manner.UNREACHABLE for each in named)

    def _recognise(self, request: Request) -> tuple[int, Behaviour]:
        recipients = self.record.recipients if self.record is not None else []
        for recipient in recipients:
            if (
                recipient.uri == request.uri
                and recipient.leg not in self._taken
                and recipient.invited_at is not None
            ):
                self._taken.add(recipient.leg)
                return recipient.leg, self._behaviour(recipient.name)
        return 1000 + len(self._taken), Behaviour(Manner.IGNORES)  # where somebody has forwarded the call

    def _behaviour(self, name: str) -> Behaviour:
        return self.scene.recipients.get(name, Behaviour(Manner.IGNORES))

    # What people do.

    def _press(self, key: str) -> None:
        if self.record is not None:
            self.relay.press(self.record.id, 0, key)

    def _played(self, leg: int, sound: Sound) -> None:
        """A person who is asked for a key presses it, a while later."""
        phone, record = self.phones.by_leg.get(leg), self.record
        if phone is None or not phone.behaviour.key or record is None:
            return
        call = self.core.calls[record.id]
        prompt = call.fork.step.confirm_prompt
        if prompt is not None and sound == call.sound(prompt):
            key, after = phone.behaviour.key, phone.behaviour.key_after
            self.clock.after(after, lambda: self.relay.press(record.id, leg, key))

    def _note(self) -> None:
        now, relay, record = self.clock.now, self.relay, self.record
        names = {}
        for recipient in record.recipients if record is not None else ():
            leg = recipient.leg
            names[leg] = recipient.name
            party = self.parties.setdefault(leg, Party(recipient.name, leg))
            phone = self.phones.by_leg.get(leg)
            heard = unheard(recipient) if phone is None else recipient_hears(phone, leg, relay)
            party.hears(now, heard)
            if (
                phone is not None
                and phone.state is PhoneState.TALKING
                and heard == Heard("talk", "the caller")
            ):
                self._talk(leg, phone.behaviour.talks)
        self.parties[0].hears(now, caller_hears(self.caller, relay, names))

    def _talk(self, leg: int, recipient_talks: float) -> None:
        """Whoever has talked enough hangs up."""
        if self._talking_to == leg:
            return
        self._talking_to = leg
        if recipient_talks:
            self.clock.after(recipient_talks, lambda: self.phones.by_leg[leg].hang_up(self.clock.now))
        else:
            self.clock.after(self.scene.talks, lambda: self.caller.hang_up(self.clock.now))


def _taken(stack: Stack) -> list[tuple[Flow, bytes]]:
    sent, stack.outgoing = stack.outgoing, []
    return sent


def _trunk(config: Config) -> Trunk:
    for trunk in config.trunks.values():
        if trunk.sources:
            return trunk
    raise ValueError("no trunk of the configuration sends calls: there is nobody who could call")


def _configuration(flow: CallFlow, config: Config, scene: Scene, trunk: Trunk) -> tuple[str, Config]:
    """The configuration with one number more, or changed: the one that leads to the flow. No limits hold."""
    leading = [number for number in config.numbers.values() if number.flow_name == flow.name]
    number = next((each for each in leading if each.dialled == scene.number or not scene.number), None)
    dialled = number.dialled if number is not None and number.dialled != "*" else scene.number or "simulated"
    ready = reached(flow, config.trunks)
    made = DialledNumber(
        dialled,
        number.name if number is not None else "",
        frozenset(),
        first_dial_step(ready, config.media.timeout, 0.0),
        flow=ready,
        flow_name=flow.name,
    )
    limits = replace(config.limits, calls=0, calls_per_second=0)
    assert isinstance(limits, Limits)
    return dialled, replace(config, numbers={dialled: made}, limits=limits)


def _rotation(flow: CallFlow, scene: Scene) -> Rotation:
    """As after one call of this caller, if somebody is to have taken it."""
    rotation = Rotation()
    caller = digits_of(f"sip:{scene.caller}")
    for name, step in flow.steps.items():
        if isinstance(step, Dial) and scene.sticky_to:
            rotation.remember(flow.name, name, caller, scene.sticky_to, step.sticky, scene.moment - 60.0)
    return rotation


def _check_names(flow: CallFlow, scene: Scene) -> None:
    known = {recipient.name for step in flow.steps.values() for recipient in getattr(step, "recipients", ())}
    for name in [*scene.recipients, *([scene.sticky_to] if scene.sticky_to else [])]:
        if name not in known:
            raise ValueError(
                f"nobody is called {name} in {flow.name}; there are {', '.join(sorted(known)) or 'none'}"
            )
