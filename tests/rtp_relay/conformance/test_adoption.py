"""The relay dies and another takes up what it has left: calls that the core restores, and what nobody wants."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench import namespaces
from rtp_relay.bpf.pins import Pins
from rtp_relay.control import Bridge, Direct, LegRequest, Reserve, Reserved
from rtp_relay.forms.kernel import KernelForm
from tests.rtp_relay.conformance.rig import Party, Rig, hindrance, the_wire
from tests.rtp_relay.packets import rtp
from tests.rtp_relay.pinned import bpf_file_system

FORMS = ("user", "tc", "tc on a wire", "xdp")
KERNEL = FORMS[1:]


@pytest.fixture
def pins() -> Iterator[str]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        yield str(stack.enter_context(bpf_file_system(folder / "bpf")) / "relay")


@pytest.fixture
def rig(request: pytest.FixtureRequest, pins: str) -> Iterator[Rig]:
    form, version_6 = request.param
    if hindrance(form):
        pytest.skip(f"{form}: {hindrance(form)}")
    made = Rig(form, version_6=version_6, pins=pins)
    yield made
    made.close()


def on(*forms: str) -> pytest.MarkDecorator:
    params = [(form, version_6) for form in forms for version_6 in (False, True)]
    names = [f"{form}-{'IPv6' if version_6 else 'IPv4'}" for form, version_6 in params]
    return pytest.mark.parametrize("rig", params, ids=names, indirect=True)


def restore(rig: Rig, ports: dict[Any, int], *directs: Direct) -> None:
    requests = tuple(LegRequest(leg, ports=(ports[leg],)) for leg in (0, 1))
    (event,) = rig.do(Reserve("call", requests), *directs, Bridge("call", 0, 1))
    assert isinstance(event, Reserved), event


def direct(leg: int, party: Party, **more: Any) -> Direct:
    what: dict[str, Any] = {"address": party.host, "port": party.port, "rtcp_port": party.port + 1, "latch": False}
    return Direct("call", leg, 0, **(what | more))


def talking(rig: Rig) -> tuple[Party, Party, dict[Any, int]]:
    a, b, ports = rig.call()
    for sequence in (1, 2):
        rig.send(a, rtp(sequence, ssrc=1), ports[0])
        rig.send(b, rtp(sequence, ssrc=2), ports[1])
    assert (len(a.received()), len(b.received())) == (2, 2)
    return a, b, ports


@on(*FORMS)
def test_what_comes_while_there_is_no_relay_is_not_lost(rig: Rig) -> None:
    a, b, ports = talking(rig)
    held = rig.kill()
    packets = [rtp(sequence, ssrc=1) for sequence in range(3, 8)]
    for packet in packets[:3]:
        a.send(packet, ports[0])
    rig.start_again(held)
    for packet in packets[3:]:
        a.send(packet, ports[0])
    rig.run()
    if isinstance(rig.form, KernelForm):
        assert b.received() == [(packet, ports[1]) for packet in packets]
    restore(rig, ports, direct(0, a), direct(1, b))
    rig.run()
    if not isinstance(rig.form, KernelForm):
        assert b.received() == [(packet, ports[1]) for packet in packets]
    rig.send(b, rtp(3, ssrc=2), ports[1])
    assert a.received() == [(rtp(3, ssrc=2), ports[0])]


@on(*KERNEL)
def test_figures_go_on(rig: Rig) -> None:
    a, b, ports = talking(rig)
    rig.now += 5.0
    a.send(rtp(3, ssrc=1), ports[0])
    held = rig.kill()
    rig.now += 1.0
    a.send(rtp(5, ssrc=1), ports[0])
    rig.start_again(held)
    restore(rig, ports, direct(0, a), direct(1, b))
    rig.now += 1.0
    a.send(rtp(6, ssrc=1), ports[0])
    figures = rig.figures(0)
    assert (figures.packets, figures.lost, figures.ssrc) == (5, 1, 1)
    assert (figures.first_packet, figures.last_packet, figures.longest_gap) == (0.0, 7.0, 5.0)
    assert (rig.figures(1).packets, rig.figures(1).sent_packets) == (2, 5)
    assert len(b.received()) == 3


@on(*KERNEL)
def test_a_call_that_goes_on_as_it_was_is_never_in_user_space(rig: Rig) -> None:
    a, b, ports = talking(rig)
    rig.start_again(rig.kill())
    restore(rig, ports, direct(0, a), direct(1, b))
    assert isinstance(rig.form, KernelForm)
    rig.form.turn()
    a.send(rtp(3, ssrc=1), ports[0])
    assert rig.form.turn() == 0
    assert len(b.received()) == 1


@on(*KERNEL)
def test_an_address_that_was_learnt_is_still_believed(rig: Rig) -> None:
    ports, a, b = rig.reserve(), rig.party(), rig.party()
    private = "fd00::123" if ":" in rig.host else "10.1.2.3"
    behind: dict[str, Any] = {"address": private, "port": 4000, "latch": True, "learn_from": (b.host,)}
    rig.do(direct(0, a), direct(1, b, **behind), Bridge("call", 0, 1))
    for sequence in range(1, 6):
        rig.send(b, rtp(sequence, ssrc=2), ports[1])
    assert len(a.received()) == 3  # after a run of three
    rig.start_again(rig.kill())
    restore(rig, ports, direct(0, a), direct(1, b, **behind))
    rig.send(b, rtp(6, ssrc=2), ports[1])
    assert len(a.received()) == 1
    intruder = rig.party(rig.elsewhere)
    for sequence in range(1, 6):
        rig.send(intruder, rtp(sequence, ssrc=9), ports[1])
    assert a.received() == []
    rig.send(a, rtp(1, ssrc=1), ports[0])
    assert len(b.received()) == 1


@on(*FORMS)
def test_what_was_agreed_meanwhile_holds(rig: Rig) -> None:
    a, b, ports = talking(rig)
    held = rig.kill()
    c = rig.party()
    rig.start_again(held)
    restore(rig, ports, direct(0, a), direct(1, c))
    rig.send(a, rtp(3, ssrc=1), ports[0])
    assert (len(b.received()), len(c.received())) == (0, 1)
    rig.send(b, rtp(3, ssrc=2), ports[1])
    rig.send(c, rtp(1, ssrc=3), ports[1])
    assert [packet for packet, _ in a.received()] == [rtp(1, ssrc=3)]


@on(*FORMS)
def test_a_call_put_on_hold_meanwhile_is_quiet(rig: Rig) -> None:
    a, b, ports = talking(rig)
    rig.start_again(rig.kill())
    nowhere = "::" if ":" in rig.host else "0.0.0.0"
    restore(rig, ports, direct(0, a), direct(1, b, address=nowhere))
    rig.send(a, rtp(3, ssrc=1), ports[0])
    assert b.received() == []


@on(*FORMS)
def test_what_no_call_claims_is_removed(rig: Rig) -> None:
    a, b, ports = talking(rig)
    rig.start_again(rig.kill())
    assert rig.form.end_inheritance() > 0
    rig.send(a, rtp(3, ssrc=1), ports[0])
    assert b.received() == []
    if isinstance(rig.form, KernelForm):
        assert rig.form.loaded.flows.active() == rig.form.loaded.legacies.numbers() == []
    assert rig.form.end_inheritance() == 0


@on(*FORMS)
def test_a_new_call_at_the_same_ports_inherits_nothing(rig: Rig) -> None:
    a, b, ports = talking(rig)
    held = rig.kill()
    a.send(rtp(3, ssrc=1), ports[0])
    rig.start_again(held)
    again = rig.reserve("another")
    assert {again[0], again[1]} == {ports[0], ports[1]}
    c, d = rig.party(), rig.party()
    rig.direct(0, c, "another", latch=False)
    rig.direct(1, d, "another", latch=False)
    rig.do(Bridge("another", 0, 1))
    b.received()
    rig.send(a, rtp(4, ssrc=1), again[0])
    assert (b.received(), d.received()) == ([], [])
    rig.send(c, rtp(1, ssrc=5), again[0])
    assert len(d.received()) == 1
    assert rig.figures(0, call="another").packets == 1


@on(*KERNEL)
def test_another_version_of_the_programs_takes_over_in_one_step(rig: Rig, pins: str) -> None:
    a, b, ports = talking(rig)
    held = rig.kill()
    record = Pins(pins).record()
    assert record is not None
    Pins(pins).write(replace(record, digests=dict.fromkeys(record.digests, "older")))
    rig.start_again(held)
    assert isinstance(rig.form, KernelForm)
    assert (rig.form.loaded.is_adopted, rig.form.loaded.kept) == (True, [])
    assert set(rig.form.loaded.instructions) >= {"lo"}
    a.send(rtp(3, ssrc=1), ports[0])
    assert rig.form.turn() == 0
    assert len(b.received()) == 1


@on(*KERNEL)
def test_pins_of_another_plan_make_way(rig: Rig, pins: str) -> None:
    a, b, ports = talking(rig)
    held = rig.kill()
    record = Pins(pins).record()
    assert record is not None
    Pins(pins).write(replace(record, first_port=record.first_port - 2))
    rig.start_again(held)
    assert isinstance(rig.form, KernelForm)
    assert not rig.form.loaded.is_adopted
    a.send(rtp(3, ssrc=1), ports[0])
    assert b.received() == []
    restore(rig, ports, direct(0, a), direct(1, b))
    rig.run()
    assert len(b.received()) == 1, "it had waited in its socket"


@on(*KERNEL)
def test_two_relays_do_not_share_pins(rig: Rig, pins: str) -> None:
    assert isinstance(rig.form, KernelForm)
    with pytest.raises(OSError, match="another relay looks after"):
        rig._made(rig._name, rig._settings.first_port, rig._settings.last_port)


@on(*KERNEL)
def test_a_clean_stop_takes_the_pins_away(rig: Rig, pins: str) -> None:
    talking(rig)
    assert Pins(pins).names()
    rig.relay.close()
    assert isinstance(rig.form, KernelForm)
    rig.form.shut()
    assert not Path(pins).exists()
    rig.form = rig._made(rig._name, rig._settings.first_port, rig._settings.last_port)  # for the fixture to close


@on(*KERNEL)
def test_without_a_sign_of_life_the_kernel_stops(rig: Rig) -> None:
    """A relay that is never started again leaves no flow for good; one that is late loses nothing."""
    a, b, ports = talking(rig)
    assert isinstance(rig.form, KernelForm)
    rig.form.live_until(rig.now + 60.0)
    held = rig.kill()
    rig.now += 60.0
    a.send(rtp(3, ssrc=1), ports[0])
    assert len(b.received()) == 1
    rig.now += 0.1
    a.send(rtp(4, ssrc=1), ports[0])
    assert b.received() == []
    rig.start_again(held)
    rig.form.live_until(rig.now + 60.0)
    restore(rig, ports, direct(0, a), direct(1, b))
    rig.run()
    assert b.received() == [(rtp(4, ssrc=1), ports[1])]
    a.send(rtp(5, ssrc=1), ports[0])
    assert rig.form.turn() == 0
    assert len(b.received()) == 1
    assert (rig.figures(0).packets, rig.figures(0).lost) == (5, 0)


@on("tc on a wire", "xdp")
def test_a_neighbour_that_has_another_mac_address_meanwhile_is_followed(rig: Rig) -> None:
    """Before any call has claimed its flow."""
    a, b, ports = talking(rig)
    held = rig.kill()
    wire, mac = the_wire(), f"02:00:00:00:{len(rig._name):02x}:{6 if ':' in rig.host else 4:02x}"
    with wire.inside(wire.far):
        namespaces.run("ip", "link", "set", namespaces.FAR_LINK, "address", mac)
    for hosts in (namespaces.FAR, namespaces.ELSEWHERE):
        for host in hosts.values():
            namespaces.run(
                "ip", "neigh", "replace", host, "lladdr", mac, "nud", "reachable", "dev", namespaces.RELAY_LINK
            )
    a.send(rtp(3, ssrc=1), ports[0])
    assert b.received() == [], "sent to nobody, as the kernel has been told nothing yet"
    rig.start_again(held)
    a.send(rtp(4, ssrc=1), ports[0])
    assert len(b.received()) == 1
