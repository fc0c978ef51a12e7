"""How a call ended, in the words in which a phone would list it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

TALKED: Final = "talked"  # it was answered here
MISSED: Final = "missed"  # it rang here and nobody took it anywhere: the phone shows a missed call
ANSWERED_ELSEWHERE: Final = "answered elsewhere"  # it rang here and another took it: no missed call
DECLINED: Final = "declined"
BUSY: Final = "busy"
NOT_ANSWERED: Final = "not answered"  # our outgoing call failed
GAVE_UP: Final = "gave up"  # we hung up while our outgoing call rang

_CAUSE = re.compile(
    r"^\s*(?P<protocol>[^\s;]+).*?;\s*cause\s*=\s*(?P<cause>\d{1,9})(?!\d)", re.IGNORECASE | re.ASCII
)
_ELSEWHERE: Final = frozenset({("sip", 200), ("q.850", 26)})
_BUSY_CODES: Final = frozenset({486, 600})


def was_answered_elsewhere(reason_headers: Iterable[str]) -> bool:
    """Whether the values of Reason (RFC 3326) say that another phone took the call.

    RFC 3326 §3.1 gives `SIP ;cause=200 ;text="Call completed elsewhere"` for it; Q.850 has cause 26,
    non-selected user clearing. The text is for people, so the cause alone is read.
    """
    for value in _separate(reason_headers):
        found = _CAUSE.match(value)
        if found and (found["protocol"].lower(), int(found["cause"])) in _ELSEWHERE:
            return True
    return False


def of_incoming(*, was_confirmed: bool, refused_with: int, reason_headers: Iterable[str]) -> str:
    """The outcome of a call that came in. `refused_with` is the final code that we sent, or 0."""
    if was_answered_elsewhere(reason_headers):
        return ANSWERED_ELSEWHERE  # also of one that we had answered too late
    if was_confirmed:
        return TALKED
    if refused_with:
        return BUSY if refused_with in _BUSY_CODES else DECLINED
    return MISSED


def of_outgoing(*, was_confirmed: bool, we_hung_up: bool) -> str:
    """The outcome of a call that we placed."""
    if was_confirmed:
        return TALKED
    return GAVE_UP if we_hung_up else NOT_ANSWERED


def _separate(reason_headers: Iterable[str]) -> Iterable[str]:
    """Single reasons: RFC 3326 §2 lets several stand in one header, apart by commas outside of quotes."""
    for value in reason_headers:
        yield from re.findall(r'(?:"(?:\\.|[^"\\])*"|[^,"])+', value)
