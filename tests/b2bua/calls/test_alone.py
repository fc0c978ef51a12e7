"""What the caller agrees upon with us alone, before a call is answered and when nobody else is left in it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from b2bua.calls import flow as flows
from b2bua.calls.alone import Alone, renegotiated
from b2bua.calls.flow import Dial, Menu, Prompt, PromptKind
from sip_stack.events import Acknowledged
from tests.world.description import Medium, ways
from tests.world.world import World

WORDS = Prompt(PromptKind.SAY, "words")


def server(is_over: bool) -> Any:
    told: list[str] = []
    return SimpleNamespace(is_over=is_over, told=told, renegotiated=lambda: told.append("renegotiated"))


@pytest.mark.parametrize("is_over", [True, False])
def test_only_an_invite_without_its_final_response_is_told_of_newer_things(is_over: bool) -> None:
    call: Any = SimpleNamespace(server=server(is_over))
    renegotiated(call)
    assert call.server.told == ([] if is_over else ["renegotiated"])


def test_an_ack_that_nobody_waits_for_is_somebody_elses() -> None:
    call: Any = SimpleNamespace()
    request: Any = SimpleNamespace()
    alone = Alone(call)
    assert not alone.acknowledged(Acknowledged(server(False), request))
    alone.await_answer(server(False))
    assert not alone.acknowledged(Acknowledged(server(False), request))
    alone.forget()
    assert not alone.is_unsaid


def in_a_menu() -> tuple[World, Any]:
    world = World()
    ring = Dial((world.dialled(world.phone("ana")),))
    world.flow(menu=Menu(WORDS, exits={"1": "ring", flows.NO_CHOICE: ""}), ring=ring)
    call = world.caller().call()
    world.run_until(lambda: call.is_answered)
    world.run(0.1)
    return world, call


def test_in_a_menu_the_caller_puts_us_on_hold() -> None:
    world, call = in_a_menu()
    hold = call.session.reinvite(call.offer.changed(direction="sendonly"))
    world.run(0.5)
    assert hold.status == 200 and ways(call.remote_description) == ["recvonly"]
    world.finish_after(call)


def test_in_a_menu_nothing_that_prompts_could_be_played_in_is_refused() -> None:
    world, call = in_a_menu()
    refused = call.session.reinvite(call.offer.changed(media=(Medium(formats=("18",)),)))
    world.run(0.5)
    assert refused.status == 488
    world.finish_after(call)


def test_in_a_menu_an_offer_that_is_asked_for_says_what_holds() -> None:
    world, call = in_a_menu()
    before = call.remote_description
    asked = call.session.reinvite(None)
    world.run(0.5)
    assert asked.status == 200 and call.remote_description.media == before.media
    world.finish_after(call)
