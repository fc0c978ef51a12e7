"""Answers that come back, offers that were asked for, and what is taken back while it is across."""

from __future__ import annotations

from tests.b2bua.calls.two_sides import BOTH, Rig, cancel
from tests.world.description import Medium, ways

# Taken back while it is across.


@BOTH
def test_an_offer_is_taken_back_and_the_other_side_too_has_what_it_had(by: str) -> None:
    rig = Rig(by)
    rig.other.agent.reinvite_after = 0.5
    before = ways(rig.heard)
    request = rig.reinvite(rig.offer.changed(direction="sendonly"), 0.1)
    cancel(rig.asker, request)
    rig.world.run(5.0)
    assert request.status == 487
    assert ways(rig.heard) == before
    held = rig.reinvite(rig.offer.changed().changed(direction="inactive"))
    assert (held.status, ways(rig.heard)) == (200, ["inactive"])
    rig.finish()


@BOTH
def test_an_offer_is_taken_back_and_the_other_side_refuses_it_anyway(by: str) -> None:
    rig = Rig(by)
    rig.other.agent.reinvite_after, rig.other.agent.answers["INVITE"] = 0.5, 488
    request = rig.reinvite(rig.offer.changed(direction="sendonly"), 0.1)
    cancel(rig.asker, request)
    rig.world.run(2.0)
    rig.other.agent.answers["INVITE"] = 200
    held = rig.reinvite(rig.offer.changed().changed(direction="inactive"))
    assert (request.status, held.status) == (487, 200)
    rig.finish()


@BOTH
def test_an_offerless_reinvite_is_taken_back_while_it_is_across(by: str) -> None:
    """The offer that comes back is answered with what held before, or the far end would wait for its ACK."""
    rig = Rig(by)
    rig.other.agent.reinvite_after = 0.5
    before = ways(rig.heard)
    request = rig.reinvite(None, 0.1)
    cancel(rig.asker, request)
    rig.world.run(3.0)
    assert request.status == 487
    assert ways(rig.heard) == before and all(medium.port for medium in rig.heard.media)
    held = rig.reinvite(rig.offer.changed(direction="sendonly"))
    assert (held.status, ways(rig.heard)) == (200, ["sendonly"])
    rig.finish()


@BOTH
def test_an_offer_that_comes_back_too_late_and_has_other_media_is_refused(by: str) -> None:
    rig = Rig(by)
    rig.other.agent.reinvite_after = 0.5
    before = rig.other.local_description
    assert before is not None
    request = rig.reinvite(None, 0.1)
    rig.other.local_description = before.changed(media=(*before.media, Medium(kind="video", port=15200)))
    cancel(rig.asker, request)
    rig.world.run(3.0)
    assert request.status == 487
    assert [medium.port for medium in rig.heard.media] == [0, 0]
    rig.other.local_description = rig.other.local_description.changed(media=before.media)
    rig.finish()


# Asked for an offer.


@BOTH
def test_asked_for_an_offer_we_ask_the_other_side(by: str) -> None:
    """SDP-8."""
    rig = Rig(by)
    asked = rig.reinvite(None)
    assert asked.status == 200
    (invite,) = rig.got("INVITE")
    assert not invite.message.sdp
    assert ways(rig.heard) == ["sendrecv"]
    rig.finish()


@BOTH
def test_asked_for_an_offer_the_other_side_refuses(by: str) -> None:
    rig = Rig(by)
    rig.other.agent.answers["INVITE"] = 480
    assert rig.reinvite(None).status == 480
    rig.finish()


@BOTH
def test_no_answer_comes_in_the_ack(by: str) -> None:
    """Both sides are hung up; the far end's offer is refused in its ACK."""
    rig = Rig(by)
    rig.asker.agent.acks = False
    rig.world.tolerate("ACK")
    asked = rig.reinvite(None, 0.2)
    octets = rig.asker.build("ACK", asked.sent.cseq)
    rig.asker.agent.transmit(octets, asked.path)
    rig.world.run(2.0)
    assert asked.status == 200
    assert (rig.asker.state, rig.other.state) == ("ended", "ended")
    assert all(medium.port == 0 for medium in rig.heard.media)
    rig.world.tolerate("waits")
    rig.world.run_until_idle()
    assert rig.world.switchboard.leftovers() == [] and not rig.world.switchboard.failures


@BOTH
def test_the_ack_never_comes(by: str) -> None:
    """RFC 3261 §13.3.1.4: the session is ended after 64·T1, on both sides."""
    rig = Rig(by)
    rig.asker.agent.acks = False
    rig.reinvite(None, 40.0)
    rig.world.tolerate("never acknowledged")
    rig.world.tolerate("no ACK")
    rig.world.finish()
    assert rig.asker.state == rig.other.state == "ended"
    assert rig.world.records[0].reason == "the answer was never acknowledged"


# An answer that is none.


@BOTH
def test_a_2xx_without_a_description_ends_the_call(by: str) -> None:
    rig = Rig(by)
    other = rig.other

    def answer(served: object, status: int) -> None:
        served.respond(200, headers=[other.agent.contact])  # type: ignore[attr-defined]

    other._answer_invite = answer  # type: ignore[method-assign]
    request = rig.reinvite(rig.offer.changed(direction="sendonly"), 3.0)
    assert request.status in (487, 488, 500)
    assert (rig.asker.state, rig.other.state) == ("ended", "ended")
    rig.world.finish()
    assert "without a session description" in rig.world.records[0].reason
