"""One INVITE of a peer, first or within a dialog, until its ACK (RFC 3261 §9.2, §13.3, RFC 3262 §3).

Theory. Above the server transaction stands a table of its own, since two things go end to end and not
hop by hop: the 2xx, which is repeated at T1, doubling to T2, until the ACK comes or 64*T1 have passed
(§13.3.1.4, over TCP as well), and the reliable provisional, repeated in the same way until its PRACK
(provisionals.py).
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from sip_stack.dialog import dialog_of_request
from sip_stack.errors import LocalError
from sip_stack.events import Acknowledged, Cancelled, NeverAcknowledged, NeverReceived, Received
from sip_stack.message import Request
from sip_stack.provisionals import Provisionals
from sip_stack.server_transaction import ServerTransaction
from sip_stack.session import Session
from sip_stack.timers import Timer

if TYPE_CHECKING:
    from sip_stack.stack import EventOwner, Stack

Fields = Sequence[tuple[str, str]]


class _Final(NamedTuple):
    """A final response as its owner wants it."""

    status: int
    reason: str
    fields: Fields
    body: bytes
    content_type: str


class State(enum.IntEnum):
    PROCEEDING = 0
    ANSWERED = 1  # 2xx sent, ACK awaited
    CONFIRMED = 2
    REJECTED = 3  # final other than 2xx sent, or given up


class Input(enum.IntEnum):
    ANSWER = 0
    REJECT = 1
    CANCEL = 2
    ACK = 3
    RESEND = 4
    GIVE_UP = 5


class _Timers(enum.IntEnum):
    RESEND = 0
    GIVE_UP = 1


Argument = _Final | Request | None


class InviteServer:
    """A peer's INVITE and what we answer.

    Tells its owner Cancelled, Acknowledged, NeverAcknowledged, Received, NeverReceived.
    local_tag is the tag of every response above 100, so that all of them belong to one dialog.
    is_described: a description has left reliably in that dialog, in a provisional or the 200.
    is_renegotiated: more was agreed upon in it than the INVITE's own offer, see renegotiated().
    """

    __slots__ = (
        "_answer",
        "_interval",
        "_left",
        "_provisionals",
        "_timers",
        "is_described",
        "is_renegotiated",
        "local_tag",
        "nat",
        "owner",
        "request",
        "session",
        "stack",
        "state",
        "transaction",
    )

    def __init__(
        self,
        stack: Stack,
        transaction: ServerTransaction,
        local_tag: str,
        owner: EventOwner | None,
        session: Session | None,
        nat: bool = True,
    ) -> None:
        self.stack = stack
        self.transaction = transaction
        self.request: Request = transaction.request
        self.local_tag = local_tag
        self.owner = owner
        self.session = session
        self.nat = nat
        self.state = State.PROCEEDING
        self._answer = b""
        self._interval = stack.intervals.t1
        self._timers: dict[int, Timer] = {}
        self._provisionals = Provisionals(self)
        self.is_described = False
        self.is_renegotiated = False
        self._left: Session | None = None  # an early dialog that is left, but for the PRACK that it owes
        transaction.user = self

    # What the owner may ask for.

    def progress(
        self,
        status: int,
        now: float,
        *,
        fields: Fields = (),
        body: bytes = b"",
        reliable: bool = False,
        content_type: str = "application/sdp",
    ) -> None:
        """Send a 101-199, reliably where asked for. LocalError once the INVITE has its final response, or waits to."""
        if self.state is not State.PROCEEDING or self._provisionals.is_closed:
            raise LocalError(f"{self!r} has its final response")
        send = self._provisionals.send_reliably if reliable else self._provisionals.send
        send(status, now, fields, body, content_type)

    def answer(
        self, now: float, *, fields: Fields = (), body: bytes = b"", content_type: str = "application/sdp"
    ) -> None:
        """Send 200, and again until its ACK. It waits for the PRACK of a reliable provisional (RFC 3262 §5)."""
        final = _Final(200, "", fields, body, content_type)
        self._provisionals.close(lambda at: self._handle(Input.ANSWER, at, final), now)

    def reject(self, status: int, now: float, *, reason: str = "", fields: Fields = ()) -> None:
        """Send a 300-699. Nothing is done when a final response has been sent already."""
        if self.state is State.PROCEEDING:
            self._handle(Input.REJECT, now, _Final(status, reason, fields, b"", ""))

    def renegotiated(self) -> None:
        """More was agreed in this dialog than the INVITE's own offer: no response to it describes anything any more.

        RFC 3261 §13.2.1: what a response says once the offer has its answer, the caller is to ignore; one who does
        not would take what held before for what holds.
        """
        self.is_renegotiated = True

    @property
    def is_over(self) -> bool:
        return self.state is not State.PROCEEDING

    @property
    def is_awaiting_acknowledgement(self) -> bool:
        """Our 2xx is out, and no ACK has come yet."""
        return self.state is State.ANSWERED

    def forget_owner(self) -> None:
        """Tell nobody any more; what has been sent is still repeated until it is acknowledged."""
        self.owner = None
        self._provisionals.renew_no_more()
        for session in (self.session, self._left):
            if session is not None:
                session.owner = None

    # From the stack.

    def handle_cancel(self, request: Request, now: float) -> None:
        """§9.2: a CANCEL has found this INVITE; its own 200 has been sent."""
        self._handle(Input.CANCEL, now, request)

    def handle_acknowledgement(self, request: Request, now: float) -> None:
        self._handle(Input.ACK, now, request)

    def handle_prack(self, request: Request, transaction: ServerTransaction, now: float) -> None:
        """RFC 3262 §3: "If a PRACK request is received ... that does not match any unacknowledged
        reliable provisional response, the UAS MUST respond to the PRACK with a 481".
        """
        if not self._provisionals.take_prack(request, transaction, now):
            transaction.respond(481, now)
            return
        self._forget_left()
        self.stack.emit(self.owner, Received(self, request))
        self.go_on(now)

    def go_on(self, now: float) -> None:
        """To be called when a PRACK with a description may have got its response: what has waited for that goes on."""
        self._provisionals.go_on(now)

    def handle_timer(self, name: int, now: float) -> None:
        self._timers.pop(name, None)
        _ON_TIMER[name](self, now)

    def forget(self) -> None:
        """Nothing more is to be sent or told, such as when its call has been given up."""
        self._cancel(*list(self._timers))
        self._provisionals.forget()
        self._forget_left()
        self.owner = None

    def _handle(self, what: Input, now: float, argument: Argument) -> None:
        row = ROWS[self.state].get(what)
        if row is None:
            return
        actions, after = row
        if after is not self.state:
            if self.state is State.PROCEEDING:
                self._provisionals.stop()
            self.state = after
            self._cancel(*[name for name in self._timers if name not in _LISTENS[after]])
        for action in actions:
            action(self, now, argument)

    # What the rows ask for.

    def send_answer(self, now: float, argument: Argument) -> None:
        assert isinstance(argument, _Final)
        session = self.early_session()
        session.confirm(self.request)
        session.unacknowledged[self.request.cseq] = self  # before the 200 leaves: its ACK may be quick
        self.is_described |= bool(argument.body)
        self._answer = self.respond_in_dialog(200, now, argument.fields, argument.body, argument.content_type)
        self._set(_Timers.RESEND, now + self._interval)
        self._set(_Timers.GIVE_UP, now + self.stack.intervals.timeout)

    def send_rejection(self, now: float, argument: Argument) -> None:
        assert isinstance(argument, _Final)
        self.transaction.respond(
            argument.status, now, reason=argument.reason, to_tag=self.local_tag, fields=argument.fields
        )
        self._rejected()

    def send_487(self, now: float, argument: Argument) -> None:
        assert isinstance(argument, Request)
        self.transaction.respond(487, now, to_tag=self.local_tag)
        self._rejected()
        self.stack.emit(self.owner, Cancelled(self, argument))

    def resend(self, now: float, argument: Argument) -> None:
        self.transaction.repeat_success(self._answer, now)
        self._interval = min(self._interval * 2, self.stack.intervals.t2)
        self._set(_Timers.RESEND, now + self._interval)

    def tell_acknowledged(self, now: float, argument: Argument) -> None:
        assert isinstance(argument, Request)
        self._acknowledged()
        self.stack.emit(self.owner, Acknowledged(self, argument))

    def tell_never_acknowledged(self, now: float, argument: Argument) -> None:
        self._acknowledged()
        self.stack.emit(self.owner, NeverAcknowledged(self))

    def tell_never_received(self) -> None:
        """For the provisionals: no PRACK came for the one that was out."""
        self._forget_left()
        self.stack.emit(self.owner, NeverReceived(self))

    def _acknowledged(self) -> None:
        if self.session is not None:
            self.session.unacknowledged.pop(self.request.cseq, None)
            self.session.invite_is_settled()

    # Its dialog.

    def respond_in_dialog(self, status: int, now: float, fields: Fields, body: bytes, content_type: str) -> bytes:
        """Send a response of the dialog, with our Contact; gives its bytes, to be repeated."""
        return self.transaction.respond(
            status,
            now,
            to_tag=self.local_tag,
            fields=[("Contact", self.early_session().dialog.contact), *fields],
            body=b"" if self.is_renegotiated else body,
            content_type=content_type,
        )

    def early_session(self) -> Session:
        """The session of this INVITE, made with the first response that has a To-tag (§12.1.1)."""
        if self.session is None:
            source = self.transaction.source
            dialog = dialog_of_request(
                self.request, self.local_tag, source, self.stack.listeners.contact(source), self.nat
            )
            self.session = Session(self.stack, dialog, self.owner, self.transaction.trace, owns_call_id=False)
            self.session.serving = self
        return self.session

    def leave_early_dialog(self, local_tag: str) -> None:
        """Go on under another To-tag: as if another branch of a fork spoke from now on (§12.1).

        What still waits for its turn would have been said in the old dialog. The PRACK that is due will
        come in the old dialog too, which must know it: RFC 3262 §5 has the 200 wait for it.
        """
        self._provisionals.leave_dialog()
        self.is_described = self.is_renegotiated = False
        if self.session is not None:
            if self._provisionals.is_out and self._left is None:
                self._left = self.session
            else:
                self.session.forget()
            self.session = None
        self.local_tag = local_tag

    def _forget_left(self) -> None:
        if self._left is not None:
            self._left.forget()
            self._left = None

    def _rejected(self) -> None:
        self._forget_left()
        session = self.session
        if session is not None:
            session.invite_is_settled()
            if not session.is_confirmed and not self.request.to_tag:  # the INVITE that was to confirm it
                session.forget()

    def _set(self, name: int, deadline: float) -> None:
        self._cancel(name)
        self._timers[name] = self.stack.wheel.set(self, name, deadline)

    def _cancel(self, *names: int) -> None:
        for name in names:
            timer = self._timers.pop(name, None)
            if timer is not None:
                self.stack.wheel.cancel(timer)

    # Timers.

    def on_resend(self, now: float) -> None:
        self._handle(Input.RESEND, now, None)

    def on_give_up(self, now: float) -> None:
        self._handle(Input.GIVE_UP, now, None)

    def __repr__(self) -> str:
        return f"<invited by {self.request.from_value} {self.state.name.lower()}>"


Action = Callable[[InviteServer, float, Argument], None]
_s, _S, _I = InviteServer, State, Input

ROWS: dict[State, dict[Input, tuple[tuple[Action, ...], State]]] = {
    _S.PROCEEDING: {
        _I.ANSWER: ((_s.send_answer,), _S.ANSWERED),
        _I.REJECT: ((_s.send_rejection,), _S.REJECTED),
        _I.CANCEL: ((_s.send_487,), _S.REJECTED),
    },
    _S.ANSWERED: {
        _I.ACK: ((_s.tell_acknowledged,), _S.CONFIRMED),
        _I.RESEND: ((_s.resend,), _S.ANSWERED),
        _I.GIVE_UP: ((_s.tell_never_acknowledged,), _S.REJECTED),
    },
    _S.CONFIRMED: {},
    _S.REJECTED: {},
}

_LISTENS: dict[State, frozenset[int]] = {
    _S.PROCEEDING: frozenset(),
    _S.ANSWERED: frozenset((_Timers.RESEND, _Timers.GIVE_UP)),
    _S.CONFIRMED: frozenset(),
    _S.REJECTED: frozenset(),
}

_ON_TIMER: dict[int, Callable[[InviteServer, float], None]] = {
    _Timers.RESEND: _s.on_resend,
    _Timers.GIVE_UP: _s.on_give_up,
}
