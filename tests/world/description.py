"""The puppets' own session descriptions (RFC 8866): written from a few words, read with a few more."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

MIRROR: Final = {
    "sendrecv": "sendrecv",
    "sendonly": "recvonly",
    "recvonly": "sendonly",
    "inactive": "inactive",
}
_CODECS: Final = {
    "0": "PCMU/8000",
    "8": "PCMA/8000",
    "9": "G722/8000",
    "18": "G729/8000",
    "101": "telephone-event/8000",
}
_DIRECTION: Final = re.compile(r"^a=(sendrecv|sendonly|recvonly|inactive)\r?$", re.M)


@dataclass(frozen=True, slots=True)
class Medium:
    """One m-line. address "" stands for the session's; direction "" for none written."""

    kind: str = "audio"
    port: int = 10000
    profile: str = "RTP/AVP"
    formats: tuple[str, ...] = ("0", "8", "101")
    address: str = ""
    direction: str = ""
    attributes: tuple[str, ...] = ()

    @property
    def way(self) -> str:
        """RFC 3264 §5.1: absent means sendrecv."""
        return self.direction or "sendrecv"


@dataclass(frozen=True, slots=True)
class Description:
    """A session description. address "" leaves the session's c= line out."""

    address: str
    media: tuple[Medium, ...] = (Medium(),)
    user: str = "puppet"
    session: int = 1
    version: int = 1
    direction: str = ""
    origin_address: str = ""
    attributes: tuple[str, ...] = field(default=())

    def text(self) -> str:
        address = self.origin_address or self.address or "0.0.0.0"
        lines = [
            "v=0",
            f"o={self.user} {self.session} {self.version} IN {_family(address)} {address}",
            "s=call",
        ]
        if self.address:
            lines.append(f"c=IN {_family(self.address)} {self.address}")
        lines.append("t=0 0")
        lines += [f"a={attribute}" for attribute in self.attributes]
        if self.direction:
            lines.append(f"a={self.direction}")
        for medium in self.media:
            lines += _medium_lines(medium)
        return "\r\n".join(lines) + "\r\n"

    def changed(self, **changes: object) -> Description:
        """The next version of it, changed so."""
        return replace(self, version=self.version + 1, **changes)  # type: ignore[arg-type]


def _family(address: str) -> str:
    return "IP6" if ":" in address else "IP4"


def _medium_lines(medium: Medium) -> list[str]:
    lines = [f"m={medium.kind} {medium.port} {medium.profile} {' '.join(medium.formats)}"]
    if medium.address:
        lines.append(f"c=IN {_family(medium.address)} {medium.address}")
    lines += [f"a=rtpmap:{name} {_CODECS[name]}" for name in medium.formats if name in _CODECS]
    lines += [f"a={attribute}" for attribute in medium.attributes]
    if medium.direction:
        lines.append(f"a={medium.direction}")
    return lines


def read(text: str) -> Description:
    """A description as received. Raises ValueError where RFC 8866 is broken."""
    head, *sections = re.split(r"(?m)^(?=m=)", text)
    origin = re.search(r"^o=(\S+) (\d+) (\d+) IN IP[46] (\S+)\r$", head, re.M)
    if not text.startswith("v=0\r\n") or origin is None or not re.search(r"^t=", head, re.M):
        raise ValueError(f"not a session description: {head!r}")
    address = _connection(head)
    media = tuple(_medium(section, address) for section in sections)
    if any(not medium.address for medium in media):
        raise ValueError("an m-line without c= in a session without c=")
    return Description(
        address=address,
        media=media,
        user=origin[1],
        session=int(origin[2]),
        version=int(origin[3]),
        origin_address=origin[4],
        direction=_direction(head),
    )


def _connection(text: str) -> str:
    found = re.search(r"^c=IN IP[46] (\S+)\r$", text, re.M)
    return found[1] if found else ""


def _direction(text: str) -> str:
    found = _DIRECTION.search(text)
    return found[1] if found else ""


def _medium(section: str, address: str) -> Medium:
    line = re.match(r"m=(\S+) (\d+)(?:/\d+)? (\S+) ([^\r\n]+)\r\n", section)
    if line is None:
        raise ValueError(f"not an m-line: {section!r}")
    return Medium(
        kind=line[1],
        port=int(line[2]),
        profile=line[3],
        formats=tuple(line[4].split()),
        address=_connection(section) or address,
        direction=_direction(section),
        attributes=tuple(re.findall(r"(?m)^a=([^\r\n]*)", section)),
    )


def ways(description: Description) -> list[str]:
    """The direction of each medium, with the session's for those that state none."""
    return [medium.direction or description.direction or "sendrecv" for medium in description.media]


def answer_to(
    offer: Description, address: str, port: int, accepted: Sequence[str] = ("audio",)
) -> Description:
    """An answer that takes every format of the accepted kinds of media, and mirrors the direction."""
    media = []
    for index, (medium, way) in enumerate(zip(offer.media, ways(offer), strict=True)):
        takes = medium.kind in accepted and medium.port != 0
        direction = MIRROR[way] if way != "sendrecv" else ""
        kept = tuple(a for a in medium.attributes if a.startswith("T38"))
        media.append(
            Medium(
                kind=medium.kind,
                port=port + 2 * index if takes else 0,
                profile=medium.profile,
                formats=medium.formats,
                direction=direction if medium.kind != "image" else "",
                attributes=kept,
            )
        )
    return Description(address=address, media=tuple(media))
