"""b2bua.demo.checks: nothing that was not so is passed over."""

from __future__ import annotations

from b2bua.demo.checks import Check, Checks


def test_each_check_is_shown_once_and_failures_are_kept() -> None:
    checks = Checks()
    checks.that(True, "water is wet")
    checks.that(False, "fire is cold", "hot")
    assert checks.not_yet_shown() == [Check(True, "water is wet"), Check(False, "fire is cold", "hot")]
    assert checks.not_yet_shown() == []
    checks.that(True, "more")
    assert [check.claim for check in checks.not_yet_shown()] == ["more"]
    assert [str(check) for check in checks.failed] == ["✗ fire is cold (hot)"]
    assert str(checks.made[0]) == "✓ water is wet"
