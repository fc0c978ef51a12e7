"""Numbers over the API: added, changed, removed; what is refused, and who hears of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from b2bua.flows.numbers import KeptNumber
from tests.b2bua.console.stage import FLOW, Stage, on_stage

NEW: Final[dict[str, Any]] = {"dialled": "+1 (555) 0177", "name": "Spring", "flow": "main"}
DIALLED: Final = "+15550177"
WHERE: Final = f"/api/numbers/{DIALLED}"


async def published(stage: Stage, role: str = "editor") -> httpx.AsyncClient:
    """Somebody who may, and a flow that calls can go through."""
    client = await stage.logged_in(role)
    await client.put("/api/flows/main/draft", json={"flow": FLOW})
    assert (await client.post("/api/flows/main/publish", json={})).status_code == 200
    return client


async def listed(client: httpx.AsyncClient) -> dict[str, dict[str, Any]]:
    return {each["dialled"]: each for each in (await client.get("/api/numbers")).json()["numbers"]}


def test_a_number_is_added_changed_and_removed_and_the_core_is_told(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        await stage.core()
        client = await published(stage)
        stage.asked.clear()
        answer = await client.post("/api/numbers", json=NEW)
        made = answer.json()
        assert (answer.status_code, made["dialled"], made["taken"]) == (201, DIALLED, True)
        row = (await listed(client))[DIALLED]
        assert (row["flow_state"], row["recipients"], row["in_file"]) == ("published", ["Ana", "Ben"], False)
        changed = (await client.put(WHERE, json={"is_on": False, "trunks": ["carrier"]})).json()
        assert (changed["name"], changed["is_on"], changed["trunks"]) == ("Spring", False, ["carrier"])
        assert not (await listed(client))[DIALLED]["is_on"]
        assert (await client.delete(WHERE)).json() == {"taken": True, "reason": ""}
        assert DIALLED not in await listed(client)
        assert stage.asked == [{"command": "flows"}] * 3
        assert (await stage.actions())[-3:] == ["number.add", "number.change", "number.remove"]

    on_stage(tmp_path, play)


def test_the_audit_has_what_it_was_and_what_it_is(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        client = await published(stage)
        await client.post("/api/numbers", json=NEW)
        await client.put(WHERE, json={"name": "Summer"})
        await client.put(WHERE, json={"name": "Summer"})  # which changes nothing
        (entry, before), _ = await stage.desk.audit.entries(2)
        assert (entry["who"], entry["subject"], before["action"]) == ("editor", DIALLED, "number.add")
        assert (entry["before"]["name"], entry["after"]["name"]) == ("Spring", "Summer")

    on_stage(tmp_path, play)


def test_without_a_core_it_is_kept_and_said(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        client = await published(stage)
        made = (await client.post("/api/numbers", json=NEW)).json()
        assert not made["taken"] and "the core was not told" in made["reason"]
        assert DIALLED in await listed(client)

    on_stage(tmp_path, play)


@pytest.mark.parametrize(
    ("given", "status", "field", "words"),
    [
        ({"dialled": "sales"}, 422, "dialled", "not a phone number"),
        ({"dialled": "*"}, 422, "dialled", "not digits alone"),
        ({"dialled": ""}, 422, "dialled", ""),
        ({"dialled": 15550177}, 422, "dialled", ""),
        ({"dialled": "+15550100"}, 409, "dialled", "change it there"),
        ({"dialled": "+15550102"}, 409, "flow", "would ring itself"),
        ({"flow": "nowhere"}, 422, "flow", 'no flow "nowhere"'),
        ({"flow": ""}, 422, "flow", ""),
        ({"trunks": ["x"]}, 422, "trunks", 'no trunk "x"'),
        ({"trunks": "carrier"}, 422, "trunks", ""),
        ({"name": "x" * 65}, 422, "name", ""),
        ({"name": "a\nb"}, 422, "name", "line break"),
        ({"is_on": "yes"}, 422, "is_on", ""),
        ({"recipients": []}, 422, "recipients", "not known"),
    ],
)
def test_what_is_refused_says_the_field_and_the_reason(
    tmp_path: Path, given: dict[str, Any], status: int, field: str, words: str
) -> None:
    async def play(stage: Stage) -> None:
        client = await published(stage)
        refused = await client.post("/api/numbers", json=NEW | given)
        (error,) = refused.json()["errors"]
        assert (refused.status_code, error["field"]) == (status, field), error
        assert words in error["reason"]
        assert set(await listed(client)) == {"+15550100", "+15550101"}
        assert "number.add" not in await stage.actions()

    on_stage(tmp_path, play)


def test_the_same_number_again_and_numbers_that_are_not_there(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        client = await published(stage)
        await client.post("/api/numbers", json=NEW)
        again = await client.post("/api/numbers", json=NEW)
        assert (again.status_code, again.json()["errors"][0]["field"]) == (409, "dialled")
        assert (await client.put("/api/numbers/1", json={"flow": "main"})).status_code == 404
        assert (await client.delete("/api/numbers/1")).status_code == 404

    on_stage(tmp_path, play)


def test_of_two_editors_the_second_is_told(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        client = await published(stage)
        revision = (await client.post("/api/numbers", json=NEW)).json()["revision"]
        stage.clock.now += 5
        await client.put(WHERE, json={"name": "Summer", "revision": revision})
        late = await client.put(WHERE, json={"name": "Autumn", "revision": revision})
        assert (late.status_code, late.json()["errors"][0]["field"]) == (409, "revision")
        assert (await listed(client))[DIALLED]["name"] == "Summer"

    on_stage(tmp_path, play)


def test_it_can_be_switched_off_when_its_flow_is_gone(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        client = await stage.logged_in("editor")
        await client.put("/api/flows/main/draft", json={"flow": FLOW})
        await client.post("/api/numbers", json=NEW)
        await client.delete("/api/flows/main/draft")
        assert (await client.put(WHERE, json={"is_on": False})).status_code == 200
        refused = await client.put(WHERE, json={"is_on": True})
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "flow")

    on_stage(tmp_path, play)


def test_numbers_of_the_file_are_read_only_and_say_so(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        client = await published(stage)
        told = (await client.get("/api/numbers")).json()
        assert told["file"] == str(stage.file) and all(each["in_file"] for each in told["numbers"])
        for method, body in (("PUT", {"name": "x"}), ("DELETE", None)):
            refused = await client.request(method, "/api/numbers/+15550100", json=body)
            assert refused.status_code == 409
            assert str(stage.file) in refused.json()["errors"][0]["reason"]

    on_stage(tmp_path, play)


def test_one_that_the_file_has_too_is_shown_apart_and_can_be_removed(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        client = await published(stage)
        await client.post("/api/numbers", json=NEW)
        stage.clock.now += 5
        stage.file.write_text(stage.file.read_text().replace("+15550101", DIALLED))
        os.utime(stage.file, (stage.clock.now, stage.clock.now))
        told = (await client.get("/api/numbers")).json()
        assert told["overruled"] == [{"dialled": DIALLED, "name": "Spring", "flow": "main"}]
        (row,) = [each for each in told["numbers"] if each["dialled"] == DIALLED]
        assert (row["in_file"], row["name"], row["revision"]) == (True, "Support", None)
        assert (await client.delete(WHERE)).status_code == 200
        assert (await client.get("/api/numbers")).json()["overruled"] == []

    on_stage(tmp_path, play)


def test_what_the_command_line_changes_is_seen_within_a_second(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        client = await published(stage)
        await client.get("/api/numbers")
        await stage.desk.numbers.store.add(KeptNumber(DIALLED, "Spring", "main"), "jo")
        assert DIALLED not in await listed(client)
        stage.clock.now += 1
        assert DIALLED in await listed(client)

    on_stage(tmp_path, play)


def test_flows_know_the_numbers_that_lead_to_them(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        client = await published(stage)
        await client.post("/api/numbers", json=NEW)
        numbers = (await client.get("/api/flows/main")).json()["numbers"]
        assert {"dialled": DIALLED, "name": "Spring"} in numbers
        eve = {"name": "Eve", "type": "phone", "destination": DIALLED, "trunk": "carrier"}
        flow = FLOW | {"dial": {"team": FLOW["dial"]["team"] | {"recipients": [eve]}}}
        remarks = (await client.post("/api/flows/main/lint", json={"flow": flow})).json()["remarks"]
        assert any("this very flow" in each["text"] for each in remarks)

    on_stage(tmp_path, play)


def test_our_own_numbers_are_no_secret_of_viewers(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        editor = await published(stage)
        await editor.post("/api/numbers", json=NEW)
        viewer = await stage.logged_in("viewer")
        assert DIALLED in await listed(viewer)

    on_stage(tmp_path, play)


def test_viewers_and_forgers_change_nothing(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        editor = await published(stage)
        await editor.post("/api/numbers", json=NEW)
        viewer = await stage.logged_in("viewer")
        del editor.headers["X-CSRF-Token"]
        changes = (("POST", "/api/numbers", NEW), ("PUT", WHERE, {"name": "x"}), ("DELETE", WHERE, None))
        for client in (viewer, editor):
            for method, where, body in changes:
                assert (await client.request(method, where, json=body)).status_code == 403
        assert (await listed(viewer))[DIALLED]["name"] == "Spring"

    on_stage(tmp_path, play)
