"""A caller with 100rel: the 200 of the flow waits for his PRACK (RFC 3262 §5), and till then he was told nothing."""

from __future__ import annotations

import pytest

from b2bua.calls import flow as flows
from b2bua.calls.flow import Dial, HangUp, Play, Prompt, PromptKind
from b2bua.calls.record import CallOutcome, RecipientOutcome
from tests.world.caller import TrunkCall
from tests.world.world import World

TONE = Prompt(PromptKind.TONE, "de")
HELLO = Prompt(PromptKind.SAY, "Hello.")


def waiting(pracks_after: float | None, answers: bool = False) -> tuple[World, TrunkCall]:
    """Ana has refused (or answered) before the PRACK of our tone's 183 has come; after her the flow would speak."""
    world = World()
    ana = world.phone("ana", answers_after=0.5 if answers else None, fails_after=None if answers else 0.5)
    world.flow(
        ring=Dial((world.dialled(ana),), caller_hears=TONE, exits={flows.NOBODY_ANSWERED: "sorry"}),
        sorry=Play(HELLO, exits={flows.PLAYED: "end"}),
        end=HangUp(),
    )
    caller = world.caller()
    caller.expects_early_media, caller.supported, caller.pracks_after = True, ("100rel",), pracks_after
    call = caller.call()
    world.run(1.0)
    assert not call.status
    return world, call


def test_nothing_is_said_before_he_has_his_200() -> None:
    world, call = waiting(5.0)
    assert world.relay.stage.heard(0) == ["ringback de"]
    world.run_until(lambda: call.is_answered)
    world.run(0.1)
    assert world.relay.stage.heard(0) == ["ringback de", "Hello."]
    world.run_until(lambda: call.is_over)
    world.finish()


@pytest.mark.parametrize("by_bye", [True, False])
@pytest.mark.parametrize("answers", [True, False])
def test_he_gives_up_first(answers: bool, by_bye: bool) -> None:
    """To him nobody has answered, and his call was abandoned."""
    world, call = waiting(5.0, answers)
    if by_bye:
        call.session.hang_up()
    else:
        call.cancel()
    world.run(1.0)
    assert call.status == 487
    world.finish()
    (record,) = world.records
    assert (record.status, record.outcome, record.answered_by) == (487, CallOutcome.ABANDONED, None)
    if answers:
        assert record.recipients[0].outcome is RecipientOutcome.CALLER_HUNG_UP


@pytest.mark.parametrize("answers", [True, False])
def test_his_prack_never_comes(answers: bool) -> None:
    world, call = waiting(None, answers)
    world.run_until(lambda: call.status, limit=60.0)
    assert call.status == 504
    world.finish()
    (record,) = world.records
    assert (record.status, record.outcome, record.answered_by) == (504, CallOutcome.FAILED, None)
