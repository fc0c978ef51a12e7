"""What rtpengine's answer to a query says of a call's streams, as far as the core's figures have a place for it.

It counts packets and octets, and says where packets are exchanged with. Loss, jitter, gaps and strangers it does not
tell of single streams in a way that could be relied on: they are left at nothing.
"""

from __future__ import annotations

from typing import NamedTuple

from rtp_relay.control import StreamFigures
from rtp_relay.ng.bencode import Value
from rtp_relay.ng.messages import Reply


class Stream(NamedTuple):
    """One socket of a medium."""

    packets: int = 0
    octets: int = 0
    ssrc: int = 0
    far: str = ""


def figures(reply: Reply, legs: tuple[int, ...]) -> tuple[StreamFigures, ...]:
    """Of those legs, medium by medium. What was sent to a leg is what came from its partner."""
    found = []
    tags = _dictionary(reply.get("tags"))
    for leg in legs:
        tag = _dictionary(tags.get(str(leg)))
        partner = _dictionary(tags.get(_partner(tag)))
        others = _media(partner)
        for medium, (rtp, rtcp) in enumerate(_media(tag)):
            sent = others[medium][0] if medium < len(others) else Stream()
            found.append(StreamFigures(
                leg=leg, medium=medium, packets=rtp.packets, octets=rtp.octets, lost=0, jitter=0.0, ssrc=rtp.ssrc,
                payload_type=-1, rtcp_packets=rtcp.packets, sent_packets=sent.packets, sent_octets=sent.octets,
                strangers=0, malformed=0, first_packet=-1.0, last_packet=-1.0, longest_gap=0.0,
                far=rtp.far if rtp.packets else "",
            ))  # fmt: skip
    return tuple(found)


def received(reply: Reply, legs: tuple[int, ...]) -> int:
    """RTP packets that came from those legs."""
    tags = _dictionary(reply.get("tags"))
    return sum(rtp.packets for leg in legs for rtp, _ in _media(_dictionary(tags.get(str(leg)))))


def _partner(tag: dict[str, Value]) -> str:
    """Whose media the leg gets: the newest of its subscriptions, or as older daemons say it, the dialogue."""
    subscriptions = _list(tag.get("subscriptions"))
    if subscriptions:
        return _text(_dictionary(subscriptions[0]).get("tag"))
    return _text(tag.get("in dialogue with"))


def _media(tag: dict[str, Value]) -> list[tuple[Stream, Stream]]:
    """RTP and RTCP of each medium."""
    media = []
    for each in _list(tag.get("medias")):
        streams = [_stream(_dictionary(one)) for one in _list(_dictionary(each).get("streams"))]
        streams += [Stream()] * (2 - len(streams))
        media.append((streams[0], streams[1]))
    return media


def _stream(one: dict[str, Value]) -> Stream:
    stats, endpoint = _dictionary(one.get("stats")), _dictionary(one.get("endpoint"))
    host, port = _text(endpoint.get("address")), _number(endpoint.get("port"))
    far = (f"[{host}]:{port}" if ":" in host else f"{host}:{port}") if host and port else ""
    return Stream(_number(stats.get("packets")), _number(stats.get("bytes")), _number(one.get("SSRC")), far)


def _dictionary(value: Value | None) -> dict[str, Value]:
    return value if isinstance(value, dict) else {}


def _list(value: Value | None) -> list[Value]:
    return value if isinstance(value, list) else []


def _text(value: Value | None) -> str:
    return value if isinstance(value, str) else ""


def _number(value: Value | None) -> int:
    return value if isinstance(value, int) and value >= 0 else 0
