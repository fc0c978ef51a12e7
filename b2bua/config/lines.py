"""On which line of a TOML text each key and array item stands.

tomllib tells the line of a syntax error and of nothing else, while most mistakes in a configuration
are of meaning. This scanner runs over text that tomllib has already accepted, so it checks nothing:
it follows tables, keys, strings, arrays and inline tables only closely enough to note positions.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right

from b2bua.config.findings import KeyPath

_SPACE = re.compile(r"[ \t]*")
_FILLER = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_KEY = re.compile(r"""[A-Za-z0-9_-]+|"(?:\\.|[^"\\])*"|'[^']*'""")
_STRING = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}' r"|'''.*?'{3,5}" r'|"(?:\\.|[^"\\])*"' r"|'[^']*'",
    re.DOTALL,
)
_SCALAR = re.compile(r"[^,\]}#\n]*")


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.ends = [match.start() for match in re.finditer("\n", text)]
        self.lines: dict[KeyPath, int] = {}
        self.array_lengths: dict[KeyPath, int] = {}

    def scan(self) -> dict[KeyPath, int]:
        table: KeyPath = ()
        self.skip(_FILLER)
        while self.at < len(self.text):
            if self.text.startswith("[", self.at):
                table = self.header()
            else:
                self.pair(table)
            self.skip(_FILLER)
        return self.lines

    def skip(self, pattern: re.Pattern[str]) -> None:
        match = pattern.match(self.text, self.at)
        if match is not None:
            self.at = match.end()

    def note(self, path: KeyPath) -> None:
        self.lines.setdefault(path, bisect_right(self.ends, self.at - 1) + 1)

    def header(self) -> KeyPath:
        is_array = self.text.startswith("[[", self.at)
        self.at += 2 if is_array else 1
        keys = self.keys()
        path = self.within_arrays(keys[:-1])
        if is_array:
            path = (*path, keys[-1])
            self.note(path)
            number = self.array_lengths.get(path, 0)
            self.array_lengths[path] = number + 1
            path = (*path, number)
        else:
            path = self.within_arrays(keys)
        self.note(path)
        self.at += 2 if is_array else 1
        return path

    def within_arrays(self, keys: tuple[str, ...]) -> KeyPath:
        """TOML: a key that names an array of tables means the last table of it."""
        path: KeyPath = ()
        for key in keys:
            path = (*path, key)
            if path in self.array_lengths:
                path = (*path, self.array_lengths[path] - 1)
        return path

    def keys(self) -> tuple[str, ...]:
        found: list[str] = []
        while True:
            self.skip(_SPACE)
            match = _KEY.match(self.text, self.at)
            if match is None:
                return tuple(found)
            self.at = match.end()
            found.append(_unquoted(match.group()))
            self.skip(_SPACE)
            if not self.text.startswith(".", self.at):
                return tuple(found)
            self.at += 1

    def pair(self, table: KeyPath) -> None:
        start = self.at
        path: KeyPath = table
        keys = self.keys()
        end, self.at = self.at, start
        for key in keys:
            path = (*path, key)
            self.note(path)
        self.at = max(end, start) + 1  # past the "="
        self.value(path)

    def value(self, path: KeyPath) -> None:
        self.skip(_SPACE)
        opening = self.text[self.at : self.at + 1]
        if opening == "[":
            self.array(path)
        elif opening == "{":
            self.inline_table(path)
        elif opening in ("'", '"'):
            self.skip(_STRING)
        else:
            self.skip(_SCALAR)

    def array(self, path: KeyPath) -> None:
        self.at += 1
        number = 0
        self.skip(_FILLER)
        while self.at < len(self.text) and not self.text.startswith("]", self.at):
            self.note((*path, number))
            self.value((*path, number))
            number += 1
            self.separator()
        self.at += 1

    def inline_table(self, path: KeyPath) -> None:
        self.at += 1
        self.skip(_FILLER)
        while self.at < len(self.text) and not self.text.startswith("}", self.at):
            self.pair(path)
            self.separator()
        self.at += 1

    def separator(self) -> None:
        self.skip(_FILLER)
        if self.text.startswith(",", self.at):
            self.at += 1
        self.skip(_FILLER)


def _unquoted(key: str) -> str:
    if key[0] not in "\"'":
        return key
    return str(tomllib.loads(f"key = {key}")["key"])


def key_lines(text: str) -> dict[KeyPath, int]:
    """Key path to line, from 1, of valid TOML. Items of arrays are counted from 0."""
    return _Scanner(text).scan()


def line_of(lines: dict[KeyPath, int], path: KeyPath) -> int:
    """The line of a setting, or of the nearest table around it when it is not written; 0 for the file."""
    while path:
        if path in lines:
            return lines[path]
        path = path[:-1]
    return 0
