"""b2bua.demo.records: what the records of the calls must say."""

from __future__ import annotations

import pytest

from b2bua.demo import records
from b2bua.demo.checks import Checks

GOOD: list[records.Record] = [
    {"outcome": "answered", "answered_by": "Ana"},
    {"outcome": "abandoned", "answered_by": None},
    {"outcome": "declined", "answered_by": None},
    {"outcome": "answered", "answered_by": "Ben"},
    {"outcome": "answered", "answered_by": "Carl"},
    {"outcome": "answered", "answered_by": "Ben"},
]


def failures(calls: list[records.Record]) -> list[str]:
    checks = Checks()
    records.judge(checks, calls)
    return [check.claim for check in checks.failed]


def test_the_records_as_they_must_be() -> None:
    assert failures(GOOD) == []


@pytest.mark.parametrize(
    ("number", "changed"),
    [
        (0, {"answered_by": "Ben"}),
        (0, {"outcome": "abandoned"}),
        (1, {"outcome": "answered"}),
        (1, {"answered_by": "Ana"}),
        (2, {"outcome": "busy"}),
        (3, {"answered_by": "Ana"}),
        (4, {"answered_by": "Ana"}),
        (5, {"outcome": "no answer"}),
    ],
)
def test_any_other_word_fails(number: int, changed: records.Record) -> None:
    calls = [dict(call) for call in GOOD]
    calls[number] |= changed
    assert len(failures(calls)) == 1


def test_a_call_too_few_or_too_many_fails() -> None:
    assert failures(GOOD[:2]) == ["there are records of 6 calls"]
    assert failures([*GOOD, GOOD[0]]) == ["there are records of 6 calls"]
    assert failures([]) == ["there are records of 6 calls"]
