"""The system under test, made from a plan. The one file of the world that knows how it is constructed."""

from __future__ import annotations

import ipaddress
import random
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from b2bua.calls.admission import Admission
from b2bua.calls.recipient import HeaderRecipe
from b2bua.calls.switchboard import Switchboard
from b2bua.config import (
    Config,
    DialledNumber,
    Limits,
    MediaSettings,
    RecordSettings,
    ServiceSettings,
    SipSettings,
    Trunk,
)
from b2bua.config import Listener as ConfiguredListener
from b2bua.config.reaching import reached
from b2bua.config.values import prefixes_of
from b2bua.directory import ConfiguredDirectory
from b2bua.flows.rotation import Rotation
from sip_stack.listeners import Listener
from sip_stack.stack import Stack
from sip_stack.timers import Intervals
from tests.world.plan import LOCAL_SOCKETS, SERVICE_PORT, SERVICE_V4, SERVICE_V6, Plan

if TYPE_CHECKING:
    from b2bua.calls.record import CallRecord
    from rtp_relay.control import Command, Event
    from sip_stack.flow import Flow


class Question(Protocol):
    """A DNS look-up that the switchboard wants made."""

    @property
    def id(self) -> int: ...

    @property
    def uri(self) -> str: ...


class Subject(Protocol):
    """What the world asks of a switchboard. failures: bugs that ended a call; there must be none."""

    @property
    def failures(self) -> Sequence[object]: ...

    def receive(self, data: bytes, flow: Flow, now: float) -> None: ...

    def transport_failed(self, flow: Flow, reason: str, now: float) -> None: ...

    def relay_event(self, event: Event, now: float) -> None: ...

    def relay_lost(self, now: float) -> None: ...

    def relay_is_back(self, now: float) -> None: ...

    def located(self, query_id: int, targets: list[Flow], now: float) -> None: ...

    def handle_deadline(self, now: float) -> None: ...

    def next_deadline(self) -> float | None: ...

    def take_datagrams(self) -> list[tuple[Flow, bytes]]: ...

    def take_commands(self) -> list[Command]: ...

    def take_questions(self) -> Sequence[Question]: ...

    def take_records(self) -> list[CallRecord]: ...

    def take_notices(self) -> list[dict[str, object]]: ...

    def leftovers(self) -> list[str]: ...


class SeededDice:
    """Randomness that a seed repeats."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def token(self) -> str:
        return f"{self._random.getrandbits(64):016x}"

    def fraction(self) -> float:
        return self._random.random()


def make_switchboard(plan: Plan, seed: int) -> Switchboard:
    """The real one, listening on plan.LOCAL_SOCKETS, with `seed` behind its tags and branches."""
    listeners = [
        Listener(name, name[:3].upper(), SERVICE_V6 if "[" in name else SERVICE_V4, SERVICE_PORT)
        for name in LOCAL_SOCKETS
    ]
    stack = Stack(listeners, SeededDice(seed), intervals=Intervals(t1=plan.sip_timer))
    admission = Admission(plan.call_limit, plan.call_rate)
    return Switchboard(
        stack,
        ConfiguredDirectory(_configuration(plan)),
        admission=admission,
        turns=Rotation(),
        wall_offset=plan.wall_offset,
    )


def _configuration(plan: Plan) -> Config:
    trunk = Trunk(
        name="trunk",
        sources=tuple(ipaddress.ip_network(source) for source in plan.trunk_sources),
        address="",
        credentials=(),
        recipe=HeaderRecipe(),
        allowed_prefixes=(),
        interface=plan.trunk_media_interface,
        nat=True,
        keep_call_id=False,
    )
    numbers = {
        dialled: DialledNumber(dialled, "", frozenset(), step) for dialled, step in plan.steps().items()
    }
    if plan.flow is not None:
        flow = reached(plan.flow, {"trunk": trunk})
        numbers[plan.number] = DialledNumber(
            plan.number, plan.name, frozenset(), plan.step(), flow, flow.name, duration_limit=plan.duration_limit
        )
    sockets = tuple(
        ConfiguredListener(name, name[:3].upper(), host, SERVICE_PORT, host)  # type: ignore[arg-type]
        for name in LOCAL_SOCKETS
        for host in (SERVICE_V6 if "[" in name else SERVICE_V4,)
    )
    return Config(
        path="world.toml",
        version="world",
        sip=SipSettings(sockets, "Multiring", plan.unknown_sources, plan.sip_timer, plan.session_expires, plan.min_se),
        media=MediaSettings((), (20000, 29999), plan.media_timeout, "", False, ("PCMU", "PCMA")),
        limits=Limits(
            calls=plan.call_limit,
            calls_per_second=int(plan.call_rate),
            retry_after=5,
            recipients=64,
            drain_seconds=0.0,
        ),
        trunks={"trunk": trunk},
        numbers=numbers,
        records=RecordSettings("", 0, "full", 1000, plan.messages),
        service=ServiceSettings("", "info", False),
        _prefixes=prefixes_of([trunk]),
    )
