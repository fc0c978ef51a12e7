"""What the caller hears and is told before somebody has answered (FRK-15, RFC 3960).

Theory. The caller has one early dialog with us, whatever goes on among the branches. The first branch
that rings gives him one 180, and he keeps the ringback of his own trunk; what the others do is absorbed.
Where early media is wanted, the first branch that sends a description becomes the media leader: its
audio is passed to the caller, and only its. A description that was sent to the caller is his answer
(RFC 3261 §13.2.1), so that another one, be it of the next leader or of a winner who is not the leader,
comes under a new To-tag, as from another branch of a fork.

Where the step has the caller hear something of ours (a ringing tone, music), the announcer settles how, and
what he was told in the 183 stays his answer; no branch leads. A caller whom the flow has answered already has no
ringback of his trunk any more: he hears ours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from b2bua.calls.flow import Prompt, PromptKind
from b2bua.calls.recipient import DialStep, EarlyMedia
from sip_stack.body import find_sdp
from sip_stack.errors import RemoteError
from sip_stack.message import Response
from sip_stack.offer_answer import OfferAnswer
from sip_stack.sdp import Session as Description
from sip_stack.sdp import parse

if TYPE_CHECKING:
    from b2bua.calls.branch import Branch
    from b2bua.calls.call import Call


class EarlyMediaPolicy:
    """The caller's side of ringing. leader: the branch that the caller hears, if any."""

    __slots__ = ("_call", "_ours", "_said", "_told", "is_wanted", "leader")

    def __init__(self, call: Call) -> None:
        self._call = call
        self._told = 0  # status of the last provisional that the caller was sent
        self._said = b""  # the description that he was sent
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

    def _may_speak(self) -> bool:
        """RFC 3261 §13.2.1: a 183 answers an offer; where there is none, or none that we speak, it is a 180."""
        call = self._call
        return (call.is_answered or call.offer is not None) and call.announcer.agree()

    def _sound(self, now: float) -> None:
        call, ours = self._call, self._ours
        assert ours is not None
        if call.announcer.is_sounding:
            return
        if not call.is_answered and (self._told != 183 or self._said != call.announcer.description):
            self._tell(183, self.own_description(), now)
        call.announcer.play(call.sound(ours), now, repeat=0)

    def progressed(self, branch: Branch, response: Response, is_reliable: bool, now: float) -> None:
        """A 101-199 of a branch, while the call rings."""
        if self._ours is not None or self._call.is_answered:
            if self._ours is not None and response.status in (180, 181, 182, 183):
                self._sound(now)
            return
        description, before = self._description_in(branch, response, is_reliable), branch.early_answer
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
        """The caller's answer for the 200: what he was sent already, or another under a new To-tag."""
        body = self._call.announcer.description or self._call.caller.describe(answer)
        if self._said and body != self._said:
            self._new_dialog()
        return body

    def own_description(self) -> bytes:
        """What a call that we answer ourselves is answered with; under a new To-tag if he was told another."""
        body = self._call.announcer.description
        if self._said and body != self._said:
            self._new_dialog()
        self._said = body
        return body

    def _lead(self, branch: Branch, now: float) -> None:
        call = self._call
        assert branch.early_answer is not None
        self.leader = branch
        body = call.caller.describe(branch.early_answer)
        if self._said and body != self._said:
            self._new_dialog()
        self._said = body
        assert call.offer is not None
        call.media.direct(call.caller, call.offer, branch.early_answer)
        call.media.direct(branch.leg, branch.early_answer, call.offer)
        is_alone = len(call.fork.branches) == 1
        call.media.bridge(call.caller, branch.leg, a_to_b=is_alone, b_to_a=True)
        self._tell(183, body, now)

    def _new_dialog(self) -> None:
        """Go on under a new To-tag. The old early dialog is simply never confirmed (RFC 3261 §13.2.2.4)."""
        call = self._call
        call.server.leave_early_dialog(call.stack.token())
        exchange = OfferAnswer()
        offer = call.caller.exchange.offered_remote or call.caller.exchange.remote
        if offer is not None:
            exchange.receive_offer(offer)
        call.caller.exchange = exchange

    def _tell(self, status: int, body: bytes, now: float) -> None:
        call = self._call
        request = call.server.request
        is_required = "100rel" in request.tokens("require")
        is_reliable = is_required or (bool(body) and "100rel" in request.tokens("supported"))
        self._told = status
        if body and call.caller.exchange.is_open:
            call.caller.exchange.send_answer(body, is_reliable=is_reliable)
        call.server.progress(status, now, body=body, reliable=is_reliable)

    def _description_in(self, branch: Branch, response: Response, is_reliable: bool) -> Description | None:
        """The description that a provisional brought, when it can be used; a bad one is as good as none."""
        if not response.body or self._call.offer is None:
            return None
        try:
            body = find_sdp(response.get("content-type") or "", response.body)
            description = parse(body) if body is not None else None
            if description is not None and branch.leg.exchange.is_open:
                branch.leg.exchange.receive_answer(description, is_reliable=is_reliable)
        except RemoteError:
            return None
        return description
