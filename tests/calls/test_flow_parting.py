"""The recipient leaves while something crosses between him and the caller, with whom the flow goes on."""

from __future__ import annotations

import pytest

from b2bua.calls import flow as flows
from b2bua.calls.flow import Dial, HangUp, Menu, Play, Prompt, PromptKind
from tests.world.caller import TrunkCall
from tests.world.phone import Phone
from tests.world.picking import sent_by
from tests.world.world import World

ASK = Prompt(PromptKind.SAY, "How did we do?")


def talking(**steps: flows.Step) -> tuple[World, TrunkCall, Phone]:
    """A call with Ana after whom the flow goes on; by default with a question."""
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    steps = steps or {"more": Menu(ASK, tries=1, exits={flows.NO_CHOICE: "end"})}
    world.flow(
        ring=Dial((world.dialled(ana),), exits={flows.ANSWERED: "more"}), **steps, end=HangUp()
    )
    return world, world.connect(ana), ana


def assert_goes_on(world: World, call: TrunkCall) -> None:
    """The caller hears the question, may hold and come back, and everything comes to its end."""
    world.run(0.5)
    assert call.is_answered and world.relay.stage.heard(0) == ["How did we do?"]
    before = call.session.local_description
    assert before is not None
    held = call.session.reinvite(before.changed(direction="sendonly"))
    world.run(0.2)
    assert held.status == 200
    world.finish_after(call)


@pytest.mark.parametrize("offers", [True, False])
def test_the_caller_holds_at_that_moment(offers: bool) -> None:
    """His re-INVITE is refused for now (491), and he may ask again."""
    world, call, ana = talking()
    ana.reinvite_after = 5.0
    assert call.offer is not None
    held = call.session.reinvite(call.offer.changed(direction="sendonly") if offers else None)
    world.run(0.1)
    ana.hang_up()
    world.run(0.1)
    assert held.status == 491
    assert_goes_on(world, call)


def test_the_callers_ack_with_an_answer_comes_later() -> None:
    """He was told the offer that he had asked for; his answer holds between him and us."""
    world, call, ana = talking()
    call.caller.acks_after = 1.0
    asked = call.session.reinvite(None)
    world.run(0.2)
    assert asked.status == 200
    ana.hang_up()
    world.run(2.0)
    assert_goes_on(world, call)


@pytest.mark.parametrize("offers", [True, False])
def test_the_recipient_has_held_and_gone(offers: bool) -> None:
    """What we asked of the caller for him is heard out: both sides know what holds."""
    world, call, ana = talking()
    call.caller.reinvite_after = 1.0
    local = ana.dialog.local_description
    assert local is not None
    ana.dialog.reinvite(local.changed(direction="sendonly") if offers else None)
    world.run(0.1)
    ana.hang_up()
    world.run(2.0)
    assert_goes_on(world, call)


def test_the_recipient_leaves_the_offer_that_he_has_asked_for() -> None:
    """The caller's offer waits for an answer in our ACK; it gets one."""
    world, call, ana = talking()
    ana.acks_after = 2.0
    local = ana.dialog.local_description
    assert local is not None
    asked = ana.dialog.reinvite(None)
    world.run(0.2)
    assert asked.status == 200
    ana.hang_up()
    world.run(0.2)
    assert_goes_on(world, call)


def test_an_info_on_its_way_is_answered() -> None:
    world, call, ana = talking()
    ana.answers["INFO"] = None
    info = call.session.request("INFO", "x", [("Content-Type", "text/plain")])
    world.run(0.1)
    ana.hang_up()
    world.run(0.1)
    assert info.status == 480
    world.finish_after(call)


def test_the_caller_asks_for_an_offer_while_he_hears_us() -> None:
    """SDP-8: a PBX that resumes so is offered what holds."""
    world, call, ana = talking()
    ana.hang_up()
    world.run(0.5)
    asked = call.session.reinvite(None)
    world.run(0.2)
    assert asked.status == 200
    assert_goes_on(world, call)


def test_a_refresh_in_the_menu_says_what_holds_since_the_hold() -> None:
    """TMR-2: a caller who held is not told by our refresh that he does not."""
    world = World()
    ana = world.phone("ana")
    world.flow(menu=Play(ASK, exits={flows.PLAYED: "ring"}), ring=Dial((world.dialled(ana),), ring_time=300.0))
    world.relay.stage.lengths["How did we do?"] = 200.0
    caller = world.caller()
    caller.supported = ("timer",)
    call = caller.call(headers=(("Session-Expires", "90;refresher=uas"),))
    world.run_until(lambda: call.is_answered)
    world.run(1.0)
    assert call.offer is not None
    call.session.reinvite(call.offer.changed(direction="inactive"))
    world.run(1.0)
    told = call.session.remote_texts[-1]
    assert "a=inactive" in told
    (ours,) = world.switchboard.calls.values()  # type: ignore[attr-defined]
    assert ours.caller.session.local_body.decode() == told  # what a refresh by re-INVITE would carry
    world.run(100.0)
    assert call.session.remote_texts[-1] == told
    world.finish_after(call)


def test_the_time_of_the_rest_of_his_key_ends_after_him() -> None:
    """Pressed 1, connected and hung up within a second: nobody listens at endpoints that are given back."""
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    world.flow(
        ring=Dial((world.dialled(ana),), press_one=True, confirm_prompt=ASK, exits={flows.ANSWERED: "more"}),
        more=Play(ASK),
    )
    call = world.caller().call()
    world.run_until(lambda: ana.is_talking)
    world.run(0.3)
    ana.press("1")
    world.run_until(lambda: call.is_answered)
    ana.hang_up()
    world.run_until(lambda: call.is_over)
    world.finish()


def test_a_bye_that_overtakes_its_200() -> None:
    """Answered and hung up, on a wire that turned it round: the caller is not connected to nobody."""
    world = World()
    ana, ben = world.phone("ana"), world.phone("ben", answers_after=5.0)
    world.flow(
        ring=Dial((world.dialled(ana),), exits={flows.NOBODY_ANSWERED: "more"}), more=Dial((world.dialled(ben),))
    )
    call = world.caller().call()
    world.run_until(lambda: ana.is_ringing)
    world.network.hold(sent_by(ana, "SIP/2.0 200", "INVITE"), 0.05)
    ana.answer()
    ana.hang_up()
    world.run(0.1)
    world.run_until(lambda: ben.is_talking)
    world.finish_after(call)
    assert world.records[0].recipients[0].sentence.endswith("but did not accept")


def test_a_reinvite_that_overtakes_its_200() -> None:
    """It is refused (491), and the answer behind it is an answer."""
    world = World()
    ana = world.phone("ana")
    call = world.caller().call()
    world.run_until(lambda: ana.is_ringing)
    world.network.hold(sent_by(ana, "SIP/2.0 200", "INVITE"), 0.05)
    ana.answer()
    early = ana.dialog.reinvite(None)
    world.run(0.1)
    world.run_until(lambda: call.is_answered)
    world.run(1.0)
    assert early.status == 491 and ana.is_talking
    world.finish_after(call)
