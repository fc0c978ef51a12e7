"""Offer and answer within one dialog (RFC 3264, RFC 6337), as a table.

Theory. At any time at most one offer is out, ours or theirs, and until it is answered the session that was
agreed before stands. So there are three times two states: whether a session is in force, and whose offer, if
any, is open. An exchange that fails leads back to where it began, which is all that RFC 3261 §14.1 asks.

An answer in a response that is not reliable is only a preview: media may flow by it, but the offer stays open
until the answer comes in a reliable message (RFC 6337 §2.1). RFC 3261 §13.2.1 would have the first
description count and "ignore any session descriptions in subsequent responses". We let the reliable one
count: a peer that keeps the rule sends the same twice, and one that breaks it listens where it said last.
"""

from __future__ import annotations

import enum
from collections.abc import Callable

from sip_stack.errors import LocalError, RemoteError
from sip_stack.sdp import Session


class State(enum.IntEnum):
    """Before the first agreement IDLE, OFFER_SENT, OFFER_RECEIVED; after it the other three."""

    IDLE = 0
    OFFER_SENT = 1
    OFFER_RECEIVED = 2
    AGREED = 3
    REOFFER_SENT = 4
    REOFFER_RECEIVED = 5


class Input(enum.IntEnum):
    SEND_OFFER = 0
    RECEIVE_OFFER = 1
    SEND_PREVIEW = 2  # an answer in a provisional response without 100rel
    RECEIVE_PREVIEW = 3
    SEND_ANSWER = 4
    RECEIVE_ANSWER = 5
    FAIL = 6  # the request that carried the offer was refused or timed out, or its answer could not be used


class OfferAnswer:
    """The exchanges of one dialog. `local` and `remote` are the two descriptions in force, if any.

    local: bytes as sent. offered_local, offered_remote: of the open exchange, the offer. preview_local,
    preview_remote: the answer that has gone out or come in so far without being reliable.
    retry_after: seconds from 0 to 10, drawn by the caller for this dialog (RFC 3261 §14.2).
    """

    __slots__ = ("local", "offered_local", "offered_remote", "preview_local", "preview_remote", "remote",
                 "retry_after", "state")  # fmt: skip

    def __init__(self, retry_after: int = 5) -> None:
        self.state = State.IDLE
        self.retry_after = retry_after
        self.local: bytes | None = None
        self.remote: Session | None = None
        self.offered_local: bytes | None = None
        self.offered_remote: Session | None = None
        self.preview_local: bytes | None = None
        self.preview_remote: Session | None = None

    @property
    def is_open(self) -> bool:
        """Whether an offer, ours or theirs, waits for its answer."""
        return self.state not in (State.IDLE, State.AGREED)

    @property
    def may_offer(self) -> bool:
        return not self.is_open

    # Each of these raises LocalError where the state does not allow it, but for what the peer may get wrong.

    def send_offer(self, local: bytes) -> None:
        self._step(Input.SEND_OFFER, local, None)

    def receive_offer(self, remote: Session) -> None:
        """Raises RemoteError: 491 while our offer is out, 500 with Retry-After while theirs is (§14.2)."""
        self._step(Input.RECEIVE_OFFER, None, remote)

    def send_answer(self, local: bytes, *, is_reliable: bool = True) -> None:
        """Answer their offer. The same answer may go out again, in a 180 and then the 200; no other may."""
        self._step(Input.SEND_ANSWER if is_reliable else Input.SEND_PREVIEW, local, None)

    def receive_answer(self, remote: Session, *, is_reliable: bool = True) -> bool:
        """Take their answer. False, and nothing is changed, if no offer of ours is out: it is repeated."""
        taken = self.state in (State.OFFER_SENT, State.REOFFER_SENT)
        self._step(Input.RECEIVE_ANSWER if is_reliable else Input.RECEIVE_PREVIEW, None, remote)
        return taken

    def fail(self) -> None:
        """The open exchange has come to nothing; the session is as before it (RFC 3261 §14.1)."""
        self._step(Input.FAIL, None, None)

    def _step(self, what: Input, local: bytes | None, remote: Session | None) -> None:
        action, after = _TABLE[self.state][what]
        action(self, local, remote)
        self.state = after

    # What the rows ask for.

    def _propose(self, local: bytes | None, _: Session | None) -> None:
        self.offered_local = local

    def _consider(self, _: bytes | None, remote: Session | None) -> None:
        self.offered_remote = remote

    def _preview_ours(self, local: bytes | None, _: Session | None) -> None:
        self._assert_same(self.preview_local, local)
        self.preview_local = local

    def _preview_theirs(self, _: bytes | None, remote: Session | None) -> None:
        self.preview_remote = remote

    def _answer(self, local: bytes | None, _: Session | None) -> None:
        self._assert_same(self.preview_local, local)
        self.local, self.remote = local, self.offered_remote
        self._close()

    def _accept(self, _: bytes | None, remote: Session | None) -> None:
        self.local, self.remote = self.offered_local, remote
        self._close()

    def _repeat(self, local: bytes | None, _: Session | None) -> None:
        self._assert_same(self.local, local)

    def _roll_back(self, _: bytes | None, __: Session | None) -> None:
        self._close()

    def _ignore(self, _: bytes | None, __: Session | None) -> None:
        """Nothing was expected, and nothing is changed."""

    def _refuse_glare(self, _: bytes | None, __: Session | None) -> None:
        # RFC 3261 §14.2: "A UAS that receives an INVITE on a dialog while an INVITE it had sent on that
        # dialog is in progress MUST return a 491 (Request Pending) response". RFC 3311 §5.2: so too UPDATE.
        raise RemoteError(491, "offer while ours is out")

    def _refuse_second(self, _: bytes | None, __: Session | None) -> None:
        # RFC 3261 §14.2: "...MUST return a 500 (Server Internal Error) response to the second INVITE and MUST
        # include a Retry-After header field with a randomly chosen value of between 0 and 10 seconds."
        fields = (("Retry-After", str(self.retry_after)),)
        raise RemoteError(500, "offer while theirs is unanswered", fields=fields)

    def _misuse(self, _: bytes | None, __: Session | None) -> None:
        raise LocalError(f"neither offer nor answer of ours fits in {self.state.name}")

    def _close(self) -> None:
        self.offered_local = self.preview_local = None
        self.offered_remote = self.preview_remote = None

    @staticmethod
    def _assert_same(said: bytes | None, now: bytes | None) -> None:
        # RFC 3261 §13.2.1: "That same exact answer MAY also be placed in any provisional responses sent
        # prior to the answer." Where another branch wins, its answer needs a dialog of its own (another
        # To-tag), or a new offer once the call is up.
        if said is not None and said != now:
            raise LocalError("a second answer differs from the first")


Action = Callable[[OfferAnswer, bytes | None, Session | None], None]
Row = tuple[Action, State]
_o, _S, _I = OfferAnswer, State, Input


def _closed(state: State, sent: State, received: State, on_answer: Action) -> dict[Input, Row]:
    """No offer is open; `state` is where the dialog rests."""
    return {
        _I.SEND_OFFER: (_o._propose, sent),
        _I.RECEIVE_OFFER: (_o._consider, received),
        _I.SEND_PREVIEW: (on_answer, state),
        _I.RECEIVE_PREVIEW: (_o._ignore, state),
        _I.SEND_ANSWER: (on_answer, state),
        _I.RECEIVE_ANSWER: (_o._ignore, state),
        _I.FAIL: (_o._ignore, state),
    }


def _ours(state: State, before: State) -> dict[Input, Row]:
    """Our offer is out; a failure leads back to `before`."""
    return {
        _I.SEND_OFFER: (_o._misuse, state),
        _I.RECEIVE_OFFER: (_o._refuse_glare, state),
        _I.SEND_PREVIEW: (_o._misuse, state),
        _I.RECEIVE_PREVIEW: (_o._preview_theirs, state),
        _I.SEND_ANSWER: (_o._misuse, state),
        _I.RECEIVE_ANSWER: (_o._accept, _S.AGREED),
        _I.FAIL: (_o._roll_back, before),
    }


def _theirs(state: State, before: State) -> dict[Input, Row]:
    """Their offer is unanswered; a failure leads back to `before`."""
    return {
        _I.SEND_OFFER: (_o._misuse, state),
        _I.RECEIVE_OFFER: (_o._refuse_second, state),
        _I.SEND_PREVIEW: (_o._preview_ours, state),
        _I.RECEIVE_PREVIEW: (_o._ignore, state),
        _I.SEND_ANSWER: (_o._answer, _S.AGREED),
        _I.RECEIVE_ANSWER: (_o._ignore, state),
        _I.FAIL: (_o._roll_back, before),
    }


ROWS: dict[State, dict[Input, Row]] = {
    _S.IDLE: _closed(_S.IDLE, _S.OFFER_SENT, _S.OFFER_RECEIVED, _o._misuse),
    _S.OFFER_SENT: _ours(_S.OFFER_SENT, before=_S.IDLE),
    _S.OFFER_RECEIVED: _theirs(_S.OFFER_RECEIVED, before=_S.IDLE),
    _S.AGREED: _closed(_S.AGREED, _S.REOFFER_SENT, _S.REOFFER_RECEIVED, _o._repeat),
    _S.REOFFER_SENT: _ours(_S.REOFFER_SENT, before=_S.AGREED),
    _S.REOFFER_RECEIVED: _theirs(_S.REOFFER_RECEIVED, before=_S.AGREED),
}
_TABLE: tuple[tuple[Row, ...], ...] = tuple(tuple(ROWS[state][what] for what in Input) for state in State)
