"""re-INVITEs within a session: ours, theirs, and both at once (§14)."""

from __future__ import annotations

import pytest

from sip_stack.errors import LocalError
from sip_stack.events import Replied, Requested
from sip_stack.invite_server import InviteServer
from tests.sip_stack.rig import (
    OFFER,
    hang_up,
    response,
    within,
)
from tests.sip_stack.sessions import ended, replies, say, talking

# re-INVITE of ours.


def test_a_reinvite_is_acknowledged_at_once_and_again_with_the_same_bytes() -> None:
    bench, session = talking()
    session.request("INVITE", bench.now, body=OFFER, tag="re")
    bench.news()
    say(bench, "INVITE", 200, contact="<sip:bob@192.0.2.9:5090>")
    (first,) = bench.news()
    say(bench, "INVITE", 200)
    (second,) = bench.news()
    assert first.data == second.data
    assert (first.request.cseq, first.request.uri) == (2, "sip:bob@192.0.2.9:5090")
    assert len(bench.owner.all_of(Replied)) == 1
    hang_up(bench, session)


def test_the_200_of_an_older_reinvite_is_acknowledged_anew_too() -> None:
    """TRX-6: "also while a re-INVITE is outstanding"."""
    bench, session = talking()
    answers = []
    for _ in range(2):
        session.request("INVITE", bench.now, body=OFFER)
        bench.take()
        answers.append(response(bench.last("INVITE").request, 200))
        bench.receive(answers[-1])
    bench.news()
    bench.receive(answers[0])
    assert [sent.request.cseq for sent in bench.news()] == [2]
    hang_up(bench, session)


def test_without_an_offer_the_ack_waits() -> None:
    bench, session = talking()
    session.request("INVITE", bench.now)
    bench.news()
    say(bench, "INVITE", 200, body=OFFER)
    say(bench, "INVITE", 200, body=OFFER)
    assert bench.names() == []
    assert session.is_inviting
    session.acknowledge(bench.now, b"v=0\r\n")
    bench.take()
    say(bench, "INVITE", 200, body=OFFER)
    first, second = bench.news()
    assert first.data == second.data and first.request.body == b"v=0\r\n"
    assert not session.is_inviting
    hang_up(bench, session)


def test_an_ack_that_waits_for_an_answer_leaves_before_the_bye() -> None:
    """§13.2.2.4: every 2xx has its ACK; the offer is refused in it."""
    bench, session = talking()
    session.request("INVITE", bench.now)
    bench.take()
    say(bench, "INVITE", 200, body=OFFER)
    bench.news()
    session.bye("", bench.now)
    ack, bye = bench.news()
    assert (ack.name, bye.name) == ("ACK", "BYE")
    assert b"m=audio 0 " in ack.request.body
    say(bench, "BYE", 200)
    bench.finish()


def test_a_200_after_our_bye_is_acknowledged() -> None:
    """T25."""
    bench, session = talking()
    session.request("INVITE", bench.now, body=OFFER)
    session.bye("", bench.now)
    bench.take()
    say(bench, "BYE", 200)
    bench.news()
    say(bench, "INVITE", 200)
    assert bench.names() == ["ACK"]
    assert bench.owner.all_of(Replied) == []
    bench.finish()


@pytest.mark.parametrize("ends", ["ours", "theirs"])
def test_a_reinvite_that_got_100_and_nothing_more_does_not_outlive_its_call(ends: str) -> None:
    bench, session = talking()
    session.request("INVITE", bench.now, body=OFFER)
    bench.take()
    say(bench, "INVITE", 100)
    if ends == "ours":
        session.bye("", bench.now)
        bench.take()
        say(bench, "BYE", 200)
    else:
        bench.receive(within(bench, session, "BYE", cseq=10))
    bench.finish()


def test_a_failed_reinvite_leaves_the_session_as_it_was() -> None:
    """§14.1."""
    bench, session = talking()
    session.request("INVITE", bench.now, body=OFFER, tag="re")
    bench.take()
    say(bench, "INVITE", 488)
    assert ended(bench) == [] and not session.is_inviting
    assert [sent.name for sent in bench.sent][-1] == "ACK"
    hang_up(bench, session)


# Glare.


def test_no_second_invite_of_ours_while_one_is_under_way() -> None:
    """§14.1: "a UAC MUST NOT initiate a new INVITE transaction within a dialog while another INVITE transaction is
    in progress in either direction"."""
    bench, session = talking()
    session.request("INVITE", bench.now, body=OFFER)
    with pytest.raises(LocalError, match="under way"):
        session.request("INVITE", bench.now, body=OFFER)
    bench.take()
    say(bench, "INVITE", 200)
    bench.receive(within(bench, session, "INVITE", cseq=10, body=OFFER))
    with pytest.raises(LocalError, match="under way"):
        session.request("INVITE", bench.now, body=OFFER)
    bench.owner.the(Requested).server.reject(488, bench.now)  # type: ignore[union-attr]
    session.request("INVITE", bench.now, body=OFFER)
    bench.take()
    say(bench, "INVITE", 200)
    hang_up(bench, session)


def test_their_invite_meets_ours_with_491() -> None:
    """§14.2."""
    bench, session = talking()
    session.request("INVITE", bench.now, body=OFFER)
    bench.news()
    bench.receive(within(bench, session, "INVITE", cseq=10, body=OFFER))
    assert replies(bench) == [(491, "INVITE")]
    say(bench, "INVITE", 491)
    assert [event.response and event.response.status for event in bench.owner.all_of(Replied)] == [491]
    hang_up(bench, session)


@pytest.mark.parametrize(("fraction", "seconds"), [(0.0, "0"), (0.5, "5"), (0.999, "10")])
def test_their_second_invite_before_our_answer_gets_500_and_retry_after(
    fraction: float, seconds: str
) -> None:
    """§14.2: "a Retry-After header field with a randomly chosen value of between 0 and 10 seconds"."""
    bench, session = talking()
    bench.stack._dice.next_fraction = fraction  # type: ignore[attr-defined]
    bench.receive(within(bench, session, "INVITE", cseq=10, body=OFFER))
    bench.news()
    bench.receive(within(bench, session, "INVITE", cseq=11, body=OFFER))
    refusal = bench.last("500").response
    assert (refusal.cseq, refusal.get("retry-after")) == (11, seconds)
    bench.owner.the(Requested).server.reject(488, bench.now)  # type: ignore[union-attr]
    hang_up(bench, session)


def test_their_invite_while_our_200_waits_for_its_ack_gets_491() -> None:
    bench, session = talking()
    bench.receive(within(bench, session, "INVITE", cseq=10, body=OFFER))
    server = bench.owner.the(Requested).server
    assert isinstance(server, InviteServer)
    server.answer(bench.now, body=OFFER)
    bench.news()
    bench.receive(within(bench, session, "INVITE", cseq=11, body=OFFER))
    assert (491, "INVITE") in replies(bench)
    bench.receive(within(bench, session, "ACK", cseq=10, branch="z9hG4bKa"))
    hang_up(bench, session)
