"""Whose turn it is: one further with each call, and evenly over many."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from b2bua.flows.rotation import Changes, PointerRow, Rotation, TakenRow


def test_two_calls_at_once_begin_with_different_recipients() -> None:
    rotation = Rotation()
    first, second = rotation.begin("main", "ring", 3), rotation.begin("main", "ring", 3)
    assert first.order() == (0, 1, 2)
    assert second.order() == (1, 2, 0)


def test_the_pointer_moves_past_whoever_answered() -> None:
    rotation = Rotation()
    turn = rotation.begin("main", "ring", 3)
    rotation.answered(turn, 1, "Ben")  # Ana was busy
    assert rotation.begin("main", "ring", 3).start == 2


def test_a_call_that_nobody_answers_moves_it_by_one() -> None:
    rotation = Rotation()
    rotation.begin("main", "ring", 3)
    assert rotation.begin("main", "ring", 3).start == 1


def test_a_call_does_not_move_what_another_has_moved() -> None:
    rotation = Rotation()
    first = rotation.begin("main", "ring", 3)
    rotation.begin("main", "ring", 3)
    rotation.answered(first, 2, "Carl")
    assert rotation.begin("main", "ring", 3).start == 2


def test_steps_and_flows_turn_by_themselves() -> None:
    rotation = Rotation()
    rotation.begin("main", "ring", 2)
    assert rotation.begin("main", "duty", 2).start == 0
    assert rotation.begin("other", "ring", 2).start == 0
    assert rotation.begin("main", "ring", 2).start == 1


def test_calls_are_counted() -> None:
    rotation = Rotation(taken=[TakenRow("main", "ring", "Ana", 4)])
    for _ in range(3):
        turn = rotation.begin("main", "ring", 2)
        rotation.answered(turn, turn.start, ("Ana", "Ben")[turn.start])
    assert rotation.taken("main", "ring") == {"Ana": 6, "Ben": 1}
    assert rotation.taken("main", "other") == {}


def test_what_has_changed_is_told_once_unless_it_is_put_back() -> None:
    rotation = Rotation([PointerRow("main", "ring", 7)])
    assert not rotation.changes()
    turn = rotation.begin("main", "ring", 2)
    rotation.answered(turn, 1, "Ben")
    changes = rotation.changes()
    assert changes == Changes([PointerRow("main", "ring", 8)], [TakenRow("main", "ring", "Ben", 1)])
    assert not rotation.changes()
    rotation.begin("main", "ring", 2)
    rotation.put_back(changes)
    assert rotation.changes() == Changes(
        [PointerRow("main", "ring", 9)], [TakenRow("main", "ring", "Ben", 1)]
    )


def test_a_round_robin_of_nobody_is_a_bug() -> None:
    with pytest.raises(ValueError, match="nobody"):
        Rotation().begin("main", "ring", 0)


@given(st.integers(1, 8), st.integers(0, 50))
def test_where_all_answer_each_gets_as_many_calls(recipients: int, rounds: int) -> None:
    rotation = Rotation()
    got = Counter[int]()
    for _ in range(rounds * recipients):
        turn = rotation.begin("main", "ring", recipients)
        rotation.answered(turn, turn.start, str(turn.start))
        got[turn.start] += 1
    assert got == Counter(dict.fromkeys(range(recipients), rounds) if rounds else {})


@given(st.integers(2, 6), st.lists(st.booleans(), min_size=2, max_size=40))
def test_calls_in_a_row_never_begin_with_the_same(recipients: int, answered: list[bool]) -> None:
    """Whether they end before the next begins or not, as long as the one who began it takes it."""
    rotation = Rotation()
    before = -1
    for is_answered in answered:
        turn = rotation.begin("main", "ring", recipients)
        assert turn.start != before
        before = turn.start
        if is_answered:
            rotation.answered(turn, turn.start, "x")
