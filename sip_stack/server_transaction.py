"""Both server transactions of RFC 3261 §17.2 as tables, with RFC 6026 §7.1.

Theory as in client_transaction. What the user of a transaction does (send a provisional, a success, a
failure) is an input like any other, so that a response in the wrong state is a row that is not
there: LocalError. A 2xx to INVITE moves the machine to Accepted, where repeated INVITEs are absorbed
and the 2xx itself is repeated by its user until the ACK comes (§13.3.1.4), since that goes end to end.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from typing import Protocol

from sip_stack.errors import LocalError, RemoteError
from sip_stack.flow import Flow
from sip_stack.message import Request
from sip_stack.reply import ReplyTemplate, response_destination
from sip_stack.timers import Intervals, Timer, TimerWheel
from sip_stack.trace import Trace


class State(enum.IntEnum):
    TRYING = 0
    PROCEEDING = 1
    ACCEPTED = 2
    COMPLETED = 3
    CONFIRMED = 4
    TERMINATED = 5


class Input(enum.IntEnum):
    REQUEST = 0  # the same request again
    ACK = 1
    SEND_PROVISIONAL = 2
    SEND_SUCCESS = 3
    SEND_FAILURE = 4
    TRANSPORT_ERROR = 5
    TIMER_G = 6
    TIMER_H = 7
    TIMER_I = 8
    TIMER_J = 9
    TIMER_L = 10


class Layer(Protocol):
    """What transactions stand on."""

    wheel: TimerWheel
    intervals: Intervals

    def send(self, flow: Flow, data: bytes, trace: Trace | None, now: float) -> None: ...
    def forget_server(self, transaction: ServerTransaction) -> None: ...


class ServerTransaction:
    """One request of a peer and our responses to it.

    last_status is the status of the newest response, 0 before the first.
    """

    __slots__ = (
        "_interval",
        "_last",
        "_rows",
        "_timers",
        "flow",
        "key",
        "last_status",
        "layer",
        "reliable",
        "reply_flow",
        "request",
        "source",
        "state",
        "template",
        "trace",
        "user",
    )

    def __init__(
        self, layer: Layer, request: Request, source: Flow, key: tuple[str, str, str], trace: Trace | None
    ) -> None:
        self.layer = layer
        self.request = request
        self.source = source
        self.key = key
        self.trace = trace
        self.user: object | None = None
        self.reliable = source.transport != "UDP"
        self.template = ReplyTemplate(request, source.host, source.port)
        self.reply_flow = reply_flow(request, source)
        self.last_status = 0
        self._last = b""
        self._interval = layer.intervals.t1
        self._timers: list[Timer] = []  # two at the most
        is_invite = request.method == "INVITE"
        self._rows = INVITE if is_invite else NON_INVITE
        self.state = State.PROCEEDING if is_invite else State.TRYING

    def respond(
        self,
        status: int,
        now: float,
        *,
        reason: str = "",
        to_tag: str = "",
        fields: Sequence[tuple[str, str]] = (),
        body: bytes = b"",
        content_type: str = "application/sdp",
    ) -> bytes:
        """Build and send a response; returns it, so that a 2xx can be repeated.

        LocalError when this transaction may send no such response any more.
        """
        data = self.template.build(status, reason, to_tag, fields, body, content_type)
        what = (
            Input.SEND_PROVISIONAL
            if status < 200
            else Input.SEND_SUCCESS
            if status < 300
            else Input.SEND_FAILURE
        )
        if what not in self._rows[self.state]:
            raise LocalError(f"{self!r} cannot send {status}")
        self._last = data
        self.last_status = status
        self.handle(what, now)
        return data

    def repeat_success(self, data: bytes, now: float) -> None:
        """Send a 2xx again for the user that owns its repetition (§13.3.1.4)."""
        self.layer.send(self.reply_flow, data, self.trace, now)

    def leave(self) -> None:
        """Keep nothing of it: a copy of the request is a new one, to be answered alike (§8.2.7). Not for INVITE."""
        self._enter(State.TERMINATED)

    @property
    def is_answered(self) -> bool:
        return self.last_status >= 200

    def handle_timer(self, name: int, now: float) -> None:
        self._timers = [timer for timer in self._timers if timer.name != name]
        self.handle(name, now)

    def handle(self, what: int, now: float) -> None:
        row = self._rows[self.state].get(what)
        if row is None:
            return
        actions, after = row
        if after is not self.state:
            self._enter(after)
        for action in actions:
            action(self, now)

    def set_timer(self, name: Input, deadline: float) -> None:
        self._timers.append(self.layer.wheel.set(self, name, deadline))

    def _enter(self, after: State) -> None:
        self.state = after
        if self._timers:
            self._cancel_all_but(self._rows[after])
        if after is State.TERMINATED:
            self.user = None
            self.layer.forget_server(self)

    def _cancel_all_but(self, rows: Rows) -> None:
        timers, self._timers = self._timers, []
        for timer in timers:
            if timer.name in rows:
                self._timers.append(timer)
            else:
                self.layer.wheel.cancel(timer)

    # What the rows ask for.

    def send(self, now: float) -> None:
        if self._last:
            self.layer.send(self.reply_flow, self._last, self.trace, now)

    def resend_g(self, now: float) -> None:
        self.send(now)
        self._interval = min(self._interval * 2, self.layer.intervals.t2)
        self.set_timer(Input.TIMER_G, now + self._interval)

    def __repr__(self) -> str:
        source = f"{self.source.host}:{self.source.port}"
        return f"<{self.request.method} from {source} {self.state.name.lower()} {self.last_status}>"


def reply_flow(request: Request, source: Flow) -> Flow:
    """Where responses go: §18.2.2 and RFC 3581.

    Over TCP it is the connection of the request; should that be gone, "a connection to the IP address in
    the received parameter, using the port in the sent-by value".
    """
    if source.transport != "UDP":
        return source._replace(port=_sent_by_port(request))
    host, port = response_destination(request, source.host, source.port)
    return source if port == source.port and host == source.host else source._replace(host=host, port=port)


def _sent_by_port(request: Request) -> int:
    try:
        return request.top_via.port or 5060
    except RemoteError:  # what is being refused for it, maybe; the connection itself leads back
        return 5060


Action = Callable[[ServerTransaction, float], None]
Rows = dict[int, tuple[tuple[Action, ...], State]]


def _start_g(tx: ServerTransaction, now: float) -> None:
    if not tx.reliable:
        tx.set_timer(Input.TIMER_G, now + tx.layer.intervals.t1)


def _start_h(tx: ServerTransaction, now: float) -> None:
    tx.set_timer(Input.TIMER_H, now + tx.layer.intervals.timeout)


def _start_i(tx: ServerTransaction, now: float) -> None:
    tx.set_timer(Input.TIMER_I, now + (0.0 if tx.reliable else tx.layer.intervals.t4))


def _start_j(tx: ServerTransaction, now: float) -> None:
    tx.set_timer(Input.TIMER_J, now + (0.0 if tx.reliable else tx.layer.intervals.timeout))


def _start_l(tx: ServerTransaction, now: float) -> None:
    tx.set_timer(Input.TIMER_L, now + tx.layer.intervals.timeout)


_tx, _S, _I = ServerTransaction, State, Input

INVITE: dict[State, Rows] = {
    _S.TRYING: {},
    _S.PROCEEDING: {
        _I.REQUEST: ((_tx.send,), _S.PROCEEDING),
        _I.SEND_PROVISIONAL: ((_tx.send,), _S.PROCEEDING),
        _I.SEND_SUCCESS: ((_tx.send, _start_l), _S.ACCEPTED),
        _I.SEND_FAILURE: ((_tx.send, _start_g, _start_h), _S.COMPLETED),
    },
    _S.ACCEPTED: {
        _I.TIMER_L: ((), _S.TERMINATED),
    },
    _S.COMPLETED: {
        _I.REQUEST: ((_tx.send,), _S.COMPLETED),
        _I.ACK: ((_start_i,), _S.CONFIRMED),
        _I.TIMER_G: ((_tx.resend_g,), _S.COMPLETED),
        _I.TIMER_H: ((), _S.TERMINATED),
        _I.TRANSPORT_ERROR: ((), _S.TERMINATED),
    },
    _S.CONFIRMED: {
        _I.TIMER_I: ((), _S.TERMINATED),
    },
    _S.TERMINATED: {},
}

NON_INVITE: dict[State, Rows] = {
    _S.TRYING: {
        _I.SEND_PROVISIONAL: ((_tx.send,), _S.PROCEEDING),
        _I.SEND_SUCCESS: ((_tx.send, _start_j), _S.COMPLETED),
        _I.SEND_FAILURE: ((_tx.send, _start_j), _S.COMPLETED),
        _I.TRANSPORT_ERROR: ((), _S.TERMINATED),
    },
    _S.PROCEEDING: {
        _I.REQUEST: ((_tx.send,), _S.PROCEEDING),
        _I.SEND_PROVISIONAL: ((_tx.send,), _S.PROCEEDING),
        _I.SEND_SUCCESS: ((_tx.send, _start_j), _S.COMPLETED),
        _I.SEND_FAILURE: ((_tx.send, _start_j), _S.COMPLETED),
        _I.TRANSPORT_ERROR: ((), _S.TERMINATED),
    },
    _S.ACCEPTED: {},
    _S.COMPLETED: {
        _I.REQUEST: ((_tx.send,), _S.COMPLETED),
        _I.TIMER_J: ((), _S.TERMINATED),
        _I.TRANSPORT_ERROR: ((), _S.TERMINATED),
    },
    _S.CONFIRMED: {},
    _S.TERMINATED: {},
}
