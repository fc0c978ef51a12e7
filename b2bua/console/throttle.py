"""Who may try to log in, and when: so many failures within a while, then a wait.

Pure: moments are handed in, in seconds. Counted are failures by name and address together, which stops whoever
guesses one password; by address, which stops whoever tries many names; and by name from everywhere, which stops a
crowd, at a figure so high that nobody keeps an owner out by mistyping his name.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from typing import Final

WINDOW: Final = 900.0  # seconds that a failure counts
BY_BOTH: Final = 5
BY_ADDRESS: Final = 20
BY_NAME: Final = 50
_REMEMBERED: Final = 10_000  # keys; a flood of addresses must not grow it without bound

_Key = tuple[str, str]


class Throttle:
    """Failures of late. A key is (name, address) with "" for "any"."""

    def __init__(self) -> None:
        self._failures: OrderedDict[_Key, list[float]] = OrderedDict()

    def wait(self, name: str, address: str, now: float) -> float:
        """Seconds until this one may try again; 0 for at once."""
        return max(self._wait(key, limit, now) for key, limit in _keys(name, address))

    def failed(self, name: str, address: str, now: float) -> None:
        """A try that failed; or that is about to be made, until `succeeded` takes it back."""
        for key, limit in _keys(name, address):
            self._failures[key] = [*self._recent(key, now), now][-limit:]
            self._failures.move_to_end(key)
        while len(self._failures) > _REMEMBERED:
            self._failures.popitem(last=False)

    def succeeded(self, name: str, address: str) -> None:
        """The try that was counted last was none: who has the password has mistyped it before. What the address
        has guessed of others stays counted."""
        for key, _ in _keys(name, address):
            self._failures[key] = self._failures.get(key, [])[:-1]
        self._failures.pop((name.casefold(), host_of(address)), None)

    def _wait(self, key: _Key, limit: int, now: float) -> float:
        recent = self._recent(key, now)
        return recent[-limit] + WINDOW - now if len(recent) >= limit else 0.0

    def _recent(self, key: _Key, now: float) -> list[float]:
        return [at for at in self._failures.get(key, ()) if now - at < WINDOW]


def _keys(name: str, address: str) -> tuple[tuple[_Key, int], ...]:
    name, host = name.casefold(), host_of(address)
    return ((name, host), BY_BOTH), (("", host), BY_ADDRESS), ((name, ""), BY_NAME)


def host_of(address: str) -> str:
    """An address as it is counted: of IPv6 the network, since a single host has 2^64 addresses there."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if found.version == 4:
        return str(found)
    return str(ipaddress.ip_network((found, 64), strict=False))
