"""More calls than are allowed: 503 with Retry-After; what runs is never refused anything. OVL-1, OVL-3."""

from __future__ import annotations

from tests.world.world import World


def test_a_call_above_the_limit_is_refused_and_the_running_one_goes_on() -> None:
    world = World()
    world.plan.call_limit = 1
    ana = world.phone("ana", answers_after=1.0)
    caller = world.caller()
    call = world.connect(ana, caller)
    second = caller.call()
    world.run(1.0)
    assert second.status == 503
    assert int(second.final.must("retry-after").split(";")[0]) > 0
    assert len(ana.calls) == 1
    assert call.offer is not None
    held = call.session.reinvite(call.offer.changed(direction="sendonly"))
    world.run(1.0)
    assert held.status == 200
    world.finish_after(call)


def test_once_a_call_has_ended_the_next_is_taken() -> None:
    world = World()
    world.plan.call_limit = 1
    ana = world.phone("ana", answers_after=1.0)
    caller = world.caller()
    for _ in range(3):
        call = world.connect(ana, caller)
        call.hang_up()
        world.run(5.0)
    assert len(ana.calls) == 3
    world.finish()


def test_calls_above_the_rate_are_refused_for_a_while() -> None:
    world = World()
    world.plan.call_rate = 5.0
    world.phone("ana")
    caller = world.caller()
    calls = [caller.call() for _ in range(20)]
    world.run(0.5)
    refused = [call for call in calls if call.status == 503]
    assert 10 <= len(refused) <= 15
    assert all(int(call.final.must("retry-after").split(";")[0]) > 0 for call in refused)
    world.run(3.0)
    later = caller.call()
    world.run(0.5)
    assert later.status != 503
    for call in (*calls, later):
        if not call.is_over:
            call.cancel()
    world.finish()


def test_a_refused_invite_that_is_repeated_gets_the_same_answer() -> None:
    """OVL-3: and no second try of the call."""
    world = World()
    world.plan.call_limit = 1
    ana = world.phone("ana", answers_after=1.0)
    caller = world.caller()
    call = world.connect(ana, caller)
    caller.acks_failures = False
    second = caller.call()
    world.run(1.0)
    caller.transmit(second.invite.octets, second.request.path)
    world.run(1.0)
    answers = world.sent("SIP/2.0 503", caller)
    assert len(answers) >= 2 and len({packet.octets for packet in answers}) == 1
    assert len(ana.calls) == 1
    caller.acks_failures = True
    world.finish_after(call)


def test_a_retransmitted_invite_counts_once() -> None:
    world = World()
    world.plan.call_limit = 1
    ana = world.phone("ana", answers_after=3.0)
    caller = world.caller()
    call = caller.call()
    for _ in range(3):
        world.run(0.3)
        caller.transmit(call.invite.octets, call.request.path)
    world.run(4.0)
    assert call.is_answered and len(ana.calls) == 1
    world.finish_after(call)
