"""Whose turn it is: one further with each call, in the shares that the weights give, and evenly over many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from b2bua.flows.rotation import Changes, PointerRow, Rotation, TakenRow, Turn, wheel

weights = st.lists(st.integers(1, 9), min_size=1, max_size=6)
several_weights = st.lists(st.integers(1, 9), min_size=2, max_size=6)


def begin(rotation: Rotation, *of: int, first: int | None = None) -> Turn:
    return rotation.begin("main", "ring", of or (1, 1, 1), first)


def starts(rotation: Rotation, of: Sequence[int], calls: int) -> list[int]:
    """With whom so many calls begin, one after another, each taken by whom it begins with."""
    begun = []
    for _ in range(calls):
        turn = rotation.begin("main", "ring", of)
        rotation.answered(turn, turn.start, str(turn.start))
        begun.append(turn.start)
    return begun


def test_two_calls_at_once_begin_with_different_recipients() -> None:
    rotation = Rotation()
    first, second = begin(rotation), begin(rotation)
    assert tuple(first.order()) == (0, 1, 2)
    assert tuple(second.order()) == (1, 2, 0)


def test_the_pointer_moves_past_whoever_answered() -> None:
    rotation = Rotation()
    turn = begin(rotation)
    rotation.answered(turn, 1, "Ben")  # Ana was busy
    assert begin(rotation).start == 2


def test_a_call_that_nobody_answers_moves_it_by_one() -> None:
    rotation = Rotation()
    rotation.over(begin(rotation))
    assert begin(rotation).start == 1


def test_a_call_does_not_move_what_another_has_moved() -> None:
    rotation = Rotation()
    first = begin(rotation)
    begin(rotation)
    rotation.answered(first, 2, "Carl")
    assert begin(rotation).start == 2


def test_steps_and_flows_turn_by_themselves() -> None:
    rotation = Rotation()
    begin(rotation, 1, 1)
    assert rotation.begin("main", "duty", (1, 1)).start == 0
    assert rotation.begin("other", "ring", (1, 1)).start == 0
    assert begin(rotation, 1, 1).start == 1


def test_calls_are_counted() -> None:
    rotation = Rotation(taken=[TakenRow("main", "ring", "Ana", 4)])
    for _ in range(3):
        turn = begin(rotation, 1, 1)
        rotation.answered(turn, turn.start, ("Ana", "Ben")[turn.start])
    assert rotation.taken("main", "ring") == {"Ana": 6, "Ben": 1}
    assert rotation.taken("main", "other") == {}


def test_what_has_changed_is_told_once_unless_it_is_put_back() -> None:
    rotation = Rotation([PointerRow("main", "ring", 7)])
    assert not rotation.changes()
    turn = begin(rotation, 1, 1)
    rotation.answered(turn, 1, "Ben")
    changes = rotation.changes()
    assert changes == Changes([PointerRow("main", "ring", 8)], [TakenRow("main", "ring", "Ben", 1)])
    assert not rotation.changes()
    begin(rotation, 1, 1)
    rotation.put_back(changes)
    assert rotation.changes() == Changes(
        [PointerRow("main", "ring", 9)], [TakenRow("main", "ring", "Ben", 1)]
    )


def test_callers_are_told_with_the_rest() -> None:
    rotation = Rotation()
    rotation.remember("main", "ring", "15550199", "Ana", 1, 100.0)
    changes = rotation.changes()
    assert [row.recipient for row in changes.regulars] == ["Ana"] and bool(changes)
    assert not rotation.changes()
    rotation.put_back(changes)
    assert rotation.changes() == changes
    assert rotation.regular("main", "ring", "15550199", 1, 200.0) == "Ana"
    assert rotation.regular("main", "other", "15550199", 1, 200.0) == ""


def test_a_round_robin_of_nobody_is_a_bug() -> None:
    with pytest.raises(ValueError, match="nobody"):
        Rotation().begin("main", "ring", ())


# Weights.


@pytest.mark.parametrize(
    ("of", "places"),
    [
        ((1, 1, 1), (0, 1, 2)),
        ((5, 1, 1), (0, 0, 1, 0, 2, 0, 0)),
        ((3, 1), (0, 0, 1, 0)),
        ((20, 10), (0, 1, 0)),
        ((100,), (0,)),
    ],
)
def test_the_wheel(of: tuple[int, ...], places: tuple[int, ...]) -> None:
    assert wheel(of) == places


def test_the_rest_follows_in_the_order_of_its_turns() -> None:
    assert tuple(begin(Rotation(), 1, 1, 3).order()) == (2, 0, 1)


def test_where_weights_are_changed_the_next_call_goes_by_them() -> None:
    rotation = Rotation()
    before = begin(rotation, 1, 1)
    assert starts(rotation, (3, 1), 3) == [0, 1, 0]  # the pointer is past the first place
    rotation.answered(before, 0, "Ana")
    assert before.start == 0


def test_nobody_loses_a_second_place_because_he_was_busy_once() -> None:
    rotation = Rotation()
    turn = begin(rotation, 3, 1)  # places: Ana, Ana, Ben, Ana
    rotation.answered(turn, 1, "Ben")
    assert starts(rotation, (3, 1), 3) == [0, 1, 0]


def test_neighbours_on_the_wheel_change_places_when_two_calls_come_at_once() -> None:
    rotation = Rotation()
    first, second = begin(rotation, 3, 1), begin(rotation, 3, 1)
    assert (first.start, second.start) == (0, 1)
    assert tuple(second.order()) == (1, 0)
    rotation.answered(first, 0, "Ana")
    rotation.answered(second, 1, "Ben")
    assert starts(rotation, (3, 1), 2) == [0, 0]  # Ana has the place that was Ben's


def test_who_is_rung_as_the_second_of_a_call_is_not_begun_with() -> None:
    rotation = Rotation()
    order = iter(begin(rotation, 1, 1, 1).order())
    assert (next(order), next(order)) == (0, 1)
    assert begin(rotation, 1, 1, 1).start == 2


def test_with_nobody_else_two_calls_ring_the_same() -> None:
    rotation = Rotation()
    assert [begin(rotation, 4).start for _ in range(3)] == [0, 0, 0]


@given(weights, st.integers(0, 5))
def test_the_shares_of_many_calls_are_those_of_the_weights(of: list[int], rounds: int) -> None:
    places = len(wheel(tuple(of)))
    got = Counter(starts(Rotation(), of, rounds * places))
    assert all(got[index] * sum(of) == weight * rounds * places for index, weight in enumerate(of))


@given(weights, st.integers(0, 200), st.integers(1, 60))
def test_nobody_is_ever_far_ahead_of_his_share_or_starves(of: list[int], before: int, calls: int) -> None:
    rotation = Rotation([PointerRow("main", "ring", before)])
    begun = starts(rotation, of, max(calls, len(wheel(tuple(of)))))
    assert set(begun) == set(range(len(of)))
    for made in range(calls + 1):
        counted = Counter(wheel(tuple(of))[place % len(wheel(tuple(of)))] for place in range(made))
        assert all(counted[index] - made * weight / sum(of) < 1 for index, weight in enumerate(of))


@given(several_weights, st.integers(0, 40), st.integers(1, 40))
def test_a_restart_in_the_middle_changes_no_turn(of: list[int], before: int, after: int) -> None:
    whole = starts(Rotation(), of, before + after)
    rotation = Rotation()
    assert starts(rotation, of, before) == whole[:before]
    assert starts(Rotation(rotation.changes().pointers), of, after) == whole[before:]


@given(several_weights, st.lists(st.integers(1, 2), min_size=1, max_size=60))
def test_shares_hold_where_calls_overlap(of: list[int], at_once: list[int]) -> None:
    """One or two calls at once, again and again: whoever gives his place away gets it back."""
    rotation = Rotation()
    got = Counter[int]()
    for calls in at_once:
        turns = [begin(rotation, *of) for _ in range(calls)]
        assert len({turn.start for turn in turns}) == calls
        for turn in turns:
            rotation.answered(turn, turn.start, str(turn.start))
            got[turn.start] += 1
    owed = Counter(
        {index: len(waiting) for index, waiting in begin(rotation, *of).round.exchanged.items()}
    ).total()
    made = sum(at_once)
    places = wheel(tuple(of))
    fair = Counter(places[place % len(places)] for place in range(made))
    assert sum(abs(got[index] - fair[index]) for index in range(len(of))) <= 2 * (owed + 1)


@given(several_weights, st.data())
def test_each_call_rings_everybody_once(of: list[int], data: st.DataObject) -> None:
    rotation = Rotation()
    everybody = set(range(len(of)))
    open_turns: list[Turn] = []
    for _ in range(data.draw(st.integers(1, 12))):
        first = data.draw(st.none() | st.sampled_from(sorted(everybody)))
        turn = begin(rotation, *of, first=first)
        open_turns.append(turn)
        rung = list(islice(turn.order(), data.draw(st.integers(1, len(of)))))
        assert len(set(rung)) == len(rung) and set(rung) <= everybody
        if first is not None:
            assert rung[0] == first
        if data.draw(st.booleans()):
            ends = open_turns.pop(data.draw(st.integers(0, len(open_turns) - 1)))
            rotation.over(ends)
            rotation.over(ends)  # told twice


@given(st.integers(1, 8), st.integers(0, 50))
def test_where_all_answer_each_gets_as_many_calls(recipients: int, rounds: int) -> None:
    got = Counter(starts(Rotation(), [1] * recipients, rounds * recipients))
    assert got == Counter(dict.fromkeys(range(recipients), rounds) if rounds else {})


@given(st.integers(2, 6), st.lists(st.booleans(), min_size=2, max_size=40))
def test_calls_in_a_row_never_begin_with_the_same(recipients: int, answered: list[bool]) -> None:
    """Whether they end before the next begins or not, as long as the one who began it takes it."""
    rotation = Rotation()
    before = -1
    for is_answered in answered:
        turn = rotation.begin("main", "ring", [1] * recipients)
        assert turn.start != before
        before = turn.start
        if is_answered:
            rotation.answered(turn, turn.start, "x")


@given(several_weights, st.lists(st.sampled_from(["answered", "over", "rings on"]), min_size=2, max_size=40))
def test_a_call_never_begins_with_whom_the_one_before_still_rings(of: list[int], ends: list[str]) -> None:
    rotation = Rotation()
    ringing = -1
    for end in ends:
        turn = begin(rotation, *of)
        assert turn.start != ringing
        ringing = turn.start if end == "rings on" else -1
        if end == "answered":
            rotation.answered(turn, turn.start, "x")
        elif end == "over":
            rotation.over(turn)


# Somebody before the turns.


def test_who_takes_the_call_before_the_turns_moves_nothing() -> None:
    rotation = Rotation()
    turn = begin(rotation, 1, 1, 1, first=2)
    assert next(iter(turn.order())) == 2
    rotation.answered(turn, 2, "Carl")
    assert rotation.changes() == Changes([], [TakenRow("main", "ring", "Carl", 1)])
    assert begin(rotation).start == 0


def test_when_he_does_not_take_it_the_turns_begin() -> None:
    rotation = Rotation()
    turn = begin(rotation, 1, 1, 1, first=2)
    assert tuple(turn.order()) == (2, 0, 1)
    rotation.answered(turn, 0, "Ana")
    assert starts(rotation, (1, 1, 1), 3) == [1, 2, 0]


def test_his_own_turn_comes_all_the_same() -> None:
    """He was rung first and did not take it; the turn that was his is another's, and that one's is his."""
    rotation = Rotation()
    turn = begin(rotation, 1, 1, 1, first=0)
    assert tuple(turn.order()) == (0, 1, 2)
    rotation.answered(turn, 1, "Ben")
    assert starts(rotation, (1, 1, 1), 3) == [0, 2, 0]


def test_others_do_not_begin_with_whom_a_caller_came_back_to() -> None:
    rotation = Rotation()
    back = begin(rotation, 1, 1, 1, first=0)
    assert begin(rotation).start == 1
    rotation.answered(back, 0, "Ana")
    assert starts(rotation, (1, 1, 1), 2) == [0, 2]


def test_the_only_one_there_is_rung_once() -> None:
    assert tuple(begin(Rotation(), 7, first=0).order()) == (0,)
