"""What is wrong with a flow, or surely not meant, each told with its reason and what mends it.

Pure: a flow and facts in, remarks out. An error keeps a flow from being published; a warning does not.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from b2bua.calls.flow import (
    ANSWERED,
    VARIABLES,
    Dial,
    Flow,
    Menu,
    Mode,
    Play,
    Prompt,
    PromptKind,
    Schedule,
    Step,
    Voicemail,
    leads_to,
)
from b2bua.flows.dialling import dial_remarks
from b2bua.flows.facts import Facts
from b2bua.flows.paths import ARROW, Field, exits_of, path_problems, reached
from b2bua.flows.remarks import Remark, error, warning


def lint(flow: Flow, facts: Facts) -> list[Remark]:
    """All remarks on a flow, errors first, then in the order of its steps."""
    found = [
        error(each.step, each.field, f"{_on_the_way(each.path)}{each.problem}", each.remedy)
        for each in path_problems(flow)
    ]
    paths = reached(flow)
    for name, step in flow.steps.items():
        if name not in paths and paths:
            remedy = "Lead an exit to it, or remove it."
            found.append(warning(name, (), "no call comes to this step.", remedy))
        found += _step_remarks(flow, name, step, facts)
    found += _waits(flow, facts)
    order = {name: place for place, name in enumerate(["", *flow.steps])}
    return sorted(found, key=lambda remark: (remark.severity, order.get(remark.step, 0)))


def _on_the_way(path: tuple[str, ...]) -> str:
    return f"{ARROW.join(path)}: " if len(path) > 1 else ""


def _step_remarks(flow: Flow, name: str, step: Step, facts: Facts) -> Iterator[Remark]:
    for field, prompt in _prompts(step):
        yield from _prompt_remarks(name, field, prompt, facts)
    if isinstance(step, Dial):
        yield from dial_remarks(flow.name, name, step, facts)
    elif isinstance(step, Menu):
        yield from _menu_remarks(name, step)
    elif isinstance(step, Schedule):
        for index, branch in enumerate(step.branches):
            if not branch.openings:
                text = f'"{branch.name}" has no hours: it is never taken.'
                yield warning(name, ("branches", index), text, "Add hours, or remove it.")
    elif isinstance(step, Voicemail) and step.greeting is None:
        text = "the caller hears nothing before the tone, and may not know that a message is recorded."
        yield warning(name, (), text, 'Add greeting = { say = "…" } or { play = "…" }.')


def _menu_remarks(name: str, menu: Menu) -> Iterator[Remark]:
    ways = {leads_to(menu, leaving) for leaving in exits_of(menu)}
    digits = [leaving for leaving in exits_of(menu) if len(leaving) == 1]
    if not digits:
        yield error(name, ("choices",), "nothing can be chosen.", 'Add choices = { 1 = "…" }.')
    elif ways <= {name, ""}:
        text = "there is no way out of this menu: every choice leads back to it."
        yield error(name, ("choices",), text, "Lead one of them, and no_choice, to another step.")


def _prompts(step: Step) -> Iterator[tuple[Field, Prompt]]:
    if isinstance(step, Dial):
        for field in ("caller_hears", "whisper", "confirm_prompt", "too_late"):
            prompt = getattr(step, field)
            if prompt is not None:
                yield (field,), prompt
    elif isinstance(step, Play | Menu):
        yield ("prompt",), step.prompt
    elif isinstance(step, Voicemail) and step.greeting is not None:
        yield ("greeting",), step.greeting


def _prompt_remarks(name: str, field: Field, prompt: Prompt, facts: Facts) -> Iterator[Remark]:
    if prompt.kind is PromptKind.SAY and facts.speech_installed is False:
        text = "a text is to be spoken, but espeak-ng is not installed here: nobody would hear anything."
        yield error(name, (*field, "say"), text, 'Install espeak-ng, or write play = "a file".')
    for variable in prompt.variables:
        if variable not in VARIABLES:
            known = ", ".join(f"{{{each}}}" for each in VARIABLES)
            text = f"{{{variable}}} stands for nothing, and is spoken as it is written."
            yield warning(name, (*field, "say"), text, f"Write one of {known}.")
    if prompt.kind is PromptKind.PLAY and prompt.content in facts.foreign_files:
        text = f"{prompt.content} is not among the files that a flow may play from here."
        yield error(name, (*field, "play"), text, "Send the file to the console, and choose it.")
    if prompt.kind is PromptKind.PLAY and prompt.content in facts.missing_files:
        text = f"there is no file {prompt.content}: silence would be heard."
        yield error(name, (*field, "play"), text, "Put it there, or name another.")
    if prompt.kind is PromptKind.PLAY and prompt.content in facts.unplayable_files:
        why = facts.unplayable_files[prompt.content]
        text = f"{prompt.content} cannot be played ({why}): silence would be heard."
        yield error(name, (*field, "play"), text, "Put a wav, mp3, ogg or flac file there, or name another.")
    if prompt.kind is PromptKind.TONE and facts.tones and prompt.content not in facts.tones:
        text = f'the ringing tone of "{prompt.content}" is not known.'
        yield error(name, (*field, "tone"), text, f"Write one of: {', '.join(sorted(facts.tones))}.")


class _Wait(NamedTuple):
    """Ringing for so many seconds by the end of the last step of a path."""

    seconds: float
    path: tuple[str, ...]


def ringing_time(dial: Dial) -> float:
    """Seconds that a dial step may ring before its next step comes."""
    asks = any(dial.asks_for_one(recipient) for recipient in dial.rung)
    turns = len(dial.rung) if dial.mode is Mode.TURNS else 1
    return turns * (dial.ring_time + (dial.confirm_time if asks else 0.0))


def _waits(flow: Flow, facts: Facts) -> Iterator[Remark]:
    """Steps in which a call that is still not answered outlasts the patience of the trunk."""
    if not facts.answer_limit:
        return
    for name, wait in _longest_waits(flow).items():
        if wait.seconds > facts.answer_limit and isinstance(flow.steps[name], Dial):
            text = (
                f"a call may ring for {wait.seconds:g} s by the end of this step"
                f" ({ARROW.join(wait.path)}), but the trunk gives up after {facts.answer_limit:g} s."
            )
            yield warning(name, ("ring_time",), text, "Ring for a shorter time, or answer earlier.")


def _longest_waits(flow: Flow) -> dict[str, _Wait]:
    """The longest ringing by the end of each step that a call comes to without being answered."""
    longest: dict[str, _Wait] = {}
    arriving = {flow.first: _Wait(0.0, ())}
    for _ in flow.steps:  # as many rounds as the longest path has steps
        for name, wait in list(arriving.items()):
            step = flow.steps.get(name)
            if not isinstance(step, Dial | Schedule):
                continue  # what plays or records answers the call
            rings = ringing_time(step) if isinstance(step, Dial) else 0.0
            longest[name] = _Wait(wait.seconds + rings, (*wait.path, name))
            for leaving in exits_of(step):
                following = leads_to(step, leaving)
                known = arriving.get(following, _Wait(-1.0, ()))
                is_longer = longest[name].seconds > known.seconds and following not in longest[name].path
                if is_longer and leaving != ANSWERED:
                    arriving[following] = longest[name]
    return longest
