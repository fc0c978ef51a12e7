from __future__ import annotations

import pytest

from rtp_relay.errors import ControlError
from rtp_relay.ng import messages


def test_a_datagram_is_a_cookie_and_a_dictionary() -> None:
    assert messages.datagram("5323_1", messages.ping()) == b"5323_1 d7:command4:pinge"
    assert messages.read(b"5323_1 d6:result4:ponge") == ("5323_1", {"result": "pong"})


@pytest.mark.parametrize("octets", [b"", b"cookie", b"cookie ", b"cookie 4:ping", b"cookie le", b"c d6:resulte"])
def test_what_is_none(octets: bytes) -> None:
    with pytest.raises(ControlError):
        messages.read(octets)


@pytest.mark.parametrize(("reply", "words"), [
    ({"result": "ok"}, ""),
    ({"result": "pong"}, ""),
    ({"result": "ok", "warning": "late"}, ""),
    ({"result": "error", "error-reason": "Unknown call-id"}, "Unknown call-id"),
    ({"result": "load limit", "message": "too much"}, "too much"),
    ({"result": "load limit"}, "result 'load limit'"),
    ({}, "result None"),
])  # fmt: skip
def test_why_a_request_was_refused(reply: messages.Reply, words: str) -> None:
    assert messages.trouble(reply) == words


def test_an_offer_names_who_offers_to_whom() -> None:
    request = messages.describe("offer", "call", 0, 3, "v=0", latch=True, direction=("in", "out"))
    assert (request["from-tag"], request["to-tag"], request["call-id"]) == ("0", "3", "call")
    assert request["direction"] == ["in", "out"]
    assert request["flags"] == ["port latching", "strict source"]


def test_an_answer_leaves_the_interfaces_as_the_offer_had_them() -> None:
    request = messages.describe("answer", "call", 0, 3, "v=0", latch=False, direction=("in", "out"))
    assert "direction" not in request
    assert "asymmetric" in str(request["flags"])


def test_one_leg_or_the_whole_call_is_deleted() -> None:
    assert "to-tag" not in messages.delete("call")
    assert messages.delete("call", 0, 2)["to-tag"] == "2"
