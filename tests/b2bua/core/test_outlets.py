"""What a call has to tell leaves the core."""

from __future__ import annotations

from pathlib import Path

from structlog.testing import capture_logs

from tests.b2bua.core.stage import Stage, play


def test_a_bug_in_a_call_is_logged_whole(place: Path) -> None:
    async def scene(stage: Stage) -> None:
        def broken(*_: object) -> object:
            raise ArithmeticError("planted")

        stage.core.directory.plan = broken  # type: ignore[assignment,method-assign]
        with capture_logs() as lines:
            stage.invite()
            await stage.trunk.receive("SIP/2.0 500")
            await stage.until(lambda: any("a call was ended by a bug" in line["event"] for line in lines))
        (said,) = [line for line in lines if "bug" in line["event"]]
        assert said["call"] == "call-1" and "planted" in said["trace"]
        assert stage.core.switchboard.failures == []

    play(place, scene)


def test_a_trunk_that_is_left_alone_is_said_once(place: Path) -> None:
    async def scene(stage: Stage) -> None:
        noticed = stage.core.switchboard.breakers.noticed
        noticed.append(("carrier", "503"))
        with capture_logs() as lines:
            stage.core.driver.pump()
            stage.core.driver.pump()
        assert [(line["trunk"], line["last"]) for line in lines] == [("carrier", "503")]
        assert noticed == []

    play(place, scene)
