"""The E-model: what people would say of a connection, from what can be measured of it (ITU-T G.107, 06/2015).

R = Ro - Is - Id - Ie,eff + A (equation 7-1), from 0 to 93.2, and R is turned into a mean opinion score from 1 to 4.5
(Annex B). Everything that a network cannot tell has its default (table 3 of G.107): handsets in a room of 35 dB(A),
echo cancelled as well as the default says, no advantage of mobility. With no delay, no loss and G.711 the result is
93.2, or a MOS of 4.4: the best that a narrow-band telephone can be.

What differs from call to call is the delay from mouth to ear, the codec and the loss. A wide-band codec would have a
scale of its own (G.107.1, up to 129). Here all codecs are on the one of the telephone, so that calls can be compared:
it says how well a call has fared on its way, not how good its codec is.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Final, NamedTuple

# G.107 table 3, defaults.
SEND_LOUDNESS: Final = 8.0  # SLR, dB
RECEIVE_LOUDNESS: Final = 2.0  # RLR, dB
SIDETONE: Final = 15.0  # STMR, dB
LISTENER_SIDETONE: Final = 18.0  # LSTR, dB
D_FACTOR: Final = 3.0  # Ds, at the send side
TALKER_ECHO: Final = 65.0  # TELR, dB
ECHO_PATH_LOSS: Final = 110.0  # WEPL, dB
CIRCUIT_NOISE: Final = -70.0  # Nc, dBm0p
NOISE_FLOOR: Final = -64.0  # Nfor, dBmp
ROOM_NOISE: Final = 35.0  # Ps and Pr, dB(A)
DELAY_SENSITIVITY: Final = 1.0  # sT
LEAST_DELAY: Final = 100.0  # mT, ms: what is perceived at all

BEST: Final = 4.5


class Codec(NamedTuple):
    """impairment: Ie. robustness: Bpl, with random loss."""

    impairment: float
    robustness: float


# G.113 Appendix I: Ie of tables I.1 and I.2, Bpl of table I.3, for G.729 and G.723.1 with silence suppression, for
# G.711 with packet loss concealment, which every phone of today has in one form or another (without it: 4.3). G.722
# and Opus have no value on this scale, their bandwidth being above it. We take them for G.711 with concealment: no
# worse when nothing is lost, and as robust. That is our assumption and not the ITU's.
CODECS: Final[dict[str, Codec]] = {
    "pcmu": Codec(0.0, 25.1),
    "pcma": Codec(0.0, 25.1),
    "g729": Codec(11.0, 19.0),
    "g723": Codec(15.0, 16.1),
    "gsm-efr": Codec(5.0, 10.0),
    "g722": Codec(0.0, 25.1),
    "opus": Codec(0.0, 25.1),
}


def score(codec: Codec, loss: float, delay: float) -> float:
    """The MOS, 1 to 4.5. loss: share of packets, 0 to 1, at random. delay: mouth to ear, ms."""
    return opinion(rating(codec, loss, delay))


def rating(codec: Codec, loss: float, delay: float) -> float:
    """R. Echo is heard with the delay of both ways, the same one each."""
    return _signal(delay) - _delay_impairment(delay) - _equipment_impairment(codec, loss)


def opinion(rating: float) -> float:
    """Annex B, B-4; below 6.5 the polynomial would fall under 1, which nobody can say."""
    if rating <= 0.0:
        return 1.0
    if rating >= 100.0:
        return BEST
    return max(1.0, 1.0 + 0.035 * rating + rating * (rating - 60.0) * (100.0 - rating) * 7e-6)


def _equipment_impairment(codec: Codec, loss: float) -> float:
    """7-29: Ie,eff, with BurstR = 1."""
    percent = min(max(loss, 0.0), 1.0) * 100.0
    return codec.impairment + (95.0 - codec.impairment) * percent / (percent + codec.robustness)


def _bend(x: float, power: float) -> float:
    """From 1 where x is small to x where it is large: what the model is made of."""
    return math.pow(1.0 + math.pow(x, power), 1.0 / power)


def _power_sum(*levels: float) -> float:
    return 10.0 * math.log10(sum(math.pow(10.0, level / 10.0) for level in levels))


@lru_cache(maxsize=1)
def _noise() -> float:
    """7-3: No, all noises as one at the 0 dBr point."""
    overall = SEND_LOUDNESS + RECEIVE_LOUDNESS
    sent = (
        ROOM_NOISE - SEND_LOUDNESS - D_FACTOR - 100.0 + 0.004 * (ROOM_NOISE - overall - D_FACTOR - 14.0) ** 2
    )
    at_receiver = ROOM_NOISE + 10.0 * math.log10(1.0 + 10.0 ** ((10.0 - LISTENER_SIDETONE) / 10.0))
    received = RECEIVE_LOUDNESS - 121.0 + at_receiver + 0.008 * (at_receiver - 35.0) ** 2
    return _power_sum(CIRCUIT_NOISE, sent, received, NOISE_FLOOR + RECEIVE_LOUDNESS)


def _ratio() -> float:
    """7-2: Ro, speech to noise."""
    return 15.0 - 1.5 * (SEND_LOUDNESS + _noise())


def _signal(delay: float) -> float:
    """Ro - Is: what accompanies the voice itself (7-8)."""
    return _ratio() - _loudness_impairment() - _sidetone_impairment(delay) - _quantizing_impairment()


def _loudness_impairment() -> float:
    """7-9: Iolr."""
    x = SEND_LOUDNESS + RECEIVE_LOUDNESS + 0.2 * (64.0 + _noise() - RECEIVE_LOUDNESS)
    return 20.0 * (_bend(x / 8.0, 8.0) - x / 8.0)


def _sidetone_impairment(delay: float) -> float:
    """7-11: Ist. Echo that comes back soon is one with the sidetone (7-12)."""
    echo = math.exp(-delay / 4.0) * 10.0 ** (-TALKER_ECHO / 10.0)
    x = -10.0 * math.log10(10.0 ** (-SIDETONE / 10.0) + echo)
    return (
        12.0 * _bend((x - 13.0) / 6.0, 8.0)
        - 28.0 * _bend((x + 1.0) / 19.4, 35.0)
        - 13.0 * _bend((x - 3.0) / 33.0, 13.0)
        + 29.0
    )


def _quantizing_impairment() -> float:
    """7-13: Iq, for one quantizing distortion unit."""
    q = 37.0
    g = 1.07 + 0.258 * q + 0.0602 * q * q
    y = (_ratio() - 100.0) / 15.0 + 46.0 / 8.4 - g / 9.0
    z = 46.0 / 30.0 - g / 40.0
    return 15.0 * math.log10(1.0 + 10.0**y + 10.0**z)


def _delay_impairment(delay: float) -> float:
    """7-18: Id = Idte + Idle + Idd."""
    return _talker_echo(delay) + _listener_echo(2.0 * delay) + _pure_delay(delay)


def _talker_echo(delay: float) -> float:
    """7-19: Idte, which begins at 1 ms."""
    if delay < 1.0:
        return 0.0
    spread = 40.0 * math.log10((1.0 + delay / 10.0) / (1.0 + delay / 150.0))
    weighted = TALKER_ECHO - spread + 6.0 * math.exp(-0.3 * delay * delay)
    echo = 80.0 + 2.5 * (weighted - 14.0)
    difference = -1.5 * (_noise() - RECEIVE_LOUDNESS) - echo
    return (difference / 2.0 + math.sqrt(difference**2 / 4.0 + 100.0) - 1.0) * (1.0 - math.exp(-delay))


def _listener_echo(round_trip: float) -> float:
    """7-25: Idle."""
    difference = _ratio() - 10.5 * (ECHO_PATH_LOSS + 7.0) * math.pow(round_trip + 1.0, -0.25)
    return difference / 2.0 + math.sqrt(difference**2 / 4.0 + 169.0)


def _pure_delay(delay: float) -> float:
    """7-27: Idd, of a delay that makes people interrupt each other."""
    if delay <= LEAST_DELAY:
        return 0.0
    x, power = math.log2(delay / LEAST_DELAY), 6.0 * DELAY_SENSITIVITY
    return 25.0 * (_bend(x, power) - 3.0 * _bend(x / 3.0, power) + 2.0)
