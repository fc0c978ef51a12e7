"""Offers that cross: what one side offers in a re-INVITE, UPDATE or PRACK becomes our offer to the other.

Theory. An offer passes on when the other side can take one: it is up, and no exchange of its own is open (RFC 3261
§14.1, RFC 3311 §5.1). For more media than the legs have ports for, the relay is asked first, and the offer waits.

Before the call is answered, an offer of the caller (UPDATE, or in a PRACK) is put to whom he hears, if that one has
agreed with us reliably. Otherwise we answer it: for ourselves where he hears us, else with what he was told before,
as far as it answers the new offer. A PRACK is no request to be refused lightly: another one would belong to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from b2bua.calls.alone import Alone
from b2bua.calls.final_response import accept, refuse
from b2bua.calls.leg import Leg
from b2bua.calls.passed import Passed, why_refused
from sip_stack.body import description_in
from sip_stack.errors import RemoteError
from sip_stack.events import Requested
from sip_stack.invite_server import InviteServer
from sip_stack.message import Request, Response
from sip_stack.outgoing import lines
from sip_stack.sdp import Session as Description
from sip_stack.server_transaction import ServerTransaction
from sip_stack.session_timer import refuse_too_small

if TYPE_CHECKING:
    from b2bua.calls.call import Call


class Offering:
    """The offers of one call that are on their way from one leg to the other. What has left stands in `passed`."""

    __slots__ = ("_alone", "_call", "_passed", "_waiting")

    def __init__(self, call: Call, alone: Alone, passed: list[Passed]) -> None:
        self._call = call
        self._alone = alone
        self._passed = passed
        self._waiting: Passed | None = None  # until the relay has lent what more media need

    # An offer comes. All of these raise RemoteError for one that is to be refused.

    def prack(self, leg: Leg, other: Leg | None, event: Requested, now: float) -> None:
        """RFC 3262 §5: a PRACK may bring the answer to our offer, or an offer that follows on the answer."""
        description, exchange = description_in(event.request), leg.exchange
        if exchange.local is None and exchange.offered_local is not None:
            if description is not None:
                exchange.receive_answer(description)
                accept(self._call, leg, event.request, event.server, b"", now)
                self._call.answering.answered_early(description, now)
                return
            raise RemoteError(488, "PRACK without the answer that our offer is due")
        if description is None:
            accept(self._call, leg, event.request, event.server, b"", now)
        else:
            self._offered(leg, other, event, description, now)

    def refresh(self, leg: Leg, other: Leg | None, event: Requested, now: float) -> None:
        """A re-INVITE or UPDATE, with or without an offer."""
        request, server = event.request, event.server
        refused = refuse_too_small(request, self._call.plan.timer)
        if refused is not None:
            raise refused
        offer = description_in(request)
        if offer is not None:
            self._offered(leg, other, event, offer, now)
        elif request.method == "UPDATE":
            accept(self._call, leg, request, server, b"", now)
        else:
            self._offer_wanted(leg, other, event, now)

    def _offered(
        self, leg: Leg, other: Leg | None, event: Requested, offer: Description, now: float
    ) -> None:
        request, server, call = event.request, event.server, self._call
        if leg is call.caller and not call.server.is_described:
            # RFC 3311 §5.1, RFC 3262 §5: no other offer before the INVITE's own has its answer. Ours may be decided
            # on, and wait for his PRACK: he cannot know.
            fields = (("Retry-After", str(leg.exchange.retry_after)),)
            raise RemoteError(500, "an offer before the first has its answer", fields=fields)
        leg.exchange.receive_offer(offer)
        if leg.exchange.remote is not None and leg.exchange.local and offer.is_same_as(leg.exchange.remote):
            # TMR-3: nothing new: a refresh concerns this dialog alone.
            local = leg.origin().say_again(leg.exchange.local)
            leg.exchange.send_answer(local)
            accept(self._call, leg, request, server, local, now)
            return
        if other is None and leg is call.caller and (call.is_answered or call.early.hears_us):
            self._alone.answer(leg, offer, request, server, now)
            return
        if leg is call.caller and not call.is_answered and (other is None or other.exchange.local is None):
            self._alone.answer_as_before(leg, request, server, now)
            return
        if other is None or not other.is_up or self._is_busy(other):
            if request.method == "PRACK":
                self._alone.answer_as_before(leg, request, server, now)
                return
            leg.exchange.fail()
            raise RemoteError(491, "the other leg is busy with an offer")
        passed = Passed(leg, other, request, server, offer)
        lacking = [each for each in (leg, other) if each.lacks(offer)]
        if lacking:
            self._waiting = passed
            self._call.media.reserve_more(lacking, len(offer.media))
            self._call.lending.await_more(now)
        else:
            self._pass(passed, offer, now)

    def _offer_wanted(self, leg: Leg, other: Leg | None, event: Requested, now: float) -> None:
        """SDP-8: asked for an offer, we ask the other side for one; it is no hold."""
        if other is None and leg is self._call.caller and self._call.is_answered and not leg.exchange.is_open:
            self._alone.offer(leg, event, now)
            return
        if other is None or not other.is_up or self._is_busy(other) or leg.exchange.is_open:
            raise RemoteError(491, "the other leg is busy with an offer")
        assert other.session is not None
        if not other.session.is_confirmed:
            raise RemoteError(491, "no INVITE fits into a dialog that has not had its first answered")
        passed = Passed(leg, other, event.request, event.server, None)
        self._passed.append(passed)
        other.session.request("INVITE", now, fields=self._target_refresh(other), tag=passed)

    # The relay is asked for more.

    def lent(self, now: float) -> bool:
        """The relay has lent something; whether it is what a re-INVITE with more media waits for, or none waits."""
        passed = self._waiting
        if passed is None or passed.offer is None:
            return True
        if passed.asker.lacks(passed.offer) or passed.other.lacks(passed.offer):
            return False
        self._waiting = None
        self._pass(passed, passed.offer, now)
        self._call.server.go_on(now)
        return True

    def not_lent(self, now: float) -> bool:
        """The relay has nothing for a re-INVITE with more media; False when none waits for it."""
        passed, self._waiting = self._waiting, None
        if passed is None:
            return False
        passed.asker.exchange.fail()
        refuse(passed.server, 488, now)
        self._call.server.go_on(now)
        return True

    def take_waiting(self, leg: Leg | None = None) -> list[Passed]:
        """What waits for the relay, and waits no more; with a leg: if that one asked it, or was to be asked."""
        passed = self._waiting
        if passed is None or (leg is not None and leg not in (passed.asker, passed.other)):
            return []
        self._waiting = None
        return [passed]

    # It goes to the other side.

    def _is_busy(self, other: Leg) -> bool:
        session = other.session
        assert session is not None
        # RFC 3311 §5.1: the INVITE of an early dialog is in nobody's way once its offer has its answer.
        is_early = not session.is_confirmed and self._call.server.is_described
        is_invited = session.is_invited and not is_early
        return session.is_inviting or is_invited or other.exchange.is_open or self._waiting is not None

    def _pass(self, passed: Passed, offer: Description, now: float) -> None:
        other, session = passed.other, passed.other.session
        if session is None or session.has_ended or self._is_busy(other):
            self.decline(passed, 491, now)
            return
        allows = "UPDATE" in session.peer_allows or (not session.is_confirmed and other is not self._call.caller)
        if not allows and not session.is_confirmed:
            self.decline(passed, 488 if passed.request.method == "UPDATE" else 491, now)
            return
        is_update = allows and (passed.request.method != "INVITE" or not session.is_confirmed)
        self._alone.is_unsaid = False
        self._send(passed, offer, "UPDATE" if is_update else "INVITE", now)

    def repeat(
        self, asker: Leg, other: Leg, request: Request, server: InviteServer | ServerTransaction, now: float
    ) -> None:
        """Offer to one side what the other has said before; the server has its final response."""
        offer = asker.exchange.remote
        assert offer is not None and other.session is not None
        if not self._is_busy(other):
            method = "INVITE" if other.session.is_confirmed else "UPDATE"
            self._send(Passed(asker, other, request, server, offer), offer, method, now)

    def _send(self, passed: Passed, offer: Description, method: str, now: float) -> None:
        other = passed.other
        assert other.session is not None
        body = other.describe(offer)
        other.exchange.send_offer(body)
        self._passed.append(passed)
        other.session.request(method, now, fields=self._target_refresh(other), body=body, tag=passed)

    def _target_refresh(self, leg: Leg) -> str:
        assert leg.session is not None
        fields = [
            ("Contact", leg.session.dialog.contact),
            ("Allow", self._call.switchboard.allow),
            ("Supported", "timer"),
        ]
        agreement = leg.session.agreement
        if agreement is not None:
            refresher = "uac" if agreement.we_refresh else "uas"
            fields.append(("Session-Expires", f"{agreement.interval};refresher={refresher}"))
        return lines(fields)

    # It is refused.

    def refused(self, passed: Passed, response: Response | None, now: float) -> None:
        """By the other side; None: that one has not answered at all."""
        if passed.offer is not None:
            passed.other.exchange.fail()
            if passed.request.method == "PRACK":
                self.decline(passed, 488, now)
                return
            passed.asker.exchange.fail()
        status = 408 if response is None else response.status
        refuse(passed.server, 500 if status == 408 else status, now, "", why_refused(response))

    def decline(self, passed: Passed, status: int, now: float) -> None:
        """What was to be passed on is not, or was lost on its way. A PRACK is answered as well as may be."""
        asker = passed.asker
        if passed.request.method == "PRACK" and asker.session is not None and not asker.session.has_ended:
            try:
                self._alone.answer_as_before(asker, passed.request, passed.server, now)
            except RemoteError as error:
                refuse(passed.server, error.status, now)
            return
        if passed.offer is not None:
            asker.exchange.fail()
        refuse(passed.server, status, now)
