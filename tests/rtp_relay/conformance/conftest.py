"""The relay of every conformance test, on each form that this machine allows, and over each version of IP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.rtp_relay.conformance.rig import FORMS, Rig, has_version_6, hindrance

MakeRig = Callable[..., Rig]


@pytest.fixture(params=[(form, version_6) for form in FORMS for version_6 in (False, True)],
                ids=lambda param: f"{param[0]}-{'IPv6' if param[1] else 'IPv4'}")  # fmt: skip
def make_rig(request: pytest.FixtureRequest) -> Iterator[MakeRig]:
    """Rigs with settings of the test's choice, closed after it."""
    form, version_6 = request.param
    if hindrance(form):
        pytest.skip(f"{form}: {hindrance(form)}")
    if version_6 and form != "memory" and not has_version_6():
        pytest.skip("this machine has no IPv6")
    made: list[Rig] = []

    def make(**settings: Any) -> Rig:
        made.append(Rig(form, **({"version_6": version_6} | settings)))
        return made[-1]

    yield make
    for rig in made:
        rig.close()


@pytest.fixture
def rig(make_rig: MakeRig) -> Rig:
    return make_rig()
