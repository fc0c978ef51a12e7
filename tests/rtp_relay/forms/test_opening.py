"""Where programs are attached, and what is said when it is not as it was asked for."""

from __future__ import annotations

import pytest

from bench import namespaces
from rtp_relay.bpf import netlink
from rtp_relay.errors import StartError
from rtp_relay.forms import choice, opening, xdp
from tests.rtp_relay.conformance.rig import hindrance, the_wire

HOST = namespaces.RELAY[False]
BOTH = tuple(namespaces.RELAY.values())


@pytest.fixture(autouse=True)
def _in_the_relays_namespace() -> object:
    if hindrance("xdp"):
        pytest.skip(hindrance("xdp"))
    with the_wire().inside(the_wire().relay):
        yield


@pytest.mark.parametrize(("name", "drivers", "kinds"), [
    ("tc", frozenset(), ["tc", "tc"]), ("xdp", frozenset(), ["tc", "xdp"]), ("tc", frozenset({HOST}), ["tc", "xdp"]),
    ("tc", frozenset({"10.1.1.1"}), ["tc", "tc"]),
])  # fmt: skip
def test_each_interface_has_what_was_asked_for(name: str, drivers: frozenset[str], kinds: list[str]) -> None:
    asking = netlink.Asking()
    where = opening.places(asking, BOTH, name == "xdp", drivers)
    asking.close()
    assert [(place.name, place.kind) for place in where] == [("lo", kinds[0]), (namespaces.RELAY_LINK, kinds[1])]


def test_one_interface_by_xdp_and_the_rest_by_tc() -> None:
    form = choice.choose("auto", BOTH, 20000, 20009, 46, "", frozenset({HOST}))
    assert form.reason == f"the fastest that works at any interface (tc at lo, xdp at {namespaces.RELAY_LINK})"
    form.shut()


def test_a_driver_that_cannot_is_done_without_only_if_that_was_allowed() -> None:
    first = xdp.open_form((HOST,), 20000, 20009)
    try:
        form = choice.choose("auto", BOTH, 20010, 20019, 46, "", frozenset({HOST}))
        assert form.name == "tc"
        assert ", but no xdp: xdp at relay0: Device or resource busy" in form.reason
        form.shut()
        with pytest.raises(StartError, match="the tc form cannot be had: xdp at relay0"):
            choice.choose("tc", BOTH, 20010, 20019, 46, "", frozenset({HOST}))
    finally:
        first.shut()
