"""A failing test that ran worlds prints the ladder of each."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from tests.world import world as worlds


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
