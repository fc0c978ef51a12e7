"""The pool of port pairs of one bind address: even for RTP, odd above it for RTCP (RFC 3550 §11).

Pairs are opened ahead of need and lent first in, first out. A pair that was given back rests before it
is lent again: its sockets stay open and what still arrives is dropped, so that the tail of one call never
reaches the next caller. When everything is lent or at rest the one that has rested longest may go early:
a call refused is the worse evil, and the strict source holds late packets off. A pair may be asked for
by number, when a call is adopted after a restart.

Pairs may be leased to a connection, the *lessee*, which lends them by itself and minds their rest. Until a
call claims a leased pair it is open here and drops what comes; when the call ends it is the lessee's again.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable
from typing import Final

from rtp_relay.errors import PortsExhausted
from rtp_relay.form import Form, Port, drop

REST: Final = 5.0  # seconds; a far end that has not heard of the end goes on sending for a while
SHORTEST_REST: Final = 0.5  # seconds; what is in flight at the end of a call arrives within
SPARE: Final = 64  # pairs kept open and free ahead of need
GROWTH: Final = 16  # pairs opened in one go, half a millisecond
LEASABLE: Final = (
    0.75  # of the pairs that no call has; the rest is for those who hold no lease, or too small a one
)


class Pair:
    """An even port and the odd one above it."""

    __slots__ = ("lessee", "number", "rested_at", "rtcp", "rtp")

    def __init__(self, number: int, rtp: Port, rtcp: Port) -> None:
        self.number = number
        self.rtp = rtp
        self.rtcp = rtcp
        self.rested_at = 0.0
        self.lessee: int | None = None


class PortPool:
    """Pairs between `first` and `last`, both included, at one host."""

    def __init__(self, form: Form, host: str, first: int, last: int, rest: float = REST) -> None:
        self.host = host
        self.first = first + (first & 1)
        self.last = last
        self.hurried = 0  # pairs lent before their rest was over
        self.taken = 0  # pairs that somebody else holds, or that could not be opened
        self._form = form
        self._rest = rest
        self._next = self.first
        self._free: OrderedDict[int, Pair] = OrderedDict()
        self._resting: deque[Pair] = deque()
        self._lent: dict[int, Pair] = {}
        self._leased: dict[int, Pair] = {}
        self._opened: set[int] = set()

    @property
    def leased(self) -> int:
        """Pairs that lessees have, and no call."""
        return len(self._leased)

    @property
    def lent(self) -> int:
        return len(self._lent)

    @property
    def free(self) -> int:
        return len(self._free)

    @property
    def resting(self) -> int:
        return len(self._resting)

    @property
    def wants_growth(self) -> bool:
        return len(self._free) < SPARE and self._next < self.last

    def grow(self, pairs: int) -> int:
        """Open up to `pairs` more; returns how many were opened."""
        opened = 0
        while opened < pairs and self._next < self.last:
            number, self._next = self._next, self._next + 2
            if number in self._opened:
                continue  # asked for by number before
            pair = self._open(number)
            if pair is not None:
                self._free[number] = pair
                opened += 1
        return opened

    def lend(self, now: float) -> Pair:
        """The pair that has been free for longest. Raises PortsExhausted."""
        self._end_rests(now)
        if not self._free and not self.grow(GROWTH) and not self._hurry(now):
            raise PortsExhausted(
                f"no free port at {self.host} between {self.first} and {self.last}: "
                f"{self.lent} pairs lent, {self.resting} resting, {self.taken} not to be had"
                + (f" ({self._form.trouble})" if self._form.trouble else "")
            )
        number, pair = self._free.popitem(last=False)
        self._lent[number] = pair
        return pair

    def lend_number(self, number: int, now: float, lessee: int | None = None) -> Pair:
        """That very pair, even out of its rest: who asks by number had it before. Raises PortsExhausted.

        A pair that is leased to the same one leaves its lease.
        """
        self._end_rests(now)
        if number in self._lent:
            raise PortsExhausted(f"port {number} at {self.host} is lent already")
        if number in self._leased:
            pair = self._claim(number, lessee)
            pair.lessee = None
            return pair
        if number & 1 or not self.first <= number < self.last:
            raise PortsExhausted(f"port {number} is none of ours ({self.first} to {self.last}, even)")
        opened = self._free.pop(number, None) or self._wake(number) or self._open(number)
        if opened is None:
            raise PortsExhausted(f"port {number} or {number + 1} at {self.host} is taken by another program")
        self._lent[number] = opened
        return opened

    def give_back(self, pair: Pair, now: float) -> None:
        """End the loan; the pair rests, or is the lessee's again."""
        pair.rtp.receive = pair.rtcp.receive = drop
        self._form.renounce(pair.rtp)
        del self._lent[pair.number]
        if pair.lessee is not None:
            self._leased[pair.number] = pair
        else:
            self._lay_down(pair, now)

    def undo(self, pair: Pair) -> None:
        """End a loan that nobody was told of: there is nothing to rest from."""
        pair.rtp.receive = pair.rtcp.receive = drop
        del self._lent[pair.number]
        if pair.lessee is not None:
            self._leased[pair.number] = pair
        else:
            self._free[pair.number] = pair
            self._free.move_to_end(pair.number, last=False)

    # Leases.

    def lease(self, pairs: int, lessee: int, now: float) -> list[int]:
        """Hand over up to `pairs` of those that are open; the numbers. None at all: nothing is left to lease.

        More are opened only if there is none, and no more than media can wait for: who wants more asks again.
        """
        self._end_rests(now)
        within = (self.last + 1 - self.first) // 2 - self.taken - len(self._lent)
        wanted = min(pairs, int(within * LEASABLE) - len(self._leased))
        if wanted > 0 and not self._free:
            self.grow(GROWTH)
        numbers = []
        for _ in range(min(wanted, len(self._free))):
            number, pair = self._free.popitem(last=False)
            pair.lessee = lessee
            self._leased[number] = pair
            numbers.append(number)
        return numbers

    def lend_leased(self, number: int, lessee: int) -> Pair:
        """A pair of that lessee's, which stays leased. Raises PortsExhausted if it is not his, or has a call."""
        if number not in self._leased:
            raise PortsExhausted(f"port {number} at {self.host} is not leased, or lent already")
        return self._claim(number, lessee)

    def take_return(self, numbers: Iterable[int], lessee: int) -> None:
        """Leased pairs come back, rested. What is not leased to him, or has a call, is passed over."""
        for number in numbers:
            pair = self._leased.get(number)
            if pair is not None and pair.lessee == lessee:
                del self._leased[number]
                pair.lessee = None
                self._free[number] = pair

    def end_leases(self, lessee: int, now: float) -> None:
        """The lessee is gone: what no call has rests, as nobody knows to whom it was lent."""
        for pair in [pair for pair in self._leased.values() if pair.lessee == lessee]:
            del self._leased[pair.number]
            pair.lessee = None
            self._lay_down(pair, now)
        for pair in self._lent.values():
            if pair.lessee == lessee:
                pair.lessee = None

    def _claim(self, number: int, lessee: int | None) -> Pair:
        pair = self._leased[number]
        if pair.lessee != lessee:
            raise PortsExhausted(f"port {number} at {self.host} is leased to another connection")
        del self._leased[number]
        self._lent[number] = pair
        return pair

    def close(self) -> None:
        """Close every port, lent or not."""
        for pair in (*self._free.values(), *self._resting, *self._lent.values(), *self._leased.values()):
            pair.rtp.close()
            pair.rtcp.close()
        for pairs in (self._free, self._resting, self._lent, self._leased, self._opened):
            pairs.clear()
        self._next = self.last

    def _lay_down(self, pair: Pair, now: float) -> None:
        pair.rested_at = now + self._rest
        self._resting.append(pair)

    def _end_rests(self, now: float) -> None:
        resting = self._resting
        while resting and resting[0].rested_at <= now:
            pair = resting.popleft()
            self._free[pair.number] = pair

    def _hurry(self, now: float) -> bool:
        """End the longest rest early, if it was at least the shortest."""
        if not self._resting or self._resting[0].rested_at - self._rest + SHORTEST_REST > now:
            return False
        pair = self._resting.popleft()
        self._free[pair.number] = pair
        self.hurried += 1
        return True

    def _wake(self, number: int) -> Pair | None:
        for pair in self._resting:
            if pair.number == number:
                self._resting.remove(pair)
                return pair
        return None

    def _open(self, number: int) -> Pair | None:
        rtp = self._form.open(self.host, number)
        if rtp is None:
            self.taken += 1
            return None
        rtcp = self._form.open(self.host, number + 1)
        if rtcp is None:
            rtp.close()
            self.taken += 1
            return None
        self._opened.add(number)
        return Pair(number, rtp, rtcp)
