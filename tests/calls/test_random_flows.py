"""Thousands of random calls through random flows over a bad network: each ends, and its record tells how.

As test_random_calls.py, with whole flows: several dial steps, prompts, menus, schedules, mailboxes; callers who press
keys, hold, and hang up at any moment; prompts that fail or never end; a relay that is started again in between.
`RANDOM_FLOW=seed pytest tests/calls/test_random_flows.py` runs one again; how many are run: RANDOM_FLOWS.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable

import pytest

from b2bua.calls import flow as flows
from b2bua.calls.flow import (
    Decline,
    Dial,
    HangUp,
    Menu,
    Mode,
    Play,
    Prompt,
    PromptKind,
    Schedule,
    Step,
    Voicemail,
)
from b2bua.calls.record import CallOutcome, CallRecord, RecipientOutcome, RecipientRecord
from rtp_relay import control
from tests.calls.chances import script, weather
from tests.world.caller import TrunkCall
from tests.world.dialog import Dialog
from tests.world.phone import Phone
from tests.world.world import World

FLOWS = int(os.environ.get("RANDOM_FLOWS", "3000"))
ONE = os.environ.get("RANDOM_FLOW")
CHUNKS = 12
SAY = Prompt(PromptKind.SAY, "words")
TONE = Prompt(PromptKind.TONE, "de")
KEYS = "12#"
CONNECTED = (RecipientOutcome.ANSWERED,)


class Making:
    """Draws a flow that comes to an end by itself: whoever does nothing is led forwards only."""

    def __init__(self, world: World, chance: random.Random, phones: list[Phone]) -> None:
        self.world, self.chance, self.phones = world, chance, phones
        self.count = chance.choice((1, 2, 2, 3, 3, 4, 5))
        self.at = 0

    def steps(self) -> dict[str, Step]:
        made: dict[str, Step] = {}
        for at in range(self.count):
            self.at = at
            kinds: tuple[Callable[[], Step], ...] = (
                self.dial, self.dial, self.dial, self.play, self.menu, self.menu, self.schedule, self.voicemail,
            )  # fmt: skip
            made[f"s{at}"] = self.chance.choice(kinds)()
        made["end"] = HangUp(self.chance.choice((0, 0, 486, 603)))
        return made

    def ahead(self) -> str:
        return self.chance.choice([*[f"s{at}" for at in range(self.at + 1, self.count)], "end"])

    def anywhere(self) -> str:
        return self.chance.choice([f"s{at}" for at in range(self.count)])

    def prompt(self, share: float) -> Prompt | None:
        return self.chance.choice((SAY, TONE)) if self.chance.random() < share else None

    def dial(self) -> Step:
        chance = self.chance
        exits = {flows.NOBODY_ANSWERED: self.ahead()}
        if chance.random() < 0.4:
            exits[flows.ALL_BUSY_OR_DECLINED] = self.ahead()
        if chance.random() < 0.4:
            exits[flows.ANSWERED] = self.ahead()
        recipients = tuple(
            self.world.dialled(
                phone,
                is_on=chance.random() < 0.9,
                extension=chance.choice(("", "", "", "w21")),
                press_one=chance.choice((None, None, None, True, False)),
                start_after=chance.choice((0.0, 0.0, 0.0, 0.5)),
                stop_after=chance.choice((0.0, 0.0, 0.0, 1.0)),
            )
            for phone in chance.sample(self.phones, chance.randint(1, len(self.phones)))
        )
        return Dial(
            recipients,
            mode=chance.choice((Mode.EVERYONE, Mode.EVERYONE, Mode.TURNS, Mode.ONE)),
            ring_time=chance.choice((1.0, 2.0, 5.0)),
            caller_hears=self.prompt(0.3),
            whisper=self.prompt(0.3),
            press_one=chance.random() < 0.3,
            confirm_prompt=self.prompt(0.9),
            too_late=self.prompt(0.6),
            confirm_time=chance.choice((0.5, 1.0, 3.0)),
            decline=chance.choice((Decline.RECIPIENT, Decline.RECIPIENT, Decline.EVERYONE)),
            exits=exits,
        )

    def play(self) -> Step:
        return Play(self.chance.choice((SAY, TONE)), exits={flows.PLAYED: self.ahead()})

    def menu(self) -> Step:
        exits = {key: self.anywhere() for key in KEYS if self.chance.random() < 0.7}
        return Menu(
            SAY,
            timeout=self.chance.choice((1.0, 3.0)),
            tries=self.chance.choice((1, 2)),
            exits={**exits, flows.NO_CHOICE: self.ahead()},
        )

    def schedule(self) -> Step:
        hours = flows.Branch("open", (flows.Opening(self.chance.randrange(7), 0, flows.MINUTES_OF_A_DAY),))
        return Schedule("UTC", (hours,), exits={"open": self.ahead(), flows.OTHERWISE: self.ahead()})

    def voicemail(self) -> Step:
        return Voicemail(
            "sales",
            self.prompt(0.5),
            longest=self.chance.choice((2.0, 5.0, 60.0)),
            silence_end=self.chance.choice((0.0, 1.0)),
            exits={flows.RECORDED: self.ahead()} if self.chance.random() < 0.4 else {},
        )


class Playing:
    """The caller, and what happens to him. is_restarted: the relay was started again."""

    def __init__(self, world: World, chance: random.Random, phones: list[Phone]) -> None:
        self.world, self.chance, self.phones = world, chance, phones
        self.is_restarted = False
        self.pressed_while_talking = 0
        caller = world.caller(transport="TCP" if chance.random() < 0.1 else "UDP")
        caller.supported = chance.choice(((), (), ("100rel",), ("timer", "100rel")))
        caller.expects_early_media = True
        caller.acks_after = chance.choice((0.0, 0.0, 0.3))
        self.caller = caller
        self.call = caller.call(late_offer=chance.random() < 0.15)

    def play(self) -> TrunkCall:
        chance, world, call = self.chance, self.world, self.call
        acts = (
            self.key, self.key, self.key, self.key_by_info, self.hold, self.ask_for_an_offer, self.update,
            self.hang_up_a_phone, self.hold_by_a_phone, self.hold_and_be_left, self.talk, self.talk,
            self.restart_the_relay,
        )  # fmt: skip
        for _ in range(chance.choice((0, 1, 2, 4, 8))):
            world.run(chance.choice((0.0, 0.0005, 0.05, 0.5, 1.0, 1.05, 2.0, 4.0)))
            if call.is_over:
                break
            chance.choice(acts)()
        if chance.random() < 0.6:
            world.run(chance.choice((0.0, 0.0005, 0.1, 0.6, 1.0, 1.05, 1.3, 3.0, 8.0)))
            self.leave()
        world.run_until(lambda: call.is_over or self.is_talking, limit=9000.0)
        for _ in range(8):  # with as many as the flow connects him to
            if call.is_over:
                break
            world.run(chance.choice((0.0, 0.1, 1.0, 5.0)))
            self.talk()
            chance.choice(
                (self.hang_up_a_phone, self.hang_up_a_phone, self.hold_by_a_phone, self.hold_and_be_left, self.leave)
            )()
            world.run_until(lambda: call.is_over or self.is_talking, limit=9000.0)
        if not call.is_over:
            self.leave()
        return call

    @property
    def is_up(self) -> bool:
        return self.call.is_answered and self.call.session.state == "confirmed"

    @property
    def talking(self) -> list[Dialog]:
        """Of phones whose 200 we have acknowledged; one that answers twice has two, of which one is sent away."""
        answered = [
            (called, answer)
            for phone in self.phones
            for called in phone.calls
            for answer in called.answers
            if answer.acknowledged
        ]
        dialogs = [called.dialogs[answer.tag] for called, answer in answered]
        return [dialog for dialog in dialogs if dialog.state == "confirmed"]

    @property
    def is_talking(self) -> bool:
        return bool(self.talking) and self.is_up

    def leave(self) -> None:
        if self.is_up:
            self.call.hang_up()
        elif not self.call.status:
            self.call.cancel()

    def key(self) -> None:
        if self.is_up and self.call.session.remote_description is not None:
            self.caller.media.press(self.chance.choice(KEYS), self.call.session.remote_description)

    def key_by_info(self) -> None:
        if self.is_up:
            headers = [("Content-Type", "application/dtmf-relay")]
            body = f"Signal={self.chance.choice(KEYS)}\r\nDuration=160\r\n"
            self.call.session.request("INFO", body, headers, may_fail=True)

    def _next_description(self) -> object:
        assert self.call.session.local_description is not None
        return self.call.session.local_description.changed(
            direction=self.chance.choice(("sendonly", "sendrecv", "inactive"))
        )

    def hold(self) -> None:
        session = self.call.dialog
        if self.is_up and session is not None and (session.invite_sent is None or session.invite_sent.final):
            session.reinvite(self._next_description())  # type: ignore[arg-type]

    def ask_for_an_offer(self) -> None:
        session = self.call.dialog
        if self.is_up and session is not None and (session.invite_sent is None or session.invite_sent.final):
            session.reinvite(None)

    def update(self) -> None:
        if self.is_up:
            self.call.update()

    def hang_up_a_phone(self) -> None:
        if self.talking:
            self.chance.choice(self.talking).hang_up()

    def hold_by_a_phone(self) -> None:
        """With an offer or without; at times it hangs up behind it."""
        if not self.talking:
            return
        dialog = self.chance.choice(self.talking)
        if dialog.invite_sent is not None and not dialog.invite_sent.final:
            return
        local = dialog.local_description if self.chance.random() < 0.7 else None
        dialog.reinvite(local.changed(direction="sendonly") if local else None)
        self._hang_up_behind(dialog)

    def _hang_up_behind(self, dialog: Dialog) -> None:
        if self.chance.random() < 0.5:
            self.world.run(self.chance.choice((0.0, 0.001, 0.02, 0.1)))
            if dialog.state == "confirmed":
                dialog.hang_up()

    def hold_and_be_left(self) -> None:
        """The caller holds, or asks for an offer, and who he talks to hangs up at that moment."""
        if self.talking:
            dialog = self.chance.choice(self.talking)
            self.chance.choice((self.hold, self.ask_for_an_offer))()
            self._hang_up_behind(dialog)

    def talk(self) -> None:
        """Everybody says his name to where he was told to, whether he may or not."""
        for phone in self.phones:
            for called in phone.calls:
                for dialog in called.dialogs.values():
                    if dialog.last_heard is not None:
                        phone.media.say(phone.name.encode(), dialog.last_heard)
        if self.call.dialog is not None and self.call.dialog.remote_description is not None:
            self.caller.media.say(b"trunk", self.call.dialog.remote_description)

    def restart_the_relay(self) -> None:
        if self.world.media is self.world.relay and not self.is_restarted:
            self.is_restarted = True
            self.world.restart_relay(self.chance.choice((0.0, 0.1, 1.0, 3.0)))


def judge(world: World, call: TrunkCall, phones: list[Phone]) -> None:
    """The world's finish has found everybody quiet and nothing left; what remains is what is told, and who heard."""
    assert call.status, "the caller never got a final response"
    (record,) = world.records
    judge_outcome(record, call)
    judge_sentences(record)
    if world.media is world.relay:
        judge_media(world, record)
    connected = {each.name.encode() for each in record.recipients if each.outcome in CONNECTED}
    assert call.caller.media.payloads & {phone.name.encode() for phone in phones} <= connected
    for phone in phones:
        assert b"trunk" not in phone.media.payloads or phone.name.encode() in connected


def judge_outcome(record: CallRecord, call: TrunkCall) -> None:
    outcomes = [recipient.outcome for recipient in record.recipients]
    assert None not in outcomes and record.outcome is not None
    assert record.status == call.status
    assert record.ended_at is not None and record.ended_at >= record.started_at
    assert (record.answered_by is not None) == (RecipientOutcome.ANSWERED in outcomes)
    assert (record.outcome is CallOutcome.ANSWERED) == (record.answered_by is not None), record
    if record.answered_by is None:
        assert (record.outcome is CallOutcome.VOICEMAIL) == bool(record.voicemail), record
    if record.outcome in (CallOutcome.ANSWERED, CallOutcome.VOICEMAIL, CallOutcome.SERVED):
        assert call.status == 200 or (record.outcome is CallOutcome.SERVED and not record.recipients)
    if record.outcome is CallOutcome.ABANDONED:
        assert record.ended_by == "caller", record
    for each in record.recipients:
        if each.outcome is RecipientOutcome.CALLER_HUNG_UP:
            assert record.ended_by == "caller", record


def judge_sentences(record: CallRecord) -> None:
    for sentence in (record.sentence, *(recipient.sentence for recipient in record.recipients)):
        assert sentence and "None" not in sentence and "somebody answered" not in sentence, sentence
    for each in record.recipients:
        if each.sentence.startswith(("Stopped: ", "Not called: ")):
            name = each.sentence.partition(": ")[2].partition(" ")[0]
            if name == "the":  # caller has hung up
                continue
            others = [other for other in record.recipients if other.name == name]
            assert any(other.answered_at or other.status for other in others), record


def judge_media(world: World, record: CallRecord) -> None:
    """Nobody is bridged who was not connected, nobody is played to who is gone, keys go where they are meant."""
    by_leg = {each.leg: each for each in record.recipients}
    for at, command in world.relay.commands:
        now = round((at + world.plan.wall_offset) * 1e6)
        if isinstance(command, control.Bridge):
            other = by_leg[max(command.a, command.b)]
            assert other.outcome in CONNECTED and other.answered_at is not None, (other, command)
            assert now >= other.answered_at
        elif isinstance(command, control.Play):
            assert record.ended_at is not None and now <= record.ended_at, command
            if command.leg:
                judge_play(by_leg[command.leg], now, command)


def judge_play(recipient: RecipientRecord, now: int, command: control.Play) -> None:
    lost = recipient.outcome in (RecipientOutcome.STOPPED, RecipientOutcome.PRESSED_TOO_LATE)
    assert recipient.answered_at is not None and now >= recipient.answered_at
    assert recipient.ended_at is None or now <= recipient.ended_at or lost, (recipient, command)


def rehearse(seed: int) -> None:
    chance = random.Random(seed)
    world = World(seed=seed, at_once=chance.random() < 0.5)
    world.plan.name = chance.choice(("", "Sales"))
    world.plan.session_expires = chance.choice((0, 0, 90))
    world.relay.delay = chance.choice((0.0, 0.0005, 0.02, 0.5))
    stage = world.relay.stage
    stage.length = chance.choice((0.3, 0.5, 2.0))
    stage.message = chance.choice((0.5, 3.0))
    stage.fails = chance.choice(("", "", "", "", "", "no such file"))
    stage.is_mute = chance.random() < 0.05
    names = [f"phone{at}" for at in range(chance.choice((1, 2, 3, 3, 4)))]
    phones = [world.phone(name, script=script(chance), is_recipient=False) for name in names]
    for phone in phones:
        phone.expects_offer = False
    world.flow(**Making(world, chance, phones).steps())
    world.network.link = weather(chance)
    try:
        playing = Playing(world, chance, phones)
        call = playing.play()
        world.finish(limit=9000.0)
        judge(world, call, phones)
    except AssertionError as fault:
        raise AssertionError(f"RANDOM_FLOW={seed}\n{fault}") from fault


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_random_flows_end_well(chunk: int) -> None:
    """Every call ends, leaves nothing over, and has one record with an outcome that is true."""
    if ONE is not None:
        rehearse(int(ONE))
        return
    for seed in range(chunk * FLOWS // CHUNKS, (chunk + 1) * FLOWS // CHUNKS):
        rehearse(seed)
