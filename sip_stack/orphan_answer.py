"""An answer to an INVITE that nobody here knows: of a process that was killed, as a rule.

Whoever answered repeats his 2xx for 64*T1 and then believes himself in a call, or in none, for as long as he
likes. RFC 3261 §13.2.2.4 owes every 2xx an ACK, and §15 ends what is not wanted: so he gets both. All that they
need stands in the 2xx itself. They go where it came from and nowhere else, a few a second, so that nobody can have
us shout at others.
"""

from __future__ import annotations

from typing import Final

from sip_stack.dialog import Dialog, contact_uri
from sip_stack.flow import Flow
from sip_stack.message import Response

MOST_A_SECOND: Final = 20.0
AT_ONCE: Final = 20.0
REASON: Final = 'Reason: SIP;cause=481;text="Call does not exist any more"\r\n'


class OrphanLimit:
    """A bucket of so many orphans at once, filled again at MOST_A_SECOND."""

    __slots__ = ("_at", "_left")

    def __init__(self) -> None:
        self._at = 0.0
        self._left = AT_ONCE

    def may_answer(self, now: float) -> bool:
        self._left = min(AT_ONCE, self._left + (now - self._at) * MOST_A_SECOND)
        self._at = now
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True


def is_orphan(response: Response) -> bool:
    """Whether ACK and BYE are due, and there is all that they need."""
    return (
        200 <= response.status < 300
        and response.cseq_method == "INVITE"
        and bool(response.to_tag)
        and bool(response.from_tag)
        and bool(contact_uri(response))
    )


def dialog_of_orphan(response: Response, source: Flow, contact: str) -> Dialog:
    """The dialog that the 2xx speaks of, all of whose requests go by the flow that it came by."""
    dialog = Dialog(
        response.call_id,
        response.from_tag,
        response.to_tag,
        response.from_value,
        response.to_value,
        contact_uri(response),
        tuple(reversed(response.values("record-route"))),
        response.cseq,
        0,
        source,
        contact,
        nat=True,
    )
    dialog.flow = source
    return dialog
