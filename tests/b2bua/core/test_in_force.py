"""The file is read again, and flows and numbers of the database with it."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from b2bua.calls.flow import Flow
from b2bua.config.loading import flows_in
from b2bua.control import ControlError
from b2bua.flows.numbers import KeptNumber
from tests.b2bua.core.stage import Stage, play

ANOTHER = """
[numbers."+15550101"]
recipients = [{ name = "Ben", destination = "sip:ben@127.0.0.1:9" }]
"""


def test_a_changed_file_counts_from_the_next_call_on(place: Path) -> None:
    async def scene(stage: Stage) -> None:
        to = await stage.connect()
        stage.write(ANOTHER, limits="calls = 7\ncalls_per_second = 9\nretry_after = 3")
        before = stage.core.config.version
        assert (await stage.ask({"command": "reload"}))["configuration"] != before
        assert "+15550101" in stage.core.directory.config.numbers
        admission = stage.core.admission
        assert (admission.calls, admission.rate, admission.retry_after) == (7, 9, 3)
        await stage.leave(to)

    play(place, scene)


def test_a_number_of_the_database_rings_from_the_next_call_on(place: Path) -> None:
    """Told of by the command "flows"; a changed file does not lose it, not even for a moment."""

    async def scene(stage: Stage) -> None:
        flows = parse_flow(stage.phone.port)
        await stage.core.in_force.flow_versions.save_draft(flows, "jo")
        await stage.core.in_force.flow_versions.publish("main", "jo")
        await stage.core.in_force.numbers.add(KeptNumber("+15550177", "Spring", "main"), "jo")
        await stage.ask({"command": "flows"})
        await stage.until(lambda: "+15550177" in stage.core.directory.config.numbers)
        stage.write(ANOTHER)
        assert stage.core.reload() == ""
        assert {"+15550101", "+15550177"} <= set(stage.core.directory.config.numbers)
        stage.invite("+15550177", "9")
        invite = await stage.phone.receive("INVITE sip:ben@")
        stage.respond(invite, "486 Busy Here")
        await stage.trunk.receive("SIP/2.0 486")

    play(place, scene)


def parse_flow(port: int) -> Flow:
    """A flow that rings the stage's phone under another name."""
    dial = f'nobody_answered = "end"\nrecipients = [{{ name = "Ben", destination = "sip:ben@127.0.0.1:{port}" }}]'
    text = f'[flows.main]\nfirst = "ring"\n[flows.main.dial.ring]\n{dial}\n[flows.main.hang_up.end]\n'
    return flows_in(text.encode(), "main.toml")["main"]


def test_sighup_with_a_bad_file_keeps_the_last_good_one(place: Path) -> None:
    async def scene(stage: Stage) -> None:
        before = stage.core.config
        stage.file.write_text("[sip]\nlisten = 7\n")
        with capture_logs() as lines:
            os.kill(os.getpid(), signal.SIGHUP)
            await stage.until(lambda: lines)
        assert lines[0]["log_level"] == "error" and "the last good one stays" in lines[0]["event"]
        assert "listen" in lines[0]["problem"]
        assert stage.core.config is before and stage.core.directory.config is before
        await stage.leave(await stage.connect())

    play(place, scene)


def test_reload_of_a_bad_file_tells_who_asked(place: Path) -> None:
    async def scene(stage: Stage) -> None:
        stage.file.write_text("[sip]\nlisten = 7\n")
        with pytest.raises(ControlError, match="listen"):
            await stage.ask({"command": "reload"})

    play(place, scene)


@pytest.mark.parametrize(
    ("old", "new", "setting"),
    [
        ("udp:127.0.0.1:0", "tcp:127.0.0.1:0", "sip.listen"),
        ("[media]", "t1 = 0.6\n[media]", "sip.t1"),
        ("[media]", 'user_agent = "Other"\n[media]', "sip.user_agent"),
        ("relay.sock", "other.sock", "media"),
        ("calls.sqlite", "other.sqlite", "records"),
        ("core.sock", "other.sock", "service.control_socket"),
    ],
)
def test_a_setting_that_wants_a_restart_says_so(place: Path, old: str, new: str, setting: str) -> None:
    async def scene(stage: Stage) -> None:
        stage.file.write_text(stage.file.read_text().replace(old, new))
        with capture_logs() as lines:
            stage.core.reload()
        (said,) = [line for line in lines if line["log_level"] == "warning"]
        assert said["settings"] == [setting]

    play(place, scene)


def test_an_unchanged_file_warns_of_nothing(place: Path) -> None:
    async def scene(stage: Stage) -> None:
        with capture_logs() as lines:
            assert stage.core.reload() == ""
        assert [line["log_level"] for line in lines] == ["info"]

    play(place, scene)
