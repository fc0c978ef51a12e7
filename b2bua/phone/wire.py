"""What a phone needs to read of a SIP message that pjsip has already found to be well formed: its headers."""

from __future__ import annotations

import re
from collections.abc import Sequence

Headers = Sequence[tuple[str, str]]

_FOLD = re.compile(r"\r?\n[ \t]+")
_NAME_ADDRESS = re.compile(r'^\s*(?:"(?P<quoted>(?:\\.|[^"\\])*)"|(?P<plain>[^<"]*?))\s*<(?P<uri>[^>]*)>')


def headers(message: str) -> list[tuple[str, str]]:
    """Names and values in their order, folded lines (RFC 3261 §7.3.1) made one."""
    head = re.split(r"\r?\n\r?\n", message, maxsplit=1)[0]
    found = []
    for line in _FOLD.sub(" ", head).splitlines()[1:]:
        name, colon, text = line.partition(":")
        if colon:
            found.append((name.strip(), text.strip()))
    return found


def values(present: Headers, name: str) -> list[str]:
    """All values of a header, whose name is compared without regard to case."""
    return [text for found, text in present if found.lower() == name.lower()]


def value(present: Headers, name: str) -> str:
    """The first value of a header, "" if there is none."""
    return next(iter(values(present, name)), "")


def name_and_uri(address: str) -> tuple[str, str]:
    """Display name and URI of a From or To value, the name without its quotes."""
    found = _NAME_ADDRESS.match(address)
    if found is None:
        return "", address.partition(";")[0].strip()
    name = found["quoted"] if found["quoted"] is not None else found["plain"]
    return re.sub(r"\\(.)", r"\1", name), found["uri"]
