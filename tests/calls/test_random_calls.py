"""Thousands of random calls over a bad network: each ends with one winner or none, and nothing left over.

Each call has a seed; the whole course of it follows from that, so that a failure is run again by
`RANDOM_CALL=seed pytest tests/calls/test_random_calls.py`. How many are run: RANDOM_CALLS.
"""

from __future__ import annotations

import os
import random
from typing import Any

import pytest

from b2bua.calls.flow import NOBODY_ANSWERED, Decline, Dial, HangUp, Mode, Prompt, PromptKind
from b2bua.calls.recipient import Credentials, EarlyMedia, Recipient, SixXX
from b2bua.calls.record import CallOutcome, RecipientOutcome
from tests.calls.chances import script, weather
from tests.world.caller import Caller, TrunkCall
from tests.world.description import read
from tests.world.phone import Phone
from tests.world.world import World

CALLS = int(os.environ.get("RANDOM_CALLS", "6000"))
ONE = os.environ.get("RANDOM_CALL")
CHUNKS = 12
OURS = (Credentials("multiring", "secret"),)
WAYS = ("sendrecv", "sendonly", "inactive")
WORDS = (
    Prompt(PromptKind.SAY, "words"),
    Prompt(PromptKind.TONE, "de"),
)  # the real relay here plays tones alone


def populate(world: World, chance: random.Random) -> list[Phone]:
    phones = []
    for number in range(chance.choice((1, 2, 2, 3, 3, 3, 4, 6))):
        fields: dict[str, Any] = {"credentials": OURS} if chance.random() < 0.8 else {}
        if chance.random() < 0.1:
            fields[chance.choice(("start_after", "stop_after"))] = chance.choice((0.5, 1.0))
        transport = "TCP" if chance.random() < 0.1 else "UDP"
        phones.append(
            world.phone(f"phone{number}", transport=transport, script=script(chance), recipient=fields)
        )
    if chance.random() < 0.1:
        world.network.unroutable.add("203.0.113.66")
        world.plan.recipients.append(Recipient(name="gone", uri="sip:gone@203.0.113.66"))
    if chance.random() < 0.1:
        world.add_recipient(phones[0], name=phones[0].name)
    return phones


def ask(world: World, chance: random.Random, phones: list[Phone]) -> bool:
    """Have the number go through a dial step of a flow that asks something of recipients; not always."""
    if chance.random() < 0.5:
        return False

    def prompt(share: float) -> Prompt | None:
        return chance.choice(WORDS) if chance.random() < share else None

    recipients = tuple(
        world.dialled(
            phone,
            extension=chance.choice(("", "", "", "w21")),
            press_one=chance.choice((None, None, None, True, False)),
            start_after=chance.choice((0.0, 0.0, 0.0, 0.5)),
        )
        for phone in phones
    )
    step = Dial(
        recipients,
        mode=chance.choice((Mode.EVERYONE, Mode.EVERYONE, Mode.TURNS)),
        ring_time=world.plan.ring_time,
        early_media=world.plan.early_media,
        whisper=prompt(0.4),
        press_one=chance.random() < 0.6,
        confirm_prompt=prompt(0.9),
        too_late=prompt(0.6),
        confirm_time=chance.choice((0.5, 1.0, 3.0)),
        decline=chance.choice((Decline.RECIPIENT, Decline.RECIPIENT, Decline.EVERYONE)),
        six_xx=world.plan.six_xx,
        exits={NOBODY_ANSWERED: "end"},
    )
    world.flow(ring=step, end=HangUp())
    stage = world.relay.stage
    stage.length = chance.choice((0.3, 0.5, 2.0))
    stage.fails = chance.choice(("", "", "", "", "no such file"))
    stage.is_mute = chance.random() < 0.1
    return True


def everyone_speaks(world: World, caller: Caller, phones: list[Phone]) -> None:
    """Each says its name to where it was told, whether it may or not."""
    for phone in phones:
        for call in phone.calls:
            if call.invite.message.sdp:
                phone.media.say(phone.name.encode(), read(call.invite.message.sdp))
    for trunk in caller.calls:
        if trunk.dialog is not None and trunk.dialog.remote_description is not None:
            caller.media.say(b"trunk", trunk.dialog.remote_description)


def play(world: World, chance: random.Random, phones: list[Phone]) -> TrunkCall:
    """Call, perhaps give up, perhaps hold, and hang up from either side."""
    caller = world.caller(transport="TCP" if chance.random() < 0.1 else "UDP")
    caller.supported = chance.choice(((), (), ("100rel",), ("timer", "100rel")))
    caller.expects_early_media = world.plan.early_media is not EarlyMedia.NONE
    caller.acks_after = chance.choice((0.0, 0.0, 0.3))
    required = [("Require", "100rel")] if chance.random() < 0.1 else []
    late_offer = chance.random() < (0.5 if required else 0.1)
    caller.expects_early_media |= bool(required) and late_offer
    offer = caller.description()
    if caller.supported and not late_offer and chance.random() < 0.5:
        caller.offers_in_prack = offer.changed(direction=chance.choice(WAYS))
        caller.expects_forked_answers = True
    call = caller.call(offer=offer, late_offer=late_offer, headers=required)
    if call.caller.supported and chance.random() < 0.4:
        offer_early(world, call, chance)
    if chance.random() < 0.3:
        world.run(chance.choice((0.0005, 0.002, 0.1, 0.6, 1.0, 1.05, 1.1, 1.3)))
        if not call.status:
            call.cancel()
    if chance.random() < 0.1:
        world.run(chance.choice((0.05, 0.9, 1.02)))
        world.network.part([chance.choice(phones).address.host])
        world.run(chance.choice((0.3, 2.5)))
        world.network.heal()
    if chance.random() < 0.3:
        world.run(chance.choice((0.3, 0.9)))
        everyone_speaks(world, caller, phones)
    world.run_until(lambda: call.status or call.is_over, limit=400.0)
    world.run(chance.choice((0.0, 0.1, 1.0, 5.0)))
    everyone_speaks(world, caller, phones)
    talking = [phone for phone in phones if phone.is_talking and phone.dialog.state == "confirmed"]
    if call.is_answered and call.offer is not None and chance.random() < 0.3:
        hold(call, talking, chance)
        world.run(chance.choice((0.0, 0.5, 3.0)))
    talking = [phone for phone in talking if phone.dialog.state == "confirmed"]
    if talking and chance.random() < 0.5:
        talking[0].hang_up()
        world.run(chance.choice((0.0, 0.02, 3.0)))
    if call.is_answered and call.session.state == "confirmed":
        call.hang_up()
    return call


def offer_early(world: World, call: TrunkCall, chance: random.Random) -> None:
    """UPDATE with an offer while it rings, once the INVITE's own has its answer; whatever it meets, it is answered."""
    world.run(chance.choice((0.3, 0.5, 0.99, 1.0, 1.01)))
    is_agreed = call.dialog is not None and call.dialog.remote_texts and any(each.status == 200 for each in call.pracks)
    if call.offer is not None and is_agreed and call.is_ringing:
        call.caller.expects_forked_answers = True
        call.update(call.offer.changed().changed(direction=chance.choice(WAYS)))


def hold(call: TrunkCall, talking: list[Phone], chance: random.Random) -> None:
    """A re-INVITE or UPDATE of the caller, at times with one of the callee."""
    assert call.offer is not None
    held = call.offer.changed(direction="sendonly")
    if chance.random() < 0.3:
        call.update(held)
    else:
        call.session.reinvite(held if chance.random() < 0.8 else None)
    if talking and chance.random() < 0.3:
        local = talking[0].dialog.local_description
        talking[0].dialog.reinvite(local.changed(direction="inactive") if local else None)


def judge(world: World, call: TrunkCall, phones: list[Phone], is_asked: bool) -> None:
    """The world's finish has found every phone quiet and nothing left; what remains is the outcome."""
    assert call.status, "the caller never got a final response"
    (record,) = world.records
    outcomes = [recipient.outcome for recipient in record.recipients]
    assert None not in outcomes
    winners = outcomes.count(RecipientOutcome.ANSWERED)
    assert winners <= 1
    assert (record.answered_by is not None) == (winners == 1)
    if call.status == 200:
        assert record.outcome is CallOutcome.ANSWERED and winners == 1
    else:
        assert record.outcome is not CallOutcome.ANSWERED
        assert record.outcome is not None
    assert record.status == call.status
    assert record.ended_at is not None and record.ended_at >= record.started_at
    if world.plan.early_media is EarlyMedia.NONE:
        voices = call.caller.media.payloads & {phone.name.encode() for phone in phones}
        assert voices <= {(record.answered_by or "nobody").encode()}
    # An only recipient may hear the caller early, if early media is on; nobody of whom anything is asked.
    if len(world.plan.recipients) > 1 or (is_asked and world.plan.early_media is EarlyMedia.NONE):
        for phone in phones:
            assert b"trunk" not in phone.media.payloads or phone.name == record.answered_by


def rehearse(seed: int) -> None:
    chance = random.Random(seed)
    world = World(seed=seed, at_once=chance.random() < 0.5)
    world.plan.ring_time = chance.choice((1.0, 2.0, 5.0, 30.0))
    world.plan.six_xx = chance.choice((SixXX.RECIPIENT, SixXX.RECIPIENT, SixXX.EVERYONE))
    world.plan.early_media = chance.choice(
        (EarlyMedia.NONE, EarlyMedia.NONE, EarlyMedia.FIRST, EarlyMedia.SINGLE)
    )
    world.relay.delay = chance.choice((0.0, 0.0005, 0.02, 0.5))
    if chance.random() < 0.3:
        world.use_real_relay(world.relay.delay)
    phones = populate(world, chance)
    is_asked = ask(world, chance, phones)
    world.network.link = weather(chance)
    for phone in phones:
        phone.expects_offer = False
    try:
        call = play(world, chance, phones)
        world.finish()
        judge(world, call, phones, is_asked)
    except AssertionError as fault:
        raise AssertionError(f"RANDOM_CALL={seed}\n{fault}") from fault


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_random_calls_end_well(chunk: int) -> None:
    """T44 in small: exactly one winner or none, one final response, every phone quiet, nothing left over."""
    if ONE is not None:
        rehearse(int(ONE))
        return
    for seed in range(chunk * CALLS // CHUNKS, (chunk + 1) * CALLS // CHUNKS):
        rehearse(seed)
