"""Passwords: argon2id (RFC 9106), worked out beside the loop, two at a time: each takes 64 MiB and 50 ms on purpose."""

from __future__ import annotations

import asyncio
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

LENGTH: Final = 10  # characters at least
LENGTH_LIMIT: Final = 256
AT_ONCE: Final = 2  # more would let a stranger take all memory by logging in


class Passwords:
    """Makes and checks hashes. hasher: with other costs, for tests."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._turn = asyncio.Semaphore(AT_ONCE)
        self._nobodys = ""

    async def hashed(self, password: str) -> str:
        async with self._turn:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def is_right(self, password: str, kept: str | None) -> bool:
        """Whether a password is the one that was kept. None, of a user who is not there, takes as long as any."""
        async with self._turn:
            return await asyncio.to_thread(self._check, password, kept)

    def is_outdated(self, kept: str) -> bool:
        """Whether a hash was made at lower costs than are usual now."""
        return self._hasher.check_needs_rehash(kept)

    def _check(self, password: str, kept: str | None) -> bool:
        if kept is None:
            self._nobodys = self._nobodys or self._hasher.hash("nobody has this password")
        try:
            self._hasher.verify(self._nobodys if kept is None else kept, password)
        except (VerificationError, InvalidHashError):
            return False
        return kept is not None
