"""A call of one caller and two phones that ring, or of two who talk."""

from __future__ import annotations

from typing import Any

from b2bua.calls.call import Call
from b2bua.calls.record import CallRecord
from tests.world.caller import TrunkCall
from tests.world.phone import Phone
from tests.world.world import World


def only(world: World) -> Call:
    (call,) = world.switchboard.calls.values()  # type: ignore[attr-defined]
    assert isinstance(call, Call)
    return call


def record_of(world: World) -> CallRecord:
    (record,) = world.records
    return record


def ringing(**plan: Any) -> tuple[World, Phone, Phone, TrunkCall]:
    """Two phones ring."""
    world = World()
    for name, value in plan.items():
        setattr(world.plan, name, value)
    ana, ben = world.phone("ana"), world.phone("ben")
    call = world.caller().call()
    world.run_until(lambda: ana.is_ringing and ben.is_ringing and call.is_ringing)
    return world, ana, ben, call


def talking(**script: Any) -> tuple[World, Phone, TrunkCall]:
    world = World()
    ana = world.phone("ana", answers_after=1.0, **script)
    return world, ana, world.connect(ana)


def record_id(world: World) -> str:
    return only(world).id
