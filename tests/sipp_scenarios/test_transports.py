"""The same call over TCP and IPv6."""

from __future__ import annotations

import pytest

from tests.sipp_scenarios.parties import Party
from tests.sipp_scenarios.stage import Stage

pytestmark = pytest.mark.sipp


def via(party: Party) -> str:
    return party.only("INVITE").header("Via").split()[0]


def test_a_call_over_tcp_on_both_sides(stage: Stage) -> None:
    ana = stage.callee("Ana", "answers", transport="tcp")
    losers = [stage.callee(name, "is_stopped", transport="tcp") for name in ("Ben", "Carl")]
    caller = stage.caller("everyone-tcp", "talks_and_hangs_up", transport="tcp")
    stage.play()
    assert [via(each) for each in (ana, *losers)] == ["SIP/2.0/TCP"] * 3
    assert [loser.only("CANCEL").is_elsewhere for loser in losers] == [True, True]
    assert "transport=tcp" in caller.only("200 INVITE").header("Contact")
    assert stage.outcomes() == {"": "answered", "Ana": "answered", "Ben": "stopped", "Carl": "stopped"}


def test_a_call_from_tcp_to_udp(stage: Stage) -> None:
    ana = stage.callee("Ana", "answers")
    stage.caller("ana", "talks_and_hangs_up", transport="tcp")
    stage.play()
    assert via(ana) == "SIP/2.0/UDP"


def test_a_caller_gives_up_over_tcp(stage: Stage) -> None:
    callees = [stage.callee(name, "is_stopped", transport="tcp") for name in ("Ana", "Ben", "Carl")]
    stage.caller("everyone-tcp", "gives_up", transport="tcp")
    stage.play()
    assert not any(callee.only("CANCEL").is_elsewhere for callee in callees)


def test_a_call_over_ipv6_on_both_sides(stage: Stage) -> None:
    ana = stage.callee("Ana", "answers", address="::1")
    losers = [stage.callee(name, "is_stopped", address="::1") for name in ("Ben", "Carl")]
    caller = stage.caller("everyone-six", "talks_and_hangs_up", address="::1")
    stage.play()
    assert "c=IN IP6 ::1" in ana.only("INVITE").body  # SDP has no brackets (PAR-11)
    assert "[::1]" in caller.only("200 INVITE").header("Contact")
    assert [loser.only("CANCEL").is_elsewhere for loser in losers] == [True, True]


def test_a_call_from_ipv6_to_ipv4(stage: Stage) -> None:
    ana = stage.callee("Ana", "answers")
    stage.caller("ana", "talks_and_hangs_up", address="::1")
    stage.play()
    assert "c=IN IP4 127.0.0.1" in ana.only("INVITE").body
