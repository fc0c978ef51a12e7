"""Which refusal is the best of several, and as what it goes upstream: FRK-8, row by row."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from b2bua.calls.best_response import Final, best, upstream

# FRK-8d, best first: "486/600 (busy) > 480 > 403/603 > 484 > 404/410/604 > 488/606 > 408 > 487 > rest";
# FRK-8c: 5xx behind every 4xx. A redirection that was not followed says least of all.
RANKS = [
    [486, 600],
    [480],
    [403, 603],
    [484],
    [404, 410, 604],
    [488, 606],
    [408],
    [487],
    [400, 401, 402, 405, 406, 407, 413, 415, 420, 421, 422, 423, 428, 430, 433, 481, 482, 483, 485, 491, 493, 607, 608],
    [500, 501, 502, 503, 504, 505, 513, 580],
    [300, 301, 302, 305, 380],
]  # fmt: skip
PAIRS = list(itertools.combinations(range(len(RANKS)), 2))
FINALS = st.builds(Final, st.integers(300, 699), st.booleans())


@pytest.mark.parametrize(("better", "worse"), PAIRS)
def test_each_rank_beats_each_below_it(better: int, worse: int) -> None:
    for one, other in itertools.product(RANKS[better], RANKS[worse]):
        assert best([Final(one), Final(other)]) == Final(one), (one, other)
        assert best([Final(other), Final(one)]) == Final(one), (other, one)


@pytest.mark.parametrize("rank", RANKS, ids=str)
def test_among_equals_the_first_counts(rank: list[int]) -> None:
    for one, other in itertools.product(rank, rank):
        finals = [Final(one, fields=(("Reason", "first"),)), Final(other, fields=(("Reason", "second"),))]
        assert best(finals) is finals[0]


def test_what_a_peer_said_beats_what_we_made() -> None:
    """FRK-8a."""
    for ours, theirs in itertools.product(itertools.chain(*RANKS), itertools.chain(*RANKS)):
        assert best([Final(ours, is_real=False), Final(theirs)]) == Final(theirs)


@given(st.lists(FINALS, max_size=8))
def test_the_best_is_one_of_them(finals: list[Final]) -> None:
    chosen = best(finals)
    assert chosen in finals if finals else chosen is None


@given(st.lists(FINALS, min_size=1, max_size=6))
def test_the_best_does_not_depend_on_the_order(finals: list[Final]) -> None:
    one, other = best(finals), best(finals[::-1])
    assert one is not None and other is not None
    assert best([one, other]) == one and best([other, one]) == other


@pytest.mark.parametrize("status", sorted(itertools.chain(*RANKS)))
def test_of_one_that_one_counts(status: int) -> None:
    assert best([Final(status)]) == Final(status)


# What the caller's trunk is told.
UPSTREAM = {
    **dict.fromkeys((300, 301, 302, 305, 380), 480),
    401: 480, 407: 480,  # FRK-11: a recipient's challenge is not the caller's
    415: 488, 420: 480, 408: 480, 487: 480,
    600: 486, 603: 480, 604: 404, 606: 488, 607: 480, 608: 480, 699: 480,
    **dict.fromkeys((500, 501, 502, 503, 504, 505, 513, 580, 599), 480),
    **{same: same for same in (400, 402, 403, 404, 405, 406, 410, 413, 421, 480, 484, 486, 488, 491, 499)},
}  # fmt: skip


@pytest.mark.parametrize(("status", "told"), UPSTREAM.items())
def test_what_goes_upstream(status: int, told: int) -> None:
    assert upstream(status) == told


@given(st.integers(300, 699))
def test_nothing_goes_upstream_that_makes_a_trunk_avoid_us(status: int) -> None:
    """FRK-8e: never a 503, nor a 6xx, nor a challenge."""
    told = upstream(status)
    assert 400 <= told < 500 and told not in (401, 407, 408)
