"""Addresses that call and are no trunk's: counted, told of, and not remembered for ever."""

from __future__ import annotations

from b2bua.strangers import MOST, TOLD_AT_ONCE, Stranger, Strangers

CARRIER = "198.51.100.9"


def crowd(strangers: Strangers, hosts: int, calls: int = 2) -> None:
    for number in range(hosts):
        for _ in range(calls):
            strangers.note(f"10.0.{number // 250}.{number % 250}")


def test_each_is_told_of_with_the_number_of_its_calls() -> None:
    strangers = Strangers()
    assert not strangers
    for _ in range(3):
        strangers.note(CARRIER)
    strangers.note("2001:db8::1")
    assert strangers and strangers.total == 4
    assert strangers.take() == ([Stranger(CARRIER, 3), Stranger("2001:db8::1", 1)], 0)
    assert not strangers and strangers.total == 4


def test_in_a_crowd_whoever_is_new_comes_first() -> None:
    strangers = Strangers()
    crowd(strangers, TOLD_AT_ONCE)
    strangers.take()
    crowd(strangers, TOLD_AT_ONCE)
    strangers.note(CARRIER)
    told, more = strangers.take()
    assert (told[0], len(told), more) == (Stranger(CARRIER, 1), TOLD_AT_ONCE, 1)


def test_a_flood_of_forged_addresses_takes_no_more_room_than_that() -> None:
    strangers = Strangers()
    for _ in range(MOST // TOLD_AT_ONCE + 2):
        crowd(strangers, MOST + 500, calls=1)
        told, more = strangers.take()
        assert len(told) + more == MOST
        assert len(strangers._told) <= MOST + TOLD_AT_ONCE
