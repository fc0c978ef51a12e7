"""The service with two rtpengines in the place of its relay: audio, figures, and one of the two dying."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.rtp_relay.ng.daemon import Daemon, missing
from tests.sipp_scenarios.earpiece import Earpiece
from tests.sipp_scenarios.house import build
from tests.sipp_scenarios.stage import Stage
from tests.sipp_scenarios.test_media import wait_until_talking
from tests.sipp_scenarios.waiting import until

pytestmark = [pytest.mark.sipp, pytest.mark.skipif(bool(missing()), reason=missing())]

CALLS = 100
INTERFACES = ("four/127.0.0.1", "six/::1")


@pytest.fixture
def daemons() -> Iterator[list[Daemon]]:
    with ExitStack() as stack:
        started: list[Daemon] = []
        for _ in range(2):
            started.append(Daemon(INTERFACES))
            stack.callback(started[-1].close)
        yield started


@pytest.fixture
def farm(daemons: list[Daemon], tmp_path: Path) -> Iterator[Stage]:
    nodes = ", ".join(f'{{ address = "{daemon.address}" }}' for daemon in daemons)
    house = build(tmp_path / "service", media_settings=f'engine = "rtpengine"\nnodes = [{nodes}]')
    house.service.start()
    stage = Stage(house.service, house.first_party, tmp_path)
    yield stage
    stage.close()
    assert house.service.stop() == 0, house.service.log[-3000:]
    assert "a call was ended by a bug" not in house.service.log, house.service.log[-3000:]


def talk(stage: Stage) -> None:
    """A call to two, one of whom answers; he and the caller hear each other, and nobody hears the other."""
    with Earpiece(1) as dana, Earpiece(2) as ana, Earpiece(3) as ben:
        callee = stage.callee("Ana", "answers", rtp_port=ana.port)
        loser = stage.callee("Ben", "is_stopped", rtp_port=ben.port)
        caller = stage.caller("ana-and-ben", "is_hung_up", rtp_port=dana.port)
        for_dana, for_ana = wait_until_talking(caller, callee)
        assert dana.say_until_heard(for_dana, ana) == for_ana
        assert ana.say_until_heard(for_ana, dana) == for_dana
        ben.say(loser.received("INVITE")[0].media_port)
        assert ben.drain() == []
        stage.hang_up(caller)
        stage.play()


def test_audio_passes_both_ways_and_is_counted(farm: Stage) -> None:
    assert farm.service.status()["relay"] == "rtpengine"
    talk(farm)
    figures = {stream.leg: stream for stream in farm.record().streams}
    assert figures[0].packets > 0 and figures[1].packets > 0


def test_the_next_call_goes_to_the_other_rtpengine_when_one_is_killed(farm: Stage, daemons: list[Daemon]) -> None:
    daemons[0].kill()
    until(lambda: "an rtpengine is gone" in farm.service.log, 10.0, "its death is noticed")
    talk(farm)


def test_many_calls_to_three_leave_nothing_at_any_node(farm: Stage, daemons: list[Daemon]) -> None:
    many = {"calls": CALLS, "patience": 60}
    callees = [
        farm.callee("Ana", "answers", terms={"ring": "100"}, **many),
        farm.callee("Ben", "is_stopped", **many),
        farm.callee("Carl", "is_stopped", **many),
    ]
    caller = farm.caller("everyone", "talks_and_hangs_up", options=("-r", "25", "-l", str(CALLS)), **many)
    farm.play()
    for party in (caller, *callees):
        assert (party.figure("SuccessfulCall(C)"), party.figure("FailedCall(C)")) == (CALLS, 0), party.report()
    until(lambda: not any(daemon.calls() for daemon in daemons), 10.0, "no rtpengine has a call")
