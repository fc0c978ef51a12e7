"""A session: what goes on within a dialog, from its first reliable response to its BYE (RFC 3261 §12.2, §14, §15).

A session numbers and sends our requests, checks the peer's, keeps each INVITE apart from the next
(§14: no two at once, in either direction), acknowledges, refreshes (RFC 4028) and ends. What a request
means for the call is asked of the owner.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sip_stack.client_transaction import ClientTransaction
from sip_stack.dialog import Dialog
from sip_stack.digest import DigestClient
from sip_stack.errors import LocalError, RemoteError
from sip_stack.events import Ended, Gone, Replied, Requested
from sip_stack.flow import Flow
from sip_stack.message import Message, Request, Response
from sip_stack.outgoing import OutgoingRequest, lines
from sip_stack.refresher import Refresher
from sip_stack.sdp import parse
from sip_stack.sdp_rewriting import Origin, reject
from sip_stack.server_transaction import ServerTransaction
from sip_stack.session_timer import Agreement
from sip_stack.timers import Timer
from sip_stack.trace import Trace

if TYPE_CHECKING:
    from sip_stack.invite_server import InviteServer
    from sip_stack.stack import EventOwner, Stack


@dataclass(slots=True)
class _Asked:
    """A request of ours that waits for its final response."""

    method: str
    fields: str
    body: bytes
    content_type: str
    tag: object
    is_retry: bool = False


_MOST_ACKNOWLEDGEMENTS = 4  # of re-INVITEs whose 2xx may still be repeated
_REFRESH = object()  # the tag of our own refreshes
_BYE = object()


class Session:
    """A dialog in use. Tells its owner Requested, Replied, Ended.

    owner None: nobody cares any more; the session only finishes what the RFC demands.
    local_body: the SDP that we last sent and that is in force, for refreshes.
    """

    __slots__ = (
        "_abandon_timer",
        "_acknowledgements",
        "_asked",
        "_bye_fields",
        "_has_ended",
        "_is_known",
        "_received_rseq",
        "_refresher",
        "_unfinished",
        "dialog",
        "digest",
        "is_confirmed",
        "local_body",
        "origin",
        "owner",
        "owns_call_id",
        "peer_allows",
        "remote_offer",
        "serving",
        "stack",
        "trace",
        "unacknowledged",
    )

    def __init__(
        self, stack: Stack, dialog: Dialog, owner: EventOwner | None, trace: Trace | None, owns_call_id: bool
    ) -> None:
        self.stack = stack
        self.dialog = dialog
        self.owner = owner
        self.trace = trace
        self.owns_call_id = owns_call_id
        self.is_confirmed = False
        self.serving: InviteServer | None = None  # the peer's INVITE that we have yet to answer
        self.unacknowledged: dict[int, InviteServer] = {}  # by CSeq: 2xx sent, ACK awaited
        self.peer_allows: frozenset[str] = frozenset()
        self.digest: DigestClient | None = None
        self._refresher: Refresher | None = None
        self.local_body = b""
        self.origin: Origin | None = None  # what our descriptions in this dialog call themselves
        self.remote_offer = b""
        self._received_rseq = 0
        self._asked: dict[ClientTransaction, _Asked] = {}
        self._unfinished: list[OutgoingRequest] = []  # offerless INVITEs of ours whose ACK waits for SDP
        self._acknowledgements: dict[int, tuple[Flow, bytes]] = {}  # by CSeq of our INVITE, the newest few
        self._abandon_timer: Timer | None = None
        self._bye_fields: str | None = None
        self._has_ended = False
        self._is_known = True
        stack.dialogs[dialog.key] = self

    # What the owner may ask for.

    @property
    def has_ended(self) -> bool:
        return self._has_ended

    @property
    def is_inviting(self) -> bool:
        """An INVITE of ours within the dialog is out, or its ACK is."""
        return bool(self._unfinished) or any(asked.method == "INVITE" for asked in self._asked.values())

    @property
    def is_invited(self) -> bool:
        """The peer's INVITE waits for our final response, or our 2xx for its ACK."""
        return (self.serving is not None and not self.serving.is_over) or bool(self.unacknowledged)

    @property
    def is_gone(self) -> bool:
        """It has ended, and a BYE of ours has been answered: nothing more comes of it."""
        return not self._is_known

    def confirm(self, message: Message) -> None:
        """A 2xx was sent or received; message is what the peer said with it."""
        self.is_confirmed = True
        if message.get("allow") is not None:
            self.peer_allows = message.tokens("allow")

    def request(
        self,
        method: str,
        now: float,
        *,
        fields: str = "",
        body: bytes = b"",
        content_type: str = "application/sdp",
        tag: object = None,
    ) -> None:
        """Send a request within the dialog; Replied tells how it came out.

        LocalError for an INVITE while another is under way in either direction (§14.1).
        """
        if self._has_ended:
            raise LocalError(f"{self!r} has ended")
        if method == "INVITE" and (self.is_inviting or self.is_invited):
            raise LocalError("an INVITE is under way in this dialog")
        self._send(_Asked(method, fields, body, content_type, tag), now)

    def acknowledge(self, now: float, body: bytes = b"", content_type: str = "application/sdp") -> None:
        """Send the ACK, with our answer, of an INVITE that we sent without an offer."""
        unfinished, self._unfinished = self._unfinished, []
        for invite in unfinished:
            self._acknowledge(invite, now, body, content_type)

    def bye(self, fields: str, now: float) -> None:
        """End the session. A caller that has yet to acknowledge our 2xx is told after its ACK.

        RFC 3261 §15: "The callee's UA MUST NOT send a BYE on a confirmed dialog until it has received
        an ACK for its 2xx response or until the server transaction times out."
        """
        if self._has_ended:
            return
        if self.unacknowledged:
            self._bye_fields = fields
            return
        self._end()
        self._send(_Asked("BYE", fields, b"", "", _BYE), now)

    def forget(self) -> None:
        """Drop the session without a word on the wire (its INVITE failed, or the dialog is gone)."""
        self._end()
        self._leave()

    def agree(self, agreement: Agreement | None, now: float) -> None:
        """Start the session timer anew as agreed (RFC 4028 §7.2, §9)."""
        if self._has_ended or (agreement is None and self._refresher is None):
            return
        if self._refresher is None:
            self._refresher = Refresher(self)
        self._refresher.agree(agreement, now)

    @property
    def agreement(self) -> Agreement | None:
        """The session timer that holds, if any."""
        return None if self._refresher is None else self._refresher.agreement

    def send_refresh(self, method: str, fields: str, body: bytes, now: float) -> None:
        """For the refresher: an UPDATE or re-INVITE that is nobody else's business."""
        self._send(_Asked(method, fields, body, "application/sdp", _REFRESH), now)

    def expire(self, now: float) -> None:
        """RFC 4028 §10: no refresh came in time, or none of ours was accepted: BYE."""
        owner = self.owner
        self.bye(lines([("Reason", 'SIP;cause=408;text="Session timer expired"')]), now)
        self.stack.emit(owner, Ended(self, None, "expired"))

    def rejection_of_offer(self) -> bytes:
        """The answer for an ACK that must refuse the offer of a 2xx (all ports 0), b"" when there is none."""
        if not self.remote_offer:
            return b""
        try:
            origin = self.origin or Origin("-", 1, self.dialog.source.host)
            return reject(parse(self.remote_offer), origin)
        except RemoteError:
            return b""

    # From the stack: the peer's requests.

    def handle_request(self, transaction: ServerTransaction, now: float) -> None:
        """A request within this dialog other than ACK and CANCEL (§12.2.2)."""
        request = transaction.request
        dialog = self.dialog
        if request.cseq < dialog.remote_cseq:
            # §12.2.2: "If the remote sequence number ... is greater than the sequence number in the
            # request, the request is out of order and MUST be rejected with a 500".
            transaction.respond(500, now, reason="CSeq Out Of Order")
            return
        dialog.remote_cseq = request.cseq
        serve = _SERVE.get(request.method)
        if self._has_ended and request.method != "BYE":
            transaction.respond(481, now)
        elif serve is not None:
            serve(self, transaction, now)
        else:
            self._ask_owner(transaction, now)

    def handle_acknowledgement(self, request: Request, now: float) -> None:
        """§13.3.1.4: the ACK of a 2xx belongs to the INVITE of its CSeq; any other is ignored."""
        server = self.unacknowledged.get(request.cseq)
        if server is not None:
            server.handle_acknowledgement(request, now)

    def _serve_bye(self, transaction: ServerTransaction, now: float) -> None:
        transaction.respond(200, now)
        was_over = self._has_ended
        self._end()
        if self.serving is not None and not self.serving.is_over:
            # §15.1.2: "the UAS ... should respond to any pending requests"; recommended: 487.
            self.serving.reject(487, now)
        for server in self.unacknowledged.values():
            server.owner = None  # the ACK that the BYE has overtaken is still due, but nobody waits for it
        if not was_over:
            self.stack.emit(self.owner, Ended(self, transaction.request, "bye"))
        self._leave_if_done()

    def _serve_invite(self, transaction: ServerTransaction, now: float) -> None:
        if self.serving is not None and not self.serving.is_over:
            # §14.2: a second INVITE before the final response to the first: 500 with Retry-After 0..10.
            seconds = str(int(self.stack.fraction() * 11))
            transaction.respond(500, now, fields=[("Retry-After", seconds)])
        elif self.is_inviting or self.unacknowledged:
            # §14.2: "A UAS that receives an INVITE on a dialog while an INVITE it had sent on that
            # dialog is in progress MUST return a 491".
            transaction.respond(491, now)
        else:
            self.dialog.refresh_target(transaction.request, transaction.source)
            if self.owner is not None:
                # §17.2.1: it may take the other leg longer than 200 ms to answer.
                transaction.respond(100, now)
            self.serving = self.stack.serve_invite(transaction, self.dialog.local_tag, self.owner, self)
            self._ask(self.serving, transaction, now)

    def _serve_update(self, transaction: ServerTransaction, now: float) -> None:
        self.dialog.refresh_target(transaction.request, transaction.source)
        self._ask_owner(transaction, now)

    def _serve_prack(self, transaction: ServerTransaction, now: float) -> None:
        if self.serving is None:
            transaction.respond(481, now)
        else:
            self.serving.handle_prack(transaction.request, transaction, now)
            if not transaction.is_answered:
                self._ask_owner(transaction, now)

    def _serve_options(self, transaction: ServerTransaction, now: float) -> None:
        transaction.respond(200, now, fields=self.stack.capabilities)

    def _ask_owner(self, transaction: ServerTransaction, now: float) -> None:
        self._ask(transaction, transaction, now)

    def _ask(
        self, server: InviteServer | ServerTransaction, transaction: ServerTransaction, now: float
    ) -> None:
        if self.owner is None:
            transaction.respond(481, now)
        else:
            self.stack.emit(self.owner, Requested(self, transaction.request, server))

    def invite_is_settled(self) -> None:
        """A peer's INVITE has its ACK, its failure, or was given up: a BYE that waited may go."""
        if self._bye_fields is not None and not self.unacknowledged:
            fields, self._bye_fields = self._bye_fields, None
            self.bye(fields, self.stack.now)
        if self._has_ended:
            self._leave_if_done()

    # From our transactions.

    def handle_response(self, transaction: ClientTransaction, response: Response, now: float) -> None:
        status = response.status
        if status < 200:
            return
        cseq = transaction.request.cseq
        known = self._acknowledgements.get(cseq) if transaction.request.method == "INVITE" else None
        if known is not None:
            self.stack.send(known[0], known[1], self.trace, now)
            return
        asked = self._asked.pop(transaction, None)
        if asked is None:
            return
        if (
            status in (401, 407)
            and not asked.is_retry
            and self._retry_with_credentials(asked, transaction, response, now)
        ):
            return
        if asked.method == "INVITE" and status < 300:
            self._reinvite_answered(asked, transaction, response, now)
        self._tell(asked, response, now)

    def handle_no_response(self, transaction: ClientTransaction, cause: str, now: float) -> None:
        asked = self._asked.pop(transaction, None)
        if asked is not None:
            self._tell(asked, None, now)

    def handle_timer(self, name: int, now: float) -> None:
        """An INVITE of ours that outlived the session was given 64*T1: it is given up."""
        self._abandon_timer = None
        for transaction in self._asked:
            self.stack.drop_client(transaction)
        self._asked.clear()
        self._leave_if_done()

    def acknowledge_reliably(self, invite_cseq: int, response: Response, now: float) -> bool:
        """PRACK a reliable provisional (RFC 3262 §4) once; False for a repeated one, or one out of order."""
        text = (response.get("rseq") or "").strip()
        if not (text.isascii() and text.isdigit() and len(text) <= 10):
            return False
        rseq = int(text)
        if self._received_rseq and rseq != self._received_rseq + 1:
            # §4: "the response MUST NOT be acknowledged with a PRACK ... if it is not one higher".
            return False
        self._received_rseq = rseq
        self._send(_Asked("PRACK", lines([("RAck", f"{rseq} {invite_cseq} INVITE")]), b"", "", _REFRESH), now)
        return True

    def _reinvite_answered(
        self, asked: _Asked, transaction: ClientTransaction, response: Response, now: float
    ) -> None:
        self.dialog.refresh_target(response, self.stack.source)
        invite = transaction.request
        if asked.body:
            self._acknowledge(invite, now, b"", "")
            return
        self._unfinished.append(invite)
        self.remote_offer = response.body
        if self._has_ended:
            self._finish_refusing(now)

    def _finish_refusing(self, now: float) -> None:
        # T25: acknowledged even when a BYE has ended the call meanwhile; an offer is refused.
        if self._unfinished:
            self.acknowledge(now, self.rejection_of_offer())

    def _tell(self, asked: _Asked, response: Response | None, now: float) -> None:
        if asked.tag is _BYE:
            self.stack.emit(self.owner, Gone(self))
            self._leave()
            return
        if self._has_ended:
            self._leave_if_done()
            return
        if asked.method == "PRACK":
            return
        if asked.tag is _REFRESH:
            assert self._refresher is not None
            self._refresher.handle_reply(response, asked.method == "INVITE" and not asked.body, now)
        else:
            self._note_refresh(asked, response, now)
            self.stack.emit(self.owner, Replied(self, response, asked.tag))
        if response is None or response.status in (408, 481):
            # §12.2.1.2: a 481 or 408, or no response at all, means that the dialog is gone: BYE it.
            owner = self.owner
            self.bye("", now)
            self.stack.emit(owner, Ended(self, None, "timeout" if response is None else str(response.status)))

    def _note_refresh(self, asked: _Asked, response: Response | None, now: float) -> None:
        """RFC 4028 §7.4: a re-INVITE or UPDATE refreshes, whatever else it was sent for."""
        is_refresh = asked.method in ("INVITE", "UPDATE") and response is not None and response.status < 300
        if is_refresh and self._refresher is not None:
            assert response is not None
            self._refresher.refreshed(response, now)

    def _retry_with_credentials(
        self, asked: _Asked, transaction: ClientTransaction, response: Response, now: float
    ) -> bool:
        if self.digest is None:
            return False
        fields = self.digest.answer(challenges(response), asked.method, transaction.request.uri, asked.body)
        if fields is None:
            return False
        kept = [line for line in asked.fields.split("\r\n") if line and "uthorization:" not in line]
        text = "".join([f"{line}\r\n" for line in kept]) + lines(fields)
        self._send(_Asked(asked.method, text, asked.body, asked.content_type, asked.tag, is_retry=True), now)
        return True

    # Within.

    def _send(self, asked: _Asked, now: float) -> None:
        stack, dialog = self.stack, self.dialog
        flow = stack.listeners.flow_of(dialog)
        via, branch = stack.listeners.via(flow)
        fields = asked.fields
        if self.digest is not None and not asked.is_retry:
            # RFC 3261 §22.3: credentials that were accepted before spare the next request its challenge.
            fields += lines(self.digest.preauthorise(asked.method, dialog.target, asked.body))
        request = dialog.request(
            asked.method, dialog.next_cseq(), via, branch, fields, asked.body, asked.content_type
        )
        transaction = ClientTransaction(stack, self, request, flow, self.trace)
        self._asked[transaction] = asked
        stack.begin(transaction, now)

    def _acknowledge(self, invite: OutgoingRequest, now: float, body: bytes, content_type: str) -> None:
        flow = self.stack.listeners.flow_of(self.dialog)
        via, branch = self.stack.listeners.via(flow)
        cseq = invite.cseq
        data = self.dialog.request("ACK", cseq, via, branch, invite.credentials, body, content_type).data
        self._acknowledgements[cseq] = (flow, data)
        if len(self._acknowledgements) > _MOST_ACKNOWLEDGEMENTS:
            del self._acknowledgements[next(iter(self._acknowledgements))]
        self.stack.send(flow, data, self.trace, now)

    def _end(self) -> None:
        self._has_ended = True
        if self._refresher is not None:
            self._refresher.stop()
        self._finish_refusing(self.stack.now)
        if self.is_inviting and self._abandon_timer is None:
            # A 2xx may still come and wants its ACK; a peer that has said 100 and then nothing is given up.
            deadline = self.stack.now + self.stack.intervals.timeout
            self._abandon_timer = self.stack.wheel.set(self, 0, deadline)

    def _leave_if_done(self) -> None:
        if not self._asked and not self.unacknowledged:
            self._leave()

    def _leave(self) -> None:
        if self._is_known:
            self._is_known = False
            self.serving = None
            self._refresher = None
            self.stack.dialogs.pop(self.dialog.key, None)

    def __repr__(self) -> str:
        return f"<session {self.dialog!r}{' ended' if self._has_ended else ''}>"


def challenges(response: Response) -> list[tuple[str, str]]:
    """The challenges of a 401 or 407, in their order, each with the name of its header."""
    return [
        (name, value) for name, value in response.fields if name in ("www-authenticate", "proxy-authenticate")
    ]


_SERVE = {
    "BYE": Session._serve_bye,
    "INVITE": Session._serve_invite,
    "UPDATE": Session._serve_update,
    "PRACK": Session._serve_prack,
    "OPTIONS": Session._serve_options,
}
