"""Numbers and names of people as viewers see them: "…123", "J…". Our own numbers are no secret, and stay.

Masking happens here, on the server, on the way out of every answer; what a viewer's browser never gets, it cannot
show. Whatever may hold a number is masked by looking at its text, and not by a list of fields that grows old.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, Final

from b2bua.logs import masked

# Five digits or more that stand by themselves, with or without separators; not those of an address or an id.
_NUMBER = re.compile(
    r"(?<![\w.:+-])\+?\d{5,20}(?![\w:]|\.\d|-\w)"
    r"|(?<![\w.:+-])\+\d{1,4}(?:[ .()-]{1,2}\d{1,6}){2,6}(?!\w)"
    r"|(?<![\w.:+-])\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}(?![\w:]|[.-]\w)"
    r"|(?<=sip:)\+?\d{3,20}(?![\w.-])|(?<=sips:)\+?\d{3,20}(?![\w.-])"
    r"|(?<=sip:)\+?[\d.()-]{3,24}(?=@)|(?<=sips:)\+?[\d.()-]{3,24}(?=@)|(?<=tel:)\+?[\d.()-]{3,24}"
)
_PRIVATE: Final = frozenset({"caller", "caller_name"})
_NOBODY: Final = frozenset(
    {"", "anonymous", "unavailable", "restricted", "unknown"}
)  # says nothing of anybody
# What is no text for people: masking would only break it.
_KEPT: Final = frozenset({"id", "call", "event", "outcome", "sip_call_id", "configuration", "far", "source"})


class Mask:
    """What one visitor gets to see. own: numbers of ours, as they are dialled."""

    def __init__(self, own: Collection[str] = (), is_on: bool = True) -> None:
        self.is_on = is_on
        self._own = frozenset(own)

    def text(self, text: str) -> str:
        """Every number in a text masked, but for our own."""
        return _NUMBER.sub(self._number, text) if self.is_on else text

    def name(self, text: str) -> str:
        """A caller's number or name, whatever it looks like."""
        if not self.is_on or text in self._own or text.lower() in _NOBODY:
            return text
        return masked(text)

    def value(self, value: Any) -> Any:
        """A JSON value with all of its texts masked; keys as they are."""
        return self._value(value) if self.is_on else value

    def _value(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {key: self._field(key, each) for key, each in value.items()}
        if isinstance(value, list | tuple):
            return [self._value(each) for each in value]
        return value

    def _field(self, key: object, value: Any) -> Any:
        if isinstance(value, str) and key in _PRIVATE:
            return self.name(value)
        return value if key in _KEPT else self._value(value)

    def _number(self, found: re.Match[str]) -> str:
        number = found[0]
        digits = "".join(letter for letter in number if letter.isdigit())
        plain = f"+{digits}" if number.startswith("+") else digits
        return number if plain in self._own or number in self._own else masked(plain)


OPEN: Final = Mask(is_on=False)
