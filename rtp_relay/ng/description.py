"""Session descriptions as rtpengine wants them, and what it makes of them.

rtpengine learns where a far end is from a description, and tells its own address and port in the one that it gives
back. These have no more in them than that: what the far ends really said to each other does not go through here.

A medium whose far end is not known, or that was refused, or held at 0.0.0.0, is described as a *placeholder*, at the
discard port of the loopback. Refused (port 0), it would lose its ports at rtpengine, which the far end may be told
again later; and what is sent to a placeholder never leaves rtpengine's host.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from rtp_relay.control import Direct
from rtp_relay.errors import ControlError

DISCARD: Final = 9  # the port; RFC 863
LOOPBACK: Final = ("127.0.0.1", "::1")
UNSPECIFIED: Final = ("", "0.0.0.0", "::")
STATIC: Final = (0, 3, 4, 8, 9, 13, 18)  # payload types of RFC 3551 that telephones use
TELEPHONE_EVENT: Final = (101, 8000)  # as most number it, where its rate is the usual one and so not mentioned
MEDIA_LIMIT: Final = 64


class End(NamedTuple):
    """What rtpengine lends: where the far end is to send to."""

    address: str
    port: int
    rtcp_port: int


def write(media: Sequence[Direct | None], is_version_6: bool, rates: Iterable[tuple[int, int]] = ()) -> str:
    """A description with those media, None for a placeholder. rates: (payload type, Hz) of dynamic ones."""
    lines = ["v=0", "o=multiring 1 1 IN " + _address(LOOPBACK[is_version_6]), "s=-", "t=0 0"]
    mapped = dict([TELEPHONE_EVENT, *rates])
    for direct in media:
        lines += _medium(direct, is_version_6, mapped)
    return "\r\n".join([*lines, ""])


def _medium(direct: Direct | None, is_version_6: bool, rates: dict[int, int]) -> list[str]:
    is_udptl = direct is not None and direct.kind == "udptl"
    is_placed = direct is None or not direct.port or direct.address in UNSPECIFIED
    address, port = LOOPBACK[is_version_6], DISCARD
    if direct is not None and not is_placed:
        address, port = direct.address, direct.port
    formats = " ".join(str(number) for number in dict.fromkeys([*STATIC, *rates]))
    lines = [
        f"m=image {port} udptl t38" if is_udptl else f"m=audio {port} RTP/AVP {formats}",
        f"c=IN {_address(address)}",
    ]
    if is_udptl:
        return lines
    lines += [f"a=rtpmap:{number} {_codec(number)}/{rate}" for number, rate in rates.items()]
    if direct is not None and direct.mux:
        lines.append("a=rtcp-mux")
    elif direct is not None and not is_placed and direct.rtcp_port not in (0, port + 1):
        lines.append(f"a=rtcp:{direct.rtcp_port}")
    return lines


def _codec(number: int) -> str:
    """A name for what nobody here reads: packets are passed on as they come."""
    return "telephone-event" if number == TELEPHONE_EVENT[0] else f"unnamed-{number}"


def _address(address: str) -> str:
    return f"IP6 {address}" if ":" in address else f"IP4 {address}"


def read(text: str) -> list[End]:
    """What was lent, medium by medium. Raises ControlError."""
    session_address, ends = "", list[End]()
    for line in text.splitlines():
        kind, _, value = line.partition("=")
        words = value.split()
        if kind == "m" and len(words) > 2 and len(ends) < MEDIA_LIMIT:
            port = _port(words[1])
            ends.append(End(session_address, port, port + 1))
        elif kind == "c" and len(words) == 3:
            if ends:
                ends[-1] = ends[-1]._replace(address=words[2])
            else:
                session_address = words[2]
        elif kind == "a" and ends and value.startswith("rtcp:") and words:
            ends[-1] = ends[-1]._replace(rtcp_port=_port(words[0].removeprefix("rtcp:")))
    if not all(end.address for end in ends):
        raise ControlError("a description without an address")
    return ends


def _port(digits: str) -> int:
    if not digits.isascii() or not digits.isdigit() or len(digits) > 5 or int(digits) > 65535:
        raise ControlError(f"{digits!r} is no port")
    return int(digits)
