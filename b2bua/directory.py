"""What the configuration answers to calls: who may call, whom a number rings, whereto a call may be forwarded."""

from __future__ import annotations

from b2bua.calls.plan import CallPlan
from b2bua.config import Config, Trunk
from sip_stack.errors import RemoteError
from sip_stack.flow import Flow
from sip_stack.grammar import ip_address
from sip_stack.message import Request
from sip_stack.sdp_rewriting import CODECS
from sip_stack.session_timer import TimerPolicy
from sip_stack.uri import Uri


def not_walked(config: Config) -> str:
    """What of a configuration calls do not do yet, for whoever relies on it; "" when there is nothing."""
    numbers = [dialled for dialled, number in config.numbers.items() if number.flow_name]
    if not numbers:
        return ""
    return (
        f"calls to {', '.join(numbers)} do not walk their flow yet: they ring its first dial step, everyone at once; "
        "whisper, press 1, turns and all other steps are left out. Write recipients in the number itself until then."
    )


class ConfiguredDirectory:
    """The directory of one configuration, which may be replaced; running calls keep their plan."""

    def __init__(self, config: Config) -> None:
        self.replace(config)

    def replace(self, config: Config) -> None:
        """Use another configuration from the next call on."""
        self.config = config
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
        if self.config.trunk_of(source.host) is not None:
            return None
        status = 0 if self.config.sip.unknown_sources == "drop" else 403
        return RemoteError(status, "unknown source: no trunk has it")

    def plan(self, request: Request, source: Flow) -> CallPlan:
        """What to do with an INVITE. RemoteError 403 for a stranger, 404 for a number that is not there."""
        config = self.config
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
            raise RemoteError(404, f"trunk {trunk.name} may not dial {dialled!r}")
        return CallPlan(
            trunk=trunk.name,
            dialled=dialled,
            number_name=number.name,
            step=config.dial_step(number),
            host=self._hosts.get(source.local, ""),
            configuration=config.version,
            interface=trunk.interface,
            nat=trunk.nat,
            timer=self._timer,
            late_offer=self._codecs,
            keep_trace=config.records.trace != "off",
        )


def _spelt(host: str) -> str:
    """A host in the one spelling that is compared: an IPv6 address has many (PAR-11)."""
    address = ip_address(host)
    return host if address is None else str(address)
