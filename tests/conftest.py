"""A failing test that ran worlds prints the ladder of each; tests with real processes run in two rows."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from tests.world import world as worlds


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests with SIPp run one after the other, beside those with phones: a row for each core of a small machine."""
    for item in items:
        if item.get_closest_marker("sipp") is not None and item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group("sipp"))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, object, None]:
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    if call.when == "call" and report.failed:
        for number, world in enumerate(worlds.living, 1):
            report.sections.append((f"ladder of world {number}", world.ladder()))
    if call.when == "teardown":
        worlds.living.clear()
