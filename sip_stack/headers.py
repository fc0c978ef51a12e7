"""Header values (RFC 3261 §20): each parses, prints and compares.

`parse` of each raises RemoteError(400) for what its grammar does not allow. Parameters are a mapping of
lower-case name to the value as on the wire (a quoted value keeps its quotes); None is a parameter without
"=".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from . import grammar
from .errors import RemoteError
from .uri import Uri, parse_host, parse_port

Parameters = Mapping[str, str | None]


def split_list(value: str) -> list[str]:
    """The elements of a comma list: commas within quotes or <> do not count; empty elements are left out."""
    if "," not in value:
        value = value.strip()
        return [value] if value else []
    is_plain = '"' not in value and "<" not in value
    elements = value.split(",") if is_plain else grammar.find_elements(value)
    return [text for element in elements if (text := element.strip())]


def first_element(value: str) -> str:
    """The first element of a comma list; "" if there is none."""
    elements = split_list(value)
    return elements[0] if elements else ""


def parameter(value: str, name: str) -> str:
    """The value of the header parameter `name` (lower case), outside <> and quotes, unquoted; "" if absent.

    For From, To, Contact and Via values as on the wire; never raises.
    """
    # Most values have the one parameter asked for, unquoted, behind the closing bracket.
    _, found, rest = value.partition(f">;{name}=")
    if found and grammar.is_token(rest):
        return rest
    for piece in grammar.find_pieces(value)[1:]:
        key, _, text = piece.partition("=")
        if key.strip(" \t").lower() == name:
            return grammar.unquote(text.strip(" \t"))
    return ""


def parse_parameters(text: str) -> dict[str, str | None]:
    """What matches `grammar.PARAMETERS` (";a=b;c") as a mapping.

    Raises RemoteError(400) for a name that comes twice (RFC 3261 §7.3.1: "any given parameter-name MUST NOT
    appear more than once").
    """
    parameters: dict[str, str | None] = {}
    if not text:
        return parameters
    pieces = grammar.find_pieces(text) if '"' in text else text.split(";")
    for piece in pieces:
        name, equals, value = piece.partition("=")
        name = name.strip(" \t").lower()
        if not name:
            continue
        if name in parameters:
            raise RemoteError(400, f"parameter {name!r} twice")
        parameters[name] = value.strip(" \t") if equals else None
    return parameters


def print_parameters(parameters: Parameters) -> str:
    """A mapping as ";a=b;c"."""
    return "".join(
        [f";{name}" if value is None else f";{name}={value}" for name, value in parameters.items()]
    )


def _number(text: str, what: str) -> int:
    # A digit that int() knows may still be none to the RFC, and thousands of them are an attack.
    if not (text.isascii() and text.isdecimal() and len(text) <= 20):
        raise RemoteError(400, f"{what} is not a number: {text[:40]!r}")
    return int(text)


class Via(NamedTuple):
    """One hop (§20.42). host: lower case, an IPv6 address without brackets."""

    transport: str
    host: str
    port: int | None = None
    parameters: Parameters = MappingProxyType({})

    @staticmethod
    def parse(text: str) -> Via:
        match = grammar.match_via(text)
        if match is None:
            raise RemoteError(400, f"bad Via: {text!r}")
        transport, host, port, parameters = match.groups()
        return Via(transport.upper(), parse_host(host), parse_port(port), parse_parameters(parameters))

    @property
    def branch(self) -> str:
        return self.parameters.get("branch") or ""

    @property
    def received(self) -> str:
        """The address that the next hop saw, without brackets (which RFC 5118 §4.5 lets a peer put there)."""
        return (self.parameters.get("received") or "").strip("[]")

    @property
    def rport(self) -> int | None:
        """The port that the next hop saw (RFC 3581); None where it is absent or only asked for."""
        value = self.parameters.get("rport")
        return int(value) if value and value.isascii() and value.isdecimal() and len(value) < 6 else None

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port is None else f":{self.port}"
        return f"SIP/2.0/{self.transport} {host}{port}{print_parameters(self.parameters)}"


_ADDRESS = re.compile(
    rf"(?:({grammar.DISPLAY}){grammar.SWS}<({grammar.SIP_URI}|{grammar.OTHER_URI})>|({grammar.BARE_ADDR}))"
    rf"({grammar.PARAMETERS})",
    re.DOTALL,
).fullmatch


@dataclass(frozen=True, slots=True)
class Address:
    """A name-addr or addr-spec with header parameters: From, To, Contact, Route (§20.10).

    display: the text itself, neither quoted nor escaped. uri: as on the wire.
    """

    display: str
    uri: str
    parameters: Parameters

    @staticmethod
    def parse(text: str) -> Address:
        match = _ADDRESS(text)
        if match is None:
            raise RemoteError(400, f"bad address: {text!r}")
        display, uri, bare, parameters = match.groups()
        display = grammar.unquote(display.strip(" \t")) if display else ""
        return Address(display, uri or bare, parse_parameters(parameters))

    @property
    def tag(self) -> str:
        return self.parameters.get("tag") or ""

    @property
    def parsed_uri(self) -> Uri:
        return Uri.parse(self.uri)

    def __str__(self) -> str:
        # PAR-8: always within <>, so that no parameter can change sides.
        display = f"{grammar.quote(self.display)} " if self.display else ""
        return f"{display}<{self.uri}>{print_parameters(self.parameters)}"


def _pieces(via: str) -> list[str]:
    return grammar.find_pieces(via) if '"' in via else via.split(";")


def _name_of(piece: str) -> str:
    return piece.partition("=")[0].strip(" \t").lower()


def asks_rport(via: str) -> bool:
    """Does this Via value have an rport parameter, with a value or without (RFC 3581 §3)?"""
    _, found, rest = via.partition(";rport")
    if found and rest[:1] in ("", ";") and '"' not in via:
        return True
    return "rport" in via.lower() and any(_name_of(piece) == "rport" for piece in _pieces(via)[1:])


def stamp_via(via: str, source_host: str, source_port: int) -> str:
    """The topmost Via of a request as its responses carry it: received and rport filled in.

    RFC 3261 §18.2.1: "If the host portion of the 'sent-by' parameter contains a domain name, or if it
    contains an IP address that differs from the packet source address, the server MUST add a 'received'
    parameter". RFC 3581 §4: so it must where rport is asked for, and set rport to the source port.
    """
    before, found, after = via.partition(";rport")
    if found and after[:1] in ("", ";") and '"' not in via and "received" not in via.lower():
        return f"{before};rport={source_port}{after};received={source_host}"
    hop, *parameters = _pieces(via) or [""]
    names = [_name_of(piece) for piece in parameters]
    sent_by = grammar.match_via(hop.rstrip())
    if "rport" not in names and sent_by and grammar.same_host(sent_by["host"], source_host):
        return via
    kept = [hop]
    for name, piece in zip(names, parameters, strict=True):
        if name == "rport":
            kept.append(f"rport={source_port}")
        elif name != "received":
            kept.append(piece)
    return ";".join([*kept, f"received={source_host}"])


class CSeq(NamedTuple):
    """§20.16."""

    number: int
    method: str

    @staticmethod
    def parse(text: str) -> CSeq:
        match = grammar.match_cseq(text)
        if match is None or int(match["number"]) >= grammar.MAX_CSEQ:
            raise RemoteError(400, f"bad CSeq: {text!r}")
        return CSeq(int(match["number"]), match["method"])

    def __str__(self) -> str:
        return f"{self.number} {self.method}"


class RAck(NamedTuple):
    """Which reliable provisional response a PRACK acknowledges (RFC 3262 §7.2)."""

    rseq: int
    cseq: int
    method: str

    @staticmethod
    def parse(text: str) -> RAck:
        words = text.split()
        if len(words) != 3 or not grammar.is_token(words[2]):
            raise RemoteError(400, f"bad RAck: {text!r}")
        return RAck(_number(words[0], "RAck"), _number(words[1], "RAck"), words[2])

    def __str__(self) -> str:
        return f"{self.rseq} {self.cseq} {self.method}"


def _delta_seconds(text: str, what: str) -> tuple[int, str]:
    """A leading number of seconds, and what stands behind it."""
    match = re.match(r"([0-9]++)[ \t]*+(.*)", text, re.DOTALL)
    if match is None:
        raise RemoteError(400, f"bad {what}: {text!r}")
    return _number(match[1], what), match[2]


_is_parameters = re.compile(grammar.PARAMETERS, re.DOTALL).fullmatch


def _checked_parameters(text: str, what: str) -> dict[str, str | None]:
    if not _is_parameters(text):
        raise RemoteError(400, f"bad {what} parameters: {text!r}")
    return parse_parameters(text)


@dataclass(frozen=True, slots=True)
class SessionExpires:
    """RFC 4028 §4. interval in seconds; refresher: "uac", "uas" or "" where it is left open."""

    interval: int
    refresher: str = ""

    @staticmethod
    def parse(text: str) -> SessionExpires:
        interval, rest = _delta_seconds(text, "Session-Expires")
        refresher = (_checked_parameters(rest, "Session-Expires").get("refresher") or "").lower()
        return SessionExpires(interval, refresher if refresher in ("uac", "uas") else "")

    def __str__(self) -> str:
        return f"{self.interval};refresher={self.refresher}" if self.refresher else str(self.interval)


@dataclass(frozen=True, slots=True)
class MinSE:
    """RFC 4028 §5: the shortest session interval, in seconds, that somebody on the path takes."""

    interval: int

    @staticmethod
    def parse(text: str) -> MinSE:
        interval, rest = _delta_seconds(text, "Min-SE")
        _checked_parameters(rest, "Min-SE")
        return MinSE(interval)

    def __str__(self) -> str:
        return str(self.interval)


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a request was sent (RFC 3326 §2). protocol as on the wire ("SIP", "Q.850"); text unquoted."""

    protocol: str
    cause: int | None = None
    text: str = ""

    @staticmethod
    def parse(text: str) -> Reason:
        protocol, semicolon, rest = text.partition(";")
        if not grammar.is_token(protocol := protocol.strip(" \t")):
            raise RemoteError(400, f"bad Reason: {text!r}")
        parameters = _checked_parameters(semicolon + rest, "Reason")
        cause = parameters.get("cause")
        return Reason(
            protocol,
            None if cause is None else _number(cause, "cause"),
            grammar.unquote(parameters.get("text") or ""),
        )

    def __str__(self) -> str:
        cause = "" if self.cause is None else f";cause={self.cause}"
        text = f";text={grammar.quote(self.text)}" if self.text else ""
        return f"{self.protocol}{cause}{text}"


def parse_reasons(value: str) -> list[Reason]:
    """A Reason field value with one reason or several."""
    return [Reason.parse(element) for element in split_list(value)]


# Retry-After = delta-seconds [ comment ] *( SEMI retry-param ) ; comments nest, and nobody reads them
_RETRY_AFTER = re.compile(
    rf"(?P<seconds>[0-9]++){grammar.SWS}(?:\(.*\){grammar.SWS})?(?P<parameters>{grammar.PARAMETERS})",
    re.DOTALL,
).fullmatch


@dataclass(frozen=True, slots=True)
class RetryAfter:
    """§20.33. interval in seconds; duration: how long the peer is then back for, None if untold."""

    interval: int
    duration: int | None = None

    @staticmethod
    def parse(text: str) -> RetryAfter:
        match = _RETRY_AFTER(text)
        if match is None:
            raise RemoteError(400, f"bad Retry-After: {text!r}")
        duration = parse_parameters(match["parameters"]).get("duration")
        seconds = _number(match["seconds"], "Retry-After")
        return RetryAfter(seconds, None if duration is None else _number(duration, "duration"))

    def __str__(self) -> str:
        return str(self.interval) if self.duration is None else f"{self.interval};duration={self.duration}"
