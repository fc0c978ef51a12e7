"""The garbage collector, kept from stopping the loop while there are calls.

Only young objects are ever looked at: calls leave no rings behind (a test says so), libraries few. A collection of
all that 500 calls a second keep alive (transactions, for 32 s) would stop the loop for a tenth of a second or more.
What survives being young is collected when no call is there to be stopped.
"""

from __future__ import annotations

import gc
from typing import Final

YOUNG_OBJECTS: Final = 30_000  # between collections of the youngest: some 2 ms each
IDLE_INTERVAL: Final = 600.0  # seconds between full collections, while there is no call


def tune() -> None:
    """To be called once, when everything that lives as long as the process has been made."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, 1_000_000, 1_000_000)


class IdleCollection:
    """Full collections, when nobody is there to be stopped."""

    def __init__(self) -> None:
        self._collected_at = 0.0

    def idle(self, now: float) -> None:
        """There is no call."""
        if now - self._collected_at > IDLE_INTERVAL:
            self._collected_at = now
            gc.collect()
