"""Which way imports go, read from the sources. docs/design.md says why.

An import inside a function counts like any other. One that only the type checker reads (`if TYPE_CHECKING:`)
counts for what a package may know of, and not as an arrow between modules of one package: nothing is imported
when the program runs, so that a part can name the type of the whole that it is told about.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("sip_stack", "rtp_relay", "b2bua")
IMPURE = frozenset({
    "asyncio", "socket", "ssl", "threading", "time", "random", "secrets",
    "uvloop", "select", "selectors", "signal", "subprocess", "multiprocessing", "os", "uuid",
})  # fmt: skip

# RFC 3261 from the wire up; a module imports those of its own floor and below.
FLOORS: tuple[tuple[str, ...], ...] = (
    ("errors", "flow", "timers"),
    ("grammar", "trace"),
    ("uri",),
    ("headers",),
    ("message", "sdp", "body", "digest", "server_location", "outgoing"),
    (
        "framing", "reply", "request_defect", "sdp_rewriting", "offer_answer", "session_timer", "matching",
        "capabilities",
    ),
    ("client_transaction", "server_transaction", "sdp_narrowing", "listeners"),
    ("dialog",),
    ("events", "refresher", "orphan_answer", "provisionals"),
    ("session",),
    ("invite_client", "invite_server"),
    ("stack",),
    ("aio",),
)  # fmt: skip


class Import(NamedTuple):
    """One import: the module that has it, what it imports (a dotted name), where, and whether it happens."""

    module: str
    target: str
    line: int
    is_for_types: bool

    def __str__(self) -> str:
        return f"{self.module}:{self.line} imports {self.target}"


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def sources(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


MODULES = frozenset(module_name(path) for path in sources(*PACKAGES, "tests", "bench"))


def targets(node: ast.Import | ast.ImportFrom, module: str, is_package: bool) -> Iterator[str]:
    """The modules that one statement imports: `from b2bua import service` is b2bua.service."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
        return
    start = node.module or ""
    if node.level:
        kept = module.split(".")[: len(module.split(".")) - node.level + is_package]
        start = ".".join([*kept, start] if start else kept)
    for alias in node.names:
        inner = f"{start}.{alias.name}"
        yield inner if inner in MODULES else start


def is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")


def imports_in(source: str, module: str, is_package: bool = False) -> Iterator[Import]:
    def walk(node: ast.AST, is_for_types: bool) -> Iterator[Import]:
        if isinstance(node, ast.Import | ast.ImportFrom):
            for target in targets(node, module, is_package):
                yield Import(module, target, node.lineno, is_for_types)
        elif isinstance(node, ast.If) and is_type_checking(node):
            for statement in node.body:
                yield from walk(statement, True)
            for statement in node.orelse:
                yield from walk(statement, is_for_types)
        else:
            for child in ast.iter_child_nodes(node):
                yield from walk(child, is_for_types)

    yield from walk(ast.parse(source), False)


def imports(*folders: str) -> list[Import]:
    return [
        each
        for path in sources(*folders)
        for each in imports_in(
            path.read_text(encoding="utf-8"), module_name(path), path.name == "__init__.py"
        )
    ]


ALL = imports(*PACKAGES, "bench", "tests")
OURS = [each for each in ALL if each.module.startswith(PACKAGES)]


def is_within(module: str, *packages: str) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def top(name: str) -> str:
    return name.partition(".")[0]


def breaches(found: Iterable[Import]) -> str:
    return "\n".join(sorted(str(each) for each in found))


# Packages.


def test_there_is_something_to_read() -> None:
    for package in PACKAGES:
        assert sum(is_within(module, package) for module in MODULES) > 10
    assert len(OURS) > 300


@pytest.mark.parametrize(("package", "foreign"), [
    ("sip_stack", ("rtp_relay", "b2bua")),
    ("rtp_relay", ("sip_stack", "b2bua")),
])  # fmt: skip
def test_the_stack_and_the_relay_know_nobody(package: str, foreign: tuple[str, ...]) -> None:
    assert not breaches(
        each for each in OURS if is_within(each.module, package) and is_within(each.target, *foreign)
    )


def test_the_stack_is_pure_outside_of_aio() -> None:
    assert not breaches(
        each
        for each in OURS
        if is_within(each.module, "sip_stack")
        and not is_within(each.module, "sip_stack.aio")
        and (top(each.target) in IMPURE or is_within(each.target, "sip_stack.aio"))
    )


def test_calls_are_pure_and_know_neither_store_nor_console_nor_configuration() -> None:
    closed = ("b2bua.store", "b2bua.console", "b2bua.config", "sip_stack.aio")
    assert not breaches(
        each
        for each in OURS
        if is_within(each.module, "b2bua.calls")
        and (top(each.target) in IMPURE or is_within(each.target, *closed))
    )


def test_calls_know_of_the_product_only_calls() -> None:
    assert not breaches(
        each
        for each in OURS
        if is_within(each.module, "b2bua.calls")
        and is_within(each.target, "b2bua")
        and not is_within(each.target, "b2bua.calls")
    )


def test_the_relay_is_pure_outside_of_forms_client_and_process() -> None:
    edge = (
        "rtp_relay.forms", "rtp_relay.bpf", "rtp_relay.process", "rtp_relay.client", "rtp_relay.ng.client",
        "rtp_relay.__main__",
    )  # fmt: skip
    assert not breaches(
        each
        for each in OURS
        if is_within(each.module, "rtp_relay")
        and not is_within(each.module, *edge)
        and (top(each.target) in IMPURE or is_within(each.target, *edge))
    )


def test_the_product_sees_of_the_relay_only_client_control_and_facts() -> None:
    for package, seen in (
        ("b2bua", ("rtp_relay.client", "rtp_relay.ng.client", "rtp_relay.control", "rtp_relay.facts")),
        ("b2bua.calls", ("rtp_relay.control",)),
    ):
        assert not breaches(
            each
            for each in OURS
            if is_within(each.module, package)
            and is_within(each.target, "rtp_relay")
            and not is_within(each.target, *seen)
        )


def test_only_its_command_imports_the_service() -> None:
    importers = {
        each.module
        for each in ALL
        if is_within(each.target, "b2bua.service") and not is_within(each.module, "tests")
    }
    assert importers == {"b2bua.commands.core"}


def test_nothing_imports_the_tests() -> None:
    assert not breaches(
        each
        for each in ALL
        if not is_within(each.module, "tests") and top(each.target) in ("tests", "bench", "conftest")
        and not (is_within(each.module, "bench") and top(each.target) == "bench")
    )  # fmt: skip


def test_the_gpl_library_stays_within_the_phone() -> None:
    """pjsua2 is GPL: only processes of their own may load it."""
    assert not breaches(
        each for each in ALL if top(each.target) == "pjsua2" and not is_within(each.module, "b2bua.phone")
    )


def test_only_programs_import_the_phone_that_loads_it() -> None:
    """The service must run where pjsua2 is not installed."""
    loading = {each.module for each in ALL if top(each.target) == "pjsua2" and not each.is_for_types}
    assert loading
    assert not breaches(
        each for each in OURS if each.target in loading and not is_within(each.module, "b2bua.phone")
    )


# Within a package.


def floor_of(module: str) -> int:
    name = module.split(".")[1]
    return next(number for number, names in enumerate(FLOORS) if name in names)


def test_every_module_of_the_stack_has_a_floor() -> None:
    named = {name for names in FLOORS for name in names}
    present = {module.split(".")[1] for module in MODULES if module.startswith("sip_stack.")}
    assert present == named


def test_no_arrow_goes_up_within_the_stack() -> None:
    assert not breaches(
        each
        for each in OURS
        if each.module.startswith("sip_stack.")
        and each.target.startswith("sip_stack.")
        and not each.is_for_types
        and floor_of(each.target) > floor_of(each.module)
    )


def find_cycle(arrows: dict[str, set[str]]) -> list[str]:
    """Modules that import each other in a ring; empty when there is none."""
    done: set[str] = set()

    def visit(module: str, path: list[str]) -> list[str]:
        if module in path:
            return [*path[path.index(module) :], module]
        if module in done:
            return []
        for target in sorted(arrows.get(module, ())):
            cycle = visit(target, [*path, module])
            if cycle:
                return cycle
        done.add(module)
        return []

    return next((cycle for module in sorted(arrows) if (cycle := visit(module, []))), [])


@pytest.mark.parametrize("package", PACKAGES)
def test_no_modules_import_each_other_in_a_ring(package: str) -> None:
    arrows: dict[str, set[str]] = {}
    for each in OURS:
        if is_within(each.module, package) and each.target in MODULES and not each.is_for_types:
            arrows.setdefault(each.module, set()).add(each.target)
    assert find_cycle(arrows) == []


# The reading itself.


def read(source: str, module: str = "b2bua.calls.call", is_package: bool = False) -> list[tuple[str, bool]]:
    return [(each.target, each.is_for_types) for each in imports_in(source, module, is_package)]


def test_every_way_to_import_is_seen() -> None:
    assert read("import time as t, os.path") == [("time", False), ("os.path", False)]
    assert read("def f():\n    from time import monotonic") == [("time", False)]
    assert read("from b2bua import service") == [("b2bua.service", False)]
    assert read("from rtp_relay.control import Reserve") == [("rtp_relay.control", False)]
    assert read("from . import leg") == [("b2bua.calls.leg", False)]
    assert read("from .leg import Leg") == [("b2bua.calls.leg", False)]
    assert read("from ..service import run") == [("b2bua.service", False)]
    assert read("from .opening import open", "b2bua.store", is_package=True) == [
        ("b2bua.store.opening", False)
    ]
    assert read("if TYPE_CHECKING:\n    import socket\nelse:\n    import time") == [
        ("socket", True),
        ("time", False),
    ]


def test_a_ring_is_found() -> None:
    assert find_cycle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]
    assert find_cycle({"a": {"b", "c"}, "b": {"c"}}) == []
