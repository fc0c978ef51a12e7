"""Numbers as the database keeps them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from b2bua.flows.numbers import KeptNumber, NumberError, NumberStore
from b2bua.store import StoreError

START = 1_790_000_000
SALES = KeptNumber("+15550100", "Sales", "main", ("carrier",))


def run(scenario: Callable[[NumberStore], Awaitable[None]], tmp_path: Path) -> None:
    async def whole() -> None:
        moments = iter(range(START, START + 100))
        store = await NumberStore.open(str(tmp_path / "deep" / "calls.sqlite"), lambda: next(moments))
        try:
            await scenario(store)
        finally:
            await store.close()

    asyncio.run(whole())


def test_a_number_is_kept_with_who_made_it_and_when(tmp_path: Path) -> None:
    async def scenario(store: NumberStore) -> None:
        assert await store.all() == []
        made = await store.add(SALES, "ana")
        at = START * 1_000_000
        assert made == replace(SALES, made_at=at, made_by="ana", changed_at=at, changed_by="ana")
        assert await store.number("+15550100") == made
        await store.add(KeptNumber("+15550099", "", "main"), "ben")
        assert [each.dialled for each in await store.all()] == ["+15550099", "+15550100"]

    run(scenario, tmp_path)


def test_the_same_digits_are_there_once(tmp_path: Path) -> None:
    async def scenario(store: NumberStore) -> None:
        await store.add(SALES, "ana")
        with pytest.raises(NumberError, match="is there already") as refused:
            await store.add(replace(SALES, flow="other"), "ben")
        assert (refused.value.field, refused.value.kind) == ("dialled", "conflict")
        assert [each.flow for each in await store.all()] == ["main"]

    run(scenario, tmp_path)


def test_a_change_keeps_who_made_it(tmp_path: Path) -> None:
    async def scenario(store: NumberStore) -> None:
        await store.add(SALES, "ana")
        changed = await store.change(replace(SALES, name="Autumn", trunks=(), is_on=False), "ben")
        assert (changed.name, changed.trunks, changed.is_on) == ("Autumn", (), False)
        assert (changed.made_by, changed.changed_by) == ("ana", "ben")
        assert changed.changed_at == changed.made_at + 1_000_000

    run(scenario, tmp_path)


def test_of_two_who_change_it_at_once_the_second_is_told(tmp_path: Path) -> None:
    async def scenario(store: NumberStore) -> None:
        seen = (await store.add(SALES, "ana")).changed_at
        await store.change(replace(SALES, flow="evening"), "ben", seen)
        with pytest.raises(NumberError, match="ben has changed") as refused:
            await store.change(replace(SALES, flow="night"), "ana", seen)
        assert (refused.value.field, refused.value.kind) == ("revision", "conflict")
        assert (await store.number("+15550100")).flow == "evening"

    run(scenario, tmp_path)


def test_what_is_removed_is_given_back_and_is_there_no_more(tmp_path: Path) -> None:
    async def scenario(store: NumberStore) -> None:
        made = await store.add(SALES, "ana")
        assert await store.remove("+15550100") == made
        for work in (store.remove("+15550100"), store.number("+15550100"), store.change(SALES, "ana")):
            with pytest.raises(NumberError) as refused:
                await work
            assert refused.value.kind == "absent"

    run(scenario, tmp_path)


def test_a_database_that_is_none_is_said(tmp_path: Path) -> None:
    file = tmp_path / "calls.sqlite"
    file.write_bytes(b"not a database at all" * 100)
    with pytest.raises(StoreError, match="cannot be opened"):
        asyncio.run(NumberStore.open(str(file)))
