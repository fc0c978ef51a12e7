"""A recipient that cannot be reached: known at once, and no matter to the others. T20, TRX-14."""

from __future__ import annotations

from typing import Any

import pytest

from b2bua.calls.recipient import Recipient
from b2bua.calls.record import CallOutcome, RecipientOutcome
from sip_stack.flow import Flow
from tests.world import plan
from tests.world.world import World


def unreachable(world: World, kind: str, **fields: Any) -> None:
    """A recipient that ICMP, a refused connection or DNS says is not there."""
    uri = {
        "port": "sip:gone@203.0.113.10:5999",
        "host": "sip:gone@203.0.113.66",
        "tcp": "sip:gone@203.0.113.66;transport=tcp",
        "name": "sip:gone@nowhere.example",
    }[kind]
    world.network.unroutable.add("203.0.113.66")
    world.plan.recipients.append(Recipient(name="gone", uri=uri, **fields))


@pytest.mark.parametrize("kind", ["port", "host", "tcp", "name"])
def test_the_other_branch_is_unaffected(kind: str) -> None:
    """T20: failure within 100 ms, the other rings and answers."""
    world = World()
    ana = world.phone("ana", answers_after=2.0)
    unreachable(world, kind)
    call = world.connect(ana)
    world.finish_after(call)
    (record,) = world.records
    gone = record.recipients[1]
    assert record.answered_by == "ana"
    assert gone.outcome is RecipientOutcome.UNREACHABLE
    assert gone.ended_at is not None and gone.ended_at - record.started_at < 100_000


@pytest.mark.parametrize("kind", ["port", "host", "tcp", "name"])
def test_alone_it_ends_the_call_at_once(kind: str) -> None:
    """product 5d, S6."""
    world = World()
    world.phone("ana", is_recipient=False)
    unreachable(world, kind)
    call = world.caller().call()
    world.run_until(lambda: call.status, limit=0.2)
    assert call.status in (408, 480)
    world.finish()
    assert world.records[0].outcome is CallOutcome.UNREACHABLE


def test_no_response_at_all_is_given_up_after_the_time_set() -> None:
    """product 5d: no 1xx in 4 s: not reachable, the others ring on."""
    world = World()
    world.silent_phone("ana", recipient={"unreachable_after": 4.0})
    ben = world.phone("ben", answers_after=8.0)
    call = world.connect(ben)
    world.finish_after(call)
    assert world.records[0].recipients[0].outcome is RecipientOutcome.UNREACHABLE


def test_alone_and_silent_the_call_ends_after_the_time_set() -> None:
    world = World()
    ana = world.silent_phone("ana", recipient={"unreachable_after": 4.0})
    call = world.caller().call()
    world.run_until(lambda: call.status, limit=4.5)
    world.finish()
    assert ana.heard("CANCEL") == []


def test_a_branch_given_up_as_silent_answers_after_all() -> None:
    """FRK-4: its 200 comes on a branch that was given up: ACK and BYE, or it is the winner; never neither."""
    world = World()
    ana = world.silent_phone("ana", recipient={"unreachable_after": 4.0})
    ben = world.phone("ben")
    call = world.caller().call()
    world.run(6.0)
    ana.answer()
    world.run(1.0)
    assert ana.call.state in ("ended", "confirmed")
    if ana.is_talking:
        assert call.is_answered and ben.call.answered_elsewhere
        call.hang_up()
    else:
        assert ben.is_ringing
        call.cancel()
    world.finish()


def test_the_next_address_of_the_same_recipient_is_tried() -> None:
    """T20, FRK-12: the first target of the name is gone, the second answers; same recipient, one row."""
    world = World()
    ana = world.phone("ana", is_recipient=False, answers_after=1.0)
    ana.requested_uri = "sip:ana@pbx.example"
    world.network.unroutable.add("203.0.113.66")
    local = plan.LOCAL_SOCKETS[0]
    world.names["pbx.example"] = [Flow("UDP", local, "203.0.113.66", 5060), Flow("UDP", local, *ana.address)]
    world.plan.recipients.append(Recipient(name="ana", uri="sip:ana@pbx.example"))
    call = world.connect(ana)
    world.finish_after(call)
    assert [each.outcome for each in world.records[0].recipients] == [RecipientOutcome.ANSWERED]


def test_503_sends_the_branch_to_the_next_address() -> None:
    """FRK-12, RFC 3263 §4.3."""
    world = World()
    ana = world.phone("ana", is_recipient=False, rings_after=None, fails_after=0.1, failure=503)
    ben = world.phone("ben", is_recipient=False, answers_after=1.0)
    ana.requested_uri = ben.requested_uri = "sip:desk@pbx.example"
    local = plan.LOCAL_SOCKETS[0]
    world.names["pbx.example"] = [Flow("UDP", local, *phone.address) for phone in (ana, ben)]
    world.plan.recipients.append(Recipient(name="desk", uri="sip:desk@pbx.example"))
    call = world.connect(ben)
    assert len(ana.invites) == len(ben.invites) == 1
    world.finish_after(call)


def test_no_further_address_is_tried_for_a_branch_that_was_cancelled() -> None:
    """FRK-3, T11: Asterisk's ghost INVITE."""
    world = World()
    ana = world.phone("ana", is_recipient=False, on_cancel="silent")
    zoe = world.phone("zoe", is_recipient=False)
    ana.requested_uri = zoe.requested_uri = "sip:desk@pbx.example"
    local = plan.LOCAL_SOCKETS[0]
    world.names["pbx.example"] = [Flow("UDP", local, *phone.address) for phone in (ana, zoe)]
    world.plan.recipients.append(Recipient(name="desk", uri="sip:desk@pbx.example"))
    ben = world.phone("ben", answers_after=1.0)
    call = world.connect(ben)
    world.run(80.0)
    assert not zoe.was_rung
    world.finish_after(call)


def test_a_phone_that_vanishes_while_it_rings() -> None:
    """Its port closes: our CANCEL meets ICMP; nothing is left over."""
    world = World()
    ana = world.phone("ana", answers_after=3.0)
    ben = world.phone("ben")
    call = world.caller().call()
    world.run(1.0)
    world.network.unbind("UDP", ben.address)
    world.tolerate("ben: rings on")
    world.run(5.0)
    assert call.is_answered and ana.is_talking
    world.finish_after(call)


def test_the_caller_vanishes_while_it_rings() -> None:
    """FRK-1: its 180 meets ICMP, its 200 too: the winner is not left talking to nobody."""
    world = World()
    ana = world.phone("ana", answers_after=3.0)
    caller = world.caller()
    caller.call()
    world.run(1.0)
    world.network.unbind("UDP", caller.address)
    world.run(60.0)
    assert not ana.is_talking
    world.tolerate("trunk: ")
    world.finish()


def test_the_network_fails_in_the_middle_of_the_call_and_it_is_ended() -> None:
    """DLG-7: our requests get nothing but silence; the hang-up of one side ends all."""
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    call = world.connect(ana)
    world.network.part([ana.address.host])
    call.hang_up()
    world.run(50.0)
    world.tolerate("ana: ")
    world.finish()
    assert len(world.records) == 1
