"""What the caller hears before somebody has answered. T26, T27, T28, FRK-15, FRK-18."""

from __future__ import annotations

from typing import Any

from b2bua.calls.recipient import EarlyMedia
from tests.world.caller import Caller, TrunkCall
from tests.world.description import Description
from tests.world.earphone import Earphone
from tests.world.network import Address
from tests.world.phone import Phone
from tests.world.world import World

PROGRESS: dict[str, Any] = {"ring_status": 183, "ring_description": True}


def offered_to(phone: Phone) -> Description:
    description = phone.call.early_dialog().remote_description
    assert description is not None
    return description


def ringing(world: World, phones: list[Phone], expects_early_media: bool) -> tuple[Caller, TrunkCall]:
    caller = world.caller()
    caller.expects_early_media = expects_early_media
    call = caller.call()
    world.run_until(lambda: all(phone.is_ringing for phone in phones))
    world.run(0.5)
    return caller, call


def test_of_many_nobody_is_heard_by_default() -> None:
    """T26, FRK-15: 183s with SDP become a 180 without; no audio before the claim, a loser's never."""
    world = World()
    phones = [world.phone(name, **PROGRESS) for name in ("ana", "ben", "cora")]
    caller, call = ringing(world, phones, expects_early_media=False)
    assert call.statuses == [180]
    for phone in phones:
        phone.media.say(phone.name.encode(), offered_to(phone))
    world.run(0.5)
    assert caller.media.heard == []
    phones[1].answer()
    world.run(0.5)
    for phone in phones:
        phone.media.say(phone.name.encode(), offered_to(phone))
    caller.media.say(b"trunk", call.remote_description)
    world.run(0.5)
    assert caller.media.payloads == {b"ben"}
    assert phones[1].media.payloads == {b"trunk"}
    assert not phones[0].media.heard and not phones[2].media.heard
    world.finish_after(call)


def test_later_180s_are_absorbed() -> None:
    """FRK-15, FRK-21: one 180, whoever rings, however often."""
    world = World()
    ana = world.phone("ana")
    ben = world.phone("ben", rings_after=1.0)
    call = world.caller().call()
    world.run(2.0)
    ana.ring(180)
    ben.ring(183, description=True)
    ben.ring(180)
    world.run(1.0)
    assert call.statuses == [180]
    call.cancel()
    world.finish()


def test_of_one_the_early_media_passes_if_set() -> None:
    """FRK-15, mode single: 183 with our description, the callee heard, one answer for the whole dialog."""
    world = World()
    world.plan.early_media = EarlyMedia.SINGLE
    ana = world.phone("ana", **PROGRESS)
    caller, call = ringing(world, [ana], expects_early_media=True)
    assert call.statuses == [183]
    ana.media.say(b"the number you have dialled", offered_to(ana))
    world.run(0.1)
    assert caller.media.payloads == {b"the number you have dialled"}
    ana.answer()
    world.run(0.5)
    ana.media.say(b"hello", offered_to(ana))
    world.run(0.1)
    assert b"hello" in caller.media.payloads
    world.finish_after(call)


def test_with_many_single_means_none() -> None:
    world = World()
    world.plan.early_media = EarlyMedia.SINGLE
    phones = [world.phone(name, **PROGRESS) for name in ("ana", "ben")]
    caller, call = ringing(world, phones, expects_early_media=False)
    assert call.statuses == [180]
    phones[0].media.say(b"ana", offered_to(phones[0]))
    world.run(0.5)
    assert caller.media.heard == []
    call.cancel()
    world.finish()


def test_the_first_with_a_description_leads_and_only_it_is_heard() -> None:
    """T26, mode first: one way, the others mute."""
    world = World()
    world.plan.early_media = EarlyMedia.FIRST
    ana = world.phone("ana", rings_after=0.1, **PROGRESS)
    ben = world.phone("ben", rings_after=0.2, **PROGRESS)
    caller, call = ringing(world, [ana, ben], expects_early_media=True)
    assert 183 in call.statuses
    for phone in (ana, ben):
        phone.media.say(phone.name.encode(), offered_to(phone))
    caller.media.say(b"trunk", call.remote_description)
    world.run(0.5)
    assert caller.media.payloads == {b"ana"}
    assert not ana.media.heard and not ben.media.heard
    ben.answer()
    world.run(0.5)
    for phone in (ana, ben):
        phone.media.say(phone.name.encode() + b" later", offered_to(phone))
    caller.media.say(b"trunk later", call.remote_description)
    world.run(0.5)
    assert caller.media.payloads == {b"ana", b"ben later"}
    assert ben.media.payloads == {b"trunk later"} and not ana.media.heard
    world.finish_after(call)


def test_the_leader_fails_and_the_next_leads() -> None:
    """T27, FRK-15."""
    world = World()
    world.plan.early_media = EarlyMedia.FIRST
    ana = world.phone("ana", rings_after=0.1, **PROGRESS)
    ben = world.phone("ben", rings_after=0.2, **PROGRESS)
    caller, call = ringing(world, [ana, ben], expects_early_media=True)
    ana.fail(486)
    world.run(0.5)
    ben.media.say(b"ben", offered_to(ben))
    world.run(0.5)
    assert caller.media.payloads == {b"ben"}
    ben.answer()
    world.run(0.5)
    world.finish_after(call)


def test_the_leader_fails_and_nobody_else_has_media() -> None:
    """T27: the call goes on; a plain phone may answer."""
    world = World()
    world.plan.early_media = EarlyMedia.FIRST
    ana = world.phone("ana", rings_after=0.1, **PROGRESS)
    ben = world.phone("ben", rings_after=0.2)
    caller, call = ringing(world, [ana, ben], expects_early_media=True)
    ana.fail(486)
    world.run(0.5)
    ben.answer()
    world.run(1.0)
    assert call.is_answered
    caller.media.say(b"trunk", call.remote_description)
    world.run(0.1)
    assert ben.media.payloads == {b"trunk"}
    world.finish_after(call)


def test_the_answer_names_another_port_than_the_progress() -> None:
    """T28: FS #2630: no audio. Our relay follows; the caller's description of us stays."""
    world = World()
    world.plan.early_media = EarlyMedia.SINGLE
    ana = world.phone("ana", **PROGRESS)
    caller, call = ringing(world, [ana], expects_early_media=True)
    elsewhere = Earphone(world, Address(ana.address.host, 17000))
    dialog = ana.call.dialog
    assert dialog.local_description is not None
    medium = dialog.local_description.media[0]
    moved = type(medium)(kind=medium.kind, port=17000, formats=medium.formats)
    dialog.local_description = dialog.local_description.changed(media=(moved,))
    ana.answer()
    world.run(0.5)
    caller.media.say(b"trunk", call.remote_description)
    world.run(0.1)
    assert elsewhere.payloads == {b"trunk"} and not ana.media.heard
    world.finish_after(call)


def test_progress_after_ringing_and_ringing_after_progress() -> None:
    """FRK-15: a 180 after 183 is relayed."""
    world = World()
    world.plan.early_media = EarlyMedia.SINGLE
    ana = world.phone("ana", **PROGRESS)
    caller, call = ringing(world, [ana], expects_early_media=True)
    ana.ring(180)
    world.run(0.5)
    assert call.statuses == [183, 180]
    ana.answer()
    world.run(0.5)
    caller.media.say(b"trunk", call.remote_description)
    world.run(0.1)
    assert ana.media.payloads == {b"trunk"}
    world.finish_after(call)
