"""Fax: the change from audio to image passes, is refused, or stands beside audio. T38, SDP-5."""

from __future__ import annotations

from rtp_relay import control
from tests.world.description import Medium, read
from tests.world.world import World

IMAGE = Medium(
    kind="image",
    port=18000,
    profile="udptl",
    formats=("t38",),
    attributes=("T38FaxVersion:0", "T38MaxBitRate:14400"),
)


def test_a_reinvite_to_image_is_accepted() -> None:
    """T38: with a port of the relay, marked as udptl, and no profile invented."""
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    ana.accepts = ("audio", "image")
    call = world.connect(ana)
    assert call.offer is not None
    fax = call.session.reinvite(call.offer.changed(media=(IMAGE,)))
    world.run(1.0)
    assert fax.status == 200
    assert ana.dialog.remote_description is not None
    (medium,) = ana.dialog.remote_description.media
    assert (medium.kind, medium.profile, medium.formats) == ("image", "udptl", ("t38",))
    assert "T38MaxBitRate:14400" in medium.attributes
    directs = [c for c in world.relay.of(control.Direct) if isinstance(c, control.Direct)]
    assert {direct.kind for direct in directs[-2:]} == {"udptl"}
    world.finish_after(call)


def test_a_refused_image_keeps_the_audio() -> None:
    """T38: 488 comes back, the audio goes on; Asterisk #1880."""
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    caller = world.caller()
    call = world.connect(ana, caller)
    ana.answers["INVITE"] = 488
    assert call.offer is not None
    fax = call.session.reinvite(call.offer.changed(media=(IMAGE,)))
    world.run(1.0)
    assert fax.status == 488
    caller.media.say(b"so we talk", call.remote_description)
    world.run(0.1)
    assert b"so we talk" in ana.media.payloads
    world.finish_after(call)


def test_audio_and_image_in_one_offer() -> None:
    """T38: two m-lines, one of them refused, in the same order."""
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    caller = world.caller()
    offer = caller.description()
    call = world.connect(ana, caller, offer=offer.changed(media=(*offer.media, IMAGE)))
    assert [medium.kind for medium in read(ana.invites[0].sdp).media] == ["audio", "image"]
    assert [bool(medium.port) for medium in call.remote_description.media] == [True, False]
    world.finish_after(call)


def test_the_callee_changes_to_image() -> None:
    """The usual case: the receiving fax asks."""
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    caller = world.caller()
    caller.accepts = ("image",)
    call = world.connect(ana, caller)
    assert ana.dialog.local_description is not None
    fax = ana.dialog.reinvite(ana.dialog.local_description.changed(media=(IMAGE,)))
    world.run(1.0)
    assert fax.status == 200
    assert call.remote_description.media[0].kind == "image"
    world.finish_after(call)


def test_video_passes_with_ports_of_its_own() -> None:
    """SDP-5."""
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    ana.accepts = ("audio", "video")
    caller = world.caller()
    offer = caller.description()
    video = Medium(kind="video", port=19000, formats=("96",), attributes=("rtpmap:96 H264/90000",))
    call = world.connect(ana, caller, offer=offer.changed(media=(*offer.media, video)))
    ports = {medium.port for medium in read(ana.invites[0].sdp).media}
    ports |= {medium.port for medium in call.remote_description.media}
    assert len(ports) == 4 and 0 not in ports
    world.finish_after(call)


def test_a_medium_added_later_gets_ports() -> None:
    """SDP-5: new m-lines are appended."""
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    ana.accepts = ("audio", "video")
    call = world.connect(ana)
    assert call.offer is not None
    video = Medium(kind="video", port=19000, formats=("96",), attributes=("rtpmap:96 H264/90000",))
    more = call.session.reinvite(call.offer.changed(media=(*call.offer.media, video)))
    world.run(1.0)
    assert more.status == 200
    assert [bool(medium.port) for medium in call.remote_description.media] == [True, True]
    world.finish_after(call)
    assert len(world.relay.endpoints) == 0
