"""An audio description with one codec left: what is said where we speak ourselves (tones, prompts, menus).

Who is played to before anybody has answered has his answer by then (RFC 3261 §13.2.1), and another one cannot
follow on the same dialog. So the codec is chosen once, the caller is told that one, and whoever is rung after it
is offered no other: both sides then agree without a further offer and without transcoding.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from sip_stack.sdp import Direction, Media, Session, parse
from sip_stack.sdp_rewriting import Codec

_STATIC_NAMES = {0: "pcmu", 3: "gsm", 4: "g723", 8: "pcma", 9: "g722", 18: "g729"}  # RFC 3551 §6
_PLAIN_RTP = ("RTP/AVP", "RTP/AVPF")  # nothing that is encrypted can be spoken to
_PER_FORMAT = ("a=rtpmap:", "a=fmtp:", "a=rtcp-fb:")
_DIRECTIONS = tuple(f"a={direction.value}" for direction in Direction)


class Narrowed(NamedTuple):
    """description: as if its sender knew only this codec and keys, every other medium refused.

    medium: index of the audio in it. codec: its name in capitals as the RFCs write it ("PCMU", "opus").
    events: payload types of telephone-event (RFC 4733) at the codec's clock rate, none where there are none.
    """

    description: Session
    medium: int
    codec: Codec
    events: tuple[int, ...]


def narrowed(description: Session, names: Collection[str], *, mirror: bool = False) -> Narrowed | None:
    """The first codec of `names` in the first plain audio medium; None where there is neither.

    names: as in rtpmaps, in any case. mirror: turn directions round, so that an offer becomes its answer
    (RFC 3264 §6.1); what was refused stays refused either way.
    """
    spoken = {name.lower(): name for name in names}
    for index, medium in enumerate(description.media):
        if medium.kind == "audio" and not medium.is_rejected and medium.protocol.upper() in _PLAIN_RTP:
            codec = _first_codec(medium, spoken)
            if codec is not None:
                events = _events(medium, codec)
                text = _text(description, index, {codec.payload_type, *events}, mirror)
                return Narrowed(parse(text.encode("utf-8", "surrogateescape")), index, codec, events)
    return None


def answer_as_before(said: Session, offer: Session) -> Session | None:
    """What was said before, as the answer to a new offer: its formats that are offered again, its directions where
    the offer leaves them. None where that leaves nothing (RFC 3264 §6, §8).
    """
    parts = [said.lines.strip("\n")]
    is_any = False
    for index, offered in enumerate(offer.media):
        mine = said.media[index] if index < len(said.media) else None
        formats = _formats_in_both(mine, offered) if mine is not None else []
        is_same = mine is not None and (mine.kind, mine.protocol) == (offered.kind, offered.protocol)
        if mine is None or not formats or not is_same or mine.is_rejected or offered.is_rejected:
            parts.append(f"m={offered.kind} 0 {offered.protocol} {' '.join(offered.formats)}")
            continue
        is_any = True
        parts.append(f"m={mine.kind} {mine.port} {mine.protocol} {' '.join(formats)}")
        parts += _lines_towards(mine, offered, formats)
    if not is_any:
        return None
    text = "\r\n".join([*"\n".join(parts).split("\n"), ""])
    return parse(text.encode("utf-8", "surrogateescape"))


def _formats_in_both(mine: Media, offered: Media) -> list[str]:
    """A number stands for the same codec in both, or is left out."""
    known, meant = mine.encodings, offered.encodings
    shared = [form for form in mine.formats if form in offered.formats]
    return [form for form in shared if not form.isdigit() or known.get(int(form)) == meant.get(int(form))]


def _lines_towards(mine: Media, offered: Media, formats: Collection[str]) -> list[str]:
    kept = {int(form) for form in formats if form.isascii() and form.isdigit()}
    lines = [line for line in mine.lines.split("\n") if line and line not in _DIRECTIONS and _stays(line, kept)]
    wish, leave = mine.effective_direction, offered.effective_direction.mirrored
    direction = Direction.of(wish.sends and leave.sends, wish.receives and leave.receives)
    return lines if direction is Direction.SENDRECV else [*lines, f"a={direction.value}"]


def names_in(description: Session) -> list[str]:
    """The codecs of its audio in order, as rtpmaps or RFC 3551 name them, in lower case."""
    found = []
    for medium in description.media:
        if medium.kind == "audio":
            named = medium.encodings
            numbers = [int(form) for form in medium.formats if form.isascii() and form.isdigit()]
            found += [named.get(number, ("", 0))[0] or _STATIC_NAMES.get(number, "") for number in numbers]
    return [name for name in found if name and name != "telephone-event"]


def _first_codec(medium: Media, spoken: dict[str, str]) -> Codec | None:
    encodings = medium.encodings
    for form in medium.formats:
        if not form.isascii() or not form.isdigit():
            continue
        payload_type = int(form)
        name, rate = encodings.get(payload_type, ("", 0))
        name = spoken.get(name or _STATIC_NAMES.get(payload_type, ""), "")
        if name and rate:
            return Codec(name, payload_type, rate)
    return None


def _events(medium: Media, codec: Codec) -> tuple[int, ...]:
    rates = medium.clock_rates
    return tuple([each for each in medium.telephone_event if rates.get(each) == codec.clock_rate])


def _text(description: Session, audio: int, kept: set[int], mirror: bool) -> str:
    parts = [description.lines.strip("\n")]
    for index, medium in enumerate(description.media):
        if index == audio:
            formats = [form for form in medium.formats if form.isdigit() and int(form) in kept]
            parts.append(f"m=audio {medium.port} {medium.protocol} {' '.join(formats)}")
            parts += _lines(medium, kept, mirror)
        else:
            parts.append(f"m={medium.kind} 0 {medium.protocol} {' '.join(medium.formats)}")
    return "\r\n".join([*"\n".join(parts).split("\n"), ""])


def _lines(medium: Media, kept: set[int], mirror: bool) -> list[str]:
    lines = [line for line in medium.lines.split("\n") if line and _stays(line, kept)]
    if not mirror:
        return lines
    direction = medium.effective_direction.mirrored
    return [*[line for line in lines if line not in _DIRECTIONS], f"a={direction.value}"]


def _stays(line: str, kept: set[int]) -> bool:
    if line == "a=rtcp-mux":  # so that what holds for one side of the call need not hold for the other
        return False
    for start in _PER_FORMAT:
        if line.startswith(start):
            form = line[len(start) :].split(" ", 1)[0]
            return form == "*" or (form.isdigit() and int(form) in kept)
    return True
