"""The line of every key of a TOML text."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from b2bua.config.lines import key_lines, line_of

TEXT = '''\
# a comment
title = "x"  # [not.a.table]

[a."b.c"]
d = [1, 2,
     3]
e.f = { g = 1, "h i" = [ { j = 2 },
    { j = 3 } ] }
text = """
[fake]
key = 1 \\"""
"""
after = 'x # y'

[[list]]
name = "one"
[list.inner]
z = 1
[[list]]
name = "two"
[list.inner]
z = 2
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("title",), 2),
        (("a", "b.c"), 4),
        (("a", "b.c", "d"), 5),
        (("a", "b.c", "d", 1), 5),
        (("a", "b.c", "d", 2), 6),
        (("a", "b.c", "e", "f"), 7),
        (("a", "b.c", "e", "f", "h i", 0, "j"), 7),
        (("a", "b.c", "e", "f", "h i", 1, "j"), 8),
        (("a", "b.c", "text"), 9),
        (("a", "b.c", "after"), 13),
        (("list", 0), 15),
        (("list", 0, "inner", "z"), 18),
        (("list", 1, "name"), 20),
        (("list", 1, "inner", "z"), 22),
    ],
)
def test_line(path: tuple[str | int, ...], line: int) -> None:
    assert key_lines(TEXT)[path] == line


def test_what_is_not_written_is_on_the_line_of_its_table() -> None:
    lines = key_lines(TEXT)
    assert line_of(lines, ("list", 1, "missing")) == 19
    assert line_of(lines, ("nothing", "at", "all")) == 0


def leaves(value: Any, path: tuple[str | int, ...] = ()) -> set[tuple[str | int, ...]]:
    found = {path} if path else set()
    if isinstance(value, dict):
        for key, inner in value.items():
            found |= leaves(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            found |= leaves(inner, (*path, index))
    return found


keys = st.text(st.sampled_from("ab\"'#=[]. \\,"), min_size=1, max_size=4)
scalars = st.one_of(st.integers(-9, 9), st.booleans(), keys)
trees = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(keys, inner, max_size=3)),
    max_leaves=8,
)


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def inline(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{quoted(key)} = {inline(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + "".join(f"\n {inline(inner)}, # ]" for inner in value) + "\n]"
    if isinstance(value, bool):
        return str(value).lower()
    return quoted(value) if isinstance(value, str) else str(value)


@given(st.dictionaries(keys, trees, max_size=4))
def test_every_key_that_tomllib_reads_has_a_line(document: dict[str, Any]) -> None:
    text = "".join(f"{quoted(key)} = {inline(value)}\n" for key, value in document.items())
    assert tomllib.loads(text) == document
    assert set(key_lines(text)) == leaves(document)
