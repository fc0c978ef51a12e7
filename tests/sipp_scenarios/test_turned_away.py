"""Requests that make no call: unknown numbers, dialogs and methods."""

from __future__ import annotations

import pytest

from tests.sipp_scenarios.stage import Stage

pytestmark = pytest.mark.sipp


def test_an_unknown_number_is_not_found(stage: Stage) -> None:
    caller = stage.caller("nobody", "is_refused", terms={"status": "404"})
    stage.play()
    assert ";tag=" in caller.only("404 INVITE").header("To")


@pytest.mark.parametrize(
    ("method", "fields"),
    [("BYE", ""), ("INFO", ""), ("UPDATE", ""), ("PRACK", "RAck: 1 1 INVITE")],
)
def test_a_request_for_no_dialog_gets_481(stage: Stage, method: str, fields: str) -> None:
    terms = {"method": method, "status": "481", "tag": ";tag=nobody", "fields": fields}
    stage.caller("ana", "strays", terms=terms)
    stage.play()


def test_a_cancel_for_no_invite_gets_481(stage: Stage) -> None:
    stage.caller("ana", "strays", terms={"method": "CANCEL", "status": "481"})
    stage.play()


def test_an_ack_for_no_dialog_gets_nothing(stage: Stage) -> None:
    caller = stage.caller("ana", "strays_in_silence")
    stage.play()
    assert caller.story == ["> ACK", "> OPTIONS", "< 200 OPTIONS"]


@pytest.mark.parametrize(("method", "status"), [("SUBSCRIBE", "405"), ("MESSAGE", "405"), ("DANCE", "501")])
def test_a_method_that_is_not_served_is_refused_with_what_is(stage: Stage, method: str, status: str) -> None:
    caller = stage.caller("ana", "strays", terms={"method": method, "status": status})
    stage.play()
    assert "INVITE" in caller.only(f"{status} {method}").header("Allow")


def test_options_tell_what_is_served(stage: Stage) -> None:
    caller = stage.caller("ana", "asks_options", terms={"status": "200"})
    stage.play()
    answer = caller.only("200 OPTIONS")
    assert {"INVITE", "ACK", "CANCEL", "BYE", "OPTIONS"} <= set(answer.header("Allow").split(", "))
    assert answer.header("Accept") == "application/sdp"
