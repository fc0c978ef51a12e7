"""G.711: a sample of 16 bits to an octet and back, µ-law and A-law (ITU-T G.711)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

BIAS: Final = 132  # of µ-law, in 16-bit units: 33 of its 14-bit ones
HIGHEST: Final = 32635  # what BIAS leaves of 15 bits
EVEN_BITS: Final = 0x55  # A-law turns every other bit of what is sent


def to_mu_law(sample: int) -> int:
    """One octet for a sample from -32768 to 32767."""
    sign = 0x80 if sample < 0 else 0
    magnitude = min(abs(sample), HIGHEST) + BIAS
    segment = magnitude.bit_length() - 8
    return ~(sign | segment << 4 | magnitude >> segment + 3 & 0x0F) & 0xFF


def of_mu_law(octet: int) -> int:
    """The sample that an octet stands for."""
    bits = ~octet & 0xFF
    magnitude = ((bits & 0x0F) << 3 | 0x84) << (bits >> 4 & 7)
    return BIAS - magnitude if bits & 0x80 else magnitude - BIAS


def to_a_law(sample: int) -> int:
    """One octet for a sample from -32768 to 32767."""
    sign = 0x80 if sample >= 0 else 0
    magnitude = (sample if sample >= 0 else ~sample) >> 3
    segment = max(magnitude.bit_length() - 5, 0)
    return (sign | segment << 4 | magnitude >> max(segment, 1) & 0x0F) ^ EVEN_BITS


def of_a_law(octet: int) -> int:
    """The sample that an octet stands for."""
    bits = octet ^ EVEN_BITS
    segment = bits >> 4 & 7
    magnitude = (bits & 0x0F) << 4 | 8
    if segment:
        magnitude = (magnitude | 0x100) << segment - 1
    return magnitude if bits & 0x80 else -magnitude


ENCODE: Final[dict[str, Callable[[int], int]]] = {"PCMU": to_mu_law, "PCMA": to_a_law}


def encoded(samples: Sequence[int], name: str) -> bytes:
    """Octets of the samples, in the law of that name: PCMU or PCMA. Fast where few values recur, as in a tone."""
    encode = ENCODE[name]
    octets = {sample: encode(sample) for sample in set(samples)}
    return bytes(map(octets.__getitem__, samples))
