"""A flow as JSON and back: the table [flows.NAME] of the configuration file, setting by setting.

One model serves the file, the database and the API, so that none of them can know a setting that the others do not.
What a text cannot mean is told with its field, a path within the table: dial.ring.recipients.1.destination.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from b2bua.calls.flow import Flow, Schedule, Step, leads_to, next_change, open_at
from b2bua.config.findings import KeyPath
from b2bua.config.flow_building import KINDS, build, key_path
from b2bua.config.flow_settings import FlowFile
from b2bua.config.mistakes import said_plainly
from b2bua.console.refusal import Wrong, dotted
from b2bua.flows.outline import does
from b2bua.flows.paths import exits_of, field_of, reached
from b2bua.flows.remarks import Remark
from b2bua.flows.writing import settings_of

_FORBIDDEN = re.compile(r"[\r\n\x00]")
_TABLE_DEPTH: Final = 2  # of ("flows", NAME), which a field does not have
_MISTAKES_TOLD: Final = 100  # nobody reads more; a megabyte of rubbish holds a hundred thousand


class Mistake(NamedTuple):
    """What cannot be read. path: within the flow's table."""

    path: KeyPath
    problem: str
    remedy: str

    def as_wrong(self) -> Wrong:
        return Wrong(dotted(self.path), f"{self.problem} {self.remedy}".rstrip())

    def as_remark(self) -> dict[str, str]:
        step = str(self.path[1]) if len(self.path) > 1 and self.path[0] in KINDS.values() else ""
        remark = {"severity": "error", "step": step, "field": dotted(self.path)}
        return remark | {"text": self.problem, "remedy": self.remedy}


class Unreadable(Exception):
    """A flow's JSON cannot be read."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__(" ".join(f"{dotted(each.path)} {each.problem}" for each in self.mistakes))


def flow_of(name: str, table: Any) -> Flow:
    """The flow of a name that a table means. Raises Unreadable with all that is wrong with its form."""
    mistakes = [
        Mistake(path, "holds a line break or NUL.", "Write it on one line.")
        for path, text in _texts(table, ())
        if _FORBIDDEN.search(text)
    ]
    if mistakes:
        raise Unreadable(mistakes[:_MISTAKES_TOLD])
    try:
        settings = FlowFile.model_validate({"flows": {name: table}}).flows[name]
    except ValidationError as problem:
        said = [said_plainly(each) for each in islice(problem.errors(include_url=False), _MISTAKES_TOLD)]
        raise Unreadable(
            Mistake(path[_TABLE_DEPTH:], text, remedy) for path, text, remedy in said
        ) from problem

    def report(path: KeyPath, problem: str, remedy: str) -> None:
        mistakes.append(Mistake(path[_TABLE_DEPTH:], problem, remedy))

    flow = build(name, settings, ("flows", name), report)
    if mistakes:
        raise Unreadable(mistakes)
    return flow


def table_of(flow: Flow) -> dict[str, Any]:
    """A flow as its table, without what is as by default."""
    table: dict[str, Any] = {"first": flow.first}
    for name, step in flow.steps.items():
        table.setdefault(KINDS[type(step)], {})[name] = settings_of(step)
    return table


def remark_json(flow: Flow, remark: Remark) -> dict[str, str]:
    field = key_path(flow, remark.step, remark.field)[_TABLE_DEPTH:]
    return {
        "severity": remark.severity,
        "step": remark.step,
        "field": dotted(field),
        "text": remark.text,
        "remedy": remark.remedy,
    }


def steps_json(flow: Flow, moment: float) -> list[dict[str, Any]]:
    """All steps, those that calls come to first, in the order of their paths. moment: seconds since 1970."""
    on_paths = reached(flow)
    names = [*on_paths, *(name for name in flow.steps if name not in on_paths)]
    return [_step(flow, name, moment) | {"is_reached": name in on_paths} for name in names]


def _step(flow: Flow, name: str, moment: float) -> dict[str, Any]:
    step = flow.steps[name]
    return {
        "name": name,
        "kind": KINDS[type(step)],
        "does": does(step),
        "exits": [_exit(flow, name, step, leaving) for leaving in exits_of(step)],
        "now": _now(step, moment) if isinstance(step, Schedule) else None,
    }


def _exit(flow: Flow, name: str, step: Step, leaving: str) -> dict[str, Any]:
    return {
        "exit": leaving,
        "field": dotted(key_path(flow, name, field_of(step, leaving))[_TABLE_DEPTH:]),
        "to": leads_to(step, leaving),
        "is_default": leaving not in step.exits,
    }


def _now(schedule: Schedule, moment: float) -> str:
    change = next_change(schedule, moment)
    if change is None:
        return f"{open_at(schedule, moment)}, and for the next year"
    at = datetime.fromtimestamp(change.moment, ZoneInfo(schedule.time_zone))
    return f"{open_at(schedule, moment)}; next change: {at:%a %Y-%m-%d %H:%M}, {change.exit}"


def _texts(value: Any, path: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield (*path, str(key)), str(key)
            yield from _texts(inner, (*path, str(key)))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _texts(inner, (*path, index))
