"""A farm of pretended rtpengines, without a network between: what the core says, and what it hears."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtp_relay import control
from rtp_relay.control import (
    Bridge,
    Direct,
    LegRequest,
    Query,
    Refused,
    Release,
    Released,
    Reserve,
    Reserved,
    Silent,
)
from rtp_relay.ng.call import Interfaces
from rtp_relay.ng.farm import Farm
from rtp_relay.ng.node import Address
from tests.rtp_relay.ng.puppet import Puppet

TIMEOUT = 20.0


class World:
    """Nodes with a puppet behind each; a dead one hears nothing. Time goes from deadline to deadline."""

    def __init__(
        self, nodes: int = 2, weights: Sequence[float] = (1.0, 1.0, 1.0), names: Interfaces | None = None
    ) -> None:
        addresses = [Address("127.0.0.1", 2223 + number, weights[number]) for number in range(nodes)]
        self.farm = Farm(addresses, names or Interfaces(), TIMEOUT, "test")
        self.puppets = [Puppet(f"203.0.113.{number}", 30000 + 1000 * number) for number in range(nodes)]
        self.dead: set[int] = set()
        self.heard: list[control.Event] = []
        self.now = 0.0
        self.farm.expire(self.now)
        self.settle()

    def settle(self) -> None:
        """Until nobody has anything to say."""
        while any(node.outbox for node in self.farm.nodes):
            for number, node in enumerate(self.farm.nodes):
                outbox, node.outbox = node.outbox, []
                for datagram in outbox:
                    if number not in self.dead:
                        node.hear(self.puppets[number].answer(datagram), self.now)
        self.heard += self.farm.take_events()

    def say(self, *commands: control.Command) -> list[control.Event]:
        before = len(self.heard)
        self.farm.obey(commands, self.now)
        self.settle()
        return self.heard[before:]

    def wait(self, seconds: float) -> list[control.Event]:
        before, until = len(self.heard), self.now + seconds
        while self.farm.deadline <= until:
            self.now = max(self.now, self.farm.deadline)
            self.farm.expire(self.now)
            self.settle()
        self.now = until
        return self.heard[before:]

    def holder(self, call: str) -> int:
        return next(number for number, puppet in enumerate(self.puppets) if call in puppet.calls)


def reserve(call: str = "call", legs: Sequence[int] = (0, 1, 2), media: int = 1) -> Reserve:
    return Reserve(call, tuple(LegRequest(leg, media=media) for leg in legs))


def direct(leg: int, call: str = "call", **changes: object) -> Direct:
    port = 4000 + 10 * leg
    return Direct(**{  # type: ignore[arg-type]
        "call": call, "leg": leg, "medium": 0, "address": "192.0.2.1", "port": port, "rtcp_port": port + 1, **changes,
    })  # fmt: skip


def connect(world: World, a: int = 0, b: int = 1) -> None:
    world.say(direct(a), direct(b), Bridge("call", a, b))


def ports(events: Sequence[control.Event]) -> dict[int, int]:
    (reserved,) = events
    assert isinstance(reserved, Reserved)
    return {lent.leg: lent.port for lent in reserved.lent}


# A call.


def test_every_leg_is_lent_ports_of_its_own() -> None:
    world = World(1)
    lent = ports(world.say(reserve()))
    assert sorted(lent) == [0, 1, 2]
    assert len(set(lent.values())) == 3


def test_the_address_is_the_one_that_rtpengine_tells() -> None:
    world = World(1)
    (reserved,) = world.say(reserve())
    assert isinstance(reserved, Reserved)
    assert {(one.address, one.rtcp_port - one.port) for one in reserved.lent} == {("203.0.113.0", 1)}


def test_nothing_is_forwarded_before_a_bridge() -> None:
    world = World(1)
    world.say(reserve())
    world.say(direct(0), direct(1))
    call = world.puppets[0].calls["call"]
    assert all(call.hears(tag) == "" for tag in call.tags)


def test_a_bridge_joins_two_legs_at_their_far_ends() -> None:
    world = World(1)
    lent = ports(world.say(reserve()))
    connect(world)
    call = world.puppets[0].calls["call"]
    assert (call.hears("0"), call.hears("1")) == ("1", "0")
    assert (call.tags["0"].far, call.tags["1"].far) == ([("192.0.2.1", 4000)], [("192.0.2.1", 4010)])
    assert [call.tags[str(leg)].ports[0] for leg in (0, 1, 2)] == [lent[0], lent[1], lent[2]]


def test_legs_that_are_not_in_the_bridge_are_not_heard() -> None:
    world = World(1)
    world.say(reserve())
    connect(world)
    assert "2" in world.puppets[0].calls["call"].blocked


@pytest.mark.parametrize(("a_to_b", "b_to_a"), [(False, True), (True, False), (False, False)])
def test_a_direction_that_is_closed_is_not_heard(a_to_b: bool, b_to_a: bool) -> None:
    world = World(1)
    world.say(reserve())
    world.say(direct(0), direct(1), Bridge("call", 0, 1, a_to_b, b_to_a))
    call = world.puppets[0].calls["call"]
    assert (call.hears("1") == "0", call.hears("0") == "1") == (a_to_b, b_to_a)
    world.say(Bridge("call", 0, 1))
    assert (call.hears("0"), call.hears("1")) == ("1", "0")


def test_another_bridge_takes_the_place_of_the_first() -> None:
    world = World(1)
    world.say(reserve())
    world.say(direct(0), direct(1), Bridge("call", 0, 1, a_to_b=False))
    world.say(direct(2), Bridge("call", 0, 2))
    call = world.puppets[0].calls["call"]
    assert (call.hears("0"), call.hears("2")) == ("2", "0")
    assert call.blocked == {"1"}


def test_a_bridge_waits_until_both_far_ends_are_known() -> None:
    world = World(1)
    world.say(reserve())
    world.say(Bridge("call", 0, 1), direct(0))
    assert world.puppets[0].calls["call"].hears("0") == ""
    world.say(direct(1))
    assert world.puppets[0].calls["call"].hears("0") == "1"


def test_what_is_said_twice_is_told_once() -> None:
    world = World(1)
    world.say(reserve())
    connect(world)
    told = len(world.puppets[0].commands)
    connect(world)
    assert len(world.puppets[0].commands) == told


def test_a_far_end_that_moves_is_told() -> None:
    world = World(1)
    lent = ports(world.say(reserve()))
    connect(world)
    assert world.say(direct(1, port=7000, relatch=True)) == []
    call = world.puppets[0].calls["call"]
    assert call.tags["1"].far == [("192.0.2.1", 7000)]
    assert call.tags["1"].ports == [lent[1]]


def test_losers_give_their_ports_back_and_the_call_goes_on() -> None:
    world = World(1)
    world.say(reserve())
    connect(world)
    (released,) = world.say(Release("call", (2,)))
    assert isinstance(released, Released)
    call = world.puppets[0].calls["call"]
    assert sorted(call.tags) == ["0", "1"]
    assert call.hears("0") == "1"


def test_the_end_tells_what_was_counted() -> None:
    world = World(1)
    world.say(reserve(legs=(0, 1)))
    connect(world)
    world.puppets[0].calls["call"].tags["0"].packets = 50
    (released,) = world.say(Release("call"))
    assert isinstance(released, Released)
    counted = {one.leg: (one.packets, one.sent_packets, one.far) for one in released.streams}
    assert counted == {0: (50, 0, "192.0.2.1:4000"), 1: (0, 50, "")}
    assert world.puppets[0].calls == {}
    assert world.farm.nodes[0].calls == 0


def test_figures_of_a_running_call() -> None:
    world = World(1)
    world.say(reserve(legs=(0, 1)))
    (figures,) = world.say(Query("call"))
    assert isinstance(figures, control.Figures)
    assert [one.leg for one in figures.streams] == [0, 1]
    assert world.say(Query("another")) == [control.Figures("another", ())]


def test_a_medium_more_leaves_the_ports_of_the_others() -> None:
    world = World(1)
    lent = ports(world.say(reserve(legs=(0, 1))))
    connect(world)
    (more,) = world.say(Reserve("call", (LegRequest(0, "", 1, (), 1), LegRequest(1, "", 1, (), 1))))
    assert isinstance(more, Reserved)
    assert {(one.leg, one.medium) for one in more.lent} == {(0, 1), (1, 1)}
    call = world.puppets[0].calls["call"]
    assert [call.tags[leg].ports[0] for leg in ("0", "1")] == [lent[0], lent[1]]
    assert (call.hears("0"), call.hears("1")) == ("1", "0")


def test_legs_of_a_later_step_get_ports_and_the_caller_keeps_his() -> None:
    world = World(1)
    lent = ports(world.say(reserve(legs=(0, 1))))
    world.say(Release("call", (1,)))
    later = ports(world.say(reserve(legs=(2, 3))))
    assert sorted(later) == [2, 3]
    connect(world, 0, 3)
    assert world.puppets[0].calls["call"].tags["0"].ports == [lent[0]]
    assert world.puppets[0].calls["call"].hears("0") == "3"


def test_a_caller_alone_is_lent_ports() -> None:
    world = World(1)
    assert sorted(ports(world.say(reserve(legs=(0,))))) == [0]


def test_legs_are_at_the_interfaces_that_they_name() -> None:
    world = World(1, names=Interfaces((("inside", False), ("outside", True))))
    world.say(Reserve("call", (LegRequest(0), LegRequest(1, "outside"))))
    offer = world.puppets[0].requests[0]
    assert offer["direction"] == ["inside", "outside"]
    assert "IN IP6 ::1" in str(world.puppets[0].requests[2]["sdp"])  # the placeholder of the answer


def test_ports_that_were_moved_end_the_media() -> None:
    world = World(1)
    world.say(reserve(legs=(0, 1)))
    world.puppets[0].calls["call"].tags["1"].ports = [39998]
    world.say(direct(0), direct(1), Bridge("call", 0, 1))
    assert world.heard[-1] == Refused("call", "rtpengine has moved the ports")


# What rtpengine is not asked for.


def test_what_only_our_relay_does_is_refused_at_once() -> None:
    world = World(1)
    world.say(reserve())
    told = world.say(
        control.Play("call", 0, 0, 7, control.CountryTone()),
        control.SendDigits("call", 1, 0, 101, "123"),
        control.Record("call", 0, "/there.wav"),
        control.Listen("call", 0, (101,)),
    )
    assert [type(event) for event in told] == [control.Played, control.DigitsSent, control.Recorded]
    for event in told:
        assert isinstance(event, control.Played | control.DigitsSent | control.Recorded)
        assert event.reason == "failed"
        assert "rtpengine" in event.trouble


def test_named_ports_of_a_call_that_is_not_known_are_refused() -> None:
    world = World(1)
    (refused,) = world.say(Reserve("call", (LegRequest(0, "", 1, (30000,)),)))
    assert isinstance(refused, Refused)


def test_a_call_that_rtpengine_still_has_is_taken_up_again() -> None:
    world = World(1)
    lent = ports(world.say(reserve(legs=(0, 1))))
    connect(world)
    again = world.say(
        Reserve("call", tuple(LegRequest(leg, "", 1, (port,)) for leg, port in lent.items())),
        direct(0), direct(1), Bridge("call", 0, 1),
    )  # fmt: skip
    assert ports(again) == lent


# Several nodes.


def test_calls_are_spread_over_the_nodes() -> None:
    world = World(2)
    for number in range(20):
        world.say(reserve(f"call-{number}", (0, 1)))
    assert [len(puppet.calls) for puppet in world.puppets] == [10, 10]


def test_weights_are_kept() -> None:
    world = World(3, (1.0, 2.0, 1.0))
    for number in range(40):
        world.say(reserve(f"call-{number}", (0, 1)))
    assert [len(puppet.calls) for puppet in world.puppets] == [10, 20, 10]


def test_the_next_call_goes_to_the_other_node_when_one_has_died() -> None:
    world = World(2)
    world.dead.add(0)
    assert all(isinstance(world.say(reserve(f"early-{n}", (0, 1)))[:1], list) for n in range(2))
    world.wait(3.0)
    assert [node.is_alive for node in world.farm.nodes] == [False, True]
    for number in range(4):
        assert ports(world.say(reserve(f"late-{number}", (0, 1))))
    assert all(f"late-{number}" in world.puppets[1].calls for number in range(4))


def test_a_call_that_a_dying_node_was_asked_for_goes_to_the_other() -> None:
    world = World(2)
    world.say(reserve("first", (0, 1)))
    other = 1 - world.holder("first")
    world.dead.add(other)
    assert world.say(reserve("second", (0, 1))) == []
    (reserved,) = world.wait(2.0)
    assert isinstance(reserved, Reserved)
    assert reserved.call == "second" and "second" in world.puppets[1 - other].calls
    world.say(direct(0, "second"), direct(1, "second"), Bridge("second", 0, 1))
    assert world.puppets[1 - other].calls["second"].hears("0") == "1"


@pytest.mark.parametrize("reason", ["Ran out of ports", "Parallel session limit reached (100)"])
def test_a_node_that_will_not_have_a_call_is_left_out(reason: str) -> None:
    world = World(2)
    world.say(reserve("first", (0, 1)))
    other = 1 - world.holder("first")
    world.puppets[other].refuses["offer"] = reason
    assert ports(world.say(reserve("second", (0, 1))))
    assert "second" in world.puppets[1 - other].calls


def test_a_call_that_no_node_will_have_is_refused_with_the_last_reason() -> None:
    world = World(2)
    for puppet in world.puppets:
        puppet.refuses["offer"] = "Ran out of ports"
    assert world.say(reserve()) == [Refused("call", "Ran out of ports")]
    assert [node.calls for node in world.farm.nodes] == [0, 0]
    assert world.say(Release("call")) == [Released("call", ())]


def test_without_a_node_that_answers_calls_are_refused() -> None:
    world = World(2)
    world.dead |= {0, 1}
    world.wait(5.0)
    assert not world.farm.is_alive
    assert world.say(reserve()) == [Refused("call", "no rtpengine answers")]


def test_the_end_of_a_call_at_a_dead_node_waits_for_nobody() -> None:
    world = World(1)
    world.say(reserve())
    world.dead.add(0)
    world.wait(3.0)
    assert world.say(Release("call")) == [Released("call", ())]
    assert world.farm.nodes[0].calls == 0


# Silence.


def test_a_call_without_a_packet_is_silent_after_the_timeout() -> None:
    world = World(1)
    world.say(reserve(legs=(0, 1)))
    connect(world)
    tag = world.puppets[0].calls["call"].tags["0"]
    for _ in range(3):
        tag.packets += 1
        assert world.wait(TIMEOUT / 2) == []
    silent = world.wait(2 * TIMEOUT)
    assert silent and isinstance(silent[0], Silent)
    assert TIMEOUT <= silent[0].seconds < 1.5 * TIMEOUT


def test_who_is_held_owes_nothing() -> None:
    world = World(1)
    world.say(reserve(legs=(0, 1)))
    connect(world)
    world.say(direct(0, due=False), direct(1, due=False))
    assert world.wait(3 * TIMEOUT) == []


def test_a_call_that_rtpengine_has_forgotten_is_lost_at_the_next_look() -> None:
    world = World(1)
    world.say(reserve(legs=(0, 1)))
    connect(world)
    world.puppets[0].calls.clear()
    (lost,) = world.wait(TIMEOUT / 2)
    assert lost == Refused("call", "Unknown call-id")


def test_a_node_that_is_away_for_a_moment_ends_nothing() -> None:
    world = World(1)
    world.say(reserve(legs=(0, 1)))
    connect(world)
    world.dead.add(0)
    assert world.wait(TIMEOUT / 2) == []
    world.dead.clear()
    world.puppets[0].calls["call"].tags["0"].packets += 1
    assert world.wait(TIMEOUT / 2) == []


def test_calls_are_looked_at_one_after_the_other() -> None:
    world = World(1)
    for number in range(100):
        name = f"call-{number}"
        world.say(reserve(name, (0, 1)), direct(0, name), direct(1, name), Bridge(name, 0, 1))
    world.puppets[0].commands.clear()
    most, until = 0, world.now + TIMEOUT / 4
    while world.now < until:
        before = world.puppets[0].commands.count("query")
        world.wait(world.farm.deadline - world.now)
        most = max(most, world.puppets[0].commands.count("query") - before)
    assert world.puppets[0].commands.count("query") >= 99
    assert most <= 2


@given(st.lists(st.sampled_from(["reserve", "more", "direct", "bridge", "swap", "lose", "query", "end", "wait", "die"]),
                max_size=14))  # fmt: skip
def test_whatever_is_said_every_reserve_and_every_end_is_answered(said: list[str]) -> None:
    world = World(2)
    reserves = ends = 0
    for what in said:
        match what:
            case "reserve":
                world.say(reserve())
                reserves += 1
            case "more":
                world.say(reserve(legs=(3, 4)))
                reserves += 1
            case "direct":
                world.say(direct(0), direct(1), direct(3))
            case "bridge":
                world.say(Bridge("call", 0, 1))
            case "swap":
                world.say(Bridge("call", 0, 3, a_to_b=False))
            case "lose":
                world.say(Release("call", (2, 4)))
            case "query":
                world.say(Query("call"))
            case "end":
                world.say(Release("call"))
                ends += 1
            case "wait":
                world.wait(1.5)
            case "die":
                world.dead ^= {0}
    world.say(Release("call"))
    world.dead.clear()
    world.wait(10.0)
    answered = [event for event in world.heard if isinstance(event, Reserved | Refused)]
    released = [event for event in world.heard if isinstance(event, Released)]
    assert len(answered) >= min(reserves, 1)
    assert len(released) >= ends + 1
    assert [node.calls for node in world.farm.nodes] == [0, 0]
    assert world.puppets[1].calls == {}
