"""Hold, in every dialect, passes through to the other side and back. T32."""

from __future__ import annotations

import pytest

from rtp_relay import control
from tests.world.caller import TrunkCall
from tests.world.description import Description, Medium, ways
from tests.world.phone import Phone
from tests.world.world import World


def talking() -> tuple[World, Phone, TrunkCall, Description]:
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    call = world.connect(ana)
    assert call.offer is not None
    return world, ana, call, call.offer


def heard_by(phone: Phone) -> Description:
    assert phone.dialog.remote_description is not None
    return phone.dialog.remote_description


@pytest.mark.parametrize(
    ("dialect", "seen", "answered"),
    [
        ({"media": (Medium(direction="sendonly", port=15060),)}, {"sendonly"}, "recvonly"),
        ({"media": (Medium(direction="inactive", port=15060),)}, {"inactive"}, "inactive"),
        ({"media": (Medium(direction="recvonly", port=15060),)}, {"recvonly"}, "sendonly"),
        ({"direction": "sendonly"}, {"sendonly"}, "recvonly"),
        ({"direction": "inactive"}, {"inactive"}, "inactive"),
    ],
    ids=["sendonly", "inactive", "recvonly", "session-sendonly", "session-inactive"],
)
def test_hold_passes_and_its_answer_mirrors(
    dialect: dict[str, object], seen: set[str], answered: str
) -> None:
    """T32, SDP-7."""
    world, ana, call, offer = talking()
    held = call.session.reinvite(offer.changed(**dialect))
    world.run(1.0)
    assert held.status == 200
    assert ways(heard_by(ana))[0] in seen
    assert ways(call.remote_description)[0] == answered
    back = call.session.reinvite(offer.changed().changed())
    world.run(1.0)
    assert back.status == 200
    assert ways(heard_by(ana)) == ["sendrecv"] and ways(call.remote_description) == ["sendrecv"]
    world.finish_after(call)


def test_hold_by_the_null_address_of_old() -> None:
    """T32, SDP-7, RFC 3264 §8.4: c=0.0.0.0: the other side learns that nothing will be heard here."""
    world, ana, call, offer = talking()
    held = call.session.reinvite(offer.changed(address="0.0.0.0", origin_address=offer.address))
    world.run(1.0)
    assert held.status == 200
    description = heard_by(ana)
    assert description.media[0].address == "0.0.0.0" or ways(description)[0] in ("sendonly", "inactive")
    assert description.media[0].port != 0
    back = call.session.reinvite(offer.changed().changed())
    world.run(1.0)
    assert back.status == 200
    assert heard_by(ana).media[0].address == "192.0.2.2"
    assert ways(heard_by(ana)) == ["sendrecv"]
    world.finish_after(call)


def test_the_callee_may_hold_as_well() -> None:
    world, ana, call, _ = talking()
    assert ana.dialog.local_description is not None
    held = ana.dialog.reinvite(ana.dialog.local_description.changed(direction="sendonly"))
    world.run(1.0)
    assert held.status == 200
    assert ways(call.remote_description) == ["sendonly"]
    assert ways(heard_by(ana)) == ["recvonly"]
    world.finish_after(call)


def test_hold_by_both_and_resume_by_one_after_the_other() -> None:
    """T32."""
    world, ana, call, offer = talking()
    call.session.reinvite(offer.changed(direction="sendonly"))
    world.run(1.0)
    assert ana.dialog.local_description is not None
    both = ana.dialog.reinvite(
        ana.dialog.local_description.changed(media=(Medium(port=15060, direction="inactive"),))
    )
    world.run(1.0)
    assert both.status == 200
    assert ways(call.remote_description) == ["inactive"]
    assert call.session.local_description is not None
    back = call.session.reinvite(call.session.local_description.changed(direction="", media=offer.media))
    world.run(1.0)
    assert back.status == 200
    world.finish_after(call)


def test_hold_twice_changes_nothing() -> None:
    """T32, SDP-2: the same description again keeps its version."""
    world, ana, call, offer = talking()
    hold = offer.changed(direction="sendonly")
    for _ in range(2):
        held = call.session.reinvite(hold)
        world.run(1.0)
        assert held.status == 200
    assert ways(heard_by(ana)) == ["sendonly"]
    world.finish_after(call)


@pytest.mark.parametrize("status", [488, 500, 415, 603])
def test_a_refused_hold_leaves_the_call_as_it_was(status: int) -> None:
    """T32, SDP-11; the version goes on from there, as the phone checks (SDP-2)."""
    world, ana, call, offer = talking()
    ana.answers["INVITE"] = status
    held = call.session.reinvite(offer.changed(direction="sendonly"))
    world.run(1.0)
    assert held.status == status
    ana.answers["INVITE"] = 200
    ana.media.say(b"still there", heard_by(ana))
    world.run(0.1)
    assert b"still there" in call.caller.media.payloads
    again = call.session.reinvite(offer.changed().changed(direction="sendonly"))
    world.run(1.0)
    assert again.status == 200
    world.finish_after(call)


def test_after_a_refused_hold_what_holds_is_said_again_with_the_next_version() -> None:
    """RFC 3264 §8, SDP-2: o= never goes back. The caller's refresh asks for nothing new, and is answered here."""
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    call = world.connect(ana)
    call.caller.answers["INVITE"] = 488
    local = ana.dialog.local_description
    assert local is not None and call.offer is not None
    refused = ana.dialog.reinvite(local.changed(direction="sendonly"))
    world.run(0.2)
    assert refused.status == 488
    refresh = call.session.reinvite(call.offer)
    world.run(0.2)
    assert refresh.status == 200
    assert call.remote_description.version == 3
    world.finish_after(call)


def test_a_481_to_a_reinvite_ends_the_call() -> None:
    """DLG-7."""
    world, ana, call, offer = talking()
    ana.answers["INVITE"] = 481
    call.session.reinvite(offer.changed(direction="sendonly"))
    world.run(2.0)
    assert call.is_over
    world.tolerate("ana: dialog")
    world.finish()


def test_a_held_call_owes_no_media() -> None:
    """SDP-7: the relay's timeout must not end it."""
    world, _ana, call, offer = talking()
    call.session.reinvite(offer.changed(direction="inactive"))
    world.run(1.0)
    last: dict[int, control.Direct] = {}
    for command in world.relay.of(control.Direct):
        assert isinstance(command, control.Direct)
        last[command.leg] = command
    assert len(last) == 2 and not any(command.due for command in last.values())
    world.finish_after(call)


def test_media_follows_to_a_new_port() -> None:
    """NET-3: a re-INVITE with another address opens the latch anew."""
    world, ana, call, offer = talking()
    moved = offer.changed(media=(Medium(port=17000),))
    call.session.reinvite(moved)
    world.run(1.0)
    directs = [command for command in world.relay.of(control.Direct) if isinstance(command, control.Direct)]
    assert (directs[-1].address, directs[-1].port) == ("198.51.100.1", 17000) or any(
        (direct.address, direct.port) == ("198.51.100.1", 17000) for direct in directs[-2:]
    )
    assert ana.is_talking
    world.finish_after(call)
