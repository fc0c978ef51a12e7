"""A look at a database leaves it as it is."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from b2bua.flows.glance import Glance, glance
from b2bua.flows.numbers import KeptNumber, NumberStore
from b2bua.flows.versions import FlowVersions
from b2bua.store import StoreError
from b2bua.store.opening import open_engine
from tests.b2bua.flows.samples import dial, flow


def look(place: Path) -> Glance | None:
    return asyncio.run(glance(str(place)))


async def fill(place: Path) -> None:
    engine = await open_engine(str(place))
    async with FlowVersions(engine, lambda: 1.0) as versions:
        await NumberStore(engine).add(KeptNumber("100", "", "main"), "ana")
        await versions.save_draft(flow(dial()), "ana")
        await versions.publish("main", "ana")
        await versions.save_draft(flow(dial(ring_time=9.0)), "ana")


def test_no_database_is_made(tmp_path: Path) -> None:
    assert look(tmp_path / "calls.sqlite") is None
    assert list(tmp_path.iterdir()) == []


def test_numbers_and_what_is_published(tmp_path: Path) -> None:
    asyncio.run(fill(tmp_path / "calls.sqlite"))
    found = look(tmp_path / "calls.sqlite")
    assert found is not None
    assert ([each.dialled for each in found.numbers], found.published) == (["100"], frozenset({"main"}))


def test_one_of_an_older_version_is_not_brought_up_to_date(tmp_path: Path) -> None:
    place = tmp_path / "calls.sqlite"
    asyncio.run(fill(place))
    connection = sqlite3.connect(place)
    connection.execute("DROP TABLE number")
    connection.commit()
    assert look(place) == Glance((), frozenset({"main"}))
    connection.execute("DROP TABLE flow_version")
    connection.commit()
    assert look(place) is None
    connection.close()


def test_a_file_that_is_no_database_is_said(tmp_path: Path) -> None:
    place = tmp_path / "calls.sqlite"
    place.write_bytes(b"nothing of that kind" * 100)
    with pytest.raises(StoreError, match="cannot be looked into"):
        look(place)
