"""What chains of rules let in, whatever they are written in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtp_relay.facts import Obstacle
from rtp_relay.process.probe.filtering import (
    Chain,
    Rule,
    Spans,
    chains_of,
    common,
    obstacles,
    span_of,
    without,
)

SPAN = (20000, 29999)
spans = st.lists(
    st.tuples(st.integers(0, 60), st.integers(0, 12)).map(lambda pair: (pair[0], pair[0] + pair[1])), max_size=5
).map(tuple)


def ports(some: Spans) -> set[int]:
    return {port for first, last in some for port in range(first, last + 1)}


@given(spans, spans)
def test_spans_are_sets_of_ports(some: Spans, others: Spans) -> None:
    assert ports(common(some, others)) == ports(some) & ports(others)
    assert ports(without(some, others)) == ports(some) - ports(others)


def found(*rules: Rule, drops: bool = False, others: tuple[Chain, ...] = ()) -> tuple[Obstacle, ...]:
    return obstacles(chains_of([Chain("input", "input", drops, list(rules)), *others]), SPAN)


def test_no_rules_let_everything_in() -> None:
    assert found() == ()
    assert obstacles({}, SPAN) == ()


def test_a_policy_that_drops_stops_what_no_rule_lets_in() -> None:
    accepting = Rule("accept", "media", ((20000, 24999),))
    (stopped,) = found(accepting, drops=True)
    assert (stopped.first, stopped.last, stopped.certain) == (25000, 29999, True)
    assert "policy" in stopped.rule
    assert found(Rule("accept", "media", ((1024, 65535),)), drops=True) == ()


def test_the_first_rule_that_matches_decides() -> None:
    drop, accept = Rule("drop", "drop all"), Rule("accept", "media", ((20000, 29999),))
    assert found(accept, drop) == ()
    assert found(drop, accept) == (Obstacle(20000, 29999, "drop all", True),)


def test_a_rule_for_other_ports_is_none() -> None:
    assert found(Rule("drop", "dns", ((53, 53),))) == ()
    assert found(Rule("drop", "tcp", applies=False)) == ()


def test_a_rule_that_perhaps_drops_is_a_doubt_and_decides_nothing() -> None:
    some = Rule("drop", "from a set", ((20000, 20001),), applies=None)
    assert found(some) == (Obstacle(20000, 20001, "from a set", False),)
    assert found(some, Rule("drop", "rest")) == (
        Obstacle(20000, 20001, "from a set", False), Obstacle(20000, 29999, "rest", True),
    )  # fmt: skip


def test_a_rule_that_perhaps_accepts_makes_the_policy_a_doubt() -> None:
    (stopped,) = found(Rule("accept", "from the trunk", applies=None), drops=True)
    assert not stopped.certain


def test_a_jump_comes_back_with_what_was_not_decided() -> None:
    media = Chain("media", rules=[Rule("accept", "half", ((20000, 24999),))])
    jump = Rule("jump", "to media", target="media")
    assert found(jump, others=(media,)) == ()
    (stopped,) = found(jump, drops=True, others=(media,))
    assert (stopped.first, stopped.last) == (25000, 29999)
    assert found(jump, Rule("drop", "rest"), others=(media,)) == (Obstacle(25000, 29999, "rest", True),)


def test_a_drop_behind_a_jump_that_perhaps_happens_is_a_doubt() -> None:
    bad = Chain("bad", rules=[Rule("drop", "all of them")])
    assert found(Rule("jump", "by eth1", applies=None, target="bad"), others=(bad,)) == (
        Obstacle(20000, 29999, "all of them", False),
    )


def test_what_returns_is_not_seen_by_the_rest_of_its_chain() -> None:
    inner = Chain("inner", rules=[Rule("return", "media", ((20000, 29999),)), Rule("drop", "rest")])
    assert found(Rule("jump", "inner", target="inner"), others=(inner,)) == ()
    half = Chain("inner", rules=[Rule("return", "media", ((20000, 24999),)), Rule("drop", "rest")])
    assert found(Rule("jump", "inner", target="inner"), others=(half,)) == (Obstacle(25000, 29999, "rest", True),)


def test_a_jump_to_nowhere_and_chains_in_a_ring_end() -> None:
    assert found(Rule("jump", "gone", target="gone")) == ()
    ring = Chain("ring", rules=[Rule("jump", "again", target="ring")])
    assert found(Rule("jump", "ring", target="ring"), others=(ring,)) == ()


def test_every_hook_has_its_say() -> None:
    raw = Chain("raw", "prerouting", False, [Rule("drop", "in raw")])
    assert found(Rule("accept", "all"), others=(raw,)) == (Obstacle(20000, 29999, "in raw", True),)


@pytest.mark.parametrize(("text", "span"), [
    ("5060", (5060, 5060)), ("20000:29999", (20000, 29999)), ("sip", None), ("1:x", None), ("", None),
])  # fmt: skip
def test_spans_as_they_are_written(text: str, span: tuple[int, int] | None) -> None:
    assert span_of(text, ":") == span
