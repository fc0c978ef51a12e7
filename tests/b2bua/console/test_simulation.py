"""Trying a flow through the API."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.b2bua.console.stage import FLOW, Stage, on_stage


def test_a_call_is_tried_before_anybody_is_rung(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        client = await stage.logged_in("editor")
        scene = {"caller": "+15557001234", "recipients": {"Ana": "busy", "Ben": "answers:6"}, "talks": 30}
        answer = await client.post("/api/flows/main/simulate", json={"flow": FLOW, "scene": scene})
        assert answer.status_code == 200, answer.text
        told = answer.json()
        assert (told["outcome"], told["answered_by"]) == ("answered", "Ben")
        assert [party["name"] for party in told["parties"]] == ["caller", "Ana", "Ben"]
        assert told["messages"][0]["name"] == "INVITE" and told["messages"][0]["text"]
        assert told["record"]["recipients"][0]["sentence"].startswith("Busy")
        assert (await client.get("/api/calls")).json()["calls"] == []

    on_stage(tmp_path, play)


def test_viewers_may_try_too_and_see_no_numbers(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        client = await stage.logged_in("viewer")
        scene = {"recipients": {"Ben": "answers:6"}}
        answer = await client.post("/api/flows/main/simulate", json={"flow": FLOW, "scene": scene})
        assert answer.status_code == 200
        assert "5550102" not in answer.text
        assert {each["text"] for each in answer.json()["messages"]} == {None}

    on_stage(tmp_path, play)


@pytest.mark.parametrize(
    ("scene", "field"),
    [
        ({"recipients": {"Ana": "sleeps"}}, "scene.recipients.Ana"),
        ({"recipients": {"Nobody": "busy"}}, "scene.recipients.Nobody"),
        ({"at": "Someday 9:00"}, "scene.at"),
        ({"caller": "x\r\nEvil: 1"}, "scene.caller"),
        ({"keys": [[1, "x"]]}, "scene.keys.0"),
        ({"hangs_up_after": 1e9}, "scene.hangs_up_after"),
        ({"anything": 1}, "scene.anything"),
        ({"sticky_to": "Nobody"}, "scene.sticky_to"),
    ],
)
def test_a_scene_that_cannot_be_played_is_refused(tmp_path: Path, scene: dict[str, Any], field: str) -> None:
    async def play(stage: Stage) -> None:
        client = await stage.logged_in("viewer")
        answer = await client.post("/api/flows/main/simulate", json={"flow": FLOW, "scene": scene})
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] == field
        assert answer.json()["errors"][0]["reason"]

    on_stage(tmp_path, play)


def test_a_caller_who_was_here_before_is_put_to_the_same_person(tmp_path: Path) -> None:
    """Of turns that remember: Ben is not first in the list, and first asked all the same."""

    async def play(stage: Stage) -> None:
        client = await stage.logged_in("viewer")
        step = FLOW["dial"]["team"] | {"mode": "turns", "sticky": 30}
        flow = FLOW | {"dial": {"team": step}}
        for sticky_to, first in (("", "Ana"), ("Ben", "Ben")):
            people = {"Ana": "answers:2", "Ben": "answers:2"}
            scene = {"caller": "+15557001234", "recipients": people, "sticky_to": sticky_to}
            answer = await client.post("/api/flows/main/simulate", json={"flow": flow, "scene": scene})
            assert answer.status_code == 200, answer.text
            assert answer.json()["record"]["answered_by"] == first

    on_stage(tmp_path, play)


def test_a_flow_that_cannot_be_read_is_not_tried(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        client = await stage.logged_in("viewer")
        answer = await client.post("/api/flows/main/simulate", json={"flow": {"first": 1}})
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] == "first"

    on_stage(tmp_path, play)
