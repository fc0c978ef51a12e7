"""The trace of a call: every message of every leg as it was on the wire, and for each drop its reason."""

from __future__ import annotations

from sip_stack.flow import Flow

# A message and where it passed: when (monotonic), the leg (0 is the caller's, 1 and up are branches), whether it was
# received, its flow and its octets. A plain tuple, since one is made of every message and few are looked at.
Traced = tuple[float, int, bool, Flow, bytes]


class Trace:
    """Where the messages of one leg are written; the legs of one call share the list."""

    __slots__ = ("leg", "limit", "messages")

    def __init__(self, leg: int, messages: list[Traced], limit: int = 2000) -> None:
        self.leg = leg
        self.messages = messages
        self.limit = limit  # messages a call; a call of many hours must not eat the memory

    def note(self, at: float, received: bool, flow: Flow, data: bytes) -> None:
        messages = self.messages
        if len(messages) < self.limit:
            messages.append((at, self.leg, received, flow, data))
