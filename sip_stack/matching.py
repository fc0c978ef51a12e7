"""What belongs to what: by which words of a message its transaction is found.

RFC 3261 §17.1.3 (responses), §17.2.3 (requests), §8.2.2.2 (merged requests); and what ICMP quotes of a datagram.
"""

from __future__ import annotations

import re
from typing import Final

from sip_stack.flow import Flow
from sip_stack.message import Request

MAGIC_COOKIE: Final = "z9hG4bK"  # RFC 3261 §8.1.1.7

ServerKey = tuple[str, str, str]
MergeKey = tuple[str, str, int, str]

_BRANCH = re.compile(rb"[;]branch=(" + MAGIC_COOKIE.encode() + rb"[^;,\s]*)")


def server_key(request: Request) -> ServerKey:
    """§17.2.3: branch, method and sent-by, ACK counted as INVITE; else, for RFC 2543, the whole of it."""
    method = "INVITE" if request.method == "ACK" else request.method
    branch = request.branch
    if branch.startswith(MAGIC_COOKIE):
        via = request.via_value
        end = via.find(";")
        return branch, method, via[:end] if end >= 0 else via
    triple = f"{request.call_id}\n{request.from_tag}\n{request.cseq}\n{request.uri}"
    return triple, method, request.via_value


def merge_key(request: Request) -> MergeKey:
    """§8.2.2.2: From tag, Call-ID and CSeq, which copies of one request share that came by several ways.

    With the Request-URI: a trunk that forks two numbers to us sends two requests that differ in nothing else.
    """
    return request.call_id, request.from_tag, request.cseq, request.uri


def quoted_key(quoted: bytes) -> tuple[str, str]:
    """The branch and method of a datagram of ours as ICMP quotes it, perhaps cut short; an ACK is its INVITE's."""
    found = _BRANCH.search(quoted)
    method = quoted.partition(b" ")[0].decode("ascii", "replace")
    return (found[1].decode("ascii", "replace") if found else ""), "INVITE" if method == "ACK" else method


def is_same_way(ours: Flow, failed: Flow) -> bool:
    """Whether what we send by one flow fails when the other has: one connection, or one address of the peer."""
    if failed.connection and ours.connection == failed.connection:
        return True
    return (ours.transport, ours.host, ours.port) == (failed.transport, failed.host, failed.port)
