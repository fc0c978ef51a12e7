"""What a call asks of the relay: endpoints for its legs, where their far ends are, and who hears whom."""

from __future__ import annotations

from collections.abc import Iterable

from b2bua.calls.leg import Leg
from rtp_relay.control import Bridge, Command, Direct, LegRequest, Release, Reserve, Reserved
from sip_stack.sdp import Session as Description
from sip_stack.sdp_rewriting import End


class Media:
    """The media of one call. Commands are appended to `commands`, which the switchboard sends on.

    Each leg has endpoints of its own, lent at once for the whole step; what a leg receives goes nowhere
    until a bridge says where.
    """

    def __init__(self, call_id: str, commands: list[Command]) -> None:
        self.call_id = call_id
        self.is_asked = False  # endpoints were asked for: they are to be released, come what may
        self._commands = commands
        self._directed: dict[tuple[int, int], Direct] = {}
        self._bridge: Bridge | None = None

    def reserve(self, legs: Iterable[Leg], media: int) -> None:
        """Ask for endpoints: all legs in one message, each as many as the description has media."""
        self.is_asked = True
        requests = tuple([LegRequest(leg.number, leg.interface, media) for leg in legs])
        self._commands.append(Reserve(self.call_id, requests))

    def reserve_more(self, legs: Iterable[Leg], media: int) -> None:
        """Ask for the endpoints that a re-INVITE with more m-lines needs."""
        requests = tuple(
            [LegRequest(leg.number, leg.interface, media - len(leg.ends), (), len(leg.ends)) for leg in legs]
        )
        self._commands.append(Reserve(self.call_id, requests))

    def accept(self, event: Reserved, legs: dict[int, Leg]) -> None:
        for lent in event.lent:
            leg = legs.get(lent.leg)
            if leg is not None:
                leg.lend(lent.medium, End(lent.address, lent.port, lent.rtcp_port))

    def direct(
        self, leg: Leg, description: Description, other: Description | None = None, *, relatch: bool = False
    ) -> None:
        """Tell the relay where the far end of a leg is, as its own description says.

        other: what this leg's far end was told, that is the other side's; RTCP shares the RTP port only
        where both have said so (RFC 5761 §5.1.1).
        """
        for index, medium in enumerate(description.media[: len(leg.ends)]):
            if leg.ends[index] is None:
                continue
            mux = (
                medium.is_mux and other is not None and index < len(other.media) and other.media[index].is_mux
            )
            direct = Direct(
                self.call_id,
                leg.number,
                index,
                medium.connection,
                medium.port,
                medium.port if mux else medium.separate_rtcp_port,
                mux=mux,
                kind="udptl" if medium.is_udptl else "rtp",
                latch=leg.latch,
                relatch=relatch,
                due=not medium.is_rejected and medium.effective_direction.sends,
                learn_from=leg.signalling_hosts,
                clock_rates=medium.unusual_rates,
            )
            if relatch or self._directed.get((leg.number, index)) != direct:
                self._directed[leg.number, index] = direct
                self._commands.append(direct)

    def bridge(self, a: Leg, b: Leg, *, a_to_b: bool = True, b_to_a: bool = True) -> None:
        bridge = Bridge(self.call_id, a.number, b.number, a_to_b, b_to_a)
        if bridge != self._bridge:
            self._bridge = bridge
            self._commands.append(bridge)

    def release(self, legs: Iterable[Leg]) -> None:
        """Give back the endpoints of legs that lost; those of the others stay."""
        numbers = tuple([leg.number for leg in legs if leg.ends])
        if numbers:
            self._commands.append(Release(self.call_id, numbers))

    def release_all(self) -> None:
        self._commands.append(Release(self.call_id))

    def restore(self, legs: Iterable[Leg]) -> None:
        """Say everything again to a relay that was restarted, with the very ports that the far ends know."""
        lent = {leg.number: leg for leg in legs if leg.ends}
        requests = tuple(
            [
                LegRequest(
                    leg.number,
                    leg.interface,
                    len(leg.ends),
                    tuple([end.port if end else 0 for end in leg.ends]),
                )
                for leg in lent.values()
            ]
        )
        if requests:
            self._commands.append(Reserve(self.call_id, requests))
            self._commands.extend([direct for direct in self._directed.values() if direct.leg in lent])
            if self._bridge is not None:
                self._commands.append(self._bridge)
