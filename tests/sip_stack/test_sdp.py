"""Reading session descriptions (SDP-2 to SDP-15)."""

from __future__ import annotations

import re

import pytest

from sip_stack.errors import RemoteError
from sip_stack.sdp import MOST_MEDIA, Direction, is_answer_to, parse
from tests.sip_stack.descriptions import AUDIO, OURS, lines_of, medium, origin, sdp, session


class TestParse:
    def test_a_plain_offer(self) -> None:
        found = session(*AUDIO, head=("c=IN IP4 192.0.2.101", "b=AS:80", "t=0 0", "a=tool:x", "a=lite"))
        assert found.name == "call"
        assert found.origin == ("alice", "2890844526", "2890844530", "IN", "IP4", "192.0.2.101")
        assert found.connection == "192.0.2.101"
        assert found.bandwidth == ("AS:80",)
        assert found.attributes == (("tool", "x"), ("lite", None))
        [audio] = found.media
        assert (audio.kind, audio.port, audio.protocol) == ("audio", 49172, "RTP/AVP")
        assert audio.formats == ("0", "8", "101")
        assert audio.attributes[3:] == (("fmtp", "101 0-16"), ("ptime", "20"))
        assert audio.connection == "192.0.2.101"
        assert not audio.is_rejected and not audio.is_udptl and not audio.is_mux

    @pytest.mark.parametrize("line_end", [b"\n", b"\r", b"\r\n\r\n", b" \r\n"])
    def test_other_line_ends(self, line_end: bytes) -> None:
        found = parse(sdp(*AUDIO, "a=sendonly").replace(b"\r\n", line_end))
        assert found.media[0].formats == ("0", "8", "101")
        assert found.media[0].direction is Direction.SENDONLY

    @pytest.mark.parametrize("cut", ["o=", "s=", "t="])
    def test_missing_lines_are_forgiven(self, cut: str) -> None:
        whole = sdp(*AUDIO)
        found = parse(re.sub(rb"\r\n%s[^\r]*" % cut.encode(), b"", whole))
        written = lines_of(origin().describe(found, [OURS]))
        assert [line[:2] for line in written[:6]] == ["v=", "o=", "s=", "c=", "t=", "m="]
        assert found.name == ("" if cut == "s=" else "call")
        assert found.origin.username == ("" if cut == "o=" else "alice")

    def test_no_line_end_at_the_end(self) -> None:
        assert parse(sdp(*AUDIO, "a=rtcp-mux").rstrip()).media[0].is_mux

    def test_description_without_media(self) -> None:
        assert session(head=("t=0 0",)).media == ()

    @pytest.mark.parametrize(
        "body",
        [
            b"", b"\0", b"v=1\r\n", b"hello", b"v=0", b"\xff\xfe", b"s=-\r\nv=0\r\n",
            sdp("m=audio 4000"), sdp("m=audio"), sdp("m="), sdp("m=audio x RTP/AVP 0"),
            sdp("m=audio -1 RTP/AVP 0"), sdp("m=audio 65536 RTP/AVP 0"),
            sdp("m=audio 99999999999 RTP/AVP 0"),
            sdp("m=audio ٣٠ RTP/AVP 0"), sdp("m=audio 4000 RTP/AVP 0", "c=IN IP4"),
            sdp("m=audio 4000 RTP/AVP 0", "c="), sdp("m=audio 4000 RTP/AVP 0", "c=ATM NSAP 47.0091"),
            sdp("a=x\0y"),
        ],
    )  # fmt: skip
    def test_what_cannot_be_read_earns_400(self, body: bytes) -> None:
        with pytest.raises(RemoteError) as raised:
            parse(body)
        assert raised.value.status == 400

    def test_no_connection_at_either_level_earns_488(self) -> None:
        with pytest.raises(RemoteError) as raised:
            session("m=audio 4 RTP/AVP 0", "c=IN IP4 192.0.2.1", "m=video 6 RTP/AVP 31", head=("t=0 0",))
        assert raised.value.status == 488

    def test_a_rejected_medium_needs_no_connection(self) -> None:
        found = medium("m=audio 0 RTP/AVP 0", head=("t=0 0",))
        assert found.is_rejected and found.connection == "" and found.rtcp_port == 0

    def test_too_many_media_earn_488(self) -> None:
        assert len(session(*["m=audio 4000 RTP/AVP 0"] * MOST_MEDIA).media) == MOST_MEDIA
        with pytest.raises(RemoteError) as raised:
            session(*["m=audio 4000 RTP/AVP 0"] * (MOST_MEDIA + 1))
        assert raised.value.status == 488

    def test_connection_of_the_medium_comes_first(self) -> None:
        found = session("m=audio 4000 RTP/AVP 0", "c=IN IP6 2001:db8::1", "m=video 4002/2 RTP/AVP 31")
        assert [each.connection for each in found.media] == ["2001:db8::1", "192.0.2.101"]
        assert found.media[1].port == 4002

    def test_multicast_suffix_is_no_part_of_the_address(self) -> None:
        assert medium("m=audio 4000 RTP/AVP 0", "c=IN IP4 233.252.0.1/127").connection == "233.252.0.1"

    def test_refresh_is_told_from_a_change(self) -> None:
        first = parse(sdp(*AUDIO))
        assert first.is_same_as(parse(sdp(*AUDIO).replace(b"2890844530", b"2890844531")))
        assert not first.is_same_as(parse(sdp(*AUDIO).replace(b"49172", b"49174")))
        assert not first.is_same_as(parse(sdp(*AUDIO, "a=sendonly")))


class TestMedia:
    @pytest.mark.parametrize(
        ("lines", "rtcp_port", "separate"),
        [
            ((), 4001, 4001),
            (("a=rtcp:53020",), 53020, 53020),
            (("a=rtcp:53020 IN IP4 192.0.2.9",), 53020, 53020),
            (("a=rtcp:nonsense",), 4001, 4001),
            (("a=rtcp-mux",), 4000, 4001),
            (("a=rtcp-mux", "a=rtcp:53020"), 4000, 53020),
            (("a=rtcp-mux-only",), 4001, 4001),
        ],
    )
    def test_rtcp_port(self, lines: tuple[str, ...], rtcp_port: int, separate: int) -> None:
        found = medium("m=audio 4000 RTP/AVP 0", *lines)
        assert (found.rtcp_port, found.separate_rtcp_port) == (rtcp_port, separate)

    def test_there_is_no_rtcp_port_above_the_last(self) -> None:
        assert medium("m=audio 65535 RTP/AVP 0").rtcp_port == 0

    def test_clock_rates_and_telephone_events_at_each_rate(self) -> None:
        found = medium(
            "m=audio 4000 RTP/AVP 96 9 0 18 101 110 111", "a=rtpmap:96 opus/48000/2",
            "a=rtpmap:101 telephone-event/8000", "a=rtpmap:110 Telephone-Event/48000",
            "a=rtpmap:99 telephone-event/16000", "a=rtpmap:bad", "a=rtpmap:111 odd/rate",
        )  # fmt: skip
        assert found.clock_rates == {96: 48000, 9: 8000, 0: 8000, 18: 8000, 101: 8000, 110: 48000}
        assert found.telephone_event == (101, 110)

    def test_t38(self) -> None:
        found = medium("m=image 4000 udptl t38")
        assert found.is_udptl and found.formats == ("t38",) and found.clock_rates == {}

    @pytest.mark.parametrize(
        ("own", "sessions", "expected"),
        [
            ((), (), "sendrecv"), (("a=sendonly",), (), "sendonly"), ((), ("a=inactive",), "inactive"),
            (("a=recvonly",), ("a=inactive",), "recvonly"), (("a=sendonlyish",), (), "sendrecv"),
            (("a=sendrecv", "a=inactive"), (), "inactive"),
        ],
    )  # fmt: skip
    def test_direction(self, own: tuple[str, ...], sessions: tuple[str, ...], expected: str) -> None:
        found = medium("m=audio 4000 RTP/AVP 0", *own, head=("c=IN IP4 192.0.2.1", "t=0 0", *sessions))
        assert found.direction.value == expected

    @pytest.mark.parametrize("address", ["IP4 0.0.0.0", "IP6 ::", "IP6 0:0:0:0:0:0:0:0", "IP4 0.0.0.0/0"])
    @pytest.mark.parametrize(
        ("written", "effective"),
        [
            ("sendrecv", "sendonly"),
            ("recvonly", "inactive"),
            ("sendonly", "sendonly"),
            ("inactive", "inactive"),
        ],
    )
    def test_hold_by_address(self, address: str, written: str, effective: str) -> None:
        found = medium("m=audio 4000 RTP/AVP 0", f"c=IN {address}", f"a={written}")
        assert found.direction.value == written
        assert found.effective_direction.value == effective

    def test_hold_by_direction(self) -> None:
        found = [medium("m=audio 4000 RTP/AVP 0", f"a={each.value}").effective_direction for each in Direction]
        assert [each.receives for each in found] == [True, False, True, False]  # sendrecv, sendonly, recvonly, inactive

    def test_directions_mirrored(self) -> None:
        assert [each.mirrored.value for each in Direction] == ["sendrecv", "recvonly", "sendonly", "inactive"]
        assert all(each.mirrored.sends == each.receives for each in Direction)
        assert Direction("recvonly") is Direction.RECVONLY


class TestAnswers:
    @pytest.mark.parametrize(
        ("offered", "answered", "is_right"),
        [
            (["audio 4 RTP/AVP 0"], ["audio 6 RTP/AVP 0"], True),
            (["audio 4 RTP/AVP 0", "video 6 RTP/AVP 31"], ["audio 6 RTP/AVP 0", "video 0 RTP/AVP 31"], True),
            (["audio 4 RTP/AVP 0", "video 6 RTP/AVP 31"], ["audio 6 RTP/AVP 0"], False),
            (["audio 4 RTP/AVP 0"], ["audio 6 RTP/AVP 0", "video 6 RTP/AVP 31"], False),
            (["audio 4 RTP/AVP 0", "video 6 RTP/AVP 3"], ["video 6 RTP/AVP 3", "audio 6 RTP/AVP 0"], False),
            (["audio 4 RTP/AVP 0"], ["image 6 udptl t38"], True),
            (["image 4 udptl t38"], ["audio 6 RTP/AVP 0"], False),
            (["audio 0 RTP/AVP 0"], ["audio 6 RTP/AVP 0"], False),
            ([], [], True),
        ],
    )
    def test_is_answer_to(self, offered: list[str], answered: list[str], is_right: bool) -> None:
        offer, answer = (session(*[f"m={each}" for each in media]) for media in (offered, answered))
        assert (is_answer_to(offer, answer) == "") is is_right
