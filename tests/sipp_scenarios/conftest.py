"""The services that the scenarios share, and the stage that each test plays on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sipp_scenarios.house import HALF_OF_SHORTEST, LOAD_PORTS, House, build
from tests.sipp_scenarios.stage import Stage


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """The service that most scenarios share, with the timers of the RFC."""
    yield from _running(build(tmp_path_factory.mktemp("service")))


@pytest.fixture(scope="session")
def quick_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A service with T1 = 0.1 s: 64*T1 is 6.4 s; with ports for a hundred calls a second, whose ports rest for 5 s."""
    yield from _running(build(tmp_path_factory.mktemp("quick"), t1=0.1, media_ports=LOAD_PORTS))


@pytest.fixture
def stage(house: House, tmp_path: Path) -> Iterator[Stage]:
    yield from _stage(house, tmp_path)


@pytest.fixture
def quick_stage(quick_house: House, tmp_path: Path) -> Iterator[Stage]:
    yield from _stage(quick_house, tmp_path)


@pytest.fixture
def own_house(tmp_path: Path) -> Iterator[House]:
    """A service for one test that does not spare it."""
    house = build(tmp_path / "service", t1=0.1)
    house.service.start()
    yield house
    house.service.kill()


@pytest.fixture
def own_stage(own_house: House, tmp_path: Path) -> Iterator[Stage]:
    yield from _stage(own_house, tmp_path)


@pytest.fixture(scope="session", autouse=True)
def long_call(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage | None]:
    """A call that lasts until its refresh. It begins with the first test and goes on while the others run."""
    if not any(_waits_for_long_call(item) for item in request.session.items):
        yield None
        return
    house = build(tmp_path_factory.mktemp("long-call"))
    house.service.start()
    stage = Stage(house.service, house.first_party, tmp_path_factory.mktemp("long-call-parties"))
    patience = HALF_OF_SHORTEST + 200  # there is no hurry to look at it
    stage.callee("Ana", "answers", patience=patience)
    fields = "Supported: timer\nSession-Expires: 90;refresher=uas\nAllow: INVITE, ACK, BYE, CANCEL, UPDATE"
    stage.caller("ana", "is_refreshed", patience=patience, terms={"fields": fields})
    yield stage
    stage.close()
    house.service.stop()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The test that looks at the long call is the last."""
    items.sort(key=_waits_for_long_call)


def _waits_for_long_call(item: pytest.Item) -> bool:
    return isinstance(item, pytest.Function) and "long_call" in item.function.__code__.co_varnames


def _running(house: House) -> Iterator[House]:
    house.service.start()
    yield house
    assert house.service.stop() == 0, house.service.log[-3000:]
    assert "a call was ended by a bug" not in house.service.log, house.service.log[-3000:]


def _stage(house: House, directory: Path) -> Iterator[Stage]:
    stage = Stage(house.service, house.first_party, directory)
    yield stage
    stage.close()
