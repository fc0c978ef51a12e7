"""b2bua.phone.outcome: what a phone's call list would say."""

from __future__ import annotations

import pytest

from b2bua.phone import outcome

ELSEWHERE = 'SIP;cause=200;text="Call completed elsewhere"'


@pytest.mark.parametrize(
    "reason",
    [
        ELSEWHERE,
        "SIP ;cause=200",
        "sip; text=other ;cause = 200",
        'Q.850;cause=26;text="Non-selected user clearing"',
        'Q.850;cause=16,SIP;cause=200;text="a, b"',
        'SIP;text="cause=16, he said";cause=200',
    ],
)
def test_reasons_that_mean_another_phone_took_it(reason: str) -> None:
    assert outcome.was_answered_elsewhere([reason])


@pytest.mark.parametrize(
    "reason",
    [
        "",
        "SIP",
        "SIP;cause=",
        "SIP;cause=487",
        "SIP;cause=2000",
        "Q.850;cause=200",
        "Q.850;cause=16",
        "SIP;cause=26",
        'Q.850;cause=16;text=", SIP;cause=200"',
        "FreeSWITCH;cause=200",
        "SIP;cause=" + "9" * 5000,
    ],
)
def test_reasons_that_do_not(reason: str) -> None:
    assert not outcome.was_answered_elsewhere([reason])


def test_any_of_several_headers_counts() -> None:
    assert outcome.was_answered_elsewhere(["Q.850;cause=16", ELSEWHERE])
    assert not outcome.was_answered_elsewhere([])


@pytest.mark.parametrize(
    ("was_confirmed", "refused_with", "reasons", "expected"),
    [
        (False, 0, [], outcome.MISSED),
        (False, 0, ["SIP;cause=487"], outcome.MISSED),
        (False, 0, [ELSEWHERE], outcome.ANSWERED_ELSEWHERE),
        (True, 0, [ELSEWHERE], outcome.ANSWERED_ELSEWHERE),
        (True, 0, [], outcome.TALKED),
        (True, 0, ["Q.850;cause=16"], outcome.TALKED),
        (False, 603, [], outcome.DECLINED),
        (False, 480, [], outcome.DECLINED),
        (False, 486, [], outcome.BUSY),
        (False, 600, [], outcome.BUSY),
    ],
)
def test_a_call_that_came_in(
    was_confirmed: bool, refused_with: int, reasons: list[str], expected: str
) -> None:
    found = outcome.of_incoming(
        was_confirmed=was_confirmed, refused_with=refused_with, reason_headers=reasons
    )
    assert found == expected


def test_a_call_that_we_placed() -> None:
    assert outcome.of_outgoing(was_confirmed=True, we_hung_up=True) == outcome.TALKED
    assert outcome.of_outgoing(was_confirmed=False, we_hung_up=True) == outcome.GAVE_UP
    assert outcome.of_outgoing(was_confirmed=False, we_hung_up=False) == outcome.NOT_ANSWERED
