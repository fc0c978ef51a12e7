"""The same INVITE twice on two ways: 482; to two numbers of ours: two calls. T39, TRX-12."""

from __future__ import annotations

from b2bua.calls.recipient import DialStep, Recipient
from tests.world.world import World

SAME = {"call_id": "one@trunk.example", "from_tag": "merged", "cseq": 7}


def test_the_second_copy_is_a_loop() -> None:
    """T39, RFC 3261 §8.2.2.2."""
    world = World()
    ana = world.phone("ana", answers_after=2.0)
    caller = world.caller()
    call = caller.call(**SAME)  # type: ignore[arg-type]
    world.run(0.5)
    copy = caller.call(**SAME)  # type: ignore[arg-type]
    world.run(0.5)
    assert copy.status == 482
    assert len(ana.invites) == 1
    world.run(3.0)
    assert call.is_answered
    world.finish_after(call)


def test_to_another_number_it_is_another_call() -> None:
    """T39: drachtio and sofia refused a trunk that forks two numbers to us."""
    world = World()
    ana = world.phone("ana", answers_after=2.0)
    ben = world.phone("ben", is_recipient=False, answers_after=2.0)
    world.plan.numbers["+15550101"] = DialStep(recipients=(Recipient(name="ben", uri=ben.uri),))
    caller = world.caller()
    calls = [caller.call(**SAME), caller.call("+15550101", **SAME)]  # type: ignore[arg-type]
    world.run(4.0)
    assert all(call.is_answered for call in calls)
    assert ana.is_talking and ben.is_talking
    for call in calls:
        call.hang_up()
    world.finish()
    assert len(world.records) == 2


def test_once_the_first_has_ended_the_same_identity_is_no_loop() -> None:
    """TRX-12: the entry lives no longer than the server transaction."""
    world = World()
    world.phone("ana", fails_after=0.5)
    caller = world.caller()
    first = caller.call(**SAME)  # type: ignore[arg-type]
    world.run(60.0)
    second = caller.call(**SAME)  # type: ignore[arg-type]
    world.run(2.0)
    assert (first.status, second.status) == (486, 486)
    world.finish()


def test_an_invite_tried_again_with_the_next_cseq_is_a_new_call() -> None:
    world = World()
    ana = world.phone("ana", fails_after=0.5)
    caller = world.caller()
    for cseq in (1, 2):
        call = caller.call(call_id="again@trunk.example", from_tag="again", cseq=cseq)
        world.run(1.0)
        assert call.status == 486
    assert len(ana.calls) == 2
    world.finish()
