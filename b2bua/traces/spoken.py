"""A message of a trace, cut into the lines that it was written in: what a copy of it is made from.

Unlike sip_stack.message this keeps the spelling and the order of everything, and takes whatever has been on the wire.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from sip_stack.grammar import COMPACT_NAMES

_FOLD: Final = re.compile(r"\r?\n[ \t]+")
_LINE_END: Final = re.compile(r"\r?\n")
_PARAMETER: Final = r";[ \t]*{}[ \t]*=[ \t]*([^;,>\s]+)"
_BRANCH: Final = re.compile(_PARAMETER.format("branch"), re.IGNORECASE)
_TAG: Final = re.compile(_PARAMETER.format("tag"), re.IGNORECASE)


@dataclass(frozen=True)
class Spoken:
    """first: the request line or status line. fields: names as they were spelled, values unfolded.

    Text is ISO 8859-1, so that each octet is one character.
    """

    first: str
    fields: tuple[tuple[str, str], ...]
    body: bytes

    @classmethod
    def read(cls, data: bytes) -> Spoken:
        head, _, body = data.partition(b"\r\n\r\n")
        first, *lines = _LINE_END.split(_FOLD.sub(" ", head.decode("iso-8859-1")))
        pairs = (line.partition(":") for line in lines if line)
        return cls(first, tuple((name.strip(), value.strip()) for name, _, value in pairs), body)

    def value(self, name: str) -> str:
        """The first value of a header by its long name in lower case; "" when it is not there."""
        return next((value for spelled, value in self.fields if long_name(spelled) == name), "")

    @cached_property
    def is_response(self) -> bool:
        return self.first.upper().startswith("SIP/")

    @cached_property
    def status(self) -> int:
        """0 for a request."""
        code = self.first[8:11]
        return int(code) if self.is_response and code.isascii() and code.isdigit() else 0

    @cached_property
    def cseq(self) -> tuple[str, str]:
        number, _, method = self.value("cseq").partition(" ")
        return number, method.strip().upper()

    @cached_property
    def method(self) -> str:
        """Of the request, or of that which is answered."""
        return self.cseq[1] if self.is_response else self.first.partition(" ")[0]

    @cached_property
    def uri(self) -> str:
        """Of a request."""
        return self.first.partition(" ")[2].rpartition(" ")[0]

    @cached_property
    def call_id(self) -> str:
        return self.value("call-id")

    @cached_property
    def branch(self) -> str:
        found = _BRANCH.search(self.value("via").partition(",")[0])
        return found[1] if found else ""

    @cached_property
    def from_tag(self) -> str:
        return _tag(self.value("from"))

    @cached_property
    def to_tag(self) -> str:
        return _tag(self.value("to"))

    @property
    def is_sdp(self) -> bool:
        return self.value("content-type").partition(";")[0].strip().lower() == "application/sdp"


def long_name(spelled: str) -> str:
    """The long name, in lower case, of a header as it was spelled."""
    lower = spelled.lower()
    return COMPACT_NAMES.get(lower, lower)


def without_tag(value: str) -> str:
    """A From or To without its tag."""
    address, bracket, parameters = value.rpartition(">")
    return address + bracket + _TAG.sub("", parameters)


def _tag(value: str) -> str:
    found = _TAG.search(value.rpartition(">")[2])
    return found[1] if found else ""
