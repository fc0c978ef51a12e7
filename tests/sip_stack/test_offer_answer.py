"""Every input in every state, and the exchanges of RFC 3264, 6337 and 3261 §14 as they happen."""

from __future__ import annotations

import itertools

import pytest

from sip_stack.errors import LocalError, RemoteError
from sip_stack.offer_answer import ROWS, Input, OfferAnswer, State
from sip_stack.sdp import Session, parse


def theirs(port: int) -> Session:
    return parse(f"v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio {port} RTP/AVP 0\r\n".encode())


FIRST, SECOND = theirs(4000), theirs(4002)


def in_state(state: State) -> OfferAnswer:
    """A dialog brought to the state by the shortest way there."""
    dialog = OfferAnswer(retry_after=7)
    if state >= State.AGREED:
        dialog.send_offer(b"our first")
        dialog.receive_answer(FIRST)
    if state in (State.OFFER_SENT, State.REOFFER_SENT):
        dialog.send_offer(b"our offer")
    if state in (State.OFFER_RECEIVED, State.REOFFER_RECEIVED):
        dialog.receive_offer(SECOND)
    assert dialog.state is state
    return dialog


def in_force(dialog: OfferAnswer) -> tuple[bytes | None, Session | None]:
    return dialog.local, dialog.remote


def give(dialog: OfferAnswer, what: Input) -> None:
    {
        Input.SEND_OFFER: lambda: dialog.send_offer(b"new"),
        Input.RECEIVE_OFFER: lambda: dialog.receive_offer(SECOND),
        Input.SEND_PREVIEW: lambda: dialog.send_answer(b"new", is_reliable=False),
        Input.RECEIVE_PREVIEW: lambda: dialog.receive_answer(SECOND, is_reliable=False),
        Input.SEND_ANSWER: lambda: dialog.send_answer(b"new"),
        Input.RECEIVE_ANSWER: lambda: dialog.receive_answer(SECOND),
        Input.FAIL: dialog.fail,
    }[what]()


# What each pair comes to, written out beside the table, not from it: the next state, "misuse" or a status.
S = State
EXPECTED: dict[State, tuple[State | str | int, ...]] = {
    # SEND_OFFER, RECEIVE_OFFER, SEND_PREVIEW, RECEIVE_PREVIEW, SEND_ANSWER, RECEIVE_ANSWER, FAIL
    S.IDLE: (S.OFFER_SENT, S.OFFER_RECEIVED, "misuse", S.IDLE, "misuse", S.IDLE, S.IDLE),
    S.OFFER_SENT: ("misuse", 491, "misuse", S.OFFER_SENT, "misuse", S.AGREED, S.IDLE),
    S.OFFER_RECEIVED: ("misuse", 500, S.OFFER_RECEIVED, S.OFFER_RECEIVED, S.AGREED, S.OFFER_RECEIVED, S.IDLE),
    S.AGREED: (S.REOFFER_SENT, S.REOFFER_RECEIVED, "misuse", S.AGREED, "misuse", S.AGREED, S.AGREED),
    S.REOFFER_SENT: ("misuse", 491, "misuse", S.REOFFER_SENT, "misuse", S.AGREED, S.AGREED),
    S.REOFFER_RECEIVED: (
        "misuse", 500, S.REOFFER_RECEIVED, S.REOFFER_RECEIVED, S.AGREED, S.REOFFER_RECEIVED, S.AGREED,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("state", "what"), list(itertools.product(State, Input)))
def test_every_input_in_every_state(state: State, what: Input) -> None:
    dialog = in_state(state)
    before = (dialog.local, dialog.remote, dialog.offered_local, dialog.offered_remote)
    expected = EXPECTED[state][what]
    if isinstance(expected, State):
        give(dialog, what)
        assert dialog.state is expected
        return
    with pytest.raises(LocalError if expected == "misuse" else RemoteError) as raised:
        give(dialog, what)
    if isinstance(raised.value, RemoteError):
        assert raised.value.status == expected
    assert dialog.state is state
    assert before == (dialog.local, dialog.remote, dialog.offered_local, dialog.offered_remote)


def test_the_table_is_whole() -> None:
    assert set(ROWS) == set(State)
    assert all(set(row) == set(Input) for row in ROWS.values())


def test_offer_of_ours_answered() -> None:
    dialog = OfferAnswer()
    dialog.send_offer(b"offer")
    assert in_force(dialog) == (None, None)
    assert dialog.is_open and not dialog.may_offer
    assert dialog.receive_answer(FIRST)
    assert in_force(dialog) == (b"offer", FIRST)
    assert dialog.may_offer


def test_offer_of_theirs_answered() -> None:
    dialog = OfferAnswer()
    dialog.receive_offer(FIRST)
    assert dialog.offered_remote is FIRST
    assert in_force(dialog) == (None, None)
    dialog.send_answer(b"answer")
    assert in_force(dialog) == (b"answer", FIRST)


@pytest.mark.parametrize("is_ours", [True, False])
def test_a_failed_reoffer_leaves_the_session_as_it_was(is_ours: bool) -> None:
    dialog = in_state(State.REOFFER_SENT if is_ours else State.REOFFER_RECEIVED)
    dialog.fail()
    assert (dialog.state, dialog.local, dialog.remote) == (State.AGREED, b"our first", FIRST)
    assert (dialog.offered_local, dialog.offered_remote) == (None, None)
    dialog.send_offer(b"another")  # and the way is free for the next


def test_a_failed_first_offer_leaves_nothing() -> None:
    dialog = in_state(State.OFFER_SENT)
    dialog.receive_answer(FIRST, is_reliable=False)
    dialog.fail()
    assert dialog.state is State.IDLE
    assert (dialog.local, dialog.remote, dialog.preview_remote) == (None, None, None)


def test_second_offer_of_theirs_is_told_when_to_come_back() -> None:
    with pytest.raises(RemoteError) as raised:
        in_state(State.OFFER_RECEIVED).receive_offer(FIRST)
    assert raised.value.fields == (("Retry-After", "7"),)


def test_preview_keeps_the_offer_open_until_the_reliable_answer() -> None:
    dialog = in_state(State.OFFER_SENT)
    assert dialog.receive_answer(FIRST, is_reliable=False)
    assert (dialog.preview_remote, dialog.remote, dialog.is_open) == (FIRST, None, True)
    assert dialog.receive_answer(SECOND)
    assert (dialog.remote, dialog.preview_remote) == (SECOND, None)


def test_description_in_a_later_response_is_a_repetition() -> None:
    dialog = in_state(State.AGREED)
    assert not dialog.receive_answer(SECOND)
    assert dialog.remote is FIRST


def test_answer_in_180_and_200_is_the_same() -> None:
    dialog = in_state(State.OFFER_RECEIVED)
    dialog.send_answer(b"answer", is_reliable=False)
    dialog.send_answer(b"answer", is_reliable=False)
    with pytest.raises(LocalError):
        dialog.send_answer(b"other", is_reliable=False)
    with pytest.raises(LocalError):
        dialog.send_answer(b"other")
    dialog.send_answer(b"answer")
    dialog.send_answer(b"answer")  # the 200 after a reliable 183
    with pytest.raises(LocalError):
        dialog.send_answer(b"other")
    assert dialog.local == b"answer"


def test_a_reoffer_of_theirs_then_one_of_ours() -> None:
    dialog = in_state(State.REOFFER_RECEIVED)
    dialog.send_answer(b"our second")
    dialog.send_offer(b"our third")
    dialog.receive_answer(FIRST)
    assert (dialog.local, dialog.remote, dialog.state) == (b"our third", FIRST, State.AGREED)
