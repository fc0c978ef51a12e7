"""The whole of SIP: receive, transport_failed, handle_deadline, next_deadline, and what there is to take.

Theory. The stack is given bytes, the flow that they came by, and the time; it gives bytes, events and
one deadline. It opens no socket, reads no clock and rolls no dice. Each call changes one thing; then
the driver takes `outgoing` and the one above takes `events`, to the last, before the next call is made:
so nobody is called in the middle of a change of his own.

A message is parsed once. A transaction absorbs what is repeated and passes up what is new; a dialog is
found by its identity alone, never by the source address (peers come back from other ports).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from sip_stack.capabilities import capabilities, lacking_extension
from sip_stack.client_transaction import NOBODY, ClientTransaction
from sip_stack.dialog import Key
from sip_stack.errors import MalformedMessage, RemoteError
from sip_stack.events import Asked, Event, Invited
from sip_stack.flow import Flow
from sip_stack.invite_client import InviteClient
from sip_stack.invite_server import InviteServer
from sip_stack.listeners import Listener, Listeners
from sip_stack.matching import MergeKey, ServerKey, is_same_way, merge_key, quoted_key, server_key
from sip_stack.message import Request, Response, parse
from sip_stack.orphan_answer import REASON as ORPHAN_REASON
from sip_stack.orphan_answer import OrphanLimit, dialog_of_orphan, is_orphan
from sip_stack.reply import ReplyTemplate, stateless_tag
from sip_stack.request_defect import request_defect
from sip_stack.server_transaction import Input as ServerInput
from sip_stack.server_transaction import ServerTransaction, reply_flow
from sip_stack.server_transaction import State as ServerState
from sip_stack.session import Session
from sip_stack.timers import Intervals, TimerWheel
from sip_stack.trace import Trace


class EventOwner(Protocol):
    def handle(self, event: Event, now: float) -> None: ...


class Dice(Protocol):
    """Randomness, handed in: fixed in tests."""

    def token(self) -> str: ...  # at least 64 bits of it, of token characters
    def fraction(self) -> float: ...  # 0 <= x < 1


class Stack:
    """SIP for a set of listeners. owner of Invited and Asked is `front`, set by the one above."""

    def __init__(
        self,
        listeners: Sequence[Listener],
        dice: Dice,
        *,
        intervals: Intervals | None = None,
        product: str = "Multiring",
    ) -> None:
        self.listeners = Listeners(listeners, dice.token)
        self.intervals = intervals or Intervals()
        self.product = product
        self.wheel = TimerWheel()
        self.outgoing: list[tuple[Flow, bytes]] = []
        self.events: deque[tuple[EventOwner, Event]] = deque()
        self.front: EventOwner | None = None
        self.dialogs: dict[Key, Session] = {}
        # By Call-ID and our tag, until its final response.
        self.inviting: dict[tuple[str, str], InviteClient] = {}
        self.now = 0.0
        self.source = Flow("UDP", listeners[0].name, "0.0.0.0", 0)
        self.dropped: dict[str, int] = {}  # reason -> how many messages
        self.capabilities = capabilities()
        # Asked before any state is made for a request outside of a dialog (overload, unknown sources): what
        # it returns is answered without a transaction; status 0 drops the request in silence.
        self.admit: Callable[[Request, Flow], RemoteError | None] | None = None
        # Who gets no answer to what needs no state: rubbish, requests of no dialog, a stray CANCEL.
        self.ignores: Callable[[Flow], bool] | None = None
        self._dice = dice
        self._orphans = OrphanLimit()
        self._clients: dict[tuple[str, str], ClientTransaction] = {}
        self._servers: dict[ServerKey, ServerTransaction] = {}
        self._invites: dict[str, ServerTransaction] = {}  # by branch alone
        self._merge_keys: dict[MergeKey, ServerTransaction] = {}

    # From the driver.

    def receive(self, data: bytes, source: Flow, now: float) -> None:
        """One datagram, or one message of a TCP connection. Never raises for what a peer sent."""
        self.now = now
        self.source = source
        try:
            message = parse(data)
        except MalformedMessage as error:
            self._refuse_malformed(error, data, source, now)
            return
        try:
            if isinstance(message, Response):
                self._receive_response(message, data, source, now)
            else:
                self._receive_request(message, data, source, now)
        except RemoteError as error:
            self._drop(f"{error.status} {error.reason}")
            if isinstance(message, Request) and message.method != "ACK":
                self._answer_statelessly(message, error, source, now)

    def refuse_unframed(self, head: bytes, error: RemoteError, source: Flow, now: float) -> None:
        """The head of a message in a stream whose end cannot be told (§18.3): answered, if it can be."""
        self.now = now
        self._drop(f"{error.status} {error.reason}")
        try:
            message = parse(head)
        except MalformedMessage as malformed:
            if malformed.request is None:
                return
            message = malformed.request
        if isinstance(message, Request):
            self._answer_statelessly(message, error, source, now)

    def transport_failed(self, flow: Flow, cause: str, now: float, quoted: bytes = b"") -> None:
        """ICMP said no, or a connection is refused or lost (§18.4). quoted: the datagram that ICMP quotes."""
        self.now = now
        branch, method = quoted_key(quoted)
        if branch:
            found = self._clients.get((branch, method))
            failed = [found] if found is not None else []
        else:
            failed = [tx for tx in self._clients.values() if is_same_way(tx.flow, flow)]
        for transaction in failed:
            transaction.handle_transport_error(cause, now)

    def handle_deadline(self, now: float, then: Callable[[], None] | None = None) -> None:
        """Keep all deadlines that are due; `then` is called after each (to take events)."""
        self.now = now
        self.wheel.expire(now, then)

    def next_deadline(self) -> float | None:
        return self.wheel.next_deadline()

    # For those above.

    def token(self) -> str:
        return self._dice.token()

    def fraction(self) -> float:
        return self._dice.fraction()

    def first_rseq(self) -> int:
        """RFC 3262 §3: uniformly from 1 to 2^31 - 1; kept low so that +1 never overflows."""
        return 1 + int(self._dice.fraction() * 2**16)

    def begin(self, transaction: ClientTransaction, now: float) -> None:
        self._clients[transaction.key] = transaction
        transaction.start(now)

    def drop_client(self, transaction: ClientTransaction) -> None:
        """Destroy a client transaction whose user has given up."""
        transaction.user = NOBODY
        transaction.handle_transport_error("given up", self.now)
        self._clients.pop(transaction.key, None)

    def serve_invite(
        self,
        transaction: ServerTransaction,
        local_tag: str,
        owner: EventOwner | None,
        session: Session | None,
    ) -> InviteServer:
        return InviteServer(self, transaction, local_tag, owner, session)

    def emit(self, owner: EventOwner | None, event: Event) -> None:
        if owner is not None:
            self.events.append((owner, event))

    def dispatch_events(self) -> None:
        """Hand every event to its owner, and those that come of it, to the last."""
        events = self.events
        while events:
            owner, event = events.popleft()
            owner.handle(event, self.now)

    # For transactions.

    def send(self, flow: Flow, data: bytes, trace: Trace | None, now: float) -> None:
        self.outgoing.append((flow, data))
        if trace is not None:
            trace.note(now, False, flow, data)

    def forget_client(self, transaction: ClientTransaction) -> None:
        self._clients.pop(transaction.key, None)

    def forget_server(self, transaction: ServerTransaction) -> None:
        self._servers.pop(transaction.key, None)
        if transaction.request.method == "INVITE":
            self._merge_keys.pop(merge_key(transaction.request), None)
            self._invites.pop(transaction.request.branch, None)

    # Responses.

    def _receive_response(self, response: Response, data: bytes, source: Flow, now: float) -> None:
        transaction = self._clients.get((response.branch, response.cseq_method))
        if transaction is None:
            self._drop("response to no request of ours")
            if is_orphan(response) and self._orphans.may_answer(now):
                self._end_orphan(response, source, now)
            return
        if transaction.trace is not None:
            transaction.trace.note(now, True, source, data)
        transaction.handle_response(response, now)

    def _end_orphan(self, response: Response, source: Flow, now: float) -> None:
        """§13.2.2.4: a 2xx is owed its ACK, also by whoever has forgotten the INVITE; and a BYE."""
        known = (response.call_id, response.from_tag, response.to_tag) in self.dialogs
        if known or source.local not in self.listeners:
            return
        dialog = dialog_of_orphan(response, source, self.listeners.contact(source))
        via, branch = self.listeners.via(source)
        self.send(source, dialog.request("ACK", response.cseq, via, branch).data, None, now)
        via, branch = self.listeners.via(source)
        bye = dialog.request("BYE", dialog.next_cseq(), via, branch, ORPHAN_REASON)
        self.begin(ClientTransaction(self, NOBODY, bye, source, None), now)

    # Requests.

    def _receive_request(self, request: Request, data: bytes, source: Flow, now: float) -> None:
        method = request.method
        key = server_key(request)
        known = self._servers.get(key)
        if method == "ACK":
            self._receive_acknowledgement(request, known, data, source, now)
            return
        if known is not None:
            if known.trace is not None:
                known.trace.note(now, True, source, data)
            known.handle(ServerInput.REQUEST, now)
            return
        defect = request_defect(request)
        if defect is not None:
            self._answer_statelessly(request, defect, source, now)
        elif method == "CANCEL":
            self._receive_cancel(request, key, data, source, now)
        elif request.to_tag:
            self._receive_within_dialog(request, key, data, source, now)
        else:
            self._receive_new(request, key, data, source, now)

    def _receive_acknowledgement(
        self, request: Request, known: ServerTransaction | None, data: bytes, source: Flow, now: float
    ) -> None:
        if known is not None and known.state is not ServerState.ACCEPTED:
            if known.trace is not None:
                known.trace.note(now, True, source, data)
            known.handle(ServerInput.ACK, now)
            return
        session = self.dialogs.get((request.call_id, request.to_tag, request.from_tag))
        if session is None:
            self._drop("ACK for no dialog of ours")
            return
        if session.trace is not None:
            session.trace.note(now, True, source, data)
        session.handle_acknowledgement(request, now)

    def _receive_cancel(
        self, request: Request, key: ServerKey, data: bytes, source: Flow, now: float
    ) -> None:
        invite = self._servers.get((key[0], "INVITE", key[2])) or self._moved_invite(request, source)
        server = invite.user if invite is not None else None
        if invite is None or not isinstance(server, InviteServer):
            self._refuse_stray_cancel(request, key, source, now)
            return
        transaction = self._serve(request, source, key, invite.trace, data, now)
        # §9.2: the To tag of the response to the CANCEL and of that to the INVITE "SHOULD be the same".
        transaction.respond(200, now, to_tag=server.local_tag)
        server.handle_cancel(request, now)

    def _refuse_stray_cancel(self, request: Request, key: ServerKey, source: Flow, now: float) -> None:
        """§9.2: a CANCEL that matches nothing gets 481. A stranger's leaves no state: nobody can fill us.

        One that has overtaken its INVITE is repeated, and must get the same answer again.
        """
        if self.admit is not None and self.admit(request, source) is not None:
            self._answer_statelessly(request, RemoteError(481, "a stranger's CANCEL"), source, now)
        else:
            transaction = self._serve(request, source, key, None, b"", now)
            transaction.respond(481, now, to_tag=stateless_tag(request))

    def _moved_invite(self, request: Request, source: Flow) -> ServerTransaction | None:
        """A CANCEL whose sent-by changed on the way (NAT): same branch, source, Call-ID and CSeq (T09)."""
        transaction = self._invites.get(request.branch)
        if transaction is None:
            return None
        invite = transaction.request
        is_same = invite.call_id == request.call_id and invite.cseq == request.cseq
        return transaction if is_same and transaction.source.host == source.host else None

    def _receive_within_dialog(
        self, request: Request, key: ServerKey, data: bytes, source: Flow, now: float
    ) -> None:
        session = self.dialogs.get((request.call_id, request.to_tag, request.from_tag))
        if session is None and (client := self.inviting.get((request.call_id, request.to_tag))) is not None:
            session = client.early_session(request.from_tag)
        if session is None:
            # §12.2.2: "it SHOULD ... reject the request with a 481": stateless, so that nobody can fill us.
            self._answer_statelessly(request, RemoteError(481, "no such dialog"), source, now)
            return
        transaction = self._serve(request, source, key, session.trace, data, now)
        lacking = lacking_extension(request)
        if lacking is not None:
            transaction.respond(lacking.status, now, to_tag=stateless_tag(request), fields=lacking.fields)
        else:
            session.handle_request(transaction, now)

    def _receive_new(self, request: Request, key: ServerKey, data: bytes, source: Flow, now: float) -> None:
        refused = self.admit(request, source) if self.admit is not None else None
        if refused is not None:
            if refused.status:
                self._answer_statelessly(request, refused, source, now)
            self._drop(refused.detail)
            return
        if request.max_forwards == 0 and request.method != "OPTIONS":
            self._answer_statelessly(request, RemoteError(483, "Max-Forwards is 0"), source, now)
            return
        lacking = lacking_extension(request)
        if lacking is not None:
            # Without state, so that nobody who forges a trunk's address can fill us: every copy gets the same again,
            # and an ACK is dropped (§8.2.7).
            self._answer_statelessly(request, lacking, source, now)
            return
        if request.method != "INVITE":
            transaction = self._serve(request, source, key, None, data, now)
            self.emit(self.front, Asked(transaction))
            return
        if not request.get("contact"):
            # §8.1.1.8: Contact "MUST be present ... in any request that can result in the establishment of a dialog".
            self._answer_statelessly(request, RemoteError(400, "INVITE without Contact"), source, now)
            return
        merged = merge_key(request)
        if merged in self._merge_keys:
            # §8.2.2.2: same From tag, Call-ID and CSeq by another way: 482. A different Request-URI is
            # another call (a trunk that forks two numbers to us sends just that).
            self._answer_statelessly(request, RemoteError(482, "merged request"), source, now)
            return
        trace = Trace(0, [])
        transaction = self._serve(request, source, key, trace, data, now)
        self._merge_keys[merged] = transaction
        self._invites[request.branch] = transaction
        server = InviteServer(self, transaction, self._dice.token(), None, None)
        # §17.2.1: 100 "MUST be generated" unless a response is known to follow within 200 ms.
        transaction.respond(100, now)
        self.emit(self.front, Invited(server))

    def _serve(
        self, request: Request, source: Flow, key: ServerKey, trace: Trace | None, data: bytes, now: float
    ) -> ServerTransaction:
        if trace is not None:
            trace.note(now, True, source, data)
        transaction = ServerTransaction(self, request, source, key, trace)
        self._servers[key] = transaction
        return transaction

    # Refusals that keep no state.

    def _refuse_malformed(self, error: MalformedMessage, data: bytes, source: Flow, now: float) -> None:
        self._drop(f"{error.status} {error.reason}")
        if error.request is not None and error.request.method != "ACK":
            self._answer_statelessly(error.request, error, source, now)

    def _answer_statelessly(self, request: Request, error: RemoteError, source: Flow, now: float) -> None:
        """§8.2.7: without state every copy of the request gets the same response, To tag included."""
        if request.method == "ACK" or (self.ignores is not None and self.ignores(source)):
            return
        template = ReplyTemplate(request, source.host, source.port)
        data = template.build(error.status, error.reason, stateless_tag(request), error.fields)
        self.outgoing.append((reply_flow(request, source), data))

    def _drop(self, reason: str) -> None:
        """reason is one of ours, never the peer's words, so that the counters stay few."""
        self.dropped[reason] = self.dropped.get(reason, 0) + 1

    # For the eyes of operators and tests.

    def leftovers(self) -> list[str]:
        """A line for each transaction, dialog and timer that is still held."""
        held: list[object] = [*self._clients.values(), *self._servers.values(), *self.dialogs.values()]
        return [repr(each) for each in held] + [
            f"<timer {timer.name} of {timer.owner!r}>" for timer in self.wheel.waiting()
        ]

    def sizes(self) -> dict[str, int]:
        return {"clients": len(self._clients), "servers": len(self._servers), "dialogs": len(self.dialogs)}
