"""The running core is scraped, and its call's quality is in the record."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from b2bua import records, service
from b2bua.config import load
from b2bua.core.cannot_listen import ListenError
from b2bua.store import Archive
from tests.b2bua.core.stage import Stage, play
from tests.b2bua.test_metrics import ask, samples


async def scraped(stage: Stage) -> dict[tuple[str, str], float]:
    assert stage.core.metrics is not None
    answer = await ask(stage.core.metrics.server.port, b"GET /metrics HTTP/1.1\r\n\r\n")
    return samples(answer.partition(b"\r\n\r\n")[2])


def test_a_call_is_seen_while_it_lasts_and_when_it_is_over(place: Path) -> None:
    async def scene(stage: Stage) -> None:
        to = await stage.connect()
        during = await scraped(stage)
        assert during["multiring_calls_running", "connected"] == 1
        assert ("multiring_calls_total", "answered") not in during
        assert (during["multiring_relay_up", ""], during["multiring_relay_dropped_total", "no far end"]) == (1, 7)
        await stage.leave(to)
        after = await scraped(stage)
        assert after["multiring_calls_running", "connected"] == 0
        assert after["multiring_calls_total", "answered"] == 1
        assert (after["multiring_mos_count", ""], after["multiring_mos_bucket", "4.34"]) == (2, 2)
        assert after["multiring_round_trip_seconds_sum", ""] == 0.038
        assert after["multiring_media_packets_total", ""] == 2000

    play(place, scene, service='metrics = "127.0.0.1:0"\n')


def test_show_says_how_each_direction_was_heard(place: Path) -> None:
    async def scene(stage: Stage) -> None:
        await stage.leave(await stage.connect())

    play(place, scene)

    async def page() -> str:
        async with Archive(str(place / "calls.sqlite")) as archive:
            record = await archive.call("last")
            assert record is not None
            return records.page(record)

    assert (
        "caller → Ana: 1.2 % lost, jitter 4 ms, round trip 38 ms, MOS 4.2, good\n"
        "Ana → caller: 1.2 % lost, jitter 4 ms, round trip 38 ms, MOS 4.2, good"
    ) in asyncio.run(page())


def test_an_address_that_is_taken_is_said_so(place: Path) -> None:
    async def scene(stage: Stage) -> None:
        assert stage.core.metrics is not None
        stage.write(f'metrics = "127.0.0.1:{stage.core.metrics.server.port}"\n')
        config = load(str(stage.file))
        other = service.Core(config)
        other.relay = stage.core.relay
        with pytest.raises(ListenError, match=r"service\.metrics: "):
            await other._serve_metrics(*(config.service.metrics or ("", 0)))

    play(place, scene, service='metrics = "127.0.0.1:0"\n')
