"""Session descriptions to test with."""

from __future__ import annotations

from sip_stack.sdp import Media, Session, parse
from sip_stack.sdp_rewriting import End, Origin

OURS = End("198.51.100.7", 30000, 30001)


AUDIO = (
    "m=audio 49172 RTP/AVP 0 8 101", "a=rtpmap:0 PCMU/8000", "a=rtpmap:8 PCMA/8000",
    "a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-16", "a=ptime:20",
)  # fmt: skip


def sdp(*lines: str, head: tuple[str, ...] = ("c=IN IP4 192.0.2.101", "t=0 0")) -> bytes:
    start = ("v=0", "o=alice 2890844526 2890844530 IN IP4 192.0.2.101", "s=call")
    return "".join(f"{line}\r\n" for line in (*start, *head, *lines)).encode()


def session(*lines: str, head: tuple[str, ...] = ("c=IN IP4 192.0.2.101", "t=0 0")) -> Session:
    return parse(sdp(*lines, head=head))


def medium(*lines: str, head: tuple[str, ...] = ("c=IN IP4 192.0.2.101", "t=0 0")) -> Media:
    return session(*lines, head=head).media[0]


def origin(address: str = "198.51.100.7") -> Origin:
    return Origin("multiring", 77, address)


def lines_of(body: bytes) -> list[str]:
    assert body.endswith(b"\r\n")
    return body.decode().split("\r\n")[:-1]
