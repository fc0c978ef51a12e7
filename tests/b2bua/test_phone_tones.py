"""b2bua.phone.tones: what is heard, and what is not."""

from __future__ import annotations

import math
import random
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from b2bua.phone import tones
from b2bua.phone.tones import SAMPLE_RATE, WINDOW, Change, Ear


def sine(frequency: float, length: int = WINDOW, height: float = 9000.0, phase: float = 0.0) -> array[int]:
    return array(
        "h",
        (round(height * math.sin(2 * math.pi * frequency * n / SAMPLE_RATE + phase)) for n in range(length)),
    )


def silence(length: int = WINDOW) -> array[int]:
    return array("h", bytes(2 * length))


def mix(*sounds: array[int]) -> array[int]:
    return array("h", (sum(samples) for samples in zip(*sounds, strict=True)))


def test_level_of_nothing_and_of_a_full_square_wave() -> None:
    assert tones.level(silence()) == -120.0
    assert tones.level(array("h", [-32768] * WINDOW)) == pytest.approx(0.0)


def test_level_falls_six_decibels_when_the_height_is_halved() -> None:
    assert tones.level(sine(440, height=16000)) - tones.level(sine(440, height=8000)) == pytest.approx(
        6.02, abs=0.01
    )


@given(st.integers(20, 390), st.floats(0, 6.28), st.floats(100, 30000))
def test_a_pure_sine_is_wholly_at_its_own_frequency(tens: int, phase: float, height: float) -> None:
    assert tones.share(sine(10 * tens, height=height, phase=phase), 10 * tens) > 0.99


@given(st.integers(20, 390), st.integers(20, 390), st.floats(0, 6.28))
def test_a_pure_sine_is_not_at_another_frequency(tens: int, others: int, phase: float) -> None:
    share = tones.share(sine(10 * tens, phase=phase), 10 * others)
    assert tens == others or share < 0.01


def test_a_sine_off_the_grid_is_still_told_from_a_distant_one() -> None:
    assert tones.share(sine(443), 440) > 0.7
    assert tones.share(sine(443), 710) < 0.01


def test_two_tones_share_the_energy() -> None:
    both = mix(sine(440), sine(710))
    assert tones.share(both, 440) == pytest.approx(0.5, abs=0.02)
    assert tones.share(both, 710) == pytest.approx(0.5, abs=0.02)


def test_silence_has_no_share_anywhere() -> None:
    assert tones.share(silence(), 440) == 0.0


def test_noise_has_no_tone() -> None:
    source = random.Random(4)
    noise = array("h", (source.randrange(-9000, 9000) for _ in range(WINDOW)))
    assert max(tones.share(noise, 10 * tens) for tens in range(20, 390)) < 0.1


def test_the_ear_tells_when_a_tone_begins_and_ends() -> None:
    ear = Ear((440, 710))
    assert ear.hear(silence()) == []
    begun = ear.hear(sine(440))
    assert [(change.frequency, change.is_present) for change in begun] == [(440, True)]
    assert begun[0].level == pytest.approx(-14.2, abs=0.1)
    assert ear.hear(sine(440)) == []
    assert ear.hear(silence()) == [Change(440, False, -120.0)]
    assert (ear.windows, ear.silent, ear.strange, ear.counts) == (4, 2, 0, {440: 2, 710: 0})


def test_the_ear_hears_one_tone_give_way_to_another() -> None:
    ear = Ear((440, 710))
    ear.hear(sine(440))
    assert [(c.frequency, c.is_present) for c in ear.hear(sine(710))] == [(440, False), (710, True)]


def test_the_ear_counts_a_sound_it_does_not_know_as_strange() -> None:
    ear = Ear((440,))
    assert ear.hear(sine(1010)) == []
    assert (ear.windows, ear.silent, ear.strange, ear.counts) == (1, 0, 1, {440: 0})


def test_the_ear_takes_what_is_too_soft_for_silence() -> None:
    ear = Ear((440,))
    assert ear.hear(sine(440, height=30)) == []
    assert ear.silent == 1


@given(st.lists(st.integers(1, 400), max_size=30))
def test_the_ear_judges_the_same_however_the_sound_is_cut(cuts: list[int]) -> None:
    sound = silence() + sine(440, 2 * WINDOW) + silence()
    whole, cut = Ear((440, 710)), Ear((440, 710))
    expected = whole.hear(sound)
    found: list[Change] = []
    at = 0
    for length in [*cuts, len(sound)]:
        found += cut.hear(sound[at : at + length])
        at += length
    assert found == expected
    assert (
        (cut.windows, cut.silent, cut.counts)
        == (whole.windows, whole.silent, whole.counts)
        == (4, 2, {440: 2, 710: 0})
    )


def test_a_call_that_ends_takes_its_tones_with_it() -> None:
    ear = Ear((440, 710))
    ear.hear(sine(440, WINDOW + 70))
    assert ear.end() == [Change(440, False, -120.0)]
    assert ear.end() == []
    assert ear.hear(sine(440, WINDOW - 1)) == []
    assert [change.is_present for change in ear.hear(sine(440, 1))] == [True]
