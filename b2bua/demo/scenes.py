"""The calls of the demo, each with what must be so in it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from b2bua.demo.checks import Checks
from b2bua.demo.view import View
from b2bua.phone import messages, outcome
from b2bua.phone.client import Phone

# Far apart, and neither near a multiple of the other, so that no distortion of one passes for the other.
CALLERS_TONE: Final = 440
ANAS_TONE: Final = 710

EVERYONE: Final = "100"
IN_TURNS: Final = "101"
PRESS_ONE: Final = "102"
WHISPER: Final = "whisper.wav"
PROMPT: Final = "press-one.wav"
TOO_LATE: Final = "too-late.wav"
PROMPTS: Final = {
    WHISPER: 950,
    PROMPT: 1210,
    TOO_LATE: 1530,
}  # hertz, each told from the others and from people

PATIENCE: Final = 5.0  # seconds for anything that should happen at once
RING: Final = 2.0  # seconds that the phones ring in view
TALK: Final = 4.0  # seconds of sound to judge
WHISPER_WITHIN: Final = 0.6  # seconds from the answer until a tenth of a second of it has been heard
AT_ONCE: Final = 0.25  # seconds within which all phones ring, and all others stop
EDGE_WINDOWS: Final = 2  # windows at the ends of a tone that may hold too little of it to be told


@dataclass(frozen=True, slots=True)
class Cast:
    """Who plays, what a number's URI is, and where it is shown and noted."""

    caller: Phone
    recipients: Sequence[Phone]  # Ana, Ben and Carl
    uri: Callable[[str], str]
    view: View
    checks: Checks


async def one_answers(cast: Cast) -> None:
    """Three ring, Ana answers, the others stop, the two talk, the caller hangs up."""
    ana, *others = cast.recipients
    await _ring(cast)
    await asyncio.sleep(RING)
    answered_at = time.monotonic()
    await ana.answer()
    await ana.event(messages.Confirmed, PATIENCE)
    connected = await cast.caller.event(messages.Confirmed, PATIENCE)
    lag = connected.at - answered_at
    cast.checks.that(lag < AT_ONCE, "Ana answered and the caller was connected", f"{1000 * lag:.0f} ms later")
    await _others_stop(cast, others, answered_at)
    await _talk(cast, ana, others)
    await cast.caller.hang_up()
    over = await ana.event(messages.Disconnected, PATIENCE)
    cast.checks.that(over.outcome == outcome.TALKED, "the caller hung up and Ana's call ended", over.outcome)
    await cast.caller.event(messages.Disconnected, PATIENCE)


async def caller_gives_up(cast: Cast) -> None:
    """Three ring, the caller hangs up, all three show a missed call."""
    await _ring(cast)
    await asyncio.sleep(RING)
    await cast.caller.hang_up()
    ended = await _all_end(cast.recipients)
    over = await cast.caller.event(messages.Disconnected, PATIENCE)
    cast.checks.that(over.code == 487, "the caller's call ended with 487", f"{over.code} {over.reason}")
    for phone, event in zip(cast.recipients, ended, strict=True):
        cast.checks.that(event.outcome == outcome.MISSED, f"{phone.name} shows a missed call", event.outcome)


async def all_decline(cast: Cast) -> None:
    """Three ring, one after the other declines, the caller is told that nobody can come."""
    await _ring(cast)
    for phone in cast.recipients:
        await asyncio.sleep(RING / 3)
        cast.checks.that(not _is_over(cast.caller), f"the caller still waited when {phone.name} declined")
        await phone.decline()
        await phone.event(messages.Disconnected, PATIENCE)
    over = await cast.caller.event(messages.Disconnected, PATIENCE)
    cast.checks.that(
        over.code == 480, "the caller got 480 when the last had declined", f"{over.code} {over.reason}"
    )


async def take_turns(cast: Cast) -> None:
    """Ana is first and declines, Ben takes the call; the next call begins with Carl, whom nobody has rung yet."""
    ana, ben, carl = cast.recipients
    await _call(cast, IN_TURNS)
    await ana.event(messages.Incoming, PATIENCE)
    await asyncio.sleep(RING / 2)
    cast.checks.that(not _rang(ben, carl), "Ana rang alone", ", ".join(_rang(ben, carl)))
    await ana.decline()
    await ben.event(messages.Incoming, PATIENCE)
    await _take(cast, ben, "Ben, who was next,")
    await _call(cast, IN_TURNS)
    await carl.event(messages.Incoming, PATIENCE)
    await asyncio.sleep(RING / 2)
    cast.checks.that(not _rang(ana, ben), "the next call began with Carl", ", ".join(_rang(ana, ben)))
    await _take(cast, carl, "Carl")


async def press_one(cast: Cast) -> None:
    """Ana's mailbox answers and presses nothing; Ben hears whisper and prompt, presses 1 and has the call."""
    ana, ben, carl = cast.recipients
    await _ring(cast, PRESS_ONE)
    await ana.answer()
    await _hears(ana, WHISPER)
    answered_at = time.monotonic()
    await ben.answer()
    whisper = await _hears(ben, WHISPER)
    took = f"{1000 * (whisper.at - answered_at):.0f} ms"
    is_soon = whisper.at - answered_at < WHISPER_WITHIN
    cast.checks.that(is_soon, "Ben heard the whisper as soon as he had answered", took)
    await _hears(ben, PROMPT)
    still = not cast.caller.has(messages.Confirmed) and not _is_over(carl)
    cast.checks.that(still, "meanwhile the caller waited, and Carl's phone rang on")
    pressed_at = time.monotonic()
    await ben.send_digits("1")
    connected = await cast.caller.event(messages.Confirmed, PATIENCE)
    lag = connected.at - pressed_at
    cast.checks.that(lag < AT_ONCE, "Ben pressed 1 and was connected", f"{1000 * lag:.0f} ms later")
    stopped = await carl.event(messages.Disconnected, PATIENCE)
    told = stopped.outcome == outcome.ANSWERED_ELSEWHERE
    cast.checks.that(told, "Carl stopped ringing and shows no missed call", stopped.outcome)
    await _hears(ana, TOO_LATE)
    await ana.event(messages.Disconnected, PATIENCE)
    cast.checks.that(True, "Ana's mailbox was told that it was too late, and hung up on")
    await _hear_each_other(cast.caller, ben)
    at_caller, at_ana = await cast.caller.heard(), await ana.heard()
    heard = sum(at_caller.tones[frequency] for frequency in PROMPTS.values())
    cast.checks.that(heard == 0, "the caller heard nothing of whisper and prompt", f"{heard} windows")
    leaked = at_ana.tones[CALLERS_TONE]
    cast.checks.that(leaked == 0, "nothing of the caller reached the mailbox", f"{leaked} windows")
    await _hang_up(cast, ben)


def flows(people: Sequence[tuple[str, str]]) -> str:
    """The numbers 101 and 102, as the configuration has them. people: names and SIP URIs."""
    return f"""
[numbers."{IN_TURNS}"]
name = "Sales line, in turns"
flow = "turns"

[numbers."{PRESS_ONE}"]
name = "Sales line, after hours"
flow = "asked"

[flows.turns]
first = "ring"

[flows.turns.dial.ring]
mode = "turns"
ring_time = 10
nobody_answered = "end"
{_recipients("turns", people)}
[flows.turns.hang_up.end]

[flows.asked]
first = "ring"

[flows.asked.dial.ring]
ring_time = 20
whisper = {{ play = "{WHISPER}" }}
press_one = true
confirm_prompt = {{ play = "{PROMPT}" }}
too_late = {{ play = "{TOO_LATE}" }}
confirm_time = 15
nobody_answered = "end"
{_recipients("asked", people)}
[flows.asked.hang_up.end]
"""


def _recipients(flow: str, people: Sequence[tuple[str, str]]) -> str:
    return "".join(
        f"\n[[flows.{flow}.dial.ring.recipients]]\nname = {json.dumps(name)}\ndestination = {json.dumps(uri)}\n"
        for name, uri in people
    )


async def _take(cast: Cast, phone: Phone, who: str) -> None:
    """Answers, and the caller hangs up when the two have heard each other."""
    await phone.answer()
    await cast.caller.event(messages.Confirmed, PATIENCE)
    await _hear_each_other(cast.caller, phone)
    cast.checks.that(True, f"{who} and the caller hear each other")
    await _hang_up(cast, phone)


async def _hang_up(cast: Cast, phone: Phone) -> None:
    await cast.caller.hang_up()
    await phone.event(messages.Disconnected, PATIENCE)
    await cast.caller.event(messages.Disconnected, PATIENCE)


async def _hear_each_other(caller: Phone, phone: Phone) -> None:
    await asyncio.gather(
        caller.event(messages.ToneHeard, PATIENCE, lambda tone: tone.frequency == ANAS_TONE),
        phone.event(messages.ToneHeard, PATIENCE, lambda tone: tone.frequency == CALLERS_TONE),
    )


async def _hears(phone: Phone, prompt: str) -> messages.ToneHeard:
    return await phone.event(messages.ToneHeard, 2 * PATIENCE, lambda tone: tone.frequency == PROMPTS[prompt])


def _rang(*phones: Phone) -> list[str]:
    """Who of them has been rung in this call."""
    return [phone.name for phone in phones if phone.has(messages.Incoming)]


async def _call(cast: Cast, number: str) -> None:
    """The caller calls; what was before is forgotten."""
    phones = (cast.caller, *cast.recipients)
    for phone in phones:
        phone.forget()
        await phone.listen(CALLERS_TONE, ANAS_TONE, *PROMPTS.values())
    cast.view.begin([phone.name for phone in phones])
    cast.view.calls(cast.caller.name, cast.uri(number))
    await cast.caller.call(cast.uri(number))


async def _ring(cast: Cast, number: str = EVERYONE) -> None:
    """The caller calls; returns when all recipients ring and the caller hears of it."""
    await _call(cast, number)
    rang = await asyncio.gather(*(phone.event(messages.Incoming, PATIENCE) for phone in cast.recipients))
    await cast.caller.event(messages.Ringing, PATIENCE)
    times = [event.at for event in rang]
    spread = max(times) - min(times)
    cast.checks.that(
        spread < AT_ONCE, "all three rang, and the caller was told", f"{1000 * spread:.1f} ms apart"
    )


async def _others_stop(cast: Cast, others: Sequence[Phone], answered_at: float) -> None:
    ended = await _all_end(others)
    for phone, event in zip(others, ended, strict=True):
        after = event.at - answered_at
        cast.checks.that(
            after < AT_ONCE, f"{phone.name} stopped ringing", f"{1000 * after:.0f} ms after Ana answered"
        )
        told = event.outcome == outcome.ANSWERED_ELSEWHERE
        reasons = ", ".join(event.reason_headers) or "no Reason"
        cast.checks.that(told, f"{phone.name} was told that the call was answered elsewhere", reasons)


async def _talk(cast: Cast, ana: Phone, others: Sequence[Phone]) -> None:
    """Both send their tones; what everybody heard is judged."""
    await asyncio.gather(
        cast.caller.event(messages.ToneHeard, PATIENCE, lambda tone: tone.frequency == ANAS_TONE),
        ana.event(messages.ToneHeard, PATIENCE, lambda tone: tone.frequency == CALLERS_TONE),
    )
    await asyncio.sleep(TALK)
    at_caller, at_ana = await cast.caller.heard(), await ana.heard()
    _judge(cast.checks, "the caller", at_caller, ANAS_TONE, CALLERS_TONE)
    _judge(cast.checks, "Ana", at_ana, CALLERS_TONE, ANAS_TONE)
    for phone in others:
        heard = await phone.heard()
        is_silent = heard.windows > 0 and heard.silent == heard.windows
        cast.checks.that(
            is_silent, f"{phone.name} heard nothing", f"{heard.silent} of {heard.windows} windows silent"
        )


def _judge(checks: Checks, who: str, heard: messages.Heard, theirs: int, own: int) -> None:
    """The other side's tone without a break, one's own not at all, and nothing else."""
    loud = heard.windows - heard.silent
    of_all = f"{heard.tones[theirs]} of {loud} windows of 100 ms"
    is_whole = heard.tones[theirs] >= max(loud - EDGE_WINDOWS, 9 * TALK)
    checks.that(is_whole, f"{who} heard {theirs} Hz from the other side, without a break", of_all)
    checks.that(heard.tones[own] == 0, f"{who} heard no echo of {own} Hz", f"{heard.tones[own]} windows")
    checks.that(heard.strange <= EDGE_WINDOWS, f"{who} heard nothing else", f"{heard.strange} windows")


async def _all_end(phones: Sequence[Phone]) -> list[messages.Disconnected]:
    return await asyncio.gather(*(phone.event(messages.Disconnected, PATIENCE) for phone in phones))


def _is_over(phone: Phone) -> bool:
    """Whether the phone's last call has ended."""
    last = next(
        (e for e in reversed(phone.history) if isinstance(e, messages.Ringing | messages.Disconnected)), None
    )
    return isinstance(last, messages.Disconnected)
