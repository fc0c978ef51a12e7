"""Requests as we send them, and the ACK and CANCEL that follow from an INVITE.

A request of ours is kept as the few values that later messages must repeat to the letter; the rest is
already bytes.
"""

from __future__ import annotations

from collections.abc import Sequence

from sip_stack.errors import LocalError

MAX_FORWARDS = 70  # RFC 3261 §8.1.1.6


class OutgoingRequest:
    """One request on the wire: its bytes, and what its ACK or CANCEL repeats."""

    __slots__ = (
        "branch",
        "call_id",
        "cseq",
        "data",
        "from_value",
        "max_forwards",
        "method",
        "routes",
        "to_value",
        "uri",
        "via",
    )

    def __init__(
        self,
        method: str,
        uri: str,
        *,
        via: str,
        branch: str,
        from_value: str,
        to_value: str,
        call_id: str,
        cseq: int,
        routes: Sequence[str] = (),
        max_forwards: int = MAX_FORWARDS,
        fields: str = "",
        body: bytes = b"",
        content_type: str = "application/sdp",
    ) -> None:
        """fields: ready header lines, each ended by CRLF."""
        self.method = method
        self.uri = uri
        self.via = via
        self.branch = branch
        self.from_value = from_value
        self.to_value = to_value
        self.call_id = call_id
        self.cseq = cseq
        self.routes = "".join([f"Route: {route}\r\n" for route in routes]) if routes else ""
        self.max_forwards = max_forwards
        self.data = self._encode(method, to_value, fields, body, content_type)

    @property
    def credentials(self) -> str:
        """Its Authorization and Proxy-Authorization lines.

        RFC 3261 §13.2.2.4: the ACK of a 2xx "MUST contain the same credentials as the INVITE".
        """
        if b"uthorization: " not in self.data:
            return ""
        head = self.data.partition(b"\r\n\r\n")[0].decode("utf-8", "surrogateescape")
        names = ("Authorization:", "Proxy-Authorization:")
        return "".join([f"{line}\r\n" for line in head.split("\r\n") if line.startswith(names)])

    def cancel(self, fields: str = "") -> OutgoingRequest:
        """RFC 3261 §9.1: same Request-URI, Call-ID, To, From, CSeq number, and the one Via of the INVITE.

        "A CANCEL ... MUST have a single Via header field value matching the top Via value in the
        request being cancelled." Route is repeated; Require and Proxy-Require must not be there.
        """
        return self._follow("CANCEL", self.to_value, fields)

    def acknowledge_failure(self, to_value: str) -> OutgoingRequest:
        """§17.1.1.3: the ACK of a 300-699, made by the transaction; its To is the response's."""
        return self._follow("ACK", to_value, "")

    def _follow(self, method: str, to_value: str, fields: str) -> OutgoingRequest:
        follower = OutgoingRequest.__new__(OutgoingRequest)
        follower.method = method
        follower.uri, follower.via, follower.branch = self.uri, self.via, self.branch
        follower.from_value, follower.to_value = self.from_value, to_value
        follower.call_id, follower.cseq, follower.routes = self.call_id, self.cseq, self.routes
        follower.max_forwards = MAX_FORWARDS
        follower.data = follower._encode(method, to_value, fields, b"", "")
        return follower

    def _encode(self, method: str, to_value: str, fields: str, body: bytes, content_type: str) -> bytes:
        kind = f"Content-Type: {content_type}\r\n" if body else ""
        head = (
            f"{method} {self.uri} SIP/2.0\r\nVia: {self.via}\r\n{self.routes}Max-Forwards: {self.max_forwards}\r\n"
            f"From: {self.from_value}\r\nTo: {to_value}\r\nCall-ID: {self.call_id}\r\nCSeq: {self.cseq} {method}\r\n"
            f"{fields}{kind}Content-Length: {len(body)}\r\n\r\n"
        )
        return head.encode("utf-8", "surrogateescape") + body


def lines(fields: Sequence[tuple[str, str]]) -> str:
    """Header lines of these names and values, each ended by CRLF.

    LocalError when a value would end its line: nothing that came from a file, the API or a decoded
    %0d%0a may add a header of its own.
    """
    for name, value in fields:
        if "\r" in value or "\n" in value or "\0" in value:
            raise LocalError(f"the value of {name} holds a line end or NUL: {value!r}")
    return "".join([f"{name}: {value}\r\n" for name, value in fields])
