"""One INVITE of ours outside of a dialog, from its first byte to the last ACK (RFC 3261 §9, §13.2).

Theory. What may become of an INVITE that we may want back is a table of its own above the client
transaction. CANCEL may not be sent before a provisional response has come (§9.1), and the answer may
cross it. So wanting the INVITE back has two states, Stopping (nothing heard yet: the transaction
goes on repeating the INVITE, the CANCEL waits, with its Reason) and Cancelled (CANCEL sent). In both,
and in every later state, a 2xx is met by ACK and BYE, which leave one after the other on one flow.

One transaction may bring several dialogs, one a To-tag (§12.1.2, §13.2.2.4): the first 2xx is the
answer, each further tag is acknowledged and ended. Every repeated 2xx is acknowledged anew with the
very bytes of the first ACK, for as long as the transaction lives.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from sip_stack.client_transaction import NOBODY, ClientTransaction
from sip_stack.dialog import dialog_of_answer
from sip_stack.digest import DigestClient
from sip_stack.errors import RemoteError
from sip_stack.events import Answered, Failed, LateAnswer, Progress
from sip_stack.flow import Flow
from sip_stack.message import Response
from sip_stack.outgoing import MAX_FORWARDS, OutgoingRequest
from sip_stack.session import Session
from sip_stack.timers import Timer
from sip_stack.trace import Trace

if TYPE_CHECKING:
    from sip_stack.stack import EventOwner, Stack


class State(enum.IntEnum):
    CALLING = 0  # sent, nothing heard
    PROCEEDING = 1  # a 1xx was heard
    STOPPING = 2  # wanted back, nothing heard: CANCEL waits
    CANCELLED = 3  # CANCEL sent
    ANSWERED = 4
    OVER = 5


class Input(enum.IntEnum):
    PROVISIONAL = 0
    SUCCESS = 1  # 2xx with a To-tag not seen before
    FAILURE = 2
    NO_RESPONSE = 3
    CANCEL = 4  # our side wants it back
    GIVE_UP = 5  # 64*T1 after CANCEL


class Invitation(NamedTuple):
    """What goes into an INVITE. local_value carries our tag; fields are ready lines, each ended by CRLF."""

    uri: str
    local_value: str
    remote_value: str
    local_tag: str
    call_id: str
    cseq: int
    fields: str
    body: bytes
    routes: tuple[str, ...] = ()
    max_forwards: int = MAX_FORWARDS
    nat: bool = True
    content_type: str = "application/sdp"


class InviteClient:
    """An INVITE that was sent, and may be taken back. Tells its owner Progress, Answered, LateAnswer, Failed.

    digest: answers challenges to PRACK, BYE and the like in its dialogs, if set before the first of them is made.
    """

    __slots__ = (
        "_acknowledgements",
        "_cancel_fields",
        "_counted",
        "_give_up",
        "_heard",
        "_refused",
        "cancelled_at",
        "digest",
        "early",
        "flow",
        "invitation",
        "owner",
        "request",
        "session",
        "stack",
        "state",
        "trace",
        "transaction",
    )

    def __init__(
        self, stack: Stack, owner: EventOwner, invitation: Invitation, flow: Flow, trace: Trace | None
    ) -> None:
        self.stack = stack
        self.owner: EventOwner | None = owner
        self.invitation = invitation
        self.flow = flow
        self.trace = trace
        self.state = State.CALLING
        self.session: Session | None = None
        self.digest: DigestClient | None = None
        self.early: dict[str, Session] = {}
        self._heard: dict[str, tuple[Response, Flow]] = {}  # the newest provisional of each To-tag
        self._counted: dict[str, int] = {}  # last CSeq of early dialogs that were let go
        self.cancelled_at: float | None = None
        self._acknowledgements: dict[str, tuple[Flow, bytes]] = {}
        self._refused = ""
        self._cancel_fields = ""
        self._give_up: Timer | None = None
        via, branch = stack.listeners.via(flow)
        self.request = OutgoingRequest(
            "INVITE",
            invitation.uri,
            via=via,
            branch=branch,
            from_value=invitation.local_value,
            to_value=invitation.remote_value,
            call_id=invitation.call_id,
            cseq=invitation.cseq,
            routes=invitation.routes,
            max_forwards=invitation.max_forwards,
            fields=invitation.fields,
            body=invitation.body,
            content_type=invitation.content_type,
        )
        self.transaction = ClientTransaction(stack, self, self.request, flow, trace)

    @property
    def is_final(self) -> bool:
        """It has its final response, or was given up: nothing more is expected but repetitions."""
        return self.state >= State.ANSWERED

    def start(self, now: float) -> None:
        self.stack.inviting[self.invitation.call_id, self.invitation.local_tag] = self
        self.stack.begin(self.transaction, now)

    def cancel(self, fields: str, now: float) -> None:
        """Take the INVITE back. fields (its Reason) go on the CANCEL, now or when it may be sent,
        and on the BYE should an answer cross it. Once answered or over, nothing is done.
        """
        if not self._cancel_fields:
            self._cancel_fields = fields
        self._handle(Input.CANCEL, now, None)

    def early_session(self, tag: str) -> Session | None:
        """The early dialog of a To-tag that a provisional had, for a request that the callee sends in it (§12.1).

        Few callees ever do, so it is made only then. None when no such provisional came, or all is over.
        """
        heard = self._heard.get(tag)
        if heard is None or self.state is not State.PROCEEDING:
            return self.early.get(tag)
        session = self.early.get(tag)
        if session is None:
            session = self.early[tag] = self._session(*heard)
        return session

    def refuse(self, session: Session, fields: str, now: float) -> None:
        """End a session that Answered has told of: it lost. The ACK left before (or leaves here)."""
        self.acknowledge(session, session.rejection_of_offer(), now)
        session.bye(fields, now)

    def acknowledge(
        self, session: Session, body: bytes, now: float, content_type: str = "application/sdp"
    ) -> None:
        """Send the ACK of a 2xx; needed from above only when the INVITE had no offer (§13.2.2.4)."""
        tag = session.dialog.remote_tag
        if tag not in self._acknowledgements:
            dialog = session.dialog
            flow = self.stack.listeners.flow_of(dialog)
            via, branch = self.stack.listeners.via(flow)
            data = dialog.request(
                "ACK", self.request.cseq, via, branch, self.request.credentials, body, content_type
            ).data
            self._acknowledgements[tag] = (flow, data)
            self.stack.send(flow, data, self.trace, now)

    # From the transaction and the wheel.

    def handle_response(self, transaction: ClientTransaction, response: Response, now: float) -> None:
        status = response.status
        if status < 200:
            self._handle(Input.PROVISIONAL, now, response)
        elif status < 300:
            known = self._acknowledgements.get(response.to_tag)
            if known is not None:
                # §13.2.2.4: "the UAC core MUST ... generate an ACK" for every repetition of the 2xx.
                self.stack.send(known[0], known[1], self.trace, now)
            elif self.session is None or self.session.dialog.remote_tag != response.to_tag:
                self._handle(Input.SUCCESS, now, response)
        else:
            self._handle(Input.FAILURE, now, response)

    def handle_no_response(self, transaction: ClientTransaction, cause: str, now: float) -> None:
        self._refused = cause
        self._handle(Input.NO_RESPONSE, now, None)

    def handle_timer(self, name: int, now: float) -> None:
        self._give_up = None
        self._refused = "no final response to CANCEL"
        self._handle(Input.GIVE_UP, now, None)

    def _handle(self, what: Input, now: float, response: Response | None) -> None:
        row = ROWS[self.state].get(what)
        if row is None:
            return
        actions, self.state = row
        if self.state >= State.ANSWERED:
            self._leave()
        for action in actions:
            action(self, now, response)

    def _leave(self) -> None:
        key = (self.invitation.call_id, self.invitation.local_tag)
        if self.stack.inviting.get(key) is self:
            del self.stack.inviting[key]
        self._heard.clear()

    # What the rows ask for.

    def tell_progress(self, now: float, response: Response | None) -> None:
        assert response is not None
        session = None
        if response.status > 100 and response.to_tag:
            self._heard[response.to_tag] = (response, self.stack.source)
        if response.get("rseq") and response.to_tag and "100rel" in response.tokens("require"):
            session = self._early_session(response, now)
            if not session.acknowledge_reliably(self.request.cseq, response, now):
                return
        self.stack.emit(self.owner, Progress(self, response, session))

    def answer(self, now: float, response: Response | None) -> None:
        assert response is not None
        session = self._confirmed_session(response, now)
        self.session = session
        if self.invitation.body:
            # §13.2.2.4: the ACK goes out at once, whatever becomes of the call.
            self.acknowledge(session, b"", now)
        self.stack.emit(self.owner, Answered(self, response, session))

    def refuse_late(self, now: float, response: Response | None) -> None:
        # RFC 3261 §13.2.2.4: a UAC that does not want the dialog MUST ACK and then send BYE.
        assert response is not None
        session = self._confirmed_session(response, now)
        session.owner = None
        session.remote_offer = b"" if self.invitation.body else response.body
        self.refuse(session, self._cancel_fields, now)
        self.stack.emit(self.owner, LateAnswer(self, response))

    def send_cancel(self, now: float, response: Response | None) -> None:
        self.cancelled_at = now
        cancel = self.request.cancel(self._cancel_fields)
        # Its response says nothing that the INVITE's own does not (T14).
        self.stack.begin(ClientTransaction(self.stack, NOBODY, cancel, self.flow, self.trace), now)
        # §9.1: "If there is no final response for the original request in 64*T1 seconds ... the client
        # SHOULD then consider the original transaction cancelled and SHOULD destroy" it.
        self._give_up = self.stack.wheel.set(self, 0, now + self.stack.intervals.timeout)

    def stop_giving_up(self, now: float, response: Response | None) -> None:
        if self._give_up is not None:
            self.stack.wheel.cancel(self._give_up)
            self._give_up = None

    def destroy(self, now: float, response: Response | None) -> None:
        self.stack.drop_client(self.transaction)

    def fail(self, now: float, response: Response | None) -> None:
        self._forget_early()
        self.stack.emit(self.owner, Failed(self, response, self._refused))

    def _forget_early(self) -> None:
        for tag, session in self.early.items():
            self._counted[tag] = session.dialog.local_cseq
            session.forget()
        self.early.clear()

    def _early_session(self, response: Response, now: float) -> Session:
        session = self.early.get(response.to_tag)
        if session is None:
            session = self.early[response.to_tag] = self._session(response, self.stack.source)
        elif response.get("contact"):
            session.dialog.refresh_target(response, self.stack.source)
        return session

    def _confirmed_session(self, response: Response, now: float) -> Session:
        session = self.early.pop(response.to_tag, None)
        if session is None:
            session = self._session(response, self.stack.source)
        else:
            session.dialog.refresh_target(response, self.stack.source)
        self._forget_early()
        session.confirm(response)
        return session

    def _session(self, response: Response, source: Flow) -> Session:
        stack, invitation = self.stack, self.invitation
        dialog = dialog_of_answer(
            self.request,
            invitation.local_tag,
            response,
            source,
            stack.listeners.contact(self.flow),
            invitation.nat,
        )
        # A dialog that had our PRACK counts on from it, should its 2xx come after another one has won.
        dialog.local_cseq = max(dialog.local_cseq, self._counted.get(response.to_tag, 0))
        session = Session(stack, dialog, self.owner, self.trace, owns_call_id=True)
        session.digest = self.digest
        return session

    def __repr__(self) -> str:
        return f"<invite {self.invitation.uri} {self.state.name.lower()} {self.request.branch}>"


Action = Callable[[InviteClient, float, "Response | None"], None]
_c, _S, _I = InviteClient, State, Input

ROWS: dict[State, dict[Input, tuple[tuple[Action, ...], State]]] = {
    _S.CALLING: {
        _I.PROVISIONAL: ((_c.tell_progress,), _S.PROCEEDING),
        _I.SUCCESS: ((_c.answer,), _S.ANSWERED),
        _I.FAILURE: ((_c.fail,), _S.OVER),
        _I.NO_RESPONSE: ((_c.fail,), _S.OVER),
        _I.CANCEL: ((), _S.STOPPING),
    },
    _S.PROCEEDING: {
        _I.PROVISIONAL: ((_c.tell_progress,), _S.PROCEEDING),
        _I.SUCCESS: ((_c.answer,), _S.ANSWERED),
        _I.FAILURE: ((_c.fail,), _S.OVER),
        _I.CANCEL: ((_c.send_cancel,), _S.CANCELLED),
    },
    _S.STOPPING: {
        _I.PROVISIONAL: ((_c.send_cancel,), _S.CANCELLED),
        _I.SUCCESS: ((_c.refuse_late, _c.fail), _S.OVER),
        _I.FAILURE: ((_c.fail,), _S.OVER),
        _I.NO_RESPONSE: ((_c.fail,), _S.OVER),
    },
    _S.CANCELLED: {
        _I.SUCCESS: ((_c.stop_giving_up, _c.refuse_late, _c.fail), _S.OVER),
        _I.FAILURE: ((_c.stop_giving_up, _c.fail), _S.OVER),
        _I.GIVE_UP: ((_c.destroy, _c.fail), _S.OVER),
    },
    _S.ANSWERED: {
        _I.SUCCESS: ((_c.refuse_late,), _S.ANSWERED),
    },
    _S.OVER: {
        _I.SUCCESS: ((_c.refuse_late,), _S.OVER),
    },
}

__all__ = ["ROWS", "Input", "Invitation", "InviteClient", "RemoteError", "State"]
