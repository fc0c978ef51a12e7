"""What is made of a far end's reports."""

from __future__ import annotations

import pytest

from rtp_relay.hearing import Hearing
from rtp_relay.rtcp import Block


def block(ssrc: int = 1, lost: int = 0, jitter: int = 0, last_report: int = 0, delay: float = 0.0) -> Block:
    return Block(ssrc, lost, 0, jitter, last_report, round(delay * 65536))


def test_without_reports_nothing_is_known() -> None:
    hearing = Hearing()
    assert (hearing.lost, hearing.jitter, hearing.round_trip, hearing.blocks) == (0, -1.0, -1.0, 0)


def test_the_way_there_and_back_is_what_is_left_of_the_time() -> None:
    hearing = Hearing()
    hearing.pass_report(0xABC, 100.0)
    hearing.take(block(last_report=0xABC, delay=2.0), 8000, 102.038)
    assert hearing.round_trip == pytest.approx(0.038, abs=1e-4)
    hearing.pass_report(0xDEF, 105.0)
    hearing.take(block(last_report=0xDEF, delay=1.0), 8000, 106.042)
    assert hearing.round_trip == pytest.approx(0.040, abs=1e-4)  # the mean
    assert hearing.round_trips == 2


@pytest.mark.parametrize(("last_report", "delay"), [
    (0, 0.0),  # it has had none
    (0x999, 0.0),  # none that passed here
    (0xABC, 5.0),  # it says that it has kept it for longer than it can have
], ids=["none", "unknown", "too long"])  # fmt: skip
def test_what_cannot_be_true_is_passed_over(last_report: int, delay: float) -> None:
    hearing = Hearing()
    hearing.pass_report(0xABC, 100.0)
    hearing.take(block(last_report=last_report, delay=delay), 8000, 102.0)
    assert hearing.round_trip == -1.0


def test_a_round_trip_of_more_than_ten_seconds_is_none() -> None:
    hearing = Hearing()
    hearing.pass_report(0xABC, 100.0)
    hearing.take(block(last_report=0xABC), 8000, 110.1)
    assert hearing.round_trip == -1.0


def test_a_far_end_next_door_may_round_its_delay_up() -> None:
    hearing = Hearing()
    hearing.pass_report(0xABC, 100.0)
    hearing.take(block(last_report=0xABC, delay=1.0), 8000, 100.9995)
    assert hearing.round_trip == 0.0


def test_only_the_last_sender_reports_are_remembered() -> None:
    hearing = Hearing()
    for number in range(1, 1000):
        hearing.pass_report(number, float(number))
    hearing.take(block(last_report=991), 8000, 999.0)
    assert hearing.round_trip == -1.0
    hearing.take(block(last_report=992), 8000, 999.0)
    assert hearing.round_trip == pytest.approx(7.0)
    assert len(hearing._sent) == 8


def test_loss_goes_on_when_the_source_changes() -> None:
    hearing = Hearing()
    for ssrc, lost in ((1, 3), (1, 7), (2, 0), (2, 4)):
        hearing.take(block(ssrc, lost), 8000, 1.0)
    assert hearing.lost == 11


def test_jitter_is_a_mean_in_seconds() -> None:
    hearing = Hearing()
    hearing.take(block(jitter=80), 8000, 1.0)
    hearing.take(block(jitter=1440), 48000, 2.0)
    assert hearing.jitter == pytest.approx(0.02)
    hearing.take(block(jitter=0xFFFFFFFF, lost=9), 8000, 3.0)
    assert (hearing.blocks, hearing.lost) == (2, 0)
