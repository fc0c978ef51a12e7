"""The relay of every conformance test, once on each form that this machine allows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.rtp_relay.conformance.rig import FORMS, Rig, hindrance

MakeRig = Callable[..., Rig]


@pytest.fixture(params=FORMS)
def make_rig(request: pytest.FixtureRequest) -> Iterator[MakeRig]:
    """Rigs with settings of the test's choice, closed after it."""
    if hindrance(request.param):
        pytest.skip(f"{request.param}: {hindrance(request.param)}")
    made: list[Rig] = []

    def make(**settings: Any) -> Rig:
        made.append(Rig(request.param, **settings))
        return made[-1]

    yield make
    for rig in made:
        rig.close()


@pytest.fixture
def rig(make_rig: MakeRig) -> Rig:
    return make_rig()


@pytest.fixture(params=["IPv4", "IPv6"])
def rig_of_either_version(request: pytest.FixtureRequest, make_rig: MakeRig) -> Rig:
    return make_rig(version_6=request.param == "IPv6")
