"""What the random calls and flows draw: the weather of the network, and what a phone does."""

from __future__ import annotations

import random

from tests.world.challenge import Challenge
from tests.world.network import Link
from tests.world.phone import Script

FAILURES = (302, 401, 404, 408, 480, 486, 487, 488, 500, 503, 600, 603, 604)


def weather(chance: random.Random) -> Link:
    """From a quiet wire to one that loses every twentieth packet, both ways."""
    if chance.random() < 0.3:
        return Link(delay=chance.choice((0.0005, 0.01, 0.08)))
    return Link(
        delay=chance.choice((0.001, 0.02, 0.1)),
        jitter=chance.choice((0.0, 0.005, 0.06)),
        loss=chance.choice((0.0, 0.01, 0.05)),
        duplication=chance.choice((0.0, 0.02, 0.1)),
        reordering=chance.choice((0.0, 0.05)),
        reordered_by=chance.choice((0.02, 0.3)),
    )


def moment(chance: random.Random) -> float:
    """A time, often close to that of others: races are what is sought."""
    return chance.choice((0.5, 1.0, 1.0, 1.0, 2.0)) + chance.choice((0.0, 0.0, 0.001, 0.01, 0.05, 0.3))


def script(chance: random.Random) -> Script:
    made = Script(
        trying=chance.random() < 0.7,
        rings_after=chance.choice((None, 0.0, 0.05, 0.2, 0.8)),
        ring_status=chance.choice((180, 180, 183)),
        ring_description=chance.random() < 0.3,
        ring_reliable=chance.random() < 0.2,
        challenge=Challenge() if chance.random() < 0.05 else None,
        on_cancel=chance.choice(("stop", "stop", "stop", "487 first", "no 487", "silent", "answer")),
        cancel_after=chance.choice((0.0, 0.0, 0.02, 1.5)),
    )
    kind = chance.random()
    if kind < 0.45:
        made.answers_after = moment(chance)
        made.answer_tags = chance.choice((1, 1, 1, 1, 2, 3))
        made.answer_spread = chance.choice((0.0, 0.01, 3.0))
        keys = chance.choice((None, "1", "1", "1", "71", "2", "5"))
        if keys is not None:
            made.presses = ((chance.choice((0.0, 0.1, 0.5, 0.5, 0.51, 1.0, 4.0)), keys),)
            made.by_info = chance.random() < 0.3
        if chance.random() < 0.1:
            made.hangs_up_after = chance.choice((0.0, 0.5, 0.51, 2.0))
    elif kind < 0.75:
        made.fails_after, made.failure = moment(chance), chance.choice(FAILURES)
    elif kind < 0.85:
        return Script.silent()
    return made
