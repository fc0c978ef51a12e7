"""Real phones on hosts of their own, through each form: tones, counters, and a stranger who gets nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from bench import namespaces
from rtp_relay.control import Figures, Query, StreamFigures
from tests.end_to_end.lan import SERVICE, Lan
from tests.end_to_end.lan_stage import CALLEES, CALLERS, SSRC, STRANGERS, Attack, LanStage, a_lan, lan_stage
from tests.rtp_relay.conformance.rig import hindrance

pytestmark = [pytest.mark.phones, pytest.mark.xdist_group("phones")]

TRIED_ON_A_WIRE = {"user": "", "tc": "tc on a wire", "xdp": "xdp"}
# Datagrams in some three seconds of talk that are for user space even if the kernel forwards all RTP: RTCP, SIP, and
# what came before a flow was confirmed.
A_FEW = 25
PACKETS = 100  # of RTP that two phones send in a second
ROUNDS = 40  # of the attack: a packet to every port
CLEAR = 0.6  # of the windows; phones in a hurry for a processor leave gaps


@pytest.fixture(scope="module")
def lan() -> Iterator[Lan]:
    if namespaces.missing():
        pytest.skip(namespaces.missing())
    with a_lan() as made:
        yield made


@pytest.fixture(params=list(TRIED_ON_A_WIRE))
def form(request: pytest.FixtureRequest) -> str:
    name = str(request.param)
    if name != "user" and hindrance(TRIED_ON_A_WIRE[name]):
        pytest.skip(f"{name}: {hindrance(TRIED_ON_A_WIRE[name])}")
    return name


def play(lan: Lan, form: str, scene: Callable[[LanStage], Awaitable[None]]) -> None:
    async def run() -> None:
        async with lan_stage(lan, form) as stage:
            await scene(stage)

    asyncio.run(run())


def figures(stage: LanStage, call: str) -> dict[int, StreamFigures]:
    """By leg, as the relay tells them."""
    told = stage.ask(Query(call))
    assert isinstance(told, Figures)
    return {stream.leg: stream for stream in told.streams}


def packets_of(event: dict[str, Any]) -> dict[int, int]:
    return {leg["leg"]: leg["packets"] for leg in event["legs"]}


def dropped(event: dict[str, Any]) -> int:
    """Packets of strangers that the kernel has dropped by itself."""
    return int(event["strangers_in_kernel"])


async def assert_tones(stage: LanStage) -> None:
    """Each hears the other, and nobody else."""
    at_caller, at_callee = await stage.heard()
    for heard, tone, own in ((at_caller, CALLEES, CALLERS), (at_callee, CALLERS, CALLEES)):
        assert heard.tones[tone] >= CLEAR * heard.windows
        assert heard.tones[own] == heard.tones[STRANGERS] == 0


def test_a_call_between_two_hosts_with_tones_at_both_ends(lan: Lan, form: str) -> None:
    async def scene(stage: LanStage) -> None:
        assert stage.watch.snapshot["relay"]["form"] == form
        call = await stage.ring()
        await stage.answer()
        first = await stage.watch.event("call.media", lambda event: min(packets_of(event).values()) > 0)
        assert (first["call"], first["form"]) == (call, form)
        at_sockets = lan.datagrams_to_sockets(SERVICE)
        before = await stage.watch.event("relay")
        await assert_tones(stage)
        later = await stage.watch.event("call.media", lambda event: event["at"] > first["at"] + 2_000_000)
        after = await stage.watch.event("relay")
        risen = {leg: count - packets_of(first)[leg] for leg, count in packets_of(later).items()}
        assert set(risen) == {0, 1}
        assert min(risen.values()) > PACKETS / 2
        by_kernel = after["packets_in_kernel"] - before["packets_in_kernel"]
        by_user = after["packets_in_user_space"] - before["packets_in_user_space"]
        came = lan.datagrams_to_sockets(SERVICE) - at_sockets
        if form == "user":
            assert by_kernel == 0
            assert min(by_user, came) > PACKETS
        else:
            assert by_kernel > PACKETS
            assert max(by_user, came) < A_FEW
        streams = figures(stage, call)
        assert [streams[leg].lost for leg in (0, 1)] == [0, 0]
        assert [streams[leg].strangers for leg in (0, 1)] == [0, 0]
        await stage.hang_up()

    play(lan, form, scene)


def test_a_stranger_neither_reaches_anybody_nor_gets_anything(lan: Lan, form: str) -> None:
    """Injection and bleed, from before the call is there until after it has latched and its window is over."""

    async def scene(stage: LanStage) -> None:
        with Attack(lan) as attack:
            call = await stage.ring()
            rounds = attack.rounds
            while attack.rounds < rounds + ROUNDS:  # while it rings, the ports are the call's already
                await stage.watch.event("relay")
            assert all(stream.packets == stream.sent_packets == 0 for stream in figures(stage, call).values())
            await stage.answer()
            await assert_tones(stage)
            before = figures(stage, call)
            latched = await stage.watch.event("relay")
            await assert_tones(stage)
            while any(figures(stage, call)[leg].strangers < before[leg].strangers + ROUNDS for leg in (0, 1)):
                await stage.watch.event("relay")
            after = figures(stage, call)
            for leg, other in ((0, 1), (1, 0)):
                assert (after[leg].ssrc != SSRC, after[leg].lost) == (True, 0)
                # Nothing but what the far end has sent was passed on.
                assert after[other].sent_packets <= after[leg].packets
            if form != "user":
                # Once the belief is final strangers do not even come to user space.
                await stage.watch.event("relay", lambda event: dropped(event) > dropped(latched) + ROUNDS)
            await stage.hang_up()
            assert attack.received() == 0

    play(lan, form, scene)


def test_the_self_test_beside_a_call_disturbs_nothing(lan: Lan, form: str) -> None:
    async def scene(stage: LanStage) -> None:
        call = await stage.ring()
        await stage.answer()
        before = figures(stage, call)
        found = await stage.check()
        assert found["usable"], found
        said = {finding["subject"]: finding for finding in found["findings"] if finding["about"] == "media"}
        assert f"a relay is running with the {form} form" in said["relay"]["saying"]
        assert said["media.ports"]["saying"] == "nobody but the running relay has any of them."
        assert {said[f"{each} form at {SERVICE}"]["verdict"] for each in TRIED_ON_A_WIRE} <= {"good", "warning"}
        await assert_tones(stage)
        after = figures(stage, call)
        assert [after[leg].lost for leg in (0, 1)] == [after[leg].strangers for leg in (0, 1)] == [0, 0]
        assert min(after[leg].packets - before[leg].packets for leg in (0, 1)) > PACKETS / 2
        await stage.hang_up()

    play(lan, form, scene)
