"""A message of a trace, cut into its lines."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from b2bua.traces.spoken import Spoken, without_tag
from tests.b2bua.traces.samples import INVITE, OFFER, OK


def test_a_request_is_read() -> None:
    said = Spoken.read(INVITE)
    assert (said.is_response, said.status, said.method, said.uri) == (
        False,
        0,
        "INVITE",
        "sip:+15550100@192.0.2.9",
    )
    assert (said.cseq, said.branch, said.call_id) == (
        ("1", "INVITE"),
        "z9hG4bK-invite1",
        "dana-call@192.0.2.1",
    )
    assert (said.from_tag, said.to_tag, said.is_sdp, said.body.decode()) == ("dana1", "", True, OFFER)


def test_a_response_is_read() -> None:
    said = Spoken.read(OK)
    assert (said.is_response, said.status, said.method, said.to_tag) == (True, 200, "INVITE", "ours0")


def test_compact_names_and_folds_keep_their_spelling_and_lose_their_line_ends() -> None:
    said = Spoken.read(
        b"BYE sip:h SIP/2.0\r\ni: 7\r\nv: SIP/2.0/UDP h\r\n ;branch=z9hG4bKx\r\nX-Odd:a\r\n\t b\r\n\r\n"
    )
    assert said.fields == (("i", "7"), ("v", "SIP/2.0/UDP h ;branch=z9hG4bKx"), ("X-Odd", "a b"))
    assert (said.call_id, said.branch) == ("7", "z9hG4bKx")


def test_a_tag_is_a_parameter_of_the_header_and_not_of_the_uri() -> None:
    said = Spoken.read(b"BYE sip:h SIP/2.0\r\nFrom: <sip:a@h;tag=no>\r\nTo: sip:b@h; TAG = yes\r\n\r\n")
    assert (said.from_tag, said.to_tag) == ("", "yes")
    assert without_tag("<sip:a@h;tag=no>;tag=yes;x=1") == "<sip:a@h;tag=no>;x=1"


@given(st.binary(max_size=300))
def test_anything_at_all_is_read(octets: bytes) -> None:
    said = Spoken.read(octets)
    assert isinstance(said.status, int) and said.method is not None and said.branch is not None
