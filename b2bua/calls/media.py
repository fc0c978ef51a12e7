"""What a call asks of the relay: endpoints for its legs, where their far ends are, who hears whom, and what else."""

from __future__ import annotations

from collections.abc import Iterable

from b2bua.calls.leg import Leg
from rtp_relay.control import (
    Bridge,
    Codec,
    Command,
    CountryTone,
    Direct,
    File,
    LegRequest,
    Listen,
    Play,
    Record,
    Release,
    Reserve,
    Reserved,
    SendDigits,
    Speech,
    StopPlaying,
    StopRecording,
    Tone,
)
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
        self._given_back: set[int] = set()  # numbers of legs
        self._directed: dict[tuple[int, int], Direct] = {}
        self._bridge: Bridge | None = None
        self._listens: dict[int, Listen] = {}
        self._play_ids = 0

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
            if leg is not None and lent.leg not in self._given_back:  # while the answer was on its way
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

    # What we say to a leg, and what of it we hear.

    def play(
        self,
        leg: Leg,
        sound: Tone | CountryTone | File | Speech,
        codec: Codec,
        *,
        medium: int = 0,
        repeat: int = 1,
        patience: float = 0.0,
    ) -> int:
        """Play a sound, in place of what is played; gives the play_id of the Played that will come, once.

        repeat 0: until it is stopped. patience: seconds to wait at most for the far end's first packet.
        """
        self._play_ids += 1
        self._commands.append(
            Play(self.call_id, leg.number, medium, self._play_ids, sound, codec, repeat, patience)
        )
        return self._play_ids

    def stop_playing(self, leg: Leg, play_id: int) -> None:
        self._commands.append(StopPlaying(self.call_id, leg.number, play_id))

    def listen(self, leg: Leg, events: tuple[int, ...], *, medium: int = 0, forward: bool = True) -> None:
        """Have keys of a leg told as Digit. events: payload types of telephone-event; none: no more."""
        listen = Listen(self.call_id, leg.number, events, medium, forward)
        if events:
            self._listens[leg.number] = listen
        elif self._listens.pop(leg.number, None) is None:
            return
        self._commands.append(listen)

    def send_digits(
        self, leg: Leg, digits: str, event: int, *, medium: int = 0, clock_rate: int = 8000
    ) -> None:
        """Press keys for a leg; "w" waits. event: the payload type of telephone-event. DigitsSent will come, once."""
        self._commands.append(SendDigits(self.call_id, leg.number, medium, event, digits, clock_rate))

    def record(
        self,
        leg: Leg,
        path: str,
        codec: Codec,
        *,
        medium: int = 0,
        longest: float = 0.0,
        silence_end: float = 0.0,
    ) -> None:
        """Keep what a leg says in a file. Recorded will come, once. longest, silence_end: seconds, 0 for no end."""
        self._commands.append(Record(self.call_id, leg.number, path, longest, silence_end, medium, (codec,)))

    def stop_recording(self, leg: Leg, *, medium: int = 0) -> None:
        self._commands.append(StopRecording(self.call_id, leg.number, medium))

    def release(self, legs: Iterable[Leg]) -> None:
        """Give back the endpoints of legs that lost; those of the others stay."""
        given_back = [leg for leg in legs if leg.ends]
        if given_back:
            self._commands.append(Release(self.call_id, tuple([leg.number for leg in given_back])))
        for leg in given_back:  # a relay that is started anew is not to hear of them again
            leg.ends = []
            self._given_back.add(leg.number)
            self._listens.pop(leg.number, None)
            if self._bridge is not None and leg.number in (self._bridge.a, self._bridge.b):
                self._bridge = None

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
            self._commands.extend([listen for listen in self._listens.values() if listen.leg in lent])
