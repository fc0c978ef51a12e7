"""Who took whose last call: for so many days, of so many callers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from b2bua.flows.regulars import DAY, Regular, RegularRow, Regulars

ANA_AT = 1_000_000


def key(caller: str = "15550199") -> Regular:
    return Regular("main", "ring", caller)


def known(days: int = 2) -> Regulars:
    regulars = Regulars()
    regulars.remember(key(), "Ana", days, ANA_AT)
    return regulars


def test_whoever_took_the_last_call_counts() -> None:
    regulars = known()
    regulars.remember(key(), "Ben", 2, ANA_AT + 60)
    assert regulars.recipient(key(), 2, ANA_AT + 61) == "Ben"
    assert len(regulars) == 1


@pytest.mark.parametrize(
    ("days", "after", "who"),
    [(2, 2 * DAY - 1, "Ana"), (2, 2 * DAY, ""), (1, DAY, ""), (1, DAY - 1, "Ana"), (0, 0, ""), (30, 3 * DAY, "Ana")],
)
def test_the_days_that_count_are_those_of_the_flow_now(days: int, after: int, who: str) -> None:
    assert known().recipient(key(), days, ANA_AT + after) == who


def test_who_withholds_his_number_is_not_kept() -> None:
    regulars = known()
    regulars.changes()
    regulars.remember(key(""), "Ana", 2, ANA_AT)
    assert regulars.recipient(key(""), 2, ANA_AT) == ""
    assert regulars.changes() == ((), ())


def test_nobody_is_kept_for_no_days() -> None:
    regulars = Regulars()
    regulars.remember(key(), "Ana", 0, ANA_AT)
    assert len(regulars) == 0


def test_the_longest_ago_go_when_there_are_too_many() -> None:
    regulars = Regulars(most=2)
    for number, caller in enumerate(("11111", "22222", "11111", "33333")):
        regulars.remember(key(caller), "Ana", 2, ANA_AT + number)
    assert [bool(regulars.recipient(key(each), 2, ANA_AT)) for each in ("11111", "22222", "33333")] == [
        True,
        False,
        True,
    ]
    changed, forgotten = regulars.changes()
    assert [row.caller for row in changed] == ["11111", "33333"]
    assert forgotten == (key("22222"),)


def test_too_many_of_before() -> None:
    rows = [RegularRow("main", "ring", caller, "Ana", 1, 2) for caller in ("11111", "22222")]
    regulars = Regulars(rows, most=1)
    assert len(regulars) == 1
    assert regulars.changes() == ((), (key("11111"),))


def test_who_is_not_to_be_known_any_longer_is_forgotten() -> None:
    regulars = known(days=1)
    regulars.remember(key("22222"), "Ben", 3, ANA_AT)
    regulars.changes()
    regulars.expire(ANA_AT + DAY)
    assert regulars.changes() == ((), (key(),))
    assert len(regulars) == 1


def test_what_could_not_be_written_is_written_as_it_is_then() -> None:
    regulars = known()
    regulars.remember(key("22222"), "Ben", 1, ANA_AT)
    changed, forgotten = regulars.changes()
    regulars.expire(ANA_AT + DAY)
    regulars.remember(key(), "Carl", 2, ANA_AT + DAY)
    regulars.put_back(changed, forgotten)
    changed, forgotten = regulars.changes()
    assert [row.recipient for row in changed] == ["Carl"]
    assert forgotten == (key("22222"),)


def test_who_is_forgotten_and_calls_again_is_not_removed() -> None:
    regulars = known(days=1)
    regulars.expire(ANA_AT + DAY)
    regulars.remember(key(), "Ben", 1, ANA_AT + DAY)
    changed, forgotten = regulars.changes()
    assert [row.recipient for row in changed] == ["Ben"] and forgotten == ()


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from(["Ana", "Ben"]), st.booleans())))
def test_a_database_that_follows_the_changes_has_the_same(calls: list[tuple[str, str, bool]]) -> None:
    regulars = Regulars(most=3)
    kept: dict[Regular, RegularRow] = {}
    for number, (caller, name, is_written) in enumerate(calls):
        regulars.remember(key(caller), name, 1, number * DAY / 4)
        regulars.expire(number * DAY / 4)
        if is_written:
            changed, forgotten = regulars.changes()
            for gone in forgotten:
                kept.pop(gone, None)
            kept |= {row.key: row for row in changed}
    changed, forgotten = regulars.changes()
    for gone in forgotten:
        kept.pop(gone, None)
    kept |= {row.key: row for row in changed}
    by_age = sorted(kept.values(), key=lambda row: row.answered_at)
    again = Regulars(by_age, most=3)
    moment = len(calls) * DAY / 4
    for caller in "abcdef":
        assert again.recipient(key(caller), 1, moment) == regulars.recipient(key(caller), 1, moment)
