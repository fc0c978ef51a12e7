"""A request of one leg that is put to the other, and what of it means something there.

Theory. What carries no offer (INFO, MESSAGE, NOTIFY and whatever else) passes as it is: its method, its body, and the
headers that speak of either. All others belong to one dialog or to one hop. The far end's answer goes back likewise,
with its own status: we never answer in its place.
"""

from __future__ import annotations

from dataclasses import dataclass

from b2bua.calls.leg import Leg
from sip_stack.invite_server import InviteServer
from sip_stack.message import Message, Request, Response
from sip_stack.outgoing import lines
from sip_stack.sdp import Session as Description
from sip_stack.server_transaction import ServerTransaction

Fields = list[tuple[str, str]]

# What of a request without SDP means something to the far end (RFC 3261 §20, RFC 6086).
_PASSED_HEADERS = (
    "Info-Package", "Recv-Info", "Content-Disposition", "Content-Encoding", "Content-Language", "Event",
    "Subscription-State", "Accept", "Date", "Subject", "Reason", "Expires", "Retry-After", "Warning",
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Passed:
    """A request of `asker` that was put to `other`, and where its answer is owed."""

    asker: Leg
    other: Leg
    request: Request
    server: InviteServer | ServerTransaction
    offer: Description | None


def pass_on(passed: Passed, now: float) -> None:
    """Send a request without an offer to the other leg, as it is. Its answer comes as Replied, tagged with it."""
    request, session = passed.request, passed.other.session
    assert session is not None
    session.request(
        request.method, now, fields=lines(_fields(request, _PASSED_HEADERS)), body=request.body,
        content_type=_content_type(request), tag=passed,
    )  # fmt: skip


def pass_back(passed: Passed, response: Response | None, now: float) -> None:
    """Answer it as the far end did; None: that one has not answered at all."""
    server = passed.server
    assert isinstance(server, ServerTransaction)
    if server.is_answered:
        return
    if response is None:
        # RFC 4320 §4.2: never a 408 for a non-INVITE: whoever asked has given up by now as well.
        server.respond(500, now)
        return
    server.respond(
        500 if response.status == 408 else response.status, now, reason=response.reason,
        fields=_fields(response, _PASSED_HEADERS), body=response.body, content_type=_content_type(response),
    )  # fmt: skip


def why_refused(response: Response | None) -> Fields:
    """What a refusal says of its reason and of a next try, for whoever is told of it on the other leg."""
    return [] if response is None else _fields(response, ("Warning", "Retry-After"))


def _fields(message: Message, names: tuple[str, ...]) -> Fields:
    return [(name, value) for name in names for value in message.get_all(name.lower())]


def _content_type(message: Message) -> str:
    return message.get("content-type") or "application/octet-stream"
