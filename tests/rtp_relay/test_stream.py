from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtp_relay.stream import NEVER, Stream
from tests.rtp_relay.packets import rtp


def play(*sequences: int, ssrc: int = 7) -> Stream:
    stream = Stream()
    for index, sequence in enumerate(sequences):
        stream.receive(rtp(sequence, ssrc=ssrc), index * 0.02)
    return stream


def test_nothing_received() -> None:
    stream = Stream()
    assert (stream.packets, stream.lost, stream.jitter, stream.payload_type) == (0, 0, 0.0, -1)
    assert stream.first_packet == stream.last_packet == NEVER


@pytest.mark.parametrize(
    ("sequences", "lost"),
    [
        ((1, 2, 3), 0),
        ((1, 3, 4), 1),
        ((1, 3, 2, 4), 0),
        ((1, 2, 2, 3), -1),
        ((65534, 65535, 0, 1), 0),
        ((65534, 1), 2),
        ((65535, 65534, 0), -1),  # what came before the first was not expected
        ((10, 11, 2000, 2001), 1988),
        ((10, 11, 40000, 40001, 40002), 0),  # a leap that goes on: the other side began anew
        ((10, 11, 40000, 12, 13), 0),  # one that does not: a packet astray, not counted as received
        ((60000, 100, 101), 0),  # began anew at a lower number
    ],
)
def test_lost(sequences: tuple[int, ...], lost: int) -> None:
    assert play(*sequences).lost == lost


def test_loss_of_several_sources_adds_up() -> None:
    stream = Stream()
    for sequence, ssrc in ((1, 1), (3, 1), (500, 2), (501, 2), (504, 2)):
        stream.receive(rtp(sequence, ssrc=ssrc), 0.0)
    assert stream.lost == 1 + 2
    assert stream.ssrc == 2
    assert stream.ssrc_changes == 1


def test_a_steady_stream_has_no_jitter() -> None:
    assert play(*range(1, 100)).jitter == pytest.approx(0.0, abs=1e-9)


def test_jitter_by_the_formula() -> None:
    stream = Stream()
    expected, offsets = 0.0, [0.0, 0.004, -0.003, 0.010, 0.0]
    for index, offset in enumerate(offsets):
        stream.receive(rtp(index), index * 0.02 + offset)
        if index:
            expected += (abs(offset - offsets[index - 1]) - expected) / 16
    assert stream.jitter == pytest.approx(expected)


def test_the_timestamp_may_wrap() -> None:
    stream = Stream()
    for index in range(5):
        stream.receive(rtp(index, timestamp=0xFFFFFF00 + index * 160), index * 0.02)
    assert stream.jitter == pytest.approx(0.0, abs=1e-9)


def test_telephone_event_between_audio_leaves_jitter_and_payload_type_alone() -> None:
    stream = Stream()
    kinds = [0, 0, 101, 101, 101, 0, 0]
    for index, kind in enumerate(kinds):
        timestamp = 320 if kind else index * 160
        stream.receive(rtp(index, payload_type=kind, timestamp=timestamp), index * 0.02)
    assert stream.jitter == pytest.approx(0.0, abs=1e-9)
    assert stream.payload_type == 0


def test_the_clock_follows_the_payload_type() -> None:
    stream = Stream()
    stream.clock_rates = {96: 90000}
    for index in range(10):
        stream.receive(rtp(index, payload_type=96, timestamp=index * 1800), index * 0.02)
    for index in range(10, 20):
        stream.receive(rtp(index, payload_type=8, timestamp=index * 160), index * 0.02)
    assert stream.jitter == pytest.approx(0.0, abs=1e-9)
    assert stream.payload_type == 8


def test_the_payload_type_before_takes_turns_with_this_one() -> None:
    stream = Stream()
    stream.clock_rates = {110: 48000}
    kinds = []
    for sequence, kind in enumerate((0, 110, 110, 0, 8)):
        stream.receive(rtp(sequence, payload_type=kind), sequence * 0.02)
        standing = stream.standing(is_read=True)
        assert standing is not None
        kinds.append((standing.kind, standing.other_kind, standing.other_clock_rate))
    assert kinds == [(0, -1, 8000), (110, 0, 8000), (110, 0, 8000), (0, 110, 48000), (8, 0, 8000)]


def test_telephone_event_may_be_expected_before_it_comes() -> None:
    stream = Stream()
    stream.clock_rates = {96: 48000, 110: 48000}
    stream.receive(rtp(1, payload_type=96), 0.0)
    stream.expect((101, 110))
    assert stream.standing(is_read=True)[5:] == (0.0, 0.0, 0.0, 110, 48000)  # type: ignore[index]
    stream.expect((101,))
    assert stream.standing(is_read=True).other_kind == 110  # type: ignore[union-attr]


def test_turns_that_a_form_has_seen_are_taken_over() -> None:
    ours, all_seen = Stream(), Stream()
    for stream in (ours, all_seen):
        stream.clock_rates = {110: 48000}
        stream.receive(rtp(1), 0.0)
        stream.expect((110,))
    for sequence, timestamp in ((2, 320), (3, 320)):
        all_seen.receive(rtp(sequence, payload_type=110, timestamp=timestamp), sequence * 0.02 - 0.02)
    after = all_seen.standing(is_read=True)
    assert after is not None
    ours.absorb(2, 2 * 172, after, is_read=True)
    assert ours.keep() == all_seen.keep()
    ours.receive(rtp(4), 0.06)
    all_seen.receive(rtp(4), 0.06)
    assert ours.keep() == all_seen.keep()


def test_the_longest_gap_leaves_pauses_out() -> None:
    stream = Stream()
    for at in (0.0, 0.02, 0.5, 0.52):
        stream.receive(rtp(int(at * 50)), at)
    stream.pause()
    stream.receive(rtp(100), 30.0)
    assert stream.longest_gap == pytest.approx(0.48)


def test_packets_that_are_not_read() -> None:
    stream = Stream()
    stream.count(50, 1.0)
    stream.count(60, 3.0)
    assert (stream.packets, stream.octets, stream.lost) == (2, 110, 0)
    assert (stream.first_packet, stream.last_packet, stream.longest_gap) == (1.0, 3.0, 2.0)


@given(st.integers(0, 65535), st.sets(st.integers(1, 998)), st.integers(0, 2**32 - 1))
def test_any_loss_is_counted(first: int, missing: set[int], ssrc: int) -> None:
    """Any packets but the first and the last of a thousand go missing, wherever the sequence begins."""
    stream = Stream()
    for step in range(1000):
        if step not in missing:
            stream.receive(rtp(first + step, ssrc=ssrc, size=0), step * 0.02)
    assert stream.lost == len(missing)
    assert stream.packets == 1000 - len(missing)


@given(st.permutations(range(80)))
def test_any_order_loses_nothing_but_what_came_before_the_first(order: list[int]) -> None:
    stream = Stream()
    for step in order:
        stream.receive(rtp(1000 + step, size=0), 0.0)
    assert stream.lost == -order[0] + 0
    assert stream.packets == 80


STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.sampled_from([1, 1, 1, 1, 0, 2, 50, 65500, 40000]),  # on from the sequence number before
            st.sampled_from([160, 160, 160, 0, -160, 2**31, 2**32 - 5]),  # on from the timestamp before
            st.sampled_from([7, 7, 7, 8]),  # SSRC
            st.sampled_from([0, 0, 0, 8, 101]),  # payload type
            st.booleans(),  # marker
        ),
        st.just("pause"),
        st.just("another kind"),
    ),
    max_size=60,
)


@given(STEPS)
def test_what_is_plain_is_counted_as_anything_else(steps: list[tuple[int, int, int, int, bool] | str]) -> None:
    whole, quick = Stream(), Stream()
    sequence, timestamp, now = 65000, 2**32 - 800, 1.0
    for step in steps:
        now += 0.021
        if isinstance(step, str):
            for stream in (whole, quick):
                stream.pause() if step == "pause" else stream.look_closer()
            continue
        on, later, ssrc, kind, marker = step
        sequence, timestamp = (sequence + on) % 65536, (timestamp + later) % 2**32
        packet = rtp(sequence, ssrc=ssrc, payload_type=kind, timestamp=timestamp, marker=marker, size=on % 7)
        whole.receive(packet, now)
        if not quick.receive_plain(packet, now):
            quick.receive(packet, now)
        assert quick.keep() == whole.keep()
        assert (quick.paused, quick.lost) == (whole.paused, whole.lost)


def test_nearly_every_packet_is_plain() -> None:
    stream = play(1, 2)
    assert [stream.receive_plain(rtp(sequence), sequence * 0.02) for sequence in (3, 4, 5)] == [True] * 3
    assert stream.packets == 5


@pytest.mark.parametrize(
    "packet",
    [
        rtp(3, marker=True), rtp(3, payload_type=8), rtp(3, ssrc=8), rtp(4000), rtp(3)[:11], b"",
        b"\x90" + rtp(3)[1:], b"\xb0" + rtp(3)[1:], b"\x00" + rtp(3)[1:], rtp(3, payload_type=72),  # 200: a report
    ],
)  # fmt: skip
def test_what_is_not_plain_is_not_counted_as_such(packet: bytes) -> None:
    stream = play(1, 2)
    before = stream.keep()
    assert not stream.receive_plain(packet, 0.06)
    assert stream.keep() == before
