"""What the configuration answers to calls: who may call, whom a number rings, whereto a call may be forwarded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from b2bua.calls import flow as flows
from b2bua.calls.plan import CallPlan
from b2bua.calls.recipient import DialStep
from b2bua.calls.turned_away import TurnedAway
from b2bua.config import Config, DialledNumber, Trunk
from b2bua.config.reaching import RING, dial_step, flow_of
from b2bua.flows.numbers import KeptNumber
from b2bua.flows.use import flows_in_use, with_numbers
from b2bua.ring_test import INSIDE, RingTests
from b2bua.strangers import Strangers
from sip_stack.errors import RemoteError
from sip_stack.flow import Flow
from sip_stack.grammar import ip_address
from sip_stack.message import Request
from sip_stack.sdp_rewriting import CODECS
from sip_stack.session_timer import TimerPolicy
from sip_stack.uri import Uri


class ConfiguredDirectory:
    """The directory of one configuration, which may be replaced; running calls keep their plan."""

    def __init__(
        self,
        config: Config,
        published: Mapping[str, flows.Flow] | None = None,
        numbers: Iterable[KeptNumber] = (),
    ) -> None:
        self._published = published or {}
        self._numbers = tuple(numbers)
        self.ring_tests: RingTests | None = None
        self.strangers = Strangers()
        self.replace(config)

    def replace(
        self,
        config: Config,
        published: Mapping[str, flows.Flow] | None = None,
        numbers: Iterable[KeptNumber] | None = None,
    ) -> None:
        """Use another configuration from the next call on. published: the flows of the database, by name; numbers:
        those of the database; None keeps what there is of either.
        """
        if published is not None:
            self._published = published
        if numbers is not None:
            self._numbers = tuple(numbers)
        self.config = config = with_numbers(config, self._numbers)
        self.flows = flows_in_use(config, self._published)
        self._plans: dict[tuple[str, str, str, str], CallPlan] = {}
        self._hosts = {listener.name: listener.advertised for listener in config.sip.listeners}
        self._own = {
            (_spelt(host), listener.port)
            for listener in config.sip.listeners
            for host in (listener.advertised, listener.host)
        }
        self._timer = TimerPolicy(config.sip.session_expires, config.sip.min_se)
        self._codecs = tuple([CODECS[name] for name in config.media.late_offer_codecs])

    def admit(self, request: Request, source: Flow) -> RemoteError | None:
        """Only trunks may ask anything of us; a stranger is refused, or not even answered."""
        if source.local == INSIDE and self.ring_tests is not None:
            return None
        if self.config.trunk_of(source.host) is not None:
            return None
        if request.method == "INVITE":
            self.strangers.note(source.host)
        status = 0 if self.config.sip.unknown_sources == "drop" else 403
        return RemoteError(status, "unknown source: no trunk has it")

    def ignores(self, source: Flow) -> bool:
        """With unknown_sources = "drop" a stranger hears nothing of us, whatever he sends."""
        config = self.config
        return config.sip.unknown_sources == "drop" and config.trunk_of(source.host) is None

    def plan(self, request: Request, source: Flow) -> CallPlan:
        """What to do with an INVITE. RemoteError 403 for a stranger, TurnedAway for what leads nowhere."""
        config = self.config
        if source.local == INSIDE and self.ring_tests is not None:
            return self.ring_tests.plan(request)
        trunk = config.trunk_of(source.host)
        if trunk is None:
            raise RemoteError(403, f"no trunk has the source {source.host}")
        dialled = Uri.parse(request.uri).user or ""
        key = (trunk.name, dialled, source.local, source.transport)
        plan = self._plans.get(key)
        if plan is None:
            plan = self._make_plan(trunk, dialled, source)
            if len(self._plans) > 10_000:  # any user part may be dialled where "*" is configured
                self._plans.clear()
            self._plans[key] = plan
        return plan

    def may_ring(self, uri: str) -> bool:
        """Whether a recipient may forward a call there: a SIP address that is not our own."""
        try:
            parsed = Uri.parse(uri)
        except RemoteError:
            return False
        return parsed.scheme == "sip" and (_spelt(parsed.host), parsed.port or 5060) not in self._own

    def _make_plan(self, trunk: Trunk, dialled: str, source: Flow) -> CallPlan:
        config = self.config
        number = config.number(dialled, trunk)
        if number is None:
            raise TurnedAway(
                404, f'{dialled!r} is no number that the trunk "{trunk.name}" may dial',
                trunk=trunk.name, dialled=dialled, version=config.version,
            )  # fmt: skip
        flow, dials = self._flow_of(number, trunk)
        return CallPlan(
            trunk=trunk.name,
            dialled=dialled,
            number_name=number.name,
            flow=flow,
            dials=dials,
            host=self._hosts.get(source.local, ""),
            configuration=config.version,
            interface=trunk.interface,
            nat=trunk.nat,
            timer=self._timer,
            late_offer=self._codecs,
            keep_trace=config.records.wants_trace,
            duration_limit=number.duration_limit or number.step.duration_limit,
            tones=config.media.tones,
            prompts=str(Path(config.path).absolute().parent),
            messages=config.records.messages,
        )

    def _flow_of(self, number: DialledNumber, trunk: Trunk) -> tuple[flows.Flow, Mapping[str, DialStep]]:
        """What a number goes through, and how its dial steps ring. TurnedAway 480 where its flow is nowhere."""
        if not number.flow_name:
            return number.flow or flow_of(number.dialled, number.step), {RING: number.step}
        flow = self.flows.by_number.get(number.dialled)
        if flow is None:
            raise TurnedAway(
                480, f"the flow {number.flow_name} was never published",
                trunk=trunk.name, dialled=number.dialled, number_name=number.name, version=self.config.version,
            )  # fmt: skip
        dials = {name: dial_step(step) for name, step in flow.steps.items() if isinstance(step, flows.Dial)}
        return flow, dials


def _spelt(host: str) -> str:
    """A host in the one spelling that is compared: an IPv6 address has many (PAR-11)."""
    address = ip_address(host)
    return host if address is None else str(address)
