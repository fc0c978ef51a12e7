"""Which packets a rule of the network is for."""

from __future__ import annotations

from collections.abc import Callable

from tests.world.agent import UserAgent
from tests.world.network import Packet


def sent_to(agent: UserAgent, begins: str, method: str = "") -> Callable[[Packet], bool]:
    """Messages to an agent that begin so; method: of the CSeq, for responses."""
    return lambda packet: packet.destination.host == agent.address.host and _is(packet, begins, method)


def sent_by(agent: UserAgent, begins: str, method: str = "") -> Callable[[Packet], bool]:
    """Messages of an agent that begin so; method: of the CSeq, for responses."""
    return lambda packet: packet.sender.host == agent.address.host and _is(packet, begins, method)


def _is(packet: Packet, begins: str, method: str) -> bool:
    return packet.begins(begins) and (not method or packet.message.cseq_method == method)
