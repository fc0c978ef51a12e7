"""Figures of running calls, for whoever watches."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from b2bua.calls.call import Call
from b2bua.commands.board import Board, event_line
from b2bua.live_media import CALLS, INTERVAL, LiveMedia
from rtp_relay.control import Command, Figures, Measure, Measures, Query, StreamFigures

COUNTED: dict[str, Any] = dict.fromkeys(Measures.__struct_fields__, 0)
COUNTED |= {"form": "tc", "drops": (), "packets": 12, "kernel_packets": 998, "kernel_strangers": 4, "flows": 2}
MEASURES = Measures(**COUNTED)


def stream(leg: int, packets: int) -> StreamFigures:
    return StreamFigures(leg, 0, packets, 0, 1, 0.251, 7, 0, 0, 4, 0, 2, 0, 0.0, 1.0, 0.0, "192.0.2.7:4000")


def calls(*answered: bool) -> list[Call]:
    records = [SimpleNamespace(id=f"call{at}", answered_at=1 if one else None) for at, one in enumerate(answered)]
    return [cast(Call, SimpleNamespace(record=record)) for record in records]


class Watched:
    """A relay that is spoken to, and somebody who watches."""

    def __init__(self, has_relay: bool = True) -> None:
        self.sent: list[Command] = []
        self.told: list[dict[str, Any]] = []
        self.has_relay = has_relay
        self.media = LiveMedia(self._send, self.told.append)
        self.media.greet("tc", "as asked for")

    def _send(self, command: Command) -> bool:
        self.sent += [command] if self.has_relay else []
        return self.has_relay


@pytest.fixture
def watched() -> Watched:
    return Watched()


def test_calls_that_talk_are_asked_about_once_a_second(watched: Watched) -> None:
    watched.media.ask(calls(True, False, True), 100.0)
    assert watched.sent == [Query("call0"), Query("call2"), Measure()]
    watched.media.ask(calls(True), 100.0 + INTERVAL / 2)
    assert len(watched.sent) == 3
    watched.media.ask(calls(True), 100.0 + INTERVAL)
    assert len(watched.sent) == 5


def test_no_more_calls_than_anybody_reads(watched: Watched) -> None:
    watched.media.ask(calls(*[True] * (CALLS + 9)), 100.0)
    assert len(watched.sent) == CALLS + 1


def test_without_a_relay_nothing_is_told() -> None:
    watched = Watched(has_relay=False)
    watched.media.ask(calls(True), 100.0)
    watched.media.take(Figures("call0", ()))
    assert watched.told == []


def test_figures_become_an_event_and_those_of_others_do_not(watched: Watched) -> None:
    watched.media.ask(calls(True), 100.0)
    watched.media.take(Figures("other", (stream(0, 5),)))
    assert watched.told == []
    watched.media.take(Figures("call0", (stream(0, 512), stream(1, 0))))
    (event,) = watched.told
    assert (event["event"], event["call"], event["form"]) == ("call.media", "call0", "tc")
    assert event["legs"][0] == {
        "leg": 0, "medium": 0, "packets": 512, "lost": 1, "jitter": 0.25, "sent": 4, "strangers": 2,
        "far": "192.0.2.7:4000",
    }  # fmt: skip
    watched.media.take(Figures("call0", ()))
    assert len(watched.told) == 1


def test_the_relay_tells_of_itself(watched: Watched) -> None:
    watched.media.take(MEASURES)
    (event,) = watched.told
    assert (event["event"], event["form"], event["reason"]) == ("relay", "tc", "as asked for")
    assert (event["flows"], event["packets_in_kernel"], event["packets_in_user_space"]) == (2, 998, 12)
    assert event["strangers_in_kernel"] == 4


def test_the_board_shows_both(watched: Watched) -> None:
    board = Board({"calls": [{"call": "call0", "caller": "+1", "dialled": "100", "started_at": 1, "answered_at": 2}]})
    watched.media.ask(calls(True), 100.0)
    watched.media.take(Figures("call0", (stream(0, 512), stream(1, 0))))
    watched.media.take(MEASURES)
    for event in watched.told:
        board.apply(event)
        assert event_line(event, "12:00")
    shown = "\n".join(board.lines(10))
    assert "tc: packets of caller 512" in shown
    assert "Relay: tc, as asked for; 998 packets in the kernel (2 flows), 12 in user space" in shown
