"""URIs: sip and sips (RFC 3261 §19.1), tel (RFC 3966), and any other scheme as opaque text."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote

from . import grammar
from .errors import RemoteError

Pairs = tuple[tuple[str, str | None], ...]  # names as they came; None where there is no "="

KNOWN_SCHEMES = frozenset({"sip", "sips", "tel"})

# RFC 3261 §19.1.4: "A user, ttl, or method uri-parameter appearing in only one URI never matches", "A URI
# that includes maddr will not match a URI that contains no maddr"; that transport counts too, the examples
# there show.
_NEVER_IN_ONE = frozenset({"user", "ttl", "method", "maddr", "transport"})

_SIP = re.compile(
    rf"(?P<scheme>{grammar.SIP_SCHEME}):"
    rf"(?:(?P<user>{grammar.USER})(?::(?P<password>{grammar.PASSWORD}))?@)?"
    rf"(?P<host>{grammar.HOST})(?::(?P<port>{grammar.PORT}))?"
    rf"(?P<parameters>{grammar.URI_PARAMETERS})(?:\?(?P<headers>.*+))?"
).fullmatch
_HEADERS = re.compile(rf"{grammar.URI_HEADER}(?:&{grammar.URI_HEADER})*").fullmatch

# telephone-uri = "tel:" telephone-subscriber ; telephone-subscriber = global-number / local-number
# global-number-digits = "+" *phonedigit DIGIT *phonedigit ; local-number-digits takes HEXDIG, "*" and "#" too
# visual-separator = "-" / "." / "(" / ")"
# Lenience: a local number without the phone-context that RFC 3966 §5.1.5 demands, as in "tel:911".
_TEL = re.compile(
    rf"[Tt][Ee][Ll]:(?P<number>\+[0-9.()\-]*+|[0-9A-Fa-f*#.()\-]++)(?P<parameters>{grammar.URI_PARAMETERS})"
).fullmatch
_OTHER = re.compile(grammar.OTHER_URI).fullmatch
_SEPARATORS = str.maketrans("", "", "-.() ")


@dataclass(frozen=True, slots=True)
class Uri:
    """One URI, taken apart; `str()` puts it together again.

    scheme: lower case.
    user: as on the wire, escapes and all; the number of a tel URI; all after the colon of an unknown scheme.
    password: as on the wire; "" where there is none.
    host: lower case, an IPv6 address without brackets; "" unless sip or sips.
    port: None where the URI names none.
    parameters, headers: pairs in the order they came.
    """

    scheme: str
    user: str = ""
    host: str = ""
    port: int | None = None
    parameters: Pairs = ()
    headers: Pairs = ()
    password: str = ""

    @staticmethod
    def parse(text: str) -> Uri:
        """The URI that `text` is. Raises RemoteError(400) for what is none; an unknown scheme is none of our
        business here (see `parse_request_uri`)."""
        # The same few URIs come again and again; but what is long is not kept, for the peer chooses it.
        return _known(text) if len(text) < 256 else _parse(text)

    def parameter(self, name: str) -> str:
        """The value of the parameter `name` (lower case), unescaped; "" if it is absent or has no value."""
        for key, value in self.parameters:
            if key.lower() == name:
                return unquote(value or "")
        return ""

    @property
    def transport(self) -> str:
        """The transport parameter in lower case; "" if there is none."""
        return self.parameter("transport").lower()

    def equivalent(self, other: Uri) -> bool:
        """Do the two match by RFC 3261 §19.1.4, or for tel by RFC 3966 §4?"""
        if self.scheme != other.scheme:
            return False
        if self.scheme == "tel":
            return self._tel_identity() == other._tel_identity()
        return (
            unquote(self.user) == unquote(other.user)
            and unquote(self.password) == unquote(other.password)
            and grammar.same_host(self.host, other.host)
            and self.port == other.port
            and self._parameters_match(other)
            and _comparable(self.headers, unquote) == _comparable(other.headers, unquote)
        )

    def _parameters_match(self, other: Uri) -> bool:
        mine = dict(_comparable(self.parameters, _fold))
        theirs = dict(_comparable(other.parameters, _fold))
        if (mine.keys() ^ theirs.keys()) & _NEVER_IN_ONE:
            return False
        return all(mine[name] == theirs[name] for name in mine.keys() & theirs.keys())

    def _tel_identity(self) -> tuple[str, list[tuple[str, str]]]:
        # RFC 3966 §4: visual separators do not count, nor does the order of parameters; case is ignored.
        pairs = [
            (name, value.translate(_SEPARATORS) if name in ("phone-context", "ext") else value)
            for name, value in _comparable(self.parameters, _fold)
        ]
        return self.user.translate(_SEPARATORS).lower(), pairs

    def __str__(self) -> str:
        text = [self.scheme, ":", self.user]
        if self.host:
            if self.password:
                text += [":", self.password]
            if self.user:
                text.append("@")
            text.append(f"[{self.host}]" if ":" in self.host else self.host)
        if self.port is not None:
            text.append(f":{self.port}")
        text += [f";{name}" if value is None else f";{name}={value}" for name, value in self.parameters]
        if self.headers:
            text.append("?" + "&".join(f"{name}={value or ''}" for name, value in self.headers))
        return "".join(text)


def parse_host(host: str) -> str:
    """A host that matches `grammar.HOST`, in lower case, an IPv6 address without its brackets."""
    host = host.lower()
    if host[0] != "[":
        return host
    if grammar.ip_address(host) is None:
        raise RemoteError(400, f"not an IPv6 address: {host!r}")
    return host[1:-1].replace(":::", "::")


def parse_port(port: str | None) -> int | None:
    """A port that matches `grammar.PORT`, or none."""
    if port is None:
        return None
    if not 0 < int(port) < 65_536:
        raise RemoteError(400, f"no such port: {port}")
    return int(port)


def _fold(text: str) -> str:
    return unquote(text).lower()


def _comparable(pairs: Pairs, form: Callable[[str], str]) -> list[tuple[str, str]]:
    return sorted((_fold(name), form(value or "")) for name, value in pairs)


def _pairs(text: str, separator: str) -> Pairs:
    if not text:
        return ()
    pairs = []
    for piece in text.split(separator):
        name, equals, value = piece.partition("=")
        pairs.append((name, value if equals else None))
    return tuple(pairs)


def _parse(text: str) -> Uri:
    if match := _SIP(text):
        return _sip_uri(match)
    if match := _TEL(text):
        return Uri("tel", match["number"], parameters=_pairs(match["parameters"][1:], ";"))
    if _OTHER(text) and text[:4].lower() != "tel:":
        scheme, _, opaque = text.partition(":")
        return Uri(scheme.lower(), opaque)
    raise RemoteError(400, f"not a URI: {text!r}")


_known = lru_cache(maxsize=4096)(_parse)


def _sip_uri(match: re.Match[str]) -> Uri:
    scheme, user, password, host, port, parameters, headers = match.groups()
    if headers is not None and not _HEADERS(headers):
        raise RemoteError(400, f"bad headers in a URI: {headers!r}")
    return Uri(
        scheme.lower(),
        user or "",
        parse_host(host),
        parse_port(port),
        _pairs(parameters[1:], ";"),
        _pairs(headers or "", "&"),
        password or "",
    )


def parse_request_uri(text: str) -> Uri:
    """A Request-URI. Raises RemoteError(416) for a scheme we do not know (RFC 3261 §8.2.2.1), else 400."""
    scheme, colon, _ = text.partition(":")
    if colon and scheme.lower() not in KNOWN_SCHEMES and _OTHER(text):
        raise RemoteError(416, f"unknown URI scheme {scheme!r}")
    uri = Uri.parse(text)
    if uri.headers:
        # RFC 3261 §19.1.1, table 1: headers are not allowed in a Request-URI.
        raise RemoteError(400, "headers in the Request-URI")
    return uri


def number(uri_or_text: Uri | str) -> str:
    """The telephone number in a sip, sips or tel URI, or in plain text, without visual separators.

    A sip user part may carry parameters of its own ("+1-212-555-0101;phone-context=..."); they are left out.
    Raises RemoteError(400) for text that begins like a URI and is none.
    """
    if isinstance(uri_or_text, str):
        scheme, colon, _ = uri_or_text.partition(":")
        if not colon or scheme.lower() not in KNOWN_SCHEMES:
            return uri_or_text.translate(_SEPARATORS)
        uri_or_text = Uri.parse(uri_or_text)
    return unquote(uri_or_text.user.partition(";")[0]).translate(_SEPARATORS)
