"""The final response to a request within a call: its 200, with what the dialog wants said, or its refusal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from b2bua.calls.leg import Leg
from sip_stack.invite_server import InviteServer
from sip_stack.message import Request
from sip_stack.server_transaction import ServerTransaction
from sip_stack.session_timer import agree_as_server

if TYPE_CHECKING:
    from b2bua.calls.call import Call


def accept(
    call: Call, leg: Leg, request: Request, server: InviteServer | ServerTransaction, body: bytes, now: float
) -> None:
    """200 to a re-INVITE or UPDATE, with what the session timer wants said (RFC 4028 §9); or to a PRACK."""
    if request.method == "PRACK":
        assert isinstance(server, ServerTransaction)
        server.respond(200, now, body=body)
        return
    agreement, timer_fields = agree_as_server(request, call.plan.timer)
    assert leg.session is not None
    fields = [("Allow", call.switchboard.allow), ("Supported", "timer"), *timer_fields]
    if isinstance(server, InviteServer):
        server.answer(now, fields=fields, body=body)
    else:
        server.respond(200, now, fields=[("Contact", leg.session.dialog.contact), *fields], body=body)
    if agreement is not None:
        leg.session.agree(agreement, now)


def refuse(
    server: InviteServer | ServerTransaction,
    status: int,
    now: float,
    reason: str = "",
    fields: Sequence[tuple[str, str]] = (),
) -> None:
    """Refuse a request, unless it has its final response. reason: the phrase, the status's own for ""."""
    if isinstance(server, InviteServer):
        server.reject(status, now, reason=reason, fields=fields)
    elif not server.is_answered:
        server.respond(status, now, reason=reason, fields=fields)
