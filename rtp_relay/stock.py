"""Port pairs that the relay has leased to a client, at one interface; `now` is handed in.

Pairs are lent first in, first out, and rest between two loans as they would in the relay's pool (see
ports.py). How many are leased follows need: fewer than a quarter of a batch free, and another batch is asked
for, twice the size of the last; what was not needed for a while goes back.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable
from typing import Final

from rtp_relay.ports import SHORTEST_REST

FIRST_BATCH: Final = 256  # pairs; 64 calls of four legs that begin at once
LARGEST_BATCH: Final = 1024
PAUSE: Final = 1.0  # seconds before a relay that had nothing left is asked again
IDLE: Final = 60.0  # seconds after which pairs that nobody has needed in them go back


class Stock:
    """The pairs leased at one interface, named by their RTP ports."""

    def __init__(self, interface: str) -> None:
        self.interface = interface
        self.address = ""  # what far ends are told
        self.is_asking = False  # a Lease is on its way
        self.is_begun = False  # one was answered
        self._rest = 0.0
        self._free: OrderedDict[int, None] = OrderedDict()
        self._resting: deque[tuple[float, int]] = deque()
        self._lent: set[int] = set()
        self._batch = FIRST_BATCH
        self._owed = FIRST_BATCH  # what is still to come of the batch that was asked for
        self._asks_after = 0.0
        self._lowest = 0  # free pairs, at the worst since `_counted_from`
        self._counted_from: float | None = None

    @property
    def free(self) -> int:
        return len(self._free)

    @property
    def resting(self) -> int:
        return len(self._resting)

    @property
    def lent(self) -> int:
        return len(self._lent)

    def has_lent(self, port: int) -> bool:
        return port in self._lent

    # Lending.

    def take(self, pairs: int, now: float, early: bool = False) -> tuple[int, ...]:
        """So many pairs, or none if there are not so many. early: out of their rest too, if nothing else is left."""
        free = self._free
        if self._resting and self._resting[0][0] <= now:
            self._end_rests(now)
        if len(free) < pairs and not (early and self._hurry(pairs, now)):
            self._lowest = 0
            return ()
        ports: tuple[int, ...] = (free.popitem(last=False)[0],)  # all, as a rule
        if pairs > 1:
            ports += tuple([free.popitem(last=False)[0] for _ in range(pairs - 1)])
        self._lent.update(ports)
        if len(free) < self._lowest:
            self._lowest = len(free)
        return ports

    def put_back(self, ports: Iterable[int]) -> None:
        """A loan that nobody was told of has not been."""
        for port in reversed(tuple(ports)):
            self._lent.remove(port)
            self._free[port] = None
            self._free.move_to_end(port, last=False)

    def give_back(self, ports: Iterable[int], now: float) -> None:
        """The loan is over; the pairs rest."""
        for port in ports:
            self._lent.remove(port)
            self._resting.append((now + self._rest, port))

    def _end_rests(self, now: float) -> None:
        resting = self._resting
        while resting and resting[0][0] <= now:
            self._free[resting.popleft()[1]] = None

    def _hurry(self, pairs: int, now: float) -> bool:
        """End the longest rests early, if they were at least the shortest and that will do."""
        missing = pairs - len(self._free)
        if len(self._resting) < missing or self._resting[missing - 1][0] - self._rest + SHORTEST_REST > now:
            return False
        for _ in range(missing):
            self._free[self._resting.popleft()[1]] = None
        return True

    # Leasing.

    def wanted(self, now: float) -> int:
        """How many pairs to ask for now, 0 for none. Having asked, set `is_asking`."""
        if self.is_asking or now < self._asks_after:
            return 0
        if not self._owed:
            if len(self._free) >= self._batch // 4:
                return 0
            self._batch = self._owed = min(self._batch * 2, LARGEST_BATCH)
        return self._owed

    def add(self, address: str, ports: Iterable[int], rest: float) -> None:
        """What the relay has leased; it may be less than was asked for."""
        self.is_asking, self.is_begun = False, True
        self.address, self._rest = address, rest
        before = len(self._free)
        self._free.update(dict.fromkeys(ports))
        self._owed = max(0, self._owed - (len(self._free) - before))

    def refuse(self, now: float) -> None:
        """The relay had nothing to lease."""
        self.is_asking, self.is_begun = False, True
        self._owed = 0
        self._asks_after = now + PAUSE

    def withdraw(self, port: int) -> bool:
        """Take a pair out for good; False if it is not here, or lent."""
        if port in self._free:
            del self._free[port]
            return True
        for entry in self._resting:
            if entry[1] == port:
                self._resting.remove(entry)
                return True
        return False

    def surplus(self, now: float) -> tuple[int, ...]:
        """Pairs to give back: half of those that nobody has needed for a while, and never of the first batch."""
        if self._counted_from is None:
            self._counted_from, self._lowest = now, len(self._free)
        if now - self._counted_from < IDLE:
            return ()
        spare = min(self._lowest - FIRST_BATCH, len(self._free)) // 2
        ports = tuple([self._free.popitem(last=False)[0] for _ in range(max(spare, 0))])
        if ports:
            self._batch = max(FIRST_BATCH, self._batch // 2)
        self._counted_from, self._lowest = now, len(self._free)
        return ports
