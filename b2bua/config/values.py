"""The configuration as the service uses it: frozen plain values, worked out once when the file is loaded."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from b2bua.calls.flow import Flow
from b2bua.calls.recipient import Credentials, DialStep, HeaderRecipe
from b2bua.config.findings import Finding

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Prefixes = tuple[tuple[int, dict[int, "Trunk"]], ...]  # shift, network number → trunk; longest first

# An address costs some 200 bytes here; a flood of forged sources must not grow it without bound.
_REMEMBERED_SOURCES = 4096


@dataclass(frozen=True, slots=True)
class Listener:
    """A socket to listen on.

    name: as in the file, lower case, "udp:0.0.0.0:5060" (Flow.local).
    transport: "UDP" or "TCP". host: numeric, IPv6 without brackets.
    advertised: the host that peers are told; numeric, IPv6 without brackets.
    """

    name: str
    transport: Literal["UDP", "TCP"]
    host: str
    port: int
    advertised: str


@dataclass(frozen=True, slots=True)
class SipSettings:
    """t1, session_expires and min_se are seconds; session_expires 0 is off."""

    listeners: tuple[Listener, ...]
    user_agent: str
    unknown_sources: Literal["refuse", "drop"]
    t1: float
    session_expires: int
    min_se: int


@dataclass(frozen=True, slots=True)
class Interface:
    """An interface of the relay; advertised is never empty. xdp: its driver forwards, where others have tc."""

    name: str
    address: str
    advertised: str
    xdp: bool = False


@dataclass(frozen=True, slots=True)
class EngineNode:
    """An rtpengine, and where it listens for ng. weight: calls that it takes for each of the others'."""

    host: str
    port: int
    weight: float


@dataclass(frozen=True, slots=True)
class MediaSettings:
    """ports: first and last, both lent. starts_relay: the supervisor owns the relay at relay_socket.

    tones: the country whose ringing tone we play. form: how the relay forwards. kernel_pins: "" leaves the directory
    to the relay. late_offer_codecs: keys of sip_stack.sdp_rewriting.CODECS. nodes: of rtpengine, which forwards in our
    relay's place.
    """

    interfaces: tuple[Interface, ...]
    ports: tuple[int, int]
    timeout: float
    relay_socket: str
    starts_relay: bool
    late_offer_codecs: tuple[str, ...]
    form: Literal["auto", "user", "tc", "xdp"] = "auto"
    kernel_pins: str = ""
    tones: str = "us"
    nodes: tuple[EngineNode, ...] = ()


@dataclass(frozen=True, slots=True)
class Limits:
    calls: int
    calls_per_second: int
    retry_after: int
    recipients: int
    drain_seconds: float
    emergency_numbers: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Trunk:
    """address: "" for a trunk that takes no calls.

    own_numbers_only: it refuses calls that show a number which is not ours. caller_id_refusals: statuses by
    which it does so. answer_limit: seconds after which it gives up an unanswered call to us; 0 never.
    """

    name: str
    sources: tuple[Network, ...]
    address: str
    credentials: tuple[Credentials, ...]
    recipe: HeaderRecipe
    allowed_prefixes: tuple[str, ...]
    interface: str
    nat: bool
    keep_call_id: bool
    own_numbers_only: bool = False
    caller_id_refusals: tuple[int, ...] = ()
    answer_limit: float = 0.0


@dataclass(frozen=True, slots=True)
class DialledNumber:
    """dialled is the key of the file, "*" for any; trunks empty lets every trunk dial it.

    step: of a number with a flow, the first dial step of it, or nobody when the flow is in the database.
    flow: the flow of this file, or the one of a dial step and a hang-up that a number with recipients is; None
    when it is in the database, under flow_name.
    in_file: it stands in the file, and not in the database. is_on: calls to it are taken.
    media_timeout, duration_limit: seconds; 0 never.
    """

    dialled: str
    name: str
    trunks: frozenset[str]
    step: DialStep
    flow: Flow | None = None
    flow_name: str = ""
    media_timeout: float = 60.0
    duration_limit: float = 0.0
    in_file: bool = True
    is_on: bool = True


@dataclass(frozen=True, slots=True)
class CaptureServer:
    """Who is told of messages by HEP. host: a name or a numeric address, IPv6 without brackets."""

    host: str
    port: int
    capture_id: int
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class RecordSettings:
    """database: a SQLAlchemy URL. keep_days 0 is for ever. messages: the directory that voicemail is kept in."""

    database: str
    keep_days: int
    trace: Literal["full", "ladder", "off"]
    keep_traces: int
    messages: str = ""
    hep: CaptureServer | None = None

    @property
    def wants_trace(self) -> bool:
        """Whether anybody wants the messages of calls."""
        return self.trace != "off" or self.hep is not None


@dataclass(frozen=True, slots=True)
class Webhook:
    """A server that is told of events. secret is what signs; timeout is seconds."""

    name: str
    url: str
    secret: bytes = field(repr=False)
    events: frozenset[str]
    timeout: float
    retry_limit: int


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    control_socket: str
    log_level: Literal["debug", "info", "warning", "error"]
    mask_numbers: bool
    metrics: tuple[str, int] | None = None  # host and port


@dataclass(frozen=True, slots=True)
class Console:
    """host: numeric, IPv6 without brackets. certificate, key: paths; "" without TLS. session: seconds.

    prompts: the directory that files of audio are sent to.
    """

    is_on: bool = True
    host: str = "127.0.0.1"
    port: int = 8080
    certificate: str = ""
    key: str = ""
    is_behind_proxy: bool = False
    trusted_proxies: tuple[str, ...] = ()
    session: float = 43200.0
    prompts: str = ""


@dataclass(frozen=True, slots=True)
class Config:
    """One file, whole. version tells two texts apart; findings holds the warnings that it drew."""

    path: str
    version: str
    sip: SipSettings
    media: MediaSettings
    limits: Limits
    trunks: Mapping[str, Trunk]
    numbers: Mapping[str, DialledNumber]
    records: RecordSettings
    service: ServiceSettings
    console: Console = Console()
    webhooks: tuple[Webhook, ...] = ()
    flows: Mapping[str, Flow] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    _prefixes: tuple[Prefixes, Prefixes] = field(default=((), ()), repr=False, compare=False)
    _sources: dict[str, Trunk | None] = field(default_factory=dict, repr=False, compare=False)

    def trunk_of(self, source_ip: str) -> Trunk | None:
        """The trunk that a numeric address belongs to: the narrowest network wins; None for a stranger."""
        try:
            return self._sources[source_ip]
        except KeyError:
            pass
        if len(self._sources) >= _REMEMBERED_SOURCES:
            self._sources.clear()
        trunk = self._sources[source_ip] = self._look_up(source_ip)
        return trunk

    def _look_up(self, source_ip: str) -> Trunk | None:
        address = ipaddress.ip_address(source_ip.partition("%")[0])
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped  # how a dual-stack socket shows an IPv4 peer
        number = int(address)
        for shift, trunks in self._prefixes[address.version == 6]:
            trunk = trunks.get(number >> shift)
            if trunk is not None:
                return trunk
        return None

    def number(self, dialled: str, trunk: Trunk) -> DialledNumber | None:
        """What a trunk dialled by this user part of the Request-URI, or None if it may not.

        Parameters of a telephone-subscriber ("+15550100;npdi", RFC 3261 §19.1.6) are not looked at.
        """
        numbers = self.numbers
        found = numbers.get(dialled) or numbers.get(dialled.partition(";")[0]) or numbers.get("*")
        if found is None or not found.is_on or (found.trunks and trunk.name not in found.trunks):
            return None
        return found

    def dial_step(self, number: DialledNumber) -> DialStep:
        return number.step


def prefixes_of(trunks: Iterable[Trunk]) -> tuple[Prefixes, Prefixes]:
    """Tables for trunk_of, IPv4's and IPv6's."""
    tables: dict[int, dict[int, dict[int, Trunk]]] = {4: {}, 6: {}}
    for trunk in trunks:
        for network in trunk.sources:
            shift = network.max_prefixlen - network.prefixlen
            of_this_length = tables[network.version].setdefault(shift, {})
            of_this_length.setdefault(int(network.network_address) >> shift, trunk)
    return tuple(sorted(tables[4].items())), tuple(sorted(tables[6].items()))
