"""Audio through the relay of the real process. What the phones make of it is heard in tests/end_to_end."""

from __future__ import annotations

import pytest

from tests.sipp_scenarios.earpiece import Earpiece
from tests.sipp_scenarios.parties import Party
from tests.sipp_scenarios.stage import Stage
from tests.sipp_scenarios.waiting import until

pytestmark = pytest.mark.sipp


def wait_until_talking(caller: Party, callee: Party) -> tuple[int, int]:
    """The relay's ports for the caller and for the callee, once both sides have their ACK."""
    until(lambda: caller.sent("ACK") and callee.received("ACK"), 5.0, "the call is up")
    return caller.received("200 INVITE")[0].media_port, callee.received("INVITE")[0].media_port


def test_audio_passes_both_ways_and_only_to_the_winner(stage: Stage) -> None:
    with Earpiece(1) as dana, Earpiece(2) as ana, Earpiece(3) as ben:
        callee = stage.callee("Ana", "answers", rtp_port=ana.port)
        loser = stage.callee("Ben", "is_stopped", rtp_port=ben.port)
        caller = stage.caller("ana-and-ben", "is_hung_up", rtp_port=dana.port)
        for_dana, for_ana = wait_until_talking(caller, callee)
        assert dana.say_until_heard(for_dana, ana) == for_ana
        assert ana.say_until_heard(for_ana, dana) == for_dana
        ben.say(loser.received("INVITE")[0].media_port)  # his ports went back: nobody hears him
        assert (dana.drain(), ana.drain(), ben.drain()) == ([], [], [])
        stage.hang_up(caller)
        stage.play()
        figures = {stream.leg: stream for stream in stage.record().streams}
        assert (figures[0].packets, figures[0].payload_type) == (dana.sent, 0)
        assert (figures[1].packets, figures[1].lost) == (ana.sent, 0)


def test_a_stranger_s_packets_reach_nobody(stage: Stage) -> None:
    with Earpiece(1) as dana, Earpiece(2) as ana, Earpiece(3) as mallory:
        callee = stage.callee("Ana", "answers", rtp_port=ana.port)
        caller = stage.caller("ana", "is_hung_up", rtp_port=dana.port)
        for_dana, for_ana = wait_until_talking(caller, callee)
        dana.say_until_heard(for_dana, ana)
        ana.say_until_heard(for_ana, dana)
        for _ in range(10):
            mallory.say(for_dana)
            mallory.say(for_ana)
        assert (dana.drain(), ana.drain(), mallory.drain()) == ([], [], [])
        stage.hang_up(caller)
        stage.play()
        assert [stream.strangers for stream in stage.record().streams] == [10, 10]


def test_sipp_echoes_what_the_caller_says(stage: Stage) -> None:
    with Earpiece(1) as dana:
        echo = stage.spare_port
        callee = stage.callee("Ana", "answers", rtp_port=echo, options=("-rtp_echo", "-mp", str(echo)))
        caller = stage.caller("ana", "is_hung_up", rtp_port=dana.port)
        for_dana, _ = wait_until_talking(caller, callee)
        assert dana.say_until_heard(for_dana, dana) == for_dana
        stage.hang_up(caller)
        stage.play()
