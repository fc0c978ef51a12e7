"""The trace of a finished call: what the stack has noted, read as entries."""

from __future__ import annotations

from b2bua.calls.record import NotedTrace, TraceEntry
from sip_stack.flow import Flow
from sip_stack.trace import Traced

FOUR, SIX = Flow("UDP", "udp:a", "192.0.2.1", 5062), Flow("TCP", "tcp:b", "2001:db8::1", 5060, 7)
MESSAGES: list[Traced] = [(10.25, 0, True, FOUR, b"INVITE"), (10.5, 2, False, SIX, b"BYE")]
PLACES = {"udp:a": "192.0.2.9:5060"}
ENTRIES = [
    TraceEntry(1_790_000_010_250_000, 0, True, "UDP", "192.0.2.9:5060", "192.0.2.1:5062", b"INVITE"),
    TraceEntry(1_790_000_010_500_000, 2, False, "TCP", "tcp:b", "[2001:db8::1]:5060", b"BYE"),
]


def test_what_was_noted_reads_as_entries() -> None:
    noted = NotedTrace(MESSAGES, 1.79e9, PLACES)
    assert list(noted) == ENTRIES
    assert (noted[0], noted[-1], noted[1:]) == (ENTRIES[0], ENTRIES[1], ENTRIES[1:])
    assert len(noted) == 2 and noted == ENTRIES and noted != ENTRIES[:1] and noted != 5
    assert ENTRIES[1] in noted and repr(noted) == "<2 messages>"


def test_without_messages_it_is_empty() -> None:
    noted = NotedTrace([], 0.0, {})
    assert not noted and noted == []


def test_what_is_noted_later_is_not_of_it() -> None:
    messages = list(MESSAGES)
    noted = NotedTrace(messages, 1.79e9, PLACES)
    messages.clear()
    assert noted == ENTRIES
