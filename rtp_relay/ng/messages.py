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
LOAD_LIMIT: Final = "load limit"

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
    reason = reply.get("error-reason") or reply.get("message")
    return reason if isinstance(reason, str) else f"result {result!r}"


def ping() -> Request:
    return {"command": "ping"}


def describe(
    command: str, call: str, offerer: int, answerer: int, sdp: str, *, latch: bool, direction: tuple[str, str]
) -> Request:
    """An offer, or an answer to one: both name the offerer first. The description is of who says it.

    latch: the address in it may be corrected by who sends. direction: interfaces towards offerer and answerer, ""
    for the first one.
    """
    flags: list[Value] = ["port latching", "strict source"]
    if not latch:
        flags.append("asymmetric")
    request: Request = {
        "command": command, "call-id": call, "from-tag": str(offerer), "to-tag": str(answerer), "sdp": sdp,
        "flags": flags, "ICE": "remove", "supports": [LOAD_LIMIT],
    }  # fmt: skip
    if command == "offer" and any(direction):
        request["direction"] = list(direction)
    return request


def block(call: str, leg: int | None, is_blocked: bool) -> Request:
    """What comes from a leg, or from all of them, goes nowhere; or does again."""
    request: Request = {"command": "block media" if is_blocked else "unblock media", "call-id": call}
    if leg is not None:
        request["from-tag"] = str(leg)
    return request


def query(call: str) -> Request:
    return {"command": "query", "call-id": call}


def delete(call: str, offerer: int | None = None, answerer: int | None = None) -> Request:
    """End a call, or one leg of it, at once and not after the daemon's usual delay."""
    request: Request = {"command": "delete", "call-id": call, "delete delay": 0}
    if offerer is not None and answerer is not None:
        request |= {"from-tag": str(offerer), "to-tag": str(answerer)}
    return request
