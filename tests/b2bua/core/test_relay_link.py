"""The relay comes, goes, and holds what a core before this one has left."""

from __future__ import annotations

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from b2bua.core import relay_link
from rtp_relay import control
from tests.b2bua.core.stage import Stage, header, only_record, play


def test_without_a_relay_new_calls_are_refused(place: Path) -> None:
    async def scene(stage: Stage) -> None:
        stage.invite()
        refused = await stage.trunk.receive("SIP/2.0 5")
        assert refused.startswith("SIP/2.0 503") and header(refused, "Retry-After") == "5"
        assert not stage.phone.has("INVITE")
        assert (await stage.ask({"command": "status"}))["relay"] == "not there"
        await stage.until(lambda: not stage.core.switchboard.calls)

    play(place, scene, with_relay=False)


def test_a_relay_that_comes_later_is_used(place: Path) -> None:
    async def scene(stage: Stage) -> None:
        stage.relay.start()
        await stage.until(lambda: stage.core.relay.is_ready)
        await stage.leave(await stage.connect())
        assert (await stage.ask({"command": "status"}))["relay"] == "user"

    play(place, scene, with_relay=False)


def test_a_relay_that_was_restarted_is_told_everything_again(place: Path) -> None:
    async def scene(stage: Stage) -> None:
        to = await stage.connect()
        stage.relay.die()
        await stage.until(lambda: not stage.core.relay.is_ready)
        assert stage.core.switchboard.calls, "the call goes on"
        stage.relay.told.clear()
        stage.relay.start()
        await stage.until(lambda: stage.relay.of(control.Bridge))
        (reserve,) = stage.relay.of(control.Reserve)
        assert [(leg.leg, leg.ports) for leg in reserve.legs] == [(0, (41000,)), (1, (41002,))]
        assert {direct.leg for direct in stage.relay.of(control.Direct)} == {0, 1}
        await stage.leave(to)

    play(place, scene)


def test_a_call_that_ends_without_a_relay_has_its_record_at_once(place: Path) -> None:
    async def scene(stage: Stage) -> None:
        to = await stage.connect()
        stage.relay.die()
        await stage.until(lambda: not stage.core.relay.is_ready)
        await stage.leave(to)

    play(place, scene)
    assert only_record(place).answered_by == "Ana"


def test_the_wait_for_a_relay_is_no_lateness_of_the_loop(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the first calls after a slow start would be refused as overload."""
    monkeypatch.setattr(relay_link, "PATIENCE", 1.0)

    async def scene(stage: Stage) -> None:
        assert stage.core.admission.lag < 0.05
        stage.relay.start()
        await stage.until(lambda: stage.core.relay.is_ready)
        await stage.leave(await stage.connect())

    play(place, scene, with_relay=False)


def test_what_a_core_before_this_one_left_is_given_back(place: Path) -> None:
    async def scene(stage: Stage) -> None:
        to = await stage.connect()
        (running,) = stage.core.switchboard.calls
        with capture_logs() as lines:
            stage.core.relay.take(control.Holdings(("gone", running, "lost"), 6, 0, 0))
        assert lines[0]["calls"] == 2
        await stage.until(lambda: len(stage.relay.of(control.Release)) == 2)
        assert [each.call for each in stage.relay.of(control.Release)] == ["gone", "lost"]
        await stage.leave(to)

    play(place, scene)


@pytest.mark.parametrize("held", [0, 3])
def test_a_relay_that_holds_calls_already_is_asked_for_them(place: Path, held: int) -> None:
    async def scene(stage: Stage) -> None:
        stage.relay.told.clear()
        stage.core.relay.greet(control.Welcome(control.VERSION, "user", "", held))
        stage.core.relay.send(control.Query("last"))
        await stage.until(lambda: stage.relay.of(control.Query))
        assert len(stage.relay.of(control.Inventory)) == (1 if held else 0)

    play(place, scene)
