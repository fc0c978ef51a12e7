"""The lengths of RFC 3261 Table 4, and the wheel: never early, at most one slot late, nothing left behind."""

from __future__ import annotations

import heapq

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip_stack.timers import SLOTS_PER_SECOND, Intervals, Timer, TimerWheel

SLOT = 1 / SLOTS_PER_SECOND


class Keeper:
    def __init__(self) -> None:
        self.kept: list[tuple[int, float]] = []

    def handle_timer(self, name: int, now: float) -> None:
        self.kept.append((name, now))


def test_the_intervals_of_table_4() -> None:
    intervals = Intervals()
    assert (intervals.t1, intervals.t2, intervals.t4) == (0.5, 4.0, 5.0)
    assert intervals.timeout == 32.0
    assert intervals.timer_d >= 32.0
    assert intervals.minute == 60.0


def test_a_longer_t1_lengthens_timer_d_and_a_short_one_of_a_test_shortens_it() -> None:
    assert Intervals(t1=1.0).timer_d == 64.0
    assert Intervals(t1=0.01).timer_d == pytest.approx(0.64)


def test_deadlines_are_kept_in_their_order_and_not_before_their_time() -> None:
    wheel, keeper = TimerWheel(), Keeper()
    for name, deadline in enumerate((5.0, 1.0, 3.0, 1.004)):
        wheel.set(keeper, name, deadline)
    wheel.expire(0.99)
    assert keeper.kept == []
    wheel.expire(3.0)
    assert [name for name, _ in keeper.kept] == [1, 3, 2]
    assert wheel.next_deadline() == 5.0
    assert len(wheel) == 1


def test_so_are_those_of_one_slot() -> None:
    wheel, keeper = TimerWheel(), Keeper()
    for name, deadline in enumerate((1.008, 1.002, 1.005)):
        wheel.set(keeper, name, deadline)
    wheel.expire(1.01)
    assert [name for name, _ in keeper.kept] == [1, 2, 0]


def test_sums_of_floats_do_not_fall_on_the_next_slot() -> None:
    wheel = TimerWheel()
    wheel.set(Keeper(), 0, 0.1 + 0.2)
    assert wheel.next_deadline() == 0.3


def test_a_deadline_that_was_taken_back_is_not_kept_and_leaves_no_deadline() -> None:
    wheel, keeper = TimerWheel(), Keeper()
    timer = wheel.set(keeper, 1, 1.0)
    wheel.cancel(timer)
    wheel.cancel(timer)
    assert (len(wheel), wheel.next_deadline(), wheel.waiting()) == (0, None, [])
    wheel.expire(2.0)
    assert keeper.kept == []


def test_one_timer_may_take_back_another_that_is_due_at_the_same_time() -> None:
    wheel = TimerWheel()

    class First:
        other: Timer

        def handle_timer(self, name: int, now: float) -> None:
            wheel.cancel(self.other)

    first, keeper = First(), Keeper()
    wheel.set(first, 0, 1.0)
    first.other = wheel.set(keeper, 1, 1.0)
    wheel.expire(1.0)
    assert keeper.kept == []


def test_a_timer_that_sets_itself_anew_for_now_waits_for_the_next_call() -> None:
    wheel = TimerWheel()

    class Restless:
        times = 0

        def handle_timer(self, name: int, now: float) -> None:
            self.times += 1
            wheel.set(self, name, now)

    restless = Restless()
    wheel.set(restless, 0, 1.0)
    wheel.expire(1.0)
    assert restless.times == 1
    wheel.expire(1.0)
    assert restless.times == 2


def test_a_kept_timer_may_be_taken_back_without_harm_to_one_set_in_its_slot() -> None:
    wheel, keeper = TimerWheel(), Keeper()
    kept = wheel.set(keeper, 0, 1.0)
    wheel.expire(1.0)
    wheel.set(keeper, 1, 1.0)
    wheel.cancel(kept)
    wheel.expire(1.0)
    assert [name for name, _ in keeper.kept] == [0, 1]


def test_then_is_called_after_each_deadline() -> None:
    wheel, keeper, seen = TimerWheel(), Keeper(), []
    for name in range(3):
        wheel.set(keeper, name, 1.0 + name)
    wheel.expire(3.0, lambda: seen.append(len(keeper.kept)))
    assert seen == [1, 2, 3]


@given(
    st.lists(st.tuples(st.floats(0, 200, allow_nan=False), st.booleans()), max_size=40),
    st.lists(st.floats(0, 250, allow_nan=False), max_size=10),
)
def test_whatever_is_set_is_kept_once_on_time_unless_taken_back(
    wanted: list[tuple[float, bool]], wakings: list[float]
) -> None:
    wheel, keeper = TimerWheel(), Keeper()
    timers = [wheel.set(keeper, name, deadline) for name, (deadline, _) in enumerate(wanted)]
    for timer, (_, is_taken_back) in zip(timers, wanted, strict=True):
        if is_taken_back:
            wheel.cancel(timer)
    heapq.heapify(wakings)
    while wakings:
        now = heapq.heappop(wakings)
        while (deadline := wheel.next_deadline()) is not None and deadline <= now:
            wheel.expire(deadline)
    while (deadline := wheel.next_deadline()) is not None:
        wheel.expire(deadline)
    assert sorted(name for name, _ in keeper.kept) == [n for n, (_, gone) in enumerate(wanted) if not gone]
    for name, at in keeper.kept:
        assert -1e-5 <= at - wanted[name][0] <= SLOT + 1e-5
    assert len(wheel) == 0


def test_an_owner_that_breaks_takes_no_other_deadline_with_it() -> None:
    kept: list[int] = []

    class Breaks:
        def handle_timer(self, name: int, now: float) -> None:
            raise ZeroDivisionError

    class Keeps:
        def handle_timer(self, name: int, now: float) -> None:
            kept.append(name)

    wheel = TimerWheel()
    wheel.set(Breaks(), 0, 1.0)
    for number, deadline in ((1, 1.0), (2, 1.005), (3, 1.5)):
        wheel.set(Keeps(), number, deadline)
    with pytest.raises(ZeroDivisionError):
        wheel.expire(2.0)
    assert wheel.next_deadline() == 1.0
    wheel.expire(2.0)
    assert kept == [1, 2, 3] and wheel.next_deadline() is None and len(wheel) == 0
