"""A leg: its numbers, its endpoints, and how it says what the other side said."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from b2bua.calls.leg import Leg
from sip_stack.offer_answer import OfferAnswer
from sip_stack.sdp import Session, parse
from sip_stack.sdp_rewriting import End

AUDIO = b"v=0\r\no=ana 7 3 IN IP4 203.0.113.9\r\ns=call\r\nc=IN IP4 203.0.113.9\r\nt=0 0\r\n" + (
    b"m=audio 4000 RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\na=rtcp-mux\r\n"
)
VIDEO = b"m=video 4002 RTP/AVP 31\r\n"


def leg(*ends: End | None) -> Leg:
    made = Leg(2, "north", True, 77, 5)
    made.ends = list(ends)
    return made


def session(host: str, has_ended: bool = False) -> Any:
    dialog = SimpleNamespace(source=SimpleNamespace(host=host))
    return SimpleNamespace(dialog=dialog, has_ended=has_ended)


def lines(body: bytes) -> list[str]:
    return body.decode().splitlines()


def test_endpoints_come_in_any_order() -> None:
    made = leg()
    made.lend(2, End("192.0.2.2", 30004, 30005))
    assert made.ends == [None, None, End("192.0.2.2", 30004, 30005)]
    made.lend(0, End("192.0.2.2", 30000, 30001))
    assert made.ends[0] == End("192.0.2.2", 30000, 30001) and made.ends[1] is None
    made.lend(0, End("192.0.2.2", 40000, 40001))
    assert made.ends[0] == End("192.0.2.2", 40000, 40001), "lent again, after the relay was restarted"


def test_the_origin_is_one_for_the_life_of_the_leg() -> None:
    """SDP-2."""
    made = leg(None, End("192.0.2.2", 30000, 30001))
    origin = made.origin()
    made.lend(0, End("192.0.2.99", 30002, 30003))
    assert made.origin() is origin
    assert lines(made.describe(parse(AUDIO + VIDEO)))[1] == "o=multiring 77 1 IN IP4 192.0.2.2"


def test_a_leg_without_endpoints_still_has_an_origin() -> None:
    assert lines(leg().describe(parse(AUDIO)))[1] == "o=multiring 77 1 IN IP4 127.0.0.1"


def test_the_description_is_the_others_with_our_addresses() -> None:
    said = lines(leg(End("192.0.2.2", 30000, 30001)).describe(parse(AUDIO)))
    assert "m=audio 30000 RTP/AVP 0 101" in said and "c=IN IP4 192.0.2.2" in said
    assert "a=rtpmap:101 telephone-event/8000" in said
    assert not any("203.0.113.9" in line for line in said)


def test_mux_is_passed_on_and_agreed_end_to_end() -> None:
    assert "a=rtcp-mux" in lines(leg(End("192.0.2.2", 30000, 30001)).describe(parse(AUDIO)))
    without = parse(AUDIO.replace(b"a=rtcp-mux\r\n", b""))
    assert "a=rtcp-mux" not in lines(leg(End("192.0.2.2", 30000, 30001)).describe(without))


def test_the_version_rises_with_each_change_and_only_then() -> None:
    """RFC 3264 §8."""
    made, first = leg(End("192.0.2.2", 30000, 30001)), parse(AUDIO)
    said = made.describe(first)
    assert made.describe(parse(AUDIO)) == said
    assert " 77 2 IN " in lines(made.describe(parse(AUDIO + b"a=sendonly\r\n")))[1]
    assert " 77 3 IN " in lines(made.describe(first))[1]


@pytest.mark.parametrize("ends", [0, 1, 2, 3])
def test_media_without_an_endpoint_are_refused_and_spare_ones_wait(ends: int) -> None:
    made = leg(*[End("192.0.2.2", 30000 + 2 * index, 30001 + 2 * index) for index in range(ends)])
    ports = [line.split()[1] for line in lines(made.describe(parse(AUDIO + VIDEO))) if line.startswith("m=")]
    assert ports == [str(30000 + 2 * index) if index < ends else "0" for index in range(2)]
    assert len(made.ends) == ends, "describing lends nothing"


@pytest.mark.parametrize(("ends", "media", "lacking"), [(0, 1, 1), (1, 1, 0), (1, 3, 2), (2, 1, 0)])
def test_how_many_endpoints_it_lacks(ends: int, media: int, lacking: int) -> None:
    made = leg(*[End("192.0.2.2", 30000, 30001)] * ends)
    description: Session = parse(AUDIO + VIDEO * (media - 1))
    assert made.lacks(description) == lacking


def test_media_may_be_learnt_from_where_its_signalling_comes_from() -> None:
    made = leg()
    assert not made.signalling_hosts
    made.source_hosts = ("203.0.113.9",)
    assert made.signalling_hosts == ("203.0.113.9",)
    made.session = session("203.0.113.10")
    assert made.signalling_hosts == ("203.0.113.10",), "where the dialog is now counts"


def test_it_is_up_while_its_session_is() -> None:
    made = leg()
    assert not made.is_up
    made.session = session("203.0.113.10")
    assert made.is_up
    made.session = session("203.0.113.10", has_ended=True)
    assert not made.is_up


OFFER = b"offer"
A, B = parse(AUDIO), parse(AUDIO + VIDEO)


def test_each_dialog_of_an_invite_has_its_own_exchange() -> None:
    """RFC 3261 §12.1.2, §13.2.2.4: all begin with the same offer, and none knows of another's answer."""
    made = leg()
    made.offer(OFFER)
    made.enter("a")
    made.exchange.receive_answer(A)
    made.enter("b")
    assert made.exchange.remote is None and made.exchange.offered_local == OFFER
    made.exchange.receive_answer(B)
    made.enter("a")
    assert made.exchange.remote is A
    made.enter("b")
    assert made.exchange.remote is B and made.exchange.local == OFFER
    assert made.exchange.retry_after == 5


def test_the_first_dialog_takes_over_what_was_said_before_its_tag_was_known() -> None:
    made = leg()
    made.offer(OFFER)
    before = made.exchange
    assert made.may_enter("a")
    made.enter("a")
    assert made.exchange is before and not made.may_enter("b")


def test_the_next_invite_begins_anew() -> None:
    made = leg()
    made.offer(OFFER)
    made.enter("a")
    made.exchange.receive_answer(A)
    made.offer(b"again")
    assert made.exchange.remote is None and made.exchange.offered_local == b"again"
    made.enter("a")
    assert made.exchange.remote is None, "the To-tag is another dialog's, though it is the same"


def test_an_invite_that_is_repeated_unanswered_offers_the_same() -> None:
    made = leg()
    made.offer(OFFER)
    made.offer(OFFER)
    made.exchange.receive_answer(A)
    assert made.exchange.local == OFFER and made.exchange.remote is A


def test_a_dialog_that_is_left_takes_its_session_with_it() -> None:
    made = leg()
    made.session = session("203.0.113.9")
    exchange = OfferAnswer()
    made.leave(exchange)
    assert made.session is None and made.exchange is exchange
