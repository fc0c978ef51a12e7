"""Whether there is room for one more call: limits, drain, and a loop that falls behind (OVL-1, RFC 7339 §5)."""

from __future__ import annotations

from sip_stack.errors import RemoteError

LONGEST_LAG = 0.05  # seconds that the loop may be late before new calls are sent elsewhere


class Admission:
    """Room for calls. Only new calls are ever refused: what belongs to a running one always gets through.

    calls: how many at once, 0 for no limit. rate: new calls a second, 0 for no limit; a second's worth
    may come at once. retry_after: seconds that a refused trunk is asked to wait. lag: how late the loop
    was at its last turn, told by the driver.
    """

    __slots__ = ("_allowance", "_at", "calls", "is_draining", "lag", "rate", "refused", "retry_after")

    def __init__(self, calls: int = 0, rate: float = 0.0, retry_after: int = 5) -> None:
        self.calls = calls
        self.rate = rate
        self.retry_after = retry_after
        self.is_draining = False
        self.lag = 0.0
        self.refused = 0
        self._allowance = rate
        self._at = 0.0

    def refuse(self, running: int, now: float) -> RemoteError | None:
        """503 with Retry-After when there is no room; None takes the call."""
        cause = self._cause(running, now)
        if not cause:
            return None
        self.refused += 1
        return RemoteError(503, cause, fields=(("Retry-After", str(self.retry_after)),))

    def _cause(self, running: int, now: float) -> str:
        if self.is_draining:
            return "draining: the service is about to stop"
        if self.calls and running >= self.calls:
            return "limits.calls is reached"
        if self.lag > LONGEST_LAG:
            return "overload: the loop is late"
        if self.rate and not self._has_allowance(now):
            return "limits.calls_per_second is reached"
        return ""

    def _has_allowance(self, now: float) -> bool:
        # At least one whole call is saved up, or a rate below one a second would let none through.
        most = max(self.rate, 1.0)
        self._allowance = min(most, self._allowance + (now - self._at) * self.rate)
        self._at = now
        if self._allowance < 1.0:
            return False
        self._allowance -= 1.0
        return True
