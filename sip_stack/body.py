"""What is in the body of a message: one description, or parts of which one is (RFC 3261 §7.4, RFC 2046)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from sip_stack.errors import RemoteError
from sip_stack.message import Message
from sip_stack.sdp import Session, parse


class Part(NamedTuple):
    """One part of a body. Types are lower case, without parameters.

    disposition: "" where it is not said; is_required: whether it says handling=required (RFC 3261 §20.11).
    """

    content_type: str
    disposition: str
    is_required: bool
    fields: tuple[tuple[str, str], ...]  # names in lower case
    body: bytes


_SDP = "application/sdp"
_ACCEPT = (("Accept", "application/sdp, multipart/mixed, multipart/alternative"),)
_MOST_PARTS = 32
_MOST_NESTED = 3
_PARAMETER = re.compile(r';\s*([^\s;="]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]*))')


def description_in(message: Message) -> Session | None:
    """The session description that a message carries; None for none.

    Raises RemoteError as `find_sdp` does, and 400 for a description that cannot be read.
    """
    body = find_sdp(message.get("content-type") or "", message.body, message.get("content-disposition") or "")
    return None if body is None else parse(body)


def find_sdp(content_type_header: str, body: bytes, disposition: str = "") -> bytes | None:
    """The session description in the body of an INVITE, or of a message like it; None if there is none.

    content_type_header, disposition: the values of Content-Type and Content-Disposition; "" if absent.
    In a multipart/alternative the last one counts, as the sender likes it best (RFC 2046 §5.1.4), else the
    first. Raises RemoteError: 415 with Accept for a body or a part that must be understood and is not, 400
    for a multipart body that cannot be read.
    """
    if content_type_header == _SDP and not disposition:  # nearly always
        return body or None
    parts = parts_of(content_type_header, body, disposition)
    found = [part.body for part in parts if part.content_type == _SDP and part.disposition in ("", "session")]
    if not found:
        return None
    return found[-1 if _media_type(content_type_header) == "multipart/alternative" else 0]


def parts_of(content_type_header: str, body: bytes, disposition: str = "") -> tuple[Part, ...]:
    """All parts of a body, of parts within parts too; a plain body is one part, an empty one none.

    What the call does not understand (ISUP, PIDF-LO) is there to be passed on or left out. Raises as
    `find_sdp`. RFC 3261 §20.11 has handling=required where nothing is said. A whole body is held to that;
    a part only if it says so, since gateways add parts without saying and mean them as optional.
    """
    if not body:
        return ()
    # RFC 3261 §20.15 wants Content-Type; a body that shows what it is passes without.
    plain = content_type_header or (_SDP if body.startswith(b"v=0") else "")
    whole = _part((("content-type", plain), ("content-disposition", disposition)), body)
    if whole.content_type.startswith("multipart/"):
        parts = tuple(_parts_within(plain, body, _MOST_NESTED))
    else:
        is_optional = _parameter(disposition, "handling").lower() == "optional"
        parts = (whole._replace(is_required=not is_optional),)
    for part in parts:
        if part.is_required and part.content_type != _SDP:
            raise RemoteError(415, f"body of type {part.content_type[:80]!r}", fields=_ACCEPT)
    return parts


def _parts_within(content_type: str, body: bytes, depth: int) -> Iterator[Part]:
    boundary = _parameter(content_type, "boundary")
    if not boundary or len(boundary) > 70 or not depth:
        raise RemoteError(400, "multipart body without a usable boundary, or nested too deep")
    delimiter = re.escape(boundary.encode("utf-8", "surrogateescape"))
    # RFC 2046 §5.1.1: the line end before a delimiter belongs to it, not to the part.
    pattern = rb"(?:\A|\r?\n)--" + delimiter + rb"(--)?[ \t]*(?=\r?\n|\Z)"
    sections = re.split(pattern, body, maxsplit=_MOST_PARTS)
    if len(sections) < 3 or len(sections) > 2 * _MOST_PARTS:
        raise RemoteError(400, f"multipart body without its boundary, or of {_MOST_PARTS} parts or more")
    for closing, section in zip(sections[1::2], sections[2::2], strict=True):
        if closing:
            return
        part = _part(*_split_part(section))
        if part.content_type.startswith("multipart/"):
            yield from _parts_within(dict(part.fields).get("content-type", ""), part.body, depth - 1)
        else:
            yield part


def _split_part(section: bytes) -> tuple[tuple[tuple[str, str], ...], bytes]:
    """Header fields and body of one part; the section begins with the line end of its delimiter."""
    head, *rest = re.split(rb"\r?\n\r?\n", section, maxsplit=1)
    unfolded = re.sub(r"\r?\n[ \t]+", " ", head.decode("utf-8", "surrogateescape"))
    pairs = [line.partition(":") for line in unfolded.split("\n") if ":" in line]
    fields = tuple([(name.strip().lower(), value.strip()) for name, _, value in pairs])
    return fields, rest[0] if rest else b""


def _part(fields: tuple[tuple[str, str], ...], body: bytes) -> Part:
    said = dict(fields)
    disposition = said.get("content-disposition", "")
    return Part(
        _media_type(said.get("content-type", "text/plain")),
        _media_type(disposition),
        _parameter(disposition, "handling").lower() == "required",
        fields,
        body,
    )


def _media_type(value: str) -> str:
    return value.partition(";")[0].replace(" ", "").lower()


def _parameter(value: str, name: str) -> str:
    for found, quoted, plain in _PARAMETER.findall(value):
        if found.lower() == name:
            return plain or re.sub(r"\\(.)", r"\1", quoted)
    return ""
