"""``b2bua flow …``: call flows in the database of the configuration, and those in its file."""

from __future__ import annotations

import argparse
import asyncio
import getpass
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Final

from b2bua.calls.flow import Flow
from b2bua.commands import Failure, Subparsers
from b2bua.commands.actions import add_action
from b2bua.commands.finding import configuration, put_to_use
from b2bua.config import Config
from b2bua.config.flow_facts import facts_of, unplayable_in
from b2bua.config.loading import flows_in
from b2bua.config.reaching import reached
from b2bua.flows.differences import differences
from b2bua.flows.lint import lint
from b2bua.flows.numbers import NumberStore
from b2bua.flows.outline import outline
from b2bua.flows.remarks import Remark
from b2bua.flows.use import with_numbers
from b2bua.flows.versions import DRAFT, FlowError, FlowVersion, FlowVersions, named
from b2bua.flows.writing import written
from b2bua.records import printable
from b2bua.store import StoreError
from b2bua.store.opening import open_engine
from b2bua.store.statistics import Selection, read

_LEARNED_OVER: Final = 30 * 86400  # seconds of calls that tell where voicemail answers

Work = Callable[[Config, FlowVersions, argparse.Namespace], Awaitable[int]]


def add(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(
        "flow",
        help="list, check, change and publish call flows",
        description="Call flows live in the database as numbered versions, with a draft beside them; or in "
        "the configuration file, where this command can look at them and not change them.",
        epilog="docs/flows.md has an example from beginning to end.",
    )
    parser.set_defaults(run=run)
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    add_action(actions, "list", "all flows", work=_list)
    show = add_action(actions, "show", "what a flow, or a number, does, and its versions", "name", work=_show)
    check = add_action(
        actions, "lint", "what is wrong with a flow, or a number's; exit status 1 for errors", "name", work=_lint
    )
    export = add_action(actions, "export", "print a flow as TOML", "name", work=_export)
    for each in (show, check, export):
        each.add_argument(
            "--version",
            type=_version,
            metavar="N",
            help='a number or "draft"; else the draft, or the last one',
        )
    importing = add_action(actions, "import", "read flows from a file, as drafts", work=_import)
    importing.add_argument("file", metavar="FILE", help='a file with [flows.NAME] tables, or "-"')
    publish = add_action(actions, "publish", "make the draft the next version", "name", work=_publish)
    for each in (importing, publish):
        each.add_argument(
            "--note", default="", metavar="TEXT", help="what has changed, for the list of versions"
        )
    restore = add_action(actions, "restore", "publish an old version again", "name", work=_restore)
    restore.add_argument("version", type=_version, metavar="VERSION")
    diff = add_action(actions, "diff", "what has changed, in words", "name", work=_diff)
    diff.add_argument("old", nargs="?", type=_version, metavar="OLD", help="else what is published")
    diff.add_argument("new", nargs="?", type=_version, metavar="NEW", help="else the draft")


def _version(text: str) -> int:
    if text == "draft":
        return DRAFT
    if not (text.isascii() and text.isdigit() and 1 <= int(text) < 1_000_000):
        raise argparse.ArgumentTypeError(f'"{text}" is no version: write its number, or draft')
    return int(text)


def run(arguments: argparse.Namespace) -> int:
    config = configuration(arguments.config)
    try:
        return asyncio.run(_work(config, arguments))
    except (StoreError, FlowError) as problem:
        raise Failure(str(problem)) from problem


async def _work(config: Config, arguments: argparse.Namespace) -> int:
    engine = await open_engine(config.records.database)
    async with FlowVersions(engine, time.time) as versions:
        work: Work = arguments.work
        return await work(with_numbers(config, await NumberStore(engine).all()), versions, arguments)


async def _list(config: Config, versions: FlowVersions, _: argparse.Namespace) -> int:
    kept = await versions.names()
    for name in sorted({*config.flows, *kept}):
        used = [dialled for dialled, number in config.numbers.items() if number.flow_name == name]
        words = [f"{name}:", await _state(config, versions, name)]
        print(printable(" ".join(words) + (f"; used by {', '.join(used)}" if used else "; not used")))
    if not kept and not config.flows:
        print("No flows. docs/flows.md says how to make one.")
    return 0


async def _state(config: Config, versions: FlowVersions, name: str) -> str:
    if name in config.flows:
        return "in the configuration file"
    found = await versions.versions(name)
    published = next((each for each in found if not each.is_draft), None)
    words = [_line(published)] if published is not None else ["not published"]
    return ", and a draft".join([*words, ""]) if found and found[0].is_draft else words[0]


async def _show(config: Config, versions: FlowVersions, arguments: argparse.Namespace) -> int:
    flow = await _wanted_of_number(config, versions, arguments)
    lines = [f"{flow.name}, {_named(config, flow)}", "", *outline(flow, time.time())]
    kept = [] if flow.name in config.flows else await versions.versions(flow.name)
    if kept:
        lines += ["", "Versions", *(f"    {_line(each)}" for each in kept)]
    print("\n".join(printable(line) for line in lines))
    return 0


async def _lint(config: Config, versions: FlowVersions, arguments: argparse.Namespace) -> int:
    flow = await _wanted_of_number(config, versions, arguments)
    remarks = await _remarks(config, flow)
    _tell(remarks)
    if not remarks:
        print(f"{flow.name}, {_named(config, flow)}: good.")
    return int(_is_refused(remarks))


async def _export(config: Config, versions: FlowVersions, arguments: argparse.Namespace) -> int:
    print(written(await _wanted(config, versions, arguments.name, arguments.version)), end="")
    return 0


async def _import(config: Config, versions: FlowVersions, arguments: argparse.Namespace) -> int:
    flows = flows_in(_content(arguments.file), arguments.file)
    for name in flows:
        _refuse_declared(config, name)
    for name, flow in flows.items():
        await versions.save_draft(flow, getpass.getuser(), arguments.note)
        remarks = await _remarks(config, flow)
        _tell(remarks)
        remedy = (
            "it cannot be published yet"
            if _is_refused(remarks)
            else f"`b2bua flow publish {name}` publishes it"
        )
        print(f"{name}: kept as the draft; {remedy}.")
    return 0


async def _publish(config: Config, versions: FlowVersions, arguments: argparse.Namespace) -> int:
    name = arguments.name
    _refuse_declared(config, name)
    flow = (await versions.version(name, DRAFT)).value()
    remarks = await _remarks(config, flow)
    _tell(remarks)
    if _is_refused(remarks):
        raise Failure(f"{name} is not published: the draft has errors.")
    number = await versions.publish(name, getpass.getuser(), arguments.note)
    print(f"{name}: published as version {number}. {put_to_use(config)}")
    return 0


async def _restore(config: Config, versions: FlowVersions, arguments: argparse.Namespace) -> int:
    name = arguments.name
    _refuse_declared(config, name)
    (await versions.version(name, arguments.version)).value()  # FlowError when it cannot be used any more
    number = await versions.restore(name, arguments.version, getpass.getuser())
    print(f"{name}: version {arguments.version} is published again, as version {number}. {put_to_use(config)}")
    return 0


async def _diff(config: Config, versions: FlowVersions, arguments: argparse.Namespace) -> int:
    old, new = await _compared(versions, arguments)
    print(f"{arguments.name}, {named(old.version)} → {named(new.version)}:")
    lines = differences(old.value(), new.value()) or ["nothing has changed"]
    print("\n".join(printable(f"    {line}") for line in lines))
    return 0


async def _compared(versions: FlowVersions, arguments: argparse.Namespace) -> tuple[FlowVersion, FlowVersion]:
    """The two that are meant: as written; else what is published and the draft; else the last two."""
    name = arguments.name
    kept = await versions.versions(name)
    if len(kept) < 2 and arguments.new is None:
        raise Failure(
            f"{name} has {'only one version' if kept else 'no versions'}: there is nothing to compare."
        )
    new = kept[0] if arguments.new is None else await versions.version(name, arguments.new)
    old = kept[1] if arguments.old is None else await versions.version(name, arguments.old)
    return old, new


async def _wanted(config: Config, versions: FlowVersions, name: str, version: int | None) -> Flow:
    """The flow that is meant. Raises FlowError or Failure."""
    if name in config.flows:
        if version is not None:
            raise Failure(f"{name} stands in {config.path}, which has no versions.")
        return config.flows[name]
    if version is not None:
        return (await versions.version(name, version)).value()
    kept = await versions.versions(name)
    if not kept:
        raise Failure(f"There is no flow {name}; `b2bua flow list` shows those that there are.")
    return kept[0].value()


async def _wanted_of_number(
    config: Config, versions: FlowVersions, arguments: argparse.Namespace
) -> Flow:
    """As _wanted, where a number may stand for the flow that it leads to, or that its recipients are."""
    name = arguments.name
    number = config.numbers.get(name)
    if number is None or name in config.flows or await versions.versions(name):
        return await _wanted(config, versions, name, arguments.version)
    if number.flow_name:
        return await _wanted(config, versions, number.flow_name, arguments.version)
    assert number.flow is not None  # a number of the file, with recipients
    if arguments.version is not None:
        raise Failure(f"{name} stands in {config.path}, which has no versions.")
    return number.flow


async def _remarks(config: Config, flow: Flow) -> list[Remark]:
    no_sounds = await asyncio.to_thread(unplayable_in, config, flow)
    facts = facts_of(config, flow, await _voicemails(config), unplayable_files=no_sounds)
    return lint(reached(flow, config.trunks), facts)


async def _voicemails(config: Config) -> dict[str, float]:
    """The URI that is rung → the second in which voicemail seems to answer, as of the record of calls."""
    now = int(time.time() * 1e6)
    found = await read(config.records.database, Selection(now - _LEARNED_OVER * 1_000_000, now))
    return {
        figures.uri: figures.voicemail.after / 1e6
        for figures in found.recipients
        if figures.voicemail is not None
    }


def _content(file: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as problem:
        raise Failure(f"{file} cannot be read: {problem.strerror}.") from problem


def _refuse_declared(config: Config, name: str) -> None:
    if name in config.flows:
        raise Failure(f"{name} stands in {config.path}: change it there, or remove it there first.")


def _tell(remarks: list[Remark]) -> None:
    for remark in remarks:
        print(printable(str(remark)))


def _is_refused(remarks: list[Remark]) -> bool:
    return any(remark.severity == "error" for remark in remarks)


def _named(config: Config, flow: Flow) -> str:
    number = config.numbers.get(flow.name)
    is_in_file = flow.name in config.flows or (number is not None and number.flow is flow)
    return "of the configuration file" if is_in_file else named(flow.version)


def _line(version: FlowVersion) -> str:
    at = version.made_at if version.published_at is None else version.published_at
    by = version.made_by if version.published_at is None else version.published_by
    when = datetime.fromtimestamp(at / 1e6).astimezone().strftime("%Y-%m-%d %H:%M")
    how = "made" if version.is_draft else "published"
    return f"{named(version.version)}, {how} {when} by {by}" + (f": {version.note}" if version.note else "")
