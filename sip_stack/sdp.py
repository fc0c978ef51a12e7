"""Session descriptions (RFC 8866): read once and kept as text.

Theory. A back-to-back user agent that does not transcode has little to say about media: which address
and ports are its own. So a description is not taken apart into objects and built up again. `parse` cuts the
text at its m= lines and reads those and the c= lines, which decide whether it can be used at all; all else
stays text and is looked up when asked for. What is said to the other leg is the matter of sdp_rewriting.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from sip_stack.errors import RemoteError

if TYPE_CHECKING:
    from sip_stack.sdp_rewriting import Template

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


@dataclass(slots=True, eq=False)
class Media:
    """One m= section. Ports are UDP ports; what is not in the m= or c= line is looked up when asked for.

    connection: the address that media goes to: its own c=, else the session's; "" only where the port is 0.
    lines: the text of the section after its m= line, "\\n" before and after each line.
    """

    kind: str
    port: int
    protocol: str
    formats: tuple[str, ...]
    connection: str
    lines: str = field(repr=False)
    _session_lines: str = field(repr=False)

    @property
    def attributes(self) -> tuple[tuple[str, str | None], ...]:
        """(name, value) of each a= line in order; the value of a property attribute is None."""
        return _attributes(self.lines)

    @property
    def bandwidth(self) -> tuple[str, ...]:
        """The b= lines, as "AS:64"."""
        return _values(self.lines, "b=")

    @property
    def direction(self) -> Direction:
        """As written: own, else the session's, else sendrecv (RFC 3264 §5.1: sendrecv is the default)."""
        return _own_direction(self.lines) or _direction_in(self._session_lines) or Direction.SENDRECV

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
    def is_rejected(self) -> bool:
        return self.port == 0

    @property
    def is_udptl(self) -> bool:
        """Whether it is T.38 over UDPTL, which has no RTCP."""
        return self.protocol.lower() == "udptl"

    @property
    def is_mux(self) -> bool:
        return "\na=rtcp-mux\n" in self.lines

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
        written = _port(_value(self.lines, "a=rtcp:").partition(" ")[0])
        return written or (self.port + 1) % 65536

    @property
    def clock_rates(self) -> dict[int, int]:
        """Payload type to Hz, of the formats of the m= line whose rate is known (rtpmap, else RFC 3551)."""
        return dict(_rates(self.lines, self.formats))

    @property
    def encodings(self) -> dict[int, tuple[str, int]]:
        """Payload type to (encoding name in lower case, "" where no rtpmap says it; Hz), as `clock_rates`."""
        return _encodings(self.lines, self.formats)

    @property
    def unusual_rates(self) -> tuple[tuple[int, int], ...]:
        """Payload types of this medium whose clock does not run at 8000 Hz, with their rates."""
        return _unusual_rates(self.lines, self.formats)

    @property
    def telephone_event(self) -> tuple[int, ...]:
        """The payload types of telephone-event, one for each clock rate (RFC 4733 §2.1), in m= line order."""
        return tuple(
            payload_type
            for payload_type, (name, _) in _encodings(self.lines, self.formats).items()
            if name == "telephone-event" and str(payload_type) in self.formats
        )


@dataclass(slots=True, eq=False)
class Session:
    """A whole description, from `parse`. Not to be changed.

    connection: the address of the c= line at session level, "" if there is none.
    lines: the text of the session level, "\\n" before and after each line.
    templates: of its rewritten text, by whether a=rtcp-mux is kept; for sdp_rewriting.
    """

    connection: str
    media: tuple[Media, ...]
    lines: str = field(repr=False)
    templates: dict[bool, Template] = field(default_factory=dict, repr=False)

    @property
    def name(self) -> str:
        return _value(self.lines, "s=")

    @property
    def origin(self) -> OriginLine:
        return OriginLine(*_value(self.lines, "o=").split()[:6])

    @property
    def attributes(self) -> tuple[tuple[str, str | None], ...]:
        """(name, value) of each a= line at session level."""
        return _attributes(self.lines)

    @property
    def bandwidth(self) -> tuple[str, ...]:
        """The b= lines at session level, as "AS:64"."""
        return _values(self.lines, "b=")

    def is_same_as(self, other: Session) -> bool:
        """Whether both say the same but for their o= lines: a refresh, which need not reach the other leg."""
        return self._without_origin() == other._without_origin()

    def _without_origin(self) -> list[str]:
        head = [line for line in self.lines.split("\n") if not line.startswith("o=")]
        return head + [f"{m.kind} {m.port} {m.protocol} {m.formats}{m.lines}" for m in self.media]


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


_own_direction = lru_cache(maxsize=1024)(_direction_in)  # of a medium: phones of one kind write the same


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


def _encodings(lines: str, formats: tuple[str, ...]) -> dict[int, tuple[str, int]]:
    """Payload type to (encoding name in lower case, Hz), from the formats of an m= line and its rtpmaps."""
    found = {int(f): ("", _STATIC_RATES.get(int(f), 0)) for f in formats if _is_payload_type(f)}
    for value in _values(lines, "a=rtpmap:"):
        payload_type, _, encoding = value.partition(" ")
        name, _, rate = encoding.strip().partition("/")
        rate = rate.partition("/")[0]
        if _is_payload_type(payload_type) and _is_number(rate):
            found[int(payload_type)] = (name.lower(), int(rate))
    return {payload_type: encoding for payload_type, encoding in found.items() if encoding[1]}


@lru_cache(maxsize=1024)
def _rates(lines: str, formats: tuple[str, ...]) -> tuple[tuple[int, int], ...]:
    encodings = _encodings(lines, formats).items()
    return tuple([(payload_type, rate) for payload_type, (_, rate) in encodings if str(payload_type) in formats])


@lru_cache(maxsize=1024)
def _unusual_rates(lines: str, formats: tuple[str, ...]) -> tuple[tuple[int, int], ...]:
    """Kept, since phones of one kind describe themselves in the same words call after call."""
    return tuple([each for each in _rates(lines, formats) if each[1] != 8000])
