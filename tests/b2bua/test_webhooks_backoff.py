"""How long an event waits until it is sent again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from b2bua.webhooks.backoff import LONGEST, interval_after


@pytest.mark.parametrize(("attempts", "longest"), [
    (1, 1.0), (2, 2.0), (3, 4.0), (11, 1024.0), (12, 2048.0), (13, 3600.0), (14, 3600.0), (100, 3600.0),
])  # fmt: skip
def test_it_doubles_up_to_an_hour(attempts: int, longest: float) -> None:
    assert interval_after(attempts, 0.0) == longest
    assert interval_after(attempts, 1.0) == longest / 2


@given(st.integers(1, 10**9), st.floats(0, 1))
def test_it_stays_within_bounds(attempts: int, fraction: float) -> None:
    assert 0.5 <= interval_after(attempts, fraction) <= LONGEST


def test_twenty_repeats_are_some_seven_hours() -> None:
    """What the explanation of retry_limit says."""
    assert 6 * 3600 < sum(interval_after(attempts, 0.5) for attempts in range(1, 21)) < 8 * 3600
