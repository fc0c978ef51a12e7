"""A re-INVITE without a description asks the other side for its offer; it is no hold. T32, SDP-8."""

from __future__ import annotations

from tests.world.description import ways
from tests.world.world import World


def test_the_other_sides_offer_comes_back_and_the_answer_goes_to_it() -> None:
    """SDP-8: sippy made c=0.0.0.0 of it. The puppets find a missing offer or answer."""
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    call = world.connect(ana)
    asked = call.session.reinvite(None)
    world.run(1.0)
    assert asked.status == 200
    invite = ana.heard("INVITE")[-1]
    assert not invite.sdp
    assert ana.heard("ACK")[-1].sdp
    assert ana.dialog.remote_description is not None
    assert ways(ana.dialog.remote_description) == ["sendrecv"]
    assert ways(call.remote_description) == ["sendrecv"]
    world.finish_after(call)


def test_it_resumes_a_held_call() -> None:
    """T32: as many PBXs and CUBE do."""
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    caller = world.caller()
    call = world.connect(ana, caller)
    assert call.offer is not None
    call.session.reinvite(call.offer.changed(direction="sendonly"))
    world.run(1.0)
    assert ana.dialog.local_description is not None
    ana.dialog.local_description = ana.dialog.local_description.changed(media=caller.description().media)
    back = call.session.reinvite(None)
    world.run(1.0)
    assert back.status == 200
    caller.media.say(b"hello again", call.remote_description)
    world.run(0.1)
    assert ana.dialog.remote_description is not None
    assert ways(ana.dialog.remote_description) == ["sendrecv"]
    world.finish_after(call)


def test_the_callee_may_ask() -> None:
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    call = world.connect(ana)
    asked = ana.dialog.reinvite(None)
    world.run(1.0)
    assert asked.status == 200
    assert call.caller.packets[-1].message.method == "ACK"
    assert call.caller.packets[-1].message.sdp
    world.finish_after(call)


def test_it_is_refused_as_the_other_side_refuses() -> None:
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    call = world.connect(ana)
    ana.answers["INVITE"] = 488
    asked = call.session.reinvite(None)
    world.run(1.0)
    assert asked.status == 488 and call.is_answered and ana.is_talking
    world.finish_after(call)


def test_its_ack_never_comes_and_the_call_ends() -> None:
    """SDP-8, TRX-5: our 2xx with the other side's offer is repeated; nothing is left over at 64·T1."""
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    call = world.connect(ana)
    call.caller.acks = False
    call.session.reinvite(None)
    world.run(40.0)
    assert call.is_over
    world.finish()


def test_the_offer_comes_after_the_asker_has_hung_up() -> None:
    """FRK-4, RFC 3261 §13.2.2.4: the ACK still carries an answer, one that refuses all media."""
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    ana.reinvite_after = 1.0
    call = world.connect(ana)
    call.session.reinvite(None)
    world.run(0.5)
    call.hang_up()
    world.run(3.0)
    assert ana.heard("ACK")[-1].sdp
    world.finish()
