"""The pages say what is so: links, names, commands, settings and figures are looked up in the sources."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from b2bua.__main__ import COMMANDS
from b2bua.config.reference import all_settings
from docs import draw_state_machines
from tests.world.network import Link
from tests.world.world import World

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
PAGE_IDS = [str(page.relative_to(ROOT)) for page in PAGES]
WANTED = (
    "README.md", "LICENSE", "CHANGELOG.md", "CONTRIBUTING.md", "docs/design.md", "docs/life-of-a-call.md",
    "docs/words.md", "docs/rfc-coverage.md", "docs/configuration.md", "docs/operating.md",
    "docs/state-machines.md", "docs/decisions/README.md",
)  # fmt: skip
SOURCES = sorted(path for name in ("sip_stack", "rtp_relay", "b2bua") for path in (ROOT / name).rglob("*.py"))


def text_of(page: Path | str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def prose_of(page: Path) -> str:
    """A page without its fenced blocks."""
    return re.sub(r"(?ms)^```.*?^```$", "", text_of(page))


each_page = pytest.mark.parametrize("page", PAGES, ids=PAGE_IDS)


@pytest.mark.parametrize("name", WANTED)
def test_the_page_is_there(name: str) -> None:
    assert len(text_of(name)) > 500


def test_the_licence_is_apache_2() -> None:
    licence = text_of("LICENSE")
    assert "Apache License" in licence and "Version 2.0, January 2004" in licence
    assert "END OF TERMS AND CONDITIONS" in licence
    assert 'license = { text = "Apache-2.0" }' in text_of("pyproject.toml")


# Links.


def anchors_of(page: Path) -> set[str]:
    """What a heading can be linked by: lower case, no punctuation, dashes for blanks."""
    headings = re.findall(r"(?m)^#+ +(.+?)\s*$", prose_of(page))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@each_page
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", prose_of(page)):
        if target.startswith("https://"):
            continue
        name, _, anchor = target.partition("#")
        path = (page.parent / name).resolve() if name else page
        assert path.exists(), f"{target} is not there"
        if anchor:
            assert anchor in anchors_of(path), f"{target}: no such heading"


def test_every_page_is_linked_from_another() -> None:
    linked = {
        (page.parent / target.partition("#")[0]).resolve()
        for page in PAGES
        for target in re.findall(r"\]\(([^)\s]+)\)", prose_of(page))
        if not target.startswith("https://")
    }
    alone = [page for page in PAGES if page.resolve() not in linked and page.name != "README.md"]
    assert alone == []


# What stands in backticks.


def quoted_in(page: Path) -> list[str]:
    return re.findall(r"`([^`\n]+)`", prose_of(page))


PATH = re.compile(r"(?:sip_stack|rtp_relay|b2bua|tests|docs|bench|deploy|examples)/[\w./-]*")


@each_page
def test_files_that_are_named_exist(page: Path) -> None:
    for quoted in quoted_in(page):
        for path in PATH.findall(quoted) if not quoted.startswith("/") else ():
            if quoted[quoted.index(path) - 1 : quoted.index(path)] != "/":
                assert (ROOT / path).exists() or (ROOT / f"{path}.py").exists(), path


def names_within(node: ast.ClassDef) -> Iterator[str]:
    """Methods, fields, slots and attributes of self of a class."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef):
            yield inner.name
        elif isinstance(inner, ast.AnnAssign | ast.Assign):
            for target in inner.targets if isinstance(inner, ast.Assign) else [inner.target]:
                if isinstance(target, ast.Name):
                    yield target.id
                elif isinstance(target, ast.Attribute):
                    yield target.attr


def classes() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                found.setdefault(node.name, set()).update(names_within(node))
    return found


CLASSES = classes()


@each_page
def test_methods_that_are_named_exist(page: Path) -> None:
    for quoted in quoted_in(page):
        match = re.fullmatch(r"([A-Z]\w*)\.(\w+)(?:\(.*\))?", quoted)
        if match:
            assert match[1] in CLASSES, f"{quoted}: no such class"
            assert match[2] in CLASSES[match[1]], f"{quoted}: no such method"


TABLES = {
    setting.table.strip("[]"): {
        each.name for each in all_settings() if each.table == setting.table
    }
    for setting in all_settings()
}  # fmt: skip


@each_page
def test_settings_that_are_named_exist(page: Path) -> None:
    for quoted in quoted_in(page):
        match = re.fullmatch(r"(sip|media|limits|records|service)\.([a-z_0-9]+)(?: = .*)?", quoted)
        if match:
            assert match[2] in TABLES[match[1]], f"{quoted}: no such setting"


# Commands.


def commands_in(page: Path, program: str) -> list[str]:
    """The words after a program's name, wherever it begins a quotation or a line of an example."""
    text = text_of(page)
    start = rf"(?:^ {{4,}}|^```\n|`)(?:\.venv/bin/|ExecStart=/opt/multiring/bin/)?{program} "
    return re.findall(rf"(?m){start}([a-z_][\w.-]*)", text)


def test_the_readme_has_both_commands() -> None:
    assert {"demo", "test", "run"} <= set(commands_in(ROOT / "README.md", "make"))


@each_page
def test_make_knows_what_it_is_asked_for(page: Path) -> None:
    targets = set(re.findall(r"(?m)^([a-z-]+):", text_of("Makefile")))
    assert set(commands_in(page, "make")) <= targets


@each_page
def test_the_program_knows_its_commands(page: Path) -> None:
    assert set(commands_in(page, "b2bua")) <= set(COMMANDS)


@each_page
def test_modules_that_are_run_exist(page: Path) -> None:
    for module in re.findall(r"python -m ([\w.]+)", text_of(page)):
        path = ROOT / module.replace(".", "/")
        known = module in ("venv", "pytest")
        assert known or path.with_suffix(".py").exists() or (path / "__main__.py").exists(), module


# Words.

WORDS = (
    "message, request, response", "transaction", "dialog", "session", "call", "leg", "fork, branch",
    "call flow, step, outcome", "recipient, target", "offer, answer", "endpoint", "stream", "bridge", "latch",
    "deadline, interval", "event, command", "trace",
)  # fmt: skip
LEFT_AT_THE_DOOR = frozenset({
    "manager", "handler", "helper", "util", "utils", "misc", "common", "base", "context", "data", "info",
})  # fmt: skip


def test_the_words_are_all_there_and_each_once() -> None:
    first_table = text_of("docs/words.md").partition("Some more")[0]
    rows = [line.split("|")[1].strip() for line in first_table.splitlines() if line.startswith("| ")]
    assert tuple(rows[1:]) == WORDS


def words_of(name: str) -> set[str]:
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])", name)}


def test_no_module_and_no_class_has_a_name_that_was_left_at_the_door() -> None:
    assert [str(path) for path in SOURCES if words_of(path.stem) & LEFT_AT_THE_DOOR] == []
    assert [name for name in CLASSES if words_of(name) & LEFT_AT_THE_DOOR] == []


def test_the_page_of_words_says_what_is_left_at_the_door() -> None:
    last = text_of("docs/words.md").rpartition("Not used as names")[2]
    assert LEFT_AT_THE_DOOR - {"utils"} <= words_of(last)


# Figures.


def test_the_figures_are_those_of_the_tables() -> None:
    page = draw_state_machines.PAGE.read_text(encoding="utf-8")
    assert draw_state_machines.drawn(page) == page, "run python -m docs.draw_state_machines"


def test_every_machine_has_its_figure() -> None:
    page = draw_state_machines.PAGE.read_text(encoding="utf-8")
    assert sorted(draw_state_machines.figures_in(page)) == sorted(draw_state_machines.MACHINES)


def one_answers() -> World:
    world = World()
    world.phone("ana", answers_after=1.0)
    world.phone("ben")
    world.phone("carl")
    call = world.caller().call()
    world.run(2.0)
    call.hang_up()
    world.run(1.0)
    return world


def two_answer() -> World:
    world = World()
    world.network.link = Link(delay=0.02)
    world.phone("ana", answers_after=1.0)
    world.phone("ben", answers_after=1.01)
    world.caller().call()
    world.run(2.0)
    return world


@pytest.mark.parametrize("play", [one_answers, two_answer])
def test_the_ladders_are_what_the_world_sees(play: Callable[[], World]) -> None:
    name = play.__name__.replace("_", " ")
    page = text_of("docs/life-of-a-call.md")
    shown = re.search(rf"(?ms)^<!-- ladder: {name} -->\n```text\n(.*?)^```$", page)
    assert shown is not None
    seen = "".join(f"{line.strip()}\n" for line in play().ladder().splitlines())
    assert shown[1] == seen, f"the ladder {name!r} should be\n{seen}"


# What must not stand in any file.


def tracked() -> list[Path]:
    """What git holds or would take; without git, whatever is there but for what tools have made."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, check=False,
    )  # fmt: skip
    if listed.returncode == 0:
        return [
            path for name in listed.stdout.decode().split("\0") if name and (path := ROOT / name).is_file()
        ]
    made = (
        ".venv",
        ".git",
        "__pycache__",
        ".hypothesis",
        ".mypy_cache",
        ".ruff_cache",
        ".pytest_cache",
        "var",
    )
    return [path for path in ROOT.rglob("*") if path.is_file() and not set(path.parts) & set(made)]


# Written so that this file does not hold them itself.
_PLACES = re.compile(
    "|".join([
        rf"(?<![\w.])/{'work'}/", rf"(?<![\w.])/{'home'}/\w", rf"(?<![\w.])/{'root'}/", rf"/{'Users'}/\w",
        rf"{'pypi'}\.org", rf"{'pythonhosted'}\.org", rf"{'index'}-url", rf"{'proxy'}\.golang\.org",
        rf"{'registry'}\.npmjs", rf"{'docker'}\.io",
    ])
)  # fmt: skip


def test_no_file_names_a_place_of_one_machine_or_a_registry() -> None:
    found = []
    for path in tracked():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found += [
            f"{path.relative_to(ROOT)}:{number}: {line.strip()[:80]}"
            for number, line in enumerate(text.splitlines(), 1)
            if _PLACES.search(line)
        ]
    assert found == []
