"""What has changed between two versions of a flow, in words: "ring: ring time 20 s → 25 s"."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Any, Final

from b2bua.calls.flow import (
    Dial,
    DialRecipient,
    Flow,
    Holiday,
    Opening,
    Prompt,
    PromptKind,
    Schedule,
    Step,
)
from b2bua.config.flow_building import KINDS, WEEKDAYS

_SECONDS: Final = frozenset(
    {"ring_time", "confirm_time", "start_after", "stop_after", "unreachable_after", "voicemail_after"}
    | {"timeout", "longest", "silence_end"}
)
_WORDS: Final = {"press_one": "press 1", "six_xx": "6xx", "caller_id": "caller ID"}
# Where "" or 0 has a meaning of its own.
_EMPTY: Final = {
    "caller_id": "as the trunk says",
    "display_prefix": "none",
    "trunk": "none",
    "extension": "none",
    "interface": "as the trunk says",
    "sticky": "never",
    "decline_codes": "none",
    "stop_after": "the end",
    "unreachable_after": "never",
    "voicemail_after": "not known",
    "silence_end": "never",
    "status": "as the last dial step came out",
}
_TOLD_ELSEWHERE: Final = frozenset({"recipients", "exits", "branches", "holidays", "way", "name"})


def differences(old: Flow, new: Flow) -> list[str]:
    """Each change on a line; none when both do the same. Versions and the order of steps are not looked at."""
    found = []
    if old.first != new.first:
        found.append(f"begins with {old.first} → {new.first}")
    for name in [*old.steps, *(name for name in new.steps if name not in old.steps)]:
        before, after = old.steps.get(name), new.steps.get(name)
        if before is None or after is None or type(before) is not type(after):
            found += _replaced(name, before, after)
        else:
            found += [f"{name}: {line}" for line in _step(before, after)]
    return found


def _replaced(name: str, before: Step | None, after: Step | None) -> Iterator[str]:
    if before is not None and after is not None:
        yield f"{name}: a {_kind(before)} step → a {_kind(after)} step"
    elif before is not None:
        yield f"{name}: removed"
    elif after is not None:
        yield f"{name}: added, a {_kind(after)} step"


def _kind(step: Step) -> str:
    return KINDS[type(step)].replace("_", "-")


def _step(before: Step, after: Step) -> Iterator[str]:
    yield from _fields(before, after)
    if isinstance(before, Dial) and isinstance(after, Dial):
        yield from _recipients(before.recipients, after.recipients)
    if isinstance(before, Schedule) and isinstance(after, Schedule):
        yield from _hours(before, after)
    for leaving in dict.fromkeys([*before.exits, *after.exits]):
        was, becomes = before.exits.get(leaving, ""), after.exits.get(leaving, "")
        if was != becomes:
            yield f"{leaving} → {becomes or 'nowhere'} (was {was or 'nowhere'})"


def _fields(before: Any, after: Any) -> Iterator[str]:
    for each in fields(before):
        was, becomes = getattr(before, each.name), getattr(after, each.name)
        if was == becomes or each.name in _TOLD_ELSEWHERE:
            continue
        if each.name == "is_on":
            yield "turned on" if becomes else "turned off"
        elif isinstance(becomes, bool) and not was:
            yield f"{_name(each.name)} {_said(each.name, becomes)}"
        else:
            yield f"{_name(each.name)} {_said(each.name, was)} → {_said(each.name, becomes)}"


def _recipients(before: Sequence[DialRecipient], after: Sequence[DialRecipient]) -> Iterator[str]:
    were = {recipient.name: recipient for recipient in before}
    are = {recipient.name: recipient for recipient in after}
    for name, recipient in were.items():
        if name not in are:
            yield f"{name}: removed"
        else:
            yield from (f"{name}: {line}" for line in _fields(recipient, are[name]))
    for name, recipient in are.items():
        if name not in were:
            yield f"{name}: added, {recipient.destination}"
    if [name for name in were if name in are] != [name for name in are if name in were]:
        yield f"order: {', '.join(are)}"


def _hours(before: Schedule, after: Schedule) -> Iterator[str]:
    were = {branch.name: branch for branch in before.branches}
    are = {branch.name: branch for branch in after.branches}
    for name in dict.fromkeys([*were, *are]):
        old = frozenset(were[name].openings) if name in were else frozenset()
        new = frozenset(are[name].openings) if name in are else frozenset()
        yield from (f"{name}: no more {_opening(opening)}" for opening in sorted(old - new))
        yield from (f"{name}: also {_opening(opening)}" for opening in sorted(new - old))
    if [name for name in were if name in are] != [name for name in are if name in were]:
        yield f"order: {', '.join(are)}"
    for holiday in before.holidays:
        if holiday not in after.holidays:
            yield f"no more holiday: {_holiday(holiday)}"
    for holiday in after.holidays:
        if holiday not in before.holidays:
            yield f"holiday: {_holiday(holiday)}"


def _opening(opening: Opening) -> str:
    def time(minutes: int) -> str:
        return f"{minutes // 60}:{minutes % 60:02}"

    return f"{WEEKDAYS[opening.weekday]} {time(opening.opens)}-{time(opening.closes)}"


def _holiday(holiday: Holiday) -> str:
    year = f"{holiday.year:04}-" if holiday.year else ""
    return f"{holiday.name} {year}{holiday.month:02}-{holiday.day:02}".strip()


def _name(field: str) -> str:
    return _WORDS.get(field, field.replace("_", " "))


def _said(field: str, value: Any) -> str:
    if value is None:
        return {"press_one": "as the step says", "nat": "as the trunk says"}.get(field, "none")
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, Prompt):
        voice = f" (voice {value.voice})" if value.voice else ""
        return f"{value.kind.value} {_quoted(value)}{voice}"
    if isinstance(value, enum.Enum):
        return str(value.value)
    if not value and field in _EMPTY:
        return _EMPTY[field]
    if field in _SECONDS:
        return f"{value:g} s"
    if field == "sticky":
        return f"{value} days" if value > 1 else "1 day"
    if isinstance(value, tuple):
        return ", ".join(str(each) for each in value)
    return str(value)


def _quoted(prompt: Prompt) -> str:
    return f'"{prompt.content}"' if prompt.kind is PromptKind.SAY else prompt.content
