"""Messages of rtpengine's ng protocol: a cookie, a space, a bencoded dictionary; one to a datagram.

A reply has its request's cookie. Who hears none says the same again with the same cookie, which rtpengine knows
again: it answers what it answered before, and does nothing twice.
"""

from __future__ import annotations

from typing import Final

from rtp_relay.errors import ControlError
from rtp_relay.ng import bencode
from rtp_relay.ng.bencode import Value

DATAGRAM_LIMIT: Final = 65507  # octets

Request = dict[str, Value]
Reply = dict[str, Value]


def datagram(cookie: str, message: Request | Reply) -> bytes:
    return cookie.encode() + b" " + bencode.encode(message)


def read(octets: bytes) -> tuple[str, Reply]:
    """Cookie and dictionary of a datagram. Raises ControlError."""
    cookie, space, rest = octets.partition(b" ")
    message = bencode.decode(rest) if space else None
    if not isinstance(message, dict):
        raise ControlError("no cookie and dictionary")
    return cookie.decode(*bencode.CODING), message


def trouble(reply: Reply) -> str:
    """Why a request was refused; "" if it was not."""
    result = reply.get("result")
    if result in ("ok", "pong"):
        return ""
    reason = reply.get("error-reason")
    return reason if isinstance(reason, str) and reason else f"result {result!r}"


def ping() -> Request:
    return {"command": "ping"}
