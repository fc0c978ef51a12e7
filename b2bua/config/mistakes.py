"""What pydantic found wrong, said for the person who wrote the file."""

from __future__ import annotations

import difflib
from types import UnionType
from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel

from b2bua.config.findings import KeyPath
from b2bua.config.settings import File

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_KINDS = {
    "string_type": "text in quotes",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list in [brackets]",
    "dict_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
}
_BOUNDS = {
    "greater_than_equal": ("at least", "ge"),
    "less_than_equal": ("at most", "le"),
}
_LENGTHS = {
    "too_short": ("at least", "min_length"),
    "too_long": ("at most", "max_length"),
    "string_too_short": ("at least", "min_length"),
    "string_too_long": ("at most", "max_length"),
}


def said_plainly(error: ErrorDetails) -> tuple[KeyPath, str, str]:
    """The key path, the problem and the remedy of one pydantic error."""
    path = tuple(key for key in error["loc"] if key != "[key]")
    kind, given, bounds = error["type"], error["input"], error.get("ctx", {})
    if kind == "extra_forbidden":
        return path, "there is no such setting.", _did_you_mean(path)
    if kind == "missing":
        return path, "is missing.", _missing(path)
    if kind in _KINDS:
        return path, f"is {_shown(given)}, but must be {_KINDS[kind]}.", _written_rightly(path, kind, given)
    if kind in _BOUNDS:
        words, bound = _BOUNDS[kind]
        return path, f"is {_shown(given)}, out of bounds.", f"Write {words} {bounds[bound]:g}."
    if kind in _LENGTHS:
        words, bound = _LENGTHS[kind]
        if bounds[bound] == 1 and "short" in kind:
            return path, "is empty.", "Write something there."
        unit = "characters" if kind.startswith("string") else "entries"
        problem = "is too short." if "short" in kind else "is too long."
        return path, problem, f"Give {words} {bounds[bound]} {unit}."
    if kind == "literal_error":
        return path, f"is {_shown(given)}.", f"Write one of: {bounds['expected']}."
    if kind == "string_pattern_mismatch":
        return (
            path,
            f"{_shown(given)} has characters that may not stand here.",
            "Use letters, digits, _ and -.",
        )
    return path, f"is not valid ({error['msg']}).", "See docs/configuration.md."


def _written_rightly(path: KeyPath, kind: str, given: object) -> str:
    """What was given, as it must be written, where that can be told."""
    if kind == "list_type" and isinstance(given, str):
        return f'Write ["{given}"].'
    if kind.startswith(("int", "float")) and isinstance(given, str) and given.isascii() and given.isdigit():
        return f"Write {int(given)}, without quotes."
    if kind == "dict_type" and isinstance(given, list) and path:
        return f"Write [{path[-1]}.NAME], in one pair of brackets, with a name for each."
    return f"Write {_KINDS[kind]}."


def _shown(given: object) -> str:
    if isinstance(given, bool):
        return str(given).lower()
    if isinstance(given, dict):
        return "a table"
    if isinstance(given, list) and given and all(isinstance(each, dict) for each in given):
        return "a list of tables"
    text = f'"{given}"' if isinstance(given, str) else str(given)
    return text if len(text) <= 60 else text[:57] + "…"


def _missing(path: KeyPath) -> str:
    remedies: dict[KeyPath, str] = {
        ("trunks",): 'Add a [trunks.NAME] with sources = ["192.0.2.0/24"].',
    }
    return remedies.get(path, f"Add {path[-1]} = … here.")


def _did_you_mean(path: KeyPath) -> str:
    model = _model_at(path[:-1])
    known = list(model.model_fields) if model is not None else []
    near = difflib.get_close_matches(str(path[-1]), known, n=1, cutoff=0.6)
    if near:
        return f'Did you mean "{near[0]}"?'
    return f"Known here: {', '.join(known)}."


def _model_at(path: KeyPath) -> type[BaseModel] | None:
    """The settings class that a table of the file is read by."""
    kind: Any = File
    for key in path:
        kind = _without_none(kind)
        if _is_model(kind):
            field = kind.model_fields.get(key)
            kind = None if field is None else field.annotation
        else:
            kind = get_args(kind)[-1]  # a list's items, a dict's values
        if kind is None:
            return None
    kind = _without_none(kind)
    return kind if _is_model(kind) else None


def _without_none(kind: Any) -> Any:
    """What a setting that may be absent is when it is there."""
    return get_args(kind)[0] if isinstance(kind, UnionType) else kind


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)
