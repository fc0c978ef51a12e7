"""What phones show that were stopped: nothing, a missed call, or nothing in any case. Product S2, 2.3."""

from __future__ import annotations

from typing import Any

import pytest

from b2bua.calls.flow import Decline, Elsewhere, Mode
from b2bua.calls.recipient import SixXX
from tests.calls.dialling import ask, ring
from tests.world.world import World

POLICIES = [(Elsewhere.HIDE, True), (Elsewhere.SHOW, True), (Elsewhere.ALWAYS_HIDE, False)]


@pytest.mark.parametrize(
    ("policy", "misses"), [(Elsewhere.HIDE, False), (Elsewhere.SHOW, True), (Elsewhere.ALWAYS_HIDE, False)]
)
def test_somebody_else_has_answered(policy: Elsewhere, misses: bool) -> None:
    world = World()
    ana, ben = world.phone("ana", answers_after=1.0), world.phone("ben")
    ring(world, [ana, ben], answered_elsewhere=policy)
    call = world.connect(ana)
    world.run(1.0)
    assert ben.missed_call is misses
    world.finish_after(call)


@pytest.mark.parametrize(("policy", "misses"), POLICIES)
@pytest.mark.parametrize("mode", [Mode.EVERYONE, Mode.TURNS])
def test_the_ring_time_ends(mode: Mode, policy: Elsewhere, misses: bool) -> None:
    world = World()
    phones = [world.phone("ana"), world.phone("ben")]
    ring(world, phones, mode=mode, ring_time=5.0, answered_elsewhere=policy)
    call = world.caller().call()
    world.run(11.0)
    assert call.status == 480
    assert [phone.missed_call for phone in phones] == [misses, misses]
    world.finish()


@pytest.mark.parametrize(("policy", "misses"), POLICIES)
def test_his_own_time_ends(policy: Elsewhere, misses: bool) -> None:
    world = World()
    ana, ben = world.phone("ana"), world.phone("ben", answers_after=3.0)
    ring(world, [ana, ben], {"ana": {"stop_after": 2.0}}, answered_elsewhere=policy)
    call = world.connect(ben)
    assert ana.missed_call is misses
    world.finish_after(call)


@pytest.mark.parametrize(("policy", "misses"), POLICIES)
@pytest.mark.parametrize("how", [{"decline": Decline.EVERYONE}, {"six_xx": SixXX.EVERYONE}])
def test_somebody_refuses_for_everyone(how: dict[str, Any], policy: Elsewhere, misses: bool) -> None:
    world = World()
    ana, ben = world.phone("ana", fails_after=1.0, failure=603), world.phone("ben")
    ring(world, [ana, ben], answered_elsewhere=policy, **how)
    call = world.caller().call()
    world.run(2.0)
    assert call.status and ben.missed_call is misses
    world.finish()


@pytest.mark.parametrize(("policy", "misses"), POLICIES)
def test_he_says_nothing_for_too_long(policy: Elsewhere, misses: bool) -> None:
    """He was given up as not reachable, and then begins to ring: the INVITE is taken back as soon as he does."""
    world = World()
    ana, ben = world.phone("ana", trying=False, rings_after=5.0), world.phone("ben", answers_after=8.0)
    ring(world, [ana, ben], answered_elsewhere=policy)
    call = world.connect(ben)
    assert ana.missed_call is misses
    world.finish_after(call)


@pytest.mark.parametrize("policy", list(Elsewhere))
def test_the_caller_gives_up_and_everybody_sees_it(policy: Elsewhere) -> None:
    world = World()
    phones = [world.phone("ana"), world.phone("ben")]
    ring(world, phones, answered_elsewhere=policy)
    call = world.caller().call()
    world.run(2.0)
    call.cancel()
    world.run(1.0)
    assert all(phone.missed_call for phone in phones)
    world.finish()


def test_the_caller_gives_up_while_another_is_asked() -> None:
    world = World()
    ana, ben = world.phone("ana", answers_after=1.0), world.phone("ben")
    ask(world, [ana, ben], answered_elsewhere=Elsewhere.ALWAYS_HIDE)
    call = world.caller().call()
    world.run(3.0)
    call.cancel()
    world.run(1.0)
    assert ben.missed_call
    world.finish()
