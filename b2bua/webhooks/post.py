"""The HTTP client: one event posted once, and what came of it in words.

aiohttp is imported with this module, which is imported only where there are webhooks: it takes a fifth of a second.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import aiohttp

ANSWER_LIMIT: Final = 16_384  # octets of an answer that are read, so that its connection can be used again


class Post:
    """A client for one server. ``connections`` at most are open at the same time."""

    def __init__(self, connections: int) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=connections, ttl_dns_cache=60),
            cookie_jar=aiohttp.DummyCookieJar(),  # a server that sets cookies has no session with us
            auto_decompress=False,  # what little is read of an answer is thrown away
        )

    async def __call__(self, url: str, body: bytes, headers: Mapping[str, str], patience: float) -> str:
        """Post a body; "" when it was taken (2xx), else why not. A redirect is not followed, and is a failure."""
        limit = aiohttp.ClientTimeout(total=patience)
        try:
            async with self._session.post(
                url, data=body, headers=headers, timeout=limit, allow_redirects=False
            ) as answer:
                await _drain(answer)
                return "" if 200 <= answer.status < 300 else f"{answer.status} {answer.reason or ''}".rstrip()
        except TimeoutError:
            return f"no answer within {patience:g} s"
        except (aiohttp.ClientError, OSError) as problem:
            return str(problem) or type(problem).__name__

    async def close(self) -> None:
        await self._session.close()


async def _drain(answer: aiohttp.ClientResponse) -> None:
    taken = 0
    async for part in answer.content.iter_any():
        taken += len(part)
        if taken > ANSWER_LIMIT:
            answer.close()
            return
