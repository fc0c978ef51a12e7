"""Two re-INVITEs at once, or one upon another, or one overtaken by the end. T25, T33, T34."""

from __future__ import annotations

import pytest

from tests.world.world import World


@pytest.mark.parametrize("at_once", [False, True])
def test_reinvites_of_both_sides_meet(at_once: bool) -> None:
    """T33, SDP-10: 491 to each, no teardown, and the next try succeeds."""
    world = World(at_once=at_once)
    ana = world.phone("ana", answers_after=1.0)
    call = world.connect(ana)
    assert call.offer is not None and ana.dialog.local_description is not None
    ours = call.session.reinvite(call.offer.changed(direction="sendonly"))
    theirs = ana.dialog.reinvite(ana.dialog.local_description.changed(direction="sendonly"))
    world.run(5.0)
    assert {ours.status, theirs.status} <= {491, 200} and 491 in (ours.status, theirs.status)
    assert call.is_answered and ana.is_talking
    again = call.session.reinvite(call.offer.changed().changed(direction="sendonly"))
    world.run(1.0)
    assert again.status == 200
    world.finish_after(call)


def test_a_second_reinvite_before_the_first_has_its_final_response() -> None:
    """T34, DLG-5, RFC 3261 §14.2: 500 with Retry-After of 0 to 10 seconds."""
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    ana.reinvite_after = 2.0
    call = world.connect(ana)
    assert call.offer is not None
    first = call.session.reinvite(call.offer.changed(direction="sendonly"))
    world.run(0.5)
    second = call.session.reinvite(call.offer.changed().changed(direction="inactive"))
    world.run(0.5)
    assert second.status == 500
    assert second.final is not None
    assert 0 <= int((second.final.get("retry-after") or "-1").split(";")[0].split("(")[0]) <= 10
    world.run(3.0)
    assert first.status == 200
    world.finish_after(call)


def test_a_reinvite_while_the_other_sides_is_open() -> None:
    """DLG-5: while our INVITE is outstanding, theirs gets 491."""
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    ana.reinvite_after = 2.0
    call = world.connect(ana)
    assert call.offer is not None and ana.dialog.local_description is not None
    first = call.session.reinvite(call.offer.changed(direction="sendonly"))
    world.run(0.5)
    theirs = ana.dialog.reinvite(ana.dialog.local_description.changed(direction="inactive"))
    world.run(1.0)
    assert theirs.status == 491
    world.run(3.0)
    assert first.final is not None
    assert call.is_answered and ana.is_talking
    world.finish_after(call)


def test_a_reinvites_200_that_comes_after_the_bye_is_acknowledged() -> None:
    """T25, TRX-6: siphon left it unanswered, and the phone repeated it for 32 s."""
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    ana.reinvite_after = 1.0
    call = world.connect(ana)
    assert call.offer is not None
    held = call.session.reinvite(call.offer.changed(direction="sendonly"))
    world.run(0.5)
    bye = call.hang_up()
    world.run(3.0)
    assert bye.status == 200
    assert held.final is not None
    reinvites = [s for s in ana.served.values() if s.message.method == "INVITE" and s.message.to_tag]
    assert len(reinvites) == 1 and reinvites[0].acknowledged
    world.finish()
    assert len(world.records) == 1


def test_a_reinvite_before_the_first_ack() -> None:
    """T33: baresip's bug: it gets some final response, and the call stands."""
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    caller = world.caller()
    caller.acks_after = 1.0
    call = caller.call()
    world.run_until(lambda: call.is_answered)
    assert call.offer is not None
    early = call.session.reinvite(call.offer.changed(direction="sendonly"))
    world.run(5.0)
    assert early.status in (200, 491, 500)
    assert call.is_answered and ana.is_talking
    world.finish_after(call)


def test_a_request_with_a_lower_cseq_is_refused() -> None:
    """DLG-5, RFC 3261 §12.2.2: 500; a gap is fine."""
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    call = world.connect(ana)
    call.session.local_cseq = 50
    world.run(0.1)
    first = call.session.request("INFO", "x", [("Content-Type", "text/plain")])
    world.run(0.5)
    call.session.local_cseq = 10
    low = call.session.request("INFO", "x", [("Content-Type", "text/plain")])
    world.run(0.5)
    assert (first.status, low.status) == (200, 500)
    call.session.local_cseq = 60
    world.finish_after(call)
