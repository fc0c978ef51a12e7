"""Trunks that are left alone for a while, since they fail whatever they are asked (product 5d, OVL-4).

Theory. A trunk that is out of order costs each call the time that it takes to find out, and gets more calls thrown
at it the worse it is. So after some failures in a row, with no sign of life between, it rests: who is to be rung
through it counts as not reachable at once. When the rest is over one call is let through; if it fails as well, the
trunk rests again. What a person may have said (busy, declined, no such number) is no failure but a sign of life,
unless everybody behind the trunk says a 6xx before any ringing, which is the trunk's own.
"""

from __future__ import annotations

from dataclasses import dataclass, field

FAILURES = 8  # in a row, after which a trunk rests
REST = 30.0  # seconds; a Retry-After of the trunk may ask for more
LONGEST_REST = 300.0
PROBE_PATIENCE = 40.0  # seconds, past 64*T1, in which the one call that is let through must have come out


@dataclass(slots=True)
class _Breaker:
    failures: int = 0
    uris: set[str] = field(default_factory=set)
    is_its_own: bool = False  # no person can have said all that
    last: str = ""
    rests_until: float = 0.0
    probed_at: float | None = None


class Breakers:
    """The trunks of one process, by name; a recipient without a trunk ("") never rests. Times are monotonic."""

    def __init__(self) -> None:
        self.noticed: list[tuple[str, str]] = []  # trunks that have begun to rest, with the last failure; to be taken
        self._breakers: dict[str, _Breaker] = {}

    def resting(self, trunk: str, now: float) -> str:
        """Why nobody is rung through a trunk now, "" when somebody may be, be it to see whether it is back."""
        breaker = self._breakers.get(trunk)
        if breaker is None or not breaker.rests_until:
            return ""
        is_probed = breaker.probed_at is not None and now < breaker.probed_at + PROBE_PATIENCE
        if now < breaker.rests_until or is_probed:
            return f"the trunk {trunk} rests after {breaker.failures} failures in a row, the last: {breaker.last}"
        breaker.probed_at = now
        return ""

    def failed(self, trunk: str, uri: str, cause: str, now: float, *, may_be_his: bool, rest: float = 0.0) -> None:
        """Somebody could not be rung through it. may_be_his: a person may have said that. rest: its Retry-After."""
        if not trunk:
            return
        breaker = self._breakers.setdefault(trunk, _Breaker())
        breaker.failures += 1
        breaker.last = cause
        breaker.uris.add(uri)
        breaker.is_its_own = breaker.is_its_own or not may_be_his or len(breaker.uris) > 1
        breaker.probed_at = None
        if breaker.failures >= FAILURES and breaker.is_its_own:
            if not breaker.rests_until:
                self.noticed.append((trunk, cause))
            breaker.rests_until = now + min(max(REST, rest), LONGEST_REST)

    def lives(self, trunk: str) -> None:
        """It has brought a word of somebody."""
        if trunk:
            self._breakers.pop(trunk, None)

    def states(self, now: float) -> dict[str, str]:
        """The trunks that rest, and why, for whoever asks how the service is."""
        told = {}
        for trunk, breaker in self._breakers.items():
            if breaker.rests_until:
                left = max(0.0, breaker.rests_until - now)
                told[trunk] = f"rests for {left:.0f} s more after {breaker.failures} failures: {breaker.last}"
        return told
