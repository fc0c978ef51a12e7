"""What the race makes of what it has measured. The measuring itself wants two cores and root, and is no test."""

from __future__ import annotations

import json
import struct
import xml.etree.ElementTree as ElementTree
from contextlib import nullcontext
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.race import charts, frames, goals, report
from bench.race.__main__ import Over, Race
from bench.race.frames import Flow
from bench.race.goals import Goal
from bench.race.measuring import LOSS, Result, highest, quantiles
from bench.race.methods import Method
from bench.race.rig import Trial
from bench.race.setting_up import SettingUp


def result(method: str, number: int, rate: float, calls: int = 1000, **delays: float) -> Result:
    return Result(method, calls, number, rate, 1e9 / rate, rate, 3000.0, delays, 0.0)


# The highest rate.


def carrying(limit: float, tried: list[float]) -> object:
    """A relay that loses packets above a rate."""

    def attempt(rate: float) -> Trial:
        tried.append(rate)
        return Trial(min(rate, limit), 1000.0, 0.0 if rate <= limit else 2 * LOSS, 0.0, 0.0)

    return attempt


@given(st.floats(1e4, 1e7), st.floats(1e4, 1e7))
def test_the_highest_rate_is_found_from_above_and_from_below(limit: float, start: float) -> None:
    tried: list[float] = []
    best = highest(carrying(limit, tried), start, 100.0, finer=True)  # type: ignore[arg-type]
    assert best.rate <= limit
    if best.rate < 30 * start:  # as far as one search climbs
        assert best.rate > limit / 1.07
    assert len(tried) < 45


def test_a_relay_that_carries_nothing_has_no_rate() -> None:
    assert highest(carrying(0.0, []), 1e6, 1e5, finer=True).rate == 0.0  # type: ignore[arg-type]


def test_a_queue_that_grows_is_no_rate_that_is_carried() -> None:
    late = Trial(1e6, 1000.0, 0.0, 0.1, 0.0)
    assert highest(lambda rate: late, 1e6, 1e5, finer=False).rate == 0.0


def test_what_was_not_offered_was_not_carried() -> None:
    short = Trial(1e6, 1000.0, 0.0, 0.0, 0.0, offered=0.5)
    assert highest(lambda rate: short, 1e6, 1e5, finer=False).rate == 0.0


# Quantiles.


def test_quantiles_are_the_middle_of_their_bucket() -> None:
    buckets = [0] * 100
    buckets[10], buckets[50], buckets[99] = 980, 19, 1
    assert quantiles(buckets) == {"p50": 10.5 * 0.256, "p99": 50.5 * 0.256, "p99.9": 50.5 * 0.256}


def test_without_packets_there_are_none() -> None:
    assert quantiles([0] * 10) == {}


# Goals.


def test_a_ratio_is_of_the_same_round() -> None:
    results = [result("tc", 1, 200.0), result("ip", 1, 100.0), result("tc", 2, 300.0), result("ip", 2, 100.0),
               result("tc", 3, 999.0)]  # fmt: skip
    assert goals.ratios(results, Goal("", "tc", "ip", 1.3)) == (2.0, 3.0)


def test_few_and_many_calls_are_not_mixed() -> None:
    results = [result("tc", 1, 200.0, 10_000), result("ip", 1, 100.0)]
    assert goals.ratios(results, Goal("", "tc", "ip", 1.3)) == ()
    results.append(result("ip", 1, 50.0, 10_000))
    assert goals.ratios(results, Goal("", "tc", "ip", 1.3, is_many=True)) == (4.0,)


def test_an_added_delay_is_beyond_no_relay() -> None:
    results = [result(name, 1, 1.0, p50=p50) for name, p50 in (("none xdp", 20.0), ("tc", 21.0), ("rtpengine", 30.0))]
    goal = Goal("", "tc", "rtpengine", 0.25, goals.p50, at_most=True, less="none xdp")
    assert goals.ratios(results, goal) == (0.1,)


def test_what_is_missed_is_said_with_by_how_much() -> None:
    results = [result(name, number, rate) for name, rate in (("tc", 600.0), ("rtpengine", 100.0)) for number in (1, 2)]
    (verdict,) = [one for one in goals.verdicts(results, []) if one.text == "tc: packets/s of rtpengine's"]
    assert verdict.reached is False
    assert str(verdict).endswith("MISSED by 14%")
    assert "missed by 14%" in report._goal_line(verdict)


def test_what_was_not_measured_is_neither_reached_nor_missed() -> None:
    assert {one.reached for one in goals.verdicts([], [])} == {None}


def test_setting_up_is_compared_in_a_round() -> None:
    set_up = [SettingUp("tc", 1, 100.0, 1.0, 1.0), SettingUp("rtpengine", 1, 250.0, 1.0, 1.0)]
    verdict = goals.verdicts([], set_up)[-1]
    assert (verdict.ratios, verdict.reached) == ((0.4,), True)


# Frames.


@given(st.integers(1, 65535), st.integers(1, 65535), st.integers(0, 2**32 - 1))
def test_the_sum_of_a_head_is_that_of_the_whole_datagram(source: int, to: int, ssrc: int) -> None:
    value = frames.head(bytes(12), Flow(("192.0.2.1", source), ("192.0.2.2", to)), ssrc)
    assert len(value) == frames.HEAD_SIZE
    pseudo = value[26:34] + struct.pack("!HH", 17, 8 + frames.RTP)
    datagram = value[34:40] + b"\0\0" + value[42:54]
    (total, sequence) = struct.unpack_from("<II", value, frames.SUM)
    assert (total, sequence) == (frames.one_complement(pseudo + datagram), 0)
    assert frames.one_complement(value[14:34]) == 0xFFFF  # RFC 1071: a header with its checksum


# Charts and the page.


def test_a_chart_is_whole_and_its_bars_are_as_long_as_their_figures() -> None:
    rows = [charts.Bar("a < b", (50.0, 100.0, 150.0), 100.0, "ours"), charts.Bar("none", (1.0,), 1.0, "limits")]
    drawing = ElementTree.fromstring(charts.bars("Rates & more", "k", rows))
    ours, none = [one for one in drawing.iter("{http://www.w3.org/2000/svg}rect") if one.get("rx")]
    assert float(ours.attrib["width"]) / float(none.attrib["width"]) == pytest.approx(100, rel=0.05)
    assert "a < b" in [one.text for one in drawing.iter("{http://www.w3.org/2000/svg}text")]


def test_the_figures_go_between_their_marks(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n\n{report.BEGIN}old\n{report.END}\nafter\n", encoding="utf-8")
    for text in ("first\n", "second\n"):
        report.put_into(page, text)
    assert page.read_text(encoding="utf-8") == f"before\n\n{report.BEGIN}\nsecond\n\n{report.END}\nafter\n"


def test_a_section_has_tables_charts_goals_and_what_is_missing(tmp_path: Path) -> None:
    names = ("none xdp", "ip", "tc")
    methods = [Method(name, name.upper(), lambda rig, calls: nullcontext([]), 1, 2) for name in names]
    results = [
        result(name, number, rate, calls, p50=20.0 + number, p99=40.0)
        for name, rate in (("none xdp", 9e6), ("ip", 1e6), ("tc", 1.4e6))
        for number in (1, 2)
        for calls in (1000, goals.MANY)
    ]
    set_up = [SettingUp("tc", 1, 140.0, 200.0, 170.0, 11.0), SettingUp("rtpengine", 1, 280.0, 300.0, 400.0, 165.0)]
    drawings = report.draw(tmp_path, methods, results)
    text = report.section(
        "Two cores", methods, results, set_up, goals.verdicts(results, set_up), drawings, {"rtp.io": "it is not there"}
    )  # fmt: skip
    for drawing in drawings:
        ElementTree.parse(tmp_path / drawing)
        assert f"](figures/{drawing})" in text
    for row in ("| TC | 1,400k (1,400 to 1,400) |", "| ours, tc | 11 µs | 140 µs |", "| rtpengine | 165 µs | 280 µs |",
                "| tc: of plain IP forwarding | at least 1.3 | 1.40 (1.40 to 1.40) |  |",
                "Not measured: rtp.io: it is not there."):  # fmt: skip
        assert row in text
    tables = [line for line in text.splitlines() if line.startswith("|")]
    assert all(line.endswith("|") for line in tables)


def test_a_page_without_marks_is_not_touched(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("nothing here\n", encoding="utf-8")
    with pytest.raises(ValueError, match="no marks"):
        report.put_into(page, "figures")
    assert page.read_text(encoding="utf-8") == "nothing here\n"


def test_the_page_has_the_marks() -> None:
    page = (Path(__file__).parents[2] / "docs" / "performance.md").read_text(encoding="utf-8")
    assert page.count(report.BEGIN) == page.count(report.END) == 1


# The end.


class NoRig:
    def warm_up(self) -> None:
        """There is nothing to warm."""


def some_methods() -> list[Method]:
    return [Method(name, name, lambda rig, calls: nullcontext([]), 1, 2) for name in ("tc", "ip")]


def test_when_the_time_is_up_no_method_begins() -> None:
    race = Race(NoRig(), some_methods(), is_quick=True, until=0.0)  # type: ignore[arg-type]
    with pytest.raises(Over):
        race.run_round(1)


def test_what_was_measured_until_then_is_kept_with_its_medians(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("bench.race.__main__.RESULTS", tmp_path / "results")
    monkeypatch.setattr("bench.race.__main__.ROOT", tmp_path)
    race = Race(NoRig(), some_methods(), is_quick=False)  # type: ignore[arg-type]
    race._results += [result("tc", 1, 1e6), result("tc", 2, 3e6), result("tc", 3, 2e6), result("ip", 1, 5e5)]
    race.tell({}, is_full=False)
    (path,) = (tmp_path / "results").iterdir()
    kept = json.loads(path.read_text(encoding="utf-8"))
    assert kept["medians"]["1000"]["tc"]["saturated"] == "2,000k"
    (over,) = [goal for goal in kept["goals"] if goal["text"] == "tc: of plain IP forwarding"]
    assert over["ratios"] == [2.0]
    assert "2,000k" in capsys.readouterr().out
