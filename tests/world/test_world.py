"""The world proves itself with the smallest subject: whole calls, and faults that the puppets must find."""

from __future__ import annotations

from typing import Any

import pytest

from tests.world.network import Link
from tests.world.pass_through import PassThrough
from tests.world.phone import Phone
from tests.world.world import World


def passing(seed: int = 0, **script: Any) -> tuple[World, Phone]:
    world = World(PassThrough, seed)
    world.media_addresses = ("198.51.100.1", "203.0.113.10")
    return world, world.phone("ana", **script)


def test_a_call_is_rung_answered_and_ended() -> None:
    world, ana = passing(answers_after=2.0)
    call = world.caller().call()
    world.run_until(lambda: call.is_answered)
    assert call.statuses == [180]
    assert call.answered_at == pytest.approx(2.004)
    world.run(1.0)
    assert ana.is_talking
    call.hang_up()
    world.finish()
    assert [state for _, state in ana.sounds] == ["ringing", "answered", "confirmed", "ended"]
    assert not ana.missed_call


def test_the_callee_may_end_it() -> None:
    world, ana = passing(answers_after=1.0, hangs_up_after=5.0)
    call = world.caller().call()
    world.finish()
    assert call.is_over
    assert call.bye_heard is not None
    assert ana.call.state == "ended"


def test_a_cancelled_call_is_missed() -> None:
    world, ana = passing()
    call = world.caller().call()
    world.run_until(lambda: call.is_ringing)
    call.cancel()
    world.tolerate("with another To tag")  # the pass-through gives the phone's tags
    world.finish()
    assert call.status == 487
    assert ana.missed_call


def test_a_decline_is_acknowledged() -> None:
    world, _ = passing(fails_after=1.0, failure=603)
    call = world.caller().call()
    world.finish()
    assert call.status == 603


def test_hold_and_offerless_resume() -> None:
    world, ana = passing(answers_after=1.0)
    call = world.caller().call()
    world.run_until(lambda: ana.is_talking)
    assert call.offer is not None
    held = call.session.reinvite(call.offer.changed(direction="sendonly"))
    world.run(1.0)
    assert held.status == 200
    assert call.remote_description.media[0].direction == "recvonly"
    back = call.session.reinvite(None)
    world.run(1.0)
    assert back.status == 200
    call.hang_up()
    world.finish()


def test_reliable_ringing_is_acknowledged_by_prack() -> None:
    world, ana = passing(ring_reliable=True, answers_after=2.0)
    caller = world.caller()
    caller.supported = ("100rel",)
    call = caller.call()
    world.run_until(lambda: ana.is_talking)
    assert call.pracks[0].status == 200
    call.hang_up()
    world.finish()


@pytest.mark.parametrize("seed", range(20))
def test_calls_survive_a_bad_network(seed: int) -> None:
    """Loss, duplication and reordering: retransmissions carry every call to its end."""
    world, ana = passing(seed, answers_after=2.0)
    world.network.link = Link(delay=0.01, jitter=0.02, loss=0.15, duplication=0.1, reordering=0.1)
    call = world.caller().call()
    world.run_until(lambda: ana.is_talking)
    world.run_until(lambda: call.is_answered)
    world.tolerate("before a provisional")
    call.hang_up()
    world.finish()
    fates = {packet.fate for packet in world.network.packets}
    assert "lost" in fates


def test_the_same_seed_gives_the_same_course() -> None:
    def course() -> str:
        world, ana = passing(7, answers_after=2.0, hangs_up_after=1.0)
        world.network.link = Link(delay=0.01, jitter=0.02, loss=0.2, duplication=0.1)
        world.caller().call()
        world.run_until(lambda: ana.calls and ana.call.state == "ended")
        return world.ladder()

    assert course() == course()


class Faulty(PassThrough):
    """Passes messages through a change."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]
        self.find, self.put = b"", b""

    def take_datagrams(self):  # type: ignore[no-untyped-def]
        return [(flow, octets.replace(self.find, self.put)) for flow, octets in super().take_datagrams()]


@pytest.mark.parametrize(
    ("find", "put", "fault"),
    [
        (b"Cseq: 2 BYE", b"Cseq: 1 BYE", "CSeq 1 of BYE"),
        (b"Content-Length: 0", b"Content-Length: 7", "Content-Length 7"),
        (b"Max-Forwards: 70\r\n", b"", "Max-Forwards"),
        (b"SIP/2.0 180 Ringing", b"SIP/2.0 200 OK", "without any description"),
        (b";rport", b"", "no rport"),
        (b"BYE sip:", b"BYE tel:", "goes not to the Contact"),
        (b"ACK sip:", b"ACK tel:", "the Contact is"),
        (b"z9hG4bK", b"branch", "magic cookie"),
    ],
)
def test_a_fault_on_the_wire_is_found(find: bytes, put: bytes, fault: str) -> None:
    world = World(Faulty)
    world.media_addresses = ("198.51.100.1", "203.0.113.10")
    ana = world.phone("ana", answers_after=1.0, hangs_up_after=1.0)
    if find == b"Cseq: 2 BYE":
        ana.script.hangs_up_after = None
    assert isinstance(world.switchboard, Faulty)
    world.switchboard.find, world.switchboard.put = find, put
    call = world.caller().call()
    world.run(3.0)
    if call.is_answered:
        call.hang_up()
    world.run(40.0)
    assert any(fault in text for text in world.violations), world.violations
    with pytest.raises(AssertionError):
        world.check()


def test_media_at_an_address_that_is_not_the_relays_is_found() -> None:
    world, _ = passing(answers_after=1.0)
    world.media_addresses = ("192.0.2.2",)
    world.caller().call()
    world.run(3.0)
    assert any("not the relay's" in text for text in world.violations)


def test_a_cancel_before_any_response_is_found() -> None:
    world = World(PassThrough)
    world.silent_phone("ana")
    call = world.caller().call()
    world.run(0.4)
    call.cancel()
    world.run(1.0)
    assert any("CANCEL before a provisional" in text for text in world.violations)


def test_a_bye_before_the_ack_is_found() -> None:
    world, _ = passing(answers_after=1.0)
    caller = world.caller()
    caller.acks_after = 2.0
    call = caller.call()
    world.run_until(lambda: call.is_answered)
    call.hang_up()
    world.run(1.0)
    assert any("BYE was sent before the ACK" in text for text in world.violations)


def test_a_missing_ack_is_found() -> None:
    world, ana = passing(answers_after=1.0)
    caller = world.caller()
    caller.acks = False
    caller.call()
    world.run(70.0)
    assert any("never acknowledged" in text for text in world.violations)
    assert ana.call.answers[0].repeated == 10


def test_what_is_left_over_is_found() -> None:
    world, _ = passing(answers_after=1.0)
    world.caller().call()
    with pytest.raises(AssertionError, match="left over"):
        world.finish(50.0)


def test_a_condition_that_never_holds_shows_the_ladder() -> None:
    world, _ = passing()
    call = world.caller().call()
    with pytest.raises(AssertionError, match="trunk → us"):
        world.run_until(lambda: call.is_answered, limit=5.0)
