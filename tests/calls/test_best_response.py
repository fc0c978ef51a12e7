"""Which refusal the caller gets when nobody answered: FRK-8 and product 5d, as a table. T17."""

from __future__ import annotations

import pytest

from b2bua.calls.record import CallOutcome, RecipientOutcome
from tests.world.world import World

SILENT = 0  # it never says anything: 408 of our own making
GONE = 1  # no route leads there

TABLE = [
    ((486, 404), {486}),
    ((404, 486), {486}),
    ((503, 486), {486}),
    ((600, 404), {486}),
    ((480, SILENT), {480}),
    ((404, SILENT), {480}),
    ((401, 486), {486}),
    ((407, 404), {480}),
    ((603, 486), {486}),
    ((603, 404), {480}),
    ((603, 603), {480}),
    ((603,), {480}),
    ((GONE, 486), {486}),
    ((GONE, 404), {480}),
    ((302, 480), {480}),
    ((302, 486), {486}),
    ((503, 503), {480, 500}),
    ((503,), {480, 500}),
    ((500, 404), {480}),
    ((500, 502), {480, 500, 502}),
    ((404, 404), {404}),
    ((404,), {404}),
    ((410, 604), {404, 410}),
    ((488, 404), {480}),
    ((488, 486), {486}),
    ((487, 486), {486}),
    ((486, 486, 486), {486}),
    ((600,), {486}),
    ((484,), {484}),
    ((401,), {480}),
    ((GONE,), {408, 480}),
    ((GONE, GONE), {408, 480}),
    ((SILENT,), {408, 480}),
    ((SILENT, SILENT), {408, 480}),
]


@pytest.mark.parametrize(("failures", "expected"), TABLE, ids=lambda value: str(value))
def test_the_best_of_the_refusals_goes_up(failures: tuple[int, ...], expected: set[int]) -> None:
    """T17, FRK-8: no 503, no 6xx, no 3xx and no challenge of one phone ever reaches the trunk.

    404 goes up only where every one said so (product 5d).
    """
    world = World()
    for number, failure in enumerate(failures):
        name = f"phone{number}"
        if failure == SILENT:
            world.silent_phone(name)
        elif failure == GONE:
            host = f"203.0.113.{100 + number}"
            world.network.unroutable.add(host)
            world.phone(name, host=host)
            world.network.unbind("UDP", world.agents[-1].address)
        else:
            headers = (("Contact", "<sip:x@203.0.113.200>"),) if failure == 302 else ()
            world.phone(name, fails_after=0.5 + number / 10, failure=failure, failure_headers=headers)
    call = world.caller().call()
    world.run_until(lambda: call.status, limit=40.0)
    assert call.status in expected
    assert call.final.get("retry-after") is None
    world.finish()
    assert world.records[0].status == call.status


def test_the_step_ends_when_the_last_has_refused_not_when_its_time_is_over() -> None:
    """product S6."""
    world = World()
    world.phone("ana", fails_after=1.0)
    world.phone("ben", fails_after=2.0)
    call = world.caller().call()
    world.run(2.2)
    assert call.status == 486
    world.finish()
    assert world.records[0].outcome is CallOutcome.BUSY
    assert {each.outcome for each in world.records[0].recipients} == {RecipientOutcome.BUSY}


def test_the_order_in_which_they_refuse_does_not_matter() -> None:
    answers = set()
    for times in ((1.0, 2.0), (2.0, 1.0), (1.0, 1.0)):
        world = World()
        world.phone("ana", fails_after=times[0], failure=486)
        world.phone("ben", fails_after=times[1], failure=404)
        call = world.caller().call()
        world.finish()
        answers.add(call.status)
    assert answers == {486}


def test_a_refusal_leaves_the_others_ringing() -> None:
    """product 5d: one busy: keep the rest ringing."""
    world = World()
    ana = world.phone("ana", fails_after=0.5)
    ben = world.phone("ben", answers_after=4.0)
    call = world.caller().call()
    world.run(6.0)
    assert call.is_answered and ben.is_talking
    assert ana.call.state == "failed"
    world.finish_after(call)
    outcomes = [each.outcome for each in world.records[0].recipients]
    assert outcomes == [RecipientOutcome.BUSY, RecipientOutcome.ANSWERED]


def test_the_record_keeps_every_real_status() -> None:
    """product 5d: the log keeps every real code."""
    world = World()
    for number, failure in enumerate((603, 503, 404, 486)):
        world.phone(f"phone{number}", fails_after=0.5, failure=failure)
    world.caller().call()
    world.finish()
    assert [each.status for each in world.records[0].recipients] == [603, 503, 404, 486]
