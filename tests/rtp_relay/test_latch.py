"""The machine by itself: every state meets every input, and anything random keeps its promises."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtp_relay.latch import RUN_LENGTH, TABLE, WINDOWED, Input, Latch, State
from rtp_relay.source import Address

STATED: Address = ("192.0.2.1", 4000)
OTHER: Address = ("198.51.100.7", 5000)
THIRD: Address = ("203.0.113.9", 6000)
LONG = 60.0  # seconds of silence, more than any rule asks for


def learn(latch: Latch, source: Address, start: int = 1, silence: float = LONG, now: float = 0.0) -> bool:
    return [latch.judge(source, start + step, 1, silence, now) for step in range(RUN_LENGTH)][-1]


def in_state(state: State) -> Latch:
    """A latch that came to the state by the ways of the world."""
    latch = Latch()
    if state is State.BLANK:
        return latch
    latch.direct(STATED, state is not State.EXPECTING, False)
    if state is State.CONFIRMED:
        assert latch.judge(STATED, 1, 1, LONG, 0.0)
    elif state in (State.LEARNT, State.REOPENED):
        assert learn(latch, OTHER)
    if state is State.REOPENED:
        latch.direct(STATED, True, True)
    assert latch.state is state
    return latch


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("what", Input)
def test_every_state_meets_every_input(state: State, what: Input) -> None:
    latch = in_state(state)
    before = (latch.believed, latch.passing)
    passes = latch._handle(what, THIRD)
    action_and_state = TABLE.get((state, what))
    assert latch.state is (action_and_state[1] if action_and_state else state)
    if action_and_state is None:
        assert not passes
        assert (latch.believed, latch.passing) == before
    if latch.state not in WINDOWED:
        assert latch.closes is None


@pytest.mark.parametrize("state", State)
def test_a_stranger_never_passes(state: State) -> None:
    latch = in_state(state)
    believed = latch.believed
    assert not latch.judge(THIRD, 1, 1, 0.0, 0.0)
    assert latch.believed == believed


def test_the_windows_end_is_seen_with_the_next_packet() -> None:
    latch = in_state(State.OPEN)
    latch.limit(10.0)
    latch.limit(99.0)  # has an end already
    assert not learn(latch, OTHER, now=10.0)
    assert latch.state is State.EXPECTING
    assert latch.judge(STATED, 1, 1, LONG, 11.0)


def test_a_learnt_source_is_final_after_the_window() -> None:
    latch = in_state(State.LEARNT)
    latch.limit(10.0)
    assert not latch.judge(STATED, 1, 1, LONG, 10.0)
    assert latch.state is State.CONFIRMED
    assert latch.passing == OTHER


def test_latch_taken_back_by_the_signalling_shuts_the_window() -> None:
    latch = in_state(State.OPEN)
    latch.direct(STATED, False, False)
    assert latch.state is State.EXPECTING
    latch = in_state(State.LEARNT)
    latch.direct(STATED, False, False)
    assert (latch.state, latch.believed, latch.passing) == (State.EXPECTING, STATED, None)
    latch = in_state(State.CONFIRMED)
    latch.direct(STATED, False, False)
    assert (latch.state, latch.passing) == (State.CONFIRMED, STATED)


def test_a_medium_taken_away_and_stated_again() -> None:
    latch = in_state(State.CONFIRMED)
    latch.direct(None, True, False)
    assert (latch.state, latch.believed, latch.passing) == (State.BLANK, None, None)
    latch.direct(STATED, True, False)
    assert (latch.state, latch.believed, latch.passing) == (State.OPEN, STATED, None)


def test_it_prints_itself() -> None:
    assert "OPEN" in repr(in_state(State.OPEN))


packets = st.tuples(st.sampled_from([OTHER, THIRD]), st.integers(0, 8), st.integers(1, 2))
steps = st.lists(st.one_of(packets, st.sampled_from(["reopen", "strict", "limit"])), max_size=60)


@given(steps)
def test_while_the_stated_address_is_heard_nobody_else_ever_passes(script: list[object]) -> None:
    """The stated address is heard before every packet of others, as in a call whose media flows."""
    latch = in_state(State.CONFIRMED)
    for step in script:
        if step == "reopen":
            latch.direct(STATED, True, True)
        elif step == "strict":
            latch.direct(STATED, False, False)
        elif step == "limit":
            latch.limit(0.0)
        else:
            assert isinstance(step, tuple)
            source, sequence, ssrc = step
            assert not latch.judge(source, sequence, ssrc, 0.02, 1.0)
        assert latch.passing == latch.believed == STATED


@given(st.lists(packets, max_size=60))
def test_who_is_learnt_sent_a_run_of_one_ssrc(script: list[tuple[Address, int, int]]) -> None:
    latch = in_state(State.OPEN)
    for at, (source, sequence, ssrc) in enumerate(script):
        if latch.judge(source, sequence, ssrc, LONG, 0.0) and latch.state is State.LEARNT:
            own = [(s, i) for a, s, i in script[: at + 1] if a == source][-RUN_LENGTH:]
            assert len({i for _, i in own}) == 1
            assert [s for s, _ in own] == list(range(own[0][0], own[0][0] + RUN_LENGTH))
            return
