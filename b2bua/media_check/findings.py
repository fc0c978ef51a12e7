"""What was found out about media on this host: what works, and what mends what does not."""

from __future__ import annotations

import enum
from typing import NamedTuple


class Verdict(enum.Enum):
    GOOD = "good"  # looked at, and as it should be
    NOTE = "note"  # worth knowing
    WARNING = "warning"  # media flows, but not all of it, or not always
    ERROR = "error"  # media does not flow, or the relay does not start


class MediaFinding(NamedTuple):
    """One thing. subject: a setting, a link or a form. saying: in plain words. remedy: "" where none is needed."""

    verdict: Verdict
    subject: str
    saying: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.subject}: {self.verdict.value}: {self.saying} {self.remedy}".rstrip()


def good(subject: str, saying: str) -> MediaFinding:
    return MediaFinding(Verdict.GOOD, subject, saying)


def note(subject: str, saying: str, remedy: str = "") -> MediaFinding:
    return MediaFinding(Verdict.NOTE, subject, saying, remedy)


def warning(subject: str, saying: str, remedy: str = "") -> MediaFinding:
    return MediaFinding(Verdict.WARNING, subject, saying, remedy)


def error(subject: str, saying: str, remedy: str = "") -> MediaFinding:
    return MediaFinding(Verdict.ERROR, subject, saying, remedy)
