"""`b2bua ringtest` with a real phone: what it did, and how it is told."""

from __future__ import annotations

import asyncio
import json

import pytest

from b2bua.demo.installation import InstallationError
from b2bua.phone import messages as m
from b2bua.phone import outcome
from tests.end_to_end.stage import SOON, Stage, ended, play

pytestmark = [pytest.mark.phones, pytest.mark.xdist_group("phones")]


def test_a_phone_that_answers_and_presses_1() -> None:
    async def scene(stage: Stage) -> None:
        asked = asyncio.create_task(stage.service.command("ringtest", stage.ana.uri, "--json"))
        rang = await stage.ana.event(m.Incoming, SOON)
        assert rang.caller_name == "Ring test"
        await stage.ana.answer()
        await stage.ana.event(m.Confirmed, SOON)
        await asyncio.sleep(0.5)
        await stage.ana.send_digits("1")
        told = json.loads(await asked)
        assert (
            told["keys"] == "RFC 4733" and told["codec"] in ("PCMU", "PCMA") and "Ring test" in told["shown"]
        )
        assert 0 <= told["rang_after"] < told["answered_after"] < told["pressed_after"]
        assert await ended(stage.ana) == [outcome.TALKED]

    play(scene)


def test_a_phone_that_declines() -> None:
    async def scene(stage: Stage) -> None:
        asked = asyncio.create_task(stage.service.command("ringtest", stage.ben.uri))
        await stage.ben.event(m.Incoming, SOON)
        await stage.ben.decline()
        with pytest.raises(InstallationError, match="exit 1"):
            await asked

    play(scene)
