"""Flows through the API: kept as drafts, checked, published, restored, compared."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from b2bua.calls.flow import Flow
from b2bua.config.loading import flows_in
from b2bua.console.flow_form import Unreadable, flow_of, table_of
from b2bua.flows.writing import written
from tests.b2bua.console.stage import FLOW, Stage, on_stage
from tests.b2bua.flows import samples

ANA, BEN = FLOW["dial"]["team"]["recipients"]


def changed(**changes: Any) -> dict[str, Any]:
    """FLOW with other settings of its dial step."""
    table = copy.deepcopy(FLOW)
    table["dial"]["team"] |= changes
    return table


@given(samples.flows)
@settings(max_examples=60)
def test_a_flow_is_the_same_as_json_and_as_toml(flow: Flow) -> None:
    (read,) = flows_in(written(flow).encode(), "x").values()
    assert flow_of(flow.name, json.loads(json.dumps(table_of(flow)))) == read


def test_from_draft_to_published_to_restored(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        await stage.core()
        client = await stage.logged_in("editor")
        first = (await client.put("/api/flows/main/draft", json={"flow": FLOW, "note": "the first"})).json()
        assert first["remarks"] == []
        assert [step["name"] for step in first["steps"]] == ["team", "end"]
        published = (
            await client.post("/api/flows/main/publish", json={"revision": first["revision"]})
        ).json()
        assert published == {"version": 1, "taken": True, "reason": ""}
        assert stage.asked == [{"command": "flows"}]
        await client.put("/api/flows/main/draft", json={"flow": changed(ring_time=25)})
        diff = (await client.get("/api/flows/main/diff")).json()
        assert diff == {"old": 1, "new": 0, "lines": ["team: ring time 20 s → 25 s"]}
        assert (await client.post("/api/flows/main/publish", json={})).json()["version"] == 2
        assert (await client.post("/api/flows/main/restore", json={"version": 1})).json()["version"] == 3
        told = (await client.get("/api/flows/main")).json()
        assert told["flow"] == FLOW
        assert [each["version"] for each in told["versions"]] == [3, 2, 1]
        assert told["numbers"] == [{"dialled": "+15550100", "name": "Main line"}]
        assert (await client.get("/api/flows/main?version=2")).json()["flow"]["dial"]["team"][
            "ring_time"
        ] == 25
        wanted = ["session.begin", "flow.draft", "flow.publish", "flow.draft", "flow.publish", "flow.restore"]
        assert await stage.actions() == wanted

    on_stage(tmp_path, play)


def test_the_list_says_what_is_published_and_what_is_a_draft(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        client = await stage.logged_in("editor")
        await client.put("/api/flows/main/draft", json={"flow": FLOW})
        (told,) = (await client.get("/api/flows")).json()["flows"]
        assert (told["name"], told["version"], told["has_draft"]) == ("main", None, True)
        assert told["recipients"] == ["Ana", "Ben"]
        assert told["summary"] == "rings everyone at once, for 20 s"

    on_stage(tmp_path, play)


def test_a_core_that_is_away_does_not_keep_a_flow_from_being_published(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        client = await stage.logged_in("editor")
        await client.put("/api/flows/main/draft", json={"flow": FLOW})
        told = (await client.post("/api/flows/main/publish", json={})).json()
        assert (told["version"], told["taken"]) == (1, False)
        assert "The core is not there" in told["reason"]

    on_stage(tmp_path, play)


@pytest.mark.parametrize(
    ("table", "field"),
    [
        (changed(recipients=[{"name": "Ana", "destination": "x y"}]), "dial.team.recipients.0.destination"),
        (changed(recipients=[ANA, {"name": "Ben"}]), "dial.team.recipients.1.destination"),
        (changed(recipients=[]), "dial.team.recipients"),
        (changed(ring_time=1), "dial.team.ring_time"),
        (changed(ring_time="20"), "dial.team.ring_time"),
        (changed(mode="all"), "dial.team.mode"),
        (changed(ringtime=20), "dial.team.ringtime"),
        (changed(whisper={"say": "a", "play": "b"}), "dial.team.whisper"),
        (changed(display_prefix="a\r\nX: b"), "dial.team.display_prefix"),
        ({"dial": {}}, "first"),
        ({"first": "a", "play": {"bad name!": {}}}, "play.bad name!"),
        ({"first": "a", "dial": []}, "dial"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_told_with_its_field(
    tmp_path: Path, table: dict[str, Any], field: str
) -> None:
    async def play(stage: Stage) -> None:
        client = await stage.logged_in("editor")
        answer = await client.put("/api/flows/main/draft", json={"flow": table})
        assert answer.status_code == 422
        errors = answer.json()["errors"]
        assert field in [error["field"] for error in errors], errors
        assert all(error["reason"] for error in errors)
        remarks = (await client.post("/api/flows/main/lint", json={"flow": table})).json()["remarks"]
        assert [remark["field"] for remark in remarks] == [error["field"] for error in errors]
        assert {remark["severity"] for remark in remarks} == {"error"}
        assert (await client.get("/api/flows")).json() == {"flows": []}

    on_stage(tmp_path, play)


def test_a_remark_stands_beside_the_field_that_it_is_about(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        client = await stage.logged_in("viewer")
        table = changed(recipients=[ANA, BEN | {"voicemail_after": 12}], nobody_answered="nowhere")
        remarks = (await client.post("/api/flows/main/lint", json={"flow": table})).json()["remarks"]
        fields = {remark["field"]: remark["severity"] for remark in remarks}
        assert fields["dial.team.nobody_answered"] == "error"
        assert fields["dial.team.recipients.1.stop_after"] == "warning"

    on_stage(tmp_path, play)


def test_a_flow_with_an_error_is_kept_and_not_published(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        client = await stage.logged_in("editor")
        saved = await client.put("/api/flows/main/draft", json={"flow": changed(nobody_answered="")})
        assert saved.status_code == 200
        answer = await client.post("/api/flows/main/publish", json={})
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] == "dial.team.nobody_answered"
        assert (await client.get("/api/flows/main")).json()["published_version"] is None

    on_stage(tmp_path, play)


def test_nobody_writes_over_somebody_elses_work(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        ana, ben = await stage.logged_in("owner"), await stage.logged_in("editor")
        revision = (await ana.put("/api/flows/main/draft", json={"flow": FLOW})).json()["revision"]
        stage.clock.now += 1
        later = {"flow": changed(ring_time=30), "revision": revision}
        assert (await ben.put("/api/flows/main/draft", json=later)).status_code == 200
        late = await ana.put("/api/flows/main/draft", json={"flow": FLOW, "revision": revision})
        assert late.status_code == 409
        assert "editor has changed the draft" in late.json()["errors"][0]["reason"]
        assert (await ana.post("/api/flows/main/publish", json={"revision": revision})).status_code == 409
        assert (await ben.delete("/api/flows/main/draft")).status_code == 204
        assert (
            await ana.put("/api/flows/main/draft", json={"flow": FLOW, "revision": revision})
        ).status_code == 409

    on_stage(tmp_path, play)


def test_what_is_not_there_is_not_found(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        client = await stage.logged_in("editor")
        for path in ("", "/diff", "/toml"):
            assert (await client.get(f"/api/flows/other{path}")).status_code == 404
        assert (await client.post("/api/flows/other/publish", json={})).status_code == 404
        assert (await client.post("/api/flows/other/restore", json={"version": 1})).status_code == 404
        assert (await client.delete("/api/flows/other/draft")).status_code == 404
        await client.put("/api/flows/main/draft", json={"flow": FLOW})
        assert (await client.get("/api/flows/main?version=7")).status_code == 404
        assert (await client.get("/api/flows/main?version=x")).status_code == 422
        assert (await client.post("/api/flows/main/restore", json={"version": 3})).status_code == 404

    on_stage(tmp_path, play)


def test_toml_goes_out_and_comes_back(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        client = await stage.logged_in("editor")
        await client.put("/api/flows/main/draft", json={"flow": FLOW})
        text = (await client.get("/api/flows/main/toml")).text
        answer = await client.post(
            "/api/flows/import", json={"toml": text.replace("flows.main", "flows.copy")}
        )
        assert answer.json()["flows"][0]["name"] == "copy"
        assert (await client.get("/api/flows/copy")).json()["flow"] == FLOW
        bad = await client.post("/api/flows/import", json={"toml": '[flows.x]\nfirst = "a"\nfrist = "b"\n'})
        assert bad.status_code == 422
        assert bad.json()["errors"][0]["field"] == "line 3"

    on_stage(tmp_path, play)


IN_FILE = """
[flows.kept]
first = "end"
[flows.kept.hang_up.end]
"""


def test_a_flow_of_the_file_is_shown_and_not_changed(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        client = await stage.logged_in("editor")
        told = (await client.get("/api/flows/kept")).json()
        assert (told["in_file"], told["flow"], told["versions"]) == (
            True,
            {"first": "end", "hang_up": {"end": {}}},
            [],
        )
        assert (await client.put("/api/flows/kept/draft", json={"flow": FLOW})).status_code == 409
        assert (await client.post("/api/flows/kept/publish", json={})).status_code == 409
        assert (await client.get("/api/flows/kept?version=1")).status_code == 404
        text = (await client.get("/api/flows/kept/toml")).text
        assert (await client.post("/api/flows/import", json={"toml": text})).status_code == 409

    on_stage(tmp_path, play, IN_FILE)


def test_viewers_see_no_destination_of_anybodys_phone(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        editor, viewer = await stage.logged_in("editor"), await stage.logged_in("viewer")
        await editor.put("/api/flows/main/draft", json={"flow": FLOW})
        paths = (
            "/api/flows",
            "/api/flows/main",
            "/api/flows/main/toml",
            "/api/recipients",
            "/api/flows/main/diff",
        )
        for path in paths:
            text = (await viewer.get(path)).text
            assert "5550102" not in text, path
        assert "5550102" in (await editor.get("/api/recipients")).text

    on_stage(tmp_path, play)


def test_a_draft_that_this_release_cannot_read_is_told_and_not_a_failure(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        client = await stage.logged_in("editor")
        await client.put("/api/flows/main/draft", json={"flow": FLOW})
        async with stage.desk.engine.begin() as connection:
            await connection.exec_driver_sql("UPDATE flow_version SET body = 'from the future'")
        told = (await client.get("/api/flows/main")).json()
        assert told["flow"] is None and "cannot be read" in told["problem"]
        assert (await client.get("/api/flows")).json()["flows"][0]["problem"]
        assert (await client.post("/api/flows/main/publish", json={})).status_code == 409

    on_stage(tmp_path, play)


def test_exits_say_where_they_lead_and_what_is_understood(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        client = await stage.logged_in("viewer")
        steps = (await client.post("/api/flows/main/lint", json={"flow": FLOW})).json()["steps"]
        assert steps[0]["exits"] == [
            {"exit": exit_, "field": f"dial.team.{field}", "to": "end", "is_default": is_default}
            for exit_, field, is_default in (
                ("nobody answered", "nobody_answered", False),
                ("all busy or declined", "all_busy_or_declined", True),
            )
        ]

    on_stage(tmp_path, play)


def test_a_name_that_no_flow_can_have_is_refused(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        client = await stage.logged_in("editor")
        assert (await client.put("/api/flows/a%20b/draft", json={"flow": FLOW})).status_code == 422

    on_stage(tmp_path, play)
    with pytest.raises(Unreadable):
        flow_of("main", ["not", "a", "table"])
