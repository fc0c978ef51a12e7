"""Requests within a call, passed from one leg to the other (re-INVITE, UPDATE, INFO, and whatever else).

Theory. Each leg is a dialog of its own with its own numbers, timers and offers; what crosses is the
meaning. An offer of one side becomes our offer to the other, the answer comes back as our answer, and a
refusal comes back as it is, with both sessions as before (RFC 3261 §14.1). What concerns one dialog
alone stays there: a refresh that changes nothing is answered at once. While one exchange is on its way
across, an offer from the other side meets 491: two exchanges never overlap.

Before the call is answered, an offer of the caller (UPDATE, or in a PRACK) is put to whom he hears, if that one has
agreed with us reliably. Otherwise we answer it: for ourselves where he hears us, else with what he was told before,
as far as it answers the new offer. A PRACK is no request to be refused lightly: another one would belong to nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from b2bua.calls import reasons
from b2bua.calls.alone import Alone, accept, description_in, renegotiated
from b2bua.calls.leg import Leg
from b2bua.calls.record import CallOutcome
from sip_stack.errors import LocalError, RemoteError
from sip_stack.events import Acknowledged, Replied, Requested
from sip_stack.invite_server import InviteServer
from sip_stack.message import Request, Response
from sip_stack.outgoing import lines
from sip_stack.sdp import Session as Description
from sip_stack.sdp import is_answer_to
from sip_stack.sdp_rewriting import reject
from sip_stack.server_transaction import ServerTransaction
from sip_stack.session import Session
from sip_stack.session_timer import refuse_too_small

if TYPE_CHECKING:
    from b2bua.calls.call import Call

Fields = list[tuple[str, str]]

_OFFERING = ("INVITE", "UPDATE", "PRACK")

# What of a request without SDP means something to the far end (RFC 3261 §20, RFC 6086).
_PASSED_HEADERS = (
    "Info-Package", "Recv-Info", "Content-Disposition", "Content-Encoding", "Content-Language", "Event",
    "Subscription-State", "Accept", "Date", "Subject", "Reason", "Expires", "Retry-After", "Warning",
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class _Passed:
    """A request of `asker` that was put to `other`, and where its answer is owed."""

    asker: Leg
    other: Leg
    request: Request
    server: InviteServer | ServerTransaction
    offer: Description | None


class Crossing:
    """The passage between the two legs of one call."""

    __slots__ = ("_call", "_late", "_passed", "_waiting", "alone")

    def __init__(self, call: Call) -> None:
        self._call = call
        self._passed: list[_Passed] = []  # put to the other side, no answer yet
        self._waiting: _Passed | None = None  # until the relay has lent what more media need
        self._late: _Passed | None = None  # an offer went back in our 200: its answer comes in the ACK
        self.alone = Alone(call)

    def handle(self, leg: Leg, event: Requested | Replied, now: float) -> None:
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
        if self.alone.acknowledged(event):
            return
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
        body = passed.other.describe(answer)
        passed.other.exchange.send_answer(body)
        assert passed.other.session is not None
        passed.other.session.acknowledge(now, body)
        self._agreed(passed, now)

    def lent(self, now: float) -> bool:
        """The relay has lent something; whether it is what a re-INVITE with more media waits for, or none waits."""
        passed = self._waiting
        if passed is None or passed.offer is None:
            return True
        if passed.asker.lacks(passed.offer) or passed.other.lacks(passed.offer):
            return False
        self._waiting = None
        self._pass_offer(passed, passed.offer, now)
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

    def abandon(self, now: float) -> None:
        """The call is over: whoever still waits for an answer is told so."""
        waiting = [self._waiting] if self._waiting is not None else []
        for passed in [*self._passed, *waiting]:
            refuse(passed.server, 487, now)
        if self._late is not None:
            _refuse_offer(self._late.other, now)
        self._passed, self._waiting, self._late = [], None, None
        self.alone.forget()

    def leave(self, leg: Leg, now: float) -> None:
        """The early dialog of a leg is left or lost: nothing that was asked in it, or of it, is answered any more."""
        if leg is self._call.caller:
            self.alone.is_unsaid = False
        for passed in [each for each in self._passed if leg in (each.asker, each.other)]:
            if leg is passed.other or leg is self._call.caller:
                self._passed.remove(passed)
            # else the caller was asked, and what he answers still holds in his dialog.
            self._declined(passed, 481 if passed.asker is leg else 480, now)
        if self._waiting is not None and leg in (self._waiting.asker, self._waiting.other):
            passed, self._waiting = self._waiting, None
            self._declined(passed, 481 if passed.asker is leg else 480, now)

    def leave_all_but(self, winner: Leg, now: float) -> None:
        """Somebody has the call: what others were asked, or had asked, goes no further."""
        for passed in self._passed[:]:
            for leg in (passed.asker, passed.other):
                if leg is not winner and leg is not self._call.caller:
                    self.leave(leg, now)

    def align(self, now: float) -> None:
        """The call is up, and the caller had agreed upon something with us before: see that the recipient agrees.

        Who was not asked is offered it now. Where he takes less than the caller does, the caller is offered that.
        """
        call, caller = self._call, self._call.caller
        leg = call.winner.leg if call.winner is not None else None
        if leg is None or not (leg.is_up and caller.is_up) or leg.exchange.remote is None or call.offer is None:
            return
        is_unsaid, self.alone.is_unsaid = self.alone.is_unsaid, False
        if is_unsaid and caller.exchange.remote is not None:
            self._offer_again(caller, leg, call.server.request, call.server, now)
        elif call.early.has_offered and _takes_less(call.offer, leg.exchange.remote):
            self._offer_again(leg, caller, call.server.request, call.server, now)

    def part(self, now: float) -> None:
        """The callee has left, and the flow goes on with the caller alone.

        What either had asked of the other goes no further. What the caller still owes an answer to is heard out, so
        that he and we know what holds between us.
        """
        caller = self._call.caller
        waiting = [self._waiting] if self._waiting is not None else []
        for passed in [*self._passed, *waiting]:
            is_offer = passed.request.method in ("INVITE", "UPDATE")
            refuse(passed.server, 491 if is_offer else 480, now)
            if passed.asker is caller and passed.offer is not None:
                caller.exchange.fail()
        self._passed, self._waiting = [each for each in self._passed if each.other is caller], None
        late, self._late = self._late, None
        if late is not None and late.asker is caller:
            _refuse_offer(late.other, now)
            assert isinstance(late.server, InviteServer)
            self.alone.await_answer(late.server)
        elif late is not None and caller.exchange.offered_remote is not None:
            self.alone.answer_in_ack(caller.exchange.offered_remote, now)

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
            self._described_in_prack(leg, other, event, now)
        elif request.method == "REFER":
            # RFC 3515 §2.4.2. Transfers are not done; a REFER that is let through would be worse.
            refuse(event.server, 603, now)
        elif request.method in ("INVITE", "UPDATE"):
            self._refreshed(leg, other, event, now)
        elif leg is self._call.caller and self._call.answering.takes_key(request, now):
            refuse(event.server, 200, now)
        elif other is None or not other.is_up:
            refuse(event.server, 480 if other is None else 481, now)
        elif other is self._call.caller and self._call.server.is_awaiting_acknowledgement:
            # Our 200 may be lost as our 180 was: a caller who knows of no dialog would say 481, and that ends the call.
            refuse(event.server, 480, now)
        else:
            self._pass_plain(_Passed(leg, other, request, event.server, None), now)

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

    def _described_in_prack(self, leg: Leg, other: Leg | None, event: Requested, now: float) -> None:
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

    def _refreshed(self, leg: Leg, other: Leg | None, event: Requested, now: float) -> None:
        """A re-INVITE or UPDATE, with or without an offer."""
        request, server = event.request, event.server
        refused = refuse_too_small(request, self._call.plan.timer)
        if refused is not None:
            raise refused
        offer = description_in(request)
        if offer is None:
            if request.method == "UPDATE":
                accept(self._call, leg, request, server, b"", now)
            else:
                self._pass_offerless(leg, other, event, now)
        else:
            self._offered(leg, other, event, offer, now)

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
            self.alone.answer(leg, offer, request, server, now)
            return
        if leg is call.caller and not call.is_answered and (other is None or other.exchange.local is None):
            self.alone.answer_as_before(leg, request, server, now)
            return
        if other is None or not other.is_up or self._is_busy(other):
            if request.method == "PRACK":
                self.alone.answer_as_before(leg, request, server, now)
                return
            leg.exchange.fail()
            raise RemoteError(491, "the other leg is busy with an offer")
        passed = _Passed(leg, other, request, server, offer)
        if leg.lacks(offer) or other.lacks(offer):
            self._waiting = passed
            self._call.media.reserve_more(
                [each for each in (leg, other) if each.lacks(offer)], len(offer.media)
            )
            self._call.lending.await_more(now)
        else:
            self._pass_offer(passed, offer, now)

    def _is_busy(self, other: Leg) -> bool:
        session = other.session
        assert session is not None
        # RFC 3311 §5.1: the INVITE of an early dialog is in nobody's way once its offer has its answer.
        is_early = not session.is_confirmed and self._call.server.is_described
        is_invited = session.is_invited and not is_early
        return session.is_inviting or is_invited or other.exchange.is_open or self._waiting is not None

    def _pass_offer(self, passed: _Passed, offer: Description, now: float) -> None:
        other, session = passed.other, passed.other.session
        if session is None or session.has_ended or self._is_busy(other):
            self._declined(passed, 491, now)
            return
        allows = "UPDATE" in session.peer_allows or (not session.is_confirmed and other is not self._call.caller)
        if not allows and not session.is_confirmed:
            self._declined(passed, 488 if passed.request.method == "UPDATE" else 491, now)
            return
        body = other.describe(offer)
        is_update = allows and (passed.request.method != "INVITE" or not session.is_confirmed)
        method = "UPDATE" if is_update else "INVITE"
        other.exchange.send_offer(body)
        self.alone.is_unsaid = False
        self._passed.append(passed)
        session.request(method, now, fields=self._target_refresh(other), body=body, tag=passed)

    def _pass_offerless(self, leg: Leg, other: Leg | None, event: Requested, now: float) -> None:
        """SDP-8: asked for an offer, we ask the other side for one; it is no hold."""
        if other is None and leg is self._call.caller and self._call.is_answered and not leg.exchange.is_open:
            self.alone.offer(leg, event, now)
            return
        if other is None or not other.is_up or self._is_busy(other) or leg.exchange.is_open:
            raise RemoteError(491, "the other leg is busy with an offer")
        assert other.session is not None
        if not other.session.is_confirmed:
            raise RemoteError(491, "no INVITE fits into a dialog that has not had its first answered")
        passed = _Passed(leg, other, event.request, event.server, None)
        self._passed.append(passed)
        other.session.request("INVITE", now, fields=self._target_refresh(other), tag=passed)

    def _pass_plain(self, passed: _Passed, now: float) -> None:
        request = passed.request
        fields = lines([(name, value) for name in _PASSED_HEADERS for value in request.get_all(name.lower())])
        self._passed.append(passed)
        assert passed.other.session is not None
        passed.other.session.request(
            request.method, now, fields=fields, body=request.body,
            content_type=request.get("content-type") or "application/octet-stream", tag=passed,
        )  # fmt: skip

    # The other side has answered.

    def _replied(self, event: Replied, now: float) -> None:
        passed = event.tag
        if not isinstance(passed, _Passed) or passed not in self._passed:
            return
        self._passed.remove(passed)
        response = event.response
        is_refused = isinstance(passed.server, ServerTransaction) and passed.server.is_answered
        if passed.other is self._call.caller and (is_refused or not passed.asker.is_up):
            self.alone.replied(passed.request.method, passed.offer is not None, response, now)
            return
        if passed.request.method not in _OFFERING:
            _relay_reply(passed, response, now)
        elif response is None or response.status >= 300:
            self._refused(passed, response, now)
        else:
            self._accepted(passed, response, now)
        self._call.server.go_on(now)

    def _declined(self, passed: _Passed, status: int, now: float) -> None:
        """What was to be passed on is not, or was lost on its way. A PRACK is answered as well as may be."""
        asker = passed.asker
        if passed.request.method == "PRACK" and asker.session is not None and not asker.session.has_ended:
            try:
                self.alone.answer_as_before(asker, passed.request, passed.server, now)
            except RemoteError as error:
                refuse(passed.server, error.status, now)
            return
        if passed.offer is not None:
            asker.exchange.fail()
        refuse(passed.server, status, now)

    def _refused(self, passed: _Passed, response: Response | None, now: float) -> None:
        if passed.offer is not None:
            passed.other.exchange.fail()
            if passed.request.method == "PRACK":
                self._declined(passed, 488, now)
                return
            passed.asker.exchange.fail()
        status = 408 if response is None else response.status
        refuse(passed.server, 500 if status == 408 else status, now, "", _warning(response))

    def _accepted(self, passed: _Passed, response: Response, now: float) -> None:
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

    def _answer_came_back(self, passed: _Passed, answer: Description, now: float) -> None:
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
        self._agreed(passed, now)

    def _undo(self, passed: _Passed, now: float) -> None:
        """The asker took his re-INVITE back while it was across: the other side is offered what held before."""
        asker, other = passed.asker, passed.other
        asker.exchange.fail()
        if asker.exchange.remote is not None and other.is_up:
            self._offer_again(asker, other, passed.request, passed.server, now)

    def _offer_again(
        self, asker: Leg, other: Leg, request: Request, server: InviteServer | ServerTransaction, now: float
    ) -> None:
        """Offer to one side what the other has said before; the server has its final response."""
        assert asker.exchange.remote is not None and other.session is not None
        if self._is_busy(other):
            return
        body = other.describe(asker.exchange.remote)
        other.exchange.send_offer(body)
        again = _Passed(asker, other, request, server, asker.exchange.remote)
        self._passed.append(again)
        method = "INVITE" if other.session.is_confirmed else "UPDATE"
        other.session.request(method, now, fields=self._target_refresh(other), body=body, tag=again)

    def _offer_came_back(self, passed: _Passed, offer: Description, now: float) -> None:
        passed.other.exchange.receive_offer(offer)
        if isinstance(passed.server, InviteServer) and passed.server.is_over:
            self._keep(passed, offer, now)
            return
        body = passed.asker.describe(offer)
        passed.asker.exchange.send_offer(body)
        self._late = passed
        accept(self._call, passed.asker, passed.request, passed.server, body, now)

    def _keep(self, passed: _Passed, offer: Description, now: float) -> None:
        """The asker took his re-INVITE back, which had asked for this offer: it is answered as he spoke before."""
        other, before = passed.other, passed.asker.exchange.remote
        assert other.session is not None
        if before is None or is_answer_to(offer, before):
            _refuse_offer(other, now)
            other.exchange.fail()
            return
        body = other.describe(before)
        other.exchange.send_answer(body)
        other.session.acknowledge(now, body)
        self._agreed(passed, now)

    def _agreed(self, passed: _Passed, now: float) -> None:
        renegotiated(self._call)
        media = self._call.media
        for leg, other in ((passed.asker, passed.other), (passed.other, passed.asker)):
            if leg.exchange.remote is not None:
                media.direct(leg, leg.exchange.remote, other.exchange.remote, relatch=True)
            if leg.session is not None and leg.exchange.local:
                leg.session.local_body = leg.exchange.local

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


def _refuse_offer(leg: Leg, now: float) -> None:
    """Acknowledge an offer of a far end whose other side has gone: an answer is due, and it refuses all."""
    offer = leg.exchange.offered_remote
    if leg.session is not None and offer is not None:
        leg.session.acknowledge(now, reject(offer, leg.origin()))


def _takes_less(offer: Description, answer: Description) -> bool:
    """Whether something was offered that is not taken: another codec, if nothing else."""
    pairs = zip(offer.media, answer.media, strict=False)
    return any(set(offered.formats) - set(taken.formats) for offered, taken in pairs)


def _relay_reply(passed: _Passed, response: Response | None, now: float) -> None:
    server = passed.server
    assert isinstance(server, ServerTransaction)
    if server.is_answered:
        return
    if response is None:
        # RFC 4320 §4.2: never a 408 for a non-INVITE: whoever asked has given up by now as well.
        server.respond(500, now)
        return
    fields = [(name, value) for name in _PASSED_HEADERS for value in response.get_all(name.lower())]
    server.respond(
        500 if response.status == 408 else response.status, now, reason=response.reason, fields=fields,
        body=response.body, content_type=response.get("content-type") or "application/octet-stream",
    )  # fmt: skip


def refuse(
    server: InviteServer | ServerTransaction,
    status: int,
    now: float,
    reason: str = "",
    fields: Sequence[tuple[str, str]] = (),
) -> None:
    """Refuse a request that crosses, unless it has its final response."""
    if isinstance(server, InviteServer):
        server.reject(status, now, reason=reason, fields=fields)
    elif not server.is_answered:
        server.respond(status, now, reason=reason, fields=fields)


def _warning(response: Response | None) -> Fields:
    if response is None:
        return []
    return [(name, value) for name in ("Warning", "Retry-After") for value in response.get_all(name.lower())]
