"""Call flows: list, one, check, draft, publish, restore, compare, import and export."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response
from pydantic import Field

from b2bua.config import ConfigError
from b2bua.config.loading import flows_in
from b2bua.console import shapes
from b2bua.console.access import AtDesk, Editor, Viewer, Visitor
from b2bua.console.answers import File, Json
from b2bua.console.desk import Desk
from b2bua.console.flow_editing import Kept, Published, flow_line, flow_page, version_json, version_number
from b2bua.console.flow_form import Unreadable, flow_of, remark_json, table_of
from b2bua.console.refusal import Refusal, Wrong
from b2bua.console.routes.session import Asked
from b2bua.flows.differences import differences
from b2bua.flows.versions import DRAFT, FlowError, FlowVersion
from b2bua.flows.writing import written

router = APIRouter(prefix="/api/flows", tags=["flows"])

FlowName = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,32}$")]
Revision = Annotated[int | None, Field(description="`revision` of the draft that this was made from")]
Version = Annotated[str, Query(max_length=9, description="A number, or `draft`")]


class FlowTable(Asked):
    flow: dict[str, Any] = Field(description="The table [flows.NAME], see docs/configuration.md")


class Draft(FlowTable):
    note: str = Field(default="", max_length=500, description="What has changed, for the list of versions")
    revision: Revision = None


class Publishing(Asked):
    revision: Revision = None


class Restoring(Asked):
    version: int = Field(ge=1, le=1_000_000)


class Import(Asked):
    toml: str = Field(max_length=900_000, description="[flows.NAME] tables, as they are exported")
    note: str = Field(default="", max_length=500)


@router.get("", responses={200: {"model": shapes.FlowsShape}}, summary="All flows")
async def flows(visitor: Viewer, desk: AtDesk) -> Response:
    config = desk.config
    found = [flow_line(config, kept) for kept in await desk.flows.all_kept(config)]
    return Json({"flows": visitor.mask.value(found)})


@router.post("/import", summary="Keep flows written as TOML as drafts")
async def import_flows(asked: Import, visitor: Editor, desk: AtDesk) -> Response:
    try:
        found = await asyncio.to_thread(flows_in, asked.toml.encode("utf-8", "surrogatepass"), "toml")
    except ConfigError as problem:
        wrong = [
            Wrong(f"line {each.line}", f"{each.setting} {each.problem} {each.remedy}".strip())
            for each in problem.findings
        ]
        raise Refusal(422, wrong) from problem
    for name in found:
        if name in desk.config.flows:
            raise Refusal(409, [Wrong("toml", f"{name} stands in {desk.config.path}: change it there.")])
    told = []
    for name, flow in found.items():
        before = await _draft_table(desk, name)
        revision = await desk.flows.save(desk.config, flow, visitor.name, asked.note, None)
        await desk.audit.note(visitor.author, "flow.draft", name, before, table_of(flow))
        remarks = [remark_json(flow, each) for each in await desk.flows.remarks(desk.config, flow)]
        told.append({"name": name, "revision": revision, "remarks": remarks})
    return Json({"flows": told})


@router.get(
    "/{name}",
    responses={200: {"model": shapes.FlowShape}},
    summary="One flow: the draft, or what is published, or any version",
)
async def flow(name: FlowName, visitor: Viewer, desk: AtDesk, version: Version = "") -> Response:
    config = desk.config
    try:
        kept, chosen, value = await desk.flows.chosen(config, name, version)
    except FlowError as problem:
        return Json(_unreadable(await desk.flows.kept(config, name), version, str(problem)))
    made = flow_page(config, kept, chosen, value) | {"problem": ""}
    return Json(visitor.mask.value(made | await desk.flows.checked(config, value, desk.clock())))


def _unreadable(kept: Kept, version: str, problem: str) -> dict[str, Any]:
    number = version_number(version) if version else kept.versions[0].version
    return {
        "name": kept.name,
        "version": number,
        "is_draft": number == DRAFT,
        "in_file": False,
        "published_version": kept.published.version if kept.published is not None else None,
        "revision": kept.draft.made_at if kept.draft is not None else None,
        "flow": None,
        "steps": [],
        "remarks": [],
        "numbers": [],
        "versions": [version_json(each) for each in kept.versions],
        "problem": problem,
    }


@router.post(
    "/{name}/lint",
    responses={200: {"model": shapes.CheckShape}},
    summary="What is wrong with a flow that is not kept yet",
)
async def check(name: FlowName, asked: FlowTable, visitor: Viewer, desk: AtDesk) -> Response:
    try:
        value = flow_of(name, asked.flow)
    except Unreadable as problem:
        return Json({"remarks": [each.as_remark() for each in problem.mistakes], "steps": []})
    return Json(visitor.mask.value(await desk.flows.checked(desk.config, value, desk.clock())))


@router.put(
    "/{name}/draft",
    responses={200: {"model": shapes.KeptShape}},
    summary="Keep a draft; makes the flow where there is none",
)
async def save(name: FlowName, asked: Draft, visitor: Editor, desk: AtDesk) -> Response:
    config = desk.config
    try:
        value = flow_of(name, asked.flow)
    except Unreadable as problem:
        raise Refusal(422, [each.as_wrong() for each in problem.mistakes]) from problem
    before = await _draft_table(desk, name)
    revision = await desk.flows.save(config, value, visitor.name, asked.note, asked.revision)
    after = table_of(value)
    if after != before:
        await desk.audit.note(visitor.author, "flow.draft", name, before, after)
    return Json({"revision": revision, **await desk.flows.checked(config, value, desk.clock())})


@router.delete("/{name}/draft", status_code=204, summary="Let the draft go")
async def drop(name: FlowName, visitor: Editor, desk: AtDesk) -> Response:
    draft = await desk.flows.drop(desk.config, name)
    await desk.audit.note(visitor.author, "flow.drop", name, _table(draft))
    return Response(status_code=204)


@router.post(
    "/{name}/publish",
    responses={200: {"model": shapes.PublishedShape}},
    summary="Make the draft the next version, which calls go through from now on",
)
async def publish(name: FlowName, asked: Publishing, visitor: Editor, desk: AtDesk) -> Response:
    done = await desk.flows.publish(desk.config, name, visitor.name, asked.revision)
    return await _published(desk, visitor, "flow.publish", name, done)


@router.post(
    "/{name}/restore",
    responses={200: {"model": shapes.PublishedShape}},
    summary="Publish an old version again",
)
async def restore(name: FlowName, asked: Restoring, visitor: Editor, desk: AtDesk) -> Response:
    done = await desk.flows.restore(desk.config, name, asked.version, visitor.name)
    return await _published(desk, visitor, "flow.restore", name, done)


async def _published(desk: Desk, visitor: Visitor, action: str, name: str, done: Published) -> Response:
    versions = desk.flows.versions
    after = _table(await versions.version(name, done.version))
    before = None if done.before is None else _table(await versions.version(name, done.before))
    await desk.audit.note(
        visitor.author,
        action,
        name,
        before and {"version": done.before, "flow": before},
        {"version": done.version, "flow": after},
    )
    return Json({"version": done.version, "taken": not done.reason, "reason": done.reason})


@router.get(
    "/{name}/diff",
    responses={200: {"model": shapes.DiffShape}},
    summary="What has changed between two versions, in words",
)
async def compare(
    name: FlowName, visitor: Viewer, desk: AtDesk, old: Version = "", new: Version = ""
) -> Response:
    kept = await desk.flows.kept(desk.config, name)
    if kept.in_file is not None:
        raise Refusal(404, f"{name} stands in {desk.config.path}, which has no versions.")
    after = _named(kept, new) if new else kept.versions[0]
    before = _named(kept, old) if old else kept.published
    if before is None:
        return Json({"old": None, "new": after.version, "lines": []})
    lines = differences(before.value(), after.value())
    return Json(
        {"old": before.version, "new": after.version, "lines": [visitor.mask.text(each) for each in lines]}
    )


def _named(kept: Kept, version: str) -> FlowVersion:
    number = version_number(version)
    found = next((each for each in kept.versions if each.version == number), None)
    if found is None:
        raise Refusal(404, f"{kept.name} has no {'draft' if number == DRAFT else f'version {number}'}.")
    return found


@router.get("/{name}/toml", summary="A flow as a file")
async def export(name: FlowName, visitor: Viewer, desk: AtDesk, version: Version = "") -> Response:
    _, _, value = await desk.flows.chosen(desk.config, name, version)
    return File(visitor.mask.text(written(value)), f"{name}.toml", "text/plain")


async def _draft_table(desk: Desk, name: str) -> dict[str, Any] | None:
    versions = await desk.flows.versions.versions(name)
    return _table(versions[0]) if versions and versions[0].is_draft else None


def _table(version: FlowVersion) -> dict[str, Any] | None:
    """A version as JSON, for the audit; None when this release cannot read it."""
    try:
        return table_of(version.value())
    except FlowError:
        return None
