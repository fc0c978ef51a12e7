"""`python -m rtp_relay.process.probe`: one Wanted in, as JSON on standard input; one Facts out on standard output."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Literal

import msgspec

from rtp_relay import facts
from rtp_relay.bpf.netlink import Asking
from rtp_relay.process.probe import firewall, keeping, machine, running, trial
from rtp_relay.process.system import raise_descriptor_limit
from rtp_relay.source import is_version_6


def look(wanted: facts.Wanted) -> facts.Facts:
    """Everything that this user may see of this host, and what it may not."""
    hosts = tuple(dict.fromkeys(interface.bind for interface in wanted.interfaces))
    span = (wanted.first_port, wanted.last_port)
    unseen: list[str] = []
    descriptors = raise_descriptor_limit()
    here = _running(wanted.relay_socket, unseen)
    directory = keeping.directory_of(wanted)
    taken = machine.taken(hosts, span)
    trials = [*trial.on_this_host(hosts, span, wanted.packets, taken, here is not None)]
    trials += _on_own_network(hosts, wanted, unseen)
    versions: list[Literal[4, 6]] = [6 if is_6 else 4 for is_6 in sorted({is_version_6(host) for host in hosts})]
    with contextlib.closing(Asking()) as asking:
        return facts.Facts(
            kernel=machine.kernel(),
            is_root=os.geteuid() == 0,
            trials=tuple(trials),
            links=machine.links(asking, hosts),
            missing=machine.missing(asking, hosts),
            ways=machine.ways(asking, hosts, wanted.towards),
            taken=taken,
            descriptors=descriptors,
            settings=machine.settings(),
            firewalls=tuple(firewall.look(version, span) for version in versions),
            running=here,
            pinned=_pinned(directory, wanted, unseen),
            keeps_pins=keeping.can_keep(directory),
            unseen=tuple(unseen),
        )


def _running(path: str, unseen: list[str]) -> facts.Running | None:
    try:
        return running.ask(path) if path else None
    except OSError as error:
        unseen.append(f"the relay at {path}: {trial.words_of(error)}")
        return None


def _pinned(directory: str, wanted: facts.Wanted, unseen: list[str]) -> facts.Pinned | None:
    try:
        return keeping.look(directory, wanted) if directory else None
    except OSError as error:
        unseen.append(f"what is kept in {directory}: {trial.words_of(error)}")
        return None


def _on_own_network(hosts: tuple[str, ...], wanted: facts.Wanted, unseen: list[str]) -> Iterator[facts.Trial]:
    try:
        yield from trial.on_own_network(hosts, (wanted.first_port, wanted.last_port), wanted.packets)
    except OSError as error:
        unseen.append(f"the kernel's forms, on a network of our own: {trial.words_of(error)}")


def main() -> int:
    """The exit status: 0, or 2 for what is no Wanted."""
    try:
        wanted = msgspec.json.decode(sys.stdin.buffer.read(), type=facts.Wanted)
    except msgspec.MsgspecError as error:
        print(error, file=sys.stderr)
        return 2
    sys.stdout.buffer.write(msgspec.json.encode(look(wanted)) + b"\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
