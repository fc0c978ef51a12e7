"""What the service wrote down of the demo's calls, read back through its own command line."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Final

from b2bua.demo.checks import Checks
from b2bua.demo.installation import Installation

WRITTEN_WITHIN: Final = 3.0  # seconds after a call's end
LOOK_AGAIN: Final = 0.1

Record = dict[str, Any]  # a call as `b2bua calls --json` prints it


async def ended_calls(service: Installation, number: int) -> list[Record]:
    """The calls that have ended, oldest first, as soon as there are so many of them; else what there is."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + WRITTEN_WITHIN
    while True:
        found = json.loads(await service.command("calls", "--json"))
        ended = sorted((call for call in found if call["outcome"]), key=lambda call: call["started_at"])
        if len(ended) >= number or loop.time() > deadline:
            return ended
        await asyncio.sleep(LOOK_AGAIN)


# Of each scene's calls, in order: how they came out, and who has answered.
EXPECTED: Final = (
    ("answered", "Ana"),
    ("abandoned", None),
    ("declined", None),
    ("answered", "Ben"),  # in turns: Ana has declined
    ("answered", "Carl"),  # and the next call begins behind Ben
    ("answered", "Ben"),  # who has pressed 1
)


def judge(checks: Checks, calls: list[Record]) -> None:
    """The scenes, as they must have been recorded."""
    wanted = len(EXPECTED)
    checks.that(len(calls) == wanted, f"there are records of {wanted} calls", f"{len(calls)} found")
    for number, ((outcome, answered_by), call) in enumerate(zip(EXPECTED, calls, strict=False), start=1):
        checks.that(
            call["outcome"] == outcome, f"call {number} is recorded as {outcome}", str(call["outcome"])
        )
        claim = f"call {number} is recorded as answered by {answered_by or 'nobody'}"
        checks.that(call["answered_by"] == answered_by, claim, str(call["answered_by"]))
