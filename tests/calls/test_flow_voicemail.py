"""A message of the caller: greeted, recorded, kept, or not."""

from __future__ import annotations

import pytest

from b2bua.calls import flow as flows
from b2bua.calls.flow import Dial, Prompt, PromptKind, Voicemail
from b2bua.calls.record import CallOutcome, CallRecord
from tests.world.caller import TrunkCall
from tests.world.world import World

GREETING = Prompt(PromptKind.PLAY, "greeting.wav")


def to_voicemail(world: World, **parts: object) -> TrunkCall:
    """A call that nobody takes, at the moment in which its message begins."""
    ana = world.phone("ana", fails_after=1.0)
    box = Voicemail("sales", GREETING, **parts)  # type: ignore[arg-type]
    world.flow(ring=Dial((world.dialled(ana),), exits={flows.NOBODY_ANSWERED: "box"}), box=box)
    call = world.caller().call()
    world.run_until(lambda: world.relay.stage.kept)
    return call


def record_of(world: World) -> CallRecord:
    (record,) = world.records
    return record


def test_a_message_is_kept() -> None:
    world = World()
    call = to_voicemail(world)
    assert world.relay.stage.heard(0) == ["greeting.wav", "beep"]
    world.run(20.0)
    assert call.is_over, "silence has ended it"
    world.finish()
    record = record_of(world)
    assert (record.outcome, record.mailbox) == (CallOutcome.VOICEMAIL, "sales")
    assert record.voicemail == f"/messages/sales/{record.id}.wav"
    assert record.voicemail_seconds == pytest.approx(13.0, abs=0.01)
    assert record.sentence == "ana was busy; the caller left a message of 13 s"
    assert record.steps == ["ring", "box"]


def test_the_caller_hangs_up_when_he_has_spoken() -> None:
    """What nearly everybody does; the record waits for the file."""
    world = World()
    call = to_voicemail(world)
    world.run(6.0)
    world.finish_after(call)
    record = record_of(world)
    assert (record.outcome, record.ended_by) == (CallOutcome.VOICEMAIL, "caller")
    assert record.voicemail_seconds == pytest.approx(6.0, abs=0.01)


def test_the_caller_hangs_up_at_the_beep() -> None:
    """Not abandoned: he was not served, and has left nothing; it is the missed call that it was."""
    world = World()
    call = to_voicemail(world)
    world.run(0.3)
    world.finish_after(call)
    assert (record_of(world).outcome, record_of(world).voicemail) == (CallOutcome.BUSY, "")


def test_the_caller_hangs_up_in_the_greeting() -> None:
    world = World()
    ana = world.phone("ana", fails_after=1.0)
    world.flow(
        ring=Dial((world.dialled(ana),), exits={flows.NOBODY_ANSWERED: "box"}),
        box=Voicemail("sales", GREETING),
    )
    call = world.caller().call()
    world.run_until(lambda: call.is_answered)
    assert world.relay.stage.sounding(0) == "greeting.wav"
    world.finish_after(call)
    assert record_of(world).outcome is CallOutcome.BUSY and not world.relay.stage.kept


def test_a_hash_ends_the_message() -> None:
    world = World()
    call = to_voicemail(world)
    world.run(4.0)
    world.relay.stage.press(0, "#")
    world.run(0.1)
    assert call.is_over
    world.finish()
    assert record_of(world).voicemail_seconds == pytest.approx(4.0, abs=0.01)


def test_a_hash_passes_over_the_greeting() -> None:
    world = World()
    world.relay.stage.lengths["greeting.wav"] = 60.0
    ana = world.phone("ana", fails_after=1.0)
    world.flow(
        ring=Dial((world.dialled(ana),), exits={flows.NOBODY_ANSWERED: "box"}),
        box=Voicemail("sales", GREETING),
    )
    call = world.caller().call()
    world.run_until(lambda: call.is_answered)
    assert world.relay.stage.sounding(0) == "greeting.wav"
    world.relay.stage.press(0, "#")
    world.run_until(lambda: world.relay.stage.kept, limit=5.0)
    world.finish_after(call)


def test_the_flow_may_go_on_after_the_message() -> None:
    world = World()
    ben = world.phone("ben", answers_after=1.0)
    world.flow(
        box=Voicemail("sales", None, longest=5.0, exits={flows.RECORDED: "ring"}),
        ring=Dial((world.dialled(ben),)),
    )
    call = world.caller().call()
    world.run_until(lambda: ben.is_talking)
    world.finish_after(call)
    record = record_of(world)
    assert (record.outcome, record.answered_by, record.mailbox) == (CallOutcome.ANSWERED, "ben", "sales")


def test_no_file_and_the_reason_why() -> None:
    world = World()
    call = to_voicemail(world, exits={flows.RECORDED: "end"})
    world.run(1.0)
    world.restart_relay(away=0.1)
    world.run_until(lambda: call.is_over)
    world.finish()
    assert record_of(world).voicemail == "" and "the relay is gone" in record_of(world).reason


def test_a_message_that_the_relay_never_tells_of() -> None:
    world = World()
    call = to_voicemail(world, longest=30.0)
    world.relay.stage._recording.clear()  # it has forgotten
    world.run_until(lambda: call.is_over, limit=60.0)
    world.finish()
    assert "the relay said nothing" in record_of(world).reason
