"""The relay has no ports, is slow, dead or restarted; media stops. OVL-1, FRK-6."""

from __future__ import annotations

from b2bua.calls.record import CallOutcome
from rtp_relay import control
from tests.world.description import Medium
from tests.world.world import World


def test_no_ports_means_503_and_nobody_is_rung() -> None:
    """OVL-1: not 500; with Retry-After."""
    world = World()
    world.relay.refuses = "no ports"
    ana = world.phone("ana")
    call = world.caller().call()
    world.run(1.0)
    assert call.status == 503
    assert int(call.final.must("retry-after").split(";")[0]) > 0
    assert not ana.was_rung
    world.finish()
    assert world.records[0].outcome is CallOutcome.FAILED


def test_a_relay_that_never_answers_does_not_leave_the_caller_waiting() -> None:
    world = World()
    world.relay.is_dead = True
    ana = world.phone("ana")
    call = world.caller().call()
    world.run(30.0)
    assert 500 <= call.status < 600
    assert not ana.was_rung
    world.finish()


def test_a_slow_relay_delays_and_nothing_else() -> None:
    world = World()
    world.relay.delay = 1.5
    ana = world.phone("ana", answers_after=1.0)
    call = world.connect(ana)
    assert len(ana.invites) == 1
    world.finish_after(call)


def test_no_ports_for_an_added_medium_leaves_the_call_as_it_was() -> None:
    """SDP-11, OVL-1."""
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    ana.accepts = ("audio", "video")
    call = world.connect(ana)
    world.relay.refuses = "no ports"
    assert call.offer is not None
    video = Medium(kind="video", port=19000, formats=("96",), attributes=("rtpmap:96 H264/90000",))
    more = call.session.reinvite(call.offer.changed(media=(*call.offer.media, video)))
    world.run(2.0)
    assert more.final is not None
    assert call.is_answered and ana.is_talking
    world.finish_after(call)


def test_silence_of_both_sides_ends_the_call() -> None:
    """product 5d: RTP stops mid-call: BYE to both, the reason recorded."""
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    call = world.connect(ana)
    (name, *_) = {endpoint.call for endpoint in world.relay.endpoints.values()}
    world.relay.goes_silent(name, 60.0)
    world.run(1.0)
    assert call.is_over and ana.call.state == "ended"
    world.finish()
    (record,) = world.records
    assert record.ended_by == "service"
    assert "edia" in record.reason + record.sentence


def test_the_reserved_ports_are_asked_for_at_once() -> None:
    """house.md: one message per step and not one per leg."""
    world = World()
    phones = [world.phone(f"phone{number}") for number in range(5)]
    call = world.caller().call()
    world.run_until(lambda: all(phone.is_ringing for phone in phones))
    assert len(world.relay.of(control.Reserve)) == 1
    call.cancel()
    world.finish()


def test_every_leg_is_released_exactly_once() -> None:
    """FRK-18: the world compares what was lent with what was given back at the end."""
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    world.phone("ben", fails_after=0.5)
    world.phone("cora")
    call = world.connect(ana)
    world.run(1.0)
    assert {leg for _, leg, _ in world.relay.endpoints} == {0, 1}
    world.finish_after(call)
    assert world.relay.ports_lent == 8


def test_figures_of_the_relay_are_in_the_record() -> None:
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    caller = world.caller()
    call = world.connect(ana, caller)
    for _ in range(10):
        caller.media.say(b"x", call.remote_description)
        world.run(0.02)
    world.finish_after(call)
    figures = {(stream.leg, stream.medium): stream.packets for stream in world.records[0].streams}
    assert figures[0, 0] == 10


def test_the_relay_is_restarted_in_the_middle_of_a_call() -> None:
    """What it had lent is gone: the call is rebuilt or ended, but not left without audio and without end."""
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    caller = world.caller()
    call = world.connect(ana, caller)
    world.restart_relay()
    world.run(5.0)
    if call.is_answered:
        caller.media.say(b"still here", call.remote_description)
        world.run(0.1)
        assert b"still here" in ana.media.payloads
        call.hang_up()
    world.finish()
