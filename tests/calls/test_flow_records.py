"""What the record says of calls that go through several steps: how they came out, who took them, who hung up."""

from __future__ import annotations

import pytest

from b2bua.calls import flow as flows
from b2bua.calls.flow import Decline, Dial, HangUp, Menu, Play, Prompt, PromptKind, Voicemail
from b2bua.calls.record import CallOutcome, CallRecord, RecipientOutcome
from tests.world.caller import TrunkCall
from tests.world.world import World

HELLO = Prompt(PromptKind.SAY, "Hello.")
ASK = Prompt(PromptKind.SAY, "press 1")


def record_of(world: World) -> CallRecord:
    (record,) = world.records
    return record


def greeted(world: World, **steps: flows.Step) -> TrunkCall:
    """A caller who has been greeted, and then goes through these steps."""
    first = next(iter(steps))
    world.flow(hello=Play(HELLO, exits={flows.PLAYED: first}), **steps, end=HangUp())
    call = world.caller().call()
    world.run_until(lambda: call.is_answered)
    return call


def test_hung_up_while_the_second_phone_rings_after_a_conversation_is_answered() -> None:
    """Ana has talked to him: that he does not wait for Ben makes it no abandoned call."""
    world = World()
    ana, ben = world.phone("ana", answers_after=1.0, hangs_up_after=3.0), world.phone("ben")
    world.flow(
        ring=Dial((world.dialled(ana),), exits={flows.ANSWERED: "more"}), more=Dial((world.dialled(ben),))
    )
    call = world.caller().call()
    world.run_until(lambda: ben.is_ringing)
    world.finish_after(call)
    record = record_of(world)
    assert (record.outcome, record.answered_by) == (CallOutcome.ANSWERED, "ana")
    assert record.recipients[1].sentence == "Caller hung up"


def test_hung_up_after_a_message_while_it_rings_has_left_a_message() -> None:
    world = World()
    ana = world.phone("ana")
    call = greeted(world, mailbox=Voicemail("sales", exits={flows.RECORDED: "ring"}), ring=Dial((world.dialled(ana),)))
    world.run_until(lambda: ana.is_ringing)
    world.finish_after(call)
    assert record_of(world).outcome is CallOutcome.VOICEMAIL


def test_hung_up_while_somebody_is_asked_after_the_ring_time_is_abandoned() -> None:
    """Nobody rings any more, but one was about to take it."""
    world = World()
    ana = world.phone("ana", answers_after=4.0)
    dial = Dial((world.dialled(ana),), ring_time=5.0, press_one=True, confirm_prompt=ASK, confirm_time=30.0)
    call = greeted(world, ring=dial)
    world.run_until(lambda: ana.is_talking)
    world.run(3.0)
    world.finish_after(call)
    record = record_of(world)
    assert record.outcome is CallOutcome.ABANDONED
    assert record.recipients[0].outcome is RecipientOutcome.CALLER_HUNG_UP


def test_hung_up_while_ports_are_asked_for_is_abandoned() -> None:
    world = World()
    ana = world.phone("ana")
    call = greeted(world, ring=Dial((world.dialled(ana),)))
    world.relay.delay = 1.0
    world.run_until(lambda: world.notices[-1][1].get("step") == "ring")
    world.finish_after(call)
    assert record_of(world).outcome is CallOutcome.ABANDONED and not ana.was_rung


def test_a_caller_who_is_lost_has_not_hung_up() -> None:
    """A refresh that gets no answer: the reason says what happened."""
    world = World()
    ana = world.phone("ana")
    world.plan.session_expires = 90
    world.flow(hello=Play(HELLO, exits={flows.PLAYED: "end"}), end=HangUp())
    world.relay.stage.length = 300.0
    del ana
    caller = world.caller()
    caller.supported = ("timer",)
    call = caller.call(headers=(("Session-Expires", "90;refresher=uas"),))
    world.run_until(lambda: call.is_answered)
    world.run(1.0)
    call.session.state = "ended"
    caller.answers["UPDATE"] = caller.answers["INVITE"] = None
    world.tolerate("in a dialog that was over")
    world.run_until(lambda: world.records, limit=200.0)
    world.finish()
    assert record_of(world).reason.startswith("lost: ")


def test_the_stopped_of_the_second_step_were_beaten_by_its_own_winner() -> None:
    world = World()
    ana = world.phone("ana", answers_after=1.0, hangs_up_after=2.0)
    ben, carl = world.phone("ben"), world.phone("carl", answers_after=1.0)
    world.flow(
        ring=Dial((world.dialled(ana), world.dialled(ben)), exits={flows.ANSWERED: "more"}),
        more=Dial((world.dialled(ben), world.dialled(carl))),
    )
    call = world.caller().call()
    world.run_until(lambda: carl.is_talking)
    world.finish_after(call)
    record = record_of(world)
    assert record.answered_by == "ana"
    assert [each.sentence for each in record.recipients] == [
        "Answered after 1.0 s", "Stopped: ana answered", "Stopped: carl answered", "Answered after 1.0 s",
    ]  # fmt: skip


def test_who_was_stopped_for_somebody_that_did_not_stay_knows_for_whom() -> None:
    """Ana answered and hung up in the whisper: nobody has the call, and Ben was stopped for her."""
    world = World()
    ana, ben = world.phone("ana", answers_after=1.0, hangs_up_after=0.5), world.phone("ben")
    world.flow(ring=Dial((world.dialled(ana), world.dialled(ben)), whisper=HELLO))
    call = world.caller().call()
    world.run_until(lambda: call.is_over)
    world.finish()
    assert record_of(world).recipients[1].sentence == "Stopped: ana answered"


def test_who_was_stopped_by_a_refusal_knows_by_whose() -> None:
    world = World()
    ana, ben = world.phone("ana", fails_after=1.0, failure=603), world.phone("ben")
    world.flow(ring=Dial((world.dialled(ana), world.dialled(ben)), decline=Decline.EVERYONE))
    call = world.caller().call()
    world.run_until(lambda: call.is_over)
    world.finish()
    assert record_of(world).recipients[1].sentence == "Stopped: ana refused the call for everyone"


def test_a_decline_for_everyone_takes_that_exit() -> None:
    """Who was only stopped by it has said nothing of his own."""
    world = World()
    ana, ben = world.phone("ana", fails_after=1.0, failure=603), world.phone("ben")
    exits = {flows.NOBODY_ANSWERED: "end", flows.ALL_BUSY_OR_DECLINED: "sorry"}
    world.flow(
        ring=Dial((world.dialled(ana), world.dialled(ben)), decline=Decline.EVERYONE, exits=exits),
        sorry=HangUp(486),
        end=HangUp(404),
    )
    call = world.caller().call()
    world.run_until(lambda: call.is_over)
    assert call.status == 486
    world.finish()


def test_the_ring_time_in_the_sentence_is_that_of_the_phones() -> None:
    """And not of the greeting and the message after it."""
    world = World()
    ana = world.phone("ana")
    world.relay.stage.length, world.relay.stage.message = 20.0, 30.0
    world.flow(
        ring=Dial((world.dialled(ana),), ring_time=10.0, exits={flows.NOBODY_ANSWERED: "mailbox"}),
        mailbox=Voicemail("sales", HELLO, silence_end=1.0),
    )
    call = world.caller().call()
    world.run_until(lambda: call.is_over, limit=120.0)
    world.finish()
    assert record_of(world).sentence == "ana did not answer within 10 s; the caller left a message of 31 s"


@pytest.mark.parametrize("is_in_menu", [True, False])
def test_the_operator_ends_a_call_that_the_flow_has_answered(is_in_menu: bool) -> None:
    """The caller had a 200, and the record does not say otherwise."""
    world = World()
    ana = world.phone("ana")
    menu = Menu(ASK, exits={"1": "ring", flows.NO_CHOICE: "ring"}, tries=3 if is_in_menu else 1, timeout=1.0)
    call = greeted(world, menu=menu, ring=Dial((world.dialled(ana),)))
    world.run(2.5 if is_in_menu else 7.0)
    assert ana.is_ringing is not is_in_menu
    (identifier,) = world.switchboard.calls  # type: ignore[attr-defined]
    world.switchboard.hang_up(identifier, world.clock.now)  # type: ignore[attr-defined]
    world.run_until(lambda: call.is_over)
    world.finish()
    record = record_of(world)
    assert (record.status, record.outcome) == (200, CallOutcome.REFUSED)
    assert record.sentence == "Nobody was connected: ended by the operator"


def test_no_ports_for_a_later_step_is_no_503_to_who_was_answered() -> None:
    world = World()
    ana = world.phone("ana")
    call = greeted(world, ring=Dial((world.dialled(ana),)))
    world.relay.refuses = "no ports"
    world.run_until(lambda: call.is_over)
    world.finish()
    record = record_of(world)
    assert (record.status, record.outcome) == (200, CallOutcome.FAILED)
    assert record.sentence == "The call could not be connected: relay: no ports"


def test_a_second_200_does_not_move_the_time_of_the_first() -> None:
    """Of one recipient: a proxy of his that forks."""
    world = World()
    ana = world.phone("ana", answers_after=1.0, answer_tags=2, answer_spread=2.0)
    call = world.connect(ana)
    world.run(3.0)
    world.finish_after(call)
    assert record_of(world).recipients[0].sentence == "Answered after 1.0 s"
