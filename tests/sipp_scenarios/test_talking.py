"""After the answer: holding, late offers, glare, and what is passed from one side to the other."""

from __future__ import annotations

import pytest

from tests.sipp_scenarios.parties import Party
from tests.sipp_scenarios.stage import Stage

pytestmark = pytest.mark.sipp

HOLD = "{{sdp 2 sendonly}}"
HELD = "{{sdp 2 recvonly}}"


def directions(party: Party, name: str) -> list[str]:
    return [message.direction for message in party.received(name)]


def test_the_caller_hangs_up(stage: Stage) -> None:
    ana = stage.callee("Ana", "answers")
    stage.caller("ana", "talks_and_hangs_up")
    stage.play()
    assert not ana.received("CANCEL")
    assert stage.record().ended_by == "caller"


def test_the_callee_hangs_up(stage: Stage) -> None:
    stage.callee("Ana", "answers_and_hangs_up")
    stage.caller("ana", "is_hung_up")
    stage.play()
    assert stage.record().ended_by == "Ana"


def test_the_caller_holds_and_resumes(stage: Stage) -> None:
    ana = stage.callee("Ana", "is_held_and_resumed")
    caller = stage.caller("ana", "holds_and_resumes")
    stage.play()
    assert directions(ana, "INVITE") == ["sendrecv", "sendonly", "sendrecv"]
    assert directions(caller, "200 INVITE") == ["sendrecv", "recvonly", "sendrecv"]
    # The relay stays between them, and at its place.
    for party, name in ((ana, "INVITE"), (caller, "200 INVITE")):
        assert len({message.media_port for message in party.received(name)}) == 1
        assert 0 not in {message.media_port for message in party.received(name)}


def test_the_callee_holds_and_resumes(stage: Stage) -> None:
    ana = stage.callee("Ana", "holds_and_resumes")
    caller = stage.caller("ana", "is_held_and_resumed")
    stage.play()
    assert directions(caller, "INVITE") == ["sendonly", "sendrecv"]
    assert directions(ana, "200 INVITE") == ["recvonly", "sendrecv"]


def test_a_late_offer_is_answered_in_the_ack(stage: Stage) -> None:
    ana = stage.callee("Ana", "answers")
    stage.callee("Ben", "is_stopped")
    stage.callee("Carl", "is_stopped")
    caller = stage.caller("everyone", "offers_late")
    stage.play()
    assert ana.only("INVITE").media_port  # we offer, since the caller did not
    assert caller.only("200 INVITE").media_port
    assert caller.sent("ACK")[0].media_port
    assert ana.received("ACK")[0].body.strip() == ""


def test_an_offerless_reinvite_is_no_hold(stage: Stage) -> None:
    ana = stage.callee("Ana", "is_asked_for_an_offer")
    caller = stage.caller("ana", "asks_for_an_offer")
    stage.play()
    assert ana.received("INVITE")[1].body.strip() == ""
    assert directions(caller, "200 INVITE") == ["sendrecv", "sendrecv"]
    assert directions(ana, "ACK")[1] == "sendrecv"
    assert ana.received("ACK")[1].media_port  # the answer, come all the way


def test_reinvites_that_meet_are_both_refused_and_one_is_tried_again(stage: Stage) -> None:
    ana = stage.callee("Ana", "meets_glare")
    stage.caller("ana", "meets_glare")
    stage.play()
    assert directions(ana, "INVITE")[-1] == "sendonly"


def test_info_is_answered_by_the_far_end(stage: Stage) -> None:
    body = "Content-Type: application/dtmf-relay\nContent-Length: [len]\n\nSignal=5\nDuration=160"
    ana = stage.callee("Ana", "receives_within", terms={"method": "INFO", "status": "488"})
    caller = stage.caller("ana", "sends_within", terms={"method": "INFO", "status": "488", "body": body})
    stage.play()
    assert "Signal=5" in ana.only("INFO").body
    assert ana.only("INFO").header("Content-Type") == "application/dtmf-relay"
    assert caller.only("488 INFO").first_line == "SIP/2.0 488 Because"


def test_an_update_is_passed_as_an_update_to_who_takes_it(stage: Stage) -> None:
    terms = {"method": "UPDATE", "status": "200", "fields": "Allow: INVITE, ACK, BYE, CANCEL, UPDATE"}
    ana = stage.callee("Ana", "receives_within", terms={**terms, "body": HELD})
    caller = stage.caller("ana", "sends_within", terms={**terms, "body": HOLD})
    stage.play()
    assert directions(ana, "UPDATE") == ["sendonly"]
    assert directions(caller, "200 UPDATE") == ["recvonly"]


def test_an_update_is_passed_as_a_reinvite_to_who_does_not_take_it(stage: Stage) -> None:
    ana = stage.callee(
        "Ana",
        "receives_within",
        terms={
            "method": "INVITE",
            "status": "200",
            "body": HELD,
            "fields": "Allow: INVITE, ACK, BYE, CANCEL",
            "acknowledgement": '<recv request="ACK"/>',
        },
    )
    caller = stage.caller("ana", "sends_within", terms={"method": "UPDATE", "status": "200", "body": HOLD})
    stage.play()
    assert directions(ana, "INVITE") == ["sendrecv", "sendonly"]
    assert directions(caller, "200 UPDATE") == ["recvonly"]


def test_a_transfer_is_refused_and_the_call_goes_on(stage: Stage) -> None:
    ana = stage.callee("Ana", "answers")
    body = "Refer-To: <sip:mallory@127.0.0.1>\n{{nothing}}"
    stage.caller("ana", "sends_within", terms={"method": "REFER", "status": "603", "body": body})
    stage.play()
    assert not ana.received("REFER")
