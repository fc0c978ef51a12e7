"""Why a leg is stopped, as the phone is told (RFC 3326), so that it logs a missed call or does not."""

from __future__ import annotations

from sip_stack.outgoing import lines

_ELSEWHERE = [
    ("Reason", 'SIP;cause=200;text="Call completed elsewhere"'),
    ("Reason", 'Q.850;cause=26;text="Non-selected user clearing"'),
]

COMPLETED_ELSEWHERE = lines(_ELSEWHERE)
NO_ANSWER = lines([("Reason", 'Q.850;cause=19;text="No answer from user"')])
NO_ACK = lines([("Reason", 'Q.850;cause=102;text="Recovery on timer expiry"')])
MEDIA_TIMEOUT = lines([("Reason", 'Q.850;cause=102;text="Media timeout"')])
TIME_LIMIT = lines([("Reason", 'Q.850;cause=102;text="Call duration limit"')])
FAILED = lines([("Reason", 'Q.850;cause=127;text="Interworking, unspecified"')])
SHUTDOWN = lines([("Reason", 'Q.850;cause=41;text="Service stopped"')])
HUNG_UP = lines([("Reason", 'Q.850;cause=16;text="Normal call clearing"')])


def passed_on(values: list[str]) -> str:
    """A peer's Reason headers as lines for the other leg."""
    return "".join([f"Reason: {value}\r\n" for value in values if value])
