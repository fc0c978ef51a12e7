"""What the client settles with leased ports, and what it leaves to the relay; then both together."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from rtp_relay import control
from rtp_relay.control import Bridge, Command, Direct, LegRequest, Query, Release, Released, Reserve, Reserved
from rtp_relay.form import Interface
from rtp_relay.forms.memory import MemoryForm
from rtp_relay.leases import Leases
from rtp_relay.relay import Relay, Settings
from rtp_relay.stock import FIRST_BATCH

REST = 5.0
HOST = "192.0.2.1"


def stocked(pairs: int = 8, interfaces: tuple[str, ...] = ("main",)) -> Leases:
    leases = Leases(interfaces)
    leases.mind_stocks(0.0)
    assert leases.take_commands() == [control.Lease(name, FIRST_BATCH) for name in interfaces]
    assert not leases.is_stocked
    for number, name in enumerate(interfaces):
        ports = tuple(range(20000 + 1000 * number, 20000 + 1000 * number + 2 * pairs, 2))
        assert leases.hear(control.Leased(name, HOST, ports, REST), 0.0) is None
    for _ in leases.take_commands():
        assert leases.hear(control.Refused("", "no more"), 0.0) is None
    leases.take_commands()
    assert leases.is_stocked
    return leases


def say(
    leases: Leases, *commands: control.Command, now: float = 0.0
) -> tuple[list[control.Command], list[control.Event]]:
    leases.obey(commands, now)
    return leases.take_commands(), leases.take_answers()


def legs(count: int, media: int = 1) -> tuple[LegRequest, ...]:
    return tuple(LegRequest(leg, media=media) for leg in range(count))


def direct(leg: int, call: str = "call") -> Direct:
    return Direct(call, leg, 0, "192.0.2.9", 4000, 4001)


def test_a_reserve_is_answered_without_a_word_to_the_relay() -> None:
    sent, answers = say(stocked(), Reserve("call", legs(2, media=2)))
    assert sent == []
    assert answers == [
        Reserved(
            "call",
            tuple(
                control.Lent(leg, medium, HOST, 20000 + 4 * leg + 2 * medium, 20001 + 4 * leg + 2 * medium)
                for leg in range(2)
                for medium in range(2)
            ),
        )
    ]


def test_the_relay_hears_of_the_legs_that_something_is_asked_of() -> None:
    leases = stocked()
    say(leases, Reserve("call", legs(4)))
    asked: list[Command] = [direct(0), direct(2), Bridge("call", 0, 2)]
    sent, answers = say(leases, *asked, Release("call", (1, 3)))
    quiet = Reserve("call", (LegRequest(0, ports=(20000,)), LegRequest(2, ports=(20004,))), quiet=True)
    assert (sent, answers) == ([quiet, *asked], [])
    assert say(leases, direct(0)) == ([direct(0)], [])  # said once


def test_a_bridge_alone_introduces_both_legs() -> None:
    leases = stocked()
    say(leases, Reserve("call", legs(2)))
    (quiet, bridge), _ = say(leases, Bridge("call", 0, 1))
    assert isinstance(quiet, Reserve) and quiet.quiet and len(quiet.legs) == 2
    assert bridge == Bridge("call", 0, 1)


def test_introductions_of_several_calls_in_a_packet_stay_apart() -> None:
    leases = stocked()
    say(leases, Reserve("a", legs(1)), Reserve("b", legs(1)))
    sent, _ = say(leases, direct(0, "a"), direct(0, "b"))
    assert sent == [
        Reserve("a", (LegRequest(0, ports=(20000,)),), quiet=True),
        direct(0, "a"),
        Reserve("b", (LegRequest(0, ports=(20002,)),), quiet=True),
        direct(0, "b"),
    ]


def test_a_call_that_the_relay_never_heard_of_ends_here() -> None:
    leases = stocked(pairs=1)
    say(leases, Reserve("call", legs(1)))
    assert say(leases, Query("call")) == ([], [control.Figures("call", ())])
    assert say(leases, Release("call"), now=1.0) == ([], [Released("call", ())])
    _, answers = say(leases, Reserve("next", legs(1)), now=1.0 + REST - 0.1)
    assert answers == []
    _, answers = say(leases, Reserve("next but one", legs(1)), now=1.0 + REST)
    assert len(answers) == 1


def test_ports_that_the_relay_knew_rest_from_when_it_has_let_them_go() -> None:
    leases = stocked(pairs=1)
    say(leases, Reserve("call", legs(1)), direct(0))
    assert say(leases, Query("call")) == ([Query("call")], [])
    assert say(leases, Release("call"), now=1.0) == ([Release("call")], [])
    assert leases.hear(Released("call", ()), 2.0) == Released("call", ())
    assert say(leases, Reserve("a", legs(1)), now=1.5 + REST)[1] == []
    assert len(say(leases, Reserve("b", legs(1)), now=2.0 + REST)[1]) == 1


def test_of_legs_released_only_those_that_it_knows_are_told_to_the_relay() -> None:
    leases = stocked()
    say(leases, Reserve("call", legs(4)), direct(1))
    assert say(leases, Release("call", (1, 2))) == ([Release("call", (1,))], [])
    assert say(leases, Release("call", (3,))) == ([], [])
    assert say(leases, Release("call")) == ([Release("call")], [])


def test_a_call_whose_legs_were_all_released_is_forgotten() -> None:
    leases = stocked()
    say(leases, Reserve("call", legs(2)))
    say(leases, Release("call", (0, 1)))
    assert leases._calls == {}
    assert say(leases, Release("call")) == ([Release("call")], [])  # the relay answers for what nobody knows


def test_more_media_for_a_leg_come_from_the_stock_and_are_introduced_too() -> None:
    leases = stocked()
    say(leases, Reserve("call", legs(1)), direct(0))
    more = Reserve("call", (LegRequest(0, media=2, first_medium=1),))
    sent, (answer,) = say(leases, more)
    assert sent == []
    assert isinstance(answer, Reserved)
    assert [(lent.medium, lent.port) for lent in answer.lent] == [(1, 20002), (2, 20004)]
    sent, _ = say(leases, direct(0))
    assert sent == [Reserve("call", (LegRequest(0, "", 2, (20002, 20004), 1),), quiet=True), direct(0)]


def test_what_the_stock_cannot_meet_goes_to_the_relay_as_it_is() -> None:
    leases = stocked(pairs=3)
    wanted = Reserve("call", legs(4))
    sent, answers = say(leases, wanted)
    assert (sent, answers) == ([wanted], [])
    assert leases.hear(Reserved("call", ()), 0.0) == Reserved("call", ())
    more = Reserve("call", (LegRequest(9),))
    assert say(leases, more) == ([more], [])  # the relay has the call, so it goes on having it
    assert say(leases, direct(0)) == ([direct(0)], [])
    assert say(leases, Release("call")) == ([Release("call")], [])
    assert len(say(leases, Reserve("other", legs(3)))[1]) == 1  # nothing of the stock was kept


def test_more_media_than_the_stock_has_go_to_the_relay_after_the_leg() -> None:
    leases = stocked(pairs=1)
    say(leases, Reserve("call", legs(1)))
    more = Reserve("call", (LegRequest(0, first_medium=1),))
    sent, _ = say(leases, more)
    assert sent == [Reserve("call", (LegRequest(0, ports=(20000,)),), quiet=True), more]


def test_requests_that_make_no_sense_are_for_the_relay_to_refuse() -> None:
    for request in (
        LegRequest(0, "nowhere"),
        LegRequest(0, media=0),
        LegRequest(0, media=99),
        LegRequest(0, first_medium=3),
    ):
        leases = stocked()
        command = Reserve("call", (LegRequest(7), request))
        assert say(leases, command) == ([command], [])
        refused = control.Refused("call", "no")
        assert leases.hear(refused, 0.0) == refused
        assert leases._calls == {}
        assert len(say(leases, Reserve("other", legs(8)))[1]) == 1


def test_when_the_relay_has_nothing_either_a_rest_is_cut_short() -> None:
    leases = stocked(pairs=1)
    say(leases, Reserve("first", legs(1)), Release("first"))
    say(leases, Reserve("call", legs(1)), now=1.0)
    answer = leases.hear(control.Refused("call", "no free port"), 1.0)
    assert isinstance(answer, Reserved)
    assert answer.lent[0].port == 20000
    assert say(leases, Release("call"), now=2.0) == ([], [Released("call", ())])


def test_a_refused_introduction_is_told() -> None:
    leases = stocked()
    say(leases, Reserve("call", legs(1)), direct(0))
    refused = control.Refused("call", "port 20000 is not leased")
    assert leases.hear(refused, 0.0) == refused


def test_ports_asked_for_by_name_leave_the_stock() -> None:
    leases = stocked(pairs=3)
    restore = Reserve("call", (LegRequest(0, "main", 1, (20002,)),))
    assert say(leases, restore) == ([restore], [])
    _, (answer,) = say(leases, Reserve("other", legs(2)))
    assert isinstance(answer, Reserved)
    assert [lent.port for lent in answer.lent] == [20000, 20004]


def test_a_port_of_another_interface_is_given_back_when_asked_for_by_name() -> None:
    leases = stocked(interfaces=("main", "nat"))
    restore = Reserve("call", (LegRequest(0, "main", 1, (21000,)),))
    assert say(leases, restore) == ([control.Return("nat", (21000,)), restore], [])


def test_a_port_asked_for_by_name_while_a_lease_is_on_its_way_is_not_lent_again() -> None:
    leases = Leases(("main",))
    leases.mind_stocks(0.0)
    say(leases, Reserve("call", (LegRequest(0, "main", 1, (20000,)),)))
    leases.hear(control.Leased("main", HOST, (20000, 20002), REST), 0.0)
    assert control.Return("main", (20000,)) in leases.take_commands()
    _, (answer,) = say(leases, Reserve("other", legs(1)))
    assert isinstance(answer, Reserved)
    assert answer.lent[0].port == 20002


def test_each_interface_has_its_stock_and_the_first_is_the_usual_one() -> None:
    leases = stocked(interfaces=("main", "other"))
    _, (answer,) = say(
        leases, Reserve("call", (LegRequest(0, "other"), LegRequest(1), LegRequest(2, "main")))
    )
    assert isinstance(answer, Reserved)
    assert [lent.port for lent in answer.lent] == [21000, 20000, 20002]


def test_more_is_leased_before_the_stock_is_empty() -> None:
    leases = stocked(pairs=FIRST_BATCH)
    sent: list[control.Command] = []
    number = 0
    while not sent:
        number += 1
        sent, answers = say(leases, Reserve(f"call-{number}", legs(4)), now=10.0)
        assert len(answers) == 1
    assert sent == [control.Lease("main", 2 * FIRST_BATCH)]
    assert len(say(leases, Reserve("next", legs(4)), now=10.0)[1]) == 1


def test_without_interfaces_everything_is_for_the_relay() -> None:
    leases = Leases(())
    assert leases.is_stocked
    commands: list[Command] = [
        Reserve("call", legs(2)), direct(0), Query("call"), Release("call", (1,)), Release("call"),
    ]  # fmt: skip
    assert say(leases, *commands) == (commands, [])
    assert leases._calls == {}


STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["reserve", "more", "direct", "bridge", "drop", "end", "query", "wait", "flush", "name"]
        ),
        st.integers(0, 4),
        st.integers(0, 3),
    ),
    max_size=60,
)


class Both:
    """Leases and the relay's core with a queue each way, and an account of who was told which port."""

    def __init__(self, rest: float) -> None:
        self.notes: list[object] = []
        self.relay = Relay(
            MemoryForm(),
            [Interface("main", "127.0.0.1", HOST), Interface("nat", "127.0.0.1", "192.0.2.2")],
            Settings(20000, 20079, media_timeout=0.0, rest=rest),
            lambda event, **what: self.notes.append((event, what)),
        )
        self.leases = Leases(("main", "nat"))
        self.now = 0.0
        self.told: dict[tuple[str, int, int], int] = {}
        self.said: list[control.Command] = []
        self.leases.mind_stocks(0.0)
        self.flush()

    def flush(self) -> None:
        """Until nobody has anything to say."""
        self.leases.obey(self.said, self.now)
        self.said = []
        while True:
            for answer in self.leases.take_answers():
                self.note(answer)
            commands = self.leases.take_commands()
            if not commands:
                return
            for command in commands:
                self.relay.handle(command, 1, self.now)
            for _, event in self.relay.take_events():
                told = self.leases.hear(event, self.now)
                if told is not None:
                    self.note(told)

    def note(self, event: control.Event) -> None:
        if isinstance(event, Reserved):
            for lent in event.lent:
                assert lent.port not in self.told.values()
                self.told[event.call, lent.leg, lent.medium] = lent.port

    def forget(self, call: str, *gone: int) -> None:
        for key in [key for key in self.told if key[0] == call and (not gone or key[1] in gone)]:
            del self.told[key]

    def legs_of(self, call: str) -> dict[int, int]:
        media: dict[int, int] = {}
        for name, leg, _ in self.told:
            if name == call:
                media[leg] = media.get(leg, 0) + 1
        return media

    def step(self, what: str, number: int, leg: int) -> None:
        call = f"call-{number}"
        has = self.legs_of(call)
        match what:
            case "reserve":
                fresh = tuple(
                    LegRequest(one, "nat" if one == 3 else "") for one in range(leg + 1) if one not in has
                )
                self.flush()
                if fresh and not has:
                    self.said.append(Reserve(call, fresh))
                    self.flush()
            case "more" if leg in has:
                self.said.append(
                    Reserve(call, (LegRequest(leg, "nat" if leg == 3 else "", 1, (), has[leg]),))
                )
                self.flush()
            case "name" if not has:
                self.flush()
                port = 20000 + 2 * (5 * number + leg)
                self.said.append(Reserve(call, (LegRequest(0, ports=(port,)),)))
                self.notes.clear()
                self.flush()
                self.notes.clear()  # the port may well be lent
            case "direct" if leg in has:
                self.said.append(direct(leg, call))
            case "bridge" if leg in has and 0 in has and leg:
                self.said.append(Bridge(call, 0, leg))
            case "drop" if leg in has:
                self.said.append(Release(call, (leg,)))
                self.forget(call, leg)
            case "end":
                self.said.append(Release(call))
                self.forget(call)
            case "query":
                self.said.append(Query(call))
            case "wait":
                self.flush()
                self.now += leg
            case "flush":
                self.flush()

    def unexplained(self) -> list[object]:
        """Notes of what was asked of the relay in vain, but for want of ports."""
        return [note for note in self.notes if "no free port" not in str(note)]


@settings(max_examples=300, deadline=None)
@given(STEPS, st.sampled_from([0.0, 2.0]))
def test_whatever_happens_no_port_has_two_calls_and_every_port_comes_back(
    steps: list[tuple[str, int, int]], rest: float
) -> None:
    both = Both(rest)
    for step in steps:
        both.step(*step)
    both.flush()
    assert both.unexplained() == []
    both.said = [Release(f"call-{number}") for number in range(5)]
    both.flush()
    assert both.leases._calls == {}
    assert both.relay.ports_lent == 0
    both.relay.lose(1, both.now)
    both.relay.handle(control.Inventory(), 1, both.now + 100.0)
    ((_, holdings),) = both.relay.take_events()
    assert isinstance(holdings, control.Holdings)
    assert holdings.ports_leased == 0
    ports = [both.relay._interfaces.named("main")[1].lend(both.now + 100.0).number for _ in range(40)]
    assert len(set(ports)) == 40
