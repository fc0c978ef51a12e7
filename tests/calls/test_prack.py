"""Reliable provisional responses (RFC 3262), on each leg for itself. T30, FRK-19."""

from __future__ import annotations

import pytest

from b2bua.calls.recipient import Credentials, EarlyMedia
from b2bua.calls.record import CallOutcome
from tests.world.caller import Caller
from tests.world.challenge import Challenge
from tests.world.picking import sent_by, sent_to
from tests.world.world import World

REQUIRED = [("Require", "100rel")]


def test_it_is_not_offered_to_forked_branches_by_default() -> None:
    """FRK-19, FRK-19's last sentence."""
    world = World()
    phones = [world.phone("ana", answers_after=1.0), world.phone("ben")]
    caller = world.caller()
    caller.supported = ("100rel",)
    call = world.connect(phones[0], caller)
    assert all("100rel" not in phone.invites[0].tokens("supported") for phone in phones)
    assert all("100rel" not in phone.invites[0].tokens("require") for phone in phones)
    world.finish_after(call)


def able(world: World) -> Caller:
    """A caller that supports 100rel: then, and with one recipient only, we support it on the branch."""
    caller = world.caller()
    caller.supported = ("100rel",)
    return caller


def test_a_recipients_reliable_ringing_is_acknowledged_and_the_caller_rings_plainly() -> None:
    """FRK-19: never relay RSeq or Require across. The phone finds a missing PRACK."""
    world = World()
    ana = world.phone("ana", ring_reliable=True, answers_after=2.0)
    call = world.connect(ana, able(world))
    assert len(ana.call.pracks) == 1
    assert call.statuses == [180]
    assert call.provisionals[0][1].get("rseq") is None
    world.finish_after(call)


def test_a_caller_that_requires_it_gets_it() -> None:
    """FRK-19: reliable towards the caller if it requires it; its PRACK is answered by us."""
    world = World()
    ana = world.phone("ana", answers_after=3.0)
    call = world.caller().call(headers=REQUIRED)
    world.run(2.0)
    assert "100rel" in call.provisionals[0][1].tokens("require")
    assert [prack.status for prack in call.pracks] == [200]
    world.run(3.0)
    assert call.is_answered and ana.heard("PRACK") == []
    world.finish_after(call)


def test_a_caller_that_only_supports_it_gets_plain_ringing_without_a_description() -> None:
    world = World()
    ana = world.phone("ana", answers_after=2.0)
    caller = world.caller()
    caller.supported = ("100rel",)
    call = world.connect(ana, caller)
    assert call.statuses == [180] and call.reliable_numbers == []
    world.finish_after(call)


def test_a_reliable_180_without_prack_is_repeated_and_then_the_call_fails() -> None:
    """FRK-19, RFC 3262 §3: after 64·T1 a 5xx, and the branches are cancelled."""
    world = World()
    world.plan.ring_time = 60.0
    ana = world.phone("ana")
    caller = world.caller()
    caller.pracks_after = None
    call = caller.call(headers=REQUIRED)
    world.run(40.0)
    assert len(call.provisionals) >= 7
    assert call.status in (500, 504)
    assert ana.call.state == "stopped"
    world.finish()


@pytest.mark.parametrize("status", [401, 407])
@pytest.mark.parametrize("is_invite_challenged", [True, False])
def test_a_challenged_prack_is_sent_again_with_credentials(status: int, is_invite_challenged: bool) -> None:
    """RFC 3261 §22.2; else the 18x is repeated until the phone gives the call up."""
    world = World()
    ana = world.phone(
        "ana", ring_reliable=True, answers_after=6.0, challenge_prack=Challenge(status=status),
        challenge=Challenge(realm="beyond") if is_invite_challenged else None,
        recipient={"credentials": (Credentials("multiring", "secret"),)},
    )  # fmt: skip
    call = world.connect(ana, able(world))
    first, second = ana.call.pracks
    assert second.cseq == first.cseq + 1 and second.get("rack") == first.get("rack")
    assert bool(first.get("authorization")) == is_invite_challenged, "RFC 3261 §22.3: what is known is said unasked"
    world.finish_after(call)


def test_a_challenged_prack_without_credentials_is_not_sent_again() -> None:
    world = World()
    ana = world.phone("ana", ring_reliable=True, answers_after=6.0, challenge_prack=Challenge())
    world.tolerate("never acknowledged by PRACK")
    call = world.connect(ana, able(world))
    assert len(ana.call.pracks) == 1
    world.finish_after(call)


def test_a_long_ringing_that_is_reliable_is_renewed() -> None:
    """RFC 3262 §3: or a proxy before us gives the INVITE up after three minutes."""
    world = World()
    world.plan.ring_time = 400.0
    ana = world.phone("ana", answers_after=320.0)
    call = world.caller().call(headers=REQUIRED)
    world.run_until(lambda: call.is_answered, limit=330.0)
    assert [round(at) for at, _ in call.provisionals] == [0, 150, 300]
    assert [prack.status for prack in call.pracks] == [200, 200, 200]
    world.finish_after(call)
    assert ana.was_rung


def test_a_lost_prack_of_ours_is_repeated() -> None:
    """T30."""
    world = World()
    ana = world.phone("ana", ring_reliable=True, answers_after=6.0)
    world.network.drop(sent_to(ana, "PRACK "), times=2)
    call = world.connect(ana, able(world))
    assert len(ana.call.pracks) == 1
    world.finish_after(call)


def test_a_lost_reliable_180_is_repeated_and_acknowledged_once() -> None:
    """FRK-19: once per To tag and RSeq, however often it comes."""
    world = World()
    ana = world.phone("ana", ring_reliable=True, answers_after=6.0)
    world.network.drop(sent_to(ana, "PRACK "), times=1)
    world.network.drop(sent_by(ana, "SIP/2.0 180"), times=1)
    call = world.connect(ana, able(world))
    assert len(ana.call.pracks) == 1
    world.finish_after(call)


def test_each_branch_is_acknowledged_for_itself() -> None:
    """FRK-19: same RSeq in two dialogs, which OpenSIPS merged; though neither had been invited to it."""
    world = World()
    phones = [world.phone(name, rings_after=None) for name in ("ana", "ben")]
    call = world.caller().call()
    world.run(0.1)
    for phone in phones:
        phone.ring(180, reliable=True)
    world.run(1.0)
    assert [len(phone.call.pracks) for phone in phones] == [1, 1]
    assert call.statuses == [180]
    phones[0].answer()
    world.run(1.0)
    world.finish_after(call)


def test_two_early_dialogs_of_one_branch_are_acknowledged_each() -> None:
    """DLG-3, T30: the PRACK goes to the To tag that asked for it."""
    world = World()
    ana = world.phone("ana", ring_reliable=True, answers_after=4.0)
    call = able(world).call()
    world.run(1.0)
    assert len(ana.call.pracks) == 1
    ana.call.ring(180, reliable=True, tag="other-device")
    world.run(1.0)
    tags = [message.to_tag for message in ana.heard("PRACK")]
    assert len(tags) == 2 and tags[1] == "other-device"
    world.run(4.0)
    world.finish_after(call)


def test_a_dialog_that_had_a_prack_and_loses_gets_a_bye_that_is_counted_on() -> None:
    """DLG-3, RFC 3261 §12.2.1.1: the 200 of another To tag wins; the BYE of the first follows its PRACK."""
    world = World()
    ana = world.phone("ana", ring_reliable=True)
    call = able(world).call()
    world.run(1.0)
    ana.call.answer(tag="other-device")
    world.run(1.0)
    assert call.is_answered
    ana.call.answer(tag=ana.call.tag)
    world.run(1.0)
    loser = ana.call.dialogs[ana.call.tag]
    assert loser.bye_heard is not None and loser.state == "ended"
    world.finish_after(call)


def test_no_prack_for_a_branch_that_was_cancelled() -> None:
    """FRK-19."""
    world = World()
    world.phone("ana", answers_after=1.0)
    ben = world.phone("ben", trying=True, rings_after=None, cancel_after=2.0)
    call = world.caller().call()
    world.run(2.0)
    assert ben.heard("CANCEL")
    ben.call.ring(180, reliable=True)
    world.run(3.0)
    assert ben.heard("PRACK") == []
    world.finish_after(call)


def test_the_200_waits_for_the_prack_of_a_reliable_description() -> None:
    """FRK-19, RFC 3262 §3: a 2xx is held until the reliable description is acknowledged."""
    world = World()
    world.plan.early_media = EarlyMedia.SINGLE
    ana = world.phone("ana", ring_status=183, ring_description=True, answers_after=0.5)
    caller = world.caller()
    caller.supported = ("100rel",)
    caller.expects_early_media = True
    caller.pracks_after = 1.5
    call = caller.call()
    world.run(1.4)
    assert ana.call.answers and not call.status
    world.run(2.0)
    assert call.is_answered
    assert [prack.status for prack in call.pracks] == [200]
    world.finish_after(call)


def test_a_prack_of_something_never_sent_is_refused() -> None:
    """RFC 3262 §3: 481."""
    world = World()
    world.phone("ana")
    call = world.caller().call(headers=REQUIRED)
    world.run(2.0)
    wrong = call.session.request("PRACK", headers=[("RAck", "9999 1 INVITE")])
    world.run(1.0)
    assert wrong.status == 481
    call.cancel()
    world.finish()


def test_the_caller_gives_up_while_its_200_waits_for_its_prack() -> None:
    """FRK-17 meets FRK-19: ana has answered, the caller was never told: 487, and an abandoned call."""
    world = World()
    world.plan.early_media = EarlyMedia.SINGLE
    ana = world.phone("ana", ring_status=183, ring_description=True, answers_after=0.5)
    caller = able(world)
    caller.expects_early_media = True
    caller.pracks_after = None
    call = caller.call()
    world.run(1.0)
    assert ana.is_talking and call.answered_at is None
    call.cancel()
    world.run(1.0)
    assert call.status == 487
    assert ana.call.state == "ended" and not ana.call.answered_elsewhere
    world.finish()
    assert world.records[0].outcome is CallOutcome.ABANDONED
