"""A flow as TOML, in the form of the configuration file. What is as by default is left out.

b2bua.config.loading.flows_in reads it back: the same flow, but for its version.
"""

from __future__ import annotations

import enum
import json
import re
from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any, Final

from pydantic import BaseModel

from b2bua.calls import flow as values
from b2bua.config import flow_settings as settings
from b2bua.config.flow_building import KINDS, WEEKDAYS

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_MODELS: Final[Mapping[str, type[BaseModel]]] = {
    "dial": settings.DialSettings,
    "play": settings.PlaySettings,
    "menu": settings.MenuSettings,
    "schedule": settings.ScheduleSettings,
    "voicemail": settings.VoicemailSettings,
    "hang_up": settings.HangUpSettings,
}
# Names that differ between value and setting.
_SETTING_OF: Final = {"is_on": "enabled"}


def written(flow: values.Flow) -> str:
    """The flow as the text of a file."""
    lines = [f"[flows.{_key(flow.name)}]", f"first = {_toml(flow.first)}"]
    for name, step in flow.steps.items():
        kind = KINDS[type(step)]
        lines += _table(f"flows.{_key(flow.name)}.{kind}.{_key(name)}", settings_of(step))
    return "\n".join(lines) + "\n"


def settings_of(step: values.Step) -> dict[str, Any]:
    """A step as its table in a file: setting → value, without those that are as by default."""
    if isinstance(step, values.Schedule):
        return _schedule(step)
    model = _MODELS[KINDS[type(step)]]
    found = _changed(step, model)
    if isinstance(step, values.Dial):
        found["recipients"] = [_changed(each, settings.FlowRecipientSettings) for each in step.recipients]
    if isinstance(step, values.Menu):
        digits = {digit: following for digit, following in step.exits.items() if digit != values.NO_CHOICE}
        found |= {"choices": digits} if digits else {}
        found |= {"no_choice": step.exits[values.NO_CHOICE]} if values.NO_CHOICE in step.exits else {}
        return found
    return found | {leaving.replace(" ", "_"): following for leaving, following in step.exits.items()}


def _changed(value: object, model: type[BaseModel]) -> dict[str, Any]:
    """The fields of a value that a table has as well, and that are not as by default."""
    found: dict[str, Any] = {}
    for field in value.__dataclass_fields__:  # type: ignore[attr-defined]
        setting = model.model_fields.get(_SETTING_OF.get(field, field))
        if setting is None:
            continue
        plain = _plain(getattr(value, field))
        if setting.is_required() or plain != setting.default:
            found[_SETTING_OF.get(field, field)] = plain
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, values.Prompt):
        return {value.kind.value: value.content} | ({"voice": value.voice} if value.voice else {})
    if isinstance(value, tuple):
        return list(value)
    return value.value if isinstance(value, enum.Enum) else value


def _schedule(schedule: values.Schedule) -> dict[str, Any]:
    exits = dict(schedule.exits)
    branches = []
    for branch in schedule.branches:
        then = exits.pop(branch.name, "")
        hours = _hours(branch)
        table: dict[str, Any] = {"name": branch.name}
        branches.append(table | ({"hours": hours} if hours else {}) | ({"then": then} if then else {}))
    found: dict[str, Any] = {"time_zone": schedule.time_zone, **exits}
    if schedule.holidays:
        found["holidays"] = {_day(holiday): holiday.name for holiday in schedule.holidays}
    return found | {"branches": branches}


def _day(holiday: values.Holiday) -> str:
    year = f"{holiday.year:04}-" if holiday.year else ""
    return f"{year}{holiday.month:02}-{holiday.day:02}"


def _hours(branch: values.Branch) -> dict[str, list[str]]:
    """Days of the week to hours; days in a row that have the same hours are written as one range."""
    by_day = {
        weekday: [f"{_time(opening.opens)}-{_time(opening.closes)}" for opening in openings]
        for weekday, openings in groupby(sorted(branch.openings), key=lambda opening: opening.weekday)
    }
    found: dict[str, list[str]] = {}
    for first, last in _runs(by_day):
        days = WEEKDAYS[first] if first == last else f"{WEEKDAYS[first]}-{WEEKDAYS[last]}"
        found[days] = by_day[first]
    return found


def _runs(by_day: Mapping[int, list[str]]) -> Iterator[tuple[int, int]]:
    first = -1
    for weekday in range(len(WEEKDAYS)):
        if weekday not in by_day:
            continue
        if first < 0:
            first = weekday
        if by_day.get(weekday + 1) != by_day[weekday]:
            yield first, weekday
            first = -1


def _time(minutes: int) -> str:
    return f"{minutes // 60}:{minutes % 60:02}"


def _table(heading: str, table: Mapping[str, Any]) -> list[str]:
    """A table and the lists of tables within it."""
    lines = ["", f"[{heading}]"]
    lists = {key: value for key, value in table.items() if _is_tables(value)}
    lines += [f"{_key(key)} = {_toml(value)}" for key, value in table.items() if key not in lists]
    for key, items in lists.items():
        for item in items:
            lines += ["", f"[[{heading}.{key}]]"]
            lines += [f"{_key(inner)} = {_toml(value)}" for inner, value in item.items()]
    return lines


def _is_tables(value: object) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def _key(key: str) -> str:
    return key if _BARE_KEY.fullmatch(key) else _toml(key)


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        # TOML's basic strings are JSON's, but for DEL, which must be escaped.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{_key(key)} = {_toml(each)}' for key, each in value.items())} }}"
    if isinstance(value, list):
        return f"[{', '.join(_toml(each) for each in value)}]"
    return str(int(value)) if float(value).is_integer() else repr(value)
