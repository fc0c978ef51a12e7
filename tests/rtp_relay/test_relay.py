"""Whose a call is, who may adopt it, what is refused: the relay without a packet."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from rtp_relay import control
from rtp_relay.control import Bridge, Direct, LegRequest, Query, Release, Reserve
from rtp_relay.errors import StartError
from rtp_relay.form import Interface
from rtp_relay.forms.memory import MemoryForm
from rtp_relay.relay import CALLS_IN_HOLDINGS, LEG_LIMIT, MEDIA_LIMIT, Relay, Settings

MAIN = Interface("main", "127.0.0.1", "192.0.2.1")
OTHER = Interface("other", "::1", "2001:db8::1")


class Harness:
    def __init__(self, *interfaces: Interface, **settings: Any) -> None:
        self.notes: list[str] = []
        self.form = MemoryForm()
        chosen = Settings(**({"first_port": 20000, "last_port": 20999, "media_timeout": 0.0} | settings))
        self.relay = Relay(self.form, interfaces or (MAIN, OTHER), chosen, self._note)

    def _note(self, event: str, **what: object) -> None:
        self.notes.append(event)

    def do(
        self, command: control.Command, owner: int = 1, now: float = 0.0
    ) -> list[tuple[int, control.Event]]:
        self.relay.handle(command, owner, now)
        return self.relay.take_events()

    def one(self, command: control.Command, owner: int = 1, now: float = 0.0) -> Any:
        ((told, event),) = self.do(command, owner, now)
        assert told == owner
        return event


@pytest.fixture
def harness() -> Harness:
    return Harness()


def two_legs(*ports: int) -> Reserve:
    return Reserve("call", tuple(LegRequest(leg, ports=ports[leg : leg + 1]) for leg in range(2)))


def test_welcome_and_a_version_that_is_not_ours(harness: Harness) -> None:
    welcome = control.Welcome(control.VERSION, "memory", harness.form.reason, 0, ("main", "other"))
    assert harness.one(control.Hello()) == welcome
    for version in (control.OLDEST - 1, control.VERSION + 1):
        refused = harness.one(control.Hello(version))
        assert isinstance(refused, control.Refused)
        assert refused.call == ""


def test_an_older_core_is_spoken_to_in_its_version(harness: Harness) -> None:
    welcome = harness.one(control.Hello(control.OLDEST))
    assert isinstance(welcome, control.Welcome)
    assert welcome.version == control.OLDEST


def test_far_ends_are_told_the_advertised_address(harness: Harness) -> None:
    reserved = harness.one(Reserve("call", (LegRequest(0), LegRequest(1, "other"), LegRequest(2, "main", 2))))
    assert [(lent.leg, lent.medium, lent.address) for lent in reserved.lent] == [
        (0, 0, "192.0.2.1"), (1, 0, "2001:db8::1"), (2, 0, "192.0.2.1"), (2, 1, "192.0.2.1"),
    ]  # fmt: skip
    assert all(lent.rtcp_port == lent.port + 1 for lent in reserved.lent)
    assert ("::1", reserved.lent[1].port, 0, 0) in harness.form.ports


def test_two_interfaces_of_one_address_share_its_ports() -> None:
    harness = Harness(MAIN, Interface("nat", "127.0.0.1", "203.0.113.5"))
    reserved = harness.one(Reserve("call", (LegRequest(0, "main"), LegRequest(1, "nat"))))
    assert [lent.address for lent in reserved.lent] == ["192.0.2.1", "203.0.113.5"]
    assert reserved.lent[0].port != reserved.lent[1].port


@pytest.mark.parametrize(
    "legs",
    [
        (LegRequest(0, "nowhere"),),
        (LegRequest(0, media=0),),
        (LegRequest(0, media=-1),),
        (LegRequest(0, media=MEDIA_LIMIT + 1),),
        (LegRequest(0, first_medium=-1),),
        (LegRequest(0, ports=(20000, 20002)),),
        (LegRequest(0, ports=(20001,)),),
        (LegRequest(0, ports=(99,)),),
        (LegRequest(0, ports=(20000,)), LegRequest(1, ports=(20000,))),
        tuple(LegRequest(leg) for leg in range(LEG_LIMIT + 1)),
    ],
)
def test_a_reserve_that_cannot_be_met(harness: Harness, legs: tuple[LegRequest, ...]) -> None:
    assert isinstance(harness.one(Reserve("call", legs)), control.Refused)
    assert harness.relay.ports_lent == 0
    assert harness.one(control.Inventory()).calls == ()
    assert harness.notes == ["reserve refused"]


def test_a_refused_addition_leaves_the_call_as_it_was(harness: Harness) -> None:
    before = harness.one(two_legs())
    refused = harness.one(Reserve("call", (LegRequest(0, first_medium=1), LegRequest(2, "nowhere"))))
    assert isinstance(refused, control.Refused)
    assert harness.one(two_legs()) == before
    assert harness.relay.ports_lent == 2


def test_reserving_again_lends_the_same(harness: Harness) -> None:
    assert harness.one(two_legs()) == harness.one(two_legs())
    assert harness.relay.ports_lent == 2


def test_commands_for_what_is_not_there_are_noted(harness: Harness) -> None:
    harness.do(Direct("never", 0, 0, "192.0.2.9", 4000, 4001))
    harness.do(Bridge("never", 0, 1))
    harness.one(two_legs())
    harness.do(Direct("call", 7, 0, "192.0.2.9", 4000, 4001))
    harness.do(Direct("call", 0, 7, "192.0.2.9", 4000, 4001))
    harness.do(Bridge("call", 0, 7))
    harness.do(Bridge("call", 0, 0))
    endpoint, legs = "no such endpoint", "no such legs"
    assert harness.notes == [endpoint, legs, endpoint, endpoint, legs, legs]
    assert harness.one(Query("never")) == control.Figures("never", ())
    assert harness.one(Release("call", (7,))) == control.Released("call", ())


def test_calls_outlive_their_owner_for_a_while(harness: Harness) -> None:
    harness.one(two_legs())
    harness.relay.lose(1, 100.0)
    assert harness.relay.next_deadline() == 130.0
    harness.relay.handle_deadline(129.9)
    assert harness.relay.ports_lent == 2
    harness.relay.handle_deadline(130.0)
    assert harness.relay.ports_lent == 0
    assert harness.relay.take_events() == []
    assert harness.relay.next_deadline() is None


def test_nobody_wakes_for_a_call_that_is_over() -> None:
    relay = (harness := Harness(MAIN, media_timeout=60.0)).relay
    for begun, call in ((0.0, "first"), (1.0, "second")):
        harness.one(Reserve(call, two_legs().legs), now=begun)
        harness.do(Bridge(call, 0, 1), now=begun)
    assert relay.next_deadline() == 60.0
    harness.one(Release("first"), now=2.0)
    assert relay.next_deadline() == 61.0
    harness.one(Release("second"), now=3.0)
    assert relay.next_deadline() is None


def test_of_an_endpoint_without_packets_the_figures_say_what_was_owed() -> None:
    harness = Harness(MAIN)
    harness.one(two_legs())
    harness.do(Direct("call", 0, 0, "192.0.2.9", 4000, 4001), now=1.0)
    harness.do(Bridge("call", 0, 1), now=2.0)
    owing, other = harness.one(Release("call"), now=5.5).streams
    assert (owing.heard_by, owing.owed, owing.silent, other.heard_by, other.owed) == (1, 3.5, 3.5, 0, 0.0)
    assert (owing.packets, owing.first_packet, owing.jitter, owing.payload_type, owing.far) == (0, -1.0, 0.0, -1, "")
    assert (owing.drops, owing.reported_jitter) == ((), -1.0)


@pytest.mark.parametrize("names_ports", [True, False])
def test_an_orphan_is_adopted_as_it_is(harness: Harness, names_ports: bool) -> None:
    reserved = harness.one(two_legs())
    ports = [lent.port for lent in reserved.lent]
    for leg in range(2):
        harness.do(Direct("call", leg, 0, "192.0.2.9", 4000 + 2 * leg, 4001, latch=False))
    harness.do(Bridge("call", 0, 1))
    local = ("127.0.0.1", ports[0])
    packet = bytes([0x80, 0]) + bytes(20)
    harness.form.deliver(packet, ("192.0.2.9", 4000), local, 50.0)
    harness.relay.lose(1, 100.0)
    harness.form.deliver(packet, ("192.0.2.9", 4000), local, 101.0)
    assert len(harness.form.sent) == 2  # media goes on
    assert harness.one(two_legs(*ports) if names_ports else two_legs(), owner=2) == reserved
    harness.relay.handle_deadline(200.0)
    figures = harness.one(Release("call"), owner=2).streams
    assert figures[0].packets == 2


def test_an_orphan_with_other_ports_is_not_adopted(harness: Harness) -> None:
    ports = [lent.port for lent in harness.one(two_legs()).lent]
    harness.relay.lose(1, 100.0)
    assert isinstance(harness.one(two_legs(ports[1], ports[0]), owner=2), control.Refused)


def test_a_call_of_another_connection_is_taken_over_only_by_its_ports(harness: Harness) -> None:
    reserved = harness.one(two_legs())
    assert isinstance(harness.one(two_legs(), owner=2), control.Refused)
    ports = [lent.port for lent in reserved.lent]
    assert harness.one(two_legs(*ports), owner=2) == reserved
    harness.relay.lose(1, 0.0)
    harness.relay.handle_deadline(1000.0)
    assert harness.relay.ports_lent == 2


def test_silence_of_an_orphan_is_told_to_nobody() -> None:
    harness = Harness(media_timeout=5.0, orphan_time=60.0)
    harness.one(two_legs())
    harness.do(Direct("call", 0, 0, "192.0.2.9", 4000, 4001))
    harness.do(Bridge("call", 0, 1))
    harness.relay.lose(1, 0.0)
    harness.relay.handle_deadline(6.0)
    assert harness.relay.take_events() == []
    assert "no media" in harness.notes


def test_an_inventory_of_many_calls_comes_in_parts(harness: Harness) -> None:
    harness = Harness(last_port=20999, first_port=16000)
    for number in range(CALLS_IN_HOLDINGS + 1):
        harness.one(Reserve(f"call-{number}", (LegRequest(0),)))
    first, second = (event for _, event in harness.do(control.Inventory()))
    assert isinstance(first, control.Holdings) and isinstance(second, control.Holdings)
    assert (len(first.calls), first.more) == (CALLS_IN_HOLDINGS, True)
    assert (len(second.calls), second.more) == (1, False)
    assert first.ports_lent == CALLS_IN_HOLDINGS + 1


def quiet(*ports: int, call: str = "call") -> Reserve:
    return Reserve(call, tuple(LegRequest(leg, ports=(port,)) for leg, port in enumerate(ports)), quiet=True)


def test_a_lease_is_for_one_connection(harness: Harness) -> None:
    leased = harness.one(control.Lease("other", 4))
    assert leased == control.Leased("other", "2001:db8::1", (20000, 20002, 20004, 20006), 5.0)
    assert harness.one(control.Lease("other", 2), owner=2).ports == (20008, 20010)
    assert harness.one(control.Inventory()).ports_leased == 6
    assert harness.relay.ports_lent == 0
    wrong = Reserve("call", (LegRequest(0, "other", ports=(20000,)),), quiet=True)
    assert isinstance(harness.one(wrong, owner=2), control.Refused)
    assert isinstance(harness.one(replace_quiet(wrong, False), owner=2), control.Refused)
    assert harness.do(wrong) == []


def replace_quiet(command: Reserve, quiet: bool) -> Reserve:
    return Reserve(command.call, command.legs, quiet)


def test_a_quiet_reserve_is_not_answered_and_its_ports_stay_leased(harness: Harness) -> None:
    a, b = harness.one(control.Lease("", 2)).ports
    assert harness.do(quiet(a, b)) == []
    assert harness.do(quiet(a, b)) == []  # as it was
    assert harness.relay.ports_lent == 2
    released = harness.one(Release("call"), now=1.0)
    assert [stream.leg for stream in released.streams] == [0, 1]
    assert harness.one(control.Inventory()).ports_leased == 2
    assert harness.do(quiet(b, a, call="next"), now=1.0) == []  # the lessee minds their rest


@pytest.mark.parametrize("port", [20900, 20000])
def test_a_quiet_reserve_of_what_is_not_leased_is_refused(harness: Harness, port: int) -> None:
    harness.one(Reserve("other", (LegRequest(0, ports=(20000,)),)))
    assert isinstance(harness.one(quiet(port)), control.Refused)
    assert isinstance(harness.one(Reserve("call", (LegRequest(0),), quiet=True)), control.Refused)
    assert harness.one(control.Inventory()).calls == ("other",)


def test_a_quiet_reserve_that_is_refused_leaves_the_lease_as_it_was(harness: Harness) -> None:
    (port,) = harness.one(control.Lease("", 1)).ports
    assert isinstance(harness.one(quiet(port, 20900)), control.Refused)
    assert (harness.relay.ports_lent, harness.one(control.Inventory()).ports_leased) == (0, 1)
    assert harness.do(quiet(port)) == []


def test_a_leased_port_that_is_asked_for_by_name_leaves_its_lease(harness: Harness) -> None:
    (port,) = harness.one(control.Lease("", 1)).ports
    assert isinstance(harness.one(Reserve("call", (LegRequest(0, ports=(port,)),))), control.Reserved)
    harness.one(Release("call"))
    holdings = harness.one(control.Inventory())
    assert (holdings.ports_leased, holdings.ports_resting) == (0, 1)


def test_leased_pairs_are_never_lent_to_others(harness: Harness) -> None:
    harness = Harness(MAIN, first_port=20000, last_port=20039)
    leased = set(harness.one(control.Lease("", 100)).ports)
    assert len(leased) == 15  # three quarters of what no call has
    assert isinstance(harness.one(control.Lease("", 100)), control.Refused)
    lent = harness.one(Reserve("call", tuple(LegRequest(leg) for leg in range(5)))).lent
    assert not leased & {one.port for one in lent}
    assert isinstance(harness.one(Reserve("call", (LegRequest(5),))), control.Refused)


def test_what_arrives_at_a_leased_port_is_dropped(harness: Harness) -> None:
    (port,) = harness.one(control.Lease("", 1)).ports
    packet = bytes([0x80, 0]) + bytes(20)
    assert harness.form.deliver(packet, ("192.0.2.9", 4000), ("127.0.0.1", port), 1.0)
    harness.do(quiet(port))
    (figures,) = harness.one(Query("call")).streams
    assert (figures.packets, figures.strangers) == (0, 0)


def test_returned_pairs_are_free_and_only_those_of_the_lessee(harness: Harness) -> None:
    a, b = harness.one(control.Lease("", 2)).ports
    harness.do(quiet(a))
    harness.do(control.Return("", (a, b)), owner=2)
    assert harness.one(control.Inventory()).ports_leased == 1
    free = harness.one(control.Inventory()).ports_free
    harness.do(control.Return("", (a, b, 99)))
    holdings = harness.one(control.Inventory())
    assert (holdings.ports_leased, holdings.ports_free, holdings.ports_lent) == (0, free + 1, 1)
    harness.do(control.Return("nowhere", (a,)))
    assert harness.notes == ["return refused"]
    assert isinstance(harness.one(control.Lease("nowhere", 1)), control.Refused)


def test_with_the_connection_its_leases_end_and_its_calls_go_on(harness: Harness) -> None:
    a, b, _ = harness.one(control.Lease("", 3)).ports
    harness.do(quiet(a, b))
    harness.relay.lose(1, 100.0)
    holdings = harness.one(control.Inventory(), owner=2)
    assert (holdings.ports_lent, holdings.ports_leased, holdings.ports_resting) == (2, 0, 1)
    assert isinstance(harness.one(two_legs(a, b), owner=2, now=101.0), control.Reserved)
    harness.one(Release("call"), owner=2, now=102.0)
    holdings = harness.one(control.Inventory(), owner=2)
    assert (holdings.ports_lent, holdings.ports_leased, holdings.ports_resting) == (0, 0, 3)


def test_a_call_that_is_taken_over_takes_its_ports_out_of_the_lease(harness: Harness) -> None:
    a, b = harness.one(control.Lease("", 2)).ports
    harness.do(quiet(a, b))
    assert isinstance(harness.one(two_legs(a, b), owner=2), control.Reserved)
    harness.one(Release("call"), owner=2)
    assert harness.one(control.Inventory()).ports_leased == 0


def test_the_form_is_told_of_confirmed_flows_and_only_of_those(harness: Harness) -> None:
    ports = [lent.port for lent in harness.one(two_legs()).lent]
    for leg in range(2):
        harness.do(Direct("call", leg, 0, "192.0.2.9", 4000 + 2 * leg, 4001, latch=False))
    harness.do(Bridge("call", 0, 1))
    assert harness.form.flows == {}
    packet = bytes([0x80, 0]) + bytes(20)
    harness.form.deliver(packet, ("192.0.2.9", 4000), ("127.0.0.1", ports[0]), 1.0)
    (flow,) = harness.form.flows.values()
    assert (flow.source, flow.destination, flow.exit.port.number, flow.unread) == (
        ("192.0.2.9", 4000), ("192.0.2.9", 4002), ports[1], False,
    )  # fmt: skip
    harness.do(Direct("call", 1, 0, "192.0.2.9", 6000, 6001, latch=False))
    assert harness.form.flows[ports[0]].destination == ("192.0.2.9", 6000)
    harness.do(Bridge("call", 0, 1, a_to_b=False))
    assert harness.form.flows == {}
    harness.do(Bridge("call", 0, 1))
    assert list(harness.form.flows) == [ports[0]]
    harness.one(Release("call"))
    assert harness.form.flows == {}


@pytest.mark.parametrize(
    ("interfaces", "settings", "words"),
    [
        ((), {}, "no interface"),
        ((MAIN, MAIN), {}, "twice"),
        ((Interface("main", "localhost", "127.0.0.1"),), {}, "localhost"),
        ((Interface("main", "127.0.0.1", "example.org"),), {}, "example.org"),
        ((MAIN,), {"first_port": 80}, "1024"),
        ((MAIN,), {"last_port": 70000}, "65535"),
        ((MAIN,), {"first_port": 20001, "last_port": 20002}, "no even port"),
    ],
)
def test_settings_that_make_no_sense(
    interfaces: tuple[Interface, ...], settings: dict[str, Any], words: str
) -> None:
    chosen = replace(Settings(first_port=20000, last_port=20999), **settings)
    with pytest.raises(StartError, match=words):
        Relay(MemoryForm(), interfaces, chosen)


def test_a_range_that_others_hold_is_an_error_at_the_start() -> None:
    taken = frozenset(range(20000, 20020))
    relay = Relay(MemoryForm(taken=taken), [MAIN], Settings(20000, 20019))
    with pytest.raises(StartError, match="20000 and 20019"):
        relay.open(256)


def test_it_grows_before_it_must(harness: Harness) -> None:
    harness.relay.open(1)
    assert harness.relay.wants_growth
    for _ in range(10):
        harness.relay.grow()
    assert not harness.relay.wants_growth


def test_close_leaves_no_port_open(harness: Harness) -> None:
    harness.one(two_legs())
    harness.relay.close()
    assert harness.form.ports == {}
    assert harness.relay.next_deadline() is None
