"""What there is to choose from, and whether everything is alive."""

from __future__ import annotations

import os
from pathlib import Path

from b2bua.console.routes.directory import TONES
from rtp_relay.tones import ALIKE, NAMED
from tests.b2bua.console.stage import FLOW, Stage, call, on_stage


def test_numbers_say_whom_their_calls_go_to(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        await stage.write([call(1), call(2), call(9 * 86_400)])
        client = await stage.logged_in("editor")
        main, support = (await client.get("/api/numbers")).json()["numbers"]
        assert (main["flow"], main["flow_state"], main["calls_today"]) == ("main", "missing", 2)
        assert (support["flow"], support["flow_state"], support["recipients"]) == (None, "own", ["Ana"])
        await client.put("/api/flows/main/draft", json={"flow": FLOW})
        await client.post("/api/flows/main/publish", json={})
        main, _ = (await client.get("/api/numbers")).json()["numbers"]
        assert (main["flow_state"], main["recipients"]) == ("published", ["Ana", "Ben"])

    on_stage(tmp_path, play)


def test_recipients_come_with_how_they_have_fared(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        await stage.write([call(index) for index in range(3)])
        client = await stage.logged_in("editor")
        await client.put("/api/flows/main/draft", json={"flow": FLOW})
        ana, ben = (await client.get("/api/recipients")).json()["recipients"]
        assert (ana["name"], ana["flows"], ana["figures"]["answered"]) == ("Ana", ["main", "Support"], 3)
        assert (ben["type"], ben["destination"], ben["figures"]["lost"]) == ("phone", "+15550102", 3)

    on_stage(tmp_path, play)


def test_trunks_and_words(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        client = await stage.logged_in("viewer")
        (trunk,) = (await client.get("/api/trunks")).json()["trunks"]
        assert (trunk["name"], trunk["sources"], trunk["running"]) == ("carrier", ["192.0.2.0/24"], None)
        words = (await client.get("/api/vocabulary")).json()
        assert words["trunks"] == [{"name": "carrier", "takes_calls": True, "allowed_prefixes": ["+1"]}]
        assert "Europe/Berlin" in words["time_zones"] and "us" in words["tones"]

    on_stage(tmp_path, play)


def test_the_relay_knows_every_country_that_is_offered() -> None:
    assert {ALIKE.get(country, country) for country in TONES} == set(NAMED["ringback"])


def test_health_with_and_without_a_core(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        client = await stage.logged_in("viewer")
        told = (await client.get("/api/health")).json()
        assert (told["core"]["there"], told["relay"]["there"]) == (False, False)
        assert "Start it" in told["core"]["reason"]
        assert (await client.get("/api/calls")).status_code == 200  # the log can be read all the same
        stage.core_answers["status"] = {"calls": 3, "relay": "tc"}
        await stage.core()
        told = (await client.get("/api/health")).json()
        assert (told["core"]["there"], told["core"]["calls"]) == (True, 3)
        assert (told["relay"]["there"], told["relay"]["form"]) == (True, "tc")
        assert (await stage.client().get("/healthz")).json() == {"console": "alive"}

    on_stage(tmp_path, play)


def test_a_changed_file_is_taken_up_and_a_bad_one_is_said(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        owner = await stage.logged_in("owner")
        good = stage.file.read_text()
        rewrite(stage, good.replace("Support", "Helpdesk"))
        names = [each["name"] for each in (await owner.get("/api/numbers")).json()["numbers"]]
        assert names == ["Main line", "Helpdesk"]
        rewrite(stage, good + "[nothing]\n")
        told = (await owner.get("/api/health")).json()["console"]
        assert "there is no such setting" in told["configuration_problem"]
        assert len((await owner.get("/api/numbers")).json()["numbers"]) == 2
        refused = await owner.post("/api/reload", json={})
        assert refused.status_code == 409 and "nothing" in refused.json()["errors"][0]["field"]
        rewrite(stage, good)
        assert (await owner.post("/api/reload", json={})).status_code == 503
        stage.core_answers["reload"] = {"configuration": "abc"}
        await stage.core()
        assert (await owner.post("/api/reload", json={})).json() == {"configuration": "abc"}
        stage.core_answers["reload"] = {"error": "not now"}
        assert (await owner.post("/api/reload", json={})).status_code == 409
        assert (await stage.actions()).count("configuration.reload") == 1

    on_stage(tmp_path, play)


def rewrite(stage: Stage, text: str) -> None:
    """The file, some seconds later."""
    stage.clock.now += 5
    stage.file.write_text(text)
    os.utime(stage.file, (stage.clock.now, stage.clock.now))
