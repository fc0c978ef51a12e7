"""The caller's INVITE and what he is told of it: his offer, our 200, and what he says to that.

Theory. A call is answered once: by a recipient who is accepted, or by the flow that has something to say. From the
moment that this is decided the call counts as answered for whoever asks what to do next (Call.is_answered). To the
caller it is only when our 200 has left (Call.is_told_so), which a reliable provisional of ours may hold back until
its PRACK (RFC 3262 §5): till then he may still give up, and then nobody has answered.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from b2bua.calls import reasons
from b2bua.calls.keys import key_in
from b2bua.calls.record import CallOutcome, RecipientOutcome
from b2bua.calls.state import State
from sip_stack.body import description_in
from sip_stack.errors import RemoteError
from sip_stack.events import Acknowledged, Cancelled, NeverAcknowledged, NeverReceived, Received
from sip_stack.message import Request
from sip_stack.sdp import Session as Description
from sip_stack.session_timer import agree_as_server

if TYPE_CHECKING:
    from b2bua.calls.call import Call


class Answering:
    """The caller's side of a call, as far as his INVITE goes. Told by its call of what the stack says of it."""

    __slots__ = ("_call",)

    def __init__(self, call: Call) -> None:
        self._call = call

    def read_offer(self) -> None:
        """Raises RemoteError for an offer that cannot be read, or that has nothing to be relayed."""
        call, request = self._call, self._call.server.request
        offer = description_in(request)
        if offer is not None:
            call.offer = call.first_offer = offer
            if all(medium.is_rejected for medium in offer.media):
                raise RemoteError(488, "the offer has no medium that could be relayed")
            call.caller.exchange.receive_offer(offer)

    def answer(self, body: bytes, now: float) -> None:
        """Send the caller his 200."""
        call = self._call
        call.is_answered = True
        exchange = call.caller.exchange
        if exchange.local is None:  # else he has his answer, or we have his
            if call.offer is not None:
                exchange.send_answer(body)
            else:
                exchange.send_offer(body)
        agreement, timer_fields = agree_as_server(call.server.request, call.plan.timer)
        fields = [
            ("Allow", call.switchboard.allow),
            ("Supported", "timer"),
            *timer_fields,
            ("Server", call.stack.product),
        ]
        call.server.answer(now, fields=fields, body=body)
        session = call.server.early_session()
        call.caller.session = session
        session.local_body = exchange.local or body
        session.agree(agreement, now)

    def take_back(self) -> None:
        """Somebody has answered, but the caller was never told: to him nobody has."""
        call = self._call
        if call.winner is not None:
            call.winner.record.outcome = RecipientOutcome.CALLER_HUNG_UP
        call.record.answered_by = call.record.answered_leg = call.record.answered_at = None

    def takes_key(self, request: Request, now: float) -> bool:
        """Whether an INFO of the caller is a key for the flow that he is in, which it then gets."""
        call = self._call
        key = key_in(request) if call.state is State.RINGING and call.is_answered else ""
        if key:
            call.walk.key(key, now)
        return bool(key)

    def answered_early(self, answer: Description, now: float) -> None:
        """The caller's PRACK has answered our offer."""
        if all(medium.is_rejected for medium in answer.media):
            self._call.ending.refuse(488, now, detail="the caller takes nothing of what we offer")
        else:
            self._call.early.offer_is_answered(answer, now)

    # From the stack.

    def on_cancelled(self, event: Cancelled, now: float) -> None:
        if event.server is self._call.server:
            self._call.ending.abandoned(event.request.get_all("reason"), now)

    def on_acknowledged(self, event: Acknowledged, now: float) -> None:
        call = self._call
        if event.server is not call.server:
            call.crossing.acknowledged(event, now)
        elif call.early.has_offered or call.server.is_renegotiated:
            call.crossing.align(now)
        else:
            self._take_answer_in_ack(event, now)

    def _take_answer_in_ack(self, event: Acknowledged, now: float) -> None:
        call, request = self._call, event.request
        if call.offer is not None or call.is_over:
            return
        try:
            answer = description_in(request)
            if answer is None:
                raise RemoteError(400, "ACK without the answer that our offer is due")
        except RemoteError as error:
            call.end(CallOutcome.FAILED, now, by="caller", reason=error.detail, fields=reasons.FAILED)
            return
        call.caller.exchange.receive_answer(answer)
        if call.winner is not None:
            call.media.direct(call.caller, answer, call.winner.leg.exchange.remote)
        else:
            call.announcer.answered(answer, now)

    def on_never_acknowledged(self, event: NeverAcknowledged, now: float) -> None:
        self._call.ending.never_acknowledged(now)

    def on_received(self, event: Received, now: float) -> None:
        """A PRACK."""
        call = self._call
        if event.server is not call.server:
            return
        if call.early.has_offered and call.offer is None and not event.request.body:
            # RFC 3262 §5: "If the UAC receives a reliable provisional response with an offer ... it MUST generate an
            # answer in the PRACK."
            call.ending.refuse(488, now, detail="PRACK without the answer that our offer is due")
            return
        call.announcer.go_on(now)

    def on_never_received(self, event: NeverReceived, now: float) -> None:
        # RFC 3262 §3: no PRACK in 64*T1: the request SHOULD be rejected with a 5xx.
        self.take_back()
        self._call.fork.stop(RecipientOutcome.CALLER_HUNG_UP, "", now)
        self._call.ending.refuse(504, now, detail="the caller never sent PRACK")


ANSWERING: dict[type, Callable[[Answering, Any, float], None]] = {
    Cancelled: Answering.on_cancelled,
    Acknowledged: Answering.on_acknowledged,
    NeverAcknowledged: Answering.on_never_acknowledged,
    Received: Answering.on_received,
    NeverReceived: Answering.on_never_received,
}
