"""Until somebody answers, or nobody does."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import pytest

from b2bua.phone import messages as m
from b2bua.phone import outcome
from b2bua.phone.client import Phone
from tests.end_to_end.stage import CALLEES, CALLERS, SOON, Stage, ended, play

pytestmark = [pytest.mark.phones, pytest.mark.xdist_group("phones")]


async def first_to_hear(phones: Iterable[Phone]) -> None:
    """Returns when any of them hears the caller."""
    listening = [asyncio.create_task(phone.event(m.ToneHeard, SOON)) for phone in phones]
    await asyncio.wait(listening, return_when=asyncio.FIRST_COMPLETED)
    for task in listening:
        task.cancel()
    await asyncio.gather(*listening, return_exceptions=True)


@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
def test_all_ring_one_answers_and_the_others_are_told_so(tcp: bool) -> None:
    async def scene(stage: Stage) -> None:
        await stage.connect(stage.ana)
        assert await ended(stage.ben, stage.carl) == [outcome.ANSWERED_ELSEWHERE] * 2
        await stage.caller.hang_up()
        assert await ended(stage.caller, stage.ana) == [outcome.TALKED] * 2
        record = await stage.record()
        assert (record["outcome"], record["answered_by"], record["dialled"]) == ("answered", "Ana", "100")

    play(scene, tcp=tcp)


def test_each_recipient_is_shown_who_calls() -> None:
    async def scene(stage: Stage) -> None:
        for incoming in await stage.ring():
            assert incoming.caller_name == "Dana"
            assert incoming.caller.startswith("sip:+15550123@127.0.0.1")
        await stage.caller.hang_up()
        await ended(stage.caller, *stage.recipients)

    play(scene)


def test_a_caller_who_hangs_up_leaves_a_missed_call_on_every_phone() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ring()
        await stage.caller.hang_up()
        assert await ended(*stage.recipients) == [outcome.MISSED] * 3
        assert (await stage.caller.event(m.Disconnected, SOON)).code == 487
        record = await stage.record()
        assert (record["outcome"], record["answered_by"]) == ("abandoned", None)

    play(scene)


def test_a_ring_time_that_ends_leaves_a_missed_call_on_every_phone() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ring()
        assert await ended(*stage.recipients) == [outcome.MISSED] * 3
        assert (await stage.caller.event(m.Disconnected, SOON)).code == 480
        assert (await stage.record())["outcome"] == "no answer"

    play(scene, ring_time=1)


def test_when_all_decline_the_caller_is_told_at_once() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ring()
        for phone in stage.recipients:
            await phone.decline()
        assert (await stage.caller.event(m.Disconnected, SOON)).code == 480
        assert await ended(*stage.recipients) == [outcome.DECLINED] * 3
        assert (await stage.record())["outcome"] == "declined"

    play(scene)


def test_when_all_are_busy_the_caller_hears_busy() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ring()
        for phone in stage.recipients:
            await phone.decline(486)
        assert (await stage.caller.event(m.Disconnected, SOON)).code == 486
        assert (await stage.record())["outcome"] == "busy"

    play(scene)


def test_one_who_declines_does_not_stop_the_others() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ring()
        await stage.ana.decline()
        assert await ended(stage.ana) == [outcome.DECLINED]
        await stage.ben.answer()
        await stage.caller.event(m.Confirmed, SOON)
        await stage.hear_each_other(stage.ben)
        assert await ended(stage.carl) == [outcome.ANSWERED_ELSEWHERE]
        await stage.ben.hang_up()
        assert await ended(stage.caller, stage.ben) == [outcome.TALKED] * 2
        assert (await stage.record())["answered_by"] == "Ben"

    play(scene)


def test_of_three_who_answer_at_once_exactly_one_gets_the_caller() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ring()
        await asyncio.gather(*(phone.answer() for phone in stage.recipients))
        await stage.caller.event(m.ToneHeard, SOON, lambda tone: tone.frequency == CALLEES)
        await first_to_hear(stage.recipients)
        await stage.caller.hang_up()
        shown = await ended(*stage.recipients)
        assert sorted(shown) == [outcome.ANSWERED_ELSEWHERE] * 2 + [outcome.TALKED]
        winner = stage.recipients[shown.index(outcome.TALKED)]
        assert (await stage.record())["answered_by"] == winner.name
        assert [(await phone.heard()).tones[CALLERS] > 0 for phone in stage.recipients] == [
            phone is winner for phone in stage.recipients
        ]

    play(scene)
