"""Bencoding, in which rtpengine's ng protocol has its dictionaries: integers, strings, lists and dictionaries.

    7:command   a string and how many octets it has        i20e   an integer
    l...e       a list                                     d...e  a dictionary, keys and values in turn

Strings are text to whoever uses this. Octets that are no UTF-8 come and go unharmed, as surrogates.
"""

from __future__ import annotations

from typing import Final

from rtp_relay.errors import ControlError

Value = int | str | list["Value"] | dict[str, "Value"]

DEPTH_LIMIT: Final = 16  # of lists and dictionaries within each other
DIGITS_LIMIT: Final = 20  # of a length or an integer: 64 bits
CODING: Final = ("utf-8", "surrogateescape")


def encode(value: Value) -> bytes:
    """The octets of a value; a dictionary's keys come in their order, as the rule of bencoding has it."""
    parts: list[bytes] = []
    _put(value, parts)
    return b"".join(parts)


def _put(value: Value, parts: list[bytes]) -> None:
    match value:
        case str():
            octets = value.encode(*CODING)
            parts.append(b"%d:%b" % (len(octets), octets))
        case int():
            parts.append(b"i%de" % value)
        case list():
            parts.append(b"l")
            for each in value:
                _put(each, parts)
            parts.append(b"e")
        case dict():
            parts.append(b"d")
            for key in sorted(value):
                _put(key, parts)
                _put(value[key], parts)
            parts.append(b"e")


def decode(octets: bytes) -> Value:
    """The one value that the octets are. Raises ControlError if they are none, or more than one."""
    value, end = _take(octets, 0, DEPTH_LIMIT)
    if end != len(octets):
        raise ControlError(f"bencoding: {len(octets) - end} octets too many")
    return value


def _take(octets: bytes, at: int, depth: int) -> tuple[Value, int]:
    """The value that begins there, and where it ends."""
    kind = octets[at : at + 1]
    if kind.isdigit():
        return _take_text(octets, at)
    if kind == b"i":
        return _number(octets, at + 1, b"e")
    if kind in (b"l", b"d") and depth:
        values, end = _take_values(octets, at + 1, depth - 1)
        return (values if kind == b"l" else _pairs(values)), end
    raise ControlError(f"bencoding: nothing that is known at octet {at}")


def _take_values(octets: bytes, at: int, depth: int) -> tuple[list[Value], int]:
    values: list[Value] = []
    while octets[at : at + 1] != b"e":
        value, at = _take(octets, at, depth)
        values.append(value)
    return values, at + 1


def _pairs(values: list[Value]) -> dict[str, Value]:
    if len(values) % 2:
        raise ControlError("bencoding: a key without a value")
    made: dict[str, Value] = {}
    for key, value in zip(values[::2], values[1::2], strict=True):
        if not isinstance(key, str):
            raise ControlError("bencoding: a key that is no string")
        made[key] = value
    return made


def _take_text(octets: bytes, at: int) -> tuple[str, int]:
    length, begin = _number(octets, at, b":")
    if length > len(octets) - begin:
        raise ControlError(f"bencoding: a string of {length} octets, of which not all are there")
    return octets[begin : begin + length].decode(*CODING), begin + length


def _number(octets: bytes, at: int, end_mark: bytes) -> tuple[int, int]:
    """An integer up to its mark, and where what follows the mark begins."""
    end = octets.find(end_mark, at, at + DIGITS_LIMIT + 1)
    digits = octets[at:end].removeprefix(b"-") if end >= 0 else b""
    if not digits.isdigit():
        raise ControlError(f"bencoding: no number at octet {at}")
    return int(octets[at:end]), end + 1
