"""What a check says of a flow."""

from __future__ import annotations

from typing import Literal, NamedTuple

Field = tuple[str | int, ...]


class Remark(NamedTuple):
    """One thing. step is "" for the flow itself; field is the setting in it, items counted from 0, () for all."""

    severity: Literal["error", "warning"]
    step: str
    field: Field
    text: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.severity}: {self.place}{': ' if self.place else ''}{self.text} {self.remedy}"

    @property
    def place(self) -> str:
        """Step and setting as a person would write them: ring.recipients[2].stop_after, counted from 1."""
        return self.step + "".join(
            f"[{key + 1}]" if isinstance(key, int) else f"{'.' if self.step or place else ''}{key}"
            for place, key in enumerate(self.field)
        )


def error(step: str, field: Field, text: str, remedy: str) -> Remark:
    return Remark("error", step, field, text, remedy)


def warning(step: str, field: Field, text: str, remedy: str) -> Remark:
    return Remark("warning", step, field, text, remedy)
