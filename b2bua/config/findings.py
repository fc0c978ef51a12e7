"""What is wrong with a configuration file, where, and what mends it."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Final, NamedTuple

# The exit status of a process that its configuration keeps from running (sysexits.h): not to be restarted.
EX_CONFIG: Final = 78

KeyPath = tuple[str | int, ...]


class Severity(enum.Enum):
    ERROR = "error"  # the file cannot be used
    WARNING = "warning"  # the file can be used, but surely not as meant


class Finding(NamedTuple):
    """One thing wrong. line counts from 1; 0 when the whole file is meant. setting is dotted, "" for none."""

    severity: Severity
    file: str
    line: int
    setting: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        subject = f"{self.setting}: " if self.setting else ""
        return f"{place}: {self.severity.value}: {subject}{self.problem} {self.remedy}".rstrip()


class ConfigError(Exception):
    """The file cannot be used; findings says all that is wrong with it, warnings included."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__("\n".join(str(finding) for finding in self.findings))


def dotted(path: KeyPath) -> str:
    """A key path as a person would write it: numbers."+1555".recipients[2].name, counting from 1."""
    text = ""
    for key in path:
        if isinstance(key, int):
            text += f"[{key + 1}]"
            continue
        bare = key.replace("_", "").replace("-", "").isalnum() and key.isascii()
        text += ("." if text else "") + (key if bare else f'"{key}"')
    return text
