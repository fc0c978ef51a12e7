"""A call's trace, written as SIPp scenarios and played by SIPp: the same call comes about once more."""

from __future__ import annotations

from typing import Any

import pytest

from b2bua.calls.record import CallRecord
from b2bua.traces.spoken import Spoken
from tests.sipp_scenarios.parties import Party
from tests.sipp_scenarios.stage import Stage

pytestmark = pytest.mark.sipp


def copy(stage: Stage, call: CallRecord, who: str, port: int, **settings: Any) -> Party:
    """SIPp, started with the scenario that `b2bua show --sipp` writes for one side of the call."""
    shown = stage.service.command("show", call.id, "--sipp", who, "--config", str(stage.service.file))
    assert shown.returncode == 0, shown.stderr
    path = stage.directory / f"copy_of_{who}.xml"
    path.write_text(shown.stdout, encoding="ascii")
    party = Party(
        name=f"{who} again",
        scenario=str(path.with_suffix("")),
        port=port,
        directory=stage.directory / f"{who}_again",
        **settings,
    )
    stage.parties.append(party)
    party.start()
    return party


def play_again(stage: Stage, *, transport: str = "udp", address: str = "127.0.0.1") -> CallRecord:
    """Everybody of the last call once more, from its own trace; gives the new call's record."""
    first = stage.record()
    for party in stage.parties:
        party.stop()
    stage.parties.clear()
    for recipient in first.recipients:
        copy(stage, first, recipient.name, stage.port_of(recipient.name), address=address)
    host = f"[{address}]" if ":" in address else address
    caller = copy(
        stage,
        first,
        "caller",
        stage.spare_port,  # another place than last time: nothing of the first call may be in the way
        target=f"{host}:{stage.service.port}",
        transport=transport,
        address=address,
    )
    stage.play()
    second = stage.record(caller)
    assert second.id != first.id
    return second


def story(call: CallRecord, leg: int) -> list[str]:
    """What was said in one leg, in the order of its record: "> 180 INVITE"."""
    told = []
    for entry in sorted(call.trace, key=lambda entry: entry.at):
        said = Spoken.read(entry.data)
        if entry.leg == leg:
            told.append(f"{'<' if entry.received else '>'} {said.status or ''} {said.method}")
    return told


def assert_same(first: CallRecord, second: CallRecord) -> None:
    for leg in range(len(first.recipients) + 1):
        assert story(second, leg) == story(first, leg)
    assert [each.outcome for each in second.recipients] == [each.outcome for each in first.recipients]
    assert second.outcome == first.outcome


def test_an_answered_call_with_its_losers_is_played_again(stage: Stage) -> None:
    stage.callee("Ana", "answers")
    stage.callee("Ben", "is_stopped")
    stage.callee("Carl", "refuses", terms={"status": "486", "reason": "Busy Here", "ring": "50"})
    stage.caller("everyone", "talks_and_hangs_up")
    stage.play()
    first = stage.record()
    second = play_again(stage)
    assert_same(first, second)
    # The pauses too: Ana rang for 200 ms, and the two talked for 200 ms.
    for call in (first, second):
        assert call.answered_at and call.ended_at
        assert call.answered_at - call.started_at > 190_000
        assert call.ended_at - call.answered_at > 190_000


def test_a_call_that_is_held_within_its_dialog_is_played_again_over_tcp(stage: Stage) -> None:
    stage.callee("Ana", "is_held_and_resumed")
    stage.caller("ana", "holds_and_resumes", transport="tcp")
    stage.play()
    first = stage.record()
    assert_same(first, play_again(stage, transport="tcp"))


def test_a_call_over_ipv6_is_played_again(stage: Stage) -> None:
    stage.callee("Ana", "answers", address="::1")
    for name in ("Ben", "Carl"):
        stage.callee(name, "is_stopped", address="::1")
    stage.caller("everyone-six", "talks_and_hangs_up", address="::1")
    stage.play()
    first = stage.record()
    assert_same(first, play_again(stage, address="::1"))


def test_a_caller_who_gave_up_gives_up_again(stage: Stage) -> None:
    stage.callee("Ana", "is_stopped")
    stage.caller("ana", "gives_up")
    stage.play()
    first = stage.record()
    assert_same(first, play_again(stage))


def test_a_recipient_who_hangs_up_hangs_up_again(stage: Stage) -> None:
    stage.callee("Ana", "answers_and_hangs_up")
    stage.caller("ana", "is_hung_up")
    stage.play()
    first = stage.record()
    assert_same(first, play_again(stage))


def test_ringing_that_was_acknowledged_is_so_again(stage: Stage) -> None:
    stage.callee("Ana", "wants_its_ringing_acknowledged")
    terms = {"status": "183", "fields": "Supported: 100rel"}
    stage.caller("ana-heard-early", "acknowledges_ringing", terms=terms)
    stage.play()
    first = stage.record()
    assert_same(first, play_again(stage))
