"""What the kernel does by itself, and what it leaves to the sockets; what is forwarded is in conformance/.

A test that sees a packet arrive without having turned the form has seen the kernel forward it.
"""

from __future__ import annotations

import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from bench import namespaces
from rtp_relay.bpf import netlink, syscall
from rtp_relay.bpf.asm import R0, Assembly
from rtp_relay.control import Bridge
from rtp_relay.errors import StartError
from rtp_relay.form import Exit, Flow
from rtp_relay.forms import choice, tc
from rtp_relay.forms.kernel import KernelForm, KernelPort
from rtp_relay.stream import Stream
from tests.rtp_relay.conformance.rig import Party, Rig, free_range, hindrance, the_wire
from tests.rtp_relay.packets import rtcp, rtp

MakeRig = Callable[..., Rig]
FORMS = ("tc", "tc on a wire", "xdp")


def skip_unless_possible(form: str) -> None:
    if hindrance(form):
        pytest.skip(f"{form}: {hindrance(form)}")


@pytest.fixture(params=[(form, version_6) for form in FORMS for version_6 in (False, True)],
                ids=lambda param: f"{param[0]}-{'IPv6' if param[1] else 'IPv4'}")  # fmt: skip
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    form, version_6 = request.param
    skip_unless_possible(form)
    made = Rig(form, version_6=version_6)
    yield made
    made.close()


@pytest.fixture(params=("tc on a wire", "xdp"))
def wired(request: pytest.FixtureRequest) -> Iterator[Rig]:
    skip_unless_possible(request.param)
    made = Rig(request.param)
    yield made
    made.close()


@pytest.fixture
def make_rig() -> Iterator[MakeRig]:
    made: list[Rig] = []

    def make(form: str) -> Rig:
        skip_unless_possible(form)
        made.append(Rig(form))
        return made[-1]

    yield make
    for rig in reversed(made):
        rig.close()


def form_of(rig: Rig) -> KernelForm:
    assert isinstance(rig.form, KernelForm)
    return rig.form


def is_active(rig: Rig, port: int) -> bool:
    """Whether the flow of one of our ports is in the kernel."""
    form = form_of(rig)
    entry = form.loaded.flows.entry_of(rig.host, port)
    assert entry is not None
    return form.loaded.flows.is_active(entry)


def talking(rig: Rig, **more: Any) -> tuple[Party, Party, dict[object, int]]:
    """A call of which one packet each way has come, so that both flows are in the kernel."""
    a, b, ports = rig.call(**more)
    rig.send(a, rtp(1, ssrc=1), ports[0])
    rig.send(b, rtp(1, ssrc=2), ports[1])
    assert is_active(rig, ports[0])
    assert is_active(rig, ports[1])
    assert len(a.received()) == len(b.received()) == 1
    return a, b, ports


def test_a_confirmed_flow_needs_nobody_in_user_space(rig: Rig) -> None:
    a, b, ports = talking(rig)
    packets = [rtp(sequence, ssrc=1, size=sequence) for sequence in range(2, 12)]
    for packet in packets:
        a.send(packet, ports[0])
    assert b.received() == [(packet, ports[1]) for packet in packets]
    b.send(rtp(2, ssrc=2), ports[1])
    assert a.received() == [(rtp(2, ssrc=2), ports[0])]
    assert form_of(rig).turn() == 0
    assert (rig.figures(0).packets, rig.figures(1).packets) == (11, 2)
    assert (rig.figures(1).sent_packets, rig.figures(0).sent_packets) == (11, 2)
    assert rig.figures(1).sent_octets == 172 + sum(map(len, packets))


def test_a_stranger_never_reaches_user_space(rig: Rig) -> None:
    a, b, ports = talking(rig)
    attackers = [rig.party(a.host), rig.party(rig.elsewhere)]
    for attacker in attackers:
        for sequence in range(2, 30):
            attacker.send(rtp(sequence, ssrc=1), ports[0])
    assert form_of(rig).turn() == 0
    assert b.received() == []
    assert rig.figures(0).strangers == 56
    a.send(rtp(2, ssrc=1), ports[0])
    b.send(rtp(2, ssrc=2), ports[1])
    assert len(a.received()) == len(b.received()) == 1
    assert [attacker.received() for attacker in attackers] == [[], []]


def test_while_the_belief_may_change_strangers_are_judged_in_user_space(rig: Rig) -> None:
    ports = rig.reserve()
    a, b, other = rig.party(), rig.party(), rig.party(rig.elsewhere)
    address = "fd00::123" if ":" in rig.host else "10.1.2.3"
    private: dict[str, Any] = {"address": address, "port": 4000, "latch": True}
    rig.direct(0, a, latch=False)
    rig.direct(1, b, **private)
    rig.do(Bridge("call", 0, 1))
    for sequence in range(1, 5):
        rig.send(b, rtp(sequence), ports[1])
    assert is_active(rig, ports[1])
    other.send(rtp(1, ssrc=9), ports[1])
    assert form_of(rig).turn() == 1
    rig.run(11.0)  # the window ends; the next stranger makes it known
    rig.send(other, rtp(2, ssrc=9), ports[1])
    rig.send(b, rtp(5), ports[1])
    other.send(rtp(3, ssrc=9), ports[1])
    assert form_of(rig).turn() == 0
    assert rig.figures(1).strangers == 5  # three of them the first packets of b


@pytest.mark.parametrize("odd", [
    rtp(2, ssrc=77), rtp(2, ssrc=1, payload_type=101), rtp(20000, ssrc=1),
], ids=["another SSRC", "another payload type", "a leap"])  # fmt: skip
def test_what_changes_the_stream_is_judged_in_user_space_with_all_that_follows(rig: Rig, odd: bytes) -> None:
    a, b, ports = talking(rig)
    burst = [odd, *(rtp(sequence, ssrc=1) for sequence in range(3, 8))]
    for packet in burst:
        a.send(packet, ports[0])
    assert b.received() == []
    assert not is_active(rig, ports[0])
    rig.run()
    assert [packet for packet, _ in b.received()] == burst
    assert is_active(rig, ports[0])
    assert rig.figures(0).packets == 7


def test_digits_among_speech_keep_their_order(rig: Rig) -> None:
    a, b, ports = talking(rig)
    packets = []
    for sequence in range(2, 60):
        is_digit = sequence % 20 < 6
        packet = rtp(sequence, ssrc=1, payload_type=101 if is_digit else 0, size=4 if is_digit else 160)
        packets.append(packet)
        a.send(packet, ports[0])
        if sequence % 7 == 0:
            rig.run()
    rig.run()
    assert [packet for packet, _ in b.received()] == packets
    assert (rig.figures(0).packets, rig.figures(0).lost) == (59, 0)


def test_a_call_moves_to_and_fro_without_a_lost_packet(rig: Rig) -> None:
    a, b, ports = talking(rig)
    packets = [rtp(sequence, ssrc=1) for sequence in range(2, 300)]
    came: list[tuple[bytes, int]] = []
    for number, packet in enumerate(packets):
        a.send(packet, ports[0])
        if number % 7 == 0:
            form_of(rig).ask_again()  # as when a route has changed: every flow comes back to user space
        if number % 3 == 0:
            rig.run()
        came += b.received()  # its buffer holds fewer than all
    rig.run()
    assert [packet for packet, _ in came + b.received()] == packets
    assert (rig.figures(0).packets, rig.figures(0).lost, rig.figures(1).sent_packets) == (299, 0, 299)
    entry = form_of(rig).loaded.flows.entry_of(rig.host, ports[0])
    assert entry is not None
    assert 50 < form_of(rig).loaded.flows.counters(entry).packets < 250  # both had their part


def test_rtcp_and_what_is_no_rtp_goes_up(rig: Rig) -> None:
    a, b, ports = talking(rig, mux=True)
    stun = bytes.fromhex("000100002112a442") + bytes(12)
    for packet in (rtcp(200), rtcp(205), stun, b"\x80\x00", b""):
        a.send(packet, ports[0])
    assert form_of(rig).turn() == 5
    assert [packet for packet, _ in b.received()] == [rtcp(200), rtcp(205)]
    assert (rig.figures(0).rtcp_packets, rig.figures(0).malformed) == (2, 3)
    a.send(rtp(2, ssrc=1), ports[0])
    assert len(b.received()) == 1


def test_figures_are_those_of_the_user_form(rig: Rig) -> None:
    """The same arrivals, once through the kernel and once through user space alone."""
    stream = ((2, 20), (3, 45), (5, 80), (7, 120), (6, 125), (8, 140), (8, 141), (9, 160), (25, 460))
    a, _b, ports = talking(rig)
    began = rig.now
    reference = Stream()
    for sequence, at in ((1, 0), *stream):
        reference.receive(rtp(sequence, ssrc=1), began + at / 1000)
    for sequence, at in stream:
        rig.now = began + at / 1000
        a.send(rtp(sequence, ssrc=1), ports[0])
    assert form_of(rig).turn() == 0
    figures = rig.figures(0)
    assert (figures.packets, figures.octets, figures.lost) == (10, 1720, reference.lost)
    assert figures.jitter == pytest.approx(reference.jitter * 1000, abs=0.001)
    assert figures.longest_gap == pytest.approx(reference.longest_gap)
    assert figures.last_packet == pytest.approx(0.46)


def test_figures_of_speech_and_keys_in_turns_are_those_of_the_user_form(rig: Rig) -> None:
    """Whatever comes, once through the kernel and once through user space alone."""
    a, b, ports = talking(rig, clock_rates=((101, 16000),))
    dice = random.Random(3550)
    reference = Stream()
    reference.clock_rates = {101: 16000}
    reference.receive(rtp(1, ssrc=1), rig.now)
    in_kernel = 0
    for sequence in range(2, 400):
        kind = 101 if sequence % 40 < 8 else 0
        timestamp = sequence // 40 * 6400 if kind else sequence * 160
        packet = rtp(sequence, ssrc=1, payload_type=kind, timestamp=timestamp)
        rig.now += dice.choice((0.001, 0.02, 0.02, 0.045, 0.3))
        if dice.random() < 0.05:
            continue  # lost
        reference.receive(packet, rig.now)
        a.send(packet, ports[0])
        in_kernel += len(b.received())
        if not is_active(rig, ports[0]) or sequence % 7 == 0:
            rig.run()
            b.received()
    figures = rig.figures(0)
    assert (figures.packets, figures.lost) == (reference.packets, reference.lost)
    assert figures.jitter == pytest.approx(reference.jitter * 1000, abs=0.002)
    assert figures.longest_gap == pytest.approx(reference.longest_gap)
    assert figures.payload_type == reference.payload_type == 0
    assert in_kernel == reference.packets - 2  # all but the first packet of each kind


def test_sequence_numbers_go_round_in_the_kernel(rig: Rig) -> None:
    a, b, ports = rig.call()
    rig.send(a, rtp(0xFFF0), ports[0])
    for sequence in range(0xFFF1, 0x10020):
        a.send(rtp(sequence), ports[0])
    assert len(b.received()) == 48
    assert form_of(rig).turn() == 0
    assert (rig.figures(0).packets, rig.figures(0).lost) == (48, 0)


def test_a_reinvite_that_moves_one_side_takes_effect_at_once(rig: Rig) -> None:
    a, b, ports = talking(rig)
    moved = rig.party()
    rig.direct(1, moved, latch=False)
    rig.send(a, rtp(2, ssrc=1), ports[0])
    a.send(rtp(3, ssrc=1), ports[0])
    assert b.received() == []
    assert [packet for packet, _ in moved.received()] == [rtp(2, ssrc=1), rtp(3, ssrc=1)]
    b.send(rtp(2, ssrc=2), ports[1])
    rig.run()
    assert a.received() == []


def test_hold_and_release_stop_the_kernel(rig: Rig) -> None:
    a, b, ports = talking(rig)
    rig.direct(1, b, address="0.0.0.0", due=False, latch=False)
    a.send(rtp(2, ssrc=1), ports[0])
    rig.run()
    assert b.received() == []
    rig.direct(1, b, latch=False)
    rig.send(a, rtp(3, ssrc=1), ports[0])
    a.send(rtp(4, ssrc=1), ports[0])
    assert len(b.received()) == 2
    rig.release()
    a.send(rtp(5, ssrc=1), ports[0])
    rig.run()
    assert b.received() == []
    assert not is_active(rig, ports[0])


def test_a_large_packet_that_comes_in_fragments_goes_up_whole(wired: Rig) -> None:
    a, b, ports = talking(wired)
    large = rtp(2, ssrc=1, size=4000)
    a.send(large, ports[0])
    assert b.received() == []
    wired.run()
    assert b.received() == [(large, ports[1])]


@pytest.mark.parametrize("relay_offload", [True, False])
@pytest.mark.parametrize("far_offload", [True, False])
@pytest.mark.parametrize("version_6", [False, True], ids=["IPv4", "IPv6"])
@pytest.mark.parametrize("form", ["tc on a wire", "xdp"])
def test_checksums_are_right_whoever_computes_them(
    form: str, version_6: bool, far_offload: bool, relay_offload: bool
) -> None:
    skip_unless_possible(form)
    wire = the_wire()
    rig = Rig(form, version_6=version_6)
    try:
        with wire.inside(wire.far):
            namespaces.set_offload(namespaces.FAR_LINK, namespaces.TX_CHECKSUMS, far_offload)
        with wire.inside(wire.relay):
            namespaces.set_offload(namespaces.RELAY_LINK, namespaces.TX_CHECKSUMS, relay_offload)
        before = wire.checksum_errors()
        a, b, ports = rig.call()
        for sequence in range(1, 40):
            rig.send(a, rtp(sequence, size=sequence), ports[0])  # odd and even lengths
        assert [packet for packet, _ in b.received()] == [rtp(sequence, size=sequence) for sequence in range(1, 40)]
        assert wire.checksum_errors() == before
        entry = form_of(rig).loaded.flows.entry_of(rig.host, ports[0])
        assert entry is not None
        in_the_kernel = form_of(rig).loaded.flows.counters(entry).packets
        # At XDP a checksum that was left to the hardware is nobody's business but the stack's.
        assert in_the_kernel == (0 if form == "xdp" and far_offload else 38)
    finally:
        rig.close()
        with wire.inside(wire.far):
            namespaces.set_offload(namespaces.FAR_LINK, namespaces.TX_CHECKSUMS, False)
        with wire.inside(wire.relay):
            namespaces.set_offload(namespaces.RELAY_LINK, namespaces.TX_CHECKSUMS, True)


def test_a_neighbour_with_a_new_mac_address_is_followed(wired: Rig) -> None:
    a, b, ports = talking(wired)
    wire = the_wire()
    with wire.inside(wire.far):
        namespaces.run("ip", "link", "set", namespaces.FAR_LINK, "address", "02:00:00:00:00:77")
    for host in (*namespaces.FAR.values(), *namespaces.ELSEWHERE.values()):  # tests that come later want them too
        namespaces.run("ip", "neigh", "replace", host, "lladdr", "02:00:00:00:00:77", "nud", "reachable",
                       "dev", namespaces.RELAY_LINK)  # fmt: skip
    wired.run()
    a.send(rtp(2, ssrc=1), ports[0])
    assert b.received() == [(rtp(2, ssrc=1), ports[1])]


def test_if_the_kernel_does_not_answer_nothing_goes_by_an_old_route(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_late(_asking: object) -> object:
        raise TimeoutError("timed out")

    a, b, ports = talking(rig)
    with monkeypatch.context() as patched, pytest.raises(TimeoutError):
        patched.setattr(netlink.Asking, "links", too_late)
        form_of(rig).ask_again()
    assert not is_active(rig, ports[0])
    rig.send(a, rtp(2, ssrc=1), ports[0])
    assert b.received() == [(rtp(2, ssrc=1), ports[1])]
    assert is_active(rig, ports[0])


def test_without_a_route_nothing_stays_in_the_kernel(wired: Rig) -> None:
    a, b, ports = talking(wired)
    namespaces.run("ip", "route", "add", "blackhole", f"{b.host}/32")
    try:
        wired.run()
        assert not is_active(wired, ports[0])
        wired.send(a, rtp(2, ssrc=1), ports[0])
        assert not is_active(wired, ports[0])
        assert form_of(wired).send_errors == 1
    finally:
        namespaces.run("ip", "route", "del", "blackhole", f"{b.host}/32")
    wired.run()
    wired.send(a, rtp(3, ssrc=1), ports[0])
    a.send(rtp(4, ssrc=1), ports[0])
    assert len(b.received()) == 2


def neutral_program() -> int:
    code = Assembly()
    code.calc32(R0, "=", -1)
    code.end()
    return syscall.load(syscall.ProgramKind.SCHED_CLS, code.code(), "somebody_else")


def test_nothing_is_left_behind_and_others_are_left_alone() -> None:
    skip_unless_possible("tc on a wire")
    wire = the_wire()
    with wire.inside(wire.relay):
        interface = socket.if_nametoindex(namespaces.RELAY_LINK)
        kind = syscall.AttachKind.TCX_INGRESS
        links = [syscall.attach(neutral_program(), interface, kind) for _ in range(2)]
        others = syscall.attached(interface, syscall.AttachKind.TCX_INGRESS)
    assert len(others) == 2
    rig = Rig("tc on a wire")
    during = syscall.attached(interface, syscall.AttachKind.TCX_INGRESS)
    assert len(during) == 3
    assert set(others) < set(during)
    a, b, ports = talking(rig)
    a.send(rtp(2, ssrc=1), ports[0])
    assert len(b.received()) == 1
    rig.close()
    with wire.inside(wire.relay):
        assert syscall.attached(interface, syscall.AttachKind.TCX_INGRESS) == others
        for link in links:
            os.close(link)
        assert syscall.attached(interface, syscall.AttachKind.TCX_INGRESS) == ()


def test_two_relays_share_an_interface_at_tc_but_not_at_xdp(make_rig: MakeRig) -> None:
    first, second = make_rig("tc on a wire"), make_rig("tc on a wire")
    for rig in (first, second):
        a, b, ports = talking(rig)
        a.send(rtp(2, ssrc=1), ports[0])
        assert len(b.received()) == 1
    third = make_rig("xdp")
    first_port = free_range(third.host, 4)
    with pytest.raises(StartError, match=f"xdp at {namespaces.RELAY_LINK}: .*busy"):
        choice.choose("xdp", (third.host,), first_port, first_port + 7, 46)


def test_the_kernels_clock_is_ours() -> None:
    skip_unless_possible("tc")
    first = free_range("127.0.0.1", 2)
    form = tc.open_form(("127.0.0.1",), first, first + 3)
    try:
        came, leaves = form.open("127.0.0.1", first), form.open("127.0.0.1", first + 2)
        assert isinstance(came, KernelPort)
        assert isinstance(leaves, KernelPort)
        with namespaces.udp_socket("127.0.0.1") as far:
            far.settimeout(60)
            stream, exit = Stream(), Exit(leaves)
            exit.address = far.getsockname()
            before = time.monotonic()
            stream.receive(rtp(1), before)
            form.install(came, Flow(far.getsockname(), exit, far.getsockname(), False, True, stream))
            form.turn()
            far.sendto(rtp(2), ("127.0.0.1", first))
            assert far.recv(999) == rtp(2)
            form.collect(came, stream)
            assert before < stream.last_packet <= time.monotonic()
            assert stream.packets == 2
    finally:
        form.shut()


def test_the_process_killed_leaves_nothing_attached() -> None:
    skip_unless_possible("tc on a wire")
    wire = the_wire()
    with wire.inside(wire.relay):
        interface = socket.if_nametoindex(namespaces.RELAY_LINK)
        first = free_range(namespaces.RELAY[False], 8)
        program = (
            "import sys; from rtp_relay.forms import tc; "
            f"form = tc.open_form(('{namespaces.RELAY[False]}',), {first}, {first + 15}); "
            "print('ready', flush=True); sys.stdin.read()"
        )
        process = subprocess.Popen(
            [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            assert len(syscall.attached(interface, syscall.AttachKind.TCX_INGRESS)) == 1
        finally:
            process.kill()
            process.communicate(timeout=60)
        assert syscall.attached(interface, syscall.AttachKind.TCX_INGRESS) == ()


def test_what_cannot_be_had_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    form = choice.choose("auto", ("0.0.0.0",), 20000, 20001, 46)
    assert (form.name, form.reason) == (
        "user", "no faster form can be had: media at 0.0.0.0: the kernel's forms want the addresses themselves",
    )  # fmt: skip
    form.shut()
    with pytest.raises(StartError, match=r"192\.0\.2\.200"):
        choice.choose("tc", ("192.0.2.200",), 20000, 20001, 46)
    form = choice.choose("user", ("127.0.0.1",), 20000, 20001, 46)
    assert (form.name, form.reason) == ("user", "plain forwarding in user space, as asked for")
    form.shut()


def test_without_privilege_auto_is_user(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_arguments: object) -> int:
        raise PermissionError(1, "Operation not permitted (MAP_CREATE)")

    monkeypatch.setattr(syscall, "create_map", refused)
    form = choice.choose("auto", ("127.0.0.1",), 20000, 20001, 46)
    assert form.name == "user"
    assert "not permitted" in form.reason
    form.shut()


def test_a_socket_of_the_far_ends_is_in_another_network() -> None:
    """The rig itself: what looks like a wire is one."""
    skip_unless_possible("tc on a wire")
    wire = the_wire()
    with wire.inside(wire.far):
        far = socket.if_nametoindex(namespaces.FAR_LINK)
    with wire.inside(wire.relay), pytest.raises(OSError, match="no interface"):
        socket.if_nametoindex(namespaces.FAR_LINK)
    assert far
