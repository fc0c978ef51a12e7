"""What the core looks at twice a second."""

from __future__ import annotations

from pathlib import Path

from tests.b2bua.core.stage import Stage, play


def test_a_late_loop_is_noticed(place: Path) -> None:
    async def scene(stage: Stage) -> None:
        heartbeat = stage.core.heartbeat
        for _ in range(60):
            heartbeat._due -= 1.0
            heartbeat.stop()
            heartbeat.beat()
        assert stage.core.admission.lag > 0.05
        stage.invite()
        assert (await stage.trunk.receive("SIP/2.0 5")).startswith("SIP/2.0 503")

    play(place, scene)
