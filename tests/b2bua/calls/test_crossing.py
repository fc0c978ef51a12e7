"""What passes between the legs, and what does not: who may ask whom, and what becomes of it when one of them leaves."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.b2bua.calls.two_sides import BOTH, Rig
from tests.world.description import Medium
from tests.world.world import World


@BOTH
def test_refer_is_declined_here(by: str) -> None:
    rig = Rig(by)
    request = rig.ask("REFER", headers=(("Refer-To", "<sip:eve@192.0.2.99>"),))
    assert request.status == 603 and rig.got("REFER") == []
    rig.finish()


@BOTH
def test_options_within_the_call_are_answered_here(by: str) -> None:
    rig = Rig(by)
    assert rig.ask("OPTIONS").status == 200 and rig.got("OPTIONS") == []
    rig.finish()


def test_a_request_before_there_is_another_side() -> None:
    """Nobody has answered: there is nowhere to pass it to."""
    world = World()
    ana, ben = world.phone("ana"), world.phone("ben")
    call = world.caller().call()
    world.run_until(lambda: ana.is_ringing and ben.is_ringing and call.is_ringing)
    request = call.session.request("INFO")
    world.run(1.0)
    assert request.status == 480
    assert ana.heard("INFO") == ben.heard("INFO") == []
    call.cancel()
    world.finish()


@BOTH
def test_the_call_ends_while_a_request_is_across(by: str) -> None:
    rig = Rig(by)
    rig.other.agent.answers["INFO"] = None
    request = rig.asker.request("INFO")
    rig.world.run(0.2)
    rig.other.hang_up()
    rig.world.run(1.0)
    assert request.status == 487
    rig.world.finish()


@BOTH
def test_the_call_ends_while_the_relay_is_asked(by: str) -> None:
    rig = Rig(by)
    rig.world.relay.delay = 0.5
    request = rig.reinvite(rig.offer.changed(media=(*rig.offer.media, Medium(kind="video", port=15200))), 0.1)
    rig.other.hang_up()
    rig.world.finish()
    assert request.status == 487


@BOTH
@pytest.mark.parametrize(("status", "told"), [(408, 500), (481, 481)])
def test_a_dialog_that_is_gone_ends_both(by: str, status: int, told: int) -> None:
    """DLG-7; and a 408 that is not ours is no 408 to the other side (RFC 4320)."""
    rig = Rig(by)
    rig.world.tolerate("481 to BYE")
    rig.other.agent.answers["INVITE"] = status
    refused = rig.reinvite(rig.offer.changed(media=(replace(rig.offer.media[0], direction="sendonly"),)))
    assert refused.status == told
    rig.world.run(2.0)
    assert rig.asker.state == "ended"
    rig.world.finish()


@BOTH
def test_no_answer_at_all_ends_both(by: str) -> None:
    rig = Rig(by)
    rig.other.agent.answers["INVITE"] = None
    refused = rig.reinvite(
        rig.offer.changed(media=(replace(rig.offer.media[0], direction="sendonly"),)), 40.0
    )
    assert refused.status == 500
    rig.world.tolerate("answered nothing, no ACK")
    rig.world.finish()
    assert rig.world.records[0].reason == "lost: timeout"
