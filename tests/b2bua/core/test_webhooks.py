"""The running core tells a webhook of a call through real sockets."""

from __future__ import annotations

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tests.b2bua.core.stage import Stage, play
from tests.b2bua.receiver import Receiver


def table(port: int, name: str = "crm") -> str:
    return (
        f'[[webhooks]]\nname = "{name}"\nurl = "http://127.0.0.1:{port}/calls"\n'
        'secret = "0123456789abcdef"\n'
    )  # fmt: skip


def test_a_call_is_told_from_its_start_to_its_end(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("b2bua.webhooks.webhooks.FLUSH_INTERVAL", 0.0)
    receiver = Receiver()

    async def scene(stage: Stage) -> None:
        await stage.leave(await stage.connect())
        told = await receiver.until(5)
        assert [each.json["event"] for each in told] == [
            "call.started", "recipient.ringing", "recipient.answered", "call.answered", "call.ended",
        ]  # fmt: skip
        first, last = told[0].json, told[4].json
        assert (first["caller"], first["dialled"]) == ("+15550199", "+15550100")
        assert [each.json["at"] for each in told] == sorted(each.json["at"] for each in told)
        assert last["record"]["answered_by"] == "Ana"
        assert last["record"]["sentence"].startswith("Ana answered after")
        assert last["record"]["recipients"][0]["sentence"].startswith("Answered")
        assert (await stage.ask({"command": "status"}))["events_waiting"] >= 0
        await receiver.stop()

    class WithReceiver(Stage):
        async def start(self, *, with_relay: bool = True) -> None:
            await receiver.start()
            self.write(limits=table(receiver.port))
            await super().start(with_relay=with_relay)

    monkeypatch.setattr("tests.b2bua.core.stage.Stage", WithReceiver)
    play(place, scene)


def test_without_webhooks_nothing_is_watched(place: Path) -> None:
    async def scene(stage: Stage) -> None:
        await stage.leave(await stage.connect())
        assert not stage.core.switchboard.is_watched
        assert stage.core.webhooks.waiting == 0

    play(place, scene)


def test_a_change_wants_a_restart_and_says_so(place: Path) -> None:
    async def scene(stage: Stage) -> None:
        stage.write(limits=table(9))
        with capture_logs() as logs:
            assert stage.core.reload() == ""
        assert any(line.get("settings") == ["webhooks"] for line in logs)

    play(place, scene)
