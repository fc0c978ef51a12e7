"""Call records that are looked for and read again."""

from __future__ import annotations

from pathlib import Path

import pytest

from b2bua.store import Archive, CallFilter, StoreError
from tests.b2bua.stored import (
    START,
    answered,
    flush,
    listed,
    opened,
    rows,
    run,
    running,
)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (CallFilter(), [5, 4, 3, 2, 1]),
        (CallFilter(limit=2), [5, 4]),
        (CallFilter(limit=2, page=3), [1]),
        (CallFilter(since=START + 3_000_000), [5, 4, 3]),
        (CallFilter(until=START + 3_000_000), [2, 1]),
        (CallFilter(caller="+1"), [2]),
        (CallFilter(dialled="200"), [3]),
        (CallFilter(answered_by="Ben"), [4]),
        (CallFilter(outcome="answered"), [4, 3, 2, 1]),
        (CallFilter(outcome="running"), [5]),
        (CallFilter(text="ben ANSW"), [4]),
        (CallFilter(text="%"), []),
    ],
)
def test_filters(tmp_path: Path, wanted: CallFilter, expected: list[int]) -> None:
    async def scenario(path: Path) -> None:
        store = await opened(path)
        for record in (
            answered(1),
            answered(2, caller="+1"),
            answered(3, dialled="200"),
            answered(4, by="Ben"),
        ):
            store.finish(record)
        store.begin(running(5))
        await flush(store)
        found = await listed(path, wanted)
        assert [int(call.id[:4], 16) for call in found] == expected
        async with Archive(str(path)) as archive:
            unpaged = CallFilter(
                **{**{name: getattr(wanted, name) for name in wanted.__slots__}, "limit": 99, "page": 1}
            )
            assert await archive.count(wanted) == len(await archive.calls(unpaged))
        await store.close()

    run(scenario, tmp_path)


def test_a_beginning_that_fits_two_calls_is_refused(tmp_path: Path) -> None:
    async def scenario(path: Path) -> None:
        store = await opened(path)
        store.finish(answered(1))
        store.finish(answered(2))
        await store.close()
        async with Archive(str(path)) as archive:
            with pytest.raises(StoreError, match="write more of it"):
                await archive.call("000")

    run(scenario, tmp_path)


def test_filters_use_their_indexes(tmp_path: Path) -> None:
    async def scenario(path: Path) -> None:
        await (await opened(path)).close()
        for column in ("caller", "dialled", "outcome", "answered_by"):
            query = f"EXPLAIN QUERY PLAN SELECT * FROM call WHERE {column} = 'x' ORDER BY started_at DESC"
            plan = " ".join(str(row[-1]) for row in rows(path, query))
            assert f"ix_call_{column}_started_at" in plan
            assert "TEMP B-TREE" not in plan

    run(scenario, tmp_path)
