"""An endpoint: what the relay lends to one leg for one medium, and what it does with a packet there.

`receive_rtp` and `receive_rtcp` are the whole path of a packet: does the latch agree, count, and the
answer is the exit to leave by. They open nothing, send nothing and keep nothing of the packet.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from math import floor
from typing import Final, Literal

from rtp_relay.control import Direct, StreamFigures
from rtp_relay.form import Copies, Exit, Flow, Form, Inheritance
from rtp_relay.hearing import Hearing
from rtp_relay.latch import Latch, State
from rtp_relay.packet import (
    HEADER_SIZE,
    HIGHEST_RTCP,
    HIGHEST_VERSION_2,
    LOWEST_RTCP,
    LOWEST_VERSION_2,
    Packet,
    is_rtcp,
    is_rtp,
    sequence_and_ssrc,
)
from rtp_relay.ports import Pair
from rtp_relay.rtcp import reports
from rtp_relay.source import Address, canonical_host, stated_address, text_of
from rtp_relay.stream import NEVER, Stream

# Why packets were dropped, see control.StreamFigures.
Reason = Literal[
    "too early", "not joined", "direction closed", "other kind", "no far end", "played over", "digit kept",
    "queue full", "not sent",
]
MICROSECONDS: Final = 1e6  # in a second
Changed = Callable[["Endpoint"], None]
Tap = Callable[[Packet, float], bool]  # tap(RTP that was admitted, now): whether it may go onward


class Endpoint:
    """One leg's address for one medium. `changed` is called when a packet has changed the belief."""

    __slots__ = (
        "_owed", "_owes", "_owes_since", "_owes_until", "changed", "copies", "dropped", "due", "due_since", "exit",
        "flow", "heard_by", "hearing", "is_open", "is_played_to", "kind", "last_rtcp", "latch", "leg", "lent_at",
        "malformed", "medium", "mux", "onward", "pair", "peer", "rtcp_exit", "rtcp_onward", "rtcp_packets",
        "rtcp_passing", "rtcp_stated", "stream", "tap", "why_nowhere",
    )  # fmt: skip

    def __init__(self, leg: int, medium: int, pair: Pair, now: float, changed: Changed) -> None:
        self.leg = leg
        self.medium = medium
        self.pair = pair
        self.lent_at = now
        self.changed = changed
        self.latch = Latch()
        self.stream = Stream()
        self.kind: Literal["rtp", "udptl"] = "rtp"
        self.mux = False
        self.due = False
        self.due_since = now
        self.exit = Exit(pair.rtp)  # towards this endpoint's far end
        self.rtcp_exit = Exit(pair.rtcp)
        self.rtcp_stated: Address | None = None
        self.rtcp_passing: Address | None = None  # the source of RTCP that needs no further thought
        self.peer: Endpoint | None = None  # bridged to
        self.is_open = False  # packets from here may pass to the peer
        self.onward: Exit | None = None  # where packets from here leave; None drops them
        self.rtcp_onward: Exit | None = None
        self.flow: Flow | None = None  # as installed at the form
        self.tap: Tap | None = None  # somebody listens here
        self.copies: Copies | None = None  # and need not be asked about each packet
        self.is_played_to = False  # what the peer says is not for its far end now
        self.malformed = 0
        self.rtcp_packets = 0
        self.last_rtcp = NEVER
        self.hearing: Hearing | None = None  # what the far end reports, once there is any RTCP
        self.heard_by = -1  # the leg that it was joined to last
        self.why_nowhere: Reason = "not joined"  # while `onward` is None
        self.dropped: dict[Reason, int] = {}
        self._owed = 0.0  # seconds for which packets were due and had where to go, but for the present time
        self._owes = False
        self._owes_since = self._owes_until = now
        pair.rtp.receive = self.receive_rtp
        pair.rtcp.receive = self.receive_rtcp

    def __repr__(self) -> str:
        return f"<Endpoint {self.leg}.{self.medium} port {self.pair.number} {self.latch!r}>"

    # The path of a packet.

    def receive_rtp(self, packet: Packet, source: Address, now: float) -> Exit | None:
        """A packet at the RTP port: where it leaves, or None to drop it."""
        if source != self.latch.passing and not self._admit(packet, source, now):
            return None
        if not self.stream.receive_plain(packet, now):
            if self.kind == "udptl":
                self.stream.count(len(packet), now)
            elif len(packet) < HEADER_SIZE or not LOWEST_VERSION_2 <= packet[0] <= HIGHEST_VERSION_2:
                return self._take_other(packet, now)
            elif LOWEST_RTCP <= packet[1] <= HIGHEST_RTCP:
                return self._take_rtcp(packet, now)
            else:
                self.stream.receive(packet, now)
        return self.onward or self._drop(self.why_nowhere)

    def receive_tapped(self, packet: Packet, source: Address, now: float) -> Exit | None:
        """As `receive_rtp`, while somebody listens: he is shown each packet of RTP that counts."""
        packets = self.stream.packets
        exit = self.receive_rtp(packet, source, now)
        if self.stream.packets == packets or self.tap is None or self.kind != "rtp":
            return exit
        if self.tap(packet, now):
            return exit
        return None if exit is None else self._drop("digit kept")

    def listen(self, tap: Tap | None, copies: Copies | None = None) -> None:
        """Let somebody listen, or nobody any more; to be settled. Who is not listened to pays nothing for it.

        copies: which packets the tap must see, of those that a form forwards unasked; None: it wants to be asked.
        """
        self.tap, self.copies = tap, copies
        self.pair.rtp.receive = self.receive_rtp if tap is None else self.receive_tapped

    def receive_rtcp(self, packet: Packet, source: Address, now: float) -> Exit | None:
        """A packet at the RTCP port: where it leaves, or None to drop it."""
        if source != self.rtcp_passing and not self._admit_rtcp(packet, source):
            self._count_stranger()
            return None
        if not is_rtcp(packet):
            self.malformed += 1
            return None
        return self._take_rtcp(packet, now)

    def _drop(self, reason: Reason) -> Exit | None:
        self.dropped[reason] = self.dropped.get(reason, 0) + 1
        return None

    def _take_rtcp(self, packet: Packet, now: float) -> Exit | None:
        self.rtcp_packets += 1
        self.last_rtcp = now
        if self.peer is not None:
            self._read(packet, self.peer, now)
        return self.rtcp_onward

    def _read(self, packet: Packet, peer: Endpoint, now: float) -> None:
        """Note what it says of the peer's media, and when its own reports pass to the peer; see hearing.py."""
        heard = peer.stream
        for report in reports(packet):
            if report.sent_at is not None and self.rtcp_onward is not None:
                peer.hearing = peer.hearing or Hearing()
                peer.hearing.pass_report(report.sent_at, now)
            for block in report.blocks:
                if block.ssrc == heard.ssrc and heard.first_packet != NEVER:
                    self.hearing = self.hearing or Hearing()
                    self.hearing.take(block, heard.clock_rate, now)

    def _take_other(self, packet: Packet, now: float) -> Exit | None:
        """From the believed source, and too short for RTP or of another version: short RTCP, or nothing."""
        if is_rtcp(packet):
            return self._take_rtcp(packet, now)
        self.malformed += 1
        return None

    def _admit(self, packet: Packet, source: Address, now: float) -> bool:
        """Show a packet of a source that is not (yet) passing to the latch; whether it may pass."""
        latch = self.latch
        passing, state = latch.passing, latch.state
        silence = now - self.stream.last_packet
        if self.kind == "udptl":
            admitted = latch.judge_unread(source, silence, now)
        elif is_rtp(packet):
            admitted = latch.judge(source, *sequence_and_ssrc(packet), silence, now)
        else:
            # Stray RTCP, STUN and rubbish never teach; RTCP may come before RTP, of the believed address.
            admitted = source == latch.believed
        if latch.passing != passing:
            self.rtcp_passing = None
        if latch.passing != passing or latch.state is not state:
            self.changed(self)
        if not admitted:
            self._count_stranger()
        return admitted

    def _count_stranger(self) -> None:
        """Where no far end is named yet there are no strangers: its media may well be ahead of the signalling."""
        if self.latch.stated is not None:
            self.stream.strangers += 1
        else:
            self._drop("too early")

    def _admit_rtcp(self, packet: Packet, source: Address) -> bool:
        """RTCP is believed from where it was stated; with RTP learnt elsewhere, from that host.

        The port that NAT gave to RTCP can be known only from RTCP itself: the first packet names it, once,
        and only of the host that RTP has confirmed. It never moves the path of RTP.
        """
        if self.rtcp_passing is not None:
            return False
        latch = self.latch
        is_stated = source == self.rtcp_stated and (latch.passing is None or latch.passing == latch.stated)
        if not is_stated and not self._is_learnt_host(source):
            return False
        if not is_rtcp(packet):
            return False
        self.rtcp_passing = source
        self.changed(self)
        return True

    def _is_learnt_host(self, source: Address) -> bool:
        latch = self.latch
        return latch.passing is not None and latch.passing != latch.stated and source[0] == latch.passing[0]

    # What the signalling says.

    def direct(self, command: Direct, version_6: bool, now: float) -> None:
        """Take where the far end is said to be, and what is due from it."""
        stated = stated_address(command.address, command.port, version_6)
        rtcp_stated = stated_address(command.address, command.rtcp_port, version_6)
        believed = self.latch.believed
        if stated is not None or not self._is_old_hold(command):
            self.latch.direct(stated, command.latch, command.relatch, hosts(command.learn_from))
        if self.latch.believed != believed or rtcp_stated != self.rtcp_stated or command.relatch:
            self.rtcp_passing = None
        self.rtcp_stated = rtcp_stated
        if command.kind != self.kind:
            self.kind = command.kind
            self.stream.look_closer()
        self.mux = command.mux
        self.stream.clock_rates = dict(command.clock_rates) if command.clock_rates else None
        self._set_due(command.due and command.port > 0, now)
        self._aim(may_send=stated is not None)

    def recall(self, left: Inheritance) -> None:
        """Go on from what an earlier relay knew, after `direct` has said the same as then."""
        if self.latch.stated is not None and self.latch.recall(left.source, left.is_strict):
            if self.stream.recall(left.stream):
                self.lent_at = left.lent_at
            self._aim(may_send=True)

    def _is_old_hold(self, command: Direct) -> bool:
        """RFC 2543 hold, c=0.0.0.0 with the port kept: nothing is sent, what comes is still believed."""
        host = canonical_host(command.address)
        return command.port > 0 and host in ("0.0.0.0", "::")

    def _set_due(self, due: bool, now: float) -> None:
        if due is self.due:
            return
        self.due = due
        self.due_since = now
        self.owe(now)
        self.stream.pause()

    def owe(self, now: float) -> None:
        """Whether packets are due, or have where to go, may have changed: keep account of for how long they are."""
        owes = self.due and self.is_open
        if owes is self._owes:
            return
        self._owes = owes
        if owes:
            self._owes_since = now
        else:
            self._owed += now - self._owes_since
            self._owes_until = now

    def aim(self) -> None:
        """Point the exits where the far end is believed to be, after a packet has changed that."""
        self._aim(may_send=self.exit.address is not None)

    def _aim(self, may_send: bool) -> None:
        believed = self.latch.believed if may_send else None
        self.exit.address = believed
        if self.mux:
            self.rtcp_exit.port, self.rtcp_exit.address = self.pair.rtp, believed
            return
        is_learnt = believed is not None and believed != self.latch.stated
        self.rtcp_exit.port = self.pair.rtcp
        self.rtcp_exit.address = None
        if believed is not None:
            self.rtcp_exit.address = self.rtcp_passing or (None if is_learnt else self.rtcp_stated)

    # What the record wants.

    @property
    def last_heard(self) -> float:
        """When the far end last gave a sign of life, RTP or RTCP; NEVER if it did not."""
        return max(self.stream.last_packet, self.last_rtcp)

    def figures(self, now: float) -> StreamFigures:
        stream, hearing = self.stream, self.hearing
        until = now if self._owes else self._owes_until
        owed = _rounded(self._owed + (now - self._owes_since if self._owes else 0.0))
        silent = until - (stream.last_packet if stream.last_packet > self._owes_since else self._owes_since)
        silent = _rounded(silent) if silent > 0.0 else 0.0
        if self._is_untouched:
            return StreamFigures(self.leg, self.medium, *_NOTHING, self.heard_by, owed, silent)
        return StreamFigures(  # in the order of its fields, which takes half the time of naming them
            self.leg, self.medium, stream.packets, stream.octets, stream.lost, _milliseconds(stream.jitter),
            stream.ssrc, stream.payload_type, self.rtcp_packets, self.exit.packets, self.exit.octets,
            stream.strangers, self.malformed, self._since_lent(stream.first_packet),
            self._since_lent(stream.last_packet), _rounded(stream.longest_gap, MICROSECONDS),
            text_of(self.latch.passing), self._drops(), self.heard_by, owed, silent, stream.ssrc_changes,
            *(_NO_REPORTS if hearing is None else _reported(hearing)),
        )  # fmt: skip

    @property
    def _is_untouched(self) -> bool:
        """Nothing has come here, nor been sent from here."""
        stream, exit = self.stream, self.exit
        has_received = stream.packets or stream.strangers or self.rtcp_packets or self.malformed or self.dropped
        has_sent = exit.packets or exit.crowded_out or exit.unsent
        return not has_received and not has_sent and self.latch.passing is None and self.hearing is None

    def _drops(self) -> tuple[tuple[str, int], ...]:
        exit = self.exit
        inwards = tuple(self.dropped.items())
        if not exit.crowded_out and not exit.unsent:
            return inwards
        outwards: tuple[tuple[Reason, int], ...] = (("queue full", exit.crowded_out), ("not sent", exit.unsent))
        return inwards + tuple([each for each in outwards if each[1]])

    def _since_lent(self, at: float) -> float:
        return NEVER if at == NEVER else _rounded(at - self.lent_at, MICROSECONDS)


# The figures from packets to drops of a stream without any, in the order of StreamFigures; and its last ones.
_NOTHING: Final = (0, 0, 0, 0.0, 0, -1, 0, 0, 0, 0, 0, NEVER, NEVER, 0.0, "", ())
_NO_REPORTS: Final = (0, 0, NEVER, NEVER)


def _reported(hearing: Hearing) -> tuple[int, int, float, float]:
    return hearing.blocks, hearing.lost, _milliseconds(hearing.jitter), _milliseconds(hearing.round_trip)


def _milliseconds(seconds: float) -> float:
    return NEVER if seconds < 0 else _rounded(seconds * 1000.0)


def _rounded(value: float, parts: float = 1000.0) -> float:
    """To the nearest of so many parts of one. round() writes the number down to find its digits."""
    return floor(value * parts + 0.5) / parts


@functools.lru_cache(maxsize=1024)
def hosts(names: tuple[str, ...]) -> tuple[str, ...]:
    """The hosts as the socket writes them; what is no address admits nobody."""
    return tuple(canonical_host(name) or name for name in names)


def settle(endpoint: Endpoint, form: Form) -> None:
    """Let the endpoint and its peer agree again on where packets go, after anything about it changed."""
    if endpoint.peer is None and endpoint.onward is None and endpoint.flow is None and endpoint.rtcp_onward is None:
        endpoint.why_nowhere = "not joined"  # as it was, or what there was is over
        return
    _route(endpoint, form)
    if endpoint.peer is not None:
        _route(endpoint.peer, form)


def _route(endpoint: Endpoint, form: Form) -> None:
    peer = endpoint.peer
    endpoint.onward = endpoint.rtcp_onward = None
    if peer is None:
        endpoint.why_nowhere = "not joined"
    elif not endpoint.is_open:
        endpoint.why_nowhere = "direction closed"
    elif peer.kind != endpoint.kind:
        # During a change to T.38 one side may be there before the other: RTP is not for a fax machine.
        endpoint.why_nowhere = "other kind"
    else:
        if peer.exit.address is None:
            endpoint.why_nowhere = "no far end"
        elif peer.is_played_to:
            endpoint.why_nowhere = "played over"
        else:
            endpoint.onward = peer.exit
        if peer.rtcp_exit.address is not None:
            endpoint.rtcp_onward = peer.rtcp_exit
    _install(endpoint, form)


def _install(endpoint: Endpoint, form: Form) -> None:
    """Tell the form of the flow if it is confirmed and has where to go, and only when it has changed.

    After a pause the stream is told of anew: its next packet must be asked about.
    """
    latch, exit = endpoint.latch, endpoint.onward
    flow = None
    is_free = endpoint.tap is None or endpoint.copies is not None
    if is_free and latch.passing is not None and exit is not None and exit.address is not None:
        is_strict = latch.state is State.CONFIRMED
        flow = Flow(
            latch.passing, exit, exit.address, endpoint.kind == "udptl", is_strict, endpoint.stream, endpoint.lent_at,
            endpoint.copies,
        )  # fmt: skip
    if flow == endpoint.flow and (flow is None or not endpoint.stream.paused):
        return
    endpoint.flow = flow
    form.collect(endpoint.pair.rtp, endpoint.stream)
    if flow is None:
        form.suspend(endpoint.pair.rtp)
    else:
        form.install(endpoint.pair.rtp, flow)
