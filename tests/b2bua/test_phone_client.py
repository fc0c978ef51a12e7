"""b2bua.phone.client, and through it the phone's process: two phones call each other, with sound."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Awaitable, Callable

import pytest

from b2bua.phone import messages as m
from b2bua.phone import outcome
from b2bua.phone.client import Phone, PhoneError

pytestmark = pytest.mark.phones

CALLERS, CALLEES = 440, 710  # hertz; neither is near a multiple of the other
SOON = 30.0  # seconds: more than anything here should take on a busy machine
Scene = Callable[[Phone, Phone], Awaitable[None]]


def play(scene: Scene, *, tcp: bool = False) -> None:
    """Runs a scene with a caller and a callee that does nothing unasked."""

    async def run() -> None:
        async with (
            await Phone.start("bob", tone=CALLERS, listen=(CALLERS, CALLEES), tcp=tcp) as caller,
            await Phone.start("ana", tone=CALLEES, listen=(CALLERS, CALLEES), tcp=tcp) as callee,
        ):
            await caller.call(callee.uri + (";transport=tcp" if tcp else ""))
            await scene(caller, callee)
        assert (caller.exit_status, callee.exit_status) == (0, 0)

    asyncio.run(run())


async def connect(caller: Phone, callee: Phone) -> None:
    await callee.event(m.Incoming, SOON)
    await callee.answer()
    await caller.event(m.Confirmed, SOON)
    await callee.event(m.Confirmed, SOON)


@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
def test_each_hears_the_other_and_nothing_else(tcp: bool) -> None:
    async def scene(caller: Phone, callee: Phone) -> None:
        await connect(caller, callee)
        await caller.event(m.ToneHeard, SOON, lambda tone: tone.frequency == CALLEES)
        await callee.event(m.ToneHeard, SOON, lambda tone: tone.frequency == CALLERS)
        await caller.hang_up()
        for phone in (caller, callee):
            assert (await phone.event(m.Disconnected, SOON)).outcome == outcome.TALKED
        at_caller, at_callee = await caller.heard(), await callee.heard()
        assert at_caller.tones[CALLEES] > 0 and at_caller.tones[CALLERS] == 0
        assert at_callee.tones[CALLERS] > 0 and at_callee.tones[CALLEES] == 0

    play(scene, tcp=tcp)


def test_the_callee_is_told_who_calls() -> None:
    async def scene(caller: Phone, callee: Phone) -> None:
        incoming = await callee.event(m.Incoming, SOON)
        assert (incoming.caller, incoming.caller_name) == ("sip:bob@127.0.0.1", "bob")
        assert ("CSeq" in dict(incoming.headers)) and dict(incoming.headers)["CSeq"].endswith("INVITE")
        assert (await caller.event(m.Ringing, SOON)).code == 180

    play(scene)


def test_a_caller_who_gives_up_leaves_a_missed_call() -> None:
    async def scene(caller: Phone, callee: Phone) -> None:
        await caller.event(m.Ringing, SOON)
        await caller.hang_up()
        ended = await callee.event(m.Disconnected, SOON)
        assert (ended.outcome, ended.code, ended.reason_headers) == (outcome.MISSED, 487, [])
        assert (await caller.event(m.Disconnected, SOON)).outcome == outcome.GAVE_UP

    play(scene)


@pytest.mark.parametrize(("code", "expected"), [(603, outcome.DECLINED), (486, outcome.BUSY)])
def test_a_refusal_reaches_the_caller(code: int, expected: str) -> None:
    async def scene(caller: Phone, callee: Phone) -> None:
        await callee.event(m.Incoming, SOON)
        await callee.decline(code)
        assert (await callee.event(m.Disconnected, SOON)).outcome == expected
        ended = await caller.event(m.Disconnected, SOON)
        assert (ended.code, ended.outcome) == (code, outcome.NOT_ANSWERED)

    play(scene)


def test_hold_silences_and_resume_brings_the_sound_back() -> None:
    async def scene(caller: Phone, callee: Phone) -> None:
        await connect(caller, callee)
        await caller.event(m.ToneHeard, SOON)
        await callee.event(m.ToneHeard, SOON)
        await callee.tell(m.Hold())
        await caller.event(m.MediaActive, SOON, lambda media: media.state == "held by them")
        await caller.event(m.ToneGone, SOON)
        await callee.event(m.ToneGone, SOON)
        await callee.tell(m.Resume())
        await caller.event(m.ToneHeard, SOON)
        await callee.event(m.ToneHeard, SOON)

    play(scene)


def test_mute_and_play() -> None:
    async def scene(caller: Phone, callee: Phone) -> None:
        await connect(caller, callee)
        await caller.event(m.ToneHeard, SOON)
        await callee.tell(m.Mute())
        await caller.event(m.ToneGone, SOON)
        await caller.listen(330)
        await callee.tell(m.Play(330))
        assert (await caller.event(m.ToneHeard, SOON, lambda tone: tone.frequency == 330)).level > -20

    play(scene)


def test_digits_arrive_in_their_order() -> None:
    async def scene(caller: Phone, callee: Phone) -> None:
        await connect(caller, callee)
        await callee.event(m.ToneHeard, SOON)
        await caller.tell(m.SendDigits("19#"))
        assert [(await callee.event(m.DigitHeard, SOON)).digit for _ in range(3)] == ["1", "9", "#"]

    play(scene)


def test_a_second_caller_finds_the_line_busy() -> None:
    async def scene(caller: Phone, callee: Phone) -> None:
        await connect(caller, callee)
        async with await Phone.start("eve") as third:
            await third.call(callee.uri)
            assert (await third.event(m.Disconnected, SOON)).code == 486
        await caller.hang_up()
        assert (await callee.event(m.Disconnected, SOON)).line == 1

    play(scene)


def test_orders_that_do_not_fit_are_refused_with_a_reason() -> None:
    async def scene(caller: Phone, callee: Phone) -> None:
        await callee.event(m.Incoming, SOON)
        await caller.tell(m.Answer())
        assert await caller.event(m.Failed, SOON) == m.Failed(
            caller.history[-1].at, "answer", "nothing rings here"
        )
        await caller.call(callee.uri)
        assert (await caller.event(m.Failed, SOON)).command == "call"

    play(scene)


def test_a_phone_left_alone_does_as_its_options_say() -> None:
    async def run() -> None:
        async with (
            await Phone.start("bob", hang_up_after=0.1) as caller,
            await Phone.start("ana", answer_after=0.1) as ana,
            await Phone.start("ben", decline_after=0.1) as ben,
            await Phone.start("eve", busy=True) as eve,
        ):
            for callee, code in ((ana, 200), (ben, 603), (eve, 486)):
                await caller.call(callee.uri)
                assert (await caller.event(m.Disconnected, SOON)).code == code

    asyncio.run(run())


def test_quit_hangs_up_first() -> None:
    async def scene(caller: Phone, callee: Phone) -> None:
        await connect(caller, callee)
        await caller.stop()
        assert (await callee.event(m.Disconnected, SOON)).outcome == outcome.TALKED

    play(scene)


def test_a_phone_that_is_killed_is_missed_at_once() -> None:
    async def run() -> None:
        async with await Phone.start("ana") as phone:
            os.kill(phone.pid, signal.SIGKILL)
            with pytest.raises(PhoneError, match="ended before Incoming"):
                await phone.event(m.Incoming, SOON)
            with pytest.raises(PhoneError, match="gone"):
                await phone.call("sip:x@127.0.0.1")

    asyncio.run(run())


def test_what_does_not_come_is_an_error_that_names_it() -> None:
    async def run() -> None:
        async with await Phone.start("ana") as phone:
            with pytest.raises(PhoneError, match=r"ana: no Incoming within 0.05 s \(last: Ready\)"):
                await phone.event(m.Incoming, 0.05)

    asyncio.run(run())


def test_a_port_that_is_taken_is_an_error(capfd: pytest.CaptureFixture[str]) -> None:
    async def run(port: int) -> None:
        with pytest.raises(PhoneError, match="ended before Ready"):
            await Phone.start("ana", port=port)

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        asyncio.run(run(taken.getsockname()[1]))
    assert "ana: cannot listen on 127.0.0.1:" in capfd.readouterr().err
