"""The E-model against the figures of G.107 and G.113, and where it must not go."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from b2bua.calls.emodel import CODECS, Codec, opinion, rating, score

G711 = CODECS["pcmu"]


def test_with_all_defaults_r_is_93_2() -> None:
    """G.107 §7.7: "...the calculation results in a very high quality with a rating factor of R = 93.2"."""
    assert rating(G711, 0.0, 0.0) == pytest.approx(93.2, abs=0.01)
    assert score(G711, 0.0, 0.0) == pytest.approx(4.41, abs=0.005)


@pytest.mark.parametrize(("rated", "mos"), [
    (100.0, 4.5), (90.0, 4.34), (80.0, 4.03), (70.0, 3.60), (60.0, 3.10), (50.0, 2.58), (0.0, 1.0),
])  # fmt: skip
def test_the_table_of_annex_b(rated: float, mos: float) -> None:
    assert opinion(rated) == pytest.approx(mos, abs=0.007)  # which rounds 4.024 up


def test_the_codec_costs_its_impairment() -> None:
    without = rating(G711, 0.0, 50.0)
    assert without - rating(CODECS["g729"], 0.0, 50.0) == pytest.approx(11.0)


def test_loss_as_large_as_the_robustness_costs_half_of_all() -> None:
    """Ie,eff = Ie + (95 - Ie) / 2 where Ppl = Bpl."""
    assert rating(G711, 0.0, 0.0) - rating(G711, 0.251, 0.0) == pytest.approx(47.5)
    g729 = CODECS["g729"]
    assert rating(g729, 0.0, 0.0) - rating(g729, 0.19, 0.0) == pytest.approx(42.0)


def test_delay_is_hardly_felt_below_150_ms_and_much_above() -> None:
    """G.114, figure 1: up to 150 ms most users are satisfied, from 400 ms on nearly none."""
    ratings = {delay: rating(G711, 0.0, delay) for delay in (0.0, 100.0, 150.0, 250.0, 400.0)}
    assert ratings[0.0] - ratings[150.0] < 5
    assert 75 < ratings[250.0] < 82
    assert 55 < ratings[400.0] < 65


@given(st.floats(-1.0, 2.0), st.floats(0.0, 100_000.0), st.sampled_from(sorted(CODECS)))
def test_a_score_is_between_one_and_four_and_a_half(loss: float, delay: float, codec: str) -> None:
    assert 1.0 <= score(CODECS[codec], loss, delay) <= 4.5


@given(st.floats(0.0, 0.5), st.floats(0.0, 0.5), st.floats(0.0, 2000.0))
def test_more_loss_is_never_better(one: float, other: float, delay: float) -> None:
    less, more = sorted((one, other))
    assert rating(G711, more, delay) <= rating(G711, less, delay) + 1e-9


def test_below_the_scale_it_is_one() -> None:
    assert opinion(-20.0) == opinion(3.0) == 1.0
    assert score(Codec(80.0, 1.0), 1.0, 1000.0) == 1.0
