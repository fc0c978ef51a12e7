"""The service is asked to stop, or is configured anew, while phones ring. Product 5d."""

from __future__ import annotations

import dataclasses

from b2bua.calls import flow as flows
from b2bua.calls.flow import Dial, HangUp
from b2bua.calls.record import CallOutcome, RecipientOutcome
from b2bua.calls.switchboard import Switchboard
from tests.world.description import read
from tests.world.world import World


def board(world: World) -> Switchboard:
    assert isinstance(world.switchboard, Switchboard)
    return world.switchboard


def test_a_call_that_rings_in_the_drain_may_still_be_answered_and_new_ones_go_elsewhere() -> None:
    """And has media both ways when it is: never a 200 with silence behind it."""
    world = World()
    ana = world.phone("ana", answers_after=5.0)
    call = world.caller().call()
    world.run_until(lambda: ana.is_ringing)
    board(world).admission.is_draining = True
    late = world.caller("other", host="198.51.100.2").call()
    world.run_until(lambda: call.is_answered)
    assert late.status == 503 and late.final.get("retry-after") is not None
    call.caller.media.say(b"caller", call.remote_description)
    ana.media.say(b"ana", read(ana.call.invite.message.sdp))
    world.run(0.1)
    assert ana.media.payloads == {b"caller"} and call.caller.media.payloads == {b"ana"}
    world.finish_after(call)


def test_one_that_rings_on_when_the_drain_is_over_is_refused_and_its_phones_stop() -> None:
    """As the core does when `limits.drain_seconds` have passed: a missed call, and no phone is left ringing."""
    world = World()
    ana, ben = world.phone("ana"), world.phone("ben")
    call = world.caller().call()
    world.run_until(lambda: ana.is_ringing and ben.is_ringing)
    (identifier,) = board(world).calls
    board(world).hang_up(identifier, world.clock.now)
    world.run(1.0)
    assert call.status == 480 and ana.missed_call and ben.missed_call
    world.finish()
    (record,) = world.records
    assert record.outcome is CallOutcome.REFUSED
    assert {each.outcome for each in record.recipients} == {RecipientOutcome.NO_ANSWER}


def test_a_flow_that_is_published_while_it_rings_counts_for_new_calls_only() -> None:
    """The running call goes on to the next step of its own version, with the recipients of that."""
    world = World()
    ana, ben, carl = world.phone("ana"), world.phone("ben", answers_after=1.0), world.phone("carl", answers_after=1.0)
    first = Dial((world.dialled(ana),), ring_time=5.0, exits={flows.NOBODY_ANSWERED: "more"})
    world.flow(ring=first, more=Dial((world.dialled(ben),)))
    call = world.caller().call()
    world.run_until(lambda: ana.is_ringing)
    directory = board(world).directory
    number = directory.config.numbers[world.plan.number]  # type: ignore[attr-defined]
    assert number.flow is not None
    way = dataclasses.replace(world.dialled(carl), way=dataclasses.replace(
        number.flow.steps["more"].recipients[0].way, name="carl", uri=carl.uri
    ))  # fmt: skip
    newer = flows.Flow("flow", 2, "ring", {"ring": Dial((way,)), "end": HangUp()})
    numbers = {world.plan.number: dataclasses.replace(number, flow=newer)}
    directory.replace(dataclasses.replace(directory.config, numbers=numbers))  # type: ignore[attr-defined]
    other = world.caller("other", host="198.51.100.2").call()
    world.run_until(lambda: carl.is_talking)
    world.run_until(lambda: ben.is_talking)
    assert len(ana.calls) == len(carl.calls) == 1
    other.hang_up()
    world.finish_after(call)
    assert sorted(record.flow_version for record in world.records) == [1, 2]
