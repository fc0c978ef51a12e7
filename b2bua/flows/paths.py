"""Where the exits of a flow lead: every path must come to an end, and whoever does nothing must come to one."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Final, NamedTuple

from b2bua.calls.flow import (
    ALL_BUSY_OR_DECLINED,
    ANSWERED,
    HOLIDAY,
    NO_CHOICE,
    NOBODY_ANSWERED,
    OTHERWISE,
    PLAYED,
    Dial,
    Flow,
    HangUp,
    Menu,
    Play,
    Schedule,
    Step,
    Voicemail,
    leads_to,
)

Field = tuple[str | int, ...]
ARROW: Final = " → "


class PathProblem(NamedTuple):
    """An exit that leads nowhere, or a ring. path names the steps that a call takes to come there."""

    step: str
    field: Field
    path: tuple[str, ...]
    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"{ARROW.join(self.path)}: {self.problem} {self.remedy}"


def exits_of(step: Step) -> tuple[str, ...]:
    """Every exit that a call can take out of a step, written or not."""
    if isinstance(step, Dial):
        written = [ANSWERED] if ANSWERED in step.exits else []
        return (NOBODY_ANSWERED, ALL_BUSY_OR_DECLINED, *written)
    if isinstance(step, Play):
        return (PLAYED,)
    if isinstance(step, Menu):
        return (*(leaving for leaving in step.exits if leaving != NO_CHOICE), NO_CHOICE)
    if isinstance(step, Schedule):
        return (*(branch.name for branch in step.branches), HOLIDAY, OTHERWISE)
    return tuple(step.exits)


def field_of(step: Step, leaving: str) -> Field:
    """The setting that says where an exit leads."""
    if isinstance(step, Menu) and leaving != NO_CHOICE:
        return ("choices", leaving)
    if isinstance(step, Schedule):
        for index, branch in enumerate(step.branches):
            if branch.name == leaving:
                return ("branches", index, "then")
    return (leaving.replace(" ", "_"),)


def reached(flow: Flow) -> dict[str, tuple[str, ...]]:
    """Every step that a call can come to, with the shortest path to it, itself included."""
    if flow.first not in flow.steps:
        return {}
    found: dict[str, tuple[str, ...]] = {flow.first: (flow.first,)}
    waiting = deque([flow.first])
    while waiting:
        name = waiting.popleft()
        for _, following in _ways(flow, name):
            if following in flow.steps and following not in found:
                found[following] = (*found[name], following)
                waiting.append(following)
    return found


def path_problems(flow: Flow) -> list[PathProblem]:
    """All paths without an end, each named; none when every call comes to an end."""
    if flow.first not in flow.steps:
        problem = f'there is no step "{flow.first}" to begin with.'
        return [PathProblem("", ("first",), (), problem, _known(flow))]
    paths = reached(flow)
    found = [problem for name in flow.steps for problem in _loose_ends(flow, name, paths.get(name, (name,)))]
    return found + list(_rings(flow, paths))


def _ways(flow: Flow, name: str) -> list[tuple[str, str]]:
    step = flow.steps[name]
    return [(leaving, leads_to(step, leaving)) for leaving in exits_of(step)]


def _loose_ends(flow: Flow, name: str, path: tuple[str, ...]) -> Iterator[PathProblem]:
    step = flow.steps[name]
    if isinstance(step, HangUp):
        return
    for leaving, following in _ways(flow, name):
        if following in flow.steps or (not following and _may_end(step, leaving)):
            continue
        # Said once, at the exit that these two follow where they are not written.
        if leaving in (ALL_BUSY_OR_DECLINED, HOLIDAY) and leaving not in step.exits:
            continue
        problem = f'the exit "{leaving}" leads nowhere.'
        if following:
            problem = f'the exit "{leaving}" leads to "{following}", which is not a step.'
        yield PathProblem(name, field_of(step, leaving), path, problem, _known(flow))


def _may_end(step: Step, leaving: str) -> bool:
    return leaving == ANSWERED or isinstance(step, Voicemail)


def _known(flow: Flow) -> str:
    if not flow.steps:
        return "Add a step."
    ends = any(isinstance(step, HangUp) for step in flow.steps.values())
    return f"Name one of: {', '.join(flow.steps)}{'' if ends else '; or a new hang_up step'}."


def _rings(flow: Flow, paths: dict[str, tuple[str, ...]]) -> Iterator[PathProblem]:
    """Rings that a call goes round in without anybody doing anything: each is told once."""
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> Iterator[PathProblem]:
        if name in path:
            ring = (*path[path.index(name) :], name)
            problem = f"a call goes round in {ARROW.join(ring)} and never ends."
            leaving = next(exit_ for exit_, following in _ways(flow, path[-1]) if following == name)
            remedy = "Let it lead to a voicemail or hang-up step."
            yield PathProblem(
                path[-1], field_of(flow.steps[path[-1]], leaving), (*path, name), problem, remedy
            )
            return
        if name in done:
            return
        done.add(name)
        for following in dict.fromkeys(_unasked(flow, name)):
            yield from visit(following, (*path, name))

    for name in paths:
        yield from visit(name, ())


def _unasked(flow: Flow, name: str) -> Iterator[str]:
    """Where a call may go from a step while its caller does nothing, and nobody answers."""
    step = flow.steps[name]
    for leaving, following in _ways(flow, name):
        is_chosen = leaving == ANSWERED or (isinstance(step, Menu) and leaving != NO_CHOICE)
        if not is_chosen and following in flow.steps:
            yield following
