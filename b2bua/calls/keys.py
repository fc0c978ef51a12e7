"""Keys that come as SIP INFO, from gateways that know no better way (RFC 6086 names none; these are what is in use)."""

from __future__ import annotations

import re
from typing import Final

from sip_stack.message import Request

KEYS: Final = "0123456789*#ABCD"

_SIGNAL: Final = re.compile(rb"^\s*Signal\s*=\s*([0-9*#A-Da-d]{1,2})\s*$", re.IGNORECASE | re.MULTILINE)
_BY_NUMBER: Final = {b"10": "*", b"11": "#", b"12": "A", b"13": "B", b"14": "C", b"15": "D"}


def key_in(request: Request) -> str:
    """The key that an INFO tells of, "" when it tells of none.

    application/dtmf-relay carries "Signal=5" and a duration, application/dtmf the key alone. 10 and 11 are what
    some write for * and #, by the event codes of RFC 4733 §3.2.
    """
    kind = (request.get("content-type") or "").partition(";")[0].strip().lower()
    if kind == "application/dtmf-relay":
        found = _SIGNAL.search(request.body)
        written = found[1] if found is not None else b""
    elif kind == "application/dtmf":
        written = request.body.strip()
    else:
        return ""
    if written in _BY_NUMBER:
        return _BY_NUMBER[written]
    key = written.decode("ascii", "replace").upper()
    return key if len(key) == 1 and key in KEYS else ""
