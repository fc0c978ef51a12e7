"""A flow on one page, for a person: each step, what it does, and where its exits lead."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from b2bua.calls.flow import (
    CALLER,
    TRACKING,
    Decline,
    Dial,
    DialRecipient,
    Elsewhere,
    Flow,
    HangUp,
    Menu,
    Mode,
    Play,
    Prompt,
    PromptKind,
    Redirect,
    Schedule,
    Step,
    Voicemail,
    next_change,
    open_at,
)
from b2bua.calls.recipient import EarlyMedia, SixXX

_SHOWN = {CALLER: "the caller's number", TRACKING: "the number that was dialled"}
_MODES = {Mode.ONE: "rings", Mode.EVERYONE: "rings everyone at once", Mode.TURNS: "rings in turns"}


def outline(flow: Flow, moment: float) -> list[str]:
    """Lines of text. moment: seconds since 1970, for what a schedule does now."""
    lines = []
    for name in (flow.first, *(name for name in flow.steps if name != flow.first)):
        step = flow.steps.get(name)
        if step is None:
            continue
        lines.append(f"{name}: {does(step)}")
        if isinstance(step, Dial):
            lines += [f"    {line}" for line in _asked(step)]
            lines += [f"    {_recipient(step, recipient)}" for recipient in step.recipients]
        if isinstance(step, Voicemail) and step.greeting is not None:
            lines.append(f"    greeting: {_heard(step.greeting)}")
        if isinstance(step, Schedule):
            lines += [f"    {line}" for line in _now(step, moment)]
        lines += [f"    {leaving} → {following}" for leaving, following in step.exits.items()]
    return lines


def does(step: Step) -> str:
    """What a step does, in a few words."""
    if isinstance(step, Dial):
        one = "; the recipient must press 1" if step.press_one else ""
        hears = f"; the caller hears {_heard(step.caller_hears)}" if step.caller_hears else ""
        return f"{_MODES[step.mode]}, for {step.ring_time:g} s{_again(step)}{hears}{one}"
    if isinstance(step, Play):
        return _heard(step.prompt)
    if isinstance(step, Menu):
        return f"asks {_heard(step.prompt)}, {step.tries} times at most"
    if isinstance(step, Schedule):
        return f"goes by the clock of {step.time_zone}"
    if isinstance(step, HangUp):
        return f"hangs up, with {step.status}" if step.status else "hangs up"
    return f"records a message for {step.mailbox}, {step.longest:g} s at most"


def _asked(dial: Dial) -> Iterator[str]:
    """What a dial step does besides, where it is not what all do."""
    if dial.whisper is not None:
        yield f"whisper: {_heard(dial.whisper)}"
    if any(dial.asks_for_one(recipient) for recipient in dial.rung):
        words = _heard(dial.confirm_prompt) if dial.confirm_prompt else "nothing that says so"
        yield f"press 1, within {dial.confirm_time:g} s: {words}"
        if dial.too_late is not None:
            yield f"too late: {_heard(dial.too_late)}"
    if dial.caller_id:
        yield f"shows {_SHOWN.get(dial.caller_id, dial.caller_id)}"
    if dial.display_prefix:
        yield f'"{dial.display_prefix}" before the caller\'s name'
    if dial.early_media is not EarlyMedia.NONE:
        yield f"early media: {dial.early_media.value}"
    if dial.decline is Decline.EVERYONE or dial.six_xx is SixXX.EVERYONE:
        yield "one who declines does so for everyone"
    if dial.redirect is Redirect.FOLLOW:
        yield "a recipient's forwarding is followed once"
    if dial.answered_elsewhere is not Elsewhere.HIDE:
        yield f"missed calls, where somebody else answered: {dial.answered_elsewhere.value}"


def _again(dial: Dial) -> str:
    if not dial.sticky or dial.mode is not Mode.TURNS:
        return ""
    days = f"{dial.sticky} days" if dial.sticky > 1 else "a day"
    return f"; first whoever took the caller's last call, within {days}"


def _heard(prompt: Prompt) -> str:
    if prompt.kind is PromptKind.SAY:
        return f'"{prompt.content}"'
    return f'a ringing tone ("{prompt.content}")' if prompt.kind is PromptKind.TONE else prompt.content


def _recipient(dial: Dial, recipient: DialRecipient) -> str:
    words = [f"{recipient.name}, {recipient.destination}"]
    if recipient.trunk:
        words.append(f"through {recipient.trunk}")
    if recipient.extension:
        words.append(f"extension {recipient.extension}")
    if recipient.start_after or recipient.stop_after:
        words.append(f"{recipient.start_after:g} to {recipient.stop_after or dial.ring_time:g} s")
    if recipient.weight != 1 and dial.mode is Mode.TURNS:
        words.append(f"weight {recipient.weight}")
    if dial.asks_for_one(recipient) != dial.press_one:
        words.append("must press 1" if recipient.press_one else "need not press 1")
    if not recipient.is_on:
        words.append("off")
    return ", ".join(words)


def _now(schedule: Schedule, moment: float) -> Iterator[str]:
    change = next_change(schedule, moment)
    if change is None:
        yield f"now {open_at(schedule, moment)}, and for the next year"
        return
    at = datetime.fromtimestamp(change.moment, ZoneInfo(schedule.time_zone))
    yield f"now {open_at(schedule, moment)}; next change: {at:%a %Y-%m-%d %H:%M}, {change.exit}"
