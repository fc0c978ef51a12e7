"""Messages out of a byte stream (RFC 3261 §18.3).

Over TCP the Content-Length is all that says where a message ends, so a message without one, or with rubbish
for one, leaves nothing after it that could be trusted: what came before is delivered, `failure` is set, and
the connection is good for one error response and a close.
"""

from __future__ import annotations

import re

from . import grammar
from .errors import MalformedMessage
from .message import Request, parse

MAX_MESSAGE = 131_072  # octets: twice what UDP carries; the body of a SIP message is an SDP of one or two KiB

_PING = b"\r\n\r\n"

# The value of every Content-Length field, folded or not; what stands there is judged by _content_length.
_LENGTH = re.compile(
    rb"\n(?:content-length|l)[ \t]*+:(?:[ \t]|\r?\n[ \t])*([^\r\n]*+)(?=\r?\n[^ \t]|\r?\Z)",
    re.IGNORECASE,
)


class StreamFraming:
    """The receiving half of one connection.

    failure: None until the stream cannot be followed any further; then what was wrong, with the status it
        earns and, where it can be answered, the request it was wrong in.
    failed_head: the head of that message as far as it came, for the trace.
    """

    __slots__ = ("_buffer", "_end", "_pings", "_searched", "failed_head", "failure")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._searched = 0  # no head ends before here
        self._end = 0  # where the message now arriving ends; 0 while its head is incomplete
        self._pings = 0
        self.failure: MalformedMessage | None = None
        self.failed_head = b""

    @property
    def is_idle(self) -> bool:
        """Between messages: none has begun to arrive that is not whole yet. Half a ping is no message."""
        return _PING.startswith(bytes(self._buffer[:4]))

    def take_pings(self) -> int:
        """How many keep-alives have come since last asked; each wants one CRLF in reply.

        RFC 5626 §3.5.1: CRLF CRLF between messages.
        """
        pings, self._pings = self._pings, 0
        return pings

    def feed(self, data: bytes) -> list[bytes]:
        """The messages that `data` completes, in order. After a failure, nothing."""
        messages: list[bytes] = []
        if self.failure is not None:
            return messages
        self._buffer += data
        while (message := self._next()) is not None:
            messages.append(message)
        return messages

    def _next(self) -> bytes | None:
        if not self._end:
            self._skip_keep_alives()
            self._find_end()
        if not self._end or len(self._buffer) < self._end:
            return None
        message = bytes(self._buffer[: self._end])
        del self._buffer[: self._end]
        self._end = self._searched = 0
        return message

    def _skip_keep_alives(self) -> None:
        buffer = self._buffer
        while buffer.startswith(_PING):
            del buffer[:4]
            self._pings += 1
        # Half a ping may yet become one, so a lone CRLF goes only when something else follows it.
        if buffer.startswith((b"\r", b"\n")) and not self.is_idle:
            del buffer[: len(buffer) - len(buffer.lstrip(b"\r\n"))]

    def _find_end(self) -> None:
        buffer = self._buffer
        blank = grammar.find_blank_line(buffer, self._searched)
        if blank is None:
            self._searched = max(0, len(buffer) - 3)
            if len(buffer) > grammar.MAX_HEAD:
                self._fail(len(buffer), 513, "no end of headers")
            return
        head_end, body_at = blank.span()
        if head_end > grammar.MAX_HEAD:
            self._fail(body_at, 513, f"head of {head_end} octets")
            return
        length, fault = _content_length(bytes(buffer[:head_end]))
        if fault:
            self._fail(body_at, 400, fault)
        elif body_at + length > MAX_MESSAGE:
            self._fail(body_at, 513, f"body of {length} octets")
        else:
            self._end = body_at + length

    def _fail(self, body_at: int, status: int, detail: str) -> None:
        self.failed_head = bytes(self._buffer[:body_at])
        self._buffer.clear()
        self.failure = MalformedMessage(detail, request=_answerable(self.failed_head), status=status)


def _content_length(head: bytes) -> tuple[int, str]:
    """The Content-Length that a head names, and what is wrong with it."""
    found = {match[1].rstrip() for match in _LENGTH.finditer(head)}
    if not found:
        # §20.14: "If a stream-based protocol (such as TCP) is used as transport, then the header field MUST
        # be used."
        return 0, "no Content-Length on a stream"
    if len(found) > 1:
        return 0, "two values of Content-Length"
    text = found.pop()
    # Never trust a length: digits only, few of them, and nothing is reserved for it.
    if not text.isdigit() or len(text) > 10:
        return 0, f"bad Content-Length {text[:40]!r}"
    return int(text), ""


def _answerable(head: bytes) -> Request | None:
    """The request that a head is of, if there is one that may be answered."""
    try:
        message = parse(head)
    except MalformedMessage as error:
        return error.request
    return message if isinstance(message, Request) and message.method != "ACK" else None
