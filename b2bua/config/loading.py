"""From a file to a Config, or to everything that is wrong with it."""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from b2bua.calls.flow import Flow
from b2bua.config import rest
from b2bua.config.addresses import route_source
from b2bua.config.building import Builder, RouteSource
from b2bua.config.checks import Checks
from b2bua.config.findings import ConfigError, Finding, KeyPath, Severity, dotted
from b2bua.config.flow_building import build, key_path
from b2bua.config.flow_facts import facts_of, unplayable_in
from b2bua.config.flow_settings import FlowFile
from b2bua.config.lines import key_lines, line_of
from b2bua.config.mistakes import said_plainly
from b2bua.config.reaching import reached
from b2bua.config.settings import File
from b2bua.config.values import Config, prefixes_of
from b2bua.flows.lint import lint

_LINE_OF_SYNTAX_ERROR = re.compile(r" \(at line (\d+), column (\d+)\)$")
Read = TypeVar("Read", bound=BaseModel)
_ROUNDS = 4  # what was taken out may leave another table without what it needs
_FORBIDDEN = re.compile(r"[\r\n\x00]")
# Ten names in a row with dots between, where no setting has more than seven: what tomllib does with a key grows with
# the square of its length, and 20 KB of one keep it busy for seconds.
_NAME_IN_KEY = r"""(?:[A-Za-z0-9_-]+|"(?:\\.|[^"\\\n])*"|'[^'\n]*')"""
_LONG_KEY = re.compile(rf"(?:^|(?<=[\n\[{{,]))[ \t]*(?:{_NAME_IN_KEY}[ \t]*\.[ \t]*){{9}}")


class _Findings:
    """Findings about one file, gathered; knows which line a key path is on.

    taken: what could not be read; from then on, errors are gathered that do not follow from that, and no warnings.
    """

    def __init__(self, file: str) -> None:
        self.file = file
        self.lines: dict[KeyPath, int] = {}
        self.all: list[Finding] = []
        self.taken: list[KeyPath] = []

    def add(self, severity: Severity, path: KeyPath, problem: str, remedy: str) -> None:
        line = line_of(self.lines, path)
        self.all.append(Finding(severity, self.file, line, dotted(path), problem, remedy))

    def error(self, path: KeyPath, problem: str, remedy: str) -> None:
        if not rest.follows(path, problem, self.taken):
            self.add(Severity.ERROR, path, problem, remedy)

    def warning(self, path: KeyPath, problem: str, remedy: str) -> None:
        if not self.taken:
            self.add(Severity.WARNING, path, problem, remedy)

    @property
    def has_errors(self) -> bool:
        return any(finding.severity is Severity.ERROR for finding in self.all)

    def raise_errors(self) -> None:
        self.all.sort(key=lambda finding: finding.line)
        if self.has_errors:
            raise ConfigError(self.all)


def load(
    path: Path | str, route_source: RouteSource = route_source, *, hears_prompts: bool = False
) -> Config:
    """Read a file. Raises ConfigError with all findings when it cannot be used.

    hears_prompts: also decode the files that its flows play, which takes a quarter of a second and more.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except OSError as problem:
        remedy = "Name a file that this user may read."
        reason = f"cannot be read: {problem.strerror}."
        raise ConfigError([Finding(Severity.ERROR, str(path), 0, "", reason, remedy)]) from problem
    return parse(content, path, route_source, hears_prompts=hears_prompts)


def check(path: Path | str, route_source: RouteSource = route_source) -> list[Finding]:
    """All that is wrong with a file, in order of lines; empty when nothing is."""
    try:
        return list(load(path, route_source).findings)
    except ConfigError as problem:
        return list(problem.findings)


def parse(
    content: bytes, path: Path, route_source: RouteSource = route_source, *, hears_prompts: bool = False
) -> Config:
    """As load, of a text that has been read; path is what findings name and relative paths start from."""
    findings = _Findings(str(path))
    document = _document(content, findings)
    _refuse_line_breaks(document, findings)
    findings.raise_errors()
    file = _readable(document, findings)
    Checks(file, findings.error, findings.warning).run()
    if findings.has_errors:  # what is wrong with a flow's own texts is told with the rest
        for name, flow in file.flows.items():
            build(name, flow, ("flows", name), findings.error)
    findings.raise_errors()
    return _built(file, path, content, findings, route_source, hears_prompts)


def flows_in(content: bytes, file: str) -> dict[str, Flow]:
    """The flows of a text that has nothing else, as they are exported, unchecked but for their form.

    file is what findings name. Raises ConfigError.
    """
    findings = _Findings(file)
    document = _document(content, findings)
    _refuse_line_breaks(document, findings)
    findings.raise_errors()
    settings = _validated(FlowFile, document, findings)
    flows = {
        name: build(name, flow, ("flows", name), findings.error) for name, flow in settings.flows.items()
    }
    findings.raise_errors()
    return flows


def _document(content: bytes, findings: _Findings) -> dict[str, Any]:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as problem:
        line = content.count(b"\n", 0, problem.start) + 1
        syntax = Finding(Severity.ERROR, findings.file, line, "", "is not UTF-8 text.", "Save it as UTF-8.")
        raise ConfigError([syntax]) from problem
    text = text.replace("\r\n", "\n")
    long_key = _LONG_KEY.search(text)
    if long_key is not None:
        line = text.count("\n", 0, long_key.end()) + 1
        raise ConfigError([_too_deep(line, findings.file)])
    try:
        document = tomllib.loads(text)
        findings.lines = key_lines(text)
    except tomllib.TOMLDecodeError as problem:
        raise ConfigError([_syntax_error(str(problem), text, findings.file)]) from problem
    except RecursionError as problem:
        raise ConfigError([_too_deep(0, findings.file)]) from problem
    return document


def _too_deep(line: int, file: str) -> Finding:
    return Finding(Severity.ERROR, file, line, "", "is too deep: no setting is like that.", "Remove it.")


def _syntax_error(problem: str, text: str, file: str) -> Finding:
    place = _LINE_OF_SYNTAX_ERROR.search(problem)
    line = int(place[1]) if place else text.count("\n") + 1
    said = problem[: place.start()] if place else problem.replace(" (at end of document)", " before the end")
    column = f" at column {place[2]}" if place else ""
    remedy = "Check quotes, brackets and commas there; texts and +numbers stand in quotes."
    if "twice" in said or "overwrite" in said:
        remedy = "It is written above already: make one of the two."
    return Finding(Severity.ERROR, file, line, "", f"is not TOML: {said}{column}.", remedy)


def _refuse_line_breaks(document: dict[str, Any], findings: _Findings) -> None:
    for path, text in _texts(document, ()):
        if _FORBIDDEN.search(text):
            # It could end in a header and begin another one there.
            findings.error(path, "holds a line break or NUL.", "Write it on one line.")


def _texts(value: Any, path: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield (*path, key), key
            yield from _texts(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _texts(inner, (*path, index))


def _readable(document: dict[str, Any], findings: _Findings) -> File:
    """The settings, without what cannot be read: that is told. Raises ConfigError where it is too much."""
    for _ in range(_ROUNDS):
        try:
            return File.model_validate(document)
        except ValidationError as problem:
            wrong = [said_plainly(error) for error in problem.errors(include_url=False)]
            if not findings.taken:
                for each in wrong:
                    findings.error(*each)
            document, taken = rest.without(document, [path for path, _, _ in wrong])
            if not taken:
                break
            findings.taken += taken
    findings.raise_errors()
    raise AssertionError("a file that cannot be read has errors")


def _validated(model: type[Read], document: dict[str, Any], findings: _Findings) -> Read:
    try:
        return model.model_validate(document)
    except ValidationError as problem:
        for error in problem.errors(include_url=False):
            findings.error(*said_plainly(error))
        findings.raise_errors()
        raise


def _built(
    file: File, path: Path, content: bytes, findings: _Findings, route_source: RouteSource, hears_prompts: bool
) -> Config:
    builder = Builder(file, path, findings.error, findings.warning, route_source)
    sip = builder.sip()
    service = builder.service()
    trunks = {name: builder.trunk(name, trunk) for name, trunk in file.trunks.items()}
    flows = {name: reached(builder.flow(name, flow), trunks) for name, flow in file.flows.items()}
    findings.raise_errors()
    config = Config(
        path=str(path),
        version=hashlib.sha256(content).hexdigest()[:12],
        sip=sip,
        media=builder.media(sip.listeners, service.control_socket),
        limits=builder.limits(),
        trunks=trunks,
        numbers={
            dialled: builder.number(dialled, number, trunks, flows)
            for dialled, number in file.numbers.items()
        },
        records=builder.records(),
        service=service,
        console=builder.console(),
        webhooks=tuple(builder.webhook(index, each) for index, each in enumerate(file.webhooks)),
        flows=flows,
        _prefixes=prefixes_of(trunks.values()),
    )
    _check_flows(config, findings, hears_prompts)
    findings.raise_errors()
    return replace(config, findings=tuple(findings.all))


def _check_flows(config: Config, findings: _Findings, hears_prompts: bool) -> None:
    for flow in config.flows.values():
        no_sounds = unplayable_in(config, flow) if hears_prompts else {}
        for remark in lint(flow, facts_of(config, flow, unplayable_files=no_sounds)):
            path = key_path(flow, remark.step, remark.field)
            findings.add(Severity(remark.severity), path, remark.text, remark.remedy)
