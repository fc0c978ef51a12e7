"""Who forwards media for the core: our own relay, or a farm of rtpengines. Both are spoken to in the same words."""

from __future__ import annotations

import secrets
from collections.abc import Callable

import structlog

from b2bua.config.values import MediaSettings
from rtp_relay import control
from rtp_relay.client import RelayClient
from rtp_relay.ng.client import Address, FarmClient

IMPLIED = "default"  # the interface that is there when none is written; rtpengine's bears the same name

log = structlog.get_logger("core")


def open_engine(
    media: MediaSettings,
    on_event: Callable[[control.Event], None],
    on_lost: Callable[[], None],
    on_ready: Callable[[control.Welcome], None],
) -> RelayClient | FarmClient:
    """What the configuration names, not started yet."""
    if not media.nodes:
        return RelayClient(media.relay_socket, on_event, on_lost, on_ready)
    names = [(each.name, ":" in each.address) for each in media.interfaces]
    return FarmClient(
        [Address(node.host, node.port, node.weight) for node in media.nodes],
        [] if [name for name, _ in names] == [IMPLIED] else names,
        media.timeout,
        secrets.token_hex(6),
        on_event,
        on_lost,
        on_ready,
        _say_node,
    )


def _say_node(address: str, is_alive: bool) -> None:
    if is_alive:
        log.info("an rtpengine is there", node=address)
    else:
        log.error("an rtpengine is gone: its calls have no audio, new ones go to others", node=address)
