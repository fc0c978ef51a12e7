"""Tests in rows: those of a row are run one after the other, by the same worker of xdist (--dist loadgroup).

A plugin for conftest, which mends three things about groups in xdist 3.8:

- with pytest 9.2 it cannot write the group where it looks for it, and the groups fall apart without a word;
- a test that has killed its worker is given to the next worker, and so on: here it has failed;
- a worker that is given the last test of all waits for ever for the one after it, if that happens because another
  one has died: here it is told that it was the last.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest
from xdist.scheduler import LoadGroupScheduling  # type: ignore[import-untyped]


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> Generator[None, None, None]:  # fmt: skip
    """Tests with SIPp run one after the other, beside those with phones: a row for each core of a small machine."""
    for item in items:
        if item.get_closest_marker("sipp") is not None and item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group("sipp"))
    yield
    if config.getoption("loadgroup", False):
        for item in items:
            _show_row(item)


def _show_row(item: Any) -> None:  # a pytest.Item; what it has inside differs between 9.1 and 9.2
    """xdist tells a group by the end of a test's name."""
    name = name_in_row(item)
    if item.nodeid != name:
        item._id = item.id.parse(name)
        assert item.nodeid == name, "groups of tests are not kept by this pytest and this xdist"


def name_in_row(item: pytest.Item) -> str:
    rows = {str(mark.args[0]) for mark in item.iter_markers("xdist_group")}
    end = f"@{'_'.join(sorted(rows))}"
    return item.nodeid + end if rows and not item.nodeid.endswith(end) else item.nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object | None:
    return Rows(config, log) if config.getvalue("dist") == "loadgroup" else None


class Rows(LoadGroupScheduling):  # type: ignore[misc]
    def remove_node(self, node: Any) -> str | None:
        """The test that was running when the worker died, or None if it had none left."""
        given = self.assigned_work.pop(node)
        left = {scope: unit for scope, unit in given.items() if not all(unit.values())}
        if not left:
            return None
        unit = next(iter(left.values()))
        died_of: str = next(name for name, is_done in unit.items() if not is_done)
        unit[died_of] = True
        self.workqueue.update({scope: unit for scope, unit in left.items() if not all(unit.values())})
        for other in self.nodes:
            self._reschedule(other)
        return died_of

    def _reschedule(self, node: Any) -> None:
        super()._reschedule(node)
        if not self.workqueue and not node.shutting_down:
            node.shutdown()  # once it has done what it was given
