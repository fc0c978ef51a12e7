"""Responses as we write them, from a template for each request (RFC 3261 §8.2.6), and where they go (§18.2.2)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from zlib import crc32

from sip_stack import grammar
from sip_stack.errors import REASONS, LocalError
from sip_stack.headers import asks_rport, stamp_via
from sip_stack.message import Request


def response_destination(request: Request, source_host: str, source_port: int) -> tuple[str, int]:
    """Where the responses to a request that came over UDP go (RFC 3261 §18.2.2, RFC 3581 §4).

    The host is always the one the request came from, which is sent-by or `received`. maddr is not honoured:
    it would let anybody aim our responses at a third party.
    """
    if asks_rport(request.via_value):
        return source_host, source_port
    match = grammar.match_via(request.via_value)
    port = int(match["port"]) if match and match["port"] else 5060
    return source_host, port if 0 < port < 65_536 else source_port  # no socket sends to a port that is none


def stateless_tag(request: Request) -> str:
    """A To tag for a request that no state is kept of: the same for every copy of it (RFC 3261 §8.2.7)."""
    identity = f"{request.branch}{request.call_id}{request.from_tag}"
    return f"{crc32(identity.encode('utf-8', 'replace')):08x}"


class ReplyTemplate:
    """All that the responses to one request have in common (RFC 3261 §8.2.6.2), built once."""

    __slots__ = ("_after_tag", "_before_tag", "_record_route", "_timestamp", "_to_is_tagged")

    def __init__(self, request: Request, source_host: str, source_port: int) -> None:
        first = request.first
        top = stamp_via(request.via_value, source_host, source_port)
        if first["via"] is not request.via_value or len(first) != len(request.fields):
            top = "\r\nVia: ".join([top, *request.values("via")[1:]])
        self._before_tag = f"Via: {top}\r\nFrom: {request.from_value}\r\nTo: {request.to_value}"
        self._after_tag = f"\r\nCall-ID: {request.call_id}\r\nCSeq: {first['cseq']}\r\n"
        self._to_is_tagged = request.to_tag != ""
        self._timestamp = _lines("Timestamp", request.get_all("timestamp")[:1])
        self._record_route = _lines("Record-Route", request.get_all("record-route"))

    def build(
        self,
        status: int,
        reason: str = "",
        to_tag: str = "",
        fields: Sequence[tuple[str, str]] = (),
        body: bytes = b"",
        content_type: str = "application/sdp",
    ) -> bytes:
        """One response.

        reason: "" for the RFC's phrase.
        to_tag: left out of a 100 and where the request had one.
        fields: further headers, named as they should appear.
        Raises LocalError for a value with CR, LF or NUL in it.
        """
        if status > 100:
            tag = f";tag={to_tag}" if to_tag and not self._to_is_tagged else ""
            copied = self._record_route if status < 300 else ""
        else:
            tag, copied = "", self._timestamp
        added = "".join([f"{name}: {value}\r\n" for name, value in fields])
        count = len(fields)
        if body:
            added += f"Content-Type: {content_type}\r\n"
            count += 1
        # What was copied is from a parsed message, so it is clean; what is given is not to be trusted.
        if added.count("\n") != count or added.count("\r") != count or "\0" in added or _is_unsafe(reason + tag):
            raise LocalError("CR, LF or NUL in a header value")
        start = f"SIP/2.0 {status} {reason or REASONS.get(status, '')}\r\n{self._before_tag}{tag}{self._after_tag}"
        head = f"{start}{copied}{added}Content-Length: {len(body)}\r\n\r\n"
        try:
            return head.encode("utf-8", "surrogateescape") + body
        except UnicodeEncodeError as error:
            raise LocalError(f"text that has no UTF-8: {error.reason}") from None


def _lines(name: str, values: Iterable[str]) -> str:
    return "".join([f"{name}: {value}\r\n" for value in values])


def _is_unsafe(text: str) -> bool:
    return "\n" in text or "\r" in text or "\0" in text
