"""Tones: the right frequencies, pure, in the right cadence, and no click where they are repeated."""

from __future__ import annotations

import pytest

from rtp_relay import g711
from rtp_relay.control import Codec, CountryTone, Tone, ToneStep
from rtp_relay.errors import Refusal
from rtp_relay.tones import NAMED, samples_of, steps_of, tone_sound
from tests.rtp_relay.goertzel import share

DECODE = {"PCMU": g711.of_mu_law, "PCMA": g711.of_a_law}


def heard(what: Tone | CountryTone, name: str) -> list[int]:
    payload_type = {"PCMU": 0, "PCMA": 8}[name]
    return [
        DECODE[name](octet) for frame in tone_sound(what, Codec(payload_type, name)).frames for octet in frame
    ]


@pytest.mark.parametrize("name", ["PCMU", "PCMA"])
def test_american_ringback(name: str) -> None:
    samples = heard(CountryTone("ringback", "us"), name)
    assert len(samples) == 6 * 8000
    on, off = samples[:16000], samples[16000:]
    for start in range(0, 16000, 1600):
        window = on[start : start + 1600]
        assert share(window, 440) == pytest.approx(0.5, abs=0.01)
        assert share(window, 480) == pytest.approx(0.5, abs=0.01)
        assert share(window, 440) + share(window, 480) > 0.998
    assert max(map(abs, off)) <= 8


@pytest.mark.parametrize(("name", "country"), [(name, country) for name in NAMED for country in NAMED[name]])
def test_every_tone_is_pure_and_whole(name: str, country: str) -> None:
    steps = steps_of(CountryTone(name, country))
    window = heard(CountryTone(name, country), "PCMA")[: round(steps[0].seconds * 8000) // 320 * 320]
    assert sum(share(window, frequency) for frequency in steps[0].frequencies) > 0.98
    assert (
        tone_sound(CountryTone(name, country), Codec()).seconds >= sum(step.seconds for step in steps) - 1e-6
    )


def test_a_tone_without_end_has_no_seam() -> None:
    samples = heard(Tone((ToneStep((425,), 0.3),)), "PCMU")
    assert len(samples) == 8000
    assert share(samples[-1000:] + samples[:1000], 425) > 0.99


def test_frames_that_are_alike_are_kept_once() -> None:
    assert tone_sound(CountryTone("ringback", "us"), Codec()).size < 20 * 160


def test_a_cadence_becomes_whole_packets() -> None:
    steps = (ToneStep((400,), 0.375), ToneStep((), 0.375))
    assert len(samples_of(steps, 8000)) == 2 * 6000
    assert len(samples_of((ToneStep((400,), 0.001), ToneStep((), 0.001)), 8000)) % 160 == 0


@pytest.mark.parametrize("steps", [
    (), (ToneStep((4000,), 1.0),), (ToneStep((0,), 1.0),), (ToneStep((425,), 0.0),), (ToneStep((425,), 61.0),),
    (ToneStep((1, 2, 3, 4, 5), 1.0),), (ToneStep((425,), 31.0),) * 2, (ToneStep((425,), float("nan")),),
])  # fmt: skip
def test_what_is_no_tone(steps: tuple[ToneStep, ...]) -> None:
    with pytest.raises(Refusal):
        samples_of(steps, 8000)


def test_an_unknown_country_hears_the_american_one_and_an_unknown_name_is_refused() -> None:
    assert steps_of(CountryTone("ringback", "xx")) == NAMED["ringback"]["us"]
    assert steps_of(CountryTone("busy", "UK")) == NAMED["busy"]["gb"]
    with pytest.raises(Refusal, match="ringback"):
        steps_of(CountryTone("laughter", "us"))


@pytest.mark.parametrize("codec", [Codec(3, "GSM"), Codec(0, "PCMU", 16000), Codec(200, "PCMU")])
def test_a_codec_that_is_none(codec: Codec) -> None:
    with pytest.raises(Refusal):
        tone_sound(CountryTone(), codec)
