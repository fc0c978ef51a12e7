"""Whether the rtpengines answer that are to forward media in our relay's place."""

from __future__ import annotations

from collections.abc import Iterable

from b2bua.config.values import EngineNode
from b2bua.media_check.findings import MediaFinding, error, good
from rtp_relay.ng.client import Address, trouble_with


def look(nodes: Iterable[EngineNode]) -> tuple[MediaFinding, ...]:
    """A finding for each node. What becomes of packets at its host is for that host to say."""
    return tuple(_found(Address(node.host, node.port, node.weight)) for node in nodes)


def _found(address: Address) -> MediaFinding:
    trouble = trouble_with(address)
    if not trouble:
        return good(f"rtpengine at {address}", "answers.")
    return error(
        f"rtpengine at {address}", f"does not answer: {trouble}.",
        f"Start it with --listen-ng={address}, and let UDP from here to there pass.",
    )  # fmt: skip
