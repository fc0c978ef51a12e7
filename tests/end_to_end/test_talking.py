"""From the answer on: sound, digits, hold, and the end."""

from __future__ import annotations

import pytest

from b2bua.phone import messages as m
from b2bua.phone import outcome
from b2bua.phone.client import Phone
from tests.end_to_end.stage import CALLEES, CALLERS, SOON, Stage, ended, play

pytestmark = [pytest.mark.phones, pytest.mark.xdist_group("phones")]


async def heard_for_a_second(phone: Phone) -> m.Heard:
    """What a phone has heard when its count has come to ten windows."""
    await phone.listen(CALLERS, CALLEES)
    heard = await phone.heard()
    while heard.windows < 10:
        heard = await phone.heard()
    return heard


def test_each_hears_the_other_and_nobody_else_hears_anything() -> None:
    async def scene(stage: Stage) -> None:
        await stage.connect(stage.ana)
        at_caller, at_ana = await heard_for_a_second(stage.caller), await heard_for_a_second(stage.ana)
        assert at_caller.tones[CALLEES] >= 9 and at_caller.tones[CALLERS] == 0 and at_caller.strange <= 1
        assert at_ana.tones[CALLERS] >= 9 and at_ana.tones[CALLEES] == 0 and at_ana.strange <= 1
        for phone in (stage.ben, stage.carl):
            heard = await phone.heard()
            assert heard.windows == heard.silent > 0
        await stage.caller.hang_up()
        await ended(stage.ana)

    play(scene)


def test_the_sound_passes_through_the_service_and_not_beside_it() -> None:
    async def scene(stage: Stage) -> None:
        await stage.connect(stage.ana)
        lowest, highest = stage.service.media_ports
        for phone in (stage.caller, stage.ana):
            media = next(event for event in phone.history if isinstance(event, m.MediaActive))
            assert lowest <= int(media.remote_address.rpartition(":")[2]) <= highest
        await stage.caller.hang_up()
        await ended(stage.ana)

    play(scene)


def test_a_callee_who_hangs_up_ends_the_callers_call() -> None:
    async def scene(stage: Stage) -> None:
        await stage.connect(stage.ben)
        await stage.ben.hang_up()
        assert await ended(stage.caller, stage.ben) == [outcome.TALKED] * 2
        assert (await stage.record())["ended_by"] == "Ben"

    play(scene)


@pytest.mark.parametrize("who", ["caller", "callee"])
def test_hold_stops_the_sound_and_resume_brings_it_back(who: str) -> None:
    async def scene(stage: Stage) -> None:
        await stage.connect(stage.ana)
        holding, held = (stage.caller, stage.ana) if who == "caller" else (stage.ana, stage.caller)
        await holding.tell(m.Hold())
        await held.event(m.MediaActive, SOON, lambda media: media.state == "held by them")
        await held.event(m.ToneGone, SOON)
        await holding.event(m.ToneGone, SOON)
        await holding.tell(m.Resume())
        await held.event(m.MediaActive, SOON, lambda media: media.state == "active")
        await stage.hear_each_other(stage.ana)
        await stage.caller.hang_up()
        assert await ended(stage.caller, stage.ana) == [outcome.TALKED] * 2

    play(scene)


def test_digits_pass_both_ways() -> None:
    async def scene(stage: Stage) -> None:
        await stage.connect(stage.carl)
        await stage.caller.tell(m.SendDigits("15#"))
        assert [(await stage.carl.event(m.DigitHeard, SOON)).digit for _ in range(3)] == ["1", "5", "#"]
        await stage.carl.tell(m.SendDigits("*"))
        assert (await stage.caller.event(m.DigitHeard, SOON)).digit == "*"
        await stage.caller.hang_up()
        await ended(stage.carl)

    play(scene)


def test_one_call_after_another_on_the_same_phones() -> None:
    async def scene(stage: Stage) -> None:
        for callee in stage.recipients:
            await stage.connect(callee)
            await stage.caller.hang_up()
            await ended(stage.caller, *stage.recipients)
            for phone in (stage.caller, *stage.recipients):
                phone.forget()

    play(scene)
