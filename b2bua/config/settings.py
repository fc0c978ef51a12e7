"""The settings as they stand in the file: names, types, bounds and defaults, each explained beneath it.

docs/configuration.md is made from these explanations by ``python -m b2bua.config.reference``. What a
type cannot say (whether a trunk exists, whether an address is ours) is in checks.py.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from b2bua.config.flow_settings import FlowSettings, Name
from b2bua.config.strict import Seconds, Settings


class Sip(Settings):
    """Where SIP is served, and how this service speaks of itself."""

    listen: list[str] = Field(default=["udp:0.0.0.0:5060", "tcp:0.0.0.0:5060"], min_length=1, max_length=16)
    """Addresses to listen on, each as transport:address:port, IPv6 in brackets: `"udp:[::]:5060"`. Port 0
    takes any free port, for tests. A change takes effect after a restart."""

    advertised: list[str] = Field(default=[], max_length=2)
    """The numeric address, at most one for IPv4 and one for IPv6, that peers are told to send to (Via,
    Contact). Needed behind NAT. When it is absent and `listen` is a wildcard, the address of the default
    route is taken, with a warning; without a route the file is refused."""

    user_agent: str = Field(default="multiring", max_length=100)
    """Value of User-Agent and Server; empty for neither."""

    unknown_sources: Literal["refuse", "drop"] = "refuse"
    """What happens to a request from an address that is no trunk's source: `refuse` answers 403, `drop` is
    silent."""

    t1: float = Field(default=0.5, ge=0.01, le=4.0, allow_inf_nan=False)
    """Estimate of the round trip, in seconds (RFC 3261 §17.1.1.1). All of SIP's timers follow from it. Leave
    it alone, except in tests."""

    session_expires: int = Field(default=1800, ge=0, le=86400)
    """Session interval asked for, in seconds (RFC 4028); 0 does not ask for session timers."""

    min_se: int = Field(default=90, ge=90, le=86400)
    """Shortest session interval accepted, in seconds (RFC 4028 §5: never below 90)."""


class MediaInterface(Settings):
    """A network interface of the relay, `[[media.interfaces]]`. Trunks and recipients name the one that they
    are reached by; the first serves those that name none. With none written there is one, named `default`, at
    the address of the first `listen`."""

    name: str = Field(pattern=r"^[A-Za-z0-9_-]{1,32}$")
    """A short name for it."""

    address: str
    """Numeric local address that RTP is received on; a wildcard needs `advertised`."""

    advertised: str = ""
    """Numeric address that peers are told to send RTP to; empty is `address` itself."""

    xdp: bool = False
    """Where `media.form` is `tc` or `auto`: forward in this interface's driver all the same. If the driver cannot,
    `auto` has tc there, and with `tc` the relay does not start."""


class MediaNode(Settings):
    """One rtpengine of `engine = "rtpengine"`, `[[media.nodes]]`."""

    address: str
    """Where it listens for the ng protocol over UDP (`--listen-ng`): numeric address and port,
    `"192.0.2.10:2223"`, IPv6 in brackets."""

    weight: float = Field(default=1.0, gt=0, le=1000, allow_inf_nan=False)
    """How many calls it takes for each that a node of weight 1 takes."""


class Media(Settings):
    """The RTP relay."""

    interfaces: list[MediaInterface] = Field(default=[], max_length=8)
    """The relay's interfaces, see below."""

    ports: list[Annotated[int, Field(ge=1024, le=65535)]] = Field(
        default=[20000, 29999], min_length=2, max_length=2
    )
    """First and last port for RTP and RTCP. A call to three recipients that one answers holds up to 8 ports
    while it rings and 4 while they talk."""

    timeout: Seconds = 60.0
    """A call is ended when no leg that owes media has sent any for that many seconds; 0 never. Held legs owe
    none."""

    engine: Literal["own", "rtpengine"] = "own"
    """Who forwards media. `own` is this service's relay. `rtpengine` is one or more rtpengines, which `nodes` names:
    calls are spread over them, and new ones avoid those that do not answer. They forward and do nothing else: no
    prompts, no digits, no recordings. Interfaces are then rtpengine's by their names; docs/decisions says more."""

    nodes: list[MediaNode] = Field(default=[], max_length=64)
    """The rtpengines, see below. Not used while `engine` is `own`."""

    relay_socket: str = ""
    """Unix socket of the relay. Empty: `b2bua run` starts a relay of its own, beside the control socket."""

    form: Literal["auto", "user", "tc", "xdp"] = "auto"
    """How the relay forwards. `user` relays every packet itself. `tc` and `xdp` let the kernel forward what is
    confirmed and plain, at tc ingress or in the interfaces' drivers; they do not start where they cannot be had.
    `auto` is `tc` where the machine and the relay's privileges allow it, else `user`, with the reason in the log.
    What the kernel forwards passes no firewall rule: see docs/relay.md."""

    kernel_pins: str = ""
    """Directory in a bpf file system that keeps what the kernel forwards across a restart of the relay. Empty: one
    under `/sys/fs/bpf/multiring`, named for the relay's socket."""

    tones: str = Field(default="us", pattern=r"^[a-z]{2}$")
    """The country whose ringing tone callers hear where the tone is ours (`early_media = "ringback"`, a dial step after
    a menu) and the flow names none: two letters, `"us"`, `"de"`."""

    late_offer_codecs: list[Literal["PCMU", "PCMA", "G722", "opus"]] = Field(
        default=["PCMU", "PCMA"], min_length=1, max_length=4
    )
    """Codecs, in order, offered to recipients when the caller's INVITE carries no offer: `PCMU`, `PCMA`,
    `G722`, `opus`. telephone-event is always offered with them."""


class LimitSettings(Settings):
    """How much is taken on. Beyond a limit, calls are answered 503 with Retry-After."""

    calls: int = Field(default=2000, ge=1, le=1_000_000)
    """Calls at the same time, ringing ones included."""

    calls_per_second: int = Field(default=500, ge=0, le=100_000)
    """New calls in a second; 0 for no limit."""

    retry_after: int = Field(default=5, ge=1, le=3600)
    """Seconds in Retry-After when a call is turned away."""

    recipients: int = Field(default=20, ge=1, le=64)
    """A number with more recipients than this draws a warning; more than 64 is refused."""

    drain_seconds: Seconds = 60.0
    """After SIGTERM, how long running calls may go on before they are ended."""

    emergency_numbers: list[str] = Field(
        default=["000", "110", "111", "112", "118", "119", "911", "933", "995", "999"], max_length=200
    )
    """Numbers that are refused as a recipient's destination."""


class Headers(Settings):
    """How a trunk wants to be told who is calling, `[trunks.NAME.headers]`."""

    from_host: str = Field(default="", max_length=255)
    """Host part of From; empty is our advertised address."""

    asserted_identity: bool = False
    """Adds P-Asserted-Identity (RFC 3325) with the number shown."""

    private_identity: bool = False
    """The trunk is trusted with who calls: P-Asserted-Identity goes to it for callers too who withhold their number.
    Off, such a caller is anonymous to it."""

    diversion: bool = False
    """Adds Diversion (RFC 5806) with the dialled number."""

    display_prefix: str = Field(default="", max_length=64)
    """Put before the caller's display name."""

    pass_headers: list[str] = Field(default=[], max_length=32)
    """Names of headers that are copied from the caller's INVITE."""

    add: dict[str, str] = Field(default={}, max_length=32)
    """Headers added as they stand: `{ "X-Customer" = "42" }`."""


class TrunkSettings(Settings):
    """A peer that sends calls, takes calls, or both: `[trunks.NAME]`."""

    sources: list[str] = Field(default=[], max_length=1000)
    """Addresses or networks (CIDR) that its requests come from. Nobody else may call in; where two trunks'
    sources overlap, the narrower network wins."""

    address: str = ""
    """Where calls to phones are sent: `"sip:trunk.example.com:5060;transport=udp"`. Empty for a trunk that
    only sends calls."""

    username: str = Field(default="", max_length=255)
    """User for digest authentication, when the trunk asks for it."""

    password: str = Field(default="", max_length=255)
    """Password for it, in the open; `password_file` is better."""

    password_file: str = ""
    """File whose first line is the password."""

    realm: str = Field(default="", max_length=255)
    """Answer challenges of this realm only; empty answers any."""

    headers: Headers = Headers()
    """How the trunk wants to be told who is calling, see below."""

    allowed_prefixes: list[str] = Field(default=[], max_length=1000)
    """What may be dialled through this trunk: `["+1", "+44"]`. A phone recipient outside is refused, so an
    empty list allows none."""

    caller_id: str = Field(default="caller", max_length=64)
    """Number shown to recipients reached by this trunk: `caller`, `dialled`, or a fixed number."""

    own_numbers_only: bool = False
    """The trunk refuses calls that show a number which is not yours. Flows that would show one draw a warning."""

    caller_id_refusals: list[Annotated[int, Field(ge=400, le=699)]] = Field(
        default=[403, 603, 606], max_length=16
    )
    """Statuses by which the trunk refuses the number shown: such a recipient is rung once more, showing the
    number that was dialled. Empty never."""

    answer_limit: Seconds = 180.0
    """Seconds after which the trunk gives up a call of its own that nobody has answered; 0 never. Flows that
    ring for longer draw a warning."""

    interface: str = ""
    """The relay's interface towards this trunk; empty is the first."""

    nat: bool = True
    """Its RTP may come from another address than its SDP says (RFC 4961, latching)."""

    keep_call_id: bool = False
    """Use the caller's Call-ID towards this trunk too. Off, each branch has its own."""


class RecipientSettings(Settings):
    """Somebody whom a number rings: one of `[[numbers."+15550100".recipients]]`."""

    name: str = Field(min_length=1, max_length=64)
    """Who that is; shown in records."""

    type: Literal["sip", "phone"] = "sip"
    """`sip` for a SIP address, `phone` for a phone number through a trunk."""

    destination: str = Field(min_length=1, max_length=255)
    """`"sip:ana@192.0.2.7:5060"`, or `"+1 555 0102"` for a phone."""

    trunk: str = ""
    """The trunk that a phone is dialled through; for a SIP address, the trunk whose address is the outbound
    proxy."""

    start_after: Seconds = 0.0
    """Seconds after the others that it starts to ring."""

    stop_after: Seconds = 0.0
    """Seconds from the start of the call after which it stops; 0 rings to the end. Set it below the time at
    which the recipient's own voicemail answers."""

    unreachable_after: Seconds = 4.0
    """Given up after that many seconds without any response at all; 0 never early."""

    follow_redirects: int = Field(default=0, ge=0, le=5)
    """How many times a 3xx is followed; 0 treats it as a failure and notes where it pointed."""

    username: str = Field(default="", max_length=255)
    """User for digest authentication, when the recipient's server asks for it."""

    password: str = Field(default="", max_length=255)
    """Password for it."""

    interface: str = ""
    """The relay's interface towards this recipient; empty is its trunk's, or the first."""

    nat: bool | None = None
    """As for a trunk; absent is the trunk's, or true."""

    enabled: bool = True
    """Off: never rung."""


class NumberSettings(Settings):
    """A dialled number, by the user part as the trunk sends it: `[numbers."+15550100"]`; `"*"` is any
    other. Numbers may as well be set up in the console or by `b2bua numbers`: then they stand in the database, need not
    stand here, and come before `"*"`."""

    name: str = Field(default="", max_length=64)
    """What the number is for; shown in records."""

    trunks: list[str] = Field(default=[], max_length=100)
    """Trunks that may dial it; empty is any trunk."""

    ring_time: float = Field(default=30.0, ge=1, le=300, allow_inf_nan=False)
    """Seconds to ring, from 5 to 300 (1 to 5 draws a warning)."""

    early_media: Literal["none", "first", "single", "ringback"] = "none"
    """What the caller hears before the answer: `none` is the caller's own ringback, `first` the first
    recipient that sends audio, `single` the recipient's audio if there is only one, `ringback` a ringing tone of ours
    (`media.tones`), which fixes the codec of the call before anybody has answered."""

    six_xx: Literal["recipient", "everyone"] = "recipient"
    """Whether a 6xx of one recipient concerns that `recipient` only, or stops `everyone`."""

    timeout_status: Literal[408, 480] = 480
    """Sent to the caller when nobody answered in time. Many trunks try another route on 408, and not on
    480."""

    media_timeout: Seconds | None = None
    """As `media.timeout`, for this number; absent is that one."""

    duration_limit: Seconds = 0.0
    """An answered call is ended after that many seconds; 0 never."""

    answered_elsewhere: bool = True
    """Tell the phones that lost that the call was answered elsewhere, so that they show no missed call. A
    caller who gives up always leaves a missed call."""

    caller_id: str = Field(default="", max_length=64)
    """Number shown to recipients: `caller`, `dialled`, or a fixed number; empty is the trunk's setting."""

    display_prefix: str = Field(default="", max_length=64)
    """Put before the caller's display name; empty is the trunk's setting."""

    flow: str = Field(default="", max_length=32)
    """The call flow that its calls go through, of this file or published in the database. Who rings, and how,
    stands there, and here only `name`, `trunks`, `media_timeout` and `duration_limit`."""

    recipients: list[RecipientSettings] = Field(default=[], max_length=64)
    """Who rings, see below; without a `flow`."""


class Records(Settings):
    """The record of calls."""

    database: str = "multiring.sqlite"
    """A file, taken from this file's directory when relative, or a SQLAlchemy URL
    (`sqlite+aiosqlite:////var/…`)."""

    keep_days: int = Field(default=90, ge=0, le=36500)
    """Records older than this are deleted; 0 keeps them for ever."""

    trace: Literal["full", "ladder", "off"] = "full"
    """What is kept of the SIP messages of a call: whole, without bodies, or nothing."""

    keep_traces: int = Field(default=10000, ge=0, le=10_000_000)
    """Number of calls, the latest, whose messages are kept."""

    hep: str = Field(default="", max_length=300)
    """A Homer server that is told of the messages of each call when it has ended, by HEP version 3:
    `"udp:homer.example.com:9060"`. Empty tells nobody. See [traces.md](traces.md)."""

    hep_capture_id: int = Field(default=2001, ge=0, le=4294967295)
    """The number under which the server knows this service."""

    hep_password: str = Field(default="", max_length=255)
    """The password that the server wants, in the open as all of HEP is."""

    messages: str = Field(default="", max_length=1000)
    """Directory that voicemail is kept in, a folder a mailbox; `messages` beside the database when empty. The relay
    writes there."""


class WebhookSettings(Settings):
    """A web server that is told what happens to calls, as it happens: one of `[[webhooks]]`. What is sent, how it
    is signed and what the receiver owes: [webhooks.md](webhooks.md)."""

    name: str = Field(pattern=r"^[A-Za-z0-9_-]{1,32}$")
    """A short name for it, for logs. What waits to be sent is kept under this name: one that moves to another
    `url` gets it there, and what waits under a name that is gone is let go."""

    url: str = Field(min_length=1, max_length=2000)
    """Where events are posted to. `https` only, unless the host is this machine (loopback) or `allow_http` is
    set."""

    secret: str = Field(default="", max_length=255)
    """What events are signed with, in the open; `secret_file` is better. At least 16 characters, as random as a
    password."""

    secret_file: str = ""
    """File whose first line is the secret."""

    events: list[
        Literal["call.started", "recipient.ringing", "recipient.answered", "call.answered", "call.ended"]
    ] = Field(
        default=["call.started", "recipient.ringing", "recipient.answered", "call.answered", "call.ended"],
        min_length=1,
        max_length=5,
    )
    """Events that are sent; all by default."""

    timeout: float = Field(default=10.0, ge=0.1, le=120, allow_inf_nan=False)
    """Seconds that the server may take to answer."""

    retry_limit: int = Field(default=20, ge=0, le=100)
    """How many times an event is sent again that was not taken, after 1 s, 2 s, 4 s and so on up to an hour; then
    it is given up, with an error in the log. 20 are some seven hours."""

    allow_http: bool = False
    """Allows `http` to another machine: numbers and names of callers are then in the open on the way."""


class Service(Settings):
    """The process."""

    control_socket: str = ""
    """Unix socket for `b2bua live`, `hangup` and `reload`; empty is `core.sock` beside the database."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severity logged."""

    mask_numbers: bool = False
    """Write phone numbers in logs with their last digits only."""

    metrics: str = Field(default="", max_length=64)
    """Numeric address and port at which Prometheus finds metrics, as in `"127.0.0.1:9464"`, under `/metrics`; empty
    serves none. Whoever reaches it may read it: it has no names and no numbers of callers. See
    [operating.md](operating.md#metrics)."""


class ConsoleSettings(Settings):
    """The web console and its API, see [console.md](console.md)."""

    enabled: bool = True
    """Whether `b2bua run` starts it. Calls need it not."""

    listen: str = Field(default="127.0.0.1:8080", max_length=64)
    """Numeric address and port, IPv6 in brackets: `"[::1]:8080"`. Other than loopback needs `tls_certificate` or
    `behind_proxy`. A change of `[console]` takes effect when the console is started again."""

    tls_certificate: str = ""
    """File with the certificate, and those that vouch for it, in PEM. The console then speaks HTTPS only."""

    tls_key: str = ""
    """File with its key, in PEM, without a passphrase; empty is `tls_certificate` itself."""

    behind_proxy: bool = False
    """A reverse proxy speaks HTTPS to browsers and is the only one that reaches `listen`; what it says of who
    asks (X-Forwarded-For, X-Forwarded-Proto) is believed, from `trusted_proxies` only."""

    trusted_proxies: list[str] = Field(default=["127.0.0.1", "::1"], max_length=16)
    """Addresses or networks (CIDR) of the reverse proxy."""

    session_hours: float = Field(default=12.0, ge=0.1, le=720, allow_inf_nan=False)
    """Hours after which whoever is logged in must log in again."""

    prompts: str = ""
    """Directory for files of audio that are sent to the console; empty is `prompts` beside the database."""


class File(Settings):
    """The whole file."""

    sip: Sip = Sip()
    media: Media = Media()
    limits: LimitSettings = LimitSettings()
    trunks: dict[Annotated[str, Field(pattern=r"^[^\x00-\x1f\"]{1,64}$")], TrunkSettings] = Field(
        min_length=1
    )
    numbers: dict[Annotated[str, Field(pattern=r"^[^\x00-\x20@\"<>]{1,64}$")], NumberSettings] = {}
    records: Records = Records()
    flows: dict[Name, FlowSettings] = Field(default={}, max_length=1000)
    webhooks: list[WebhookSettings] = Field(default=[], max_length=16)
    console: ConsoleSettings = ConsoleSettings()
    service: Service = Service()
