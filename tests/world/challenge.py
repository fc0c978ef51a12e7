"""Digest challenges as a peer makes them (RFC 7616, RFC 8760), checked with arithmetic of our own."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from typing import Final

from tests.world.reading import Heard

_HASHES: Final = {"MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256"}
_PAIR: Final = re.compile(r'(\w+)=(?:"((?:[^"\\]|\\.)*)"|([^",\s]+))')


@dataclass
class Challenge:
    """How a phone or trunk wants to know who rings.

    rounds: how many nonces it goes through; every one after the first is announced as stale.
    always: it is never content.
    """

    username: str = "multiring"
    password: str = "secret"
    realm: str = "phones.example"
    status: int = 401
    algorithms: tuple[str, ...] = ("MD5",)
    qop: str = "auth"
    rounds: int = 1
    always: bool = False
    nonces: list[str] = field(default_factory=list)

    @property
    def wanted(self) -> str:
        return "authorization" if self.status == 401 else "proxy-authorization"

    def headers(self) -> list[tuple[str, str]]:
        """A header for each algorithm, in the order of our liking, with the nonce of this round."""
        name = "WWW-Authenticate" if self.status == 401 else "Proxy-Authenticate"
        stale = ", stale=true" if len(self.nonces) > 1 else ""
        qop = f', qop="{self.qop}"' if self.qop else ""
        return [
            (
                name,
                f'Digest realm="{self.realm}", nonce="{self.nonces[-1]}", algorithm={algorithm}{qop}{stale}',
            )
            for algorithm in self.algorithms
        ]

    def next_round(self) -> None:
        self.nonces.append(f"nonce-{len(self.nonces) + 1}-of-{self.realm}")

    def accepts(self, request: Heard) -> bool:
        """Whether the request carries the right answer to the nonce of the last round."""
        if self.always or len(self.nonces) != self.rounds:
            return False
        return any(self._is_right(value, request) for value in request.get_all(self.wanted))

    def _is_right(self, value: str, request: Heard) -> bool:
        got = {name.lower(): quoted or plain for name, quoted, plain in _PAIR.findall(value)}
        if got.get("realm") != self.realm or got.get("nonce") != self.nonces[-1]:
            return False
        if got.get("uri") != request.uri or got.get("username") != self.username:
            return False
        digest = _HASHES[got.get("algorithm", "MD5").upper()]

        def hashed(text: str) -> str:
            return hashlib.new(digest, text.encode()).hexdigest()

        secret = hashed(f"{self.username}:{self.realm}:{self.password}")
        act = hashed(f"{request.method}:{request.uri}")
        if not self.qop:
            return str(got["response"]) == hashed(f"{secret}:{got['nonce']}:{act}")
        middle = f"{got['nonce']}:{got['nc']}:{got['cnonce']}:{got['qop']}"
        return str(got["response"]) == hashed(f"{secret}:{middle}:{act}")
