"""What the core and the relay say to each other.

Both directions carry packets of a SOCK_SEQPACKET Unix socket; a packet is one msgpack array of the
messages below, in order, so that all that one turn of the core's loop has to say leaves at once.
Commands go to the relay, events come from it. Nothing here knows SIP: a *call* is a name under
which legs are kept together, a *leg* a number within it, a *medium* the index of an m-line.

An *endpoint* is what the relay lends to one leg for one medium: an address, an even RTP port and the
odd RTCP port above it. A *bridge* joins the endpoints of two legs, medium by medium.

A *lease* hands pairs of ports to a connection ahead of need. The client lends them to legs by itself, and the
relay hears of a leg when something is asked of it (`Reserve.quiet`). Commands are obeyed, and answered, in order.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from rtp_relay.performance import (
    Codec,
    CountryTone,
    Digit,
    DigitsSent,
    Ending,
    File,
    Listen,
    Message,
    Performance,
    Play,
    Played,
    Record,
    Recorded,
    SendDigits,
    Speech,
    StopPlaying,
    StopRecording,
    Tone,
    ToneStep,
)

__all__ = [  # with what is said of prompts: whoever imports this need not know of the other module
    "OLDEST", "PACKET_LIMIT", "VERSION",
    "Bridge", "Codec", "Command", "CountryTone", "Digit", "DigitsSent", "Direct", "Ending", "Event",
    "Figures", "File", "Hello", "Holdings", "Inventory", "Lease", "Leased", "LegRequest", "Lent", "Listen",
    "Measure", "Measures", "Message", "Performance", "Play", "Played", "Query", "Record", "Recorded", "Refused",
    "Release", "Released", "Reserve", "Reserved", "Return", "SendDigits", "Silent", "Speech", "StopPlaying",
    "StopRecording", "StreamFigures", "Tone", "ToneStep", "Welcome",
]  # fmt: skip

VERSION: Final = 4
OLDEST: Final = 3  # that a relay still speaks: what came later is appended, and passed over by who does not know it
PACKET_LIMIT: Final = 1 << 17  # bytes in one packet either way; a sender splits what would be longer


# Commands, core to relay.


class Hello(Message, frozen=True):
    """The first command of a connection; the relay answers Welcome, or Refused and hangs up."""

    version: int = VERSION


class LegRequest(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Endpoints wanted for one leg.

    interface: a name that the relay was configured with ("" is the first one).
    media: how many endpoints, one an m-line.
    ports: the very RTP ports to lend again, one a medium, after the relay was restarted; else empty.
    first_medium: index of the first of them (above 0 when a re-INVITE adds an m-line).
    """

    leg: int
    interface: str = ""
    media: int = 1
    ports: tuple[int, ...] = ()
    first_medium: int = 0


class Reserve(Message, frozen=True):
    """Lend endpoints to legs of a call: all of them (Reserved) or none (Refused).

    quiet: the ports, all named, are leased to this connection and stay so when the call has ended; Reserved
        is not wanted, Refused is. Without it, a leased port that is named leaves its lease.
    """

    call: str
    legs: tuple[LegRequest, ...]
    quiet: bool = False


class Direct(Message, frozen=True):
    """Where the far end of one endpoint is, and how far that is to be believed.

    address, port: where its RTP is sent to and expected from; port 0: not known, or medium refused.
    rtcp_port: where its RTCP is (a=rtcp); with mux it is the RTP port.
    kind: "rtp", or "udptl" for T.38, whose packets are forwarded but not read as RTP.
    latch: the far end may sit behind NAT: its first packets may correct the address; else only the
        stated address is believed. The window opens anew with each Direct that has relatch set.
    due: packets are due from it (its direction lets it send); the media timeout runs only then.
    learn_from: with latch, the only hosts that an address may be learnt from, besides the stated one:
        where its signalling comes from, as a rule. Empty: any host, which is as much as an attacker wants.
    clock_rates: (payload type, Hz) of the dynamic payload types, for the jitter.
    """

    call: str
    leg: int
    medium: int
    address: str
    port: int
    rtcp_port: int
    mux: bool = False
    kind: Literal["rtp", "udptl"] = "rtp"
    latch: bool = True
    relatch: bool = False
    due: bool = True
    learn_from: tuple[str, ...] = ()
    clock_rates: tuple[tuple[int, int], ...] = ()


class Bridge(Message, frozen=True):
    """Join legs a and b, medium by medium; either direction may be closed (early media, mute).

    A leg has one bridge at a time: a new one takes the place of the old.
    """

    call: str
    a: int
    b: int
    a_to_b: bool = True
    b_to_a: bool = True


class Release(Message, frozen=True):
    """Take back the endpoints of some legs; with no legs named, of the whole call. Answered by Released.

    Of some legs that the relay never heard of (they held leased ports and nothing else) there is nothing to
    tell, and no answer.
    """

    call: str
    legs: tuple[int, ...] = ()


class Query(Message, frozen=True):
    """Ask for the figures of a running call; answered by Figures."""

    call: str


class Inventory(Message, frozen=True):
    """Ask which calls the relay holds; answered by Holdings."""


class Measure(Message, frozen=True):
    """Ask what the relay has counted; answered by Measures. Since version 4."""


class Lease(Message, frozen=True):
    """Hand over pairs, for this connection to lend: Leased, with as many as can be had now, or Refused (call "").

    The lease ends with Return, with a Reserve that names the port and is not quiet, or with the connection.
    """

    interface: str
    pairs: int


class Return(Message, frozen=True):
    """Leased pairs go back, rested, by their RTP ports. What is not leased, or lent to a call, is passed over."""

    interface: str
    ports: tuple[int, ...]


# Events, relay to core.


class Welcome(Message, frozen=True):
    """The relay is ready. form: how packets are forwarded ("user", later "tc", "xdp"), and why that form.

    interfaces: the names of those that ports are leased of, the first one first; none: no leases here.
    speaks: Speech can be played here.
    """

    version: int
    form: str
    reason: str
    calls: int
    interfaces: tuple[str, ...] = ()
    speaks: bool = False


class Lent(msgspec.Struct, frozen=True, array_like=True, gc=False):
    leg: int
    medium: int
    address: str  # as the far end must be told (the advertised one)
    port: int
    rtcp_port: int


class Reserved(Message, frozen=True):
    call: str
    lent: tuple[Lent, ...]


class Refused(Message, frozen=True):
    """A Reserve that could not be met; nothing was lent. Call "": the Hello, or once welcome, a Lease."""

    call: str
    reason: str


class StreamFigures(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What came from the far end of one endpoint, and what was sent to it.

    jitter is in milliseconds (RFC 3550 A.8, with the clock rate of the payload type where it is known,
    else 8000), lost counts packets (RFC 3550 A.3, may be negative with duplicates), times are
    seconds since the endpoint was lent, -1 for never. strangers: packets from a source that was not
    believed, dropped, once a Direct had named whom to believe. far: the address that media is really
    exchanged with, "" for none yet.

    Since version 4:
    drops: packets by why they were dropped, besides strangers and malformed ones. Of those that came: "too early"
        (before any Direct had named a far end), "not joined" (no bridge, so far), "direction closed", "other kind"
        (RTP while the other side is at T.38), "no far end" (the other side is on hold, or not known yet), "played
        over" (a prompt was played instead), "digit kept". Of those that were to be sent to it: "queue full", "not
        sent".
    heard_by: the leg that what came was last for; -1 for none.
    owed: seconds for which packets were due from it, with a way open. silent: how many of them at the end, on to now
        or to when the way was closed, were without any.
    ssrc_changes: how often it has begun anew under another SSRC.
    reports: RTCP report blocks of this far end about what it was sent. reported_lost: packets of those that it has
        missed; reported_jitter: their jitter in ms, a mean of the reports, -1 without any. Both are of the whole
        way, from the far end that it hears.
    round_trip: ms from the relay to this far end and back, a mean, -1 if it cannot be told; see hearing.py.
    """

    leg: int
    medium: int
    packets: int
    octets: int
    lost: int
    jitter: float
    ssrc: int
    payload_type: int
    rtcp_packets: int
    sent_packets: int
    sent_octets: int
    strangers: int
    malformed: int
    first_packet: float
    last_packet: float
    longest_gap: float
    far: str
    drops: tuple[tuple[str, int], ...] = ()
    heard_by: int = -1
    owed: float = 0.0
    silent: float = 0.0
    ssrc_changes: int = 0
    reports: int = 0
    reported_lost: int = 0
    reported_jitter: float = -1.0
    round_trip: float = -1.0


class Released(Message, frozen=True):
    call: str
    streams: tuple[StreamFigures, ...]


class Figures(Message, frozen=True):
    call: str
    streams: tuple[StreamFigures, ...]


class Silent(Message, frozen=True):
    """No packet was received from any leg of the call that owed some, for that many seconds."""

    call: str
    seconds: float


class Leased(Message, frozen=True):
    """Pairs by their RTP ports. address: what far ends are told. rest: seconds between two loans of a pair."""

    interface: str
    address: str
    ports: tuple[int, ...]
    rest: float


class Holdings(Message, frozen=True):
    """The calls held, and endpoints lent, ready to be lent and at rest; with more set, another follows.

    ports_leased: pairs that connections hold and the relay knows no call of.
    """

    calls: tuple[str, ...]
    ports_lent: int
    ports_free: int
    ports_resting: int
    more: bool = False
    ports_leased: int = 0


class Measures(Message, frozen=True):
    """What the relay has counted since it began, and what it has now (form, calls, ports, flows, playing).

    packets, octets: that came to sockets, of every kind; sent: packets sent on from there. kernel_*: forwarded or
    dropped by the kernel, which counts what came while an earlier relay ran as well. raised: packets of a flow that
    the kernel gave up to user space. flows: that it has. uncopied: packets that it could not copy for a recording, or
    for who listens, because the ring was full; they were forwarded.
    Of streams that have ended: ended_packets and ended_lost (RTP), strangers, malformed, drops as in StreamFigures.
    refused: reserves that could not be met. silent: calls that no media came of.
    """

    form: str
    calls: int
    ports_lent: int
    ports_free: int
    ports_resting: int
    ports_leased: int
    packets: int
    octets: int
    sent: int
    send_errors: int
    receive_errors: int
    kernel_packets: int
    kernel_octets: int
    kernel_strangers: int
    raised: int
    flows: int
    uncopied: int
    ended_packets: int
    ended_lost: int
    strangers: int
    malformed: int
    drops: tuple[tuple[str, int], ...]
    refused: int
    silent: int
    playing: int


Command = Hello | Reserve | Direct | Bridge | Release | Query | Inventory | Measure | Lease | Return | Performance
Event = (
    Welcome | Reserved | Refused | Released | Figures | Silent | Leased | Holdings | Measures
    | Played | Digit | DigitsSent | Recorded
)  # fmt: skip
