"""Packets through each form, as the self-test sends them."""

from __future__ import annotations

import os
from contextlib import nullcontext

import pytest

from rtp_relay.forms.user import UserForm, UserPort
from rtp_relay.packet import Packet
from rtp_relay.process.probe import trial
from rtp_relay.process.probe.exchange import ExchangeError, exchange
from rtp_relay.process.probe.network import udp_socket
from rtp_relay.source import Address
from tests.rtp_relay.conformance.rig import free_range, hindrance

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")


def span() -> tuple[int, int]:
    first = free_range("127.0.0.1", 4)
    return first, first + 7


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "0.0.0.0"])
@pytest.mark.parametrize("is_relay_here", [False, True])
def test_the_user_form_on_this_host(host: str, is_relay_here: bool) -> None:
    (one,) = trial.on_this_host((host,), span(), 12, {}, is_relay_here)
    assert (one.form, one.network, one.problem) == ("user", "here", "")
    assert (one.sent, one.arrived, one.by_kernel, one.strange) == (12, 12, 0, 0)


def test_an_address_that_is_not_here_is_a_problem_and_no_error() -> None:
    (one,) = trial.on_this_host(("192.0.2.250",), span(), 12, {}, False)
    assert (one.sent, one.problem) == (0, "Cannot assign requested address")


def test_a_range_that_is_taken_is_a_problem_and_no_error() -> None:
    first, last = span()
    (one,) = trial.on_this_host(("127.0.0.1",), (first, last), 12, {"127.0.0.1": tuple(range(first, last))}, False)
    assert "in a row" in one.problem


def test_ports_that_nobody_has() -> None:
    assert trial.last_free((20000, 20009), ()) == 20006
    assert trial.last_free((20000, 20009), (20009, 20006)) == 20002
    with pytest.raises(OSError, match="in a row"):
        trial.last_free((20000, 20009), (20003, 20007))
    first, last = span()
    assert not first <= trial.free_beside("127.0.0.1", (first, last)) <= last
    assert trial.free_beside("127.0.0.1", (10_240, 20_000)) > 20_000


@needs_root
def test_every_form_on_a_network_of_its_own() -> None:
    trials = list(trial.on_own_network(("192.0.2.2", "fd00::2", "127.0.0.1", "0.0.0.0", "fe80::1"), (20000, 20999), 12))
    assert {one.host for one in trials} == {"192.0.2.2", "fd00::2", "127.0.0.1"}
    for form, needed in (("user", ""), ("tc", "tc on a wire"), ("xdp", "xdp")):
        if needed and hindrance(needed):
            continue
        own = [one for one in trials if one.form == form]
        assert len(own) == 9  # four ways of leaving checksums to the hardware at two addresses, and the loopback
        for one in own:
            assert (one.problem, one.sent, one.arrived, one.strange, one.bad_checksums) == ("", 12, 12, 0, 0)
            if form == "user" or (form == "xdp" and one.far_offload):
                assert one.by_kernel == 0
            else:
                assert one.by_kernel >= (11 if form == "xdp" else 12)  # xdp leaves one in 65536, for its checksum


class Losing(UserForm):
    """Forwards every other packet, and whatever a stranger sends."""

    tried = 0

    def open(self, host: str, number: int) -> UserPort | None:
        opened = super().open(host, number)
        if opened is not None:
            forward = opened.send

            def lose(packet: Packet, address: Address) -> object:
                self.tried += 1
                return forward(packet, address) if self.tried % 2 else None

            opened.send = lose
        return opened


class Open(UserForm):
    """Sends back whatever comes, to whoever it was: an RTP bleed."""

    def turn(self, wait: float = 0.0) -> int:
        for port in self._ports.values():
            assert isinstance(port, UserPort)
            while True:
                try:
                    size, source = port.receive_into(self._buffer)
                except BlockingIOError:
                    break
                port.send(self._view[:size], source)
        return 0


@pytest.mark.parametrize(("form", "arrived", "strange"), [(Losing, 6, 0), (Open, 0, 5)])
def test_what_a_form_does_wrong_is_seen(
    form: type[UserForm], arrived: int, strange: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rtp_relay.process.probe.exchange.PATIENCE", 0.2)
    made = form()
    with exchange(made, "127.0.0.1", span()[0], "127.0.0.1", nullcontext()) as through:
        count = through.run("127.0.0.1", 12)
    made.shut()
    assert (count.arrived, count.strange) == (arrived, strange)


def test_a_relay_that_lends_nothing_is_told() -> None:
    first, _ = span()
    form = UserForm()
    with udp_socket("127.0.0.1", first), pytest.raises(ExchangeError, match="no free port"):
        exchange(form, "127.0.0.1", first, "127.0.0.1", nullcontext()).__enter__()
    form.shut()
