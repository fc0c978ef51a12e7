"""Room for calls: the limits, the rate and its allowance, drain, and a loop that is late."""

from __future__ import annotations

import pytest

from b2bua.calls.admission import LONGEST_LAG, Admission


def refusals(admission: Admission, times: list[float], running: int = 0) -> list[bool]:
    """Whether each of the calls that come at these times is refused."""
    return [admission.refuse(running, now) is not None for now in times]


def test_without_limits_every_call_is_taken() -> None:
    admission = Admission()
    assert refusals(admission, [0.0] * 1000, running=100_000) == [False] * 1000
    assert admission.refused == 0


@pytest.mark.parametrize(("running", "is_refused"), [(0, False), (9, False), (10, True), (11, True)])
def test_the_limit_of_calls_is_how_many_run_at_once(running: int, is_refused: bool) -> None:
    assert (Admission(calls=10).refuse(running, 0.0) is not None) == is_refused


def test_a_refusal_is_503_and_says_when_to_come_back() -> None:
    """OVL-1."""
    admission = Admission(calls=1, retry_after=17)
    refused = admission.refuse(1, 0.0)
    assert refused is not None
    assert (refused.status, refused.fields) == (503, (("Retry-After", "17"),))
    assert "limits.calls" in refused.detail
    assert admission.refused == 1


def test_a_seconds_worth_may_come_at_once_and_no_more() -> None:
    admission = Admission(rate=3.0)
    assert refusals(admission, [100.0] * 5) == [False, False, False, True, True]
    assert admission.refused == 2


def test_the_allowance_comes_back_with_time() -> None:
    admission = Admission(rate=4.0)
    assert refusals(admission, [50.0] * 5) == [False] * 4 + [True]
    assert refusals(admission, [50.24]) == [True]
    assert refusals(admission, [50.25, 50.26]) == [False, True]
    assert refusals(admission, [50.5, 50.75]) == [False, False]


def test_a_refused_call_costs_no_allowance() -> None:
    admission = Admission(rate=2.0)
    refusals(admission, [10.0] * 3)
    # A call each 10 ms for half a second: one of them finds what half a second has brought.
    assert refusals(admission, [10.0 + step / 100 for step in range(1, 51)]).count(False) == 1


def test_a_long_rest_saves_up_no_more_than_a_second() -> None:
    admission = Admission(rate=2.0)
    refusals(admission, [10.0, 10.0])
    assert refusals(admission, [5000.0] * 4) == [False, False, True, True]


def test_a_rate_below_one_a_second_lets_a_call_through_now_and_then() -> None:
    admission = Admission(rate=0.5)
    assert refusals(admission, [100.0, 101.0, 102.0, 103.0, 104.0]) == [False, True, False, True, False]


def test_a_rate_set_later_counts_from_then_on() -> None:
    """As at a reload."""
    admission = Admission()
    refusals(admission, [10.0] * 100)
    admission.rate = 2.0
    assert refusals(admission, [20.0] * 3) == [False, False, True]
    admission.rate = 0.0
    assert refusals(admission, [20.0] * 100) == [False] * 100


@pytest.mark.parametrize(("lag", "is_refused"), [(0.0, False), (LONGEST_LAG, False), (0.06, True)])
def test_a_late_loop_takes_no_new_calls(lag: float, is_refused: bool) -> None:
    admission = Admission()
    admission.lag = lag
    assert refusals(admission, [0.0]) == [is_refused]


def test_a_drain_refuses_all() -> None:
    """OVL-6."""
    admission = Admission()
    admission.is_draining = True
    refused = admission.refuse(0, 0.0)
    assert refused is not None
    assert (refused.status, refused.detail.partition(":")[0]) == (503, "draining")


def test_what_is_refused_for_another_cause_takes_nothing_of_the_rate() -> None:
    admission = Admission(calls=1, rate=1.0)
    assert admission.refuse(1, 10.0) is not None
    assert admission.refuse(0, 10.0) is None
