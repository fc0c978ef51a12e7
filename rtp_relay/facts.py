"""What the relay's self-test is asked, and what it saw. Only facts: what they mean is said by who asked.

`python -m rtp_relay.process.probe` reads one Wanted from its standard input, as JSON, and writes one Facts.
"""

from __future__ import annotations

from typing import Literal

import msgspec

FORMS = ("user", "tc", "xdp")


class MediaAddress(msgspec.Struct, frozen=True):
    """An address that media is received on, and what far ends are told."""

    name: str
    bind: str
    advertised: str


class Wanted(msgspec.Struct, frozen=True):
    """What is to be looked at.

    towards: numeric addresses of far ends. relay_socket: of a relay that may be running; "" for none.
    pins: where what the kernel does is kept; "" is the directory that goes with the socket.
    packets: how many are sent through each form and address.
    """

    interfaces: tuple[MediaAddress, ...]
    first_port: int
    last_port: int
    towards: tuple[str, ...] = ()
    relay_socket: str = ""
    pins: str = ""
    packets: int = 24


class Trial(msgspec.Struct, frozen=True):
    """Packets that went through one form.

    network: "here" for this host's own addresses, by way of the loopback; "own" for a network namespace made for it,
        with the media address at a veth pair, or at its loopback.
    far_offload, relay_offload: whether checksums were left to the hardware by the far end, and by us; None where there
        is no hardware to leave them to.
    by_kernel: packets that arrived though nobody in user space had turned. strange: packets of a stranger that arrived.
    bad_checksums: datagrams that the receiving system threw away for their checksum.
    problem: why nothing, or not all, was sent; "" if there was nothing.
    """

    form: Literal["user", "tc", "xdp"]
    host: str
    network: Literal["here", "own"]
    sent: int = 0
    arrived: int = 0
    by_kernel: int = 0
    strange: int = 0
    bad_checksums: int = 0
    far_offload: bool | None = None
    relay_offload: bool | None = None
    problem: str = ""


class Link(msgspec.Struct, frozen=True):
    """A network interface with media addresses.

    queues: that the link receives with; queue_limit: that it could have, 0 if that is not known.
    hashes_ports: whether UDP is spread over the queues by ports too. leaves_checksums: to the hardware, when sending.
    can_xdp: whether its driver runs XDP programs and can redirect from them; None where the kernel does not say.
    has_xdp: somebody's XDP program is there. reverse_path: net.ipv4.conf.*.rp_filter, the stricter of all and this one.
    """

    name: str
    hosts: tuple[str, ...]
    kind: Literal["ethernet", "loopback", "other"]
    mtu: int
    is_up: bool
    driver: str = ""
    queues: int = 1
    queue_limit: int = 0
    hashes_ports: bool | None = None
    leaves_checksums: bool | None = None
    can_xdp: bool | None = None
    has_xdp: bool = False
    reverse_path: int | None = None


class Way(msgspec.Struct, frozen=True):
    """How packets go from a media address to a far end.

    link: "" without a route. hop: whose MAC address is wanted. neighbour: what is known of it ("none": it is us).
    returns_by: the link by which the system itself would send there, to which rp_filter compares; "" without a route.
    """

    host: str
    towards: str
    link: str = ""
    hop: str = ""
    neighbour: Literal["known", "unknown", "failed", "none"] = "unknown"
    returns_by: str = ""


class Obstacle(msgspec.Struct, frozen=True):
    """Ports that a packet filter keeps packets from. certain: the rule asks for nothing but protocol and port."""

    first: int
    last: int
    rule: str
    certain: bool


class Firewall(msgspec.Struct, frozen=True):
    """What the packet filter says. by: which program was asked; "" for none, then problem says why."""

    version: Literal[4, 6]
    by: str = ""
    obstacles: tuple[Obstacle, ...] = ()
    problem: str = ""


class Running(msgspec.Struct, frozen=True):
    """A relay that answers at the socket. pairs: that it has open. descriptors: its limit, 0 if that is hidden."""

    form: str
    reason: str
    calls: int
    pairs: int
    descriptors: int = 0


class Pinned(msgspec.Struct, frozen=True):
    """Programs and tables that are kept in a bpf file system, for a relay to adopt.

    form: of the links that are kept. lasting: a loader made them, and they stay when a relay is stopped. fits: they are
    for the addresses, ports and network namespace that were asked about, and of this version.
    """

    directory: str
    form: Literal["tc", "xdp"]
    lasting: bool
    fits: bool


class Facts(msgspec.Struct, frozen=True):
    """Everything that was seen.

    links: by name; those of the media addresses. missing: media addresses that no interface has.
    taken: by media address, ports of the range that somebody has (a running relay is somebody too).
    descriptors: how many a process that is started here may have. settings: of the kernel (sysctl), if they are there.
    keeps_pins: a bpf file system is mounted where pins are kept.
    unseen: what could not be looked at, each with its reason.
    """

    kernel: str
    is_root: bool
    trials: tuple[Trial, ...] = ()
    links: tuple[Link, ...] = ()
    missing: tuple[str, ...] = ()
    ways: tuple[Way, ...] = ()
    taken: dict[str, tuple[int, ...]] = {}
    descriptors: int = 0
    settings: dict[str, int] = {}
    firewalls: tuple[Firewall, ...] = ()
    running: Running | None = None
    pinned: Pinned | None = None
    keeps_pins: bool = True
    unseen: tuple[str, ...] = ()
