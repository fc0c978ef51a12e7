"""Session descriptions rewritten for the other leg of a call, and the one that we offer on our own.

`Origin.describe` cuts out what must not cross (addresses, ICE, the o= line) and puts our own in; the cutting
is done once a session, the putting in once a leg.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from sip_stack.errors import LocalError
from sip_stack.sdp import Media, Session, parse


class End(NamedTuple):
    """What our relay lends for one medium: a numeric address (IPv6 without brackets) and two ports.

    rtcp_port is `port` where RTCP shares it, and 0 where there is none (udptl).
    """

    address: str
    port: int
    rtcp_port: int


# What speaks of the sender's own transport and would lead the far end around our relay (SDP-12, SDP-14).
_PRIVATE = (
    "altc", "bundle-only", "candidate", "end-of-candidates", "extmap", "extmap-allow-mixed", "fingerprint",
    "group", "ice-[^:\n]*", "mid", "msid", "msid-semantic", "remote-candidates", "rtcp", "rtcp-fb",
    "rtcp-mux-only", "setup", "source-filter", "ssrc", "ssrc-group", "tls-id",
)  # fmt: skip


def _lines_to_drop(private: Sequence[str]) -> re.Pattern[str]:
    """Matches the lines that do not pass: v=, o= and c=, which we write, private attributes, and no lines."""
    return re.compile(rf"\n(?:[voc]=[^\n]*|a=(?:{'|'.join(private)})(?![^:\n])[^\n]*|(?![^\n]=)[^\n]+)")


_DROPPED = {True: _lines_to_drop(_PRIVATE), False: _lines_to_drop((*_PRIVATE, "rtcp-mux"))}  # by keep_mux
_ANY_DIRECTION = re.compile(r"\na=(?:sendrecv|sendonly|recvonly|inactive)(?=\n)")


class _MediaTemplate(NamedTuple):
    start: str  # "m=audio "
    rest_of_m: str  # " RTP/AVP 0 8", and i= lines
    rest: str  # the b=, k= and a= lines that pass
    is_rejected: bool
    has_rtcp: bool
    keeps_mux: bool


class Template(NamedTuple):
    """A description but for what each leg says of itself."""

    before_c: str
    after_c: str
    media: tuple[_MediaTemplate, ...]


def _template_of(session: Session, keep_mux: bool) -> Template:
    template = session.templates.get(keep_mux)
    if template is None:
        template = session.templates[keep_mux] = _cut(session, keep_mux)
    return template


def _cut(session: Session, keep_mux: bool) -> Template:
    before_c, after_c = _around_c(_DROPPED[keep_mux].sub("", session.lines))
    return Template(before_c, after_c, tuple([_media_template_of(medium, keep_mux) for medium in session.media]))


@lru_cache(maxsize=1024)
def _around_c(kept: str) -> tuple[str, str]:
    """The session's own lines in their order, before c= and after it; few phones have any that are not others' too."""
    lines = [line for line in kept.split("\n") if line]
    # RFC 8866 §5: the order of the lines is fixed; s= and t= are not optional.
    named = [line for line in lines if line[0] == "s" and len(line) > 2][:1] or ["s=-"]
    timed = [line for line in lines if line[0] in "trz"] or ["t=0 0"]
    bandwidth = [line for line in lines if line[0] == "b"]
    return (
        _text(named + [line for line in lines if line[0] in "iuep"]),
        _text(bandwidth + timed + [line for line in lines if line[0] not in "siuepbtrz"]),
    )


def _media_template_of(medium: Media, keep_mux: bool) -> _MediaTemplate:
    written, direction = medium.direction, medium.effective_direction
    changed = direction.value if direction is not written else ""
    return _cut_medium(
        medium.kind, medium.protocol, medium.formats, medium.lines, medium.is_rejected, keep_mux, changed
    )


@lru_cache(maxsize=1024)
def _cut_medium(
    kind: str,
    protocol: str,
    formats: tuple[str, ...],
    lines: str,
    is_rejected: bool,
    keep_mux: bool,
    direction: str,
) -> _MediaTemplate:
    """The same for every call of the same kind of phone.

    direction: to be written in place of the one that is there, "" to keep it.
    """
    titles, rest = _passing(lines, keep_mux, direction)
    return _MediaTemplate(
        f"m={kind} ",
        f" {' '.join((protocol, *formats))}\r\n{titles}",
        rest,
        is_rejected,
        "RTP" in protocol.upper(),
        keep_mux and "\na=rtcp-mux\n" in lines,
    )


def _passing(lines: str, keep_mux: bool, direction: str) -> tuple[str, str]:
    """What of the lines of a medium passes, titles apart."""
    kept = _DROPPED[keep_mux].sub("", lines)
    if direction:
        kept = f"{_ANY_DIRECTION.sub('', kept)}a={direction}\n"
    return _titles_first(kept)


def _titles_first(lines: str) -> tuple[str, str]:
    """The i= lines, which come before c=, and all others."""
    if "\ni=" not in lines:
        return "", lines[1:].replace("\n", "\r\n")
    every = lines[1:-1].split("\n")
    return _text([ln for ln in every if ln[0] == "i"]), _text([ln for ln in every if ln[0] != "i"])


def _text(lines: Sequence[str]) -> str:
    return "\r\n".join([*lines, ""])


def _connection_line(address: str) -> str:
    return f"c=IN IP6 {address}\r\n" if ":" in address else f"c=IN IP4 {address}\r\n"


class Origin:
    """What one leg says of itself in the o= line of every description it sends: one of these a leg.

    username, address: non-empty, without blanks; address is numeric, IPv6 without brackets.
    session_id: not negative; it stays for the life of the leg (RFC 8866 §5.2). Raises LocalError otherwise.
    """

    __slots__ = ("_address", "_described", "_said", "_start", "version")

    def __init__(self, username: str, session_id: int, address: str) -> None:
        if username.split() != [username] or address.split() != [address] or session_id < 0:
            raise LocalError(f"not an origin: {username!r} {session_id} {address!r}")
        self._address = address
        self._start = f"v=0\r\no={username} {session_id} "
        self._said = ""  # the last description, but for its o= line
        self._described = b""
        self.version = 0  # of the last description; 0 before the first

    def describe(self, session: Session, ends: Sequence[End | None], *, keep_mux: bool = False) -> bytes:
        """The description that came from the other leg, rewritten to come from this one.

        ends: what the relay lends, one for each medium; None rejects the medium (port 0), and one that came
        rejected stays so. Codecs, payload types, fmtp, directions and crypto pass in their order; a=rtcp-mux
        only with keep_mux. The protocol passes too: we cannot speak DTLS-SRTP for anybody, and without its
        fingerprint the far end refuses such a medium, which is its right. A hold by 0.0.0.0 is written as
        our address with `Media.effective_direction`.

        RFC 3264 §8: the version goes up by one if, and only if, the text differs from the last that this
        origin described; the same text is the same bytes. Raises LocalError if ends do not match the media.
        """
        template = _template_of(session, keep_mux)
        if len(ends) != len(template.media):
            raise LocalError(f"{len(ends)} ends for {len(template.media)} media")
        first = next((end.address for end in ends if end), self._address)
        parts = [template.before_c, _connection_line(first), template.after_c]
        for medium, end in zip(template.media, ends, strict=True):
            _write_medium(parts, medium, end, first)
        return self._say("".join(parts))

    def say_again(self, described: bytes) -> bytes:
        """A description of this origin that still holds: the same bytes, but for the version where another one has
        been said since. RFC 3264 §8: no version is lower than the one before, not even after an offer that was refused.
        """
        if described == self._described:
            return described
        return self._say(described.decode("utf-8", "surrogateescape").split("\r\n", 2)[2])

    def _say(self, said: str) -> bytes:
        if said != self._said:
            self._said = said
            self.version += 1
            family = "IP6" if ":" in self._address else "IP4"
            text = f"{self._start}{self.version} IN {family} {self._address}\r\n{said}"
            self._described = text.encode("utf-8", "surrogateescape")
        return self._described


def _write_medium(parts: list[str], medium: _MediaTemplate, end: End | None, session_address: str) -> None:
    start, rest_of_m, rest, is_rejected, has_rtcp, keeps_mux = medium
    if end is None or is_rejected:
        parts += (start, "0", rest_of_m, rest)
        return
    address, port, rtcp_port = end
    parts += (start, str(port), rest_of_m)
    if address != session_address:
        parts.append(_connection_line(address))
    parts.append(rest)
    if rtcp_port != port + 1 and has_rtcp and rtcp_port and not (keeps_mux and rtcp_port == port):
        parts.append(f"a=rtcp:{rtcp_port}\r\n")


def reject(offer: Session, origin: Origin) -> bytes:
    """An answer that refuses every medium: for the ACK of a late loser's 2xx that carried an offer.

    RFC 3264 §6: "To reject an offered stream, the port number in the corresponding stream in the answer
    MUST be set to zero."
    """
    return origin.describe(offer, [None] * len(offer.media))


# Our own offer, for an INVITE that came without one.


class Codec(NamedTuple):
    """An audio codec to offer. clock_rate in Hz, as in the rtpmap (G722 says 8000: RFC 3551 §4.5.2)."""

    name: str
    payload_type: int
    clock_rate: int = 8000
    channels: int = 1
    parameters: str = ""  # the fmtp value


CODECS = {
    "PCMU": Codec("PCMU", 0),
    "PCMA": Codec("PCMA", 8),
    "G722": Codec("G722", 9),
    "opus": Codec("opus", 96, 48000, 2, "useinbandfec=1"),
}
_FIRST_EVENT = 101  # where most gateways expect telephone-event/8000


def offer_of(codecs: Sequence[Codec], end: End, origin: Origin) -> bytes:
    """An audio offer of these codecs in this order, with telephone-event at each of their clock rates."""
    return origin.describe(_offered(tuple(codecs)), [end])


@lru_cache(maxsize=64)
def _offered(codecs: tuple[Codec, ...]) -> Session:
    """The same offer for every leg, for `describe` to put its own address in."""
    rates = sorted({codec.clock_rate for codec in codecs}, key=lambda rate: (rate != 8000, rate))
    taken = {codec.payload_type for codec in codecs}
    free = (number for number in (*range(_FIRST_EVENT, 128), *range(96, _FIRST_EVENT)) if number not in taken)
    events = [Codec("telephone-event", next(free), rate, 1, "0-16") for rate in rates]
    lines = ["v=0", "s=-", "c=IN IP4 127.0.0.1", "t=0 0"]
    every = [*codecs, *events]
    lines.append(" ".join(["m=audio 9 RTP/AVP", *[str(codec.payload_type) for codec in every]]))
    for codec in every:
        channels = f"/{codec.channels}" if codec.channels > 1 else ""
        lines.append(f"a=rtpmap:{codec.payload_type} {codec.name}/{codec.clock_rate}{channels}")
        if codec.parameters:
            lines.append(f"a=fmtp:{codec.payload_type} {codec.parameters}")
    lines.append("a=ptime:20")
    return parse(_text(lines).encode())
