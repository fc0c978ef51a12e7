"""The relay is started again while a flow speaks, asks or rings: what was said is said anew, nothing is lent twice."""

from __future__ import annotations

import pytest

from b2bua.calls import flow as flows
from b2bua.calls.flow import Dial, HangUp, Menu, Prompt, PromptKind, Voicemail
from rtp_relay import control
from tests.world.world import World

ASK = Prompt(PromptKind.SAY, "One for sales.")


@pytest.mark.parametrize("away", [0.0, 0.5, 3.0])
def test_in_a_menu_it_is_asked_again_and_the_key_is_heard(away: float) -> None:
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    world.flow(
        menu=Menu(ASK, exits={"1": "ring", flows.NO_CHOICE: "end"}), ring=Dial((world.dialled(ana),)), end=HangUp()
    )
    call = world.caller().call()
    world.run_until(lambda: call.is_answered)
    world.run(0.5)
    world.restart_relay(away)
    world.run(0.5)
    assert world.relay.stage.sounding(0) == "One for sales."
    world.relay.stage.press(0, "1")
    world.run_until(lambda: ana.is_talking)
    world.finish_after(call)


def test_a_prompt_that_begins_while_it_is_away_is_heard_when_it_is_back() -> None:
    world = World()
    world.flow(menu=Menu(ASK, timeout=1.0, tries=2, exits={"1": "end", flows.NO_CHOICE: "end"}), end=HangUp())
    call = world.caller().call()
    world.run_until(lambda: call.is_answered)
    world.run(2.8)  # the prompt is over, its key awaited
    world.restart_relay(0.5)
    world.run(0.1)
    assert world.relay.stage.sounding(0) == "One for sales."
    world.run_until(lambda: call.is_over)
    world.finish()


def test_endpoints_that_were_given_back_are_not_lent_again() -> None:
    """Of a step that is over."""
    world = World()
    ana, ben = world.phone("ana", fails_after=1.0), world.phone("ben")
    world.flow(
        ring=Dial((world.dialled(ana),), exits={flows.NOBODY_ANSWERED: "more"}), more=Dial((world.dialled(ben),))
    )
    call = world.caller().call()
    world.run_until(lambda: ben.is_ringing)
    world.restart_relay(0.1)
    world.run(0.1)
    assert {leg for _, leg, _ in world.relay.endpoints} == {0, 2}
    call.cancel()
    world.finish()


def test_what_is_lent_again_is_not_taken_for_what_the_next_step_waits_for() -> None:
    """Two Reserves are out at once."""
    world = World()
    world.relay.delay = 0.3
    ana, ben = world.phone("ana", fails_after=2.0), world.phone("ben", answers_after=1.0)
    world.flow(
        ring=Dial((world.dialled(ana),), exits={flows.NOBODY_ANSWERED: "more"}), more=Dial((world.dialled(ben),))
    )
    call = world.caller().call(late_offer=True)
    world.run(2.2)
    world.restart_relay(0.0)
    world.run_until(lambda: ben.is_talking)
    reserves = [at for at, command in world.relay.commands if isinstance(command, control.Reserve)]
    assert len(reserves) == 3
    world.run(1.0)
    world.finish_after(call)


def test_who_hears_that_he_was_too_late_is_lent_his_endpoint_again() -> None:
    """Though it is a step that is over which he was asked in."""
    world = World()
    ana = world.phone("ana", answers_after=2.0)
    ben = world.phone("ben", answers_after=1.0)
    recipients = (world.dialled(ana), world.dialled(ben, press_one=True))
    world.flow(
        ring=Dial(recipients, confirm_prompt=ASK, too_late=ASK, exits={flows.ANSWERED: "menu"}),
        menu=Menu(ASK, tries=1, exits={flows.NO_CHOICE: "end"}),
        end=HangUp(),
    )
    call = world.connect(ana)
    ana.hang_up()
    world.run(0.1)
    assert ben.is_talking
    world.restart_relay(0.0)
    world.run(0.1)
    world.finish_after(call)


def test_a_bridge_to_who_has_left_is_not_built_again() -> None:
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    world.flow(
        ring=Dial((world.dialled(ana),), exits={flows.ANSWERED: "mailbox"}), mailbox=Voicemail("sales", ASK)
    )
    call = world.connect(ana)
    ana.hang_up()
    world.run(0.5)
    world.restart_relay(0.0)
    world.run(0.1)
    assert world.relay.stage.sounding(0) == "One for sales."
    world.finish_after(call)


def test_the_tone_of_a_step_that_is_over_does_not_come_back_in_a_menu() -> None:
    world = World()
    ana = world.phone("ana", fails_after=2.0)
    tone = Prompt(PromptKind.TONE, "de")
    world.flow(
        ring=Dial((world.dialled(ana),), caller_hears=tone, exits={flows.NOBODY_ANSWERED: "menu"}),
        menu=Menu(ASK, timeout=5.0, tries=1, exits={"1": "end", flows.NO_CHOICE: "end"}),
        end=HangUp(),
    )
    caller = world.caller()
    caller.expects_early_media = True
    call = caller.call()
    world.run_until(lambda: call.is_answered)
    world.run(3.0)  # the prompt is over
    world.restart_relay(0.1)
    world.run(0.1)
    assert world.relay.stage.sounding(0) == ""
    world.finish_after(call)
