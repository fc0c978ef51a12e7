"""What a URI says of its server (RFC 3263), and the order of SRV records (RFC 2782)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip_stack.errors import RemoteError
from sip_stack.server_location import Enquiry, Service, enquiry, numeric_target, order


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("sip:bob@192.0.2.9", ("UDP", "192.0.2.9", 5060)),
        ("sip:bob@192.0.2.9:5080;transport=tcp", ("TCP", "192.0.2.9", 5080)),
        ("sip:[2001:DB8:0::9]:5080", ("UDP", "2001:db8::9", 5080)),
        ("sip:bob@192.0.2.9;transport=sctp", ("UDP", "192.0.2.9", 5060)),
        ("sip:bob@example.net", None),
        ("rubbish", None),
        ("", None),
    ],
)
def test_a_numeric_host_needs_no_question(uri: str, expected: tuple[str, str, int] | None) -> None:
    assert numeric_target(uri) == expected


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("sip:bob@example.net",
         Enquiry("example.net", 5060, "UDP", (("_sip._udp.example.net", "UDP"), ("_sip._tcp.example.net", "TCP")))),
        # §4.1: the transport of the URI is used, so its SRV alone is asked for.
        ("sip:bob@example.net;transport=tcp",
         Enquiry("example.net", 5060, "TCP", (("_sip._tcp.example.net", "TCP"),))),
        # §4.2: "If the TARGET was not a numeric IP address, but a port is present in the URI, the client performs
        # an A or AAAA record lookup".
        ("sip:bob@example.net:5080", Enquiry("example.net", 5080, "UDP", ())),
        ("sip:bob@example.net:5080;transport=tcp", Enquiry("example.net", 5080, "TCP", ())),
    ],
)  # fmt: skip
def test_what_is_asked_of_dns(uri: str, expected: Enquiry) -> None:
    assert enquiry(uri) == expected


@pytest.mark.parametrize("uri", ["tel:+15550100", "mailto:a@example.net", "", "sip:", "no uri"])
def test_what_is_no_sip_uri_is_not_looked_up(uri: str) -> None:
    with pytest.raises(RemoteError):
        enquiry(uri)


def fixed(*fractions: float) -> Callable[[], float]:
    remaining = list(fractions)
    return lambda: remaining.pop(0)


def test_the_lowest_priority_comes_first_whatever_the_weights() -> None:
    """RFC 2782: "A client MUST attempt to contact the target host with the lowest-numbered priority"."""
    services = [Service(20, 100, "c", 1), Service(10, 0, "a", 1), Service(15, 1, "b", 1)]
    assert [each.target for each in order(services, lambda: 0.99)] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("fraction", "first"),
    [(0.0, "none"), (0.001, "light"), (0.09, "light"), (0.25, "light"), (0.26, "heavy"), (0.99, "heavy")],
)
def test_the_running_sum_of_weights_picks_within_a_priority(fraction: float, first: str) -> None:
    """RFC 2782, "Weight": weight 0 at the beginning, then the first whose running sum reaches the number."""
    services = [Service(1, 30, "heavy", 1), Service(1, 10, "light", 1), Service(1, 0, "none", 1)]
    services = [services[1], services[0], services[2]]
    assert order(services, lambda: fraction)[0].target == first


def test_what_was_picked_is_left_out_of_the_next_sum() -> None:
    services = [Service(1, 10, "a", 1), Service(1, 30, "b", 1), Service(1, 60, "c", 1)]
    assert [each.target for each in order(services, fixed(0.99, 0.2, 0.5))] == ["c", "a", "b"]


def test_shares_are_in_proportion_to_the_weights() -> None:
    services = [Service(1, 75, "a", 1), Service(1, 25, "b", 1)]
    dice = Random(1)
    counted = Counter(order(services, dice.random)[0].target for _ in range(4000))
    assert 2850 < counted["a"] < 3150


@given(
    st.lists(
        st.builds(Service, st.integers(0, 3), st.integers(0, 5), st.sampled_from("abc"), st.integers(1, 3))
    ),
    st.floats(0, 1, exclude_max=True),
)
def test_every_service_is_tried_once_in_order_of_priority(services: list[Service], fraction: float) -> None:
    ordered = order(services, lambda: fraction)
    assert Counter(ordered) == Counter(services)
    assert [each.priority for each in ordered] == sorted(each.priority for each in services)
