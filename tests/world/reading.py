"""The puppets' own way to read and write SIP, so that a mistake of our parser cannot hide in the tests.

It reads only what a correct stack may send (no folding, no compact forms: PAR-9 forbids us both), and
raises ValueError for the rest, which the puppet reports as a violation.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Sequence
from typing import Final

REASONS: Final = {
    100: "Trying", 180: "Ringing", 181: "Call Is Being Forwarded", 183: "Session Progress", 200: "OK",
    202: "Accepted", 302: "Moved Temporarily", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden",
    404: "Not Found", 405: "Method Not Allowed", 407: "Proxy Authentication Required", 408: "Request Timeout",
    410: "Gone", 415: "Unsupported Media Type", 420: "Bad Extension", 422: "Session Interval Too Small",
    480: "Temporarily Unavailable", 481: "Call/Transaction Does Not Exist", 482: "Loop Detected",
    484: "Address Incomplete", 486: "Busy Here", 487: "Request Terminated", 488: "Not Acceptable Here",
    491: "Request Pending", 500: "Server Internal Error", 501: "Not Implemented", 503: "Service Unavailable",
    504: "Server Time-out", 600: "Busy Everywhere", 603: "Decline", 604: "Does Not Exist Anywhere",
    606: "Not Acceptable",
}  # fmt: skip

_LISTS: Final = frozenset(
    ("via", "contact", "route", "record-route", "allow", "supported", "require", "unsupported", "reason")
)
_TAG: Final = re.compile(r";\s*tag=([^;>\s]+)\s*(?:;|$)")
_BRANCH: Final = re.compile(r";\s*branch=([^;,\s]+)")
_URI: Final = re.compile(r"<([^>]*)>")


class Heard:
    """One message as it stood on the wire. Header names are lower-case and long."""

    __slots__ = ("__dict__", "body", "first_line", "headers", "octets")

    def __init__(self, octets: bytes) -> None:
        head, gap, self.body = octets.partition(b"\r\n\r\n")
        if not gap:
            raise ValueError("no empty line after the headers")
        self.octets = octets
        self.first_line, *lines = head.decode("utf-8", "surrogateescape").split("\r\n")
        self.headers: list[tuple[str, str]] = []
        for line in lines:
            name, colon, value = line.partition(":")
            if not colon or not name or name != name.strip():
                raise ValueError(f"not a header line: {line!r}")
            self.headers.append((name.lower(), value.strip()))

    @functools.cached_property
    def is_request(self) -> bool:
        return not self.first_line.startswith("SIP/2.0 ")

    @functools.cached_property
    def method(self) -> str:
        """Of a request; "" for a response."""
        return self.first_line.split(" ", 1)[0] if self.is_request else ""

    @functools.cached_property
    def uri(self) -> str:
        """The Request-URI."""
        return self.first_line.split(" ")[1]

    @functools.cached_property
    def status(self) -> int:
        """Of a response; 0 for a request."""
        return 0 if self.is_request else int(self.first_line.split(" ", 2)[1])

    def get(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key == name), None)

    def get_all(self, name: str) -> list[str]:
        """Every value, in order; those of list headers one by one."""
        values = [value for key, value in self.headers if key == name]
        if name not in _LISTS:
            return values
        return [piece for value in values for piece in split_list(value)]

    def must(self, name: str) -> str:
        value = self.get(name)
        if value is None:
            raise ValueError(f"no {name} in {self.first_line!r}")
        return value

    @functools.cached_property
    def via(self) -> str:
        """The topmost Via value."""
        return self.get_all("via")[0] if self.get("via") is not None else ""

    @functools.cached_property
    def branch(self) -> str:
        found = _BRANCH.search(self.via)
        return found[1] if found else ""

    @functools.cached_property
    def call_id(self) -> str:
        return self.must("call-id")

    @functools.cached_property
    def from_tag(self) -> str:
        return tag_of(self.must("from"))

    @functools.cached_property
    def to_tag(self) -> str:
        return tag_of(self.must("to"))

    @functools.cached_property
    def cseq(self) -> int:
        return int(self.must("cseq").split()[0])

    @functools.cached_property
    def cseq_method(self) -> str:
        return self.must("cseq").split()[1]

    @functools.cached_property
    def contact_uri(self) -> str:
        """The URI of the first Contact; "" if there is none."""
        contacts = self.get_all("contact")
        return uri_of(contacts[0]) if contacts else ""

    @functools.cached_property
    def sdp(self) -> str:
        """The session description; "" if the body is none."""
        if (self.get("content-type") or "").split(";")[0].strip().lower() != "application/sdp":
            return ""
        return self.body.decode("utf-8")

    def tokens(self, name: str) -> set[str]:
        """The option tags or methods of a header, as a set."""
        return {value.split(";")[0].strip() for value in self.get_all(name)}

    @functools.cached_property
    def summary(self) -> str:
        """What the ladder shows."""
        body = " (SDP)" if self.sdp else ""
        if self.is_request:
            return f"{self.method} {self.uri}{body} [{self.cseq}]"
        return f"{self.first_line[8:]}{body} [{self.cseq} {self.cseq_method}]"


def split_list(value: str) -> list[str]:
    """Cut at commas that stand neither in quotes nor in angle brackets."""
    pieces, piece, quoted, angled = [], "", False, False
    for character in value:
        if character == '"' and not piece.endswith("\\"):
            quoted = not quoted
        elif character in "<>" and not quoted:
            angled = character == "<"
        if character == "," and not quoted and not angled:
            pieces.append(piece.strip())
            piece = ""
        else:
            piece += character
    return [*pieces, piece.strip()]


def tag_of(address: str) -> str:
    """The tag of a From or To value; "" if it has none."""
    found = _TAG.search(address[address.rfind(">") + 1 :])
    return found[1] if found else ""


def uri_of(address: str) -> str:
    found = _URI.search(address)
    return found[1] if found else address.split(";")[0].strip()


def host_and_port(uri: str) -> tuple[str, int]:
    """Of "sip:user@host:port;params": the host without brackets, and 5060 for no port."""
    place = uri.split(":", 1)[1].split(";")[0].split("?")[0].rpartition("@")[2]
    if place.startswith("["):
        host, _, rest = place[1:].partition("]")
        return host, int(rest[1:] or 5060) if rest else 5060
    host, _, port = place.partition(":")
    return host, int(port or 5060)


def bracketed(host: str) -> str:
    """As a host stands in a URI or Via."""
    return f"[{host}]" if ":" in host else host


def write(first_line: str, headers: Iterable[tuple[str, str]], body: bytes = b"") -> bytes:
    """A message; Content-Length is added, and Content-Type for a body that has none."""
    lines = [first_line, *(f"{name}: {value}" for name, value in headers)]
    if body and not any(line.startswith("Content-Type:") for line in lines):
        lines.append("Content-Type: application/sdp")
    lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode("utf-8", "surrogateescape") + b"\r\n\r\n" + body


def status_line(status: int, reason: str = "") -> str:
    return f"SIP/2.0 {status} {reason or REASONS.get(status, 'Whatever')}"


def shape_faults(message: Heard, vias: int = 1) -> Sequence[str]:
    """What is wrong with the form of a message of ours, whatever it says. RFC 3261 §8.1.1, §20."""
    faults = [
        f"{message.first_line!r} lacks {name}"
        for name in ("via", "from", "to", "call-id", "cseq", "content-length")
        if message.get(name) is None
    ]
    if faults:
        return faults
    if int(message.must("content-length")) != len(message.body):
        faults.append(
            f"Content-Length {message.must('content-length')} with a body of {len(message.body)} octets"
        )
    if message.headers[-1][0] != "content-length":
        faults.append("Content-Length is not the last header (PAR-9)")
    if len(message.get_all("via")) != vias:
        faults.append(f"{len(message.get_all('via'))} Via values in {message.first_line!r}, {vias} expected")
    if not message.from_tag:
        faults.append(f"no From tag in {message.first_line!r}")
    if message.body and message.get("content-type") is None:
        faults.append(f"a body without Content-Type in {message.first_line!r}")
    if message.is_request:
        faults += _request_faults(message)
    return faults


def _request_faults(message: Heard) -> list[str]:
    faults = []
    if not message.branch.startswith("z9hG4bK"):
        faults.append(f"Via branch {message.branch!r} without the magic cookie")
    if not 0 <= int(message.get("max-forwards") or -1) <= 70:
        faults.append(f"Max-Forwards {message.get('max-forwards')!r} in {message.method}")
    if message.cseq_method != message.method:
        faults.append(f"CSeq method {message.cseq_method} in {message.method}")
    if message.method == "INVITE" and not message.contact_uri:
        faults.append("INVITE without Contact")
    return faults
