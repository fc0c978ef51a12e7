"""A recipient that leads back to us: bounded, whatever the peer does. T40, FRK-16."""

from __future__ import annotations

import pytest

from b2bua.calls.recipient import Recipient
from tests.world.reflector import Reflector
from tests.world.world import World


def test_max_forwards_is_one_less_on_every_branch() -> None:
    """FRK-16, RFC 7332."""
    world = World()
    phones = [world.phone("ana", answers_after=1.0), world.phone("ben")]
    call = world.connect(phones[0], max_forwards=33)
    assert [phone.invites[0].get("max-forwards") for phone in phones] == ["32", "32"]
    world.finish_after(call)


def test_at_zero_it_ends() -> None:
    """PAR-5: 483, and nobody is rung."""
    world = World()
    ana = world.phone("ana")
    call = world.caller().call(max_forwards=0)
    world.run(1.0)
    assert call.status == 483
    assert not ana.was_rung
    world.finish()


@pytest.mark.parametrize("uri", ["sip:+15550100@192.0.2.1:5060", "sip:+15550100@192.0.2.1"])
def test_a_recipient_that_is_our_own_number_is_not_an_amplifier(uri: str) -> None:
    """T40: the other recipient is rung, a few times at the most, and may answer."""
    world = World()
    world.plan.trunk_sources += ("192.0.2.1/32",)
    world.plan.recipients.append(Recipient(name="ourselves", uri=uri))
    ana = world.phone("ana", answers_after=3.0)
    call = world.caller().call()
    world.run(6.0)
    assert len(world.sent("INVITE ")) <= 8
    assert call.is_answered
    assert sum(each.state == "confirmed" for each in ana.calls) == 1
    world.finish_after(call)


def test_a_peer_that_sends_our_invites_back_is_stopped() -> None:
    """T40, RFC 5393: bounded number of INVITEs, and the caller gets an answer."""
    world = World()
    reflector = Reflector(world)
    world.plan.recipients.append(Recipient(name="mirror", uri=reflector.uri))
    ana = world.phone("ana", answers_after=3.0)
    call = world.caller().call()
    world.run(6.0)
    assert reflector.reflected <= 4
    assert call.is_answered and any(each.state == "confirmed" for each in ana.calls)
    world.finish_after(call)


def test_nothing_but_a_mirror() -> None:
    world = World()
    reflector = Reflector(world)
    world.plan.recipients.append(Recipient(name="mirror", uri=reflector.uri))
    call = world.caller().call()
    world.run(10.0)
    assert call.status in (404, 480, 482, 483)
    assert reflector.reflected <= 4
    world.finish()
