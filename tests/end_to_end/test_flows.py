"""Flows with real phones and real audio: our ringing tone, a menu, a mailbox. test_asking.py has the rest."""

from __future__ import annotations

import json
import wave
from collections.abc import Callable, Sequence

import pytest

from b2bua.phone import messages as m
from b2bua.phone.client import Phone
from tests.end_to_end.stage import CALLEES, CALLERS, SOON, Stage, ended, play

pytestmark = [pytest.mark.phones, pytest.mark.xdist_group("phones")]

PROMPT, GREETING = 1210, 1830  # hertz
PROMPTS = {"prompt.wav": PROMPT, "greeting.wav": GREETING}
EVERY = (CALLERS, CALLEES, *PROMPTS.values())
RINGBACK = 440  # of the US ringing tone, 440 and 480 Hz


def flow(first: str, step: str, more: str = "", nobody: str = "end") -> Callable[[Sequence[Phone]], str]:
    """Number 101 with a flow whose dial step rings Ana with these settings, and further steps."""

    def tables(recipients: Sequence[Phone]) -> str:
        return f"""
[numbers."101"]
name = "Support"
flow = "main"

[flows.main]
first = "{first}"

[flows.main.dial.ring]
nobody_answered = "{nobody}"
{step}

[[flows.main.dial.ring.recipients]]
name = "Ana"
destination = "{recipients[0].uri}"

[flows.main.hang_up.end]
{more}"""

    return tables


async def call(stage: Stage) -> None:
    for phone in (stage.caller, *stage.recipients):
        await phone.listen(*EVERY)
    await stage.caller.call(stage.service.uri("101"))


async def hears(phone: Phone, frequency: int) -> m.ToneHeard:
    return await phone.event(m.ToneHeard, SOON, lambda tone: tone.frequency == frequency)


def test_nobody_presses_and_the_flow_goes_on_to_the_mailbox() -> None:
    """2.1: a voicemail that answers first does not get the call; what the caller leaves is a wav file."""

    async def scene(stage: Stage) -> None:
        await call(stage)
        await stage.ana.event(m.Incoming, SOON)
        await stage.ana.answer()
        await hears(stage.ana, PROMPT)
        await ended(stage.ana)
        await hears(stage.caller, GREETING)
        await stage.caller.event(m.ToneGone, SOON, lambda tone: tone.frequency == GREETING)
        await hears_for(stage.caller, 3.0)
        await stage.caller.hang_up()
        record = await stage.record()
        assert (record["outcome"], record["mailbox"]) == ("voicemail", "sales")
        with wave.open(record["voicemail"]) as message:
            seconds = message.getnframes() / message.getframerate()
        assert 1.5 < seconds < 6.0 and abs(seconds - record["voicemail_seconds"]) < 0.5
        assert "did not press 1" in json.dumps(record)

    step = 'press_one = true\nconfirm_time = 3\nconfirm_prompt = { play = "prompt.wav" }'
    box = '[flows.main.voicemail.box]\nmailbox = "sales"\ngreeting = { play = "greeting.wav" }\n'
    play(scene, tables=flow("ring", step, box, "box"), prompts=PROMPTS)


def test_our_ringing_tone() -> None:
    """FRK-15: the caller hears it until somebody answers, and then him, with the very answer of the 183."""

    async def scene(stage: Stage) -> None:
        await call(stage)
        await stage.ana.event(m.Incoming, SOON)
        ringing = await stage.caller.event(m.Ringing, SOON)
        assert ringing.code == 183
        await hears(stage.caller, RINGBACK)
        await stage.ana.answer()
        await stage.caller.event(m.Confirmed, SOON)
        await stage.hear_each_other(stage.ana)
        await stage.caller.hang_up()
        await ended(stage.ana)

    play(scene, tables=flow("ring", 'early_media = "ringback"'), prompts=PROMPTS)


def test_a_menu_by_the_callers_keys() -> None:
    async def scene(stage: Stage) -> None:
        await call(stage)
        await stage.caller.event(m.Confirmed, SOON)
        await hears(stage.caller, GREETING)
        await stage.caller.send_digits("2")
        await stage.ana.event(m.Incoming, SOON)
        await stage.ana.answer()
        await stage.hear_each_other(stage.ana)
        await stage.caller.hang_up()
        await ended(stage.ana)

    menu = '[flows.main.menu.choice]\nprompt = { play = "greeting.wav" }\nno_choice = "end"\nchoices = { 2 = "ring" }\n'
    play(scene, tables=flow("choice", "", menu), prompts=PROMPTS)


async def hears_for(phone: Phone, seconds: float) -> None:
    """Returns when the phone has listened for so long."""
    await phone.listen(*EVERY)
    while (await phone.heard()).windows < 10 * seconds:
        pass
