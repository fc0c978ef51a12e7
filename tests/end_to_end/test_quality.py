"""Real phones send RTCP: what the record makes of it."""

from __future__ import annotations

import json

import pytest

from b2bua.phone.client import Phone
from tests.end_to_end.stage import CALLEES, CALLERS, Stage, ended, play

pytestmark = [pytest.mark.phones, pytest.mark.xdist_group("phones")]

WINDOWS = 110  # of a tenth of a second: RTCP comes each five seconds or so, RFC 3550 §6.2


async def listen(phone: Phone) -> None:
    await phone.listen(CALLERS, CALLEES)
    while (await phone.heard()).windows < WINDOWS:
        pass


def test_the_quality_of_both_directions_is_in_the_record() -> None:
    async def scene(stage: Stage) -> None:
        await stage.connect(stage.ana)
        await listen(stage.caller)
        await stage.caller.hang_up()
        await ended(stage.caller, stage.ana)
        await stage.record()
        record = json.loads(await stage.service.command("show", "last", "--json"))
        there, back = record["quality"]
        for direction in (there, back):
            assert direction["is_reported"], direction
            assert direction["loss"] < 0.05
            assert direction["is_one_way"] is False
            assert 0 <= direction["round_trip"] < 2000  # of a machine that may be busy
            assert direction["mos"] > 2.5  # 4.4 with nothing else to do
            assert direction["sentence"].count("→") == 1

    play(scene)
