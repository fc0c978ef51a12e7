"""The clock rings in order, once, and not when it was told not to."""

from __future__ import annotations

import functools

from tests.world.clock import Clock


def test_alarms_ring_in_order_of_time_then_of_setting() -> None:
    clock = Clock(0.0)
    rung: list[str] = []
    for name, interval in (("late", 2.0), ("first", 1.0), ("second", 1.0)):
        clock.after(interval, functools.partial(rung.append, name))
    assert not clock.ring_one()
    clock.now = 1.0
    assert clock.ring_one() and clock.ring_one() and not clock.ring_one()
    assert rung == ["first", "second"]
    assert clock.next_due() == 2.0


def test_a_cancelled_alarm_is_not_due() -> None:
    clock = Clock(0.0)
    clock.after(1.0, lambda: None).cancel()
    assert clock.next_due() is None
