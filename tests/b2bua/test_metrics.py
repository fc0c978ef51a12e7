"""Metrics: what is kept of records, how it is written, and who is told what at the port."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from b2bua.calls.quality import assess
from b2bua.calls.record import CallOutcome, CallRecord, RecipientOutcome, RecipientRecord, StreamRecord
from b2bua.config import Config, ConfigError, parse
from b2bua.metrics.exposition import Sources, exposition
from b2bua.metrics.point import MetricsPoint
from b2bua.metrics.server import AT_ONCE, HEAD_LIMIT, MetricsServer
from b2bua.metrics.tally import CallTally, Histogram
from rtp_relay.control import Command, Measure, Measures

MEASURES = Measures(
    "tc", 3, 12, 40, 2, 30, 1000, 172_000, 990, 1, 2, 50_000, 8_600_000, 7, 4, 6, 0, 900, 9, 5, 1,
    (("no far end", 30),), 1, 0, 2,
)  # fmt: skip


def answered(mos: float = 4.2) -> CallRecord:
    record = CallRecord("c", "t", "s", "1", "", "2", "", "i", started_at=0, outcome=CallOutcome.ANSWERED)
    record.answered_at, record.ended_at = 6_000_000, 66_000_000
    record.recipients = [
        RecipientRecord(1, "Ana", "sip:a", RecipientOutcome.ANSWERED),
        RecipientRecord(2, "Ben", "sip:b", RecipientOutcome.STOPPED),
    ]
    usual: dict[str, Any] = {"medium": 0, "packets": 3000, "payload_type": 0, "codec": "pcmu", "round_trip": 20.0}
    record.streams = [
        StreamRecord(0, heard_by=1, lost=30, **usual), StreamRecord(1, heard_by=0, lost=-1, **usual),
    ]  # fmt: skip
    return record


def sources(tally: CallTally, relay: Measures | None = None, **more: Any) -> Sources:
    usual: dict[str, Any] = {
        "states": {"ringing": 2, "connected": 5}, "refused": 4, "strangers": 7, "dropped": {"no such dialog": 3},
        "sizes": {"dialogs": 9}, "lateness": 0.002, "is_draining": False, "records_waiting": 1, "events_waiting": 0,
        "version": "abc",
    }  # fmt: skip
    return Sources(tally=tally, relay=relay, **(usual | more))


def samples(text: bytes) -> dict[tuple[str, str], float]:
    """By name and the values of its labels."""
    return {
        (sample.name, ",".join(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


# What is kept.


def test_a_histogram_counts_at_or_below_each_bound() -> None:
    histogram = Histogram((1.0, 5.0))
    for value in (0.5, 1.0, 3.0, 9.0):
        histogram.note(value)
    assert histogram.buckets() == [("1.0", 2.0), ("5.0", 3.0), ("+Inf", 4.0)]
    assert histogram.total == 13.5


def test_a_record_is_counted_once_under_all_that_it_tells() -> None:
    tally = CallTally()
    record = answered()
    assess(record.streams)
    tally.note(record)
    tally.note(CallRecord("d", "t", "s", "1", "", "2", "", "i", 0, outcome=CallOutcome.ABANDONED))
    assert tally.outcomes == {"answered": 1, "abandoned": 1}
    assert tally.recipients == {"answered": 1, "stopped": 1}
    assert (tally.answer.total, tally.talk.total) == (6.0, 60.0)
    assert (tally.packets, tally.lost, tally.one_way) == (6000, 30, 0)
    assert sum(tally.mos.counts) == 2  # one a direction
    assert (sum(tally.round_trip.counts), tally.round_trip.total) == (1, 0.04)


# How it is written.


def test_what_prometheus_reads_is_what_was_counted() -> None:
    tally, record = CallTally(), answered()
    assess(record.streams)
    tally.note(record)
    found = samples(exposition(sources(tally, MEASURES)))
    for (name, label), value in {
        ("multiring_calls_total", "answered"): 1, ("multiring_calls_running", "connected"): 5,
        ("multiring_recipients_total", "stopped"): 1, ("multiring_answer_seconds_bucket", "5.0"): 0,
        ("multiring_answer_seconds_bucket", "10.0"): 1, ("multiring_answer_seconds_count", ""): 1,
        ("multiring_answer_seconds_sum", ""): 6, ("multiring_mos_count", ""): 2,
        ("multiring_mos_bucket", "4.03"): 0, ("multiring_calls_without_room_total", ""): 4,
        ("multiring_calls_of_strangers_total", ""): 7,
        ("multiring_sip_dropped_total", "no such dialog"): 3, ("multiring_loop_lateness_seconds", ""): 0.002,
        ("multiring_relay_up", ""): 1, ("multiring_relay_form", "tc"): 1, ("multiring_relay_ports", "resting"): 2,
        ("multiring_relay_packets_total", "kernel"): 50_000, ("multiring_relay_packets_total", "socket"): 1000,
        ("multiring_relay_kernel_strangers_total", ""): 7, ("multiring_relay_strangers_total", ""): 5,
        ("multiring_relay_dropped_total", "no far end"): 30, ("multiring_relay_dropped_total", "malformed"): 1,
        ("multiring_relay_flows", ""): 6, ("multiring_configuration", "abc"): 1, ("multiring_relay_playing", ""): 2,
    }.items():  # fmt: skip
        assert found[name, label] == value, name


def test_without_a_relay_it_is_said_that_there_is_none() -> None:
    found = samples(exposition(sources(CallTally())))
    assert found["multiring_relay_up", ""] == 0
    assert not [name for name, _ in found if name.startswith("multiring_relay_") and name != "multiring_relay_up"]


# Who is told.


async def ask(port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    answer = await reader.read()
    writer.close()
    return answer


def serve(text: Callable[[], Awaitable[bytes]], *requests: bytes) -> list[bytes]:
    async def scenario() -> list[bytes]:
        server = MetricsServer(text)
        await server.start("127.0.0.1", 0)
        try:
            return [await ask(server.port, request) for request in requests]
        finally:
            await server.close()

    return asyncio.run(scenario())


async def some_text() -> bytes:
    return b"a 1\n"


def test_a_scraper_gets_the_text() -> None:
    get, head, root = serve(
        some_text, b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", b"HEAD /metrics?x=1 HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.0\r\n\r\n",
    )  # fmt: skip
    assert get.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"Content-Type: text/plain; version=0.0.4" in get
    assert get.endswith(b"Content-Length: 4\r\nCache-Control: no-store\r\nConnection: close\r\n\r\na 1\n")
    assert head.endswith(b"\r\n\r\n")
    assert b"Metrics are at /metrics" in root


@pytest.mark.parametrize(("request_line", "status"), [
    (b"POST /metrics HTTP/1.1", b"405"), (b"GET /else HTTP/1.1", b"404"), (b"\xff\xfe", b"405"),
])  # fmt: skip
def test_others_get_what_they_deserve(request_line: bytes, status: bytes) -> None:
    (answer,) = serve(some_text, request_line + b"\r\n\r\n")
    assert answer.split(b" ")[1] == status


def test_a_head_without_end_is_hung_up_on() -> None:
    (answer,) = serve(some_text, b"GET /metrics HTTP/1.1\r\nX: " + b"y" * 3 * HEAD_LIMIT)
    assert answer == b""


def test_more_than_a_few_at_once_are_hung_up_on() -> None:
    async def scenario() -> None:
        server = MetricsServer(some_text)
        await server.start("127.0.0.1", 0)
        waiting = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(AT_ONCE)]
        assert await ask(server.port, b"") == b""
        for reader, writer in waiting:
            writer.write(b"GET / HTTP/1.1\r\n\r\n")
            assert b"200 OK" in await reader.read()
            writer.close()
        assert (await ask(server.port, b"GET /metrics HTTP/1.1\r\n\r\n")).endswith(b"a 1\n")
        await server.close()

    asyncio.run(scenario())


# The relay's part.


def test_the_relay_is_asked_once_for_all_who_ask_at_once() -> None:
    async def scenario() -> None:
        said: list[Command] = []
        told: list[Measures | None] = []

        def note(measures: Measures | None) -> Sources:
            told.append(measures)
            return sources(CallTally(), measures)

        def send(command: Command) -> bool:
            said.append(command)
            return True

        point = MetricsPoint(note, send)

        async def answer() -> None:
            assert len(point._asked) == 2
            point.take(MEASURES)

        await asyncio.gather(point._text(), point._text(), answer())
        assert said == [Measure()]
        assert told == [MEASURES, MEASURES]
        point.take(MEASURES)  # an answer that nobody waits for

    asyncio.run(scenario())


@pytest.mark.parametrize("is_there", [False, True])
def test_a_relay_that_is_not_there_or_says_nothing_does_not_hold_the_rest_up(
    is_there: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("b2bua.metrics.point.RELAY_PATIENCE", 0.01)

    async def scenario() -> None:
        point = MetricsPoint(lambda measures: sources(CallTally(), measures), lambda _: is_there)
        assert samples(await point._text())["multiring_relay_up", ""] == 0
        assert point._asked == []

    asyncio.run(scenario())


# The configuration.


REST = """\
[sip]
listen = ["udp:127.0.0.1:5060"]
[trunks.here]
sources = ["127.0.0.1"]
[numbers."100"]
recipients = [{ name = "Ana", destination = "sip:ana@127.0.0.1:5071" }]
[service]
"""


def configured(place: Path, line: str) -> Config:
    return parse((REST + line).encode(), place / "multiring.toml")


@pytest.mark.parametrize(("line", "place"), [
    ("", None), ('metrics = ""', None), ('metrics = "127.0.0.1:9464"', ("127.0.0.1", 9464)),
    ('metrics = "[::1]:9464"', ("::1", 9464)),
])  # fmt: skip
def test_metrics_are_off_until_an_address_is_written(
    tmp_path: Path, line: str, place: tuple[str, int] | None
) -> None:
    config = configured(tmp_path, line)
    assert config.service.metrics == place
    assert not [finding for finding in config.findings if "metrics" in str(finding)]


def test_an_address_that_others_reach_is_warned_of(tmp_path: Path) -> None:
    config = configured(tmp_path, 'metrics = "0.0.0.0:9464"')
    assert config.service.metrics == ("0.0.0.0", 9464)
    assert [finding for finding in config.findings if "is open to whoever reaches" in str(finding)]


@pytest.mark.parametrize("text", ["9464", "localhost:9464", "::1:9464", "127.0.0.1:99999"])
def test_what_is_no_address_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match=r"service\.metrics"):
        configured(tmp_path, f'metrics = "{text}"')
