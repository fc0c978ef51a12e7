"""A bug in one call is the end of that call alone: 500 or BYE to all, its record and trace kept, nothing left."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from b2bua.calls import call as call_module
from b2bua.calls import fork as fork_module
from b2bua.calls.answering import Answering
from b2bua.calls.branch import Branch
from b2bua.calls.call import Call
from b2bua.calls.calling import Calling
from b2bua.calls.crossing import Crossing
from b2bua.calls.early import EarlyMediaPolicy
from b2bua.calls.fork import Fork
from b2bua.calls.identity import Identity
from b2bua.calls.lending import Lending
from b2bua.calls.media import Media
from b2bua.calls.offering import Offering
from b2bua.calls.record import CallOutcome, CallRecord
from b2bua.calls.switchboard import Switchboard
from sip_stack.flow import Flow
from sip_stack.session import Session
from tests.world.caller import TrunkCall
from tests.world.phone import Phone
from tests.world.world import World


class Planted(Exception):
    """The bug that a test puts in."""


def plant(
    monkeypatch: pytest.MonkeyPatch, where: type | object, name: str, *, times: int = 10**6, after: int = 0
) -> list[int]:
    """Make a method raise: `times` times, after it has done its work `after` times. The list counts."""
    works = getattr(where, name)
    raised: list[int] = []
    calls: list[int] = []

    def broken(*arguments: Any, **more: Any) -> Any:
        calls.append(1)
        if len(calls) <= after or len(raised) >= times:
            return works(*arguments, **more)
        raised.append(1)
        raise Planted(name)

    monkeypatch.setattr(where, name, broken)
    return raised


def board(world: World) -> Switchboard:
    assert isinstance(world.switchboard, Switchboard)
    return world.switchboard


def settle(world: World) -> CallRecord:
    """Let all run out: nothing may be left of a call that a bug has ended, and its record is there."""
    world.run_until_idle()
    assert board(world).failures, "the bug was not met"
    assert all("Planted" in failure.text for failure in board(world).failures), board(world).failures
    assert not world.untolerated(), world.ladder()
    left = [*board(world).leftovers(), *world.relay.leftovers()]
    left += [text for agent in world.agents for text in agent.unfinished()]
    assert not left, "\n".join([*left, world.ladder()])
    (record,) = world.records
    assert record.ended_at is not None and record.outcome is not None
    assert record.reason.startswith("internal error: ")
    assert record.trace and record.trace[0].data.startswith(b"INVITE ")
    return record


def still_takes_calls(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The switchboard lives: without the bug the next call is as any other."""
    monkeypatch.undo()
    board(world).failures.clear()
    world.records.clear()
    world.invites_heard.clear()
    for agent in world.agents:
        if isinstance(agent, Phone):
            agent.script.answers_after, agent.script.fails_after = 1.0, None
    caller = world.caller("next", host="198.51.100.77")
    call = caller.call()
    world.run_until(lambda: call.is_answered)
    world.run(1.0)
    call.hang_up()
    world.finish()
    assert world.records[0].outcome is CallOutcome.ANSWERED


# A bug, at each stage.

PREPARING: list[tuple[object, str]] = [
    (Answering, "read_offer"),
    (call_module, "refuse_too_small"),
    (Media, "reserve"),
    (Media, "accept"),
    (Fork, "ring"),
    (Branch, "schedule"),
    (Call, "offer_for"),
    (Identity, "from_value"),
]


@pytest.mark.parametrize(("where", "name"), PREPARING, ids=lambda value: getattr(value, "__name__", value))
def test_while_it_is_prepared(monkeypatch: pytest.MonkeyPatch, where: object, name: str) -> None:
    world = World()
    ana, ben = world.phone("ana"), world.phone("ben")
    plant(monkeypatch, where, name)
    call = world.caller().call()
    record = settle(world)
    assert call.status == 500
    assert not ana.was_rung and not ben.was_rung
    assert (record.outcome, record.ended_by) == (CallOutcome.FAILED, "service")
    assert name in record.reason
    still_takes_calls(world, monkeypatch)


def test_before_it_could_be_made_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no record of it, but an answer for the caller and a trace for the log."""
    world = World()
    world.phone("ana")
    plant(monkeypatch, Identity, "__init__")
    call = world.caller().call()
    world.run_until_idle()
    assert call.status == 500
    assert [failure.call for failure in board(world).failures] == [call.invite.call_id]
    assert board(world).leftovers() == [] and world.records == []
    still_takes_calls(world, monkeypatch)


def test_in_the_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    world.phone("ana")
    plant(monkeypatch, board(world).directory, "plan")
    call = world.caller().call()
    world.run_until_idle()
    assert (call.status, board(world).leftovers()) == (500, [])
    still_takes_calls(world, monkeypatch)


RINGING: list[tuple[object, str]] = [
    (Calling, "_try_again"),
    (EarlyMediaPolicy, "progressed"),
    (Fork, "progressed"),
    (Fork, "ended"),
    (Branch, "_close"),
]


@pytest.mark.parametrize(("where", "name"), RINGING, ids=lambda value: getattr(value, "__name__", value))
def test_while_it_rings(monkeypatch: pytest.MonkeyPatch, where: object, name: str) -> None:
    world = World()
    ana, _ben = world.phone("ana"), world.phone("ben", fails_after=1.0)
    plant(monkeypatch, where, name, times=1)
    call = world.caller().call()
    record = settle(world)
    assert call.status == 500
    assert ana.call.state in ("stopped", "failed") and not ana.call.rings_on
    assert record.outcome is CallOutcome.FAILED
    still_takes_calls(world, monkeypatch)


def test_when_ring_time_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    ana = world.phone("ana")
    plant(monkeypatch, Fork, "_ring_time_ended")
    call = world.caller().call()
    settle(world)
    assert call.status == 500 and ana.call.state == "stopped"


def test_when_the_relay_is_late(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    ana = world.phone("ana")
    world.relay.delay = 5.0

    def broken(*_: object) -> None:
        raise Planted("relay")

    monkeypatch.setattr(Lending, "_late", broken)
    call = world.caller().call()
    settle(world)
    assert call.status == 500 and not ana.was_rung


def test_where_a_name_was_found(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    ana = world.phone("ana", recipient={"uri": "sip:ana@phones.example"})
    world.names["phones.example"] = [Flow("UDP", "udp:192.0.2.1:5060", ana.address.host, 5060)]
    plant(monkeypatch, Branch, "located")
    call = world.caller().call()
    settle(world)
    assert call.status == 500


CONNECTING: list[tuple[object, str]] = [
    (Branch, "_on_answered"),
    (fork_module, "_usable_answer"),
    (Fork, "_stop_others"),
    (Call, "fork_won"),
    (Answering, "answer"),
    (Media, "direct"),
    (Media, "bridge"),
    (call_module, "agree_as_client"),
]


@pytest.mark.parametrize(("where", "name"), CONNECTING, ids=lambda value: getattr(value, "__name__", value))
def test_while_it_is_connected(monkeypatch: pytest.MonkeyPatch, where: object, name: str) -> None:
    """FRK-6: whatever fails behind the claim, the winner gets his BYE and the caller an end."""
    world = World()
    ana, ben = world.phone("ana", answers_after=1.0), world.phone("ben")
    if where is Branch:
        bug = plant_in_table(monkeypatch)
        bug(Branch._on_answered)
    else:
        plant(monkeypatch, where, name)
    call = world.caller().call()
    record = settle(world)
    assert call.status == 500 or call.bye_heard is not None
    assert ana.call.state == "ended" and ana.call.bye is not None
    assert ben.call.state == "stopped"
    assert record.outcome is CallOutcome.FAILED
    still_takes_calls(world, monkeypatch)


def plant_in_table(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], None]:
    """Make the row of a step in the branches' table raise."""
    from b2bua.calls import branch as branch_module

    def broken(*_: object) -> None:
        raise Planted("row")

    def bug(step: object) -> None:
        for event, known in list(branch_module._HANDLE.items()):
            if known is step:
                monkeypatch.setitem(branch_module._HANDLE, event, broken)

    return bug


def talking(world: World) -> tuple[Phone, TrunkCall]:
    ana = world.phone("ana", answers_after=1.0)
    return ana, world.connect(ana)


CONNECTED: list[tuple[object, str, Callable[[World, Phone, TrunkCall], object]]] = [
    (Crossing, "handle", lambda world, ana, call: call.session.request("INFO", may_fail=True)),
    (Offering, "refresh", lambda world, ana, call: call.session.reinvite(None)),
    (Crossing, "handle", lambda world, ana, call: ana.dialog.request("INFO", may_fail=True)),
    (Call, "leg_ended", lambda world, ana, call: call.hang_up()),
    (Call, "leg_ended", lambda world, ana, call: ana.hang_up()),
    (Call, "hang_up", lambda world, ana, call: board(world).hang_up(world_call(world), world.clock.now)),
    (Call, "end", lambda world, ana, call: world.relay.goes_silent(world_call(world), 60.0)),
    (Call, "relay_lost", lambda world, ana, call: board(world).relay_lost(world.clock.now)),
    (Call, "relay_is_back", lambda world, ana, call: board(world).relay_is_back(world.clock.now)),
]


def world_call(world: World) -> str:
    (call,) = board(world).calls
    return call


@pytest.mark.parametrize(
    ("where", "name", "act"), CONNECTED, ids=[f"{number}-{row[1]}" for number, row in enumerate(CONNECTED)]
)
def test_while_they_talk(
    monkeypatch: pytest.MonkeyPatch,
    where: object,
    name: str,
    act: Callable[[World, Phone, TrunkCall], object],
) -> None:
    world = World()
    ana, call = talking(world)
    plant(monkeypatch, where, name, times=1)
    act(world, ana, call)
    world.tolerate("no answer to INFO")
    record = settle(world)
    assert call.ended_at is not None and ana.call.state == "ended"
    assert record.answered_by == "ana"
    still_takes_calls(world, monkeypatch)


ENDING: list[tuple[object, str]] = [
    (Fork, "stop"),
    (Crossing, "abandon"),
    (Session, "bye"),
    (Media, "release_all"),
    (Call, "notify"),
    (Call, "close_if_quiet"),
    (Switchboard, "finished"),
]


@pytest.mark.parametrize(("where", "name"), ENDING, ids=lambda value: getattr(value, "__name__", value))
@pytest.mark.parametrize("by", ["caller", "ana", "service"])
def test_while_it_ends(monkeypatch: pytest.MonkeyPatch, where: object, name: str, by: str) -> None:
    """Its end has begun and breaks off: whoever is still up is hung up all the same."""
    world = World()
    ana, call = talking(world)
    plant(monkeypatch, where, name, times=1)
    if by == "caller":
        call.hang_up()
    elif by == "ana":
        ana.hang_up()
    else:
        board(world).hang_up(world_call(world), world.clock.now)
    record = settle(world)
    assert call.ended_at is not None and ana.call.state == "ended"
    assert (record.outcome, record.answered_by, record.ended_by) == (CallOutcome.ANSWERED, "ana", by)
    still_takes_calls(world, monkeypatch)


@pytest.mark.parametrize(("where", "name"), ENDING, ids=lambda value: getattr(value, "__name__", value))
def test_while_it_ends_unanswered(monkeypatch: pytest.MonkeyPatch, where: object, name: str) -> None:
    world = World()
    ana, ben = world.phone("ana"), world.phone("ben", fails_after=1.0)
    call = world.caller().call()
    world.run_until(lambda: call.is_ringing)
    if (where, name) != (Session, "bye"):
        plant(monkeypatch, where, name, times=1)
    call.cancel()
    world.run_until_idle()
    assert call.status == 487 and ana.call.state == "stopped" and ben.call.state == "stopped"
    assert board(world).leftovers() == [] == world.relay.leftovers()
    assert len(world.records) == 1


def test_a_bug_in_the_sentences_keeps_the_record(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    _ana, call = talking(world)
    from b2bua.calls import switchboard as module

    plant(monkeypatch, module, "call_sentence", times=1)
    call.hang_up()
    world.run_until_idle()
    assert len(board(world).failures) == 1
    (record,) = world.records
    assert record.outcome is CallOutcome.ANSWERED and record.trace and record.sentence == ""
    assert board(world).leftovers() == []


def test_a_bug_in_one_call_leaves_the_others_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    first, second = (world.caller(name, host=f"198.51.100.{n}") for n, name in ((1, "first"), (2, "second")))
    one, other = first.call(), second.call()
    world.run_until(lambda: one.is_answered and other.is_answered)
    world.run(1.0)
    plant(monkeypatch, Call, "relay_is_back", times=1)
    board(world).relay_is_back(world.clock.now)
    world.tolerate("which is lent already")
    world.run(2.0)
    assert [one.is_answered, other.is_answered] == [False, True]
    assert len(ana.calls) == 2
    other.hang_up()
    world.run_until_idle()
    assert board(world).leftovers() == []
    assert {record.outcome for record in world.records} == {CallOutcome.FAILED, CallOutcome.ANSWERED}


def test_a_second_bug_while_the_first_is_dealt_with(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even the ordinary end works: the rest lets go of everything all the same."""
    world = World()
    ana, call = talking(world)
    plant(monkeypatch, Call, "leg_ended")
    plant(monkeypatch, Call, "end")
    call.hang_up()
    world.run_until_idle()
    assert len(board(world).failures) == 2
    assert call.ended_at is not None and ana.call.state == "ended"
    assert board(world).leftovers() == [] == world.relay.leftovers()
    (record,) = world.records
    assert (record.outcome, record.ended_by) == (
        CallOutcome.FAILED,
        "service",
    ) and record.ended_at is not None


def test_behind_the_end_of_a_call() -> None:
    """Its parts were let go of, so that there is nothing to bid farewell: it is said, and no more."""
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    call = world.connect(ana)
    (running,) = board(world).calls.values()
    call.hang_up()
    world.finish()

    def late(_: Call, __: None, now: float) -> None:
        raise Planted("late")

    running.guard(late, running, None, world.clock.now)
    assert ["late" in failure.text for failure in board(world).failures] == [True]
