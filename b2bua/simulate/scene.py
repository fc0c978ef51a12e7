"""Who calls, when, and what the recipients do: "Ana=answers:6", "Ben=voicemail:20", "Carl=busy"."""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from typing import Any, Final

WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
CALLER: Final = "+15550199"
KEYS: Final = "0123456789*#"
LONGEST: Final = 3600.0  # seconds in anything of a scene

_DAY_AND_TIME: Final = re.compile(r"\s*([A-Za-z]{3,9})\s+(\d{1,2}):(\d{2})\s*")


class Manner(enum.Enum):
    """What a recipient does when he is rung."""

    ANSWERS = "answers"  # a person, who presses 1 if he is asked to
    VOICEMAIL = "voicemail"  # something that answers and never presses a key
    BUSY = "busy"
    DECLINES = "declines"
    UNREACHABLE = "unreachable"  # not a word comes back
    IGNORES = "ignores"  # rings on
    REDIRECTS = "redirects"


_AT_ONCE: Final = (Manner.BUSY, Manner.UNREACHABLE, Manner.IGNORES)


@dataclass(frozen=True, slots=True)
class Behaviour:
    """after: seconds from his INVITE. key, key_after: what he presses so many seconds into the prompt, "" for nothing.
    talks: seconds after which he hangs up, 0: he leaves that to the caller.
    """

    manner: Manner
    after: float = 0.0
    key: str = "1"
    key_after: float = 1.5
    talks: float = 0.0


@dataclass(frozen=True, slots=True)
class Scene:
    """A call to be tried.

    caller, caller_name: as the trunk states them. moment: seconds since 1970. recipients: by their names; whoever
    is not named rings on. keys: of the caller, seconds from his INVITE and the key. hangs_up_after: seconds from
    his INVITE, 0: he stays to the end. talks: seconds of conversation after which he hangs up. speaks: seconds, of
    his message. number: the one that he dials, "" for the first that leads to the flow. sticky_to: the name of who has
    taken his last call, a minute ago, in every step that it matters to; "" for nobody.
    """

    caller: str = CALLER
    caller_name: str = ""
    moment: float = 0.0
    recipients: Mapping[str, Behaviour] = field(default_factory=dict)
    keys: tuple[tuple[float, str], ...] = ()
    hangs_up_after: float = 0.0
    talks: float = 10.0
    speaks: float = 10.0
    number: str = ""
    sticky_to: str = ""

    @classmethod
    def from_json(cls, said: Mapping[str, Any], now: datetime) -> Scene:
        """As the API takes it. Raises ValueError, whose text names the field: "recipients.Ana: ..."."""
        recipients = said.get("recipients") or {}
        if not isinstance(recipients, Mapping):
            raise ValueError('recipients: names and what they do, {"Ana": "answers:6"}')
        made = {}
        for name, text in recipients.items():
            try:
                made[str(name)] = parse_behaviour(str(text))
            except ValueError as problem:
                raise ValueError(f"recipients.{name}: {problem}") from problem
        try:
            moment = parse_moment(str(said.get("at") or ""), now)
        except ValueError as problem:
            raise ValueError(f"at: {problem}") from problem
        return cls(
            caller=str(said.get("caller") or CALLER),
            caller_name=str(said.get("caller_name") or ""),
            moment=moment,
            recipients=made,
            keys=_keys(said.get("keys") or ()),
            hangs_up_after=_number(said, "hangs_up_after", 0.0),
            talks=_number(said, "talks", 10.0),
            speaks=_number(said, "speaks", 10.0),
            number=str(said.get("number") or ""),
            sticky_to=str(said.get("sticky_to") or ""),
        )


def parse_behaviour(text: str) -> Behaviour:
    """ "answers:6", "answers:6,presses=2@3,talks=30", "answers:4,silent", "voicemail:20", "busy". Raises ValueError."""
    first, *details = [part.strip() for part in text.split(",")]
    word, colon, seconds = first.partition(":")
    try:
        manner = Manner(word.strip().lower())
    except ValueError:
        known = ", ".join(manner.value for manner in Manner)
        raise ValueError(f"{word!r} is nothing that a recipient does; he {known}") from None
    if not colon and manner not in _AT_ONCE:
        raise ValueError(f"say after how many seconds: {manner.value}:6")
    after = seconds_in(seconds) if colon else 0.0
    key, key_after, talks = ("1", 1.5, 0.0) if manner is Manner.ANSWERS else ("", 0.0, 0.0)
    for detail in details:
        name, _, value = detail.partition("=")
        if name == "silent":
            key = ""
        elif name == "talks":
            talks = seconds_in(value)
        elif name == "presses":
            key, at, when = value.partition("@")
            key_after = seconds_in(when) if at else key_after
            if len(key) != 1 or key not in KEYS:
                raise ValueError(f"{key!r} is no key")
        else:
            raise ValueError(f"{detail!r} is not understood; presses=1@2, silent and talks=30 are")
    return Behaviour(manner, after, key, key_after, talks)


def parse_moment(text: str, now: datetime) -> float:
    """ "Tue 18:05" is the next one, in the zone of `now`; a date and time as ISO 8601 has them; "" is now."""
    if not text.strip():
        return now.timestamp()
    found = _DAY_AND_TIME.fullmatch(text)
    if found is None:
        return _iso_moment(text, now.tzinfo)
    day = found[1][:3].lower()
    hour, minute = int(found[2]), int(found[3])
    if day not in WEEKDAYS or hour > 23 or minute > 59:
        raise ValueError(f'{text!r} is no time; "Tue 18:05" is')
    days = (WEEKDAYS.index(day) - now.weekday()) % 7
    at = (now + timedelta(days)).replace(hour=hour, minute=minute, second=0, microsecond=0)
    if at < now:
        at = (at + timedelta(7)).replace(hour=hour, minute=minute)
    return at.timestamp()


def _iso_moment(text: str, zone: tzinfo | None) -> float:
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(f'{text!r} is no time; "Tue 18:05" and "2026-12-24T18:05" are') from None
    return (at if at.tzinfo is not None else at.replace(tzinfo=zone)).timestamp()


def keys_in(said: str) -> tuple[float, str]:
    """ "8:1" is the key 1 after eight seconds. Raises ValueError."""
    seconds, _, key = said.partition(":")
    if len(key) != 1 or key not in KEYS:
        raise ValueError(f"{said!r} is not seconds and a key, such as 8:1")
    return seconds_in(seconds), key


def seconds_in(text: str) -> float:
    """Raises ValueError for what is no number of seconds, or none that a scene may have."""
    try:
        seconds = float(text)
    except ValueError:
        raise ValueError(f"{text!r} is no number of seconds") from None
    if not 0.0 <= seconds <= LONGEST:
        raise ValueError(f"{text} s is not between 0 and {LONGEST:g}")
    return seconds


def _number(said: Mapping[str, Any], name: str, otherwise: float) -> float:
    try:
        return seconds_in(str(said[name])) if said.get(name) is not None else otherwise
    except ValueError as problem:
        raise ValueError(f"{name}: {problem}") from problem


def _keys(said: Any) -> tuple[tuple[float, str], ...]:
    made = []
    for each in said:
        try:
            at, key = each
            made.append((seconds_in(str(at)), str(key)))
        except (TypeError, ValueError) as problem:
            raise ValueError(f'keys: pairs of seconds and a key, [[8, "1"]]; {problem}') from problem
        if len(made[-1][1]) != 1 or made[-1][1] not in KEYS:
            raise ValueError(f"keys: {each[1]!r} is no key")
    return tuple(sorted(made))
