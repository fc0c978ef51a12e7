"""Which statuses are somebody's no, for himself or for everyone. Product S3."""

from __future__ import annotations

from typing import Any

import pytest

from b2bua.calls.flow import ALL_BUSY_OR_DECLINED, NOBODY_ANSWERED, Decline, Dial, HangUp, Mode
from b2bua.calls.record import CallOutcome, RecipientOutcome
from tests.calls.dialling import ask, ring
from tests.world.phone import Phone
from tests.world.world import World

SEVERAL = (603, 607, 480)


def refused(failure: int, **dial: Any) -> tuple[World, Phone, Phone, int]:
    """Ana refuses with this status while Ben rings; what the caller was told by then, 0 for nothing."""
    world = World()
    ana, ben = world.phone("ana", fails_after=1.0, failure=failure), world.phone("ben")
    ring(world, [ana, ben], **dial)
    call = world.caller().call()
    world.run(2.0)
    status = call.status
    if not status:
        call.cancel()
    world.finish()
    return world, ana, ben, status


@pytest.mark.parametrize(
    ("failure", "codes", "told"),
    [
        (603, (603,), 480),
        (607, (603,), 0),
        (480, (603,), 0),
        (603, SEVERAL, 480),
        (607, SEVERAL, 480),
        (480, SEVERAL, 480),
        (486, (486,), 486),
        (486, SEVERAL, 0),
        (403, (403,), 403),
        (603, (), 0),
        (603, (480,), 0),
    ],
)
def test_what_ends_the_step_for_everyone(failure: int, codes: tuple[int, ...], told: int) -> None:
    world, _, ben, status = refused(failure, decline=Decline.EVERYONE, decline_codes=codes)
    assert status == told
    assert ben.missed_call
    stopped = world.records[0].recipients[1].outcome
    assert stopped is (RecipientOutcome.STEP_ENDED if told else RecipientOutcome.CALLER_HUNG_UP)


def test_by_default_it_is_603_alone() -> None:
    assert refused(603, decline=Decline.EVERYONE)[3] == 480
    assert refused(607, decline=Decline.EVERYONE)[3] == 0
    assert refused(486, decline=Decline.EVERYONE)[3] == 0


@pytest.mark.parametrize(
    ("failure", "codes", "outcome"),
    [
        (480, (603,), RecipientOutcome.UNREACHABLE),
        (480, SEVERAL, RecipientOutcome.DECLINED),
        (486, (486,), RecipientOutcome.DECLINED),
        (607, (603,), RecipientOutcome.DECLINED),
        (403, (403,), RecipientOutcome.DECLINED),
        (603, (), RecipientOutcome.DECLINED),
    ],
)
def test_what_the_record_calls_a_decline(
    failure: int, codes: tuple[int, ...], outcome: RecipientOutcome
) -> None:
    """For the recipient alone: the others ring on, whatever he has said."""
    world, _, ben, status = refused(failure, decline_codes=codes)
    assert status == 0 and ben.was_rung
    record = world.records[0].recipients[0]
    assert (record.outcome, record.status) == (outcome, failure)


@pytest.mark.parametrize("codes", [(), (480,)])
def test_two_in_the_prompt_is_one_in_any_case(codes: tuple[int, ...]) -> None:
    world = World()
    ana, ben = world.phone("ana", answers_after=1.0), world.phone("ben")
    ask(world, [ana, ben], decline=Decline.EVERYONE, decline_codes=codes)
    call = world.caller().call()
    world.run(2.0)
    ana.press("2")
    world.run(1.0)
    assert call.status == 480
    world.finish()


def test_the_turns_end_with_one() -> None:
    world = World()
    ana, ben = world.phone("ana", fails_after=0.5, failure=480), world.phone("ben")
    ring(world, [ana, ben], mode=Mode.TURNS, decline=Decline.EVERYONE, decline_codes=SEVERAL)
    call = world.caller().call()
    world.run(1.0)
    assert call.status == 480 and not ben.was_rung
    world.finish()


@pytest.mark.parametrize(("codes", "status"), [(SEVERAL, 404), ((603,), 486)])
def test_the_exit_for_all_who_declined_is_taken(codes: tuple[int, ...], status: int) -> None:
    """480 is a decline where it says so, and else nobody has answered."""
    world = World()
    phones = [world.phone(name, fails_after=0.5, failure=480) for name in ("ana", "ben")]
    recipients = tuple(world.dialled(phone) for phone in phones)
    exits = {ALL_BUSY_OR_DECLINED: "turned", NOBODY_ANSWERED: "nobody"}
    world.flow(ring=Dial(recipients, decline_codes=codes, exits=exits), turned=HangUp(404), nobody=HangUp(486))
    call = world.caller().call()
    world.run(2.0)
    assert call.status == status
    world.finish()
    assert world.records[0].outcome is (
        CallOutcome.DECLINED if codes == SEVERAL else CallOutcome.UNREACHABLE
    )
