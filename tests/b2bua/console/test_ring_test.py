"""Ringing a recipient from the editor of a flow."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from b2bua.calls.record import RING_TEST
from tests.b2bua.console.stage import Stage, call, on_stage

BEN = {"name": "Ben", "type": "phone", "destination": "+1 555 0102", "trunk": "carrier", "enabled": False}


def test_a_recipient_is_rung_and_what_came_of_it_is_told(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        client = await stage.logged_in("editor")
        assert (await client.post("/api/ring-test", json={"recipient": BEN})).status_code == 503
        stage.core_answers["ring_test"] = {"call": "0000ff"}
        await stage.core()
        answer = await client.post("/api/ring-test", json={"recipient": BEN})
        assert (answer.status_code, answer.json()) == (202, {"call": "0000ff"})
        (asked,) = stage.asked
        (flow,) = tomllib.loads(asked["toml"])["flows"].values()
        assert flow["dial"]["ring"]["recipients"][0]["destination"] == "+15550102"
        assert "enabled" not in flow["dial"]["ring"]["recipients"][0]
        assert (await client.get("/api/ring-test/0000ff")).json() == {"call": "0000ff", "outcome": None}
        await stage.write([call(0xFF, trunk=RING_TEST), call(1)])
        told = (await client.get("/api/ring-test/0000ff")).json()
        assert told["answered_after"] == 6200
        assert (await client.get("/api/ring-test/000001")).status_code == 404
        assert [each["id"][:6] for each in (await client.get("/api/calls")).json()["calls"]] == ["000001"]
        assert len((await client.get("/api/calls?ring_tests=true")).json()["calls"]) == 2
        assert (await client.get("/api/summary?since=0")).json()["calls"] == 1
        assert (await stage.actions()).count("ring_test") == 1

    on_stage(tmp_path, play)


@pytest.mark.parametrize(
    ("recipient", "field"),
    [
        ({"name": "Ben"}, "recipient.destination"),
        (BEN | {"destination": "x"}, "recipient.destination"),
        (BEN | {"destination": "+4930123"}, "recipient.destination"),
        (BEN | {"destination": "911"}, "recipient.destination"),
        (BEN | {"trunk": "other"}, "recipient.trunk"),
        (BEN | {"colour": "red"}, "recipient.colour"),
        (BEN | {"name": "x\r\ny"}, "recipient.name"),
    ],
)
def test_nobody_is_rung_who_may_not_be(tmp_path: Path, recipient: dict[str, Any], field: str) -> None:
    async def play(stage: Stage) -> None:
        await stage.core()
        client = await stage.logged_in("editor")
        answer = await client.post("/api/ring-test", json={"recipient": recipient})
        assert answer.status_code == 422
        assert field in [each["field"] for each in answer.json()["errors"]], answer.text
        assert stage.asked == []

    on_stage(tmp_path, play)
