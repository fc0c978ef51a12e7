"""Versions of flows: a draft, numbers that grow, and old ones that come back."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from b2bua.calls.flow import Flow
from b2bua.flows.versions import DRAFT, FlowError, FlowVersions
from b2bua.store import StoreError
from tests.b2bua.flows.samples import dial, flow

START = 1_790_000_000


def run(scenario: Callable[[FlowVersions], Coroutine[Any, Any, None]], tmp_path: Path) -> None:
    async def whole() -> None:
        moments = iter(range(START, START + 1000))
        path = str(tmp_path / "deep" / "calls.sqlite")
        async with await FlowVersions.open(path, clock=lambda: next(moments)) as versions:
            await scenario(versions)

    asyncio.run(whole())


def ringing(seconds: float, name: str = "main") -> Flow:
    return replace(flow(dial(ring_time=seconds)), name=name)


async def publish(versions: FlowVersions, made: Flow, by: str = "jo") -> int:
    await versions.save_draft(made, by)
    return await versions.publish(made.name, by)


def test_a_draft_becomes_the_next_version(tmp_path: Path) -> None:
    async def scenario(versions: FlowVersions) -> None:
        await versions.save_draft(ringing(20), "jo", "shorter")
        assert await versions.published("main") is None
        assert (await versions.version("main", DRAFT)).is_draft
        assert await versions.publish("main", "kim") == 1
        published = await versions.published("main")
        assert published is not None
        assert published.value() == replace(ringing(20), version=1)
        assert (published.made_by, published.published_by, published.note) == ("jo", "kim", "shorter")
        assert published.made_at == START * 1_000_000
        assert published.published_at == (START + 1) * 1_000_000
        with pytest.raises(FlowError, match="main has no draft"):
            await versions.version("main", DRAFT)
        assert await publish(versions, ringing(25)) == 2

    run(scenario, tmp_path)


def test_there_is_one_draft(tmp_path: Path) -> None:
    async def scenario(versions: FlowVersions) -> None:
        await versions.save_draft(ringing(20), "jo")
        await versions.save_draft(ringing(25), "kim")
        (draft,) = await versions.versions("main")
        assert (draft.value(), draft.made_by) == (ringing(25), "kim")
        await versions.drop_draft("main")
        assert await versions.names() == []
        with pytest.raises(FlowError, match="no draft"):
            await versions.drop_draft("main")

    run(scenario, tmp_path)


def test_an_old_version_is_published_again_under_a_new_number(tmp_path: Path) -> None:
    async def scenario(versions: FlowVersions) -> None:
        for seconds in (20, 25, 30):
            await publish(versions, ringing(seconds))
        await versions.save_draft(ringing(35), "jo")
        assert await versions.restore("main", 1, "kim") == 4
        published = await versions.published("main")
        assert published is not None
        assert published.value() == replace(ringing(20), version=4)
        assert (published.note, published.published_by) == ("version 1 again", "kim")
        assert [each.version for each in await versions.versions("main")] == [DRAFT, 4, 3, 2, 1]
        for missing in (9, DRAFT):
            with pytest.raises(FlowError, match="to restore"):
                await versions.restore("main", missing, "kim")
        assert await versions.publish("main", "jo") == 5

    run(scenario, tmp_path)


def test_of_two_who_publish_at_once_one_finds_no_draft(tmp_path: Path) -> None:
    async def scenario(versions: FlowVersions) -> None:
        await versions.save_draft(ringing(20), "jo")
        both = await asyncio.gather(
            versions.publish("main", "jo"), versions.publish("main", "kim"), return_exceptions=True
        )
        assert [type(each) for each in both if not isinstance(each, int)] == [FlowError]
        assert [each for each in both if isinstance(each, int)] == [1]

    run(scenario, tmp_path)


def test_all_that_is_published(tmp_path: Path) -> None:
    async def scenario(versions: FlowVersions) -> None:
        for seconds in (20, 25):
            await publish(versions, ringing(seconds))
        await publish(versions, ringing(40, "night"))
        await versions.save_draft(ringing(50, "draft-only"), "jo")
        found = await versions.all_published()
        assert found.flows == {
            "main": replace(ringing(25), version=2),
            "night": replace(ringing(40, "night"), version=1),
        }
        assert found.problems == ()
        assert await versions.names() == ["draft-only", "main", "night"]

    run(scenario, tmp_path)


def test_a_version_that_cannot_be_read_does_not_keep_the_others_away(tmp_path: Path) -> None:
    async def scenario(versions: FlowVersions) -> None:
        await publish(versions, ringing(20))
        await publish(versions, ringing(40, "night"))
        connection = sqlite3.connect(tmp_path / "deep" / "calls.sqlite")
        connection.execute(
            "UPDATE flow_version SET body = replace(body, 'ring_time', 'rung') WHERE flow = 'main'"
        )
        connection.commit()
        connection.close()
        found = await versions.all_published()
        assert list(found.flows) == ["night"]
        (problem,) = found.problems
        assert problem.startswith("main, version 1, cannot be read: ")
        assert "there is no such setting" in problem

    run(scenario, tmp_path)


def test_a_place_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no database" * 1000)
    with pytest.raises(StoreError):
        asyncio.run(FlowVersions.open(str(tmp_path / "text")))


def test_a_database_without_the_tables(tmp_path: Path) -> None:
    async def scenario(versions: FlowVersions) -> None:
        connection = sqlite3.connect(tmp_path / "deep" / "calls.sqlite")
        connection.execute("DROP TABLE flow_version")
        connection.close()
        with pytest.raises(StoreError, match="cannot be used"):
            await versions.names()

    run(scenario, tmp_path)
