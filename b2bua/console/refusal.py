"""How the API says no: a status, and for each thing that is wrong the field and the reason."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple


class Wrong(NamedTuple):
    """One thing. field: dotted, items counted from 0; "" where no field is to blame. reason: for a person."""

    field: str
    reason: str


class Refusal(Exception):
    """A request is not done. Becomes {"errors": [{"field", "reason"}]} with its status."""

    def __init__(
        self, status: int, wrong: Iterable[Wrong] | str, headers: Mapping[str, str] | None = None
    ) -> None:
        self.status = status
        self.wrong = (Wrong("", wrong),) if isinstance(wrong, str) else tuple(wrong)
        self.headers = dict(headers or {})
        super().__init__(" ".join(each.reason for each in self.wrong))

    @property
    def body(self) -> dict[str, list[dict[str, str]]]:
        return {"errors": [each._asdict() for each in self.wrong]}


def dotted(path: Iterable[str | int]) -> str:
    """A path within JSON: dial.ring.recipients.1.destination."""
    return ".".join(str(key) for key in path)
