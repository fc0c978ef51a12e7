"""Offers that have crossed: the other side's 2xx brings an answer to one, or an offer when it was asked for one.

Theory. An answer goes back as ours, and both sides have agreed. An offer goes back as ours in the 200 to the re-INVITE
that had none, and its answer comes in that one's ACK (RFC 3261 §14.2); till then our own ACK to the other side waits.
Who asked may have taken his re-INVITE back by the time. Then the two sides would be told different things, so the
other one is offered, or answered, what held before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from b2bua.calls import reasons
from b2bua.calls.alone import Alone, renegotiated
from b2bua.calls.final_response import accept, refuse
from b2bua.calls.leg import Leg
from b2bua.calls.offering import Offering
from b2bua.calls.passed import Passed
from b2bua.calls.record import CallOutcome
from sip_stack.body import description_in
from sip_stack.errors import LocalError, RemoteError
from sip_stack.events import Acknowledged
from sip_stack.invite_server import InviteServer
from sip_stack.message import Response
from sip_stack.sdp import Session as Description
from sip_stack.sdp import is_answer_to
from sip_stack.sdp_rewriting import reject

if TYPE_CHECKING:
    from b2bua.calls.call import Call


class Agreeing:
    """What becomes of the 2xx of one leg to an offer of the other, or to his wish for one."""

    __slots__ = ("_alone", "_call", "_late", "_offering")

    def __init__(self, call: Call, alone: Alone, offering: Offering) -> None:
        self._call = call
        self._alone = alone
        self._offering = offering
        self._late: Passed | None = None  # an offer went back in our 200: its answer comes in the ACK

    def accepted(self, passed: Passed, response: Response, now: float) -> None:
        """A 2xx that agrees upon nothing ends the call: neither side knows any more what holds."""
        try:
            description = description_in(response)
            if description is None:
                raise RemoteError(488, "a 2xx without a session description")
            if passed.offer is None:
                self._offer_came_back(passed, description, now)
            else:
                self._answer_came_back(passed, description, now)
        except (RemoteError, LocalError) as error:
            refuse(passed.server, 500, now)
            if passed.other.session is not None:
                # Its 2xx may wait for that still, and a BYE must not come first.
                passed.other.session.acknowledge(now)
            self._call.end(CallOutcome.ANSWERED, now, by="service", reason=str(error), fields=reasons.FAILED)

    def acknowledged(self, event: Acknowledged, now: float) -> None:
        """The ACK of a re-INVITE: it brings the answer when the offer was in our 200."""
        passed, self._late = self._late, None
        if passed is None or passed.server is not event.server:
            return
        try:
            answer = description_in(event.request)
            if answer is None:
                raise RemoteError(400, "ACK without the answer that is due")
            passed.asker.exchange.receive_answer(answer)
        except RemoteError as error:
            _refuse_offer(passed.other, now)
            self._call.end(
                CallOutcome.ANSWERED, now, by="service", reason=error.detail, fields=reasons.FAILED
            )
            return
        self._answer_in_ack(passed, answer, now)

    def align(self, now: float) -> None:
        """The call is up, and the caller had agreed upon something with us before: see that the recipient agrees.

        Who was not asked is offered it now. Where he takes less than the caller does, the caller is offered that.
        """
        call, caller = self._call, self._call.caller
        leg = call.winner.leg if call.winner is not None else None
        if leg is None or not (leg.is_up and caller.is_up) or leg.exchange.remote is None or call.offer is None:
            return
        is_unsaid, self._alone.is_unsaid = self._alone.is_unsaid, False
        if is_unsaid and caller.exchange.remote is not None:
            self._offering.repeat(caller, leg, call.server.request, call.server, now)
        elif call.early.has_offered and _takes_less(call.offer, leg.exchange.remote):
            self._offering.repeat(leg, caller, call.server.request, call.server, now)

    # Somebody leaves.

    def abandon(self, now: float) -> None:
        """The call is over: an offer that waits for its answer is refused, since a 2xx must have its ACK."""
        late, self._late = self._late, None
        if late is not None:
            _refuse_offer(late.other, now)

    def part(self, now: float) -> None:
        """The callee has left: the caller's answer is heard out, and an offer of his is answered."""
        caller = self._call.caller
        late, self._late = self._late, None
        if late is not None and late.asker is caller:
            _refuse_offer(late.other, now)
            assert isinstance(late.server, InviteServer)
            self._alone.await_answer(late.server)
        elif late is not None and caller.exchange.offered_remote is not None:
            self._alone.answer_in_ack(caller.exchange.offered_remote, now)

    # An answer came back.

    def _answer_came_back(self, passed: Passed, answer: Description, now: float) -> None:
        passed.other.exchange.receive_answer(answer)
        if isinstance(passed.server, InviteServer) and passed.server.is_over:
            if passed.offer is not passed.asker.exchange.remote:
                self._undo(passed, now)
            else:
                self._call.media.direct(passed.other, answer, passed.offer)
            return
        body = passed.asker.describe(answer)
        passed.asker.exchange.send_answer(body)
        accept(self._call, passed.asker, passed.request, passed.server, body, now)
        self._agreed(passed)

    def _undo(self, passed: Passed, now: float) -> None:
        """The asker took his re-INVITE back while it was across: the other side is offered what held before."""
        asker, other = passed.asker, passed.other
        asker.exchange.fail()
        if asker.exchange.remote is not None and other.is_up:
            self._offering.repeat(asker, other, passed.request, passed.server, now)

    # An offer came back.

    def _offer_came_back(self, passed: Passed, offer: Description, now: float) -> None:
        passed.other.exchange.receive_offer(offer)
        if isinstance(passed.server, InviteServer) and passed.server.is_over:
            self._keep(passed, offer, now)
            return
        body = passed.asker.describe(offer)
        passed.asker.exchange.send_offer(body)
        self._late = passed
        accept(self._call, passed.asker, passed.request, passed.server, body, now)

    def _keep(self, passed: Passed, offer: Description, now: float) -> None:
        """The asker took his re-INVITE back, which had asked for this offer: it is answered as he spoke before."""
        other, before = passed.other, passed.asker.exchange.remote
        if before is None or is_answer_to(offer, before):
            _refuse_offer(other, now)
            other.exchange.fail()
            return
        self._answer_in_ack(passed, before, now)

    def _answer_in_ack(self, passed: Passed, answer: Description, now: float) -> None:
        other = passed.other
        assert other.session is not None
        body = other.describe(answer)
        other.exchange.send_answer(body)
        other.session.acknowledge(now, body)
        self._agreed(passed)

    def _agreed(self, passed: Passed) -> None:
        renegotiated(self._call)
        media = self._call.media
        for leg, other in ((passed.asker, passed.other), (passed.other, passed.asker)):
            if leg.exchange.remote is not None:
                media.direct(leg, leg.exchange.remote, other.exchange.remote, relatch=True)
            if leg.session is not None and leg.exchange.local:
                leg.session.local_body = leg.exchange.local


def _refuse_offer(leg: Leg, now: float) -> None:
    """Acknowledge an offer of a far end whose other side has gone: an answer is due, and it refuses all."""
    offer = leg.exchange.offered_remote
    if leg.session is not None and offer is not None:
        leg.session.acknowledge(now, reject(offer, leg.origin()))


def _takes_less(offer: Description, answer: Description) -> bool:
    """Whether something was offered that is not taken: another codec, if nothing else."""
    pairs = zip(offer.media, answer.media, strict=False)
    return any(set(offered.formats) - set(taken.formats) for offered, taken in pairs)
