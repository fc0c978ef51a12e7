"""A failing test that ran worlds prints the ladder of each; tests with real processes run in rows."""

from __future__ import annotations

from collections.abc import Generator

import pytest
from hypothesis import HealthCheck, settings

from tests.rows import pytest_collection_modifyitems, pytest_xdist_make_scheduler  # noqa: F401
from tests.world import world as worlds

# How long an example takes says more of the machine than of us.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


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
