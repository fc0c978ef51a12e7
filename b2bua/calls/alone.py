"""The caller and we, and nobody else: what holds between us, and what becomes of an offer that nobody is asked about.

Theory. Most offers cross to the other leg (offering.py). Some cannot: the caller hears a menu or our ringing tone; the
recipient has left and the flow goes on; or it still rings, and whom the caller hears can take no offer yet. Then we
answer: with what prompts are played in, or else with what the caller was told before, as far as it answers the new
offer. What a recipient was not asked about is kept in mind, to be offered to him when the call is up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from b2bua.calls.final_response import accept
from b2bua.calls.leg import Leg
from sip_stack.body import description_in
from sip_stack.errors import RemoteError
from sip_stack.events import Acknowledged, Requested
from sip_stack.invite_server import InviteServer
from sip_stack.message import Request, Response
from sip_stack.sdp import Session as Description
from sip_stack.sdp import parse
from sip_stack.sdp_narrowing import answer_as_before
from sip_stack.sdp_rewriting import reject
from sip_stack.server_transaction import ServerTransaction

if TYPE_CHECKING:
    from b2bua.calls.call import Call


class Alone:
    """What the caller agrees upon with us alone.

    is_unsaid: he has offered something before the call was answered that no recipient was asked about.
    """

    __slots__ = ("_awaited", "_call", "is_unsaid")

    def __init__(self, call: Call) -> None:
        self._call = call
        self._awaited: InviteServer | None = None  # our 200 to this re-INVITE had an offer: the ACK has the answer
        self.is_unsaid = False

    def forget(self) -> None:
        """The call is over."""
        self._awaited = None

    # He has answered.

    def await_answer(self, server: InviteServer) -> None:
        """The ACK of this re-INVITE brings the answer to an offer of ours."""
        self._awaited = server

    def acknowledged(self, event: Acknowledged) -> bool:
        """The ACK of a re-INVITE; False when no answer to us is due in it."""
        if self._awaited is None or self._awaited is not event.server:
            return False
        self._awaited = None
        caller = self._call.caller
        try:
            answer = description_in(event.request)
            if answer is None:
                raise RemoteError(400, "ACK without the answer that is due")
        except RemoteError:
            caller.exchange.fail()  # what held before still does
            return True
        caller.exchange.receive_answer(answer)
        self._settled()
        return True

    def replied(self, method: str, had_offer: bool, response: Response | None, now: float) -> None:
        """He has answered what a callee had asked who is gone."""
        caller = self._call.caller
        if method not in ("INVITE", "UPDATE"):
            return
        try:
            is_taken = response is not None and response.status < 300
            description = description_in(response) if is_taken and response is not None else None
            if not had_offer and description is not None:
                caller.exchange.receive_offer(description)
                self.answer_in_ack(description, now)
            elif had_offer and description is not None:
                caller.exchange.receive_answer(description)
                self._settled()
            else:
                caller.exchange.fail()
        except RemoteError:
            caller.exchange.fail()

    def _settled(self) -> None:
        """Something new holds between the caller and us: whoever is connected to him, or speaks to him, goes by it."""
        call, caller = self._call, self._call.caller
        renegotiated(call)
        if caller.session is not None and caller.exchange.local:
            caller.session.local_body = caller.exchange.local
        if caller.exchange.remote is None:
            return
        winner = call.winner
        told = winner.leg.exchange.remote if winner is not None else None
        call.media.direct(caller, caller.exchange.remote, told, relatch=True)
        if winner is None and call.is_answered:
            call.announcer.agree()

    # He has offered.

    def answer_in_ack(self, offer: Description, now: float) -> None:
        """The caller's 2xx has brought an offer that somebody had asked for who is gone."""
        caller = self._call.caller
        assert caller.session is not None
        body = self._call.announcer.agree_again(offer) or reject(offer, caller.origin())
        caller.exchange.send_answer(body)
        caller.session.local_body = body
        caller.session.acknowledge(now, body)

    def answer(
        self, leg: Leg, offer: Description, request: Request, server: InviteServer | ServerTransaction, now: float
    ) -> None:
        """The caller changes his media while he hears us and nobody else (a menu, our ringing tone)."""
        body = self._call.announcer.agree_again(offer) if not leg.lacks(offer) else b""
        if not body:
            leg.exchange.fail()
            raise RemoteError(488, "nothing in the offer that prompts could be played in")
        self._send_answer(leg, body, request, server, now)

    def answer_as_before(
        self, leg: Leg, request: Request, server: InviteServer | ServerTransaction, now: float
    ) -> None:
        """The caller's new offer is put to nobody: what he was told holds for it too, as far as it answers it."""
        offer, said = leg.exchange.offered_remote, leg.exchange.local
        assert offer is not None and said is not None
        answer = answer_as_before(parse(said), offer)
        if answer is None:
            leg.exchange.fail()
            raise RemoteError(488, "nothing in the offer that was agreed upon before")
        self._send_answer(leg, leg.describe(answer), request, server, now)
        self.is_unsaid = True
        self._call.media.direct(leg, offer, relatch=True)

    def _send_answer(
        self, leg: Leg, body: bytes, request: Request, server: InviteServer | ServerTransaction, now: float
    ) -> None:
        assert leg.session is not None
        leg.exchange.send_answer(body)
        leg.session.local_body = body  # which is what a refresh is to say from now on
        accept(self._call, leg, request, server, body, now)
        renegotiated(self._call)

    # He asks for an offer.

    def offer(self, leg: Leg, event: Requested, now: float) -> None:
        """The caller asks for an offer while he hears us and nobody else: what holds is offered anew."""
        server, body = event.server, leg.exchange.local
        assert isinstance(server, InviteServer)
        if not body:
            raise RemoteError(491, "nothing holds yet that could be offered anew")
        body = leg.origin().say_again(body)
        leg.exchange.send_offer(body)
        self._awaited = server
        accept(self._call, leg, event.request, server, body, now)


def renegotiated(call: Call) -> None:
    """Something new holds in the caller's dialog: no response to his INVITE describes what held before."""
    if not call.server.is_over:
        call.server.renegotiated()
