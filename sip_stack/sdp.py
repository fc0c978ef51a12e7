"""Session descriptions (RFC 8866): read once, kept as text, and rewritten for the other leg of a call.

Theory. A back-to-back user agent that does not transcode has little to say about media: which address
and ports are its own. So a description is not taken apart into objects and built up again. `parse` cuts the
text at its m= lines and reads those and the c= lines, which decide whether it can be used at all; all else
stays text and is looked up when asked for. `Origin.describe` cuts out what must not cross (addresses,
ICE, the o= line) and puts our own in; the cutting is done once a session, the putting in once a leg.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from sip_stack.errors import LocalError, RemoteError

MOST_MEDIA = 32  # m= lines in one description; each costs the relay ports


class Direction(enum.Enum):
    """Which way a stream runs, as the describing side sees it (RFC 8866 §6.7)."""

    SENDRECV = "sendrecv"
    SENDONLY = "sendonly"
    RECVONLY = "recvonly"
    INACTIVE = "inactive"

    @staticmethod
    def of(sends: bool, receives: bool) -> Direction:
        if sends:
            return Direction.SENDRECV if receives else Direction.SENDONLY
        return Direction.RECVONLY if receives else Direction.INACTIVE

    @property
    def sends(self) -> bool:
        return self is Direction.SENDRECV or self is Direction.SENDONLY

    @property
    def receives(self) -> bool:
        return self is Direction.SENDRECV or self is Direction.RECVONLY

    @property
    def mirrored(self) -> Direction:
        """The same stream as the other side sees it (RFC 3264 §6.1)."""
        return Direction.of(self.receives, self.sends)


# The most restrictive first: of two directions in one section, which is an error, that one counts.
_DIRECTION_LINES = tuple(
    (f"\na={direction.value}\n", direction)
    for direction in (Direction.INACTIVE, Direction.SENDONLY, Direction.RECVONLY, Direction.SENDRECV)
)
# RFC 3264 §8.4 for 0.0.0.0; "::" and a name under .invalid are what IPv6 hosts send for the same.
_NOWHERE = frozenset(("0.0.0.0", "::", "::0", "0:0:0:0:0:0:0:0"))
# RFC 3551 §6, tables 4 and 5: payload types whose rate needs no rtpmap.
_STATIC_RATES = dict.fromkeys((0, 3, 4, 5, 7, 8, 9, 12, 13, 15, 18), 8000) | {
    6: 16000, 10: 44100, 11: 44100, 14: 90000, 16: 11025, 17: 22050,
    25: 90000, 26: 90000, 28: 90000, 31: 90000, 32: 90000, 33: 90000, 34: 90000,
}  # fmt: skip


class OriginLine(NamedTuple):
    """The o= line as received (RFC 8866 §5.2); empty strings where it is missing or cut short."""

    username: str = ""
    session_id: str = ""
    version: str = ""
    network: str = ""
    family: str = ""
    address: str = ""


class End(NamedTuple):
    """What our relay lends for one medium: a numeric address (IPv6 without brackets) and two ports.

    rtcp_port is `port` where RTCP shares it, and 0 where there is none (udptl).
    """

    address: str
    port: int
    rtcp_port: int


@dataclass(slots=True, eq=False)
class Media:
    """One m= section. Ports are UDP ports; what is not in the m= or c= line is looked up when asked for.

    connection: the address that media goes to: its own c=, else the session's; "" only where the port is 0.
    """

    kind: str
    port: int
    protocol: str
    formats: tuple[str, ...]
    connection: str
    _lines: str = field(repr=False)
    _session_lines: str = field(repr=False)

    @property
    def attributes(self) -> tuple[tuple[str, str | None], ...]:
        """(name, value) of each a= line in order; the value of a property attribute is None."""
        return _attributes(self._lines)

    @property
    def bandwidth(self) -> tuple[str, ...]:
        """The b= lines, as "AS:64"."""
        return _values(self._lines, "b=")

    @property
    def direction(self) -> Direction:
        """As written: own, else the session's, else sendrecv (RFC 3264 §5.1: sendrecv is the default)."""
        return _direction_in(self._lines) or _direction_in(self._session_lines) or Direction.SENDRECV

    @property
    def effective_direction(self) -> Direction:
        """`direction`, of which receiving is taken away if the connection address is 0.0.0.0 or ::.

        RFC 3264 §8.4: such an address "means that neither RTP nor RTCP should be sent to the peer". It says
        nothing of what the peer sends: sendrecv with it is sendonly, recvonly with it is inactive.
        """
        direction = self.direction
        if not direction.receives or not _is_nowhere(self.connection):
            return direction
        return Direction.of(direction.sends, receives=False)

    @property
    def is_held(self) -> bool:
        """Whether the describing side does not want to receive."""
        return not self.effective_direction.receives

    @property
    def is_rejected(self) -> bool:
        return self.port == 0

    @property
    def is_udptl(self) -> bool:
        """Whether it is T.38 over UDPTL, which has no RTCP."""
        return self.protocol.lower() == "udptl"

    @property
    def is_mux(self) -> bool:
        return "\na=rtcp-mux\n" in self._lines

    @property
    def rtcp_port(self) -> int:
        """Where it receives RTCP: `port` with a=rtcp-mux, else `separate_rtcp_port`."""
        return self.port if self.is_mux else self.separate_rtcp_port

    @property
    def separate_rtcp_port(self) -> int:
        """Where it receives RTCP unless both sides agree to mux: a=rtcp (RFC 3605), else the next port up.

        0 where there is none: the medium is rejected, or its port is the last.
        """
        if not self.port:
            return 0
        written = _port(_value(self._lines, "a=rtcp:").partition(" ")[0])
        return written or (self.port + 1) % 65536

    @property
    def clock_rates(self) -> dict[int, int]:
        """Payload type to Hz, of the formats of the m= line whose rate is known (rtpmap, else RFC 3551)."""
        return {
            payload_type: rate
            for payload_type, (_, rate) in self._encodings().items()
            if str(payload_type) in self.formats
        }

    @property
    def telephone_event(self) -> tuple[int, ...]:
        """The payload types of telephone-event, one for each clock rate (RFC 4733 §2.1), in m= line order."""
        return tuple(
            payload_type
            for payload_type, (name, _) in self._encodings().items()
            if name == "telephone-event" and str(payload_type) in self.formats
        )

    def _encodings(self) -> dict[int, tuple[str, int]]:
        """Payload type to (encoding name in lower case, Hz)."""
        found = {int(f): ("", _STATIC_RATES.get(int(f), 0)) for f in self.formats if _is_payload_type(f)}
        for value in _values(self._lines, "a=rtpmap:"):
            payload_type, _, encoding = value.partition(" ")
            name, _, rate = encoding.strip().partition("/")
            rate = rate.partition("/")[0]
            if _is_payload_type(payload_type) and _is_number(rate):
                found[int(payload_type)] = (name.lower(), int(rate))
        return {payload_type: encoding for payload_type, encoding in found.items() if encoding[1]}


@dataclass(slots=True, eq=False)
class Session:
    """A whole description, from `parse`. Not to be changed; it keeps templates of its rewritten text.

    connection: the address of the c= line at session level, "" if there is none.
    """

    connection: str
    media: tuple[Media, ...]
    _lines: str = field(repr=False)
    _templates: dict[bool, _Template] = field(default_factory=dict, repr=False)

    @property
    def name(self) -> str:
        return _value(self._lines, "s=")

    @property
    def origin(self) -> OriginLine:
        return OriginLine(*_value(self._lines, "o=").split()[:6])

    @property
    def attributes(self) -> tuple[tuple[str, str | None], ...]:
        """(name, value) of each a= line at session level."""
        return _attributes(self._lines)

    @property
    def bandwidth(self) -> tuple[str, ...]:
        """The b= lines at session level, as "AS:64"."""
        return _values(self._lines, "b=")

    def is_same_as(self, other: Session) -> bool:
        """Whether both say the same but for their o= lines: a refresh, which need not reach the other leg."""
        return self._without_origin() == other._without_origin()

    def _without_origin(self) -> list[str]:
        head = [line for line in self._lines.split("\n") if not line.startswith("o=")]
        return head + [f"{m.kind} {m.port} {m.protocol} {m.formats}{m._lines}" for m in self.media]

    def _template(self, keep_mux: bool) -> _Template:
        template = self._templates.get(keep_mux)
        if template is None:
            template = self._templates[keep_mux] = _template_of(self, keep_mux)
        return template


def parse(body: bytes) -> Session:
    """Read a description; tolerant of LF line ends, blank lines, missing o=, s= and t=, unknown lines.

    Raises RemoteError: 400 for what is not SDP, or has an m= or c= line that cannot be read; 488 for an
    accepted medium without any c= (RFC 8866 §5.7), and for more than MOST_MEDIA media.
    """
    head, *sections = _lines_of(body).split("\nm=")
    if len(sections) > MOST_MEDIA:
        raise RemoteError(488, f"SDP of {len(sections)} media")
    session_lines = head + "\n"
    connection = _connection_in(session_lines)
    return Session(
        connection,
        tuple([_media_of(section, connection, session_lines) for section in sections]),
        session_lines,
    )


def _lines_of(body: bytes) -> str:
    """The text with "\\n" before each line and nowhere else; no line is empty; only s= may end in a blank."""
    text = "\n" + body.decode("utf-8", "surrogateescape").replace("\r\n", "\n").rstrip("\r\n")
    if "\r" in text or "\n\n" in text or " \n" in text or "\t\n" in text or text[-1] in " \t":
        lines = [line for line in text.replace("\r", "\n").split("\n") if line.strip(" \t")]
        # RFC 8866 §5.3: "s= " was how an empty name was written; its blank is the name.
        text = "\n" + "\n".join([line if line[:2] == "s=" else line.rstrip(" \t") for line in lines])
    if not text.startswith("\nv=0\n"):
        raise RemoteError(400, "SDP does not begin with v=0")
    if "\0" in text:
        raise RemoteError(400, "SDP with a NUL")
    return text


def _media_of(section: str, session_connection: str, session_lines: str) -> Media:
    first, _, rest = section.partition("\n")
    fields = first.split()
    port = _port(fields[1].partition("/")[0]) if len(fields) >= 3 else None
    if port is None:
        raise RemoteError(400, f"m= line not understood: {first[:80]!r}")
    lines = f"\n{rest}\n" if rest else "\n"
    connection = _connection_in(lines) or session_connection
    if not connection and port:
        raise RemoteError(488, f"no c= line for {fields[0]}")
    return Media(fields[0], port, fields[2], tuple(fields[3:]), connection, lines, session_lines)


def _connection_in(lines: str) -> str:
    value = _value(lines, "c=")
    if not value and "\nc=" not in lines:
        return ""
    fields = value.split()
    address = fields[2].partition("/")[0] if len(fields) == 3 else ""
    if not address or fields[0] != "IN":
        raise RemoteError(400, f"c= line not understood: {value[:80]!r}")
    return address


def _is_nowhere(address: str) -> bool:
    return address in _NOWHERE or address.endswith(".invalid")


def _direction_in(lines: str) -> Direction | None:
    for line, direction in _DIRECTION_LINES:
        if line in lines:
            return direction
    return None


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10


def _is_payload_type(text: str) -> bool:
    return _is_number(text) and int(text) < 128


def _port(text: str) -> int | None:
    return port if _is_number(text) and (port := int(text)) < 65536 else None


def _value(lines: str, start: str) -> str:
    """What follows `start` in the first line that begins with it; "" if none does."""
    at = lines.find("\n" + start)
    if at < 0:
        return ""
    at += 1 + len(start)
    return lines[at : lines.index("\n", at)]


def _values(lines: str, start: str) -> tuple[str, ...]:
    return tuple([line[len(start) :] for line in lines.split("\n") if line.startswith(start)])


def _attributes(lines: str) -> tuple[tuple[str, str | None], ...]:
    pairs = [value.partition(":") for value in _values(lines, "a=")]
    return tuple([(name, value if colon else None) for name, colon, value in pairs])


# Rewriting for the other leg.

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


class _Template(NamedTuple):
    before_c: str
    after_c: str
    media: tuple[_MediaTemplate, ...]


def _template_of(session: Session, keep_mux: bool) -> _Template:
    lines = [line for line in _DROPPED[keep_mux].sub("", session._lines).split("\n") if line]
    # RFC 8866 §5: the order of the lines is fixed; s= and t= are not optional.
    named = [line for line in lines if line[0] == "s" and len(line) > 2][:1] or ["s=-"]
    timed = [line for line in lines if line[0] in "trz"] or ["t=0 0"]
    bandwidth = [line for line in lines if line[0] == "b"]
    return _Template(
        _text(named + [line for line in lines if line[0] in "iuep"]),
        _text(bandwidth + timed + [line for line in lines if line[0] not in "siuepbtrz"]),
        tuple([_media_template_of(medium, keep_mux) for medium in session.media]),
    )


def _media_template_of(medium: Media, keep_mux: bool) -> _MediaTemplate:
    lines = _DROPPED[keep_mux].sub("", medium._lines)
    direction = medium.effective_direction
    if direction is not medium.direction:
        lines = f"{_ANY_DIRECTION.sub('', lines)}a={direction.value}\n"
    titles, rest = _titles_first(lines)
    return _MediaTemplate(
        f"m={medium.kind} ",
        f" {' '.join((medium.protocol, *medium.formats))}\r\n{titles}",
        rest,
        medium.is_rejected,
        "RTP" in medium.protocol.upper(),
        keep_mux and medium.is_mux,
    )


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
        template = session._template(keep_mux)
        if len(ends) != len(template.media):
            raise LocalError(f"{len(ends)} ends for {len(template.media)} media")
        first = next((end.address for end in ends if end), self._address)
        parts = [template.before_c, _connection_line(first), template.after_c]
        for medium, end in zip(template.media, ends, strict=True):
            _write_medium(parts, medium, end, first)
        return self._say("".join(parts))

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


def is_answer_to(offer: Session, answer: Session) -> str:
    """What is wrong with the answer; "" if nothing is (RFC 3264 §6).

    A T.38 answer to an audio offer passes: gateways give it, and it works.
    """
    if len(answer.media) != len(offer.media):
        return f"{len(answer.media)} media answer {len(offer.media)}"
    for number, (offered, answered) in enumerate(zip(offer.media, answer.media, strict=True), 1):
        if answered.kind != offered.kind and (offered.kind, answered.kind) != ("audio", "image"):
            return f"medium {number} was offered as {offered.kind}, answered as {answered.kind}"
        if offered.is_rejected and not answered.is_rejected:
            return f"medium {number} was offered with port 0, answered with {answered.port}"
    return ""


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


# Where the description is in the body of a message.


class Part(NamedTuple):
    """One part of a body. Types are lower case, without parameters.

    disposition: "" where it is not said; is_required: whether it says handling=required (RFC 3261 §20.11).
    """

    content_type: str
    disposition: str
    is_required: bool
    fields: tuple[tuple[str, str], ...]  # names in lower case
    body: bytes


_SDP = "application/sdp"
_ACCEPT = (("Accept", "application/sdp, multipart/mixed, multipart/alternative"),)
_MOST_PARTS = 32
_MOST_NESTED = 3
_PARAMETER = re.compile(r';\s*([^\s;="]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]*))')


def find_sdp(content_type_header: str, body: bytes, disposition: str = "") -> bytes | None:
    """The session description in the body of an INVITE, or of a message like it; None if there is none.

    content_type_header, disposition: the values of Content-Type and Content-Disposition; "" if absent.
    In a multipart/alternative the last one counts, as the sender likes it best (RFC 2046 §5.1.4), else the
    first. Raises RemoteError: 415 with Accept for a body or a part that must be understood and is not, 400
    for a multipart body that cannot be read.
    """
    if content_type_header == _SDP and not disposition:  # nearly always
        return body or None
    parts = parts_of(content_type_header, body, disposition)
    found = [part.body for part in parts if part.content_type == _SDP and part.disposition in ("", "session")]
    if not found:
        return None
    return found[-1 if _media_type(content_type_header) == "multipart/alternative" else 0]


def parts_of(content_type_header: str, body: bytes, disposition: str = "") -> tuple[Part, ...]:
    """All parts of a body, of parts within parts too; a plain body is one part, an empty one none.

    What the call does not understand (ISUP, PIDF-LO) is there to be passed on or left out. Raises as
    `find_sdp`. RFC 3261 §20.11 has handling=required where nothing is said. A whole body is held to that;
    a part only if it says so, since gateways add parts without saying and mean them as optional.
    """
    if not body:
        return ()
    # RFC 3261 §20.15 wants Content-Type; a body that shows what it is passes without.
    plain = content_type_header or (_SDP if body.startswith(b"v=0") else "")
    whole = _part((("content-type", plain), ("content-disposition", disposition)), body)
    if whole.content_type.startswith("multipart/"):
        parts = tuple(_parts_within(plain, body, _MOST_NESTED))
    else:
        is_optional = _parameter(disposition, "handling").lower() == "optional"
        parts = (whole._replace(is_required=not is_optional),)
    for part in parts:
        if part.is_required and part.content_type != _SDP:
            raise RemoteError(415, f"body of type {part.content_type[:80]!r}", fields=_ACCEPT)
    return parts


def _parts_within(content_type: str, body: bytes, depth: int) -> Iterator[Part]:
    boundary = _parameter(content_type, "boundary")
    if not boundary or len(boundary) > 70 or not depth:
        raise RemoteError(400, "multipart body without a usable boundary, or nested too deep")
    delimiter = re.escape(boundary.encode("utf-8", "surrogateescape"))
    # RFC 2046 §5.1.1: the line end before a delimiter belongs to it, not to the part.
    pattern = rb"(?:\A|\r?\n)--" + delimiter + rb"(--)?[ \t]*(?=\r?\n|\Z)"
    sections = re.split(pattern, body, maxsplit=_MOST_PARTS)
    if len(sections) < 3 or len(sections) > 2 * _MOST_PARTS:
        raise RemoteError(400, f"multipart body without its boundary, or of {_MOST_PARTS} parts or more")
    for closing, section in zip(sections[1::2], sections[2::2], strict=True):
        if closing:
            return
        part = _part(*_split_part(section))
        if part.content_type.startswith("multipart/"):
            yield from _parts_within(dict(part.fields).get("content-type", ""), part.body, depth - 1)
        else:
            yield part


def _split_part(section: bytes) -> tuple[tuple[tuple[str, str], ...], bytes]:
    """Header fields and body of one part; the section begins with the line end of its delimiter."""
    head, *rest = re.split(rb"\r?\n\r?\n", section, maxsplit=1)
    unfolded = re.sub(r"\r?\n[ \t]+", " ", head.decode("utf-8", "surrogateescape"))
    pairs = [line.partition(":") for line in unfolded.split("\n") if ":" in line]
    fields = tuple([(name.strip().lower(), value.strip()) for name, _, value in pairs])
    return fields, rest[0] if rest else b""


def _part(fields: tuple[tuple[str, str], ...], body: bytes) -> Part:
    said = dict(fields)
    disposition = said.get("content-disposition", "")
    return Part(
        _media_type(said.get("content-type", "text/plain")),
        _media_type(disposition),
        _parameter(disposition, "handling").lower() == "required",
        fields,
        body,
    )


def _media_type(value: str) -> str:
    return value.partition(";")[0].replace(" ", "").lower()


def _parameter(value: str, name: str) -> str:
    for found, quoted, plain in _PARAMETER.findall(value):
        if found.lower() == name:
            return plain or re.sub(r"\\(.)", r"\1", quoted)
    return ""
