"""How a call sounded, from its streams."""

from __future__ import annotations

from typing import Any

import pytest

from b2bua.calls.quality import Direction, assess, codec_of, directions
from b2bua.calls.record import StreamRecord
from sip_stack.sdp import parse


def pair(first: dict[str, Any] | None = None, second: dict[str, Any] | None = None) -> list[StreamRecord]:
    """The streams of a call of a minute in which both have spoken."""
    usual: dict[str, Any] = {"packets": 3000, "payload_type": 0, "codec": "pcmu", "owed": 60.0, "sent_packets": 3000}
    return [
        StreamRecord(**(usual | {"leg": 0, "medium": 0, "heard_by": 1} | (first or {}))),
        StreamRecord(**(usual | {"leg": 1, "medium": 0, "heard_by": 0} | (second or {}))),
    ]


def only(streams: list[StreamRecord], speaker: int = 0) -> Direction:
    (found,) = [direction for direction in directions(streams) if direction.speaker == speaker]
    return found


def test_a_clean_call_is_very_good_both_ways() -> None:
    streams = pair()
    assess(streams)
    assert [(each.mos, each.is_one_way) for each in streams] == [(4.35, False), (4.35, False)]
    assert [each.verdict for each in directions(streams)] == ["very good", "very good"]


def test_what_the_listener_reports_counts_for_the_whole_way() -> None:
    heard = {"reported_lost": 36, "reported_jitter": 4.0, "round_trip": 28.0}
    direction = only(pair({"lost": 3, "jitter": 1.0, "round_trip": 10.0}, heard))
    assert direction.is_reported
    assert direction.loss == pytest.approx(36 / 3003)
    assert (direction.jitter, direction.round_trip) == (4.0, 38.0)
    assert direction.sentence("Ana", "caller") == (
        "Ana → caller: 1.2 % lost, jitter 4 ms, round trip 38 ms, MOS 4.2, good"
    )


def test_without_a_report_it_is_said_that_it_was_counted_here() -> None:
    direction = only(pair({"lost": 30, "packets": 2970, "jitter": 7.4}))
    assert direction.sentence("Ana", "caller") == (
        "Ana → caller: 1.0 % lost on the way here, jitter 7 ms, MOS 4.3, good"
    )
    assert direction.round_trip is None


def test_a_report_that_is_old_does_not_hide_what_was_lost_since() -> None:
    assert only(pair({"packets": 2900, "lost": 100}, {"reported_lost": 2})).loss == pytest.approx(100 / 3000)


def test_duplicates_and_lies_stay_within_bounds() -> None:
    assert only(pair({"lost": -5}, {"reported_lost": -9})).loss == 0.0
    assert only(pair(None, {"reported_lost": 8_000_000})).loss == 1.0


def test_one_round_trip_alone_is_not_told_as_the_whole() -> None:
    assert only(pair({"round_trip": 300.0})).round_trip is None
    near, far = (only(pair({"round_trip": value})).mos for value in (10.0, 300.0))
    assert near is not None
    assert far is not None
    assert far < near  # though it counts for the MOS


@pytest.mark.parametrize(("lost", "verdict"), [
    (0, "very good"), (60, "good"), (130, "fair"), (300, "poor"), (900, "bad"),
])  # fmt: skip
def test_the_verdicts_go_down(lost: int, verdict: str) -> None:
    assert only(pair({"packets": 3000 - lost, "lost": lost})).verdict == verdict


def test_a_codec_without_figures_has_no_mos() -> None:
    direction = only(pair({"codec": "h264"}))
    assert (direction.mos, direction.verdict) == (None, "")
    assert direction.sentence("a", "b") == "a → b: 0.0 % lost on the way here, jitter 0 ms"


# One way.

MUTE: dict[str, Any] = {"packets": 0, "payload_type": -1, "codec": "", "silent": 60.0}


def test_packets_that_were_due_and_did_not_come_while_the_others_did_are_one_way_audio() -> None:
    streams = pair(MUTE)
    assess(streams)
    assert [each.is_one_way for each in streams] == [True, False]
    assert streams[0].mos is None
    assert only(streams).sentence("caller", "Ana") == (
        "caller → Ana: no audio came in the 60 s that it was due: one-way audio"
    )


@pytest.mark.parametrize(("speaker", "listener"), [
    ({"owed": 3.0}, {}),  # too short to tell
    ({"owed": 0.0}, {}),  # it was on hold
    ({}, MUTE),  # nobody spoke
    ({}, {"heard_by": 2}),  # he speaks to somebody else
], ids=["short", "hold", "both", "transferred"])  # fmt: skip
def test_what_is_no_one_way_audio(speaker: dict[str, Any], listener: dict[str, Any]) -> None:
    streams = pair(MUTE | speaker, listener)
    assess(streams)
    assert not streams[0].is_one_way


def test_who_falls_silent_in_the_middle_is_found_too() -> None:
    direction = only(pair({"silent": 25.0}, {"silent": 0.02}))
    assert direction.is_one_way
    assert direction.sentence("Ana", "caller").endswith("none in the last 25 s: one-way audio")
    assert not only(pair({"silent": 25.0}, {"silent": 25.0})).is_one_way  # both ended
    assert not only(pair({"silent": 12.0}, {"silent": 0.0})).is_one_way  # a pause


def test_fax_video_and_legs_that_nobody_heard_are_left_out() -> None:
    fax: dict[str, Any] = {"payload_type": -1, "codec": ""}
    assert directions(pair(fax, fax)) == []
    alone = StreamRecord(2, 0, packets=50, payload_type=0, codec="pcmu")
    streams = [*pair(), alone]
    assess(streams)
    assert (alone.mos, alone.is_one_way) == (None, None)
    assert [each.speaker for each in directions(streams)] == [0, 1]


def test_media_are_told_apart() -> None:
    video = StreamRecord(1, 1, packets=9, payload_type=96, heard_by=0)
    sight = StreamRecord(0, 1, packets=9, payload_type=96, heard_by=1)
    found = directions([*pair(), sight, video])
    assert [(each.medium, each.speaker) for each in found] == [(0, 0), (0, 1), (1, 0), (1, 1)]


# Codecs.

HEAD = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
OPUS = parse(HEAD + b"m=audio 4000 RTP/AVP 111 0\r\na=rtpmap:111 opus/48000/2\r\n")
PLAIN = parse(HEAD + b"m=audio 4000 RTP/AVP 0 8\r\n")


@pytest.mark.parametrize(("payload_type", "described", "codec"), [
    (111, {0: OPUS, 1: PLAIN}, "opus"),
    (111, {0: PLAIN, 1: OPUS}, "opus"),  # as the other side numbers it
    (0, {0: PLAIN}, "pcmu"),
    (0, {}, "pcmu"),
    (18, {0: None}, "g729"),
    (97, {0: OPUS}, ""),
    (-1, {0: OPUS}, ""),
])  # fmt: skip
def test_the_codec_is_found_by_its_payload_type(payload_type: int, described: dict[int, Any], codec: str) -> None:
    assert codec_of(StreamRecord(0, 0, payload_type=payload_type), described) == codec


def test_a_medium_that_is_not_described_has_the_static_names_only() -> None:
    assert codec_of(StreamRecord(0, 3, payload_type=111), {0: OPUS}) == ""
