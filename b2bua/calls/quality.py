"""How a call sounded, direction by direction, from what the relay has counted and the far ends have reported.

A direction is what one leg says and another hears. It passes through the relay, which counts what arrives here; what
becomes of it on the second half of its way only the listener's RTCP can tell. Where there is such a report it is
taken, being of the whole way; where there is none, the figures are those of the first half and said to be so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from b2bua.calls.emodel import CODECS, score
from b2bua.calls.record import StreamRecord
from sip_stack.sdp import Session as Description

PACKET: Final = 20.0  # ms of speech in a packet, which its first sample waits for
LEAST_BUFFER: Final = 40.0  # ms in the listener's jitter buffer; with much jitter, twice the jitter
ASSUMED_ROUND_TRIP: Final = 40.0  # ms, to a far end that it could not be measured to

OWED: Final = 5.0  # seconds that packets must have been due for, until none at all means one-way audio
FALLEN_SILENT: Final = 20.0  # seconds at the end without any; pauses in speech are shorter, with comfort noise
STILL_THERE: Final = 5.0  # seconds without a packet after which the other direction may be thought to go on

# RFC 3551 §6: payload types that need no rtpmap.
DYNAMIC: Final = 96  # and above, what the description says
STATIC: Final = {0: "pcmu", 3: "gsm", 4: "g723", 8: "pcma", 9: "g722", 18: "g729"}

# G.107 table B.1, by MOS, in words of our own.
VERDICTS: Final = ((4.34, "very good"), (4.03, "good"), (3.60, "fair"), (3.10, "poor"), (0.0, "bad"))


class Direction(NamedTuple):
    """What `speaker` said and `listener` heard of one medium; both are legs.

    loss: share of packets, 0 to 1; None if none came. jitter and round_trip in ms; round_trip is from one far end to
    the other and back, None if a part of it is not known. is_reported: by the listener's far end, else counted here.
    """

    medium: int
    speaker: int
    listener: int
    loss: float | None
    jitter: float
    round_trip: float | None
    is_reported: bool
    mos: float | None
    is_one_way: bool
    owed: float
    silent: float

    @property
    def verdict(self) -> str:
        """In a word or two; "" without a MOS."""
        mos = self.mos
        return "" if mos is None else next(word for least, word in VERDICTS if round(mos, 2) >= least)

    def sentence(self, speaker: str, listener: str) -> str:
        """In plain words, the legs by their names."""
        return f"{speaker} → {listener}: {', '.join(self._parts())}"

    def _parts(self) -> list[str]:
        if self.loss is None:
            due = f"no audio came in the {self.owed:.0f} s that it was due"
            return [f"{due}: one-way audio" if self.is_one_way else due]
        lost = f"{self.loss:.1%}".replace("%", " %")
        parts = [f"{lost} lost" if self.is_reported else f"{lost} lost on the way here", f"jitter {self.jitter:.0f} ms"]
        if self.round_trip is not None:
            parts.append(f"round trip {self.round_trip:.0f} ms")
        if self.mos is not None:
            parts += [f"MOS {self.mos:.1f}", self.verdict]
        if self.is_one_way:
            parts.append(f"none in the last {self.silent:.0f} s: one-way audio")
        return parts


def codec_of(stream: StreamRecord, described: Mapping[int, Description | None]) -> str:
    """The name of what a stream was coded with, in lower case; "" if it is not known.

    described: what far ends have said of themselves, by leg. The stream's own is asked first: as a rule both sides
    use the same payload types.
    """
    if stream.payload_type < DYNAMIC:
        return STATIC.get(stream.payload_type, "")
    own = described.get(stream.leg)
    for description in (own, *[other for other in described.values() if other is not own]):
        if description is not None and stream.medium < len(description.media):
            encoding = description.media[stream.medium].encodings.get(stream.payload_type)
            if encoding is not None:
                return encoding[0]
    return ""


def assess(streams: Iterable[StreamRecord]) -> None:
    """Fill in what is found from several streams of a call: MOS, and one-way audio."""
    streams = list(streams)
    for stream in streams:
        direction = _direction(stream, _heard_by(stream, streams))
        if direction is not None:
            stream.mos, stream.is_one_way = direction.mos, direction.is_one_way


def directions(streams: Sequence[StreamRecord]) -> list[Direction]:
    """Of a call's streams, those that somebody was there to hear, as they stand in its record."""
    found = [_direction(stream, _heard_by(stream, streams)) for stream in streams]
    return [direction for direction in found if direction is not None]


def _heard_by(stream: StreamRecord, streams: Sequence[StreamRecord]) -> StreamRecord | None:
    """The listener's own stream, with what his far end has reported."""
    wanted = (stream.heard_by, stream.medium)
    return next((other for other in streams if (other.leg, other.medium) == wanted), None)


def _direction(stream: StreamRecord, listener: StreamRecord | None) -> Direction | None:
    """None where there is nothing to be told: nobody to hear it, or nothing came and nothing was due; no RTP."""
    is_rtp = stream.payload_type >= 0
    if listener is None or not (is_rtp if stream.packets else stream.owed >= OWED and listener.payload_type >= 0):
        return None
    reported = listener.reported_lost is not None and is_rtp
    jitter = listener.reported_jitter if reported and listener.reported_jitter is not None else stream.jitter
    loss = _loss(stream, listener) if stream.packets else None
    halves = (stream.round_trip, listener.round_trip)
    known = [half for half in halves if half is not None]
    return Direction(
        stream.medium, stream.leg, listener.leg, loss, jitter, sum(known) if len(known) == 2 else None, reported,
        _mos(stream.codec, loss, jitter, sum(known) + ASSUMED_ROUND_TRIP * (2 - len(known))),
        _is_one_way(stream, listener), stream.owed, stream.silent,
    )  # fmt: skip


def _loss(stream: StreamRecord, listener: StreamRecord) -> float:
    """What has not come here has not come there either, however old the last report is."""
    lost = max(stream.lost, listener.reported_lost or 0, 0)
    return min(lost / max(stream.packets + max(stream.lost, 0), 1), 1.0)


def _mos(codec: str, loss: float | None, jitter: float, round_trip: float) -> float | None:
    known = CODECS.get(codec)
    if known is None or loss is None:
        return None
    delay = round_trip / 2.0 + PACKET + max(LEAST_BUFFER, 2.0 * jitter)
    return round(score(known, loss, delay), 2)


def _is_one_way(stream: StreamRecord, listener: StreamRecord) -> bool:
    """Packets were due and did not come, while the listener's did."""
    if listener.heard_by != stream.leg or not listener.packets or listener.payload_type < 0:
        return False
    if not stream.packets:
        return stream.owed >= OWED
    return stream.silent >= FALLEN_SILENT and listener.silent < STILL_THERE
