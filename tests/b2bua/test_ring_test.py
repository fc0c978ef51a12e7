"""A ring test: a call whose caller is within, and what its record shows of the phone."""

from __future__ import annotations

from pathlib import Path

import pytest

from b2bua.calls.flow import Dial, DialRecipient, Prompt, PromptKind
from b2bua.config import Config, ConfigError, parse
from b2bua.flows.facts import Facts
from b2bua.flows.lint import lint
from b2bua.flows.writing import written
from b2bua.ring_test import INSIDE, Joined, RingTestResult, RingTests, flow_for, report
from sip_stack.errors import RemoteError
from sip_stack.message import Request
from sip_stack.message import parse as parse_message
from tests.world import subject
from tests.world.phone import Phone
from tests.world.world import World

FILE = b"""\
[sip]
listen = ["udp:192.0.2.1:5060"]

[trunks.trunk]
sources = ["198.51.100.0/24"]

[numbers."+15550100"]
recipients = [{ name = "Ana", destination = "sip:ana@203.0.113.7" }]
"""


class Within:
    """A world whose switchboard has callers within."""

    def __init__(self) -> None:
        self.world = World()
        self.tests = RingTests(subject.SeededDice(7))
        self.config: Config = parse(FILE, Path("world.toml"))
        board = self.board = subject.make_switchboard(self.world.plan, 0)
        stack = board.stack
        stack.listeners[INSIDE] = RingTests.listener("192.0.2.1", 5060)
        board.directory.ring_tests = self.tests  # type: ignore[attr-defined]
        joined = Joined(board, self.tests)
        self.world._make = lambda plan, seed: _Subject(board, joined)  # type: ignore[assignment,return-value]

    def ring(self, phone: Phone, extension: str = "") -> str:
        assert self.world.switchboard is not None
        recipient = DialRecipient(phone.name, phone.uri, extension=extension)
        return self.tests.start(
            written(flow_for(recipient, True)), self.config, self.board, self.world.clock.now
        )

    def report(self) -> RingTestResult:
        self.world.finish()
        (record,) = self.world.records
        return report(record)


class _Subject:
    """The switchboard, driven as the driver does it."""

    def __init__(self, board: object, joined: Joined) -> None:
        self._board = board
        self.take_datagrams = joined.take_datagrams
        self.handle_deadline = joined.handle_deadline
        self.next_deadline = joined.next_deadline

    def __getattr__(self, name: str) -> object:
        return getattr(self._board, name)


def test_a_person_who_presses_1() -> None:
    made = Within()
    ana = made.world.phone("ana", rings_after=0.2, answers_after=3.0, is_recipient=False)
    call = made.ring(ana)
    made.world.run_until(lambda: made.world.relay.stage.sounding(1))
    made.world.run(1.0)
    made.world.relay.stage.press(1, "1")
    test = made.report()
    assert test.call == call and (test.outcome, test.keys, test.codec) == ("answered", "RFC 4733", "PCMU")
    assert test.rang_after == pytest.approx(200, abs=5) and test.answered_after == pytest.approx(3000, abs=5)
    assert test.pressed_after is not None and test.pressed_after == pytest.approx(4000, abs=30)
    assert test.shown == '"Ring test" <sip:+15550100@192.0.2.1>'


def test_a_key_by_info() -> None:
    made = Within()
    ana = made.world.phone("ana", answers_after=1.0, is_recipient=False)
    made.ring(ana)
    made.world.run_until(lambda: made.world.relay.stage.sounding(1))
    ana.call.dialog.request(
        "INFO", "Signal=1\r\nDuration=160\r\n", [("Content-Type", "application/dtmf-relay")]
    )
    assert made.report().keys == "SIP INFO"


def test_nobody_who_hears() -> None:
    made = Within()
    ana = made.world.phone("ana", answers_after=1.0, is_recipient=False)
    made.ring(ana)
    test = made.report()
    assert (test.outcome, test.pressed_after, test.keys) == ("did not press 1", None, "")


def test_somebody_who_is_not_there() -> None:
    made = Within()
    ana = made.world.silent_phone("ana", is_recipient=False)
    made.ring(ana)
    made.world.tolerate("")
    test = made.report()
    assert (test.outcome, test.rang_after, test.codec) == ("not reachable", None, "")


def test_what_is_no_recipient_is_said() -> None:
    made = Within()
    flow = flow_for(DialRecipient("x", "sip:x@203.0.113.9", trunk="nowhere"), True)
    assert made.world.switchboard is not None
    with pytest.raises(ValueError, match="no way to this recipient"):
        made.tests.start(written(flow), made.config, made.board, 1.0)
    with pytest.raises((ValueError, ConfigError)):
        made.tests.start("[flows.x", made.config, made.board, 1.0)


def test_what_nobody_has_begun_is_refused() -> None:
    """An INVITE that comes by that way without a test of ours behind it."""
    request = parse_message(World().caller().call().invite.octets)
    assert isinstance(request, Request)
    with pytest.raises(RemoteError) as refused:
        RingTests(subject.SeededDice(7)).plan(request)
    assert refused.value.status == 403


def test_it_asks_in_words_where_there_are_any() -> None:
    recipient = DialRecipient("ana", "sip:ana@203.0.113.7")
    assert flow_for(recipient, True).steps["ring"].confirm_prompt.kind is PromptKind.SAY  # type: ignore[union-attr]
    dial = flow_for(recipient, False, "de").steps["ring"]
    assert isinstance(dial, Dial) and dial.confirm_prompt == Prompt(PromptKind.TONE, "de")
    assert [each for each in lint(flow_for(recipient, False), Facts()) if each.severity == "error"] == []
