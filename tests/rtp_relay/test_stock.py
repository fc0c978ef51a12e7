"""The stock of leased pairs: none lent twice, none lost, each rested."""

from __future__ import annotations

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from rtp_relay.ports import SHORTEST_REST
from rtp_relay.stock import FIRST_BATCH, IDLE, LARGEST_BATCH, PAUSE, Stock

REST = 5.0


def stocked(pairs: int, rest: float = REST) -> Stock:
    stock = Stock("main")
    stock.is_asking = True
    stock.add("192.0.2.1", range(20000, 20000 + 2 * pairs, 2), rest)
    return stock


def test_pairs_are_lent_first_in_first_out() -> None:
    stock = stocked(3)
    assert stock.take(2, 0.0) == (20000, 20002)
    stock.give_back((20002,), 1.0)
    stock.give_back((20000,), 2.0)
    assert stock.take(3, 10.0) == (20004, 20002, 20000)


def test_it_lends_all_that_is_asked_for_or_nothing() -> None:
    stock = stocked(2)
    assert stock.take(3, 0.0) == ()
    assert (stock.free, stock.lent) == (2, 0)


def test_a_loan_that_nobody_was_told_of_changes_nothing() -> None:
    stock = stocked(3)
    stock.put_back(stock.take(2, 0.0))
    assert stock.take(3, 0.0) == (20000, 20002, 20004)


def test_pairs_rest_and_only_early_is_early() -> None:
    stock = stocked(2)
    stock.give_back(stock.take(2, 0.0), 10.0)
    assert stock.take(1, 10.0 + REST - 0.1) == ()
    assert stock.take(1, 10.0 + SHORTEST_REST - 0.1, early=True) == ()
    assert stock.take(1, 10.0 + SHORTEST_REST, early=True) == (20000,)
    assert stock.take(1, 10.0 + REST) == (20002,)


def test_early_takes_no_more_than_will_do() -> None:
    stock = stocked(2)
    stock.give_back(stock.take(2, 0.0), 10.0)
    assert stock.take(3, 14.0, early=True) == ()
    assert (stock.free, stock.resting) == (0, 2)


def test_the_first_batch_is_asked_for_until_it_has_come() -> None:
    stock = Stock("main")
    assert stock.wanted(0.0) == FIRST_BATCH
    stock.is_asking = True
    assert stock.wanted(0.0) == 0
    stock.add("192.0.2.1", range(20000, 20000 + 2 * 200, 2), REST)
    assert stock.wanted(0.0) == FIRST_BATCH - 200
    stock.add("192.0.2.1", range(21000, 21000 + 2 * (FIRST_BATCH - 200), 2), REST)
    assert stock.wanted(0.0) == 0


def test_batches_double_up_to_the_largest() -> None:
    stock, first, asked = Stock("main"), 0, []
    for _ in range(5):
        wanted = stock.wanted(0.0)
        asked.append(wanted)
        stock.add("192.0.2.1", range(first, first + wanted), REST)
        first += wanted
        while stock.wanted(0.0) == 0:
            stock.take(1, 0.0)
    assert asked == [FIRST_BATCH, 2 * FIRST_BATCH, LARGEST_BATCH, LARGEST_BATCH, LARGEST_BATCH]


def test_more_is_asked_for_before_the_stock_is_empty() -> None:
    stock = stocked(FIRST_BATCH)
    stock.take(FIRST_BATCH * 3 // 4, 0.0)
    assert stock.wanted(0.0) == 0
    stock.take(1, 0.0)
    assert stock.wanted(0.0) == 2 * FIRST_BATCH
    assert stock.free > 0


def test_a_relay_that_has_nothing_is_left_alone_for_a_while() -> None:
    stock = Stock("main")
    stock.refuse(10.0)
    assert stock.is_begun
    assert stock.wanted(10.0 + PAUSE / 2) == 0
    assert stock.wanted(10.0 + PAUSE) > 0


def test_a_pair_that_is_lent_cannot_be_withdrawn() -> None:
    stock = stocked(3)
    stock.take(1, 0.0)
    stock.give_back(stock.take(1, 0.0), 0.0)
    assert [stock.withdraw(port) for port in (20000, 20002, 20004, 20006)] == [False, True, True, False]
    assert (stock.free, stock.resting, stock.lent) == (0, 0, 1)


def test_what_nobody_needs_goes_back_by_halves() -> None:
    stock = stocked(FIRST_BATCH + 100, rest=0.0)
    assert stock.surplus(0.0) == ()
    needed = stock.take(20, 1.0)
    assert stock.surplus(IDLE - 1.0) == ()
    stock.give_back(needed, 2.0)
    assert len(stock.surplus(IDLE)) == 40
    assert stock.surplus(IDLE + 1.0) == ()
    assert len(stock.surplus(2 * IDLE)) == 20
    assert stock.wanted(2 * IDLE) == 0


def test_the_first_batch_is_kept() -> None:
    stock = stocked(FIRST_BATCH)
    assert stock.surplus(0.0) == stock.surplus(IDLE) == stock.surplus(2 * IDLE) == ()


class LeasedPairs(RuleBasedStateMachine):
    """Every pair that was ever leased is in one place, and each loan began after a rest."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.stock = Stock("main")
        self.next_port = 20000
        self.ours: set[int] = set()
        self.loans: list[tuple[int, ...]] = []
        self.ended: dict[int, float] = {}

    @rule(seconds=st.sampled_from([0.001, 0.4, 1.0, 3.0, 61.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(pairs=st.integers(1, 9))
    def leases(self, pairs: int) -> None:
        ports = range(self.next_port, self.next_port + 2 * pairs, 2)
        self.next_port = ports.stop
        self.stock.add("192.0.2.1", ports, REST)
        self.ours.update(ports)

    @rule(pairs=st.integers(1, 5), early=st.booleans())
    def lends(self, pairs: int, early: bool) -> None:
        free = self.stock.free
        ports = self.stock.take(pairs, self.now, early)
        assert len(ports) in (0, pairs)
        assert ports or free < pairs
        out = {port for loan in self.loans for port in loan}
        assert len(set(ports)) == len(ports) and not out & set(ports) and set(ports) <= self.ours
        least = SHORTEST_REST if early else REST
        for port in ports:
            assert self.now - self.ended.get(port, -REST) >= least - 1e-6
        if ports:
            self.loans.append(ports)

    @precondition(lambda self: self.loans)
    @rule(choice=st.data())
    def ends(self, choice: Any) -> None:
        ports = self.loans.pop(choice.draw(st.integers(0, len(self.loans) - 1)))
        self.stock.give_back(ports, self.now)
        self.ended.update(dict.fromkeys(ports, self.now))

    @precondition(lambda self: self.loans)
    @rule()
    def takes_the_last_loan_back(self) -> None:
        ports = self.loans.pop()
        self.stock.put_back(ports)
        for port in ports:  # a rest that was cut short is over
            self.ended.pop(port, None)

    @precondition(lambda self: self.ours)
    @rule(choice=st.data())
    def withdraws(self, choice: Any) -> None:
        port = choice.draw(st.sampled_from(sorted(self.ours)))
        is_out = any(port in loan for loan in self.loans)
        assert self.stock.withdraw(port) is not is_out
        if not is_out:
            self.ours.remove(port)

    @rule()
    def gives_back(self) -> None:
        ports = self.stock.surplus(self.now)
        assert not any(port in loan for loan in self.loans for port in ports)
        self.ours.difference_update(ports)

    @invariant()
    def none_is_lost(self) -> None:
        stock = self.stock
        assert stock.lent == sum(len(loan) for loan in self.loans)
        assert stock.free + stock.resting + stock.lent == len(self.ours)


LeasedPairs.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
test_no_pair_is_lent_twice_or_lost = LeasedPairs.TestCase
