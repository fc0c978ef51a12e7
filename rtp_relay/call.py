"""A call as the relay knows it: legs under one name, and whose it is."""

from __future__ import annotations

from collections.abc import Iterable

from rtp_relay import control
from rtp_relay.bridge import Leg
from rtp_relay.endpoint import Endpoint

Owner = int


class Call:
    """Legs kept together under a name."""

    __slots__ = ("is_watched", "legs", "name", "orphaned_until", "owner")

    def __init__(self, name: str, owner: Owner) -> None:
        self.name = name
        self.owner: Owner | None = owner
        self.orphaned_until: float | None = None
        self.legs: dict[int, Leg] = {}
        self.is_watched = False  # a deadline for its silence is pending

    def endpoints(self) -> Iterable[Endpoint]:
        return (endpoint for leg in self.legs.values() for endpoint in leg.endpoints.values())

    def lent(self, requests: Iterable[control.LegRequest]) -> tuple[control.Lent, ...]:
        """What those who asked for endpoints are told."""
        lent = []
        for request in requests:
            leg = self.legs[request.leg]
            for medium in range(request.first_medium, request.first_medium + request.media):
                number = leg.endpoints[medium].pair.number
                lent.append(control.Lent(leg.number, medium, leg.interface.advertised, number, number + 1))
        return tuple(lent)
