"""What is left of a file when what cannot be read is taken out of it, so that the rest is checked at once with it.

A value of the wrong kind is left to its default. What is found in the rest and follows from what was taken out is not
told: the table that lacks it, or a recipient behind the trunk that it stood in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import Any

from b2bua.config.findings import KeyPath


def without(document: Mapping[str, Any], paths: Iterable[KeyPath]) -> tuple[dict[str, Any], list[KeyPath]]:
    """A document without what stands at these paths, and what was taken out. An item of a list takes the list with it,
    so that its neighbours keep their places; what is missing takes the table that lacks it.
    """
    left, taken = deepcopy(dict(document)), []
    for path in paths:
        place = _removable(left, path)
        if place:
            del _at(left, place[:-1])[place[-1]]
            taken.append(place)
    return left, taken


def follows(path: KeyPath, problem: str, taken: Iterable[KeyPath]) -> bool:
    """Whether what is wrong at a path may be so only because something was taken out."""
    return any(_follows(path, problem, each) for each in taken)


def _follows(path: KeyPath, problem: str, taken: KeyPath) -> bool:
    shorter = min(len(path), len(taken))
    if path[:shorter] == taken[:shorter]:
        return True
    if taken[0] == "trunks":  # whoever is reached through one names it
        return (str(taken[1]) if len(taken) > 1 else "trunk") in problem
    return taken[0] == "media" and path[-1:] == ("interface",)


def _removable(document: Any, path: KeyPath) -> KeyPath:
    """The longest beginning of a path that ends in a table's key which is there; empty for none."""
    while path and not (isinstance(path[-1], str) and _has(document, path)):
        path = path[:-1]
    return path


def _has(document: Any, path: KeyPath) -> bool:
    try:
        return path[-1] in _at(document, path[:-1])
    except (KeyError, IndexError, TypeError):
        return False


def _at(document: Any, path: KeyPath) -> Any:
    for key in path:
        document = document[key]
    return document
