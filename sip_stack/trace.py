"""The trace of a call: every message of every leg as it was on the wire, and for each drop its reason."""

from __future__ import annotations

from typing import NamedTuple

from sip_stack.flow import Flow


class Traced(NamedTuple):
    """A message and where it passed; leg 0 is the caller's, 1 and up are branches."""

    at: float
    leg: int
    received: bool
    flow: Flow
    data: bytes


_traced = tuple.__new__  # what Traced(...) comes to, without its call: it is done for every message


class Trace:
    """Where the messages of one leg are written; the legs of one call share the list."""

    __slots__ = ("leg", "limit", "messages")

    def __init__(self, leg: int, messages: list[Traced], limit: int = 2000) -> None:
        self.leg = leg
        self.messages = messages
        self.limit = limit  # messages a call; a call of many hours must not eat the memory

    def note(self, at: float, received: bool, flow: Flow, data: bytes) -> None:
        if len(self.messages) < self.limit:
            self.messages.append(_traced(Traced, (at, self.leg, received, flow, data)))
