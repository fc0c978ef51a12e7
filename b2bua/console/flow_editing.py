"""What is done with call flows: looked at, checked, kept as a draft, published, restored.

Whoever edits says which draft he started from. When somebody else has kept another one meanwhile, his own is refused
and not written over that one's work.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, NamedTuple

from b2bua.calls.flow import Dial, Flow
from b2bua.config import Config
from b2bua.config.flow_facts import facts_of, unplayable_in
from b2bua.config.reaching import reached
from b2bua.console.core import Core
from b2bua.console.figures import Figures
from b2bua.console.flow_form import remark_json, steps_json, table_of
from b2bua.console.refusal import Refusal, Wrong
from b2bua.control import ControlError
from b2bua.flows.lint import lint
from b2bua.flows.outline import does
from b2bua.flows.remarks import Remark
from b2bua.flows.versions import DRAFT, FlowError, FlowVersion, FlowVersions

NOT_TAKEN = (
    "It is published, but the core was not told: {} Calls go through it when the core is told or starts."
)


class Published(NamedTuple):
    """version: its number; before: the version that was published until then. reason: why the core has not taken it."""

    version: int
    before: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class Kept:
    """A flow as it is kept: what is published, what is the draft. in_file: it stands in the file, with no versions."""

    name: str
    in_file: Flow | None
    versions: tuple[FlowVersion, ...]

    @property
    def draft(self) -> FlowVersion | None:
        return next((each for each in self.versions if each.is_draft), None)

    @property
    def published(self) -> FlowVersion | None:
        return next((each for each in self.versions if not each.is_draft), None)


class FlowEditing:
    """The flows of one console."""

    def __init__(self, versions: FlowVersions, figures: Figures, core: Core) -> None:
        self.versions = versions
        self._figures = figures
        self._core = core
        self._turn = asyncio.Lock()  # between looking at a draft and changing it

    async def kept(self, config: Config, name: str) -> Kept:
        """Raises Refusal 404."""
        versions = tuple(await self.versions.versions(name))
        in_file = config.flows.get(name)
        if in_file is None and not versions:
            raise Refusal(404, f"There is no flow {name}.")
        return Kept(name, in_file, versions)

    async def all_kept(self, config: Config) -> list[Kept]:
        names = sorted({*config.flows, *await self.versions.names()})
        return [await self.kept(config, name) for name in names]

    async def chosen(self, config: Config, name: str, version: str) -> tuple[Kept, FlowVersion | None, Flow]:
        """The version that is meant, "" for the draft, or else what is published. Raises Refusal, FlowError."""
        kept = await self.kept(config, name)
        if kept.in_file is not None:
            if version not in ("", "file"):
                raise Refusal(404, f"{name} stands in {config.path}, which has no versions.")
            return kept, None, kept.in_file
        if version == "":
            return kept, kept.versions[0], kept.versions[0].value()
        number = version_number(version)
        found = next((each for each in kept.versions if each.version == number), None)
        if found is None:
            raise Refusal(404, f"{name} has no {'draft' if number == DRAFT else f'version {number}'}.")
        return kept, found, found.value()

    async def remarks(self, config: Config, flow: Flow) -> list[Remark]:
        found = reached(flow, config.trunks)
        no_sounds = await asyncio.to_thread(unplayable_in, config, found, is_remote=True)
        voicemails = await self._figures.voicemails()
        facts = facts_of(config, found, voicemails, is_remote=True, unplayable_files=no_sounds)
        return lint(found, facts)

    async def checked(self, config: Config, flow: Flow, moment: float) -> dict[str, Any]:
        """Remarks and steps, as JSON."""
        remarks = [remark_json(flow, remark) for remark in await self.remarks(config, flow)]
        return {"remarks": remarks, "steps": steps_json(flow, moment)}

    async def save(self, config: Config, flow: Flow, by: str, note: str, revision: int | None) -> int:
        """Keep a draft; gives its revision. Raises Refusal 409."""
        _refuse_declared(config, flow.name)
        async with self._turn:
            await self._refuse_other(flow.name, revision)
            await self.versions.save_draft(flow, by, note)
            return (await self.versions.version(flow.name, DRAFT)).made_at

    async def drop(self, config: Config, name: str) -> FlowVersion:
        """Let a draft go; gives what it was."""
        _refuse_declared(config, name)
        async with self._turn:
            draft = await self._draft(name)
            await self.versions.drop_draft(name)
        return draft

    async def publish(self, config: Config, name: str, by: str, revision: int | None) -> Published:
        """Raises Refusal 422 with what the check finds wrong, 409 when it is not the draft that was looked at."""
        _refuse_declared(config, name)
        async with self._turn:
            await self._refuse_other(name, revision)
            flow = (await self._draft(name)).value()
            errors = [each for each in await self.remarks(config, flow) if each.severity == "error"]
            if errors:
                found = [remark_json(flow, remark) for remark in errors]
                raise Refusal(
                    422, [Wrong(each["field"], f"{each['text']} {each['remedy']}") for each in found]
                )
            before = await self.versions.published(name)
            number = await self.versions.publish(name, by)
        return Published(number, before.version if before is not None else None, await self._tell_core())

    async def restore(self, config: Config, name: str, version: int, by: str) -> Published:
        """Publish an old version again, when it can still be read. Raises Refusal."""
        _refuse_declared(config, name)
        async with self._turn:
            kept = await self.kept(config, name)
            old = next((each for each in kept.versions if each.version == version != DRAFT), None)
            if old is None:
                raise Refusal(404, f"{name} has no version {version}.")
            old.value()  # FlowError when this release cannot read it
            number = await self.versions.restore(name, version, by)
        before = kept.published
        return Published(number, before.version if before is not None else None, await self._tell_core())

    async def _tell_core(self) -> str:
        try:
            await self._core.ask({"command": "flows"})
        except ControlError as problem:
            return NOT_TAKEN.format(problem)
        return ""

    async def _draft(self, name: str) -> FlowVersion:
        try:
            return await self.versions.version(name, DRAFT)
        except FlowError as problem:
            raise Refusal(404, f"{name} has no draft.") from problem

    async def _refuse_other(self, name: str, revision: int | None) -> None:
        if revision is None:
            return
        kept = await self.versions.versions(name)
        draft = kept[0] if kept and kept[0].is_draft else None
        if draft is None and revision:
            text = "The draft that you started from is gone: it was published or dropped."
            raise Refusal(409, [Wrong("revision", text)])
        if draft is not None and draft.made_at != revision:
            text = f"{draft.made_by} has changed the draft since you started from it."
            raise Refusal(
                409, [Wrong("revision", f"{text} Load it again, or keep yours under another name.")]
            )


def version_number(text: str) -> int:
    """A version as it is written in a query: "draft" or its number. Raises Refusal."""
    if text == "draft":
        return DRAFT
    if text.isascii() and text.isdigit() and 0 < int(text[:9]) == int(text):
        return int(text)
    raise Refusal(422, [Wrong("version", f'"{text}" is no version: write its number, or draft.')])


def _refuse_declared(config: Config, name: str) -> None:
    if name in config.flows:
        raise Refusal(409, f"{name} stands in {config.path}: change it there, or remove it there first.")


def flow_line(config: Config, kept: Kept) -> dict[str, Any]:
    """A flow of the list."""
    published, draft = kept.published, kept.draft
    flow, problem = _value(kept)
    dials = [step for step in flow.steps.values() if isinstance(step, Dial)] if flow is not None else []
    return {
        "name": kept.name,
        "in_file": kept.in_file is not None,
        "version": published.version if published is not None else None,
        "published_at": published.published_at if published is not None else None,
        "published_by": published.published_by if published is not None else "",
        "has_draft": draft is not None,
        "draft_at": draft.made_at if draft is not None else None,
        "draft_by": draft.made_by if draft is not None else "",
        "numbers": numbers_of(config, kept.name),
        "recipients": list(dict.fromkeys(each.name for dial in dials for each in dial.recipients)),
        "summary": does(dials[0]) if dials else "",
        "problem": problem,
    }


def _value(kept: Kept) -> tuple[Flow | None, str]:
    """What calls go through, or the draft where nothing is published; or why it cannot be read."""
    if kept.in_file is not None:
        return kept.in_file, ""
    try:
        return (kept.published or kept.versions[0]).value(), ""
    except FlowError as problem:
        return None, str(problem)


def flow_page(config: Config, kept: Kept, version: FlowVersion | None, flow: Flow) -> dict[str, Any]:
    """A version of a flow whole, but for remarks and steps."""
    draft, published = kept.draft, kept.published
    return {
        "name": kept.name,
        "version": version.version if version is not None else DRAFT,
        "is_draft": version is not None and version.is_draft,
        "in_file": kept.in_file is not None,
        "published_version": published.version if published is not None else None,
        "revision": draft.made_at if draft is not None else None,
        "flow": table_of(flow),
        "numbers": numbers_of(config, kept.name),
        "versions": [version_json(each) for each in kept.versions],
    }


def version_json(version: FlowVersion) -> dict[str, Any]:
    return {
        "version": version.version,
        "note": version.note,
        "made_at": version.made_at,
        "made_by": version.made_by,
        "published_at": version.published_at,
        "published_by": version.published_by,
    }


def numbers_of(config: Config, flow: str) -> list[dict[str, str]]:
    return [
        {"dialled": dialled, "name": number.name}
        for dialled, number in config.numbers.items()
        if number.flow_name == flow
    ]
