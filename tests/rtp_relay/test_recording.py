"""Where packets lie in a recording."""

from __future__ import annotations

import pytest

from rtp_relay.recording import Timeline


def test_timestamps_say_where_and_not_arrival() -> None:
    line = Timeline()
    places = [
        line.place(7, at * 160, 8000, 5.0 + late) for at, late in [(0, 0), (1, 0.3), (3, 0.31), (2, 0.32)]
    ]
    assert places == pytest.approx([0.0, 0.02, 0.06, 0.04])


def test_another_source_and_a_leap_go_on_from_when_they_came() -> None:
    line = Timeline()
    line.place(7, 0, 8000, 5.0)
    assert line.place(8, 99999, 8000, 6.0) == pytest.approx(1.0)
    assert line.place(8, 99999 + 160, 8000, 6.02) == pytest.approx(1.02)
    assert line.place(8, 99999 + 8000 * 3600, 8000, 6.5) == pytest.approx(1.5)


def test_timestamps_wrap_and_may_go_below_the_first() -> None:
    line = Timeline()
    line.place(7, 0xFFFFFF60, 8000, 5.0)
    assert line.place(7, 0, 8000, 5.02) == pytest.approx(0.02)
    assert line.place(7, 0xFFFFFEC0, 8000, 5.03) == 0.0
