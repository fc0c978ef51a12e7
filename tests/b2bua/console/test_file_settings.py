"""What stands in the configuration file, as the console shows it: true, and without a secret."""

from __future__ import annotations

import json
from pathlib import Path

from tests.b2bua.console.stage import Stage, on_stage

MORE = """
[trunks.outside]
address = "sip:198.51.100.9"
username = "multi"
password = "horse-of-course"
allowed_prefixes = ["+44"]
[[webhooks]]
name = "crm"
url = "http://127.0.0.1:9/calls"
secret = "a secret of thirty-two characters"
"""


def test_what_stands_in_the_file_is_shown_with_when_it_counts(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        client = await stage.logged_in("editor")
        told = (await client.get("/api/settings/file")).json()
        assert told["file"] == stage.desk.config.path
        tables = {each["table"]: {one["name"]: one for one in each["settings"]} for each in told["tables"]}
        assert tables["records"]["keep_days"]["value"] == "90 days"
        assert tables["records"]["keep_days"]["counts"] == "start"
        assert tables["limits"]["calls"]["counts"] == "reload"
        assert tables["trunks.outside"]["allowed_prefixes"]["value"] == "+44"
        assert tables["webhooks 1"]["url"]["value"] == "http://127.0.0.1:9/calls"

    on_stage(tmp_path, play, MORE)


def test_no_secret_is_shown(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        client = await stage.logged_in("owner")
        told = json.dumps((await client.get("/api/settings/file")).json())
        assert "horse" not in told and "thirty-two" not in told

    on_stage(tmp_path, play, MORE)


def test_a_new_step_rings_for_as_long_as_is_set(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        client = await stage.logged_in("owner")
        assert (await client.get("/api/vocabulary")).json()["ring_time"] == 30
        assert (await client.put("/api/settings", json={"ring_time": 4})).status_code == 422
        await client.put("/api/settings", json={"ring_time": 22})
        assert (await client.get("/api/vocabulary")).json()["ring_time"] == 22
        assert "settings.change" in await stage.actions()

    on_stage(tmp_path, play)
