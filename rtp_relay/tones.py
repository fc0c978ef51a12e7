"""Tones of the telephone network, made of sines. Pure: steps go in, samples come out.

What whom is used to is from ITU-T E.180, supplement 2 (various tones used in national networks).
"""

from __future__ import annotations

import math
from array import array
from typing import Final

from rtp_relay import g711
from rtp_relay.control import Codec, CountryTone, Tone, ToneStep
from rtp_relay.errors import Refusal
from rtp_relay.sound import FRAMES_A_SECOND, Sound, coding_of, sound_of

# dBm0 of all sines together; a sine of full height has 3.14 dBm0 in A-law, 3.17 in µ-law (G.711 tables 5 and 6).
LEVEL: Final = -16.0
FULL_SCALE_LEVEL: Final = 3.15
FULL_SCALE: Final = 32767
LONGEST: Final = 60.0  # seconds of all steps
MOST_STEPS: Final = 64
MOST_SINES: Final = 4
REPEATS: Final = 4  # of a cadence, until it is a whole number of packets


def _cadence(frequencies: tuple[int, ...], *seconds: float) -> tuple[ToneStep, ...]:
    """On, off, on, off."""
    return tuple([ToneStep(() if at % 2 else frequencies, length) for at, length in enumerate(seconds)])


BRITISH: Final = (0.4, 0.2, 0.4, 2.0)
NAMED: Final[dict[str, dict[str, tuple[ToneStep, ...]]]] = {
    "ringback": {
        "us": _cadence((440, 480), 2.0, 4.0),
        "at": _cadence((420,), 1.0, 5.0),
        "au": _cadence((400, 425, 450), *BRITISH),
        "be": _cadence((425,), 1.0, 3.0),
        "br": _cadence((425,), 1.0, 4.0),
        "ch": _cadence((425,), 1.0, 4.0),
        "de": _cadence((425,), 1.0, 4.0),
        "dk": _cadence((425,), 1.0, 4.0),
        "es": _cadence((425,), 1.5, 3.0),
        "fi": _cadence((425,), 1.0, 4.0),
        "fr": _cadence((440,), 1.5, 3.5),
        "gb": _cadence((400, 450), *BRITISH),
        "ie": _cadence((400, 450), *BRITISH),
        "it": _cadence((425,), 1.0, 4.0),
        "nl": _cadence((425,), 1.0, 4.0),
        "no": _cadence((425,), 1.0, 4.0),
        "nz": _cadence((400, 450), *BRITISH),
        "pl": _cadence((425,), 1.0, 4.0),
        "pt": _cadence((425,), 1.0, 5.0),
        "se": _cadence((425,), 1.0, 5.0),
    },
    "busy": {
        "us": _cadence((480, 620), 0.5, 0.5),
        "at": _cadence((420,), 0.4, 0.4),
        "de": _cadence((425,), 0.48, 0.48),
        "es": _cadence((425,), 0.2, 0.2),
        "fr": _cadence((440,), 0.5, 0.5),
        "gb": _cadence((400,), 0.375, 0.375),
        "it": _cadence((425,), 0.5, 0.5),
        "nl": _cadence((425,), 0.5, 0.5),
    },
    "congestion": {
        "us": _cadence((480, 620), 0.25, 0.25),
        "de": _cadence((425,), 0.24, 0.24),
        "fr": _cadence((440,), 0.25, 0.25),
        "gb": _cadence((400,), 0.4, 0.35, 0.225, 0.525),
    },
}
ALIKE: Final = {"ca": "us", "uk": "gb"}


def steps_of(what: Tone | CountryTone) -> tuple[ToneStep, ...]:
    """What a tone consists of. Raises Refusal for one that cannot be made."""
    if isinstance(what, Tone):
        return what.steps
    countries = NAMED.get(what.name)
    if countries is None:
        raise Refusal(f"no tone is called {what.name!r}: {', '.join(NAMED)} are there")
    country = what.country.lower()
    return countries.get(ALIKE.get(country, country), countries["us"])


def check(steps: tuple[ToneStep, ...], sample_rate: int) -> None:
    """Raises Refusal for what is no tone, or one too long."""
    if not 0 < len(steps) <= MOST_STEPS:
        raise Refusal(f"a tone of {len(steps)} steps: from 1 to {MOST_STEPS}, please")
    for step in steps:
        if not 0.0 < step.seconds <= LONGEST or len(step.frequencies) > MOST_SINES:
            raise Refusal(f"{step.seconds} s of {len(step.frequencies)} sines")
        if not all(0 < frequency < sample_rate // 2 for frequency in step.frequencies):
            raise Refusal(f"{step.frequencies} Hz: below {sample_rate // 2}, please")
    if sum(step.seconds for step in steps) > LONGEST:
        raise Refusal(f"a tone longer than {LONGEST:.0f} s")


def samples_of(steps: tuple[ToneStep, ...], sample_rate: int) -> array[int]:
    """A whole number of packets, which can be repeated without a click. Raises Refusal."""
    check(steps, sample_rate)
    if len(steps) == 1 and steps[0].frequencies:  # goes on and on: whole seconds have whole waves
        steps = (ToneStep(steps[0].frequencies, math.ceil(steps[0].seconds)),)
    once = array("h")
    for step in steps:
        once += _sines(step.frequencies, round(step.seconds * sample_rate), sample_rate)
    packet = sample_rate // FRAMES_A_SECOND
    times = next((times for times in range(1, REPEATS) if len(once) * times % packet == 0), REPEATS)
    whole = once * times
    return whole + array("h", bytes(2 * (-len(whole) % packet)))


def _sines(frequencies: tuple[int, ...], count: int, sample_rate: int) -> array[int]:
    """So many samples; the shortest stretch that repeats itself is computed, and repeated."""
    if not frequencies:
        return array("h", bytes(2 * count))
    stretch = sample_rate // math.gcd(sample_rate, *frequencies)
    level = LEVEL - FULL_SCALE_LEVEL - 10.0 * math.log10(len(frequencies))
    height = FULL_SCALE * 10.0 ** (level / 20.0)
    turns = [2.0 * math.pi * frequency / sample_rate for frequency in frequencies]
    wave = [round(height * sum([math.sin(turn * at) for turn in turns])) for at in range(min(stretch, count))]
    return (array("h", wave) * -(-count // len(wave)))[:count] if wave else array("h")


def tone_sound(what: Tone | CountryTone, codec: Codec) -> Sound:
    """A tone in µ-law or A-law. Raises Refusal."""
    coding = coding_of(codec)
    octets = g711.encoded(samples_of(steps_of(what), coding.sample_rate), codec.name.upper())
    size = coding.samples
    return sound_of([octets[at : at + size] for at in range(0, len(octets), size)], coding)
