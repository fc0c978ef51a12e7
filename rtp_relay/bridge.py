"""Legs, and how two of them are joined: medium by medium, each direction open or closed."""

from __future__ import annotations

from rtp_relay.endpoint import Endpoint, settle
from rtp_relay.form import Form, Interface
from rtp_relay.ports import PortPool


class Leg:
    """The endpoints lent to one leg, by medium, and the leg that it is bridged to."""

    __slots__ = ("endpoints", "gives", "interface", "number", "partner", "pool")

    def __init__(self, number: int, interface: Interface, pool: PortPool) -> None:
        self.number = number
        self.interface = interface
        self.pool = pool
        self.endpoints: dict[int, Endpoint] = {}
        self.partner: Leg | None = None
        self.gives = False  # packets from this leg may pass to the partner

    def __repr__(self) -> str:
        towards = f" {'->' if self.gives else '-|'} {self.partner.number}" if self.partner else ""
        return f"<Leg {self.number}{towards} {list(self.endpoints.values())!r}>"


def join(a: Leg, b: Leg, a_to_b: bool, b_to_a: bool, form: Form, now: float, learning: float) -> None:
    """Bridge two legs; what either was bridged to before is left alone with nowhere to send.

    Media that only one of them has stay unjoined. A window for learning that has no end gets one,
    `learning` seconds away.
    """
    if a.partner is not b:
        part(a, form, now)
        part(b, form, now)
    a.partner, b.partner = b, a
    a.gives, b.gives = a_to_b, b_to_a
    for medium, endpoint in a.endpoints.items():
        peer = b.endpoints.get(medium)
        if peer is not None:
            _meet(endpoint, peer, a_to_b, now, learning)
            _meet(peer, endpoint, b_to_a, now, learning)
            settle(endpoint, form)


def rejoin(leg: Leg, form: Form, now: float, learning: float) -> None:
    """Join media that were added to a bridged leg."""
    if leg.partner is not None:
        join(leg, leg.partner, leg.gives, leg.partner.gives, form, now, learning)


def part(leg: Leg, form: Form, now: float) -> None:
    """End the bridge of a leg, if it has one."""
    partner = leg.partner
    if partner is None:
        return
    leg.partner = partner.partner = None
    leg.gives = partner.gives = False
    for endpoint in (*leg.endpoints.values(), *partner.endpoints.values()):
        endpoint.peer, endpoint.is_open = None, False
        endpoint.owe(now)
        settle(endpoint, form)


def _meet(endpoint: Endpoint, peer: Endpoint, is_open: bool, now: float, learning: float) -> None:
    """One side of a medium that both have."""
    if endpoint.peer is not peer:
        endpoint.peer = peer
        endpoint.heard_by = peer.leg
        endpoint.due_since = now  # what was owed before there was a bridge is forgiven
    endpoint.latch.limit(now + learning)
    endpoint.is_open = is_open
    endpoint.owe(now)
