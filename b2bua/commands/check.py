"""``b2bua check [FILE]``: what is wrong with a configuration, line by line, with the remedy.

``--media`` goes on to look whether media can flow on this host: see b2bua/media_check.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from dataclasses import replace
from typing import Any

from b2bua.commands import Failure, Subparsers
from b2bua.commands.finding import VARIABLE, find
from b2bua.config import Config, ConfigError, Finding, load
from b2bua.config.addresses import numeric
from b2bua.config.findings import Severity, dotted
from b2bua.flows.glance import glance
from b2bua.flows.number_checks import number_remarks
from b2bua.media_check import MediaFinding, Verdict, judge, needs_of, wanted_of
from b2bua.store import StoreError
from b2bua.store.opening import file_of


def add(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(
        "check",
        help="check a configuration file, and whether media can flow here",
        description="Names file, line and remedy of all that is wrong. Exit status 0: usable; 1: not.",
    )
    parser.add_argument(
        "file", metavar="FILE", nargs="?", default="", help=f"default: ${VARIABLE}, or where the service has it"
    )
    parser.add_argument("--strict", action="store_true", help="warnings count as errors")
    parser.add_argument(
        "--media", action="store_true",
        help="look at this host too: send packets through each form of the relay, look at ports, limits, links and "
        "firewall; a running service is not disturbed",
    )  # fmt: skip
    parser.add_argument(
        "--towards", metavar="HOST", action="append", default=[],
        help="with --media, the numeric address of a far end to look for a way to; may be given several times",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="all findings as one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    path = find(arguments.file)
    try:
        config = load(path, hears_prompts=True)
    except ConfigError as problem:
        findings = [*map(_said, problem.findings)]
        print(json.dumps({"usable": False, "findings": findings}) if arguments.json else problem)
        return 1
    config = replace(config, findings=(*config.findings, *_number_findings(config)))
    if not arguments.json:
        for finding in config.findings:
            print(finding)
    if arguments.strict and config.findings and not arguments.json:
        return 1
    if not arguments.json:
        print(f"{path}: good. {summary(config)}", flush=True)
    media = _look(config, arguments.towards) if arguments.media else ()
    is_usable = not _is_bad(config, media, is_strict=arguments.strict)
    if arguments.json:
        findings = [*map(_said, config.findings), *map(_said, media)]
        print(json.dumps({"usable": is_usable, "findings": findings}))
    else:
        for each in media:
            print(each)
    return 0 if is_usable else 1


def _number_findings(config: Config) -> list[Finding]:
    """What only the database knows: its numbers, and which flows were published. Without one nothing is said."""
    database = config.records.database
    try:
        found = asyncio.run(glance(database))
    except StoreError as problem:
        remedy = "Its numbers and flows are not checked."
        return [Finding(Severity.WARNING, config.path, 0, "records.database", f"{problem}.", remedy)]
    if found is None:
        return []
    place = str(file_of(database) or "the database")
    return [
        Finding(
            Severity.WARNING,
            config.path if remark.in_file else place,
            0,
            dotted(("numbers", remark.dialled)) if remark.dialled else "",
            remark.text,
            remark.remedy,
        )
        for remark in number_remarks(config, found.numbers, found.published)
    ]


def _look(config: Config, towards: list[str]) -> tuple[MediaFinding, ...]:
    """Whether media can flow here. Raises Failure."""
    from b2bua.media_check import asking, nodes  # what starts processes is loaded by who wants one

    if config.media.nodes:
        return nodes.look(config.media.nodes)
    for host in towards:
        if not numeric(host):
            raise Failure(f"{host} is no numeric address.")
    try:
        return judge(needs_of(config), asking.ask(wanted_of(config, towards)))
    except asking.AskingError as problem:
        raise Failure(str(problem)) from problem


def _is_bad(config: Config, media: tuple[MediaFinding, ...], *, is_strict: bool) -> bool:
    verdicts = {finding.verdict for finding in media}
    return Verdict.ERROR in verdicts or (is_strict and (Verdict.WARNING in verdicts or bool(config.findings)))


def _said(finding: Finding | MediaFinding) -> dict[str, Any]:
    """A finding as JSON has it; one of media has no file and no line."""
    if isinstance(finding, MediaFinding):
        said = {"subject": finding.subject, "verdict": finding.verdict.value, "saying": finding.saying}
        return {"about": "media", **said, "remedy": finding.remedy}
    said = {"subject": finding.setting, "verdict": finding.severity.value, "saying": finding.problem}
    return {"about": "configuration", **said, "remedy": finding.remedy, "file": finding.file, "line": finding.line}


def summary(config: Config) -> str:
    """What the file amounts to, on one line."""
    recipients = sum(len(number.step.recipients) for number in config.numbers.values())
    listeners = ", ".join(listener.name for listener in config.sip.listeners)
    counts = (
        _counted(len(config.trunks), "trunk"),
        _counted(len(config.numbers), "number"),
        _counted(recipients, "recipient"),
    )
    flows = f", {_counted(len(config.flows), 'flow')}" if config.flows else ""
    engines = len(config.media.nodes)
    media = f"media by {_counted(engines, 'rtpengine')}" if engines else f"relay form {config.media.form}"
    return f"Listens on {listeners}; {', '.join(counts)}{flows}; {media}; version {config.version}."


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"
