"""Phones and trunks behind NAT: answered and asked at the address that they really have. NET-1, NET-2."""

from __future__ import annotations

from b2bua.calls.recipient import Recipient
from tests.world.exchange import Path
from tests.world.network import Address
from tests.world.world import World


def test_a_phone_behind_nat_is_rung_and_asked_at_its_outer_address() -> None:
    """NET-2: the Contact is a private one; ACK and BYE go to where the phone's packets come from."""
    world = World()
    world.network.add_nat(["10.0.0.5"], "203.0.113.77")
    ana = world.phone("ana", host="10.0.0.5", is_recipient=False, answers_after=1.0)
    ana.requested_uri = "sip:ana@203.0.113.77:40001"
    world.plan.recipients.append(Recipient(name="ana", uri=ana.requested_uri))
    ben = world.phone("ben")
    opening = ana.send_outside("OPTIONS", "sip:192.0.2.1", Path(Address("192.0.2.1", 5060)))
    opening.may_fail = True
    world.run(0.1)
    call = world.connect(ana)
    assert ben.call.answered_elsewhere
    world.finish_after(call)
    assert ana.call.state == "ended"


def test_a_trunk_behind_nat_is_answered_where_it_asks_from() -> None:
    """NET-1, RFC 3581: rport and received."""
    world = World()
    world.network.add_nat(["10.0.0.9"], "198.51.100.44")
    ana = world.phone("ana", answers_after=1.0)
    caller = world.caller(host="10.0.0.9")
    call = world.connect(ana, caller)
    via = call.final.via
    assert "received=198.51.100.44" in via and "rport=40001" in via
    ana.hang_up()
    world.run(1.0)
    assert call.bye_heard is not None
    world.finish()


def test_the_nat_box_forgets_and_the_next_request_comes_from_a_new_port() -> None:
    """T35."""
    world = World()
    nat = world.network.add_nat(["10.0.0.9"], "198.51.100.44")
    ana = world.phone("ana", answers_after=1.0)
    caller = world.caller(host="10.0.0.9")
    call = world.connect(ana, caller)
    nat.forget()
    digits = call.session.request("INFO", "Signal=1\r\n", [("Content-Type", "application/dtmf-relay")])
    world.run(1.0)
    assert digits.status == 200
    world.finish_after(call)
