"""[media] engine and nodes: who forwards media, when it is not our own relay."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable

from b2bua.config.addresses import numeric
from b2bua.config.findings import KeyPath
from b2bua.config.settings import File
from b2bua.config.values import EngineNode

Report = Callable[[KeyPath, str, str], None]


def node_address(text: str) -> tuple[str, int]:
    """Read "192.0.2.10:2223" or "[2001:db8::10]:2223". ValueError is for a person."""
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]") if host.startswith("[") else host
    if not numeric(host) or not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise ValueError(f'"{text}" is no ADDRESS:PORT.')
    return str(ipaddress.ip_address(host)), int(port)


def nodes_of(file: File) -> tuple[EngineNode, ...]:
    """The nodes that media is told to; none where our own relay forwards it. Those with mistakes are left out."""
    if file.media.engine == "own":
        return ()
    found = []
    for node in file.media.nodes:
        try:
            found.append(EngineNode(*node_address(node.address), node.weight))
        except ValueError:
            continue
    return tuple(found)


def check_engine(file: File, error: Report, warning: Report) -> None:
    media = file.media
    seen: set[tuple[str, int]] = set()
    for index, node in enumerate(media.nodes):
        path: KeyPath = ("media", "nodes", index, "address")
        try:
            address = node_address(node.address)
        except ValueError as problem:
            error(path, str(problem), 'Write a numeric address and the port of --listen-ng: "192.0.2.10:2223".')
            continue
        if address in seen:
            error(path, "is the address of a node above.", "Write each node once; weight gives it more calls.")
        seen.add(address)
    if media.engine == "own":
        return
    if not media.nodes:
        error(("media", "engine"), "has no nodes to speak to.", "Add a [[media.nodes]] for each rtpengine.")
    for name, flow in file.flows.items():
        kinds = [kind for kind in ("play", "menu", "voicemail") if getattr(flow, kind)]
        if kinds:
            warning(
                ("flows", name),
                f"rtpengine plays and records nothing for us, and this flow has {' and '.join(kinds)}.",
                'These steps fail, and go on to what follows their failure. Or write engine = "own".',
            )
