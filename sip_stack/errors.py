"""What can go wrong, and whose fault it is.

    SipError
    ├── RemoteError           theirs: the peer sent what the RFC forbids; carries the status that it earns
    │   └── MalformedMessage  a whole message that cannot be used; names the request to answer, if any
    └── LocalError            ours: the caller of this package asked for what SIP cannot say

A bug is neither: it is an assertion, and falls.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .message import Request

# RFC 3261 §21, and where a comment stands, the RFC that added the code.
REASONS: dict[int, str] = {
    100: "Trying",
    180: "Ringing",
    181: "Call Is Being Forwarded",
    182: "Queued",
    183: "Session Progress",
    199: "Early Dialog Terminated",  # RFC 6228
    200: "OK",
    202: "Accepted",  # RFC 6665
    204: "No Notification",  # RFC 5839
    300: "Multiple Choices",
    301: "Moved Permanently",
    302: "Moved Temporarily",
    305: "Use Proxy",
    380: "Alternative Service",
    400: "Bad Request",
    401: "Unauthorized",
    402: "Payment Required",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    407: "Proxy Authentication Required",
    408: "Request Timeout",
    410: "Gone",
    412: "Conditional Request Failed",  # RFC 3903
    413: "Request Entity Too Large",
    414: "Request-URI Too Long",
    415: "Unsupported Media Type",
    416: "Unsupported URI Scheme",
    417: "Unknown Resource-Priority",  # RFC 4412
    420: "Bad Extension",
    421: "Extension Required",
    422: "Session Interval Too Small",  # RFC 4028
    423: "Interval Too Brief",
    428: "Use Identity Header",  # RFC 8224
    429: "Provide Referrer Identity",  # RFC 3892
    430: "Flow Failed",  # RFC 5626
    433: "Anonymity Disallowed",  # RFC 5079
    436: "Bad Identity Info",  # RFC 8224
    437: "Unsupported Credential",  # RFC 8224
    438: "Invalid Identity Header",  # RFC 8224
    439: "First Hop Lacks Outbound Support",  # RFC 5626
    440: "Max-Breadth Exceeded",  # RFC 5393
    469: "Bad Info Package",  # RFC 6086
    470: "Consent Needed",  # RFC 5360
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    482: "Loop Detected",
    483: "Too Many Hops",
    484: "Address Incomplete",
    485: "Ambiguous",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    489: "Bad Event",  # RFC 6665
    491: "Request Pending",
    493: "Undecipherable",
    494: "Security Agreement Required",  # RFC 3329
    500: "Server Internal Error",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Server Time-out",
    505: "Version Not Supported",
    513: "Message Too Large",
    555: "Push Notification Service Not Supported",  # RFC 8599
    580: "Precondition Failure",  # RFC 3312
    600: "Busy Everywhere",
    603: "Decline",
    604: "Does Not Exist Anywhere",
    606: "Not Acceptable",
    607: "Unwanted",  # RFC 8197
    608: "Rejected",  # RFC 8688
}


class SipError(Exception):
    """Anything this package raises on purpose."""


class RemoteError(SipError):
    """The peer sent what cannot be accepted.

    status: the response that a request with this fault earns (RFC 3261 §21).
    reason: the phrase for that response.
    detail: what was wrong, for the trace; may quote the peer, so it never goes on the wire.
    fields: headers that the response needs (Unsupported, Allow, Accept), named as they should appear.
    """

    def __init__(
        self, status: int, detail: str, *, reason: str = "", fields: tuple[tuple[str, str], ...] = ()
    ) -> None:
        super().__init__(f"{status} {detail}")
        self.status = status
        self.reason = reason or REASONS.get(status, "")
        self.detail = detail
        self.fields = fields


class MalformedMessage(RemoteError):
    """A message that cannot be used.

    request: parsed far enough to be answered with `status`; None where nothing can or may be answered, as for
        a response, an ACK (RFC 3261 §17: an ACK is never answered) or a request without the headers that a
        response copies (§8.2.6.2).
    """

    def __init__(self, detail: str, *, request: Request | None = None, status: int = 400) -> None:
        super().__init__(status, detail)
        self.request = request


class LocalError(SipError):
    """The caller asked for what SIP cannot say, such as a header value with a line break in it."""
