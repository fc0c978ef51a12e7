"""A menu: the caller chooses by a key, in time or not, and the right one or not."""

from __future__ import annotations

import pytest

from b2bua.calls import flow as flows
from b2bua.calls.flow import Dial, HangUp, Menu, Prompt, PromptKind
from b2bua.calls.record import CallOutcome
from tests.world.caller import TrunkCall
from tests.world.phone import Phone
from tests.world.world import World

CHOOSE = Prompt(PromptKind.SAY, "One for sales.")


def menu(world: World, **parts: float) -> tuple[TrunkCall, Phone]:
    """A call to a menu whose 1 rings Ana and whose 2 says 404."""
    ana = world.phone("ana", answers_after=1.0)
    world.flow(
        menu=Menu(CHOOSE, exits={"1": "ring", "2": "end", flows.NO_CHOICE: "end"}, **parts),  # type: ignore[arg-type]
        ring=Dial((world.dialled(ana),)),
        end=HangUp(),
    )
    call = world.caller().call()
    world.run_until(lambda: call.is_answered)
    return call, ana


def test_a_key_chooses_and_cuts_the_prompt_short() -> None:
    world = World()
    call, ana = menu(world)
    world.run(0.5)
    world.relay.stage.press(0, "1")
    world.run(0.01)
    assert world.relay.stage.sounded[0].reason == "stopped"
    world.run_until(lambda: ana.is_talking)
    world.finish_after(call)
    assert world.records[0].steps == ["menu", "ring"]


def test_a_key_may_come_after_the_prompt() -> None:
    world = World()
    call, ana = menu(world, timeout=5.0)
    world.run(5.0)
    world.relay.stage.press(0, "1")
    world.run_until(lambda: ana.is_talking)
    assert world.relay.stage.heard(0) == ["One for sales.", "ringback us"]
    world.finish_after(call)


def test_a_key_by_sip_info_counts_as_well() -> None:
    world = World()
    call, ana = menu(world)
    info = call.session.request(
        "INFO", "Signal=1\r\nDuration=160\r\n", [("Content-Type", "application/dtmf-relay")]
    )
    world.run_until(lambda: ana.is_talking)
    assert info.status == 200
    world.finish_after(call)


def test_a_key_that_is_not_on_the_menu_has_it_said_again() -> None:
    world = World()
    call, ana = menu(world)
    world.run(0.5)
    world.relay.stage.press(0, "9")
    world.run(0.1)
    assert world.relay.stage.heard(0) == ["One for sales."] * 2
    world.relay.stage.press(0, "1")
    world.run_until(lambda: ana.is_talking)
    world.finish_after(call)


@pytest.mark.parametrize("tries", [1, 3])
def test_nothing_chosen_in_all_tries(tries: int) -> None:
    world = World()
    call, ana = menu(world, tries=tries, timeout=4.0)
    world.run_until(lambda: call.is_over, limit=60.0)
    assert world.relay.stage.heard(0) == ["One for sales."] * tries
    assert tries * 6.0 <= world.clock.elapsed < tries * 6.0 + 0.1
    world.finish()
    assert not ana.was_rung and world.records[0].outcome is CallOutcome.SERVED


def test_the_caller_hangs_up_in_the_menu() -> None:
    world = World()
    call, ana = menu(world)
    world.finish_after(call)
    assert not ana.was_rung
    record = world.records[0]
    assert (record.outcome, record.ended_by) == (CallOutcome.SERVED, "caller")


def test_keys_of_a_caller_who_is_connected_are_not_ours() -> None:
    """They go to whom he talks to (RFC 4733 as media, INFO as a request)."""
    world = World()
    call, ana = menu(world)
    world.relay.stage.press(0, "1")
    world.run_until(lambda: ana.is_talking)
    world.run(0.1)
    assert not world.relay.stage.press(0, "2"), "nobody listens any more"
    call.session.request("INFO", "Signal=2\r\n", [("Content-Type", "application/dtmf-relay")])
    world.run(0.5)
    assert ana.heard("INFO") and ana.is_talking
    world.finish_after(call)


def test_two_keys_at_once_choose_once() -> None:
    world = World()
    call, ana = menu(world)
    world.relay.stage.press(0, "12")
    world.run_until(lambda: ana.is_talking)
    assert world.records == []
    world.finish_after(call)


def test_a_key_crosses_the_end_of_the_last_try() -> None:
    """The step is over by then: the key means nothing to the next one."""
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    world.flow(
        menu=Menu(CHOOSE, timeout=1.0, tries=1, exits={"1": "end", flows.NO_CHOICE: "ring"}),
        ring=Dial((world.dialled(ana),)),
        end=HangUp(),
    )
    call = world.caller().call()
    world.run_until(lambda: world.relay.stage.sounding(0) == "ringback us" or ana.is_ringing)
    world.relay.stage.press(0, "1")
    world.run_until(lambda: ana.is_talking)
    world.finish_after(call)


def test_the_caller_changes_his_media_in_the_menu() -> None:
    """A re-INVITE that nobody but us can answer."""
    world = World()
    call, ana = menu(world)
    assert call.offer is not None
    held = call.session.reinvite(call.offer.changed(direction="sendonly"))
    world.run(0.1)
    assert held.status == 200
    again = call.session.reinvite(call.offer)
    world.run(0.1)
    assert again.status == 200
    world.relay.stage.press(0, "1")
    world.run_until(lambda: ana.is_talking)
    world.finish_after(call)
