"""UPDATE (RFC 3311), early and confirmed, from either side; never silence. T31, FRK-20, MTH-4."""

from __future__ import annotations

from tests.world.description import ways
from tests.world.world import World


def test_a_confirmed_update_passes_with_its_description() -> None:
    """T31: sippy gave no answer at all."""
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    call = world.connect(ana)
    assert call.offer is not None
    update = call.update(call.offer.changed(direction="sendonly"))
    world.run(1.0)
    assert update.status == 200
    assert update.final is not None and update.final.sdp
    assert ana.dialog.remote_description is not None
    assert ways(ana.dialog.remote_description) == ["sendonly"]
    assert ways(call.remote_description) == ["recvonly"]
    world.finish_after(call)


def test_a_confirmed_update_of_the_callee_passes_too() -> None:
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    call = world.connect(ana)
    assert ana.dialog.local_description is not None
    update = ana.dialog.request("UPDATE", ana.dialog.local_description.changed(direction="inactive").text())
    world.run(1.0)
    assert update.status == 200
    assert ways(call.remote_description) == ["inactive"]
    world.finish_after(call)


def test_a_refresh_without_a_description_is_answered() -> None:
    """T31, TMR-3."""
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    call = world.connect(ana)
    for session in (call.session, ana.dialog):
        update = session.request("UPDATE")
        world.run(1.0)
        assert update.status == 200
    world.finish_after(call)


def test_a_refused_update_leaves_the_call_as_it_was() -> None:
    """SDP-11."""
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    call = world.connect(ana)
    ana.answers["UPDATE"] = 488
    assert call.offer is not None
    update = call.update(call.offer.changed(direction="inactive"))
    world.run(1.0)
    assert update.status == 488
    assert call.is_answered and ana.is_talking
    world.tolerate("has version")  # the phone does not read what it refuses in an UPDATE
    world.finish_after(call)


def test_an_early_update_without_a_description_is_answered() -> None:
    """FRK-20."""
    world = World()
    world.phone("ana")
    call = world.caller().call()
    world.run(1.0)
    update = call.update()
    world.run(0.5)
    assert update.status == 200
    call.cancel()
    world.finish()


def test_an_early_update_with_an_offer_while_the_first_is_unanswered_is_refused() -> None:
    """FRK-20, RFC 3311 §5.2: 491, or 500 with Retry-After."""
    world = World()
    world.phone("ana")
    call = world.caller().call()
    world.run(1.0)
    assert call.offer is not None
    update = call.update(call.offer.changed(direction="sendonly"))
    world.run(0.5)
    assert update.status in (491, 500)
    assert update.final is not None
    assert update.status == 491 or update.final.get("retry-after") is not None
    call.cancel()
    world.finish()


def test_an_early_update_of_a_recipient_is_answered() -> None:
    """FRK-20: in its early dialog, without a description: 200."""
    world = World()
    ana = world.phone("ana")
    call = world.caller().call()
    world.run(1.0)
    update = ana.call.early_dialog().request("UPDATE")
    world.run(0.5)
    assert update.status == 200
    call.cancel()
    world.finish()


def test_updates_of_both_sides_meet() -> None:
    """RFC 3311 §5.2: the one that finds an offer pending gets 491."""
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    call = world.connect(ana)
    assert call.offer is not None and ana.dialog.local_description is not None
    ours = call.update(call.offer.changed(direction="sendonly"))
    theirs = ana.dialog.request("UPDATE", ana.dialog.local_description.changed(direction="sendonly").text())
    world.run(5.0)
    assert theirs.status in (200, 491, 500) and ours.status in (200, 491, 500)
    assert call.is_answered and ana.is_talking
    world.tolerate("has version")
    world.finish_after(call)
