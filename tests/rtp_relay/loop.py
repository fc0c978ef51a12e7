"""Letting the event loop have its turns."""

from __future__ import annotations

import asyncio


async def turn() -> None:
    """Go on once the loop has done what is ready now."""
    loop = asyncio.get_running_loop()
    done = loop.create_future()
    loop.call_soon(done.set_result, None)
    await done
