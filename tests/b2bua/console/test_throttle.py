"""How often one may try to log in."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from b2bua.console.throttle import BY_ADDRESS, BY_BOTH, BY_NAME, WINDOW, Throttle, host_of


def failed(times: int, name: str = "ana", address: str = "192.0.2.1") -> Throttle:
    throttle = Throttle()
    for at in range(times):
        throttle.failed(name, address, float(at))
    return throttle


def test_a_few_failures_are_nothing() -> None:
    assert failed(BY_BOTH - 1).wait("ana", "192.0.2.1", 10.0) == 0


def test_more_make_one_wait_until_the_first_of_them_is_forgotten() -> None:
    throttle = failed(BY_BOTH)
    assert throttle.wait("ana", "192.0.2.1", 10.0) == WINDOW - 10.0
    assert throttle.wait("Ana", "192.0.2.1", 10.0) > 0
    assert throttle.wait("ana", "192.0.2.1", WINDOW) == 0


def test_others_need_not_wait() -> None:
    throttle = failed(BY_BOTH)
    assert throttle.wait("ben", "192.0.2.1", 10.0) == 0
    assert throttle.wait("ana", "192.0.2.2", 10.0) == 0


def test_one_address_cannot_try_many_names() -> None:
    throttle = Throttle()
    for at in range(BY_ADDRESS):
        throttle.failed(f"name{at}", "192.0.2.1", float(at))
    assert throttle.wait("another", "192.0.2.1", 100.0) > 0


def test_many_addresses_cannot_try_one_name() -> None:
    throttle = Throttle()
    for at in range(BY_NAME):
        throttle.failed("ana", f"192.0.2.{at}", float(at))
    assert throttle.wait("ana", "198.51.100.1", 100.0) > 0


def test_whoever_has_the_password_starts_anew() -> None:
    throttle = failed(BY_BOTH - 1)
    throttle.failed("ana", "192.0.2.1", 9.0)
    throttle.succeeded("ana", "192.0.2.1")
    assert throttle.wait("ana", "192.0.2.1", 10.0) == 0
    for _ in range(BY_ADDRESS * 2):  # logging in often is no guessing
        throttle.failed("ana", "192.0.2.1", 11.0)
        throttle.succeeded("ana", "192.0.2.1")
    assert throttle.wait("ben", "192.0.2.1", 12.0) == 0


def test_a_network_of_ipv6_is_one_address() -> None:
    assert host_of("2001:db8::1") == host_of("2001:db8::ffff:1") != host_of("2001:db8:0:1::1")
    assert host_of("") == ""


@given(st.lists(st.tuples(st.text(max_size=3), st.text(max_size=3), st.booleans()), max_size=60))
def test_nobody_waits_longer_than_the_window(tries: list[tuple[str, str, bool]]) -> None:
    throttle = Throttle()
    for at, (name, address, is_right) in enumerate(tries):
        assert 0 <= throttle.wait(name, address, float(at)) <= WINDOW
        throttle.failed(name, address, float(at))
        if is_right:
            throttle.succeeded(name, address)
