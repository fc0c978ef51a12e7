"""Whisper, press 1 and extensions, with real phones and real sound."""

from __future__ import annotations

import time
import wave
from array import array
from collections.abc import Callable, Sequence
from math import pi, sin
from pathlib import Path

import pytest

from b2bua.phone import messages as m
from b2bua.phone import outcome
from b2bua.phone.client import Phone
from tests.end_to_end.stage import CALLEES, CALLERS, SOON, Stage, ended, play

pytestmark = [pytest.mark.phones, pytest.mark.xdist_group("phones")]

WORDS, REST = 1000, 1530  # hertz: what stands for words here, and for the rest of a long prompt
RATE = 8000


@pytest.fixture
def words(tmp_path: Path) -> Path:
    """Two seconds of sound in a file."""
    return write(tmp_path / "words.wav", (WORDS, 2))


@pytest.fixture
def long_words(tmp_path: Path) -> Path:
    """A second of words and then much more, so that words which are heard again are of a prompt begun anew."""
    return write(tmp_path / "long-words.wav", (WORDS, 1), (REST, 60))


def write(path: Path, *tones: tuple[int, int]) -> Path:
    """A file of tones: hertz and seconds of each."""
    samples = array("h")
    for frequency, seconds in tones:
        second = [round(8000 * sin(2 * pi * frequency * at / RATE)) for at in range(RATE)]
        samples.extend(second * seconds)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.tobytes())
    return path


def flow(step: str, of_recipient: str = "") -> Callable[[Sequence[Phone]], str]:
    """Number 200, which rings all recipients in a step of a flow."""

    def tables(recipients: Sequence[Phone]) -> str:
        each = "".join(
            f'[[flows.ask.dial.ring.recipients]]\nname = "{phone.name}"\ndestination = "{phone.uri}"\n{of_recipient}\n'
            for phone in recipients
        )
        return (
            f'[numbers."200"]\nname = "Sales"\nflow = "ask"\n[flows.ask]\nfirst = "ring"\n'
            f'[flows.ask.dial.ring]\nring_time = 20\nnobody_answered = "end"\n{step}\n'
            f"[flows.ask.hang_up.end]\n{each}"
        )

    return tables


async def ring(stage: Stage) -> None:
    for phone in (stage.caller, *stage.recipients):
        await phone.listen(CALLERS, CALLEES, WORDS, REST)
    await stage.caller.call(stage.service.uri("200"))
    for phone in stage.recipients:
        await phone.event(m.Incoming, SOON)
    await stage.caller.event(m.Ringing, SOON)


async def hears(phone: Phone, frequency: int) -> None:
    await phone.event(m.ToneHeard, SOON, lambda tone: tone.frequency == frequency)


def heard_words(phone: Phone) -> bool:
    return any(isinstance(event, m.ToneHeard) and event.frequency == WORDS for event in phone.history)


def test_the_recipient_hears_the_whisper_and_then_the_caller(words: Path) -> None:
    async def scene(stage: Stage) -> None:
        await ring(stage)
        await stage.ana.answer()
        answered = await stage.ana.event(m.Confirmed, SOON)
        began = await stage.ana.event(m.ToneHeard, SOON, lambda tone: tone.frequency == WORDS)
        await stage.ana.event(m.ToneGone, SOON, lambda tone: tone.frequency == WORDS)
        connected = await stage.caller.event(m.Confirmed, SOON)
        assert began.at < connected.at, "nobody is connected before the words, which take two seconds, are over"
        assert connected.at - answered.at > 1.0, "the same, if the ear was late; the phone may have told of it late too"
        await stage.hear_each_other(stage.ana)
        assert not heard_words(stage.caller)
        assert await ended(stage.ben, stage.carl) == [outcome.ANSWERED_ELSEWHERE] * 2
        await stage.caller.hang_up()
        await ended(stage.ana)
        print(f"answer to whisper {began.at - answered.at:.3f} s, the ear's window of 0.1 s with it")

    play(scene, tables=flow(f'whisper = {{ play = "{words}" }}'))


def test_pressing_1_connects_while_the_others_ring(words: Path) -> None:
    async def scene(stage: Stage) -> None:
        await ring(stage)
        await stage.ana.answer()
        await stage.ben.answer()
        for phone in (stage.ana, stage.ben):
            await phone.event(m.ToneHeard, SOON, lambda tone: tone.frequency == WORDS)
        assert not any(isinstance(event, m.Confirmed) for event in stage.caller.history)
        assert not any(isinstance(event, m.Disconnected) for event in stage.carl.history)
        pressed = time.monotonic()
        await stage.ben.tell(m.SendDigits("1"))
        connected = await stage.caller.event(m.Confirmed, SOON)
        print(f"key to answer {connected.at - pressed:.3f} s, its way through the phone with it")
        await stage.hear_each_other(stage.ben)
        assert await ended(stage.ana, stage.carl) == [outcome.ANSWERED_ELSEWHERE] * 2
        assert not any(isinstance(event, m.DigitHeard) for event in stage.caller.history)
        assert not heard_words(stage.caller)
        await stage.caller.hang_up()
        await ended(stage.ben)
        record = await stage.record()
        assert record["answered_by"] == "Ben"

    play(scene, tables=flow(f'press_one = true\nconfirm_prompt = {{ play = "{words}" }}'))


def test_a_wrong_key_begins_the_prompt_anew_and_2_declines(long_words: Path) -> None:
    """Neither is heard by the caller, and Carl rings all the while."""

    async def scene(stage: Stage) -> None:
        await ring(stage)
        for phone in (stage.ana, stage.ben):
            await phone.answer()
            await hears(phone, WORDS)
            await hears(phone, REST)
        await stage.ana.send_digits("7")
        await hears(stage.ana, WORDS)
        await stage.ben.send_digits("2")
        assert await ended(stage.ben) == [outcome.TALKED]
        assert not any(isinstance(event, m.Disconnected) for event in (*stage.ana.history, *stage.carl.history))
        assert not any(isinstance(event, m.Confirmed) for event in stage.caller.history)
        await stage.ana.send_digits("1")
        await stage.caller.event(m.Confirmed, SOON)
        await stage.hear_each_other(stage.ana)
        assert await ended(stage.carl) == [outcome.ANSWERED_ELSEWHERE]
        assert not heard_words(stage.caller) and not heard_words(stage.carl)
        await stage.caller.hang_up()
        await ended(stage.ana)
        record = await stage.record()
        came_out = {each["name"]: each["outcome"] for each in record["recipients"]}
        assert came_out == {"Ana": "answered", "Ben": "declined", "Carl": "stopped"}
        assert record["answered_by"] == "Ana"

    play(scene, tables=flow(f'press_one = true\nconfirm_time = 60\nconfirm_prompt = {{ play = "{long_words}" }}'))


def test_the_keys_of_an_extension_arrive_before_the_caller() -> None:
    async def scene(stage: Stage) -> None:
        await ring(stage)
        await stage.carl.answer()
        keys = [await stage.carl.event(m.DigitHeard, SOON) for _ in range(3)]
        assert [key.digit for key in keys] == ["2", "1", "4"]
        connected = await stage.caller.event(m.Confirmed, SOON)
        assert connected.at > keys[-1].at
        await stage.hear_each_other(stage.carl)
        await stage.caller.hang_up()
        await ended(stage.carl)

    play(scene, tables=flow("", 'extension = "w214"'))
