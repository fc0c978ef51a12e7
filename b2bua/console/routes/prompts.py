"""Files of audio for flows to play, and how a text would sound."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query, Response, UploadFile

from b2bua.calls.flow import Dial, Flow, Menu, Play, Prompt, PromptKind, Voicemail
from b2bua.console.access import AtDesk, Editor, Viewer
from b2bua.console.answers import Json
from b2bua.console.desk import Desk
from b2bua.console.refusal import Refusal, Wrong
from b2bua.console.sounds import KINDS, OCTETS_LIMIT, TEXT_LIMIT, SoundError, spoken
from b2bua.flows.versions import FlowError

router = APIRouter(prefix="/api", tags=["prompts"])


@router.get("/prompts", summary="All files that were sent here")
async def prompts(visitor: Viewer, desk: AtDesk) -> Response:
    found = await asyncio.to_thread(desk.sounds.all)
    return Json({"prompts": [each.as_json() for each in found]})


@router.post("/prompts", status_code=201, summary="Keep a file: wav, mp3, ogg or flac, of 10 MB at most")
async def add(file: UploadFile, visitor: Editor, desk: AtDesk) -> Response:
    content = await file.read(OCTETS_LIMIT + 1)
    try:
        sound = await asyncio.to_thread(desk.sounds.add, file.filename or "", content)
    except SoundError as problem:
        raise Refusal(422, [Wrong("file", str(problem))]) from problem
    await desk.audit.note(visitor.author, "prompt.add", sound.name, None, sound.as_json())
    return Json(sound.as_json(), 201)


@router.get("/prompts/{name}", summary="A file to listen to")
async def prompt(name: str, visitor: Viewer, desk: AtDesk) -> Response:
    try:
        path = desk.sounds.path(name)
    except LookupError as problem:
        raise Refusal(404, str(problem)) from problem
    content = await asyncio.to_thread(path.read_bytes)
    return Response(
        content, media_type=KINDS[path.suffix], headers={"Cache-Control": "private, max-age=3600"}
    )


@router.delete("/prompts/{name}", status_code=204, summary="Remove a file that no flow plays")
async def remove(name: str, visitor: Editor, desk: AtDesk) -> Response:
    try:
        path = desk.sounds.path(name)
        users = await _players(desk, str(path))
        if users:
            raise Refusal(409, f"{name} is played by {', '.join(users)}: let them play something else first.")
        await asyncio.to_thread(desk.sounds.remove, name)
    except LookupError as problem:
        raise Refusal(404, str(problem)) from problem
    await desk.audit.note(visitor.author, "prompt.remove", name)
    return Response(status_code=204)


@router.get("/speech", summary="A text as it would be spoken")
async def speech(
    visitor: Editor,
    text: Annotated[str, Query(min_length=1, max_length=TEXT_LIMIT)],
    voice: Annotated[str, Query(max_length=32)] = "",
) -> Response:
    try:
        content = await asyncio.to_thread(spoken, text, voice)
    except LookupError as problem:
        raise Refusal(503, f"{problem} Install it, or send a file.") from problem
    except SoundError as problem:
        raise Refusal(422, [Wrong("text", str(problem))]) from problem
    return Response(content, media_type="audio/wav")


async def _players(desk: Desk, path: str) -> list[str]:
    """Flows whose draft or published version plays a file."""
    found = []
    for kept in await desk.flows.all_kept(desk.config):
        flows = [kept.in_file] if kept.in_file is not None else []
        for version in (kept.draft, kept.published):
            try:
                flows += [version.value()] if version is not None else []
            except FlowError:
                continue
        if any(prompt.content == path for flow in flows for prompt in _played(flow)):
            found.append(kept.name)
    return found


def _played(flow: Flow) -> list[Prompt]:
    found: list[Prompt | None] = []
    for step in flow.steps.values():
        if isinstance(step, Dial):
            found += [step.caller_hears, step.whisper, step.confirm_prompt, step.too_late]
        elif isinstance(step, Play | Menu):
            found.append(step.prompt)
        elif isinstance(step, Voicemail):
            found.append(step.greeting)
    return [each for each in found if each is not None and each.kind is PromptKind.PLAY]
