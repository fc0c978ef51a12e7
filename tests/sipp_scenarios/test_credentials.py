"""A recipient's server that asks for a password (RFC 3261 §22, RFC 7616)."""

from __future__ import annotations

import pytest

from tests.sipp_scenarios.stage import Stage

pytestmark = pytest.mark.sipp


@pytest.mark.parametrize("number", ["ana-with-password", "ana-by-trunk"])
def test_a_challenge_is_answered_with_the_password_of_recipient_or_trunk(stage: Stage, number: str) -> None:
    ana = stage.callee("Ana", "challenges", terms={"password": "example"})
    stage.caller(number, "talks_and_hangs_up")
    stage.play()
    first, second = ana.received("INVITE")
    # RFC 3261 §22.2, TRX-16: the same Call-ID and From tag, the next CSeq, a new branch, no To tag.
    assert (second.call_id, second.header("From")) == (first.call_id, first.header("From"))
    assert int(second.cseq.split()[0]) == int(first.cseq.split()[0]) + 1
    assert second.header("Via") != first.header("Via")
    assert ";tag=" not in second.header("To")
    # §22.3: every later request of the dialog that may carry credentials has them, so that none is asked again.
    assert ana.only("BYE").header("Authorization").startswith("Digest ")
    assert stage.outcomes() == {"": "answered", "Ana": "answered"}


def test_a_wrong_password_is_a_refusal_and_no_second_try(stage: Stage) -> None:
    ana = stage.callee("Ana", "challenges", terms={"password": "another"})
    stage.caller("ana-with-password", "is_refused", terms={"status": "403"})
    stage.play()
    assert len(ana.received("INVITE")) == 2
    assert stage.outcomes()["Ana"] == "refused"


def test_a_challenge_without_a_password_fails_that_recipient_only(stage: Stage) -> None:
    fields = 'WWW-Authenticate: Digest realm="phones", nonce="a", algorithm=MD5'
    stage.callee("Ana", "refuses", terms={"status": "401", "reason": "Unauthorized", "fields": fields})
    stage.callee("Ben", "answers", terms={"ring": "400"})
    caller = stage.caller("ana-and-ben", "talks_and_hangs_up")
    stage.play()
    assert not caller.received("401 INVITE")
    assert stage.outcomes() == {"": "answered", "Ana": "refused", "Ben": "answered"}
