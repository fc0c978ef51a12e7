"""Whole calls through the relay's real core: who hears whom, and who never. T29, NET-3, SDP-7, FRK-18."""

from __future__ import annotations

import pytest

from tests.world.caller import Caller, TrunkCall
from tests.world.description import Description, Medium
from tests.world.earphone import Earphone
from tests.world.exchange import Path
from tests.world.network import Address
from tests.world.phone import Phone
from tests.world.world import World


def heard_of_us(phone: Phone) -> Description:
    assert phone.dialog.remote_description is not None
    return phone.dialog.remote_description


def talk(
    world: World, caller: Caller, call: TrunkCall, phone: Phone, seconds: float, step: float = 0.5
) -> None:
    """Both sides speak, a packet each step."""
    for _ in range(round(seconds / step)):
        caller.media.say(b"trunk", call.remote_description)
        phone.media.say(phone.name.encode(), heard_of_us(phone))
        world.run(step)


def talking(version: int = 4) -> tuple[World, Caller, TrunkCall, Phone]:
    world = World()
    world.use_real_relay()
    ana = world.phone("ana", version=version, answers_after=1.0)
    caller = world.caller()
    return world, caller, world.connect(ana, caller), ana


@pytest.mark.parametrize("version", [4, 6])
def test_audio_passes_both_ways_and_is_counted(version: int) -> None:
    world, caller, call, ana = talking(version)
    talk(world, caller, call, ana, 10.0)
    assert caller.media.payloads == {b"ana"} and ana.media.payloads == {b"trunk"}
    world.finish_after(call)
    packets = {(stream.leg, stream.medium): stream.packets for stream in world.records[0].streams}
    assert packets == {(0, 0): 20, (1, 0): 20}


def test_a_stranger_is_never_heard() -> None:
    """No RTP bleed: once the far ends are known, a packet from elsewhere goes nowhere."""
    world, caller, call, ana = talking()
    talk(world, caller, call, ana, 2.0)
    stranger = Earphone(world, Address("203.0.113.99", 4000))
    for _ in range(20):
        stranger.say(b"evil", call.remote_description)
        stranger.say(b"evil", heard_of_us(ana))
        world.run(0.02)
    talk(world, caller, call, ana, 2.0)
    assert caller.media.payloads == {b"ana"} and ana.media.payloads == {b"trunk"}
    assert stranger.heard == []
    world.finish_after(call)
    assert sum(stream.strangers for stream in world.records[0].streams) == 40


def test_a_phone_behind_nat_is_heard_and_hears() -> None:
    """NET-3: its description names a private address; the relay learns the one that its packets come from."""
    world = World()
    world.use_real_relay()
    world.network.add_nat(["10.0.0.5"], "203.0.113.77")
    ana = world.phone("ana", host="10.0.0.5", is_recipient=False, answers_after=1.0)
    ana.requested_uri = "sip:ana@203.0.113.77:40001"
    world.add_recipient(ana, uri=ana.requested_uri)
    opening = ana.send_outside("OPTIONS", "sip:192.0.2.1", Path(Address("192.0.2.1", 5060)))
    opening.may_fail = True
    world.run(0.1)
    caller = world.caller()
    call = world.connect(ana, caller)
    talk(world, caller, call, ana, 5.0)
    assert caller.media.payloads == {b"ana"} and ana.media.payloads == {b"trunk"}
    world.finish_after(call)


def test_silence_ends_the_call_after_a_minute() -> None:
    """product 5d: RTP stops mid-call."""
    world, caller, call, ana = talking()
    talk(world, caller, call, ana, 5.0)
    world.run(58.0)
    assert call.is_answered
    world.run(5.0)
    assert call.is_over and ana.call.state == "ended"
    world.finish()
    assert world.records[0].ended_by == "service"


def test_one_side_that_speaks_is_enough() -> None:
    world, caller, call, _ana = talking()
    for _ in range(200):
        caller.media.say(b"trunk", call.remote_description)
        world.run(1.0)
    assert call.is_answered
    world.finish_after(call)


def test_a_held_call_may_be_silent() -> None:
    """SDP-7: hold-aware."""
    world, caller, call, ana = talking()
    talk(world, caller, call, ana, 2.0)
    assert call.offer is not None
    call.session.reinvite(call.offer.changed(direction="inactive"))
    world.run(300.0)
    assert call.is_answered and ana.is_talking
    back = call.session.reinvite(call.offer.changed().changed())
    world.run(1.0)
    assert back.status == 200
    before = len(ana.media.heard)
    talk(world, caller, call, ana, 2.0)
    assert len(ana.media.heard) > before
    world.finish_after(call)


def test_media_moves_with_a_reinvite() -> None:
    """NET-3: re-latch on re-INVITE."""
    world, caller, call, ana = talking()
    talk(world, caller, call, ana, 2.0)
    elsewhere = Earphone(world, Address(caller.address.host, 17000))
    assert call.offer is not None
    call.session.reinvite(call.offer.changed(media=(Medium(port=17000),)))
    world.run(0.5)
    ana.media.say(b"after", heard_of_us(ana))
    elsewhere.say(b"from elsewhere", call.remote_description)
    world.run(0.5)
    ana.media.say(b"after", heard_of_us(ana))
    world.run(0.5)
    assert b"after" in elsewhere.payloads and b"after" not in caller.media.payloads
    assert b"from elsewhere" in ana.media.payloads
    world.finish_after(call)


def test_a_late_487_leaves_the_winners_audio_alone() -> None:
    """T29, FRK-18."""
    world = World()
    world.use_real_relay()
    ana = world.phone("ana", answers_after=1.0)
    ben = world.phone("ben", cancel_after=5.0)
    caller = world.caller()
    call = world.connect(ana, caller)
    for _ in range(60):
        ben.media.say(b"ben", ben.call.early_dialog().remote_description)  # type: ignore[arg-type]
        talk(world, caller, call, ana, 1.0, step=1.0)
    assert len(ana.media.heard) == 60 and len(caller.media.heard) == 60
    assert caller.media.payloads == {b"ana"}
    world.finish_after(call)


def test_nothing_is_heard_of_a_call_after_its_end() -> None:
    world, caller, call, ana = talking()
    to_caller, to_ana = heard_of_us(ana), call.remote_description
    call.hang_up()
    world.run(1.0)
    before = len(caller.media.heard) + len(ana.media.heard)
    for _ in range(5):
        ana.media.say(b"late", to_caller)
        caller.media.say(b"late", to_ana)
        world.run(0.1)
    assert len(caller.media.heard) + len(ana.media.heard) == before
    world.finish()
