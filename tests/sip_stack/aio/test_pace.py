"""When a rest is taken, and how long it is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sip_stack.aio.pace import BUSY_RATE, LOOK_INTERVAL, REST, Pace

START = 5000.0  # of a clock that has been going for long
STEP = 1 / 256  # seconds between two batches: a binary fraction, so that sums of it are exact
BUSY = round(2 * BUSY_RATE * STEP)  # datagrams in each


def run(pace: Pace, datagrams: int, seconds: float, start: float, is_drained: bool = True) -> list[float]:
    """Batches of so many datagrams, one each STEP."""
    return [
        pace.rest_after(datagrams, is_drained, start + number * STEP) for number in range(1, round(seconds / STEP))
    ]


def busy() -> Pace:
    pace = Pace()
    run(pace, BUSY, 3 * LOOK_INTERVAL, START)
    return pace


def test_the_first_datagrams_after_silence_are_never_kept_waiting() -> None:
    assert Pace().rest_after(64, True, START) == 0.0


def test_a_busy_service_rests_after_each_batch_from_the_second_look_on() -> None:
    rests = run(Pace(), BUSY, 1.0, START)
    known_after = round(2 * LOOK_INTERVAL / STEP)
    assert set(rests[known_after:]) == {REST}
    assert rests[0] == 0.0


def test_a_quiet_service_never_rests() -> None:
    assert set(run(Pace(), round(BUSY_RATE * STEP / 2), 2.0, START)) == {0.0}


def test_it_does_not_rest_while_more_is_waiting() -> None:
    assert set(run(busy(), 64, 0.5, START + 1, is_drained=False)) == {0.0}


def test_it_goes_on_resting_though_a_full_batch_was_in_between() -> None:
    pace = busy()
    at = START + 3 * LOOK_INTERVAL
    assert pace.rest_after(64, False, at) == 0.0
    assert pace.rest_after(BUSY, True, at + STEP) == REST


def test_a_service_that_was_busy_does_not_rest_after_the_first_datagram_that_follows_on_silence() -> None:
    assert busy().rest_after(1, True, START + 60) == 0.0


@given(st.lists(st.tuples(st.integers(0, 64), st.booleans(), st.floats(0.0, 0.5)), max_size=60))
def test_a_rest_is_of_one_length_and_only_on_a_drained_socket(
    batches: list[tuple[int, bool, float]],
) -> None:
    pace, now = Pace(), START
    for datagrams, is_drained, later in batches:
        now += later
        rest = pace.rest_after(datagrams, is_drained, now)
        assert rest == 0.0 or (is_drained and rest == REST)
