"""The switchboard: what it lets in, what it tells, and that a bug in one call is the end of that call alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from b2bua.calls import call as call_module
from b2bua.calls.branch import Branch
from b2bua.calls.call import Call
from b2bua.calls.crossing import Crossing
from b2bua.calls.early import EarlyMediaPolicy
from b2bua.calls.identity import Identity
from b2bua.calls.media import Media
from b2bua.calls.record import CallOutcome, CallRecord, RecipientOutcome
from b2bua.calls.switchboard import Switchboard
from rtp_relay import control
from sip_stack.flow import Flow
from sip_stack.session import Session
from sip_stack.session_timer import TimerPolicy
from tests.world.caller import TrunkCall
from tests.world.network import Address
from tests.world.phone import Phone
from tests.world.reading import Heard
from tests.world.world import World

MICROSECOND = 1_000_000


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
    (Call, "_read_offer"),
    (call_module, "refuse_too_small"),
    (Media, "reserve"),
    (Media, "accept"),
    (Call, "_ring"),
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
    (Branch, "_try_again"),
    (EarlyMediaPolicy, "progressed"),
    (Call, "branch_progressed"),
    (Call, "branch_ended"),
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


@pytest.mark.parametrize("timer", ["_on_ring_time", "_on_relay_late"])
def test_in_a_timer(monkeypatch: pytest.MonkeyPatch, timer: str) -> None:
    world = World()
    ana = world.phone("ana")
    if timer == "_on_relay_late":
        world.relay.delay = 5.0
    number = {"_on_ring_time": call_module._Timers.RING, "_on_relay_late": call_module._Timers.RELAY}[timer]

    def broken(*_: object) -> None:
        raise Planted(timer)

    monkeypatch.setitem(call_module._ON_TIMER, number, broken)
    call = world.caller().call()
    settle(world)
    assert call.status == 500
    assert not ana.was_rung or ana.call.state == "stopped"


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
    (Call, "_usable_answer"),
    (Call, "_stop_others"),
    (Call, "_connect"),
    (Call, "_answer_caller"),
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
    (Crossing, "_offered", lambda world, ana, call: call.session.reinvite(None)),
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
    (Call, "_stop_open"),
    (Crossing, "abandon"),
    (Session, "bye"),
    (Media, "release_all"),
    (Call, "notify"),
    (Call, "_close_if_quiet"),
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


# Outside of calls.


def options(world: World, method: str = "OPTIONS", source: str = "198.51.100.9") -> Heard:
    lines = [
        f"{method} sip:+15550100@192.0.2.1 SIP/2.0",
        f"Via: SIP/2.0/UDP {source};branch=z9hG4bK{world.count()};rport",
        "Max-Forwards: 70",
        f"From: <sip:a@{source}>;tag={world.count()}",
        "To: <sip:+15550100@192.0.2.1>",
        f"Call-ID: {world.count()}@outside",
        f"CSeq: 1 {method}",
        f"Contact: <sip:a@{source}>",
        "Content-Length: 0",
    ]
    packets = world.raw("\r\n".join([*lines, "", ""]).encode(), Address(source, 5060))
    return packets[-1].message


def test_options_tell_what_we_can() -> None:
    """RFC 3261 §11.2."""
    response = options(World())
    assert (response.status, response.get("accept")) == (200, "application/sdp")
    assert response.to_tag and "INVITE" in (response.get("allow") or "")
    assert "timer" in (response.get("supported") or "")


def test_options_tell_of_the_drain() -> None:
    """OVL-6: so that a trunk looks elsewhere."""
    world = World()
    board(world).admission.is_draining = True
    response = options(world)
    assert response.status == 503 and response.get("retry-after")


@pytest.mark.parametrize(
    ("method", "status"),
    [
        ("BYE", 481), ("PRACK", 481), ("UPDATE", 481), ("INFO", 481),
        ("MESSAGE", 405), ("NOTIFY", 405), ("REFER", 405), ("SUBSCRIBE", 405), ("PUBLISH", 405), ("REGISTER", 405),
        ("DANCE", 501),
    ],
)  # fmt: skip
def test_other_requests_outside_of_a_call(method: str, status: int) -> None:
    response = options(World(), method)
    assert (response.status, bool(response.get("allow")), bool(response.to_tag)) == (status, True, True)


def test_an_invite_of_our_own_that_comes_back_is_a_loop() -> None:
    """FRK-16."""
    world = World()
    ana = world.phone("ana")
    call = world.caller().call()
    world.run_until(lambda: ana.is_ringing)
    ours = ana.invites[0].must("x-call-id")
    looped = world.caller("loop", host="198.51.100.44").call(headers=[("X-Call-ID", ours)])
    world.run(0.5)
    assert looped.status == 482
    call.cancel()
    world.finish()
    again = world.caller("again", host="198.51.100.45").call(headers=[("X-Call-ID", ours)])
    world.run(0.5)
    assert again.status == 0, "a call that is over is no loop"
    again.cancel()
    world.finish()


def test_what_the_directory_refuses_is_answered_and_forgotten() -> None:
    world = World()
    call = world.caller().call("+15559999")
    world.finish()
    assert call.status == 404
    assert (board(world).total, world.records) == (0, [])


# Hang up, and what else comes from outside.


def test_hang_up_of_a_call_that_is_not_there() -> None:
    assert board(World()).hang_up("nobody", 0.0) is False


def test_hang_up_while_it_is_prepared() -> None:
    world = World()
    ana = world.phone("ana")
    world.relay.delay = 0.5
    call = world.caller().call()
    world.run_until(lambda: board(world).calls)
    assert board(world).hang_up(world_call(world), world.clock.now)
    world.finish()
    assert call.status == 480 and not ana.was_rung


def test_hang_up_while_it_rings() -> None:
    world = World()
    ana, ben = world.phone("ana"), world.phone("ben")
    call = world.caller().call()
    world.run_until(lambda: ana.is_ringing and ben.is_ringing)
    assert board(world).hang_up(world_call(world), world.clock.now)
    world.finish()
    assert call.status == 480
    assert ana.call.state == ben.call.state == "stopped"
    assert (world.records[0].ended_by, world.records[0].reason) == ("service", "ended by the operator")


def test_hang_up_while_they_talk() -> None:
    world = World()
    ana, call = talking(world)
    assert board(world).hang_up(world_call(world), world.clock.now)
    world.finish()
    assert call.bye_heard is not None and call.bye_heard.must("reason").startswith("Q.850;cause=16")
    assert ana.call.stop_reasons and ana.call.stop_reasons[0].startswith("Q.850;cause=16")
    assert world.records[0].outcome is CallOutcome.ANSWERED


def test_hang_up_twice_is_one_end() -> None:
    world = World()
    ana, _call = talking(world)
    identifier = world_call(world)
    world.relay.delay = 0.5
    assert board(world).hang_up(identifier, world.clock.now)
    assert board(world).hang_up(identifier, world.clock.now), "its record still waits for the relay"
    world.finish()
    assert len(ana.heard("BYE")) == 1 and len(world.records) == 1


def test_events_of_calls_that_are_not_there_are_let_be() -> None:
    world = World()
    for event in (
        control.Reserved("nobody", ()),
        control.Refused("nobody", "no ports"),
        control.Released("nobody", ()),
        control.Silent("nobody", 60.0),
        control.Holdings((), 0, 0, 0),
    ):
        board(world).relay_event(event, 0.0)
    board(world).located(99, [], 0.0)
    assert board(world).leftovers() == [] and board(world).take_commands() == []


def test_a_name_that_is_found_when_the_call_is_over_rings_nobody() -> None:
    """FRK-1."""
    world = World()
    world.resolver_delay = 3.0
    ana = world.phone("ana", recipient={"uri": "sip:ana@phones.example"})
    world.names["phones.example"] = [Flow("UDP", "udp:192.0.2.1:5060", ana.address.host, 5060)]
    call = world.caller().call()
    world.run(1.0)
    call.cancel()
    world.run(1.5)
    assert world.records, "the record does not wait for the name"
    assert any("question" in line for line in board(world).leftovers())
    world.finish()
    assert not ana.was_rung


def test_a_numeric_host_without_a_listener_of_its_kind_is_not_reachable() -> None:
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    world.add_recipient(ana, name="ben", uri="sip:ben@203.0.113.99;transport=tcp")
    listeners = board(world).stack.listeners
    for name in [name for name in listeners if name.startswith("tcp")]:
        del listeners[name]
    call = world.caller().call()
    world.run_until(lambda: call.is_answered)
    world.run(0.5)
    call.hang_up()
    world.finish()
    assert world.records[0].recipients[1].outcome is RecipientOutcome.UNREACHABLE


# Live events.


def told(world: World) -> list[tuple[Any, ...]]:
    return [
        (notice["event"], notice.get("name", ""), notice.get("outcome", "")) for _, notice in world.notices
    ]


def test_the_events_of_an_answered_call_in_their_order() -> None:
    world = World()
    ana, ben = world.phone("ana", answers_after=2.0), world.phone("ben", rings_after=0.5)
    call = world.connect(ana)
    world.finish_after(call)
    assert told(world) == [
        ("call.started", "", ""),
        ("recipient.invited", "ana", ""),
        ("recipient.invited", "ben", ""),
        ("recipient.ringing", "ana", ""),
        ("recipient.ringing", "ben", ""),
        ("recipient.ended", "ben", "stopped"),
        ("recipient.answered", "ana", "answered"),
        ("call.answered", "", "answered"),
        ("call.ended", "", "answered"),
    ]
    assert len(ben.calls) == 1


def test_the_fields_of_the_events() -> None:
    """As b2bua/control.py promises them."""
    world = World()
    ana = world.phone("ana", answers_after=2.0)
    call = world.connect(ana)
    world.finish_after(call)
    identifier = world.records[0].id
    whole = {"event", "call", "at", "caller", "dialled", "number_name", "recipients"}
    for _, notice in world.notices:
        assert notice["call"] == identifier and isinstance(notice["at"], int)
        if notice["event"].startswith("recipient."):
            assert set(notice) - {"outcome"} == {"event", "call", "at", "recipient", "name"}
            assert (notice["recipient"], notice["name"]) == (1, "ana")
        elif notice["event"] == "call.ended":
            assert set(notice) == whole | {"outcome", "answered_by"}
            assert (notice["outcome"], notice["answered_by"]) == ("answered", "ana")
        else:
            assert set(notice) >= whole
            assert (notice["caller"], notice["dialled"]) == ("+15550199", "+15550100")
            assert notice["recipients"] == ["ana"]
    assert [at for at, _ in world.notices] == sorted(at for at, _ in world.notices)


def test_the_events_of_a_call_that_nobody_answers() -> None:
    world = World()
    world.phone("ana", fails_after=1.0)
    world.caller().call()
    world.finish()
    assert told(world) == [
        ("call.started", "", ""),
        ("recipient.invited", "ana", ""),
        ("recipient.ringing", "ana", ""),
        ("recipient.ended", "ana", "busy"),
        ("call.ended", "", "busy"),
    ]
    assert world.notices[-1][1]["answered_by"] is None


def test_no_events_are_made_when_nobody_watches() -> None:
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    board(world).is_watched = False
    world.finish_after(world.connect(ana))
    assert world.notices == []
    assert len(world.records) == 1


# Records.


def test_a_record_is_told_of_at_the_begin_and_at_the_end() -> None:
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    call = world.caller().call()
    world.run_until(lambda: ana.is_ringing)
    (began,) = board(world).take_began()
    assert began.outcome is None and began.recipients[0].name == "ana"
    assert board(world).take_began() == []
    world.run_until(lambda: call.is_answered)
    world.run(1.0)
    world.finish_after(call)
    assert world.records == [began], "one record, finished"


def test_the_record_of_an_answered_call_is_whole() -> None:
    world = World()
    ana, ben, eve = (
        world.phone("ana", answers_after=2.0),
        world.phone("ben"),
        world.phone("eve", fails_after=0.5),
    )
    call = world.connect(ana)
    world.run(4.0)
    world.finish_after(call)
    (record,) = world.records
    assert (record.outcome, record.status, record.ended_by) == (CallOutcome.ANSWERED, 200, "caller")
    assert (record.answered_by, record.answered_leg) == ("ana", 1)
    assert (record.caller, record.caller_name, record.dialled) == ("+15550199", "Zoë, at work", "+15550100")
    assert (record.trunk, record.source, record.configuration) == ("trunk", "198.51.100.1:5060", "world")
    assert record.sip_call_id == call.invite.call_id
    times = [record.started_at, record.ringing_at, record.answered_at, record.ended_at]
    assert all(isinstance(at, int) for at in times) and times == sorted(times)  # type: ignore[type-var]
    assert record.ended_at is not None and record.answered_at is not None
    assert (record.ended_at - record.answered_at) / MICROSECOND == pytest.approx(5.0, abs=0.2)
    assert "ana answered after" in record.sentence and "the caller hung up" in record.sentence
    outcomes = [recipient.outcome for recipient in record.recipients]
    assert outcomes == [RecipientOutcome.ANSWERED, RecipientOutcome.STOPPED, RecipientOutcome.BUSY]
    for recipient, phone in zip(record.recipients, (ana, ben, eve), strict=True):
        assert recipient.sip_call_id == phone.invites[0].call_id
        assert recipient.invited_at is not None and recipient.ringing_at is not None
        assert recipient.ended_at is not None and recipient.sentence
    assert record.recipients[0].ended_at == record.ended_at
    assert [recipient.status for recipient in record.recipients] == [200, 487, 486]
    assert {entry.leg for entry in record.trace} == {0, 1, 2, 3}
    assert [entry.at for entry in record.trace] == sorted(entry.at for entry in record.trace)


def test_the_trace_names_both_ends_of_each_message() -> None:
    world = World()
    ana = world.phone("ana", version=6, answers_after=1.0)
    world.finish_after(world.connect(ana))
    (record,) = world.records
    invite = next(entry for entry in record.trace if entry.leg == 1)
    assert (invite.local, invite.remote) == ("[2001:db8::1]:5060", f"[{ana.address.host}]:5060")
    assert (invite.received, invite.transport) == (False, "UDP")
    assert (record.trace[0].local, record.trace[0].remote) == ("192.0.2.1:5060", "198.51.100.1:5060")


def test_streams_without_a_packet_are_not_in_the_record() -> None:
    record = CallRecord("c", "t", "s", "1", "", "2", "", "i", 0)
    made = [
        control.StreamFigures(leg, 0, *counts, *(0,) * 2, strangers, 0, -1.0, -1.0, 0.0, "")
        for leg, (counts, strangers) in enumerate(
            [((0, 0, 0, 0.0, 0, 0, 0), 0), ((5, 9, 0, 0.0, 0, 0, 0), 0), ((0, 0, 0, 0.0, 0, 0, 0), 3)]
        )
    ]
    board(World()).note_streams(record, made)
    assert [stream.leg for stream in record.streams] == [1, 2]


# Odds and ends that others rely on.


def test_session_ids_never_come_twice() -> None:
    made = board(World())
    assert len({made.next_session_id() for _ in range(1000)}) == 1000


def test_the_lines_of_the_session_timer_are_remembered_but_not_without_end() -> None:
    made = board(World())
    policy = TimerPolicy(1800, 90)
    assert made.timer_lines(policy, 0) is made.timer_lines(policy, 0)
    assert "Min-SE: 600" in made.timer_lines(policy, 600)
    for floor in range(500):
        made.timer_lines(policy, floor)
    assert len(made._timer_lines) <= 102


def test_what_is_taken_is_taken_once() -> None:
    world = World()
    made = board(world)
    made.commands.append(control.Inventory())
    held = made.commands
    assert made.take_commands() == [control.Inventory()] and made.take_commands() == []
    assert made.commands is held, "calls append to this very list"
    assert made.take_questions() == [] == made.take_records() == made.take_notices() == made.take_datagrams()
