"""Both client transactions of RFC 3261 §17.1 as tables, with RFC 6026 §7.2.

Theory. A machine is a table: for each state, input -> (actions, next state). The rows of a state also
name the timers that it listens to, and that settles their life: a deadline outlives its state only
if the next state has a row for it. So Timer F, which spans Trying and Proceeding, lives on, and
Timers A and B, of no use once a 1xx has come, are gone. An input without a row is ignored.

A 2xx does not end an INVITE transaction: it waits in Accepted for 64*T1, and every further 2xx, a
repetition as well as one of another callee behind a forking proxy, is passed up (RFC 6026 §7.2).
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Protocol

from sip_stack.flow import Flow
from sip_stack.message import Response
from sip_stack.outgoing import OutgoingRequest
from sip_stack.timers import Intervals, Timer, TimerWheel
from sip_stack.trace import Trace


class State(enum.IntEnum):
    CALLING = 0
    TRYING = 1
    PROCEEDING = 2
    ACCEPTED = 3
    COMPLETED = 4
    TERMINATED = 5


class Input(enum.IntEnum):
    PROVISIONAL = 0  # 1xx
    SUCCESS = 1  # 2xx
    FAILURE = 2  # 300-699
    TRANSPORT_ERROR = 3
    TIMER_A = 4
    TIMER_B = 5
    TIMER_D = 6
    TIMER_E = 7
    TIMER_F = 8
    TIMER_K = 9
    TIMER_M = 10


class Layer(Protocol):
    """What transactions stand on."""

    wheel: TimerWheel
    intervals: Intervals

    def send(self, flow: Flow, data: bytes, trace: Trace | None, now: float) -> None: ...
    def forget_client(self, transaction: ClientTransaction) -> None: ...


class ClientUser(Protocol):
    """Who is told: what was asked, and how that came out. `cause` is "timeout" or the transport's words."""

    def handle_response(self, transaction: ClientTransaction, response: Response, now: float) -> None: ...
    def handle_no_response(self, transaction: ClientTransaction, cause: str, now: float) -> None: ...


class ClientTransaction:
    """One request of ours and its responses on one hop. start() sends it."""

    __slots__ = (
        "_acknowledgement",
        "_gives_up_at",
        "_interval",
        "_rows",
        "_timers",
        "cause",
        "flow",
        "layer",
        "reliable",
        "request",
        "state",
        "trace",
        "user",
    )

    def __init__(
        self, layer: Layer, user: ClientUser, request: OutgoingRequest, flow: Flow, trace: Trace | None
    ) -> None:
        self.layer = layer
        self.user = user
        self.request = request
        self.flow = flow
        self.trace = trace
        self.reliable = flow.transport != "UDP"
        self.cause = "timeout"
        self._acknowledgement: bytes | None = None
        self._gives_up_at: float | None = None  # Timer B or F, as long as it is not set
        self._interval = layer.intervals.t1
        self._timers: list[Timer] = []  # two at the most
        is_invite = request.method == "INVITE"
        self._rows = INVITE if is_invite else NON_INVITE
        self.state = State.CALLING if is_invite else State.TRYING

    @property
    def key(self) -> tuple[str, str]:
        """§17.1.3: the branch of the top Via, and the method (a CANCEL shares its INVITE's branch)."""
        return self.request.branch, self.request.method

    def start(self, now: float) -> None:
        """Send the request. Where it will be repeated, Timer B or F is set with the first repetition: most are
        answered before that, and a timer that is only taken back costs as much as one that is kept.
        """
        layer = self.layer
        is_invite = self.state is State.CALLING
        self._gives_up_at = now + layer.intervals.timeout
        if self.reliable:
            self._set_end(is_invite)
        else:
            self.set_timer(Input.TIMER_A if is_invite else Input.TIMER_E, now + self._interval)
        layer.send(self.flow, self.request.data, self.trace, now)

    def _set_end(self, is_invite: bool) -> None:
        if self._gives_up_at is not None:
            self.set_timer(Input.TIMER_B if is_invite else Input.TIMER_F, self._gives_up_at)
            self._gives_up_at = None

    def handle_response(self, response: Response, now: float) -> None:
        status = response.status
        what = Input.PROVISIONAL if status < 200 else Input.SUCCESS if status < 300 else Input.FAILURE
        self.handle(what, now, response)

    def handle_transport_error(self, cause: str, now: float) -> None:
        self.cause = cause
        self.handle(Input.TRANSPORT_ERROR, now)

    def handle_timer(self, name: int, now: float) -> None:
        self._timers = [timer for timer in self._timers if timer.name != name]
        self.handle(name, now)

    def handle(self, what: int, now: float, response: Response | None = None) -> None:
        row = self._rows[self.state].get(what)
        if row is None:
            return
        actions, after = row
        if after is not self.state:
            self._enter(after)
        for action in actions:
            action(self, now, response)
        if after is State.TERMINATED:
            self.user = NOBODY  # lets go of who may hold us: no ring is left to the garbage collector

    def set_timer(self, name: Input, deadline: float) -> None:
        self._timers.append(self.layer.wheel.set(self, name, deadline))

    def _enter(self, after: State) -> None:
        self.state = after
        if self._timers:
            self._cancel_all_but(self._rows[after])
        if after is State.TERMINATED:
            self.layer.forget_client(self)

    def _cancel_all_but(self, rows: Rows) -> None:
        timers, self._timers = self._timers, []
        for timer in timers:
            if timer.name in rows:
                self._timers.append(timer)
            else:
                self.layer.wheel.cancel(timer)

    # What the rows ask for, in the RFC's words.

    def resend(self, timer: Input, limit: float, now: float) -> None:
        self._set_end(timer is Input.TIMER_A)
        self.layer.send(self.flow, self.request.data, self.trace, now)
        self._interval = min(self._interval * 2, limit)
        self.set_timer(timer, now + self._interval)

    def slow_down(self) -> None:
        self._interval = self.layer.intervals.t2

    def pass_up(self, now: float, response: Response | None) -> None:
        assert response is not None
        self.user.handle_response(self, response, now)

    def acknowledge(self, now: float, response: Response | None) -> None:
        # §17.1.1.3: "The ACK MUST be sent to the same address, port, and transport to which the
        # original request was sent."
        if self._acknowledgement is None:
            assert response is not None
            self._acknowledgement = self.request.acknowledge_failure(response.to_value).data
        self.layer.send(self.flow, self._acknowledgement, self.trace, now)

    def fail(self, now: float, response: Response | None) -> None:
        self.user.handle_no_response(self, self.cause, now)

    def __repr__(self) -> str:
        return f"<{self.request.method} {self.request.uri} {self.state.name.lower()} {self.request.branch}>"


class _Nobody:
    """The user of a transaction that nobody waits for any more."""

    def handle_response(self, transaction: ClientTransaction, response: Response, now: float) -> None:
        return

    def handle_no_response(self, transaction: ClientTransaction, cause: str, now: float) -> None:
        return


NOBODY = _Nobody()

Action = Callable[[ClientTransaction, float, "Response | None"], None]
Rows = dict[int, tuple[tuple[Action, ...], State]]


def _resend_a(tx: ClientTransaction, now: float, response: Response | None) -> None:
    tx.resend(Input.TIMER_A, tx.layer.intervals.timeout, now)


def _resend_e(tx: ClientTransaction, now: float, response: Response | None) -> None:
    tx.resend(Input.TIMER_E, tx.layer.intervals.t2, now)


def _slow_e(tx: ClientTransaction, now: float, response: Response | None) -> None:
    # §17.1.2.2, of Proceeding: "Timer E MUST be reset with a value of T2 seconds."
    tx.slow_down()


def _start_d(tx: ClientTransaction, now: float, response: Response | None) -> None:
    tx.set_timer(Input.TIMER_D, now + (0.0 if tx.reliable else tx.layer.intervals.timer_d))


def _start_k(tx: ClientTransaction, now: float, response: Response | None) -> None:
    tx.set_timer(Input.TIMER_K, now + (0.0 if tx.reliable else tx.layer.intervals.t4))


def _start_m(tx: ClientTransaction, now: float, response: Response | None) -> None:
    tx.set_timer(Input.TIMER_M, now + tx.layer.intervals.timeout)


_tx, _S, _I = ClientTransaction, State, Input

INVITE: dict[State, Rows] = {
    _S.CALLING: {
        _I.PROVISIONAL: ((_tx.pass_up,), _S.PROCEEDING),
        _I.SUCCESS: ((_start_m, _tx.pass_up), _S.ACCEPTED),
        _I.FAILURE: ((_tx.acknowledge, _start_d, _tx.pass_up), _S.COMPLETED),
        _I.TIMER_A: ((_resend_a,), _S.CALLING),
        _I.TIMER_B: ((_tx.fail,), _S.TERMINATED),
        _I.TRANSPORT_ERROR: ((_tx.fail,), _S.TERMINATED),
    },
    _S.PROCEEDING: {
        _I.PROVISIONAL: ((_tx.pass_up,), _S.PROCEEDING),
        _I.SUCCESS: ((_start_m, _tx.pass_up), _S.ACCEPTED),
        _I.FAILURE: ((_tx.acknowledge, _start_d, _tx.pass_up), _S.COMPLETED),
    },
    _S.ACCEPTED: {
        _I.SUCCESS: ((_tx.pass_up,), _S.ACCEPTED),
        _I.TIMER_M: ((), _S.TERMINATED),
    },
    _S.COMPLETED: {
        _I.FAILURE: ((_tx.acknowledge,), _S.COMPLETED),
        _I.TRANSPORT_ERROR: ((), _S.TERMINATED),
        _I.TIMER_D: ((), _S.TERMINATED),
    },
    _S.TERMINATED: {},
}

NON_INVITE: dict[State, Rows] = {
    _S.TRYING: {
        _I.PROVISIONAL: ((_tx.pass_up,), _S.PROCEEDING),
        _I.SUCCESS: ((_start_k, _tx.pass_up), _S.COMPLETED),
        _I.FAILURE: ((_start_k, _tx.pass_up), _S.COMPLETED),
        _I.TIMER_E: ((_resend_e,), _S.TRYING),
        _I.TIMER_F: ((_tx.fail,), _S.TERMINATED),
        _I.TRANSPORT_ERROR: ((_tx.fail,), _S.TERMINATED),
    },
    _S.PROCEEDING: {
        _I.PROVISIONAL: ((_tx.pass_up,), _S.PROCEEDING),
        _I.SUCCESS: ((_start_k, _tx.pass_up), _S.COMPLETED),
        _I.FAILURE: ((_start_k, _tx.pass_up), _S.COMPLETED),
        _I.TIMER_E: ((_slow_e, _resend_e), _S.PROCEEDING),
        _I.TIMER_F: ((_tx.fail,), _S.TERMINATED),
        _I.TRANSPORT_ERROR: ((_tx.fail,), _S.TERMINATED),
    },
    _S.COMPLETED: {
        _I.TIMER_K: ((), _S.TERMINATED),
    },
    _S.TERMINATED: {},
}
