"""The switchboard: what it lets in, what it tells, and what it keeps."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from b2bua.calls.record import CallOutcome, CallRecord, RecipientOutcome
from b2bua.calls.switchboard import Switchboard
from rtp_relay import control
from sip_stack.errors import RemoteError
from sip_stack.flow import Flow
from sip_stack.session_timer import TimerPolicy
from tests.world.caller import TrunkCall
from tests.world.network import Address
from tests.world.phone import Phone
from tests.world.reading import Heard
from tests.world.world import World

MICROSECOND = 1_000_000


def board(world: World) -> Switchboard:
    assert isinstance(world.switchboard, Switchboard)
    return world.switchboard


def talking(world: World) -> tuple[Phone, TrunkCall]:
    ana = world.phone("ana", answers_after=1.0)
    return ana, world.connect(ana)


def world_call(world: World) -> str:
    (call,) = board(world).calls
    return call


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


def test_what_leads_nowhere_is_answered_recorded_and_forgotten() -> None:
    """Without a record nobody could find that the trunk writes a number in another way than the configuration."""
    world = World()
    call = world.caller().call("+15559999")
    world.finish()
    [record] = world.records
    assert (call.status, board(world).total, board(world).calls) == (404, 0, {})
    assert (record.outcome, record.status, record.dialled) == (CallOutcome.REFUSED, 404, "+15559999")
    assert record.trunk and record.ended_at == record.started_at
    assert record.sentence.startswith("Refused: 404 '+15559999' is no number that the trunk ")
    assert record.trace[0].data.startswith(b"INVITE") and record.trace[-1].data.startswith(b"SIP/2.0 404")


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
    whole = {"event", "call", "at", "caller", "caller_name", "dialled", "number_name", "recipients"}
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
            assert notice["recipients"] == ([] if notice["event"] == "call.started" else ["ana"])
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
    for take in (made.take_questions, made.take_records, made.take_notices, made.take_datagrams):
        assert not take()


def test_a_head_without_a_length_is_answered() -> None:
    """RFC 3261 §18.3: the end of a message in a stream cannot be told without it."""
    made = board(World())
    flow = Flow("TCP", "tcp:192.0.2.1:5060", "198.51.100.9", 5060, 1)
    head = (
        b"OPTIONS sip:x@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/TCP 198.51.100.9;branch=z9hG4bK9\r\n"
        b"From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: 9\r\nCSeq: 1 OPTIONS\r\n\r\n"
    )
    made.refuse_unframed(head, RemoteError(400, "no Content-Length"), flow, 1.0)
    ((to, answer),) = made.take_datagrams()
    assert to == flow and answer.startswith(b"SIP/2.0 400")


def test_a_call_without_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    plan = board(world).directory.plan
    untraced = lambda *of: dataclasses.replace(plan(*of), keep_trace=False)  # noqa: E731
    monkeypatch.setattr(board(world).directory, "plan", untraced)
    world.finish_after(world.connect(ana))
    assert world.records[0].trace == [] and world.records[0].outcome is CallOutcome.ANSWERED
