"""A finished call is freed by reference counts alone: no ring of objects waits for the garbage collector.

A full collection of a busy service stops it for longer than a phone takes to repeat itself; so it is never
run, and what it would have found must not be there.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from tests.world.world import World

_OURS = ("sip_stack", "b2bua.calls")


@pytest.fixture
def garbage() -> Iterator[list[str]]:
    """Names of our objects that only the collector has freed; filled when the test asks gc.collect()."""
    gc.collect()
    gc.disable()
    found: list[str] = []
    gc.set_debug(gc.DEBUG_SAVEALL)
    yield found
    gc.set_debug(0)
    gc.garbage.clear()
    gc.enable()


def _ours() -> list[str]:
    gc.collect()
    return sorted(
        type(each).__name__ for each in gc.garbage if type(each).__module__.startswith(_OURS)
    )


@pytest.mark.parametrize("ending", ["caller hangs up", "recipient hangs up", "abandoned", "declined", "no answer"])
def test_a_finished_call_leaves_no_ring_of_objects(ending: str, garbage: list[str]) -> None:
    world = World()
    world.plan.ring_time = 10.0
    ana = world.phone("ana", answers_after=1.0 if "hangs up" in ending else None)
    ben = world.phone("ben")
    call = world.caller().call()
    world.run(2.0)
    if ending == "caller hangs up":
        call.hang_up()
    elif ending == "recipient hangs up":
        ana.hang_up()
    elif ending == "abandoned":
        call.cancel()
    elif ending == "declined":
        ana.fail(603)
        ben.fail(603)
    world.finish()
    garbage += _ours()
    assert not garbage
