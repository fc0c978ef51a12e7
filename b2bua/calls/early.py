"""What the caller hears and is told before somebody has answered (FRK-15, RFC 3960).

Theory. The caller has one early dialog with us, whatever goes on among the branches. The first branch
that rings gives him one 180, and he keeps the ringback of his own trunk; what the others do is absorbed.
Where early media is wanted, the first branch that sends a description becomes the media leader: its
audio is passed to the caller, and only its. A description that was sent to the caller is his answer
(RFC 3261 §13.2.1), so that another one, be it of the next leader or of a winner who is not the leader,
comes under a new To-tag, as from another branch of a fork. What he and the leader agree upon afterwards, by UPDATE
or in a PRACK, is the crossing's matter; here it only counts as said.

Where the step has the caller hear something of ours (a ringing tone, music), the announcer settles how, and
what he was told in the 183 stays his answer; no branch leads. A caller whom the flow has answered already has no
ringback of his trunk any more: he hears ours.

A caller who made no offer and requires 100rel gets ours before anybody rings, in a 183 (RFC 3262 §5), and recipients
are offered what his PRACK says that he can do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from b2bua.calls.flow import Prompt, PromptKind
from b2bua.calls.recipient import DialStep, EarlyMedia
from sip_stack.body import description_in
from sip_stack.errors import RemoteError
from sip_stack.message import Response
from sip_stack.offer_answer import OfferAnswer
from sip_stack.sdp import Session as Description
from sip_stack.sdp import parse
from sip_stack.sdp_narrowing import answer_as_before
from sip_stack.sdp_rewriting import offer_of

if TYPE_CHECKING:
    from b2bua.calls.branch import Branch
    from b2bua.calls.call import Call


class EarlyMediaPolicy:
    """The caller's side of ringing. leader: the branch that the caller hears, if any.

    has_offered: he made no offer, and has had ours in a reliable provisional.
    """

    __slots__ = ("_call", "_ours", "_then", "_told", "has_offered", "is_wanted", "leader")

    def __init__(self, call: Call) -> None:
        self._call = call
        self._told = 0  # status of the last provisional that the caller was sent
        self.has_offered = False
        self._then: Callable[[float], None] | None = None  # when he has answered that offer
        self.leader: Branch | None = None
        self.is_wanted = False  # what branches let him hear
        self._ours: Prompt | None = None  # what he hears of us, in this step

    def step_begins(self, step: DialStep, hears: Prompt | None, now: float) -> None:
        """A dial step is about to ring; the endpoints are there. What is no ringing tone sounds at once."""
        call = self._call
        mode = step.early_media
        self.leader = None
        if hears is None and (mode is EarlyMedia.RINGBACK or call.is_answered):
            hears = Prompt(PromptKind.TONE, call.plan.tones)
        self._ours = hears if hears is not None and self._may_speak() else None
        self.is_wanted = (
            self._ours is None
            and not call.is_answered
            and (mode is EarlyMedia.FIRST or (mode is EarlyMedia.SINGLE and len(step.recipients) == 1))
        )
        if self._ours is not None and self._ours.kind is not PromptKind.TONE:
            self._sound(now)

    def offer_first(self, then: Callable[[float], None], now: float) -> None:
        """The caller has made no offer: go on, after his answer to ours where he must have it first.

        RFC 3262 §5: where the INVITE had no offer, the first reliable provisional has one, and the PRACK its answer.
        """
        call = self._call
        if call.is_answered or self.has_offered or "100rel" not in call.server.request.tokens("require"):
            then(now)
            return
        self.has_offered, self._then = True, then
        end = next(end for end in call.caller.ends if end is not None)
        body = offer_of(call.plan.late_offer, end, call.caller.origin())
        call.caller.exchange.send_offer(body)
        call.server.progress(183, now, body=body, reliable=True)

    def offer_is_answered(self, answer: Description, now: float) -> None:
        """The caller's PRACK has brought the answer to our offer: recipients are offered what he can do."""
        call = self._call
        call.offer = answer
        call.media.direct(call.caller, answer)
        then, self._then = self._then, None
        if then is not None and not call.is_over:
            then(now)

    @property
    def hears_us(self) -> bool:
        """Whether what the caller hears is ours, if he hears anything."""
        return self._ours is not None

    @property
    def _said(self) -> bytes:
        """What the caller was told of us in this dialog."""
        exchange = self._call.caller.exchange
        return exchange.local or exchange.preview_local or b""

    def _may_speak(self) -> bool:
        """RFC 3261 §13.2.1: a 183 answers an offer; where there is none, or none that we speak, it is a 180."""
        call = self._call
        return (call.is_answered or call.offer is not None) and call.announcer.agree()

    def _sound(self, now: float) -> None:
        call, ours = self._call, self._ours
        assert ours is not None
        if call.announcer.is_sounding:
            return
        is_said = self.has_offered or (self._told == 183 and self._said == call.announcer.description)
        if not call.is_answered and not is_said:
            self._tell(183, self.own_description(), now)
        call.announcer.play(call.sound(ours), now, repeat=0)

    def progressed(self, branch: Branch, response: Response, is_reliable: bool, now: float) -> None:
        """A 101-199 of a branch, while the call rings."""
        if self._ours is not None or self._call.is_answered:
            if self._ours is not None and response.status in (180, 181, 182, 183):
                self._sound(now)
            return
        description, before = self._take_description(branch, response, is_reliable), branch.early_answer
        if description is not None:
            branch.early_answer = description
        may_lead = self.is_wanted and not branch.is_screened and self.leader in (None, branch)
        if may_lead and branch.early_answer is not None:
            # A leader that says something else has gone on: to a mailbox, say, under another To-tag (FRK-21).
            if description is not None and not (self.leader and before and before.is_same_as(description)):
                self._lead(branch, now)
                return
            if self._told == 183 and response.status == 180:
                # FRK-15: "a 180 after 183 is relayed": the phone rings now, and says no more than that.
                self._tell(180, b"", now)
            return
        if self._told == 0 and response.status in (180, 181, 182, 183):
            self._tell(180, b"", now)

    def keep_ringing(self, now: float) -> None:
        """A phone has answered without a word of ringing, and is still to hear something: to the caller it rings."""
        if self._ours is not None:
            self._sound(now)
        elif self._told == 0 and not self._call.is_answered:
            self._tell(180, b"", now)

    def step_is_over(self) -> None:
        """Nobody of it is heard any more."""
        self.leader = self._ours = None
        self.is_wanted = False

    def branch_ended(self, branch: Branch, now: float) -> None:
        """A branch is over while others ring: when it was the leader, the next one leads, or ringback comes back."""
        if branch is not self.leader:
            return
        self.leader = None
        self._call.crossing.leave(branch.leg, now)
        candidates = [
            each
            for each in self._call.fork.branches
            if each.is_open and not each.is_screened and each.early_answer is not None
        ]
        if candidates:
            self._lead(candidates[0], now)
        else:
            self._call.media.bridge(self._call.caller, branch.leg, a_to_b=False, b_to_a=False)
            self._tell(180, b"", now)

    def final_description(self, answer: Description) -> bytes:
        """The caller's answer for the 200: what he was sent already, or another under a new To-tag.

        b"" where the 200 has nothing to say, since the offer was ours and has its answer.
        """
        if self.has_offered:
            return b""
        if self._holds_for(answer):
            return self._said
        body = self._call.announcer.description or self._call.caller.describe(answer)
        if self._said and body != self._said:
            self._new_dialog()
        return body

    def _holds_for(self, answer: Description) -> bool:
        """Whether what was agreed upon since the INVITE is what this answer would be to the caller's newest offer."""
        exchange = self._call.caller.exchange
        if not self._call.server.is_renegotiated or exchange.remote is None or exchange.local is None:
            return False
        again = answer_as_before(answer, exchange.remote)
        return again is not None and _terms(again) == _terms(parse(exchange.local))

    def own_description(self) -> bytes:
        """What a call that we answer ourselves is answered with; under a new To-tag if he was told another."""
        if self.has_offered:
            return b""
        body = self._call.announcer.description
        if self._said and body != self._said:
            self._new_dialog()
        return body

    def _lead(self, branch: Branch, now: float) -> None:
        call = self._call
        assert branch.early_answer is not None
        self.leader = branch
        body = b"" if self.has_offered else call.caller.describe(branch.early_answer)
        if body and self._said and body != self._said:
            self._new_dialog()
        assert call.offer is not None
        call.media.direct(call.caller, call.offer, branch.early_answer)
        call.media.direct(branch.leg, branch.early_answer, call.offer)
        is_alone = len(call.fork.branches) == 1
        call.media.bridge(call.caller, branch.leg, a_to_b=is_alone, b_to_a=True)
        self._tell(183, body, now)

    def _new_dialog(self) -> None:
        """Go on under a new To-tag. The old early dialog is simply never confirmed (RFC 3261 §13.2.2.4)."""
        call = self._call
        call.crossing.leave(call.caller, call.stack.now)
        call.server.leave_early_dialog(call.stack.token())
        exchange = OfferAnswer(call.caller.exchange.retry_after)
        if call.first_offer is not None:
            exchange.receive_offer(call.first_offer)
        call.caller.leave(exchange)

    def _tell(self, status: int, body: bytes, now: float) -> None:
        call = self._call
        request = call.server.request
        is_required = "100rel" in request.tokens("require")
        is_reliable = is_required or (bool(body) and "100rel" in request.tokens("supported"))
        self._told = status
        if body and call.caller.exchange.local is None:
            call.caller.exchange.send_answer(body, is_reliable=is_reliable)
        call.server.progress(status, now, body=body, reliable=is_reliable)

    def _take_description(self, branch: Branch, response: Response, is_reliable: bool) -> Description | None:
        """The description that a provisional brought, when it can be used; a bad one is as good as none.

        So is one in a dialog that has its answer (RFC 3261 §13.2.1): what holds there may be newer.
        """
        if not response.body or self._call.offer is None:
            return None
        try:
            description = description_in(response)
            if description is not None:
                branch.enter(response.to_tag)
                if branch.leg.exchange.remote is not None:
                    return None
                branch.leg.exchange.receive_answer(description, is_reliable=is_reliable)
        except RemoteError:
            return None
        return description


def _terms(description: Description) -> list[tuple[object, ...]]:
    """What of a description the other side must go by, addresses apart."""
    return [
        (medium.kind, medium.is_rejected, medium.is_rejected or (medium.formats, medium.effective_direction))
        for medium in description.media
    ]
