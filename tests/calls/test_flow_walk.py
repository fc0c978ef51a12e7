"""A call goes through its flow: where each exit leads, and how a call ends that leads nowhere."""

from __future__ import annotations

import dataclasses

import pytest

from b2bua.calls import flow as flows
from b2bua.calls.flow import Dial, HangUp, Play, Prompt, PromptKind, Schedule
from b2bua.calls.record import CallOutcome, CallRecord
from tests.world.caller import TrunkCall
from tests.world.description import read
from tests.world.phone import Phone
from tests.world.world import World

HELLO = Prompt(PromptKind.SAY, "Hello.")
CLOSED = Prompt(PromptKind.SAY, "We are closed.")


def record_of(world: World) -> CallRecord:
    (record,) = world.records
    return record


def assert_both_hear(world: World, call: TrunkCall, phone: Phone) -> None:
    told = phone.call.dialog.remote_description
    assert told is not None
    for _ in range(3):
        call.caller.media.say(b"caller", call.remote_description)
        phone.media.say(b"callee", told)
        world.run(0.02)
    assert phone.media.payloads == {b"caller"} and call.caller.media.payloads == {b"callee"}


def test_the_next_step_rings_when_nobody_has_answered() -> None:
    world = World()
    ana, ben = world.phone("ana"), world.phone("ben", answers_after=1.0)
    world.flow(
        day=Dial((world.dialled(ana),), ring_time=10, exits={flows.NOBODY_ANSWERED: "night"}),
        night=Dial((world.dialled(ben),), ring_time=10),
    )
    call = world.caller().call()
    world.run_until(lambda: call.is_answered)
    assert 11.0 <= world.clock.elapsed < 11.2
    assert ana.call.cancel is not None and not ana.is_ringing and ana.call.missed_call
    world.finish_after(call)
    record = record_of(world)
    assert (record.outcome, record.answered_by, record.answered_leg) == (CallOutcome.ANSWERED, "ben", 2)
    assert [each.leg for each in record.recipients] == [1, 2]
    assert (record.flow, record.flow_version) == ("flow", 1)
    assert call.statuses == [180], "to the caller it rings all the while"


def test_both_ways_hear_each_other_after_a_later_step() -> None:
    world = World()
    ana, ben = world.phone("ana", fails_after=0.5), world.phone("ben", answers_after=1.0)
    world.flow(
        day=Dial((world.dialled(ana),), exits={flows.NOBODY_ANSWERED: "night"}),
        night=Dial((world.dialled(ben),)),
    )
    call = world.connect(ben)
    assert_both_hear(world, call, ben)
    world.finish_after(call)


@pytest.mark.parametrize(
    ("statuses", "taken"),
    [
        ((486, 603), "busy"),
        ((486, 486), "busy"),
        ((600,), "busy"),
        ((486, 404), "nobody"),
        ((503,), "nobody"),
    ],
)
def test_all_busy_or_declined_has_an_exit_of_its_own(statuses: tuple[int, ...], taken: str) -> None:
    world = World()
    phones = [
        world.phone(f"phone{number}", fails_after=0.2, failure=status)
        for number, status in enumerate(statuses)
    ]
    ends = {"nobody": HangUp(480), "busy": HangUp(486)}
    exits = {flows.NOBODY_ANSWERED: "nobody", flows.ALL_BUSY_OR_DECLINED: "busy"}
    world.flow(ring=Dial(tuple(map(world.dialled, phones)), exits=exits), **ends)
    call = world.caller().call()
    world.finish()
    assert call.status == (486 if taken == "busy" else 480)


def test_without_it_busy_is_nobody_answered() -> None:
    world = World()
    ana, ben = world.phone("ana", fails_after=0.2), world.phone("ben", answers_after=1.0)
    world.flow(
        ring=Dial((world.dialled(ana),), exits={flows.NOBODY_ANSWERED: "more"}),
        more=Dial((world.dialled(ben),)),
    )
    world.finish_after(world.connect(ben))
    assert record_of(world).answered_by == "ben"


def test_a_step_with_nobody_in_it_is_passed_at_once() -> None:
    world = World()
    ana, ben = world.phone("ana"), world.phone("ben", answers_after=1.0)
    world.flow(
        ring=Dial((world.dialled(ana, is_on=False),), exits={flows.NOBODY_ANSWERED: "more"}),
        more=Dial((world.dialled(ben),)),
    )
    world.finish_after(world.connect(ben))
    assert not ana.was_rung


def test_how_the_last_dial_step_came_out_is_what_the_caller_is_told() -> None:
    """5d: all busy, no next step: 486 to the caller."""
    world = World()
    ana, ben = (
        world.phone("ana", fails_after=0.2, failure=404),
        world.phone("ben", fails_after=0.2, failure=486),
    )
    world.flow(
        ring=Dial((world.dialled(ana),), exits={flows.NOBODY_ANSWERED: "more"}),
        more=Dial((world.dialled(ben),), exits={flows.NOBODY_ANSWERED: "end"}),
        end=HangUp(),
    )
    call = world.caller().call()
    world.finish()
    assert call.status == 486
    assert (record_of(world).outcome, record_of(world).status) == (CallOutcome.BUSY, 486)


def test_a_hang_up_says_what_it_is_told_to() -> None:
    world = World()
    world.flow(end=HangUp(404))
    call = world.caller().call()
    world.finish()
    assert call.status == 404 and record_of(world).outcome is CallOutcome.SERVED


OFFICE = tuple(flows.Opening(day, 9 * 60, 17 * 60) for day in range(5))


@pytest.mark.parametrize(
    ("moment", "name"),
    [
        (1_700_000_000, "ana"),  # Tuesday, 2023-11-14, 23:13 in Berlin
        (1_699_959_600, "ben"),  # the same Tuesday at noon
        (1_703_502_000, "carl"),  # Christmas at noon
    ],
)
def test_the_clock_decides(moment: int, name: str) -> None:
    world = World()
    world.plan.wall_offset = moment - world.clock.now
    people = {each: world.phone(each, answers_after=0.5) for each in ("ana", "ben", "carl")}
    hours = Schedule(
        "Europe/Berlin",
        (flows.Branch("open", OFFICE),),
        (flows.Holiday(12, 25),),
        exits={"open": "ben", flows.HOLIDAY: "carl", flows.OTHERWISE: "ana"},
    )
    steps: dict[str, flows.Step] = {each: Dial((world.dialled(phone),)) for each, phone in people.items()}
    world.flow(hours=hours, **steps)
    world.finish_after(world.connect(people[name]))
    assert record_of(world).answered_by == name
    assert record_of(world).steps == ["hours", name]


def test_a_circle_ends() -> None:
    """Nothing but the clock in it: the linter refuses it, and a call that goes round in it is turned away."""
    world = World()
    world.flow(
        here=Schedule("UTC", (), exits={flows.OTHERWISE: "there"}),
        there=Schedule("UTC", (), exits={flows.OTHERWISE: "here"}),
    )
    call = world.caller().call()
    world.finish()
    assert call.status == 480 and "circle" in record_of(world).reason


def test_an_announcement_is_heard_and_the_call_ended() -> None:
    world = World()
    world.relay.stage.lengths["We are closed."] = 3.0
    world.flow(closed=Play(CLOSED, exits={flows.PLAYED: "end"}), end=HangUp())
    call = world.caller().call()
    world.run_until(lambda: call.is_over)
    assert call.answered_at is not None and call.bye_heard is not None
    assert world.relay.stage.heard(0) == ["We are closed."]
    assert 3.0 <= world.clock.elapsed < 3.2
    world.finish()
    record = record_of(world)
    assert (record.outcome, record.answered_by, record.status) == (CallOutcome.SERVED, None, 200)
    assert record.sentence == "Nobody was rung; the flow ended after 3.0 s"


def test_who_was_greeted_is_rung_for_with_our_tone_and_connected_without_another_answer() -> None:
    world = World()
    ana = world.phone("ana", answers_after=4.0)
    world.flow(hello=Play(HELLO, exits={flows.PLAYED: "ring"}), ring=Dial((world.dialled(ana),)))
    call = world.caller().call()
    world.run(3.0)
    assert call.is_answered and world.relay.stage.sounding(0) == "ringback us"
    assert read(ana.invites[0].sdp).media[0].formats == call.remote_description.media[0].formats
    world.run_until(lambda: ana.is_talking)
    world.run(0.1)
    assert world.relay.stage.sounding(0) == "" and call.answers_heard == 1
    assert_both_hear(world, call, ana)
    world.finish_after(call)
    assert record_of(world).answered_by == "ana"


def test_a_greeted_caller_who_is_not_taken_is_hung_up_on() -> None:
    world = World()
    ana = world.phone("ana", fails_after=1.0)
    world.flow(hello=Play(HELLO, exits={flows.PLAYED: "ring"}), ring=Dial((world.dialled(ana),)))
    call = world.caller().call()
    world.run_until(lambda: call.is_over)
    assert call.bye_heard is not None
    world.finish()
    assert record_of(world).outcome is CallOutcome.BUSY


def test_a_greeted_caller_who_hangs_up_while_it_rings_has_abandoned_the_call() -> None:
    world = World()
    ana = world.phone("ana")
    world.flow(hello=Play(HELLO, exits={flows.PLAYED: "ring"}), ring=Dial((world.dialled(ana),)))
    call = world.caller().call()
    world.run_until(lambda: ana.is_ringing)
    world.run(1.0)
    call.hang_up()
    world.run(0.1)
    assert not ana.is_ringing
    world.finish()
    assert record_of(world).outcome is CallOutcome.ABANDONED


def test_a_caller_without_a_codec_of_ours_is_rung_for_all_the_same() -> None:
    """Nothing can be said to him: what would have been is passed over."""
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    world.flow(hello=Play(HELLO, exits={flows.PLAYED: "ring"}), ring=Dial((world.dialled(ana),)))
    caller = world.caller()
    offer = caller.description()
    call = caller.call(body=offer.text().replace("RTP/AVP 0 8", "RTP/AVP 18 18"))
    world.run_until(lambda: ana.is_ringing)
    assert not call.is_answered and world.relay.stage.sounded == []
    call.cancel()
    world.finish()
    assert "no codec" in record_of(world).reason or record_of(world).outcome is CallOutcome.ABANDONED


def test_the_recipient_hangs_up_and_the_flow_goes_on_with_the_caller() -> None:
    world = World()
    ana = world.phone("ana", answers_after=1.0, hangs_up_after=5.0)
    thanks = Prompt(PromptKind.SAY, "How did we do?")
    world.flow(
        ring=Dial((world.dialled(ana),), exits={flows.ANSWERED: "ask"}),
        ask=Play(thanks, exits={flows.PLAYED: "end"}),
        end=HangUp(),
    )
    call = world.caller().call()
    world.run_until(lambda: call.is_over)
    assert world.relay.stage.heard(0) == ["How did we do?"] and call.answers_heard == 1
    world.finish()
    record = record_of(world)
    assert (record.outcome, record.answered_by) == (CallOutcome.ANSWERED, "ana")
    assert record.steps == ["ring", "ask"]


def test_and_to_another_recipient() -> None:
    world = World()
    ana, ben = (
        world.phone("ana", answers_after=1.0, hangs_up_after=2.0),
        world.phone("ben", answers_after=1.0),
    )
    world.flow(
        ring=Dial((world.dialled(ana),), exits={flows.ANSWERED: "more"}), more=Dial((world.dialled(ben),))
    )
    call = world.caller().call()
    world.run_until(lambda: ben.is_talking)
    world.run(0.2)
    assert not ana.is_talking and call.is_answered
    assert_both_hear(world, call, ben)
    world.finish_after(call)
    assert [each.name for each in record_of(world).recipients] == ["ana", "ben"]


def test_a_caller_without_an_offer_is_spoken_to_when_his_ack_has_brought_his_answer() -> None:
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    world.flow(hello=Play(HELLO, exits={flows.PLAYED: "ring"}), ring=Dial((world.dialled(ana),)))
    call = world.caller().call(late_offer=True)
    world.run_until(lambda: ana.is_talking)
    world.run(0.1)
    assert world.relay.stage.heard(0) == ["Hello.", "ringback us"]
    assert_both_hear(world, call, ana)
    world.finish_after(call)


def test_the_relay_is_gone_in_the_middle_of_a_greeting() -> None:
    """What was being said is said anew, and the flow goes on."""
    world = World()
    ana = world.phone("ana", answers_after=3.0)
    world.relay.stage.lengths["Hello."] = 5.0
    world.flow(
        hello=Play(HELLO, exits={flows.PLAYED: "hours"}),
        hours=Schedule("UTC", (), exits={flows.OTHERWISE: "ring"}),
        ring=Dial((world.dialled(ana),)),
    )
    call = world.caller().call()
    world.run(1.0)
    assert call.is_answered and world.relay.stage.sounding(0) == "Hello."
    world.restart_relay(away=0.1)
    world.run_until(lambda: ana.is_ringing)
    assert world.relay.stage.heard(0) == ["Hello.", "Hello."]
    assert world.relay.stage.sounded[1].ended_at - world.relay.stage.sounded[1].began_at == pytest.approx(5.0)
    world.run_until(lambda: ana.is_talking)
    world.finish_after(call)


def test_a_relay_that_stays_away_does_not_hold_the_caller_for_long() -> None:
    world = World()
    world.relay.stage.lengths["Closed."] = 60.0
    world.flow(closed=Play(CLOSED, exits={flows.PLAYED: "end"}), end=HangUp())
    call = world.caller().call()
    world.run(1.0)
    world.relay.dies()
    world.switchboard.relay_lost(world.clock.now)
    world.run_until(lambda: call.is_over, limit=15.0)
    world.finish()


def test_a_sound_that_the_relay_never_ends_does_not_hold_the_call_for_ever() -> None:
    world = World()
    world.relay.stage.is_mute = True
    world.flow(closed=Play(CLOSED, exits={flows.PLAYED: "end"}), end=HangUp())
    call = world.caller().call()
    world.run_until(lambda: call.is_over, limit=700.0)
    world.finish()


def test_a_sound_that_cannot_be_played_is_over_at_once_and_the_record_says_why() -> None:
    world = World()
    world.relay.stage.fails = "no such file"
    world.flow(closed=Play(CLOSED, exits={flows.PLAYED: "end"}), end=HangUp())
    call = world.caller().call()
    world.run_until(lambda: call.is_over)
    world.finish()
    assert "no such file" in record_of(world).reason


def test_a_published_version_counts_for_new_calls_only() -> None:
    """M13: a running call keeps the flow that it began with."""
    world = World()
    ana, ben = world.phone("ana", fails_after=5.0), world.phone("ben", answers_after=1.0)
    world.flow(
        ring=Dial((world.dialled(ana),), exits={flows.NOBODY_ANSWERED: "more"}),
        more=Dial((world.dialled(ben),)),
    )
    call = world.caller().call()
    world.run(1.0)
    directory = world.switchboard.directory  # type: ignore[attr-defined]
    numbers = {world.plan.number: directory.config.numbers[world.plan.number]}
    other = dataclasses.replace(
        numbers[world.plan.number], flow=flows.Flow("flow", 2, "end", {"end": HangUp(404)})
    )
    directory.replace(dataclasses.replace(directory.config, numbers={world.plan.number: other}))
    late = world.caller("trunk2", host="198.51.100.2").call()
    world.run_until(lambda: call.is_answered)
    assert late.status == 404
    world.finish_after(call)
