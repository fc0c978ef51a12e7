"""Requests within a call, passed from one leg to the other (re-INVITE, UPDATE, INFO, and whatever else).

Theory. Each leg is a dialog of its own with its own numbers, timers and offers; what crosses is the
meaning. An offer of one side becomes our offer to the other (offering.py), the answer comes back as our answer
(agreeing.py), and a refusal comes back as it is, with both sessions as before (RFC 3261 §14.1). What has no offer
passes as it is (passed.py). What concerns one dialog alone stays there: a refresh that changes nothing is answered at
once. While one exchange is on its way across, an offer from the other side meets 491: two exchanges never overlap.

Here is the front: who asks, who is to be asked, and what becomes of it when either of them leaves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from b2bua.calls.agreeing import Agreeing
from b2bua.calls.alone import Alone
from b2bua.calls.final_response import refuse
from b2bua.calls.leg import Leg
from b2bua.calls.offering import Offering
from b2bua.calls.passed import Passed, pass_back, pass_on
from sip_stack.errors import RemoteError
from sip_stack.events import Acknowledged, Replied, Requested
from sip_stack.server_transaction import ServerTransaction
from sip_stack.session import Session

if TYPE_CHECKING:
    from b2bua.calls.call import Call

_OFFERING = ("INVITE", "UPDATE", "PRACK")


class Crossing:
    """The passage between the two legs of one call."""

    __slots__ = ("_agreeing", "_call", "_offering", "_passed", "alone")

    def __init__(self, call: Call) -> None:
        self._call = call
        self._passed: list[Passed] = []  # put to the other side, no answer yet
        self.alone = Alone(call)
        self._offering = Offering(call, self.alone, self._passed)
        self._agreeing = Agreeing(call, self.alone, self._offering)

    def handle(self, leg: Leg, event: Requested | Replied, now: float) -> None:
        """A leg asks for something within its dialog, or has answered what it was asked."""
        if isinstance(event, Replied):
            self._replied(event, now)
            return
        try:
            self._requested(leg, event, now)
        except RemoteError as error:
            is_prack = event.request.method == "PRACK"
            refuse(event.server, 488 if is_prack else error.status, now, error.reason, () if is_prack else error.fields)
        self._call.server.go_on(now)

    def acknowledged(self, event: Acknowledged, now: float) -> None:
        """The ACK of a re-INVITE: it brings the answer when the offer was in our 200."""
        if not self.alone.acknowledged(event):
            self._agreeing.acknowledged(event, now)

    def lent(self, now: float) -> bool:
        """The relay has lent something; whether it is what a re-INVITE with more media waits for, or none waits."""
        return self._offering.lent(now)

    def not_lent(self, now: float) -> bool:
        """The relay has nothing for a re-INVITE with more media; False when none waits for it."""
        return self._offering.not_lent(now)

    def align(self, now: float) -> None:
        """The call is up, and the caller had agreed upon something with us before: see that the recipient agrees."""
        self._agreeing.align(now)

    # Somebody leaves.

    def abandon(self, now: float) -> None:
        """The call is over: whoever still waits for an answer is told so."""
        for passed in [*self._passed, *self._offering.take_waiting()]:
            refuse(passed.server, 487, now)
        self._agreeing.abandon(now)
        self._passed.clear()
        self.alone.forget()

    def leave(self, leg: Leg, now: float) -> None:
        """The early dialog of a leg is left or lost: nothing that was asked in it, or of it, is answered any more."""
        if leg is self._call.caller:
            self.alone.is_unsaid = False
        for passed in [each for each in self._passed if leg in (each.asker, each.other)]:
            if leg is passed.other or leg is self._call.caller:
                self._passed.remove(passed)
            # else the caller was asked, and what he answers still holds in his dialog.
            self._offering.decline(passed, 481 if passed.asker is leg else 480, now)
        for passed in self._offering.take_waiting(leg):
            self._offering.decline(passed, 481 if passed.asker is leg else 480, now)

    def leave_all_but(self, winner: Leg, now: float) -> None:
        """Somebody has the call: what others were asked, or had asked, goes no further."""
        for passed in self._passed[:]:
            for leg in (passed.asker, passed.other):
                if leg is not winner and leg is not self._call.caller:
                    self.leave(leg, now)

    def part(self, now: float) -> None:
        """The callee has left, and the flow goes on with the caller alone.

        What either had asked of the other goes no further. What the caller still owes an answer to is heard out, so
        that he and we know what holds between us.
        """
        caller = self._call.caller
        for passed in [*self._passed, *self._offering.take_waiting()]:
            is_offer = passed.request.method in ("INVITE", "UPDATE")
            refuse(passed.server, 491 if is_offer else 480, now)
            if passed.asker is caller and passed.offer is not None:
                caller.exchange.fail()
        self._passed[:] = [each for each in self._passed if each.other is caller]
        self._agreeing.part(now)

    # A request came.

    def _requested(self, leg: Leg, event: Requested, now: float) -> None:
        request = event.request
        if not self._is_of(leg, event.session):
            # An early dialog that this leg has left for another one, or never spoke in.
            is_refresh = request.method == "UPDATE" and not request.body
            refuse(event.server, 200 if is_refresh else 491, now)
            return
        other = self._other(leg)
        if request.method == "PRACK":
            self._offering.prack(leg, other, event, now)
        elif request.method == "REFER":
            # RFC 3515 §2.4.2. Transfers are not done; a REFER that is let through would be worse.
            refuse(event.server, 603, now)
        elif request.method in ("INVITE", "UPDATE"):
            self._offering.refresh(leg, other, event, now)
        elif leg is self._call.caller and self._call.answering.takes_key(request, now):
            refuse(event.server, 200, now)
        elif other is None or not other.is_up:
            refuse(event.server, 480 if other is None else 481, now)
        elif other is self._call.caller and self._call.server.is_awaiting_acknowledgement:
            # Our 200 may be lost as our 180 was: a caller who knows of no dialog would say 481, and that ends the call.
            refuse(event.server, 480, now)
        else:
            passed = Passed(leg, other, request, event.server, None)
            self._passed.append(passed)
            pass_on(passed, now)

    def _is_of(self, leg: Leg, session: Session) -> bool:
        """Whether a session is the one that a leg speaks in; the first that asks for something becomes it."""
        if leg.session is None:
            tag = session.dialog.remote_tag
            if leg is self._call.caller:
                if session is not self._call.server.session:
                    return False
            elif leg.may_enter(tag):
                leg.enter(tag)
            else:
                return False
            leg.session = session
        return leg.session is session

    def _other(self, leg: Leg) -> Leg | None:
        call = self._call
        heard = call.winner or call.early.leader
        if leg is not call.caller:
            # Once somebody is heard, what any other recipient has to say is not for the caller (FRK-18).
            is_heard = heard is None or heard.leg is leg
            return call.caller if is_heard and self._can_ask_caller() else None
        return heard.leg if heard is not None and heard.leg.session is not None else None

    def _can_ask_caller(self) -> bool:
        """He has a session, or an early dialog that he knows for certain, since he has acknowledged its answer."""
        call, caller = self._call, self._call.caller
        session = call.server.session
        if session is not None and not session.is_confirmed and call.server.is_described:
            caller.session = session
            session.peer_allows = call.server.request.tokens("allow")
        return caller.session is not None

    # The other side has answered.

    def _replied(self, event: Replied, now: float) -> None:
        passed = event.tag
        if not isinstance(passed, Passed) or passed not in self._passed:
            return
        self._passed.remove(passed)
        response = event.response
        is_refused = isinstance(passed.server, ServerTransaction) and passed.server.is_answered
        if passed.other is self._call.caller and (is_refused or not passed.asker.is_up):
            self.alone.replied(passed.request.method, passed.offer is not None, response, now)
            return
        if passed.request.method not in _OFFERING:
            pass_back(passed, response, now)
        elif response is None or response.status >= 300:
            self._offering.refused(passed, response, now)
        else:
            self._agreeing.accepted(passed, response, now)
        self._call.server.go_on(now)
