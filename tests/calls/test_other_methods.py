"""INFO, MESSAGE, NOTIFY, OPTIONS, REFER and the unknown within a call: each gets an answer. T35, T36."""

from __future__ import annotations

import pytest

from tests.world.world import World

DTMF = [("Content-Type", "application/dtmf-relay")]


@pytest.mark.parametrize("method", ["INFO", "MESSAGE", "NOTIFY"])
@pytest.mark.parametrize("status", [200, 415, 489, 503])
@pytest.mark.parametrize("asker", ["caller", "callee"])
def test_it_passes_and_the_far_ends_answer_comes_back(method: str, status: int, asker: str) -> None:
    """T36, MTH-1: sippy said 200 before B had seen it."""
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    caller = world.caller()
    call = world.connect(ana, caller)
    (caller if asker == "callee" else ana).answers[method] = status
    session, far = (call.session, ana.dialog) if asker == "caller" else (ana.dialog, call.session)
    headers = [*DTMF, ("Event", "telephone-event")] if method == "NOTIFY" else DTMF
    request = session.request(method, "Signal=5\r\nDuration=160\r\n", headers)
    world.run(1.0)
    assert request.status == status
    assert far.heard_requests[-1].method == method
    assert far.heard_requests[-1].body == b"Signal=5\r\nDuration=160\r\n"
    assert far.heard_requests[-1].get("content-type") == "application/dtmf-relay"
    assert call.is_answered and ana.is_talking
    world.finish_after(call)


def test_a_far_end_that_does_not_answer_is_not_waited_for_in_silence() -> None:
    """MTH-6, TRX-13: the asker gets some final response, never 408 made by us for a non-INVITE."""
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    call = world.connect(ana)
    ana.answers["INFO"] = None
    request = call.session.request("INFO", "Signal=1\r\n", DTMF)
    world.run(40.0)
    assert request.final is not None or request.may_fail
    if not call.is_over:
        call.hang_up()
    world.finish()


def test_a_keepalive_within_the_call_is_answered_here() -> None:
    """MTH-3: OPTIONS in dialog: 200."""
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    call = world.connect(ana)
    for session in (call.session, ana.dialog):
        options = session.request("OPTIONS")
        world.run(1.0)
        assert options.status == 200
    assert ana.heard("OPTIONS") == []
    world.finish_after(call)


@pytest.mark.parametrize("asker", ["caller", "callee"])
def test_a_transfer_is_refused_and_nothing_else_happens(asker: str) -> None:
    """XFR-1: reject is the default."""
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    call = world.connect(ana)
    session = call.session if asker == "caller" else ana.dialog
    refer = session.request("REFER", headers=[("Refer-To", "<sip:zoe@203.0.113.99>")])
    world.run(1.0)
    assert refer.status in (603, 501, 405)
    assert len(world.sent("INVITE ")) == 1
    assert call.is_answered and ana.is_talking
    world.finish_after(call)


@pytest.mark.parametrize("method", ["FROBNICATE", "SUBSCRIBE", "PUBLISH"])
def test_an_unknown_method_gets_an_answer(method: str) -> None:
    """MTH-5, MTH-6."""
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    call = world.connect(ana)
    request = call.session.request(method)
    world.run(1.0)
    assert request.status in (405, 489, 501, 603)
    assert call.is_answered and ana.is_talking
    world.finish_after(call)


@pytest.mark.parametrize("method", ["INFO", "BYE", "UPDATE", "INVITE", "OPTIONS"])
def test_after_the_end_it_is_481(method: str) -> None:
    """TRX-17: for 32 s at the least, not silence."""
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    call = world.connect(ana)
    call.hang_up()
    world.run(20.0)
    late = call.session.request(method)
    world.run(1.0)
    assert late.status == 481
    world.finish()


def test_info_passes_while_a_reinvite_is_open() -> None:
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    ana.reinvite_after = 2.0
    call = world.connect(ana)
    assert call.offer is not None
    held = call.session.reinvite(call.offer.changed(direction="sendonly"))
    world.run(0.5)
    request = call.session.request("INFO", "Signal=1\r\n", DTMF)
    world.run(0.5)
    assert request.status == 200
    world.run(2.0)
    assert held.status == 200
    world.finish_after(call)


def test_a_request_from_a_new_port_belongs_to_its_dialog() -> None:
    """T35, DLG-1: by Call-ID and tags only; siphon sent it back to the leg that it came from."""
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    caller = world.caller()
    call = world.connect(ana, caller)
    caller.move(6070)
    digits = call.session.request("INFO", "Signal=1\r\n", DTMF)
    world.run(1.0)
    assert digits.status == 200
    call.hang_up()
    world.run(1.0)
    assert ana.call.state == "ended"
    world.finish()


def test_a_request_with_a_description_that_is_none_is_refused() -> None:
    """SDP-6, PAR-5: a re-INVITE with rubbish for a body: refused, and the call stands."""
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    call = world.connect(ana)
    request = call.session.request("UPDATE", "rubbish", [("Content-Type", "application/sdp")])
    world.run(1.0)
    assert 400 <= request.status < 500
    assert call.is_answered and ana.is_talking
    world.finish_after(call)


def test_a_key_before_the_callers_ack_is_not_put_to_a_dialog_that_he_may_not_know() -> None:
    """Neither our 180 nor our 200 has reached him: he would say 481, and that would end the call."""
    world = World()
    caller = world.caller()
    world.network.drop(
        lambda packet: packet.destination == caller.address and not packet.begins("SIP/2.0 100"), 2
    )
    ana = world.phone("ana", answers_after=1.0)
    call = caller.call()
    world.run_until(lambda: ana.is_talking)
    key = ana.dialog.request("INFO", "Signal=5\r\nDuration=160\r\n", DTMF)
    world.run(1.0)
    assert key.status == 480
    assert call.is_answered and ana.is_talking
    world.finish_after(call)
