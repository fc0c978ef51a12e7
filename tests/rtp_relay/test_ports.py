from __future__ import annotations

import pytest

from rtp_relay.errors import PortsExhausted
from rtp_relay.form import drop
from rtp_relay.forms.memory import MemoryForm
from rtp_relay.ports import GROWTH, SHORTEST_REST, PortPool


def pool_of(
    pairs: int, taken: frozenset[int] = frozenset(), rest: float = 5.0
) -> tuple[PortPool, MemoryForm]:
    form = MemoryForm(taken=taken)
    return PortPool(form, "127.0.0.1", 20000, 20000 + 2 * pairs - 1, rest), form


def test_pairs_are_even_and_the_odd_one_above() -> None:
    pool, _ = pool_of(4)
    pair = pool.lend(0.0)
    assert (pair.number, pair.rtp.number, pair.rtcp.number) == (20000, 20000, 20001)
    odd = PortPool(MemoryForm(), "127.0.0.1", 20001, 20006)
    assert odd.lend(0.0).number == 20002
    assert odd.lend(0.0).number == 20004
    with pytest.raises(PortsExhausted):
        odd.lend(0.0)


@pytest.mark.parametrize("taken", [20002, 20003])
def test_what_others_hold_is_passed_over_and_left_closed(taken: int) -> None:
    pool, form = pool_of(3, frozenset({taken}))
    assert [pool.lend(0.0).number, pool.lend(0.0).number] == [20000, 20004]
    assert pool.taken == 1
    assert sorted(port[1] for port in form.ports) == [20000, 20001, 20004, 20005]


def test_it_grows_by_need_up_to_the_range() -> None:
    pool, form = pool_of(GROWTH * 2)
    assert pool.wants_growth
    pool.lend(0.0)
    assert len(form.ports) == 2 * GROWTH
    assert pool.grow(1000) == GROWTH
    assert not pool.wants_growth


def test_it_lends_what_has_been_free_for_longest() -> None:
    pool, _ = pool_of(3, rest=1.0)
    first, second, third = (pool.lend(0.0) for _ in range(3))
    for at, pair in ((0.1, second), (0.2, first), (0.3, third)):
        pool.give_back(pair, at)
    assert [pool.lend(5.0) for _ in range(3)] == [second, first, third]


def test_a_pair_rests() -> None:
    pool, _ = pool_of(1, rest=5.0)
    pair = pool.lend(0.0)
    pair.rtp.receive = pair.rtcp.receive = lambda packet, source, now: None
    pool.give_back(pair, 10.0)
    assert pair.rtp.receive is pair.rtcp.receive is drop
    assert (pool.lent, pool.free, pool.resting) == (0, 0, 1)
    with pytest.raises(PortsExhausted, match="1 resting"):
        pool.lend(10.0 + SHORTEST_REST / 2)
    assert pool.lend(10.0 + SHORTEST_REST) is pair
    assert pool.hurried == 1
    pool.give_back(pair, 20.0)
    assert pool.lend(25.0) is pair
    assert pool.hurried == 1


def test_a_pair_is_lent_by_number_wherever_it_is() -> None:
    pool, _ = pool_of(100)
    assert pool.lend_number(20100, 0.0).number == 20100  # not open yet
    pool.grow(2)
    assert pool.lend_number(20002, 0.0).number == 20002  # free
    pool.give_back(pool.lend(0.0), 0.0)
    assert pool.lend_number(20000, 0.1).number == 20000  # at rest
    assert (pool.lent, pool.free, pool.resting) == (3, 0, 0)
    pool.grow(100)
    assert pool.free == 97


@pytest.mark.parametrize("number", [19998, 20001, 20200, 0, -2, 70000])
def test_a_number_that_is_none_of_ours(number: int) -> None:
    pool, _ = pool_of(100)
    with pytest.raises(PortsExhausted, match="none of ours"):
        pool.lend_number(number, 0.0)


def test_a_number_that_is_lent_or_taken() -> None:
    pool, _ = pool_of(4, frozenset({20003}))
    pool.lend_number(20000, 0.0)
    with pytest.raises(PortsExhausted, match="lent already"):
        pool.lend_number(20000, 0.0)
    with pytest.raises(PortsExhausted, match="another program"):
        pool.lend_number(20002, 0.0)


def test_an_undone_loan_needs_no_rest() -> None:
    pool, _ = pool_of(1)
    pair = pool.lend(0.0)
    pool.undo(pair)
    assert pool.lend(0.0) is pair


def test_a_lease_gives_what_is_open_and_opens_little() -> None:
    pool, _ = pool_of(100)
    assert len(pool.lease(50, 1, 0.0)) == GROWTH
    pool.grow(4)
    assert len(pool.lease(50, 1, 0.0)) == 4
    assert (pool.leased, pool.free) == (GROWTH + 4, 0)


def test_a_leased_pair_rests_when_its_lessee_is_gone() -> None:
    pool, _ = pool_of(8, rest=5.0)
    idle, talking = pool.lease(2, 1, 0.0)
    other = pool.lease(1, 2, 0.0)
    pair = pool.lend_leased(talking, 1)
    pool.end_leases(1, 10.0)
    assert (pool.leased, pool.resting, pool.lent) == (1, 1, 1)
    pool.give_back(pair, 11.0)
    assert (pool.leased, pool.resting, pool.lent) == (1, 2, 0)
    assert pool.lend_number(idle, 11.0).number == idle
    with pytest.raises(PortsExhausted, match="another connection"):
        pool.lend_number(other[0], 11.0, 1)


def test_an_undone_loan_of_a_leased_pair_is_the_lessee_s_again() -> None:
    pool, _ = pool_of(8)
    (number,) = pool.lease(1, 1, 0.0)
    pool.undo(pool.lend_leased(number, 1))
    assert pool.lend_leased(number, 1).number == number


def test_a_pair_opened_out_of_turn_is_not_opened_twice() -> None:
    pool, _ = pool_of(4)
    pool.give_back(pool.lend_number(20002, 0.0), 0.0)
    assert pool.grow(9) == 3
    assert pool.taken == 0


def test_close_leaves_no_port_open() -> None:
    pool, form = pool_of(8)
    pool.lease(1, 1, 0.0)
    pool.lend(0.0)
    pool.give_back(pool.lend(0.0), 0.0)
    pool.close()
    assert form.ports == {}
    assert not pool.wants_growth
