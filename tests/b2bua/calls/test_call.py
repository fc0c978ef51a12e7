"""A call from its INVITE to its record: what each state does with what may happen in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from b2bua.calls.ending import RECORD_PATIENCE
from b2bua.calls.recipient import SixXX
from b2bua.calls.record import CallOutcome, RecipientOutcome
from rtp_relay import control
from tests.b2bua.calls.scenes import only, record_id, record_of, ringing, talking
from tests.world.caller import TrunkCall
from tests.world.description import Description, Medium
from tests.world.phone import Phone
from tests.world.world import World

# Ringing.


@pytest.mark.parametrize(
    ("scripts", "status", "outcome"),
    [
        ([{}, {}], 480, CallOutcome.NO_ANSWER),
        ([{"trying": False, "rings_after": None}] * 2, 408, CallOutcome.NO_ANSWER),
        ([{"fails_after": 1.0, "failure": 486}, {}], 486, CallOutcome.NO_ANSWER),
        (
            [{"fails_after": 1.0, "failure": 603}, {"fails_after": 2.0, "failure": 404}, {}],
            480,
            CallOutcome.NO_ANSWER,
        ),
    ],
)
def test_ring_time_ends(scripts: list[dict[str, Any]], status: int, outcome: CallOutcome) -> None:
    """FRK-9: what somebody real has said, else 480 where a phone rang, else 408."""
    world = World()
    world.plan.ring_time = 8.0
    for name, script in zip(("ana", "ben", "eve"), scripts, strict=False):
        world.phone(name, recipient={"unreachable_after": 0.0}, **script)
    call = world.caller().call()
    world.run(8.1)
    assert call.status == status
    if status in (480, 408) and "failure" not in scripts[0]:
        assert call.final.must("reason").startswith("Q.850;cause=19")
    world.finish()
    assert record_of(world).outcome is outcome


def test_the_status_of_ring_time_may_be_another() -> None:
    world, _ana, _ben, call = ringing(ring_time=4.0, timeout_status=408)
    world.finish()
    assert call.status == 408


@pytest.mark.parametrize(
    ("failures", "outcome"),
    [
        ((486, 404), CallOutcome.BUSY),
        ((603, 404), CallOutcome.DECLINED),
        ((403, 404), CallOutcome.DECLINED),
        ((404, 404), CallOutcome.UNREACHABLE),
        ((302, 302), CallOutcome.UNREACHABLE),
        ((486, 603), CallOutcome.BUSY),
    ],
)
def test_what_the_call_came_to_when_all_have_refused(failures: tuple[int, ...], outcome: CallOutcome) -> None:
    world = World()
    for name, failure in zip(("ana", "ben"), failures, strict=True):
        world.phone(name, fails_after=1.0, failure=failure)
    world.caller().call()
    world.finish()
    assert record_of(world).outcome is outcome
    assert record_of(world).reason.startswith("nobody answered")


def test_reason_and_warning_of_the_best_go_up() -> None:
    """FRK-8: they say more than the status."""
    world = World()
    told = (
        ("Reason", 'Q.850;cause=17;text="User busy"'),
        ("Warning", '399 ana "in a meeting"'),
        ("Retry-After", "9"),
    )
    world.phone("ana", fails_after=1.0, failure=486, failure_headers=told)
    world.phone("ben", fails_after=1.2, failure=404, failure_headers=(("Reason", "Q.850;cause=1"),))
    call = world.caller().call()
    world.finish()
    assert call.final.get_all("reason") == ['Q.850;cause=17;text="User busy"']
    assert call.final.get_all("warning") == ['399 ana "in a meeting"']
    assert call.final.get("retry-after") is None


def test_a_6xx_for_everyone() -> None:
    world = World()
    world.plan.six_xx = SixXX.EVERYONE
    ana, _ben = world.phone("ana"), world.phone("ben", fails_after=1.0, failure=603)
    call = world.caller().call()
    world.finish()
    assert call.status == 603 and ana.call.state == "stopped" and not ana.call.stop_reasons
    outcomes = [each.outcome for each in record_of(world).recipients]
    assert outcomes == [RecipientOutcome.STEP_ENDED, RecipientOutcome.DECLINED]


def test_a_6xx_of_one() -> None:
    """FRK-6."""
    world = World()
    ana = world.phone("ana", answers_after=3.0)
    world.phone("ben", fails_after=1.0, failure=603)
    world.finish_after(world.connect(ana))


@pytest.mark.parametrize("reason", [(), (("Reason", 'SIP;cause=200;text="Call completed elsewhere"'),)])
def test_the_caller_gives_up(reason: tuple[tuple[str, str], ...]) -> None:
    """FRK-13: his Reason goes on, and none is made up: the phones log a missed call, or do not."""
    world, ana, ben, call = ringing()
    call.cancel(headers=reason)
    world.finish()
    assert ana.call.stop_reasons == ben.call.stop_reasons == [value for _, value in reason]
    assert ana.missed_call is not bool(reason)
    record = record_of(world)
    assert (record.outcome, record.status, record.ended_by) == (CallOutcome.ABANDONED, 487, "caller")
    assert {each.outcome for each in record.recipients} == {RecipientOutcome.CALLER_HUNG_UP}


def test_the_caller_gives_up_with_a_bye() -> None:
    """DLG-8: BYE in the early dialog: 200, and 487 to the INVITE."""
    world, ana, _ben, call = ringing()
    assert call.hang_up().sent.method == "BYE"
    world.finish()
    assert call.status == 487 and ana.call.state == "stopped"
    assert record_of(world).outcome is CallOutcome.ABANDONED


@pytest.mark.parametrize("says", [True, False])
def test_losers_are_told_that_it_was_answered_elsewhere_unless_that_is_off(says: bool) -> None:
    world = World()
    world.plan.answered_elsewhere = says
    ana, ben = world.phone("ana", answers_after=1.0), world.phone("ben")
    world.finish_after(world.connect(ana))
    assert ben.call.answered_elsewhere is says


# Answers that cannot be used.


def answering(ana: Phone, body: str) -> None:
    ana.call._describe = lambda dialog: body  # type: ignore[method-assign]


NO_GOOD = ["", "v=0\r\nm=audio what\r\n", "rejected", "two media", "video"]


@pytest.mark.parametrize("body", NO_GOOD)
def test_an_answer_that_is_none_loses_and_the_others_ring_on(body: str) -> None:
    """SDP-6: ACK and BYE, and the call goes to whoever answers better."""
    world, ana, ben, call = ringing()
    address = ana.address.host
    made = {
        "rejected": Description(address, media=(Medium(port=0),)).text(),
        "two media": Description(address, media=(Medium(), Medium(port=9000))).text(),
        "video": Description(address, media=(Medium(kind="video", formats=("31",)),)).text(),
    }.get(body, body)
    answering(ana, made)
    ana.answer()
    world.run(1.0)
    assert ana.call.state == "ended" and call.is_ringing and ben.is_ringing
    ben.answer()
    world.run_until(lambda: call.is_answered)
    world.run(1.0)
    world.finish_after(call)
    first = record_of(world).recipients[0]
    assert (first.outcome, first.reason) == (
        RecipientOutcome.FAILED,
        "answer without a usable session description",
    )


# Connected.


@pytest.mark.parametrize("by", ["caller", "ana"])
def test_whoever_hangs_up_his_reason_goes_on(by: str) -> None:
    """DLG-7, T23."""
    world, ana, call = talking()
    told = 'Q.850;cause=16;text="enough"'
    if by == "caller":
        call.hang_up([("Reason", told)])
    else:
        ana.hang_up(told)
    world.finish()
    heard = (
        ana.call.stop_reasons if by == "caller" else [call.bye_heard.must("reason")] if call.bye_heard else []
    )
    assert heard == [told]
    assert (record_of(world).ended_by, record_of(world).reason) == (by, "hung up")


def test_the_longest_time_of_a_call() -> None:
    world = World()
    world.plan.duration_limit = 10.0
    ana = world.phone("ana", answers_after=1.0)
    call = world.connect(ana)
    world.finish()
    assert call.ended_at is not None and call.answered_at is not None
    assert call.ended_at - call.answered_at == pytest.approx(10.0, abs=0.1)
    assert record_of(world).reason == "duration limit"
    assert call.bye_heard is not None and "Call duration limit" in call.bye_heard.must("reason")


def test_the_callers_ack_never_comes() -> None:
    """TRX-5."""
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    caller = world.caller()
    caller.acks = False
    call = caller.call()
    world.finish()
    assert call.bye_heard is not None and "cause=102" in call.bye_heard.must("reason")
    assert ana.call.state == "ended"
    record = record_of(world)
    assert (record.outcome, record.reason) == (CallOutcome.ANSWERED, "the answer was never acknowledged")


def test_a_late_offer_is_answered_in_the_ack() -> None:
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    call = world.connect(ana, late_offer=True)
    directs = {each.leg for each in world.relay.of(control.Direct) if isinstance(each, control.Direct)}
    assert directs == {0, 1}
    world.finish_after(call)


@pytest.mark.parametrize("body", ["", "v=0\r\nm=audio what\r\n"])
def test_an_ack_without_the_answer_ends_the_call(body: str) -> None:
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    caller = world.caller()
    call = caller.call(late_offer=True)
    call._agree = lambda response, dialog: body  # type: ignore[method-assign]
    world.run(2.0)
    world.finish()
    assert ana.call.state == "ended" and call.bye_heard is not None
    assert record_of(world).outcome is CallOutcome.FAILED


def test_after_64_t1_without_prack_it_is_refused() -> None:
    """RFC 3262 §3."""
    world = World()
    ana = world.phone("ana")
    world.plan.ring_time = 120.0
    caller = world.caller()
    caller.pracks_after = None
    call = caller.call(headers=[("Require", "100rel")])
    world.finish()
    assert call.status == 504 and ana.call.state == "stopped"
    assert record_of(world).reason == "the caller never sent PRACK"


# The end.


ENDS: list[Callable[[World, Phone, TrunkCall], object]] = [
    lambda world, ana, call: call.hang_up(),
    lambda world, ana, call: ana.hang_up(),
    lambda world, ana, call: world.switchboard.hang_up(record_id(world), world.clock.now),  # type: ignore[attr-defined]
    lambda world, ana, call: world.relay.goes_silent(record_id(world), 60.0),
]


@pytest.mark.parametrize("first", range(len(ENDS)))
@pytest.mark.parametrize("second", range(len(ENDS)))
def test_it_ends_once_whoever_is_first(first: int, second: int) -> None:
    """DLG-9: two who end it at one instant; one record, and a BYE to each side at most."""
    if first == second:
        return
    world, ana, call = talking()
    world.at_once = True
    ENDS[first](world, ana, call)
    ENDS[second](world, ana, call)
    world.finish()
    assert len(world.records) == 1 and len(ana.heard("BYE")) <= 1
    assert len(world.relay.of(control.Release)) == 1
    assert record_of(world).outcome is CallOutcome.ANSWERED


def test_the_record_waits_a_second_for_a_silent_loser_and_no_longer() -> None:
    world = World()
    ana, _ben = world.phone("ana", answers_after=1.0), world.phone("ben", on_cancel="silent")
    call = world.connect(ana)
    call.hang_up()
    world.run(RECORD_PATIENCE - 0.2)
    assert not world.records
    world.run(0.4)
    assert record_of(world).recipients[1].outcome is RecipientOutcome.STOPPED
    world.tolerate("rings on")
    world.tolerate("INVITE sip:ben")
    world.run_until_idle()
    assert world.switchboard.leftovers() == []


def test_it_prints_itself() -> None:
    world, _ana, call = talking()
    assert repr(only(world)).startswith("<call ") and "connected [<branch 1 ana answered>]" in repr(
        only(world)
    )
    world.finish_after(call)


def test_max_forwards_goes_down_on_every_branch() -> None:
    """FRK-16."""
    world = World()
    ana, ben = world.phone("ana"), world.phone("ben")
    call = world.caller().call(max_forwards=7)
    world.run(0.5)
    assert [phone.invites[0].get("max-forwards") for phone in (ana, ben)] == ["6", "6"]
    call.cancel()
    world.finish()


def test_the_caller_gives_up_while_his_200_waits_for_his_prack() -> None:
    """To him nobody has answered; who did is told that he hung up."""
    from b2bua.calls.recipient import EarlyMedia

    world = World()
    world.plan.early_media = EarlyMedia.SINGLE
    ana = world.phone("ana", ring_status=183, ring_description=True, answers_after=1.0)
    caller = world.caller()
    caller.supported, caller.pracks_after, caller.expects_early_media = ("100rel",), None, True
    call = caller.call()
    world.run_until(lambda: ana.is_talking)
    call.cancel()
    world.finish()
    assert call.status == 487 and ana.call.state == "ended"
    record = record_of(world)
    assert (record.outcome, record.status, record.answered_by) == (CallOutcome.ABANDONED, 487, None)
    assert record.recipients[0].outcome is RecipientOutcome.CALLER_HUNG_UP
