"""Reaching one recipient: his INVITE goes out, another follows where that is called for, until one has come out.

Theory. It begins when it is his time and his address is known, whichever comes later. At most one INVITE counts at a
time; each refusal, silence or failure either leads to another one (another address, credentials, a redirect: see
inviting.py) or is how it came out, which his branch is told. What the trunk is to blame for its breaker is told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from b2bua.calls.best_response import Final
from b2bua.calls.inviting import Inviting
from b2bua.calls.record import RecipientOutcome
from sip_stack.events import Failed
from sip_stack.flow import Flow
from sip_stack.invite_client import InviteClient
from sip_stack.message import Response
from sip_stack.timers import Timer

if TYPE_CHECKING:
    from b2bua.calls.branch import Branch


class Calling:
    """The INVITEs of one branch. client: the one that counts. Tells its branch refused, or gives it up."""

    __slots__ = ("_branch", "_is_heard", "_is_located", "_is_started", "_timer", "client", "inviting")

    def __init__(self, branch: Branch) -> None:
        self._branch = branch
        self.inviting = Inviting(branch)
        self.client: InviteClient | None = None
        self._is_heard = False  # any response at all
        self._is_located = False
        self._is_started = False
        self._timer: Timer | None = None  # by which he counts as not reachable, if he is not heard

    # From the branch.

    def begin(self, now: float) -> None:
        """It is his time."""
        self._is_started = True
        self._start(now)

    def located(self, targets: list[Flow], now: float) -> None:
        """Where the recipient's server is, best first; empty when it was not found."""
        self.inviting.targets = list(targets)
        self._is_located = True
        if targets:
            self._start(now)
        elif not self._follow_next(now):
            self._give_up(Final(480, is_real=False), "address not found", now)

    def heard(self, status: int) -> None:
        """A response to the INVITE that counts."""
        self._is_heard = True
        self.cancel_timer()
        if status == 180 or 200 <= status < 300:  # a 183 may be the trunk's own, on its way to a 503
            self._trunk_lives()

    def failed(self, event: Failed, now: float) -> None:
        """The INVITE that counts has failed, while he may still be rung."""
        if event.response is None:
            self._no_response(event.cause, now)
        elif not self._try_again(event.response, now):
            self._judge_trunk(event.response, now)
            self._branch.refused(event.response, now)

    @property
    def is_final(self) -> bool:
        """No INVITE is out."""
        return self.client is None or self.client.is_final

    def cancel_timer(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            self._branch.call.stack.wheel.cancel(timer)

    def dissolve(self) -> None:
        """Whatever the wire may still bring is the stack's alone; no ring of references stays."""
        self.cancel_timer()
        if self.client is not None:
            self.client.owner = None
            self.client = None
        del self.inviting, self._branch

    def handle_timer(self, name: int, now: float) -> None:
        self._timer = None
        self._branch.call.guard(Calling._is_silent, self, None, now)

    # Inviting.

    def _start(self, now: float) -> None:
        branch = self._branch
        is_his_time = self._is_started and self._is_located and self.client is None
        if not is_his_time or not branch.is_open or not branch.fork.may_ring:
            return
        rests = branch.call.switchboard.breakers.resting(branch.recipient.trunk, now)
        if rests:
            self._give_up(Final(480, is_real=False), rests, now)
        else:
            self._invite(self.inviting.targets.pop(0), now)

    def _invite(self, flow: Flow, now: float, more_fields: str = "") -> None:
        branch, call, record = self._branch, self._branch.call, self._branch.record
        self._is_heard = False
        branch.leg.source_hosts = (flow.host,)
        invitation = self.inviting.next_invitation(flow, more_fields)
        self.client = InviteClient(call.stack, branch, invitation, flow, branch.trace)
        self.client.digest = self.inviting.digest_in_dialogs()
        if record.invited_at is None:
            record.invited_at = call.microseconds(now)
            record.sip_call_id = invitation.call_id
            call.notify("recipient.invited", now, recipient=record)
        if branch.recipient.unreachable_after > 0:
            self.cancel_timer()
            self._timer = call.stack.wheel.set(self, 0, now + branch.recipient.unreachable_after)
        self.client.start(now)

    def _try_again(self, response: Response, now: float) -> bool:
        """Whether another INVITE was sent for this failure, or will be when its address is known."""
        assert self.client is not None
        again = self.inviting.after(response, self.client)
        if again is not None:
            self._invite(again.flow, now, again.fields)
            return True
        if response.status < 400:
            self.inviting.redirected(response)
        return self._follow_next(now)

    def _follow_next(self, now: float) -> bool:
        uri = self.inviting.next_redirect()
        if not uri:
            return False
        self.client, self._is_located = None, False
        self._branch.call.locate(self._branch, uri, now)
        return True

    def _is_silent(self, _: None, now: float) -> None:
        branch = self._branch
        if not branch.is_open or self._is_heard or self.client is None:
            return
        # Not a word for seconds: the next address of the same recipient, or none. The INVITE that is out is
        # taken back by its own machine as soon as somebody answers it.
        self.client.cancel(branch.fork.why_stopped(""), now)
        if self.inviting.targets:
            self._invite(self.inviting.targets.pop(0), now)
        elif not self._follow_next(now):
            self._trunk_failed("no response", now)
            self._give_up(Final(408, is_real=False), "no response", now)

    def _no_response(self, cause: str, now: float) -> None:
        if self.inviting.targets and not self._branch.has_rung:
            self._invite(self.inviting.targets.pop(0), now)
        elif not self._follow_next(now):
            self._trunk_failed(cause, now)
            self._give_up(Final(408 if cause == "timeout" else 503, is_real=False), cause, now)

    def _give_up(self, final: Final, reason: str, now: float) -> None:
        self._branch.record.reason = reason
        self._branch.end(RecipientOutcome.UNREACHABLE, final, now)

    # The trunk that he is rung through.

    def _judge_trunk(self, response: Response, now: float) -> None:
        """A refusal: is it the trunk's, or has it brought the word of somebody?"""
        status = response.status
        is_his = status < 500 or (status >= 600 and self._branch.has_rung)
        if is_his and status != 408:
            self._trunk_lives()
        elif not is_his:
            seconds = (response.get("retry-after") or "").partition(";")[0].partition("(")[0].strip()
            rest = float(seconds) if seconds.isascii() and seconds.isdigit() and len(seconds) < 6 else 0.0
            self._trunk_failed(f"{status} {response.reason}".rstrip(), now, may_be_his=status >= 600, rest=rest)

    def _trunk_lives(self) -> None:
        self._branch.call.switchboard.breakers.lives(self._branch.recipient.trunk)

    def _trunk_failed(self, cause: str, now: float, may_be_his: bool = False, rest: float = 0.0) -> None:
        recipient = self._branch.recipient
        breakers = self._branch.call.switchboard.breakers
        breakers.failed(recipient.trunk, recipient.uri, cause, now, may_be_his=may_be_his, rest=rest)
