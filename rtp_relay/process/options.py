"""The command line of the relay's process."""

from __future__ import annotations

import argparse
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

from rtp_relay.bpf.pins import FILE_SYSTEM, OWN_FILE_SYSTEM, default_directory
from rtp_relay.form import Interface
from rtp_relay.forms.choice import WISHES, Wish
from rtp_relay.forms.user import EXPEDITED_FORWARDING
from rtp_relay.process.holding import SYSTEMD
from rtp_relay.relay import Settings


@dataclass(frozen=True, slots=True)
class Options:
    """What the process was asked to be."""

    socket: str
    interfaces: tuple[Interface, ...]
    settings: Settings
    pool: int  # pairs opened before it says that it is ready
    dscp: int
    form: Wish
    xdp: frozenset[str]  # bind addresses of interfaces whose drivers are to have it, with another form
    pins: str  # a directory; "" for none
    hold: str  # see holding.holder
    user: str
    log_level: str
    dies_with_parent: bool


def interface(text: str) -> Interface:
    """NAME=BIND or NAME=BIND/ADVERTISED, addresses in numbers."""
    name, equals, addresses = text.partition("=")
    bind, slash, advertised = addresses.partition("/")
    if not name or not equals:
        raise argparse.ArgumentTypeError(f"{text!r}: NAME=ADDRESS or NAME=ADDRESS/ADVERTISED, please")
    if not slash and _address(bind).is_unspecified:
        raise argparse.ArgumentTypeError(f"{text!r}: no far end can be told {bind}; add /ADVERTISED")
    told = _address(advertised if slash else bind)
    if told.version != _address(bind).version:
        raise argparse.ArgumentTypeError(f"{text!r}: both addresses of one IP version, please")
    return Interface(name, str(_address(bind)), str(told))


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    try:
        return ipaddress.ip_address(text.strip("[]"))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no IP address") from error


def port_range(text: str) -> tuple[int, int]:
    """FIRST-LAST, both included."""
    first, dash, last = text.partition("-")
    if not dash or not (first.isascii() and first.isdigit() and last.isascii() and last.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r}: FIRST-LAST, please")
    if not 1024 <= int(first) < int(last) <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r}: from 1024 to 65535, the lower first")
    return int(first), int(last)


def seconds(text: str) -> float:
    """An interval, not below zero."""
    try:
        value = float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no number") from error
    if not 0 <= value < 1e6:
        raise argparse.ArgumentTypeError(f"{text!r}: seconds, not below zero")
    return value


def held(text: str) -> str:
    """As `holding.holder` takes it."""
    reading, _, writing = text.partition(",")
    if text not in ("", SYSTEMD) and not (reading.isdecimal() and writing.isdecimal()):
        raise argparse.ArgumentTypeError(f"{text!r}: {SYSTEMD}, or two descriptors")
    return text


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="rtp_relay", description="The RTP relay, in its own process.")
    add = made.add_argument
    usual = Settings()
    add("--socket", required=True, metavar="PATH", help="control socket to listen on, for this user only")
    add("--interface", required=True, action="append", type=interface, metavar="NAME=BIND[/ADVERTISED]",
        help="address for media, and what far ends are told; may be given several times")  # fmt: skip
    add("--ports", type=port_range, default=(usual.first_port, usual.last_port), metavar="FIRST-LAST",
        help="UDP ports to lend (default 20000-29999)")  # fmt: skip
    add("--media-timeout", type=seconds, default=usual.media_timeout, metavar="SECONDS",
        help="silence after which the core is told; 0 never (default %(default)s)")  # fmt: skip
    add("--learning-time", type=seconds, default=usual.learning, metavar="SECONDS",
        help="how long a far end behind NAT may correct its address (default %(default)s)")  # fmt: skip
    add("--port-rest", type=seconds, default=usual.rest, metavar="SECONDS",
        help="how long ports rest between calls (default %(default)s)")  # fmt: skip
    add("--orphan-time", type=seconds, default=usual.orphan_time, metavar="SECONDS",
        help="how long calls outlive their core's connection (default %(default)s)")  # fmt: skip
    add("--pool", type=int, default=256, metavar="PAIRS",
        help="port pairs opened at the start; more are opened as needed (default %(default)s)")  # fmt: skip
    add("--dscp", type=int, choices=range(64), default=EXPEDITED_FORWARDING, metavar="0-63",
        help="code point that media is marked with (default %(default)s, expedited forwarding)")  # fmt: skip
    add("--form", choices=WISHES, default="user",
        help="how packets are forwarded: user space, eBPF at tc ingress or in the driver; auto takes tc if it "
        "can be had (default %(default)s)")  # fmt: skip
    add("--xdp", action="append", default=[], metavar="NAME",
        help="an interface, by the name that --interface gives it, which has xdp where others have tc")  # fmt: skip
    add("--pins", default="", metavar="DIRECTORY",
        help="in a bpf file system: where what the kernel does is kept over a restart of the relay; 'none' for nowhere "
        f"(default: one named for the control socket, in {OWN_FILE_SYSTEM} or {FILE_SYSTEM}/multiring)")  # fmt: skip
    add("--hold", type=held, default="", metavar="systemd|FD,FD",
        help="who keeps the ports' sockets over a restart: systemd's file-descriptor store, or a pair of sockets that "
        "the parent process has too")  # fmt: skip
    add("--user", default="", metavar="NAME", help="give up root for this user once everything is open")
    add("--log-level", default="info", choices=("debug", "info", "warning", "error"))
    add("--die-with-parent", action="store_true", help="end when the process that started this one ends")
    return made


def read(arguments: Sequence[str] | None = None) -> Options:
    """The options on a command line; exits with a message when they make no sense."""
    asked = parser()
    given = asked.parse_args(arguments)
    binds = {interface.name: interface.bind for interface in given.interface}
    for name in given.xdp:
        if name not in binds:
            asked.error(f"--xdp {name}: no interface has that name")
    settings = Settings(
        first_port=given.ports[0],
        last_port=given.ports[1],
        media_timeout=given.media_timeout,
        learning=given.learning_time,
        rest=given.port_rest,
        orphan_time=given.orphan_time,
    )
    return Options(
        socket=given.socket,
        interfaces=tuple(given.interface),
        settings=settings,
        pool=max(given.pool, 1),
        dscp=given.dscp,
        form=given.form,
        xdp=frozenset(binds[name] for name in given.xdp),
        pins="" if given.pins == "none" else given.pins or default_directory(given.socket),
        hold=given.hold,
        user=given.user,
        log_level=given.log_level,
        dies_with_parent=given.die_with_parent,
    )
