"""Messages (RFC 3261 §7): bytes to Request or Response, and back.

Theory of operation. `parse` is on the path of every datagram, so it does what every message needs and no
more: one decoding, one cut into lines, a canonical name for each, and the handful of strings by which
transactions and dialogs are found. What is well-formed and plain, as nearly all traffic is, goes straight
through; the first sign of anything else (a fold, a bare LF, a name not seen before) starts over on the slow
and careful path. Typed values are parsed when first asked for, and kept.

Whether a request is *valid* is a second question, asked once per new transaction (request_defect), so that
retransmissions, ACKs and responses do not pay for it.
"""

from __future__ import annotations

from functools import lru_cache

from . import grammar
from .errors import REASONS, MalformedMessage, RemoteError
from .headers import Address, Via, first_element, parameter, split_list

__all__ = ["REASONS", "Message", "Request", "Response", "parameter", "parse"]

Fields = list[tuple[str, str]]

# A header name as peers spell it, with its colon, to its canonical form. Bounded: names come from outside.
_names: dict[str, str] = {}
_MAX_NAMES = 2_048

# What status lines and CSeqs say, of those that came lately: most messages have one of a few.
_status_lines: dict[str, tuple[int, str]] = {}
_cseqs: dict[str, tuple[int, str]] = {}
_MAX_KNOWN = 512

# PAR-9: what proxies look at comes first, so that they need not read on (RFC 3261 §7.3.1).
_FIRST = (
    "via",
    "route",
    "record-route",
    "max-forwards",
    "from",
    "to",
    "call-id",
    "cseq",
    "contact",
)


class Message:
    """What requests and responses share.

    fields: (name, value) in the order they came; the name long and in lower case, the value as on the wire,
        unfolded and without the white space around it. Names given to the methods are of the same form.
    first: the first value of each name.
    body: cut to Content-Length.
    call_id, from_tag, to_tag, cseq, cseq_method, branch: what transactions and dialogs are found by; "" for
        a tag or branch that is not there.
    from_value, to_value: From and To as on the wire; via_value: the topmost Via alone.

    Typed properties raise RemoteError(400) for what their grammar forbids.
    """

    __slots__ = (
        "_contacts",
        "_from",
        "_record_route",
        "_route",
        "_to",
        "_top_via",
        "_vias",
        "body",
        "branch",
        "call_id",
        "cseq",
        "cseq_method",
        "fields",
        "first",
        "from_value",
        "to_tag",
        "to_value",
        "via_value",
    )

    # Slots that are set when first asked for: being unset, they cost `parse` nothing.
    _contacts: list[Address]
    _from: Address
    _record_route: list[Address]
    _route: list[Address]
    _to: Address
    _top_via: Via
    _vias: list[Via]

    def __init__(self, fields: Fields, body: bytes) -> None:
        """Raises MalformedMessage where Via, From, To, Call-ID or CSeq is missing; a bad CSeq becomes -1."""
        self.fields = fields
        self.body = body
        # Later entries win in dict(): gone through from its end, the list leaves the first of each name.
        self.first = first = dict(reversed(fields))
        try:
            self.call_id = first["call-id"]
            self.from_value = first["from"]
            self.to_value = to_value = first["to"]
            via = first["via"]
            cseq = first["cseq"]
        except KeyError as missing:
            raise MalformedMessage(f"no {grammar.spell(missing.args[0])}") from None

        if to_value[-1:] == ">":
            self.to_tag = ""
        else:
            tag = to_value.partition(">;tag=")[2]
            self.to_tag = tag if tag.isalnum() else parameter(to_value, "tag")

        if "," in via:
            via = first_element(via)
        self.via_value = via
        branch = via.partition(";branch=")[2].partition(";")[0].strip()
        self.branch = branch if branch and '"' not in via else parameter(via, "branch")

        self.cseq, self.cseq_method = _cseqs.get(cseq) or _read_cseq(cseq)

    @property
    def from_tag(self) -> str:
        """Of a response hardly anybody asks for it; a request keeps it."""
        tag = self.from_value.partition(">;tag=")[2]
        return tag if tag.isalnum() else parameter(self.from_value, "tag")

    def get(self, name: str) -> str | None:
        """The first value of this name, as on the wire."""
        return self.first.get(name)

    def get_all(self, name: str) -> list[str]:
        """Every value of this name, one for each header line, not split."""
        if name not in self.first:
            return []
        return [value for key, value in self.fields if key == name]

    def values(self, name: str) -> list[str]:
        """Every element of a list header, in order; of any other header, its lines (RFC 3261 §7.3.1)."""
        lines = self.get_all(name)
        if name not in grammar.LIST_NAMES:
            return lines
        return [element for line in lines for element in split_list(line)]

    def tokens(self, name: str) -> frozenset[str]:
        """Option tags in lower case; of Allow, methods as on the wire, for they are case-sensitive."""
        if name not in self.first:
            return frozenset()
        joined = ",".join(self.get_all(name))
        # Peers say the same in every message; but what is long is not kept, for the peer chooses it.
        return (_known_tokens if len(joined) < 1_024 else _tokens)(joined, name != "allow")

    @property
    def top_via(self) -> Via:
        try:
            return self._top_via
        except AttributeError:
            self._top_via = Via.parse(self.via_value)
            return self._top_via

    @property
    def vias(self) -> list[Via]:
        try:
            return self._vias
        except AttributeError:
            self._vias = [Via.parse(value) for value in self.values("via")]
            return self._vias

    @property
    def from_(self) -> Address:
        try:
            return self._from
        except AttributeError:
            self._from = Address.parse(self.from_value)
            return self._from

    @property
    def to(self) -> Address:
        try:
            return self._to
        except AttributeError:
            self._to = Address.parse(self.to_value)
            return self._to

    @property
    def contacts(self) -> list[Address]:
        """The Contact addresses. "Contact: *" (REGISTER only, §10.2.2) has none: ask `get`."""
        try:
            return self._contacts
        except AttributeError:
            values = self.values("contact")
            self._contacts = [] if values == ["*"] else [Address.parse(value) for value in values]
            return self._contacts

    @property
    def contact(self) -> Address | None:
        """The first Contact address."""
        contacts = self.contacts
        return contacts[0] if contacts else None

    @property
    def route(self) -> list[Address]:
        try:
            return self._route
        except AttributeError:
            self._route = [Address.parse(value) for value in self.values("route")]
            return self._route

    @property
    def record_route(self) -> list[Address]:
        try:
            return self._record_route
        except AttributeError:
            self._record_route = [Address.parse(value) for value in self.values("record-route")]
            return self._record_route

    @property
    def content_type(self) -> str:
        """The media type in lower case without its parameters; "" where the message names none."""
        return (self.first.get("content-type") or "").partition(";")[0].strip().lower()

    def _print(self, start: str) -> bytes:
        """The form we send (PAR-9): long names, one hop or address a line, Content-Length last."""
        known = [(name, value) for name in _FIRST for value in self.values(name) or self.get_all(name)]
        rest = [field for field in self.fields if field[0] not in _FIRST and field[0] != "content-length"]
        lines = "".join([f"{grammar.spell(name)}: {value}\r\n" for name, value in known + rest])
        head = f"{start}\r\n{lines}Content-Length: {len(self.body)}\r\n\r\n"
        return head.encode("utf-8", "surrogateescape") + self.body


class Request(Message):
    """uri, version: as on the wire; only `request_defect` vouches for them."""

    __slots__ = ("from_tag", "method", "uri", "version")

    from_tag: str
    method: str
    uri: str
    version: str

    @property
    def max_forwards(self) -> int | None:
        """None where the request has none, as RFC 2543 allowed."""
        value = self.first.get("max-forwards")
        if value is None:
            return None
        # §20.22: "The Max-Forwards value is an integer in the range 0-255".
        if not (value.isascii() and value.isdecimal() and len(value) < 20 and int(value) < 256):
            raise RemoteError(400, f"bad Max-Forwards: {value[:40]!r}")
        return int(value)

    def to_bytes(self) -> bytes:
        """The request in the strict form that we send (PAR-9)."""
        return self._print(f"{self.method} {self.uri} {self.version}")

    def __repr__(self) -> str:
        return f"<{self.method} {self.uri} {self.call_id} {self.cseq} {self.cseq_method} {self.branch}>"


class Response(Message):
    """status: 100 to 699."""

    __slots__ = ("reason", "status")

    reason: str
    status: int

    def to_bytes(self) -> bytes:
        """The response in the strict form that we send (PAR-9)."""
        return self._print(f"SIP/2.0 {self.status} {self.reason}")

    def __repr__(self) -> str:
        return f"<{self.status} {self.reason} {self.call_id} {self.cseq} {self.cseq_method} {self.branch}>"


def _tokens(joined: str, fold: bool) -> frozenset[str]:
    return frozenset([token.lower() if fold else token for token in split_list(joined)])


_known_tokens = lru_cache(maxsize=512)(_tokens)


def parse(data: bytes) -> Request | Response:
    """One whole message: a datagram, or what `framing` cut from a stream.

    Raises MalformedMessage, and nothing else, for any bytes that cannot be used.
    """
    head, blank, body = data.partition(b"\r\n\r\n")
    if blank and 0 < len(head) <= grammar.MAX_LINE:
        try:
            lines = head.decode().split("\r\n")
            remaining = iter(lines)
            start = next(remaining)
            names = _names
            fields: Fields = []
            append = fields.append
            for line in remaining:
                name, _, value = line.partition(" ")
                append((names[name], value.strip()))  # a fold begins with a space, so its name is ""
        except (KeyError, UnicodeDecodeError):
            pass  # a name, a fold or an octet that needs a closer look
        else:
            joined = "".join(lines)
            if "\n" not in joined and "\r" not in joined and len(fields) <= grammar.MAX_FIELDS:
                return _message(start, fields, body, "")
    return _parse_carefully(data)


def _parse_carefully(data: bytes) -> Request | Response:
    # RFC 3261 §7.5: "Implementations processing SIP messages over stream-oriented transports MUST ignore
    # any CRLF appearing before the start-line"; PAR-4 says so of datagrams too, and takes LF for CRLF.
    data = data.lstrip(b"\r\n")
    blank = grammar.find_blank_line(data)
    end, body_at = blank.span() if blank else (len(data), len(data))
    if end > grammar.MAX_HEAD:
        raise MalformedMessage(f"head of {end} octets")
    lines = _unfold(data[:end].decode("utf-8", "surrogateescape"))
    fault = "" if blank else "no blank line after the headers"
    if len(lines) > grammar.MAX_FIELDS + 1:
        fault = "too many header fields"
    fields: Fields = []
    for line in lines[1 : grammar.MAX_FIELDS + 1]:
        name = _canonical_name(line)
        if name and len(line) <= grammar.MAX_LINE:
            fields.append((name, line.partition(":")[2].strip()))
        else:
            fault = f"bad header line {line[:80]!r}"
    return _message(lines[0], fields, data[body_at:], fault)


def _unfold(head: str) -> list[str]:
    # §7.3.1: "Note that the line break and the whitespace at the beginning of each line collapse to one SP".
    lines: list[list[str]] = []
    for line in head.split("\n"):
        line = line.removesuffix("\r").replace("\r", " ")  # a lone CR ends no line, and must not reach ours
        if line[:1] in (" ", "\t") and lines:
            lines[-1].append(line.strip())
        else:
            lines.append([line])
    return [" ".join(parts) for parts in lines]


def _canonical_name(line: str) -> str:
    """The long lower-case name of a header line; "" where it has none."""
    spelling, colon, _ = line.partition(":")
    spelling = spelling.rstrip(" \t")
    if not colon or not grammar.is_token(spelling):
        return ""
    name = grammar.COMPACT_NAMES.get(spelling.lower(), spelling.lower())
    if len(_names) < _MAX_NAMES and len(spelling) < 64:
        _names[f"{spelling}:"] = name
    return name


def _message(start: str, fields: Fields, body: bytes, fault: str) -> Request | Response:
    message: Request | Response
    if start[:4].upper() == "SIP/":
        message = _response(start, fields, body)
    else:
        method, _, rest = start.partition(" ")
        uri, _, version = rest.rpartition(" ")
        message = Request(fields, body)
        message.method, message.uri, message.version = method, uri, version
        tag = message.from_value.partition(">;tag=")[2]
        message.from_tag = tag if tag.isalnum() else parameter(message.from_value, "tag")
        if not (method.isalpha() and method.isascii()) and not grammar.is_token(method):
            fault = f"bad method {method[:40]!r}"
    if message.cseq < 0:
        fault = "bad CSeq"
    length = message.first.get("content-length")
    if length is not None and length != str(len(body)) and not fault:
        fault = _cut_body(message, length)
    if fault:
        if isinstance(message, Request) and message.method != "ACK":
            raise MalformedMessage(fault, request=message)
        raise MalformedMessage(fault)
    return message


def _response(start: str, fields: Fields, body: bytes) -> Response:
    status = _status_lines.get(start) or _read_status_line(start)
    response = Response(fields, body)
    response.status, response.reason = status
    if response.cseq >= grammar.MAX_CSEQ:
        raise MalformedMessage("bad CSeq")
    return response


def _read_status_line(start: str) -> tuple[int, str]:
    version, _, rest = start.partition(" ")
    code, _, reason = rest.partition(" ")
    if version.upper() != "SIP/2.0" or len(code) != 3 or not code.isascii() or not code.isdecimal():
        raise MalformedMessage(f"bad status line {version[:20]} {rest[:40]!r}")
    if not 100 <= int(code) < 700:
        raise MalformedMessage(f"no such status: {code}")
    return _kept(_status_lines, start, (int(code), reason))


def _read_cseq(value: str) -> tuple[int, str]:
    """Number and method; -1 for what is no CSeq."""
    number, _, method = value.partition(" ")
    if method.isalpha() and len(number) < 11 and number.isdecimal() and number.isascii():
        return _kept(_cseqs, value, (int(number), method))
    match = grammar.match_cseq(value)
    return (int(match["number"]), match["method"]) if match else (-1, "")


def _kept(known: dict[str, tuple[int, str]], text: str, value: tuple[int, str]) -> tuple[int, str]:
    """Remember what a text says, if it is short; all is forgotten when that grows, for texts come from outside."""
    if len(text) < 64:
        if len(known) >= _MAX_KNOWN:
            known.clear()
        known[text] = value
    return value


def _cut_body(message: Request | Response, length: str) -> str:
    """Hold the body to its Content-Length; gives what is wrong where that cannot be done.

    §18.3: "If there are additional bytes in the transport packet beyond the end of the body, they MUST be
    discarded. If the transport packet ends before the end of the message body, this is considered an
    error."
    """
    if not (length.isascii() and length.isdecimal() and len(length) < 20):
        return f"bad Content-Length {length[:40]!r}"
    if int(length) > len(message.body):
        return f"Content-Length {length} with a body of {len(message.body)}"
    message.body = message.body[: int(length)]
    return ""
