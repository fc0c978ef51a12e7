"""Randomness for tags, branches and Call-IDs."""

from __future__ import annotations

import re

from sip_stack.aio.dice import SystemDice


def test_tokens_are_sixteen_hexadecimal_digits_and_all_different() -> None:
    """RFC 3261 §19.3: "at least 32 bits of randomness"; several pools are gone through."""
    dice = SystemDice()
    tokens = [dice.token() for _ in range(5000)]
    assert len(set(tokens)) == 5000
    assert all(re.fullmatch("[0-9a-f]{16}", token) for token in tokens)


def test_two_dice_do_not_agree() -> None:
    assert SystemDice().token() != SystemDice().token()


def test_fractions_fill_their_range_evenly() -> None:
    dice = SystemDice()
    fractions = [dice.fraction() for _ in range(4000)]
    assert all(0 <= fraction < 1 for fraction in fractions)
    assert 0.45 < sum(fractions) / len(fractions) < 0.55
    assert min(fractions) < 0.01 and max(fractions) > 0.99
