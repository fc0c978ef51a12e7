"""Descriptions narrowed to one codec: what stays, what goes, and where there is nothing to speak."""

from __future__ import annotations

import pytest

from sip_stack.sdp import Direction, Session, parse
from sip_stack.sdp_narrowing import answer_as_before, names_in, narrowed
from sip_stack.sdp_rewriting import Codec

SPOKEN = ("PCMU", "PCMA", "G722", "opus")

OFFER = """\
v=0
o=- 1 1 IN IP4 198.51.100.7
s=call
c=IN IP4 198.51.100.7
t=0 0
m=audio 4000 RTP/AVP 18 8 0 101 13
a=rtpmap:18 G729/8000
a=fmtp:18 annexb=no
a=rtpmap:8 PCMA/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-15
a=rtcp-mux
a=ptime:20
a=sendonly
m=video 4002 RTP/AVP 96
a=rtpmap:96 H264/90000
"""


def description(text: str = OFFER) -> Session:
    return parse(text.replace("\n", "\r\n").encode())


def test_one_codec_is_left_with_the_keys() -> None:
    found = narrowed(description(), SPOKEN)
    assert found is not None
    assert (found.medium, found.codec, found.events) == (0, Codec("PCMA", 8), (101,))
    audio, video = found.description.media
    assert audio.formats == ("8", "101") and audio.port == 4000
    assert "G729" not in audio.lines and "annexb" not in audio.lines
    assert (
        "a=rtpmap:8 PCMA/8000" in audio.lines
        and "a=fmtp:101 0-15" in audio.lines
        and "a=ptime:20" in audio.lines
    )
    assert "rtcp-mux" not in audio.lines
    assert video.is_rejected and video.formats == ("96",)


def test_the_order_of_the_description_decides_and_not_ours() -> None:
    found = narrowed(description(), ("PCMU", "PCMA"))
    assert found is not None and found.codec.name == "PCMA"


def test_a_static_payload_type_needs_no_rtpmap() -> None:
    found = narrowed(description(), ["PCMU"])
    assert (
        found is not None
        and found.codec == Codec("PCMU", 0)
        and found.description.media[0].formats == ("0", "101")
    )


def test_an_answer_is_the_mirror_of_its_offer() -> None:
    answer = narrowed(description(), SPOKEN, mirror=True)
    assert answer is not None
    assert answer.description.media[0].direction is Direction.RECVONLY
    assert answer.description.media[0].lines.count("a=recvonly") == 1


@pytest.mark.parametrize(
    ("line", "direction"),
    [
        ("a=sendrecv", Direction.SENDRECV),
        ("a=inactive", Direction.INACTIVE),
        ("a=recvonly", Direction.SENDONLY),
        ("a=x", Direction.SENDRECV),
    ],
)
def test_directions_are_mirrored(line: str, direction: Direction) -> None:
    answer = narrowed(description(OFFER.replace("a=sendonly", line)), SPOKEN, mirror=True)
    assert answer is not None and answer.description.media[0].direction is direction


def test_keys_are_of_the_codecs_own_clock() -> None:
    text = OFFER.replace("18 8 0 101 13", "96 97 101").replace(
        "a=rtpmap:18 G729/8000\n", "a=rtpmap:96 OPUS/48000/2\na=rtpmap:97 telephone-event/48000\n"
    )
    found = narrowed(description(text), SPOKEN)
    assert found is not None
    assert (found.codec, found.events) == (Codec("opus", 96, 48000), (97,))
    assert found.description.media[0].formats == ("96", "97")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("RTP/AVP 18 8 0 101 13", "RTP/SAVP 18 8 0 101 13"),
        ("RTP/AVP 18 8 0 101 13", "RTP/AVP 18"),
        ("m=audio 4000", "m=audio 0"),
        ("m=audio 4000", "m=text 4000"),
    ],
)
def test_where_nothing_can_be_spoken(old: str, new: str) -> None:
    assert narrowed(description(OFFER.replace(old, new)), SPOKEN) is None


def test_the_first_audio_that_will_do_is_taken_and_the_other_refused() -> None:
    text = OFFER.replace(
        "m=video 4002 RTP/AVP 96\na=rtpmap:96 H264/90000", "m=audio 4002 RTP/AVP 0 100\na=rtpmap:100 x/8000"
    )
    found = narrowed(description(text.replace("18 8 0 101 13", "18 101")), SPOKEN)
    assert found is not None and found.medium == 1
    assert [each.is_rejected for each in found.description.media] == [True, False]


def test_formats_that_are_no_numbers_are_passed_over() -> None:
    found = narrowed(description(OFFER.replace("18 8 0 101 13", "* t38 8")), SPOKEN)
    assert found is not None and found.description.media[0].formats == ("8",)


def test_octets_that_are_no_text_come_through() -> None:
    text = OFFER.replace("\n", "\r\n").encode().replace(b"s=call", b"s=\xff\xfe")
    found = narrowed(parse(text), SPOKEN)
    assert found is not None and found.description.name == "\udcff\udcfe"


def test_the_codecs_of_a_description_by_name() -> None:
    assert names_in(description()) == ["g729", "pcma", "pcmu"]


def offered(formats: str, more: str = "") -> Session:
    return description(
        "v=0\no=- 1 1 IN IP4 198.51.100.7\ns=call\nc=IN IP4 198.51.100.7\nt=0 0\n"
        f"m=audio 4000 RTP/AVP {formats}\na=rtpmap:96 opus/48000/2\n{more}"
    )


SAID = offered("8 0 101", "a=rtpmap:101 telephone-event/8000\n")


@pytest.mark.parametrize(
    ("formats", "left"), [("0 8 101", ("8", "0", "101")), ("0", ("0",)), ("18 0 96", ("0",))]
)
def test_what_was_said_answers_a_new_offer_as_far_as_it_does(formats: str, left: tuple[str, ...]) -> None:
    answer = answer_as_before(SAID, offered(formats, "a=rtpmap:101 telephone-event/8000\n"))
    assert answer is not None
    assert answer.media[0].formats == left and answer.media[0].direction is Direction.SENDRECV
    assert ("101 telephone-event" in answer.media[0].lines) == ("101" in left)


@pytest.mark.parametrize(
    ("offer", "said", "answer"),
    [
        ("sendonly", "sendrecv", Direction.RECVONLY),
        ("inactive", "sendrecv", Direction.INACTIVE),
        ("sendonly", "sendonly", Direction.INACTIVE),
        ("sendrecv", "recvonly", Direction.RECVONLY),
    ],
)
def test_neither_side_sends_what_the_other_does_not_want(offer: str, said: str, answer: Direction) -> None:
    """RFC 3264 §6.1."""
    found = answer_as_before(offered("0", f"a={said}\n"), offered("0", f"a={offer}\n"))
    assert found is not None and found.media[0].direction is answer


@pytest.mark.parametrize(
    "offer",
    [
        offered("18"),
        description(OFFER.replace("m=audio 4000", "m=audio 0")),
        description(OFFER.replace("RTP/AVP 18", "RTP/SAVP 18")),
        description(OFFER.replace("m=audio", "m=image")),
    ],
)
def test_it_answers_nothing_where_nothing_is_left(offer: Session) -> None:
    assert answer_as_before(SAID, offer) is None


def test_a_number_that_means_another_codec_now_is_not_the_same() -> None:
    other = description(offered("96").lines + "".join(["m=audio 4000 RTP/AVP 96\na=rtpmap:96 G726-32/8000\n"]))
    assert answer_as_before(offered("96"), other) is None


def test_media_that_were_not_there_before_are_refused() -> None:
    more = offered("0", "m=video 4002 RTP/AVP 97\na=rtpmap:97 H264/90000\n")
    answer = answer_as_before(SAID, more)
    assert answer is not None
    assert [medium.is_rejected for medium in answer.media] == [False, True]
