"""The Reason lines (RFC 3326): each is one header line or more, whole, and says what it is for."""

from __future__ import annotations

import re

import pytest

from b2bua.calls import reasons

# RFC 3326 §2: Reason = "Reason" HCOLON reason-value *(COMMA reason-value)
_LINE = re.compile(r'Reason: (SIP|Q\.850);cause=(\d+);text="[^"\r\n]+"')
_CAUSES = {
    "COMPLETED_ELSEWHERE": [("SIP", 200), ("Q.850", 26)],
    "NO_ANSWER": [("Q.850", 19)],
    "NO_ACK": [("Q.850", 102)],
    "MEDIA_TIMEOUT": [("Q.850", 102)],
    "TIME_LIMIT": [("Q.850", 102)],
    "FAILED": [("Q.850", 127)],
    "SHUTDOWN": [("Q.850", 41)],
    "HUNG_UP": [("Q.850", 16)],
}


@pytest.mark.parametrize("name", [name for name in vars(reasons) if name.isupper() and name[0] != "_"])
def test_every_reason_is_whole_lines_with_its_causes(name: str) -> None:
    *lines, last = getattr(reasons, name).split("\r\n")
    assert last == ""
    matches = [_LINE.fullmatch(line) for line in lines]
    assert [(match[1], int(match[2])) for match in matches if match] == _CAUSES[name]


def test_only_completed_elsewhere_hides_a_missed_call() -> None:
    """FRK-13: with any other text the phone logs one."""
    telling = [name for name in _CAUSES if "SIP;cause=200" in getattr(reasons, name)]
    assert telling == ["COMPLETED_ELSEWHERE"]


def test_a_peers_reasons_pass_as_they_came() -> None:
    values = ['SIP;cause=600;text="Busy, everywhere"', "Q.850;cause=16"]
    assert reasons.passed_on(values) == (
        'Reason: SIP;cause=600;text="Busy, everywhere"\r\nReason: Q.850;cause=16\r\n'
    )


@pytest.mark.parametrize("values", [[], [""], ["", ""]])
def test_no_reason_is_no_line(values: list[str]) -> None:
    assert reasons.passed_on(values) == ""
