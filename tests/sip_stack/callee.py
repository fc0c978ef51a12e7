"""What a callee says to our INVITE."""

from __future__ import annotations

from tests.sip_stack.rig import Rig, response

RELIABLE = [("Require", "100rel"), ("RSeq", "5")]


def say(bench: Rig, status: int, **more: object) -> None:
    """His response to the newest INVITE."""
    sent = bench.last("INVITE")
    bench.receive(response(sent.request, status, **more), sent.flow)  # type: ignore[arg-type]
