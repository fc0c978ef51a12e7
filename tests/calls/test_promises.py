"""docs/promises.md names tests; each of them exists, and each row has one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
PAGE = (TESTS.parent / "docs" / "promises.md").read_text(encoding="utf-8")
NAMED = re.compile(r"`([\w/]+): (\w+)`")
ROWS = [
    line
    for line in PAGE.splitlines()
    if line.startswith("| ") and not line.startswith(("| what happens |", "| | feature |"))
]


def test_there_is_a_row_for_everything() -> None:
    """37 situations; M1 to M13, S1 to S6."""
    features = [row.split(" | ")[0].removeprefix("| ") for row in ROWS]
    assert [each for each in features if re.fullmatch(r"[MS]\d+", each)] == [
        *(f"M{number}" for number in range(1, 14)), *(f"S{number}" for number in range(1, 7)),
    ]  # fmt: skip
    assert len(features) == 37 + 19


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split(" | ")[0].removeprefix("| ")[:40])
def test_each_row_has_a_test(row: str) -> None:
    assert NAMED.search(row)


@pytest.mark.parametrize(("file", "name"), sorted(set(NAMED.findall(PAGE))))
def test_what_is_named_exists(file: str, name: str) -> None:
    folder, _, last = file.rpartition("/")
    path = TESTS / (folder or "calls") / f"test_{last}.py"
    assert path.is_file(), f"no {path}"
    assert re.search(rf"^def test_{name}\(", path.read_text(encoding="utf-8"), re.MULTILINE), f"no {name} in {file}"
