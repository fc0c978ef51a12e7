"""The caller's CANCEL comes before the branches went out, or from another sent-by. T08, T09."""

from __future__ import annotations

import pytest

from b2bua.calls.recipient import Recipient
from b2bua.calls.record import CallOutcome
from sip_stack.flow import Flow
from tests.world import plan
from tests.world.phone import Phone
from tests.world.world import World


def named(world: World, phone: Phone) -> None:
    """Ring the phone by a name that must be asked of DNS."""
    uri = f"sip:{phone.name}@{phone.name}.example"
    phone.requested_uri = uri
    world.names[f"{phone.name}.example"] = [Flow("UDP", plan.LOCAL_SOCKETS[0], *phone.address)]
    world.plan.recipients.append(Recipient(name=phone.name, uri=uri))


def test_a_name_is_asked_and_rung() -> None:
    world = World()
    ana = world.phone("ana", is_recipient=False, answers_after=1.0)
    named(world, ana)
    call = world.connect(ana)
    assert [question.uri for question in world.questions] == ["sip:ana@ana.example"]
    world.finish_after(call)


def test_no_invite_leaves_once_the_caller_has_gone_while_a_name_was_asked() -> None:
    """T08, FRK-1: the answer of DNS comes after the CANCEL."""
    world = World()
    world.resolver_delay = 0.3
    ana = world.phone("ana", is_recipient=False)
    named(world, ana)
    call = world.caller().call()
    world.run(0.1)
    call.cancel()
    world.run(5.0)
    assert call.status == 487
    assert not ana.was_rung
    world.finish()
    assert world.records[0].outcome is CallOutcome.ABANDONED


def test_no_invite_leaves_once_the_caller_has_gone_while_ports_were_asked() -> None:
    """T08: the relay's ports come after the CANCEL, and are given back."""
    world = World()
    world.relay.delay = 0.3
    ana = world.phone("ana")
    call = world.caller().call()
    world.run(0.1)
    call.cancel()
    world.run(5.0)
    assert call.status == 487
    assert not ana.was_rung
    world.finish()


@pytest.mark.parametrize("microseconds", [0, 500, 1000, 1500, 2000, 2500, 3000, 5000])
@pytest.mark.parametrize("at_once", [False, True])
def test_a_cancel_right_behind_the_invite(microseconds: int, at_once: bool) -> None:
    """T08: 200 and 487 to the caller; what has gone out is cancelled, and is a missed call."""
    world = World(at_once=at_once)
    phones = [world.phone("ana"), world.phone("ben")]
    call = world.caller().call()
    world.run(microseconds / 1e6)
    cancel = call.cancel()
    world.run(3.0)
    assert cancel.status == 200 and call.status == 487
    assert all(not phone.was_rung or phone.call.state == "stopped" for phone in phones)
    world.finish()


def test_a_cancel_that_overtakes_its_invite() -> None:
    """TRX-11: there is nothing to cancel: 481; the INVITE is a call, which its caller ends again."""
    world = World()
    ana = world.phone("ana")
    caller = world.caller()
    world.network.hold(lambda packet: packet.begins("INVITE ") and packet.sender == caller.address, 0.05)
    call = caller.call()
    world.run(0.01)
    early = call.cancel()
    world.run(0.2)
    assert early.status == 481
    world.run(1.0)
    assert ana.is_ringing
    again = call.session.hang_up()
    world.run(1.0)
    assert again.status == 200 and call.status == 487
    world.finish()


@pytest.mark.parametrize("sent_by", ["198.51.100.1:6060", "10.0.0.1:5060", "trunk.example"])
def test_a_cancel_with_another_sent_by_is_found_by_its_branch(sent_by: str) -> None:
    """T09, TRX-2: drachtio answered 481, and the callee rang on."""
    world = World()
    ana = world.phone("ana")
    call = world.caller().call()
    world.run(1.0)
    cancel = call.cancel(sent_by=sent_by)
    world.run(1.0)
    assert cancel.status == 200 and call.status == 487
    assert ana.call.state == "stopped"
    world.finish()


def test_a_slow_name_does_not_delay_the_others() -> None:
    """FRK-1, M1: and it rings when it is found, if nobody has answered."""
    world = World()
    world.resolver_delay = 2.0
    ana = world.phone("ana", is_recipient=False, answers_after=1.0)
    named(world, ana)
    ben = world.phone("ben")
    call = world.caller().call()
    world.run(0.5)
    assert ben.is_ringing and not ana.was_rung
    world.run(3.5)
    assert ana.is_talking and call.is_answered
    world.finish_after(call)


def test_a_name_found_after_somebody_answered_is_not_rung() -> None:
    world = World()
    world.resolver_delay = 2.0
    ana = world.phone("ana", is_recipient=False)
    named(world, ana)
    ben = world.phone("ben", answers_after=1.0)
    call = world.connect(ben)
    world.run(5.0)
    assert not ana.was_rung
    world.finish_after(call)
