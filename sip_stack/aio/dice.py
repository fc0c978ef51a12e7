"""Randomness for the stack: tags, branches and Call-IDs that nobody can guess."""

from __future__ import annotations

import os

_TOKEN = 16  # hexadecimal digits: 64 bits; RFC 3261 §19.3 asks for at least 32 of a tag
_POOL = 4096  # octets drawn from the system at once: a call needs a dozen tokens


class SystemDice:
    """The system's own source, read in large pieces."""

    __slots__ = ("_at", "_pool")

    def __init__(self) -> None:
        self._pool = ""
        self._at = 0

    def token(self) -> str:
        at = self._at
        token = self._pool[at : at + _TOKEN]
        if not token:
            self._pool = os.urandom(_POOL).hex()
            at, token = 0, self._pool[:_TOKEN]
        self._at = at + _TOKEN
        return token

    def fraction(self) -> float:
        return int(self.token()[:13], 16) / (1 << 52)
