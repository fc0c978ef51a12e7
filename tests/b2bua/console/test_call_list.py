"""Every list of calls goes by an index, whatever it is asked for."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest
from sqlalchemy.dialects import sqlite

from b2bua.console.call_list import GROUPS, Cursor, Wanted, newest
from b2bua.store import Store
from b2bua.store.opening import engine_for

FILTERS: dict[str, dict[str, Any]] = {
    "all": {},
    "one outcome": {"outcomes": GROUPS["answered"]},
    "missed": {"outcomes": GROUPS["missed"]},
    "running": {"outcomes": GROUPS["running"]},
    "a number": {"number": "Main line"},
    "a number, missed": {"number": "Main line", "outcomes": GROUPS["missed"]},
    "a caller": {"caller": "+1555"},
    "by Ana": {"answered_by": "Ana"},
    "a text": {"text": "x"},
}
BOUNDS: dict[str, dict[str, Any]] = {
    "without bounds": {},
    "a week": {"since": 10, "until": 20},
    "a later page": {"cursor": Cursor(15, 3)},
}


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = str(tmp_path_factory.mktemp("calls") / "calls.sqlite")

    async def made() -> None:
        await (await Store.open(path)).close()

    asyncio.run(made())
    return path


def plan(database: str, wanted: Wanted, last: Cursor | None) -> list[str]:
    query = newest(wanted, 51, last).compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True})

    async def explained() -> list[str]:
        engine = engine_for(database)
        async with engine.connect() as connection:
            rows = (await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}")).all()
        await engine.dispose()
        return [row.detail for row in rows]

    return asyncio.run(explained())


@pytest.mark.parametrize(("what", "bounds"), list(itertools.product(FILTERS, BOUNDS)))
def test_calls_are_reached_by_an_index_and_come_in_order(database: str, what: str, bounds: str) -> None:
    wanted = Wanted(**FILTERS[what], **BOUNDS[bounds])
    last = Cursor(5, 1) if what == "a text" else None
    steps = plan(database, wanted, last)
    reached = [step for step in steps if "call" in step.split()[:2]]
    assert reached
    for step in reached:
        assert "USING" in step and "INDEX" in step, steps
    # Only pages that are put together of alternatives are sorted, never what an index finds.
    for step, following in itertools.pairwise(steps):
        assert not (step in reached and "TEMP B-TREE" in following), steps


def test_a_cursor_is_read_as_it_is_written() -> None:
    cursor = Cursor(1_790_000_000_000_000, 4711)
    assert Cursor.read(str(cursor)) == cursor
    for text in ("", "1", "1-", "-1", "1-x", "１-1", "1--1", "9" * 30 + "-1"):
        with pytest.raises(ValueError, match="cursor"):
            Cursor.read(text)
