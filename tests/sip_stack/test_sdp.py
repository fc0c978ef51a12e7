"""Reading session descriptions, and rewriting them for the other leg (SDP-2 to SDP-15)."""

from __future__ import annotations

import re

import pytest

from sip_stack.errors import LocalError, RemoteError
from sip_stack.sdp import (
    CODECS,
    MOST_MEDIA,
    Codec,
    Direction,
    End,
    Media,
    Origin,
    Session,
    find_sdp,
    is_answer_to,
    offer_of,
    parse,
    parts_of,
    reject,
)

OURS = End("198.51.100.7", 30000, 30001)
AUDIO = (
    "m=audio 49172 RTP/AVP 0 8 101", "a=rtpmap:0 PCMU/8000", "a=rtpmap:8 PCMA/8000",
    "a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-16", "a=ptime:20",
)  # fmt: skip


def sdp(*lines: str, head: tuple[str, ...] = ("c=IN IP4 192.0.2.101", "t=0 0")) -> bytes:
    start = ("v=0", "o=alice 2890844526 2890844530 IN IP4 192.0.2.101", "s=call")
    return "".join(f"{line}\r\n" for line in (*start, *head, *lines)).encode()


def session(*lines: str, head: tuple[str, ...] = ("c=IN IP4 192.0.2.101", "t=0 0")) -> Session:
    return parse(sdp(*lines, head=head))


def medium(*lines: str, head: tuple[str, ...] = ("c=IN IP4 192.0.2.101", "t=0 0")) -> Media:
    return session(*lines, head=head).media[0]


def origin(address: str = "198.51.100.7") -> Origin:
    return Origin("multiring", 77, address)


def lines_of(body: bytes) -> list[str]:
    assert body.endswith(b"\r\n")
    return body.decode().split("\r\n")[:-1]


def described(*lines: str, end: End | None = OURS, keep_mux: bool = False) -> list[str]:
    """The lines after t= of a one-medium description, rewritten."""
    text = lines_of(origin().describe(session(*lines), [end], keep_mux=keep_mux))
    return text[text.index("t=0 0") + 1 :]


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
        assert not audio.is_rejected and not audio.is_udptl and not audio.is_mux and not audio.is_held

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
        assert found.is_held

    def test_hold_by_direction(self) -> None:
        held = [medium("m=audio 4000 RTP/AVP 0", f"a={each.value}").is_held for each in Direction]
        assert held == [False, True, False, True]  # sendrecv, sendonly, recvonly, inactive

    def test_directions_mirrored(self) -> None:
        assert [each.mirrored.value for each in Direction] == ["sendrecv", "recvonly", "sendonly", "inactive"]
        assert all(each.mirrored.sends == each.receives for each in Direction)
        assert Direction("recvonly") is Direction.RECVONLY


class TestDescribe:
    def test_only_addresses_ports_and_origin_change(self) -> None:
        assert lines_of(origin().describe(session(*AUDIO), [OURS])) == [
            "v=0",
            "o=multiring 77 1 IN IP4 198.51.100.7",
            "s=call",
            "c=IN IP4 198.51.100.7",
            "t=0 0",
            "m=audio 30000 RTP/AVP 0 8 101",
            *AUDIO[1:],
        ]

    def test_ipv6_leg(self) -> None:
        text = origin("2001:db8::7").describe(session(*AUDIO), [End("2001:db8::7", 30000, 30001)])
        assert "o=multiring 77 1 IN IP6 2001:db8::7" in lines_of(text)
        assert "c=IN IP6 2001:db8::7" in lines_of(text)

    def test_version_goes_up_with_a_change_only(self) -> None:
        leg, held = origin(), session(*AUDIO, "a=sendonly")
        first = leg.describe(session(*AUDIO), [OURS])
        again = leg.describe(parse(sdp(*AUDIO).replace(b"2890844530", b"2890844531")), [OURS])
        assert again == first and leg.version == 1
        assert leg.describe(held, [OURS]) == leg.describe(held, [OURS])
        assert leg.version == 2
        back = leg.describe(session(*AUDIO), [OURS])  # the re-offer was refused: still up
        assert back.replace(b" 77 3 ", b" 77 1 ") == first

    def test_branches_share_the_work_and_nothing_else(self) -> None:
        offer = session(*AUDIO)
        texts = {
            Origin("multiring", number, "198.51.100.7").describe(offer, [End("198.51.100.7", port, port + 1)])
            for number, port in ((1, 30000), (2, 30002), (3, 30004))
        }
        assert len(texts) == 3
        assert {re.findall(rb"m=audio (\d+)", text)[0] for text in texts} == {b"30000", b"30002", b"30004"}

    def test_addresses_that_differ_are_written_with_their_media(self) -> None:
        offer = session("m=audio 4 RTP/AVP 0", "i=sound", "a=x", "m=video 6 RTP/AVP 31", "b=AS:9", "a=y")
        text = lines_of(origin().describe(offer, [OURS, End("203.0.113.9", 40000, 40001)]))
        assert text[3:] == [
            "c=IN IP4 198.51.100.7", "t=0 0", "m=audio 30000 RTP/AVP 0", "i=sound", "a=x",
            "m=video 40000 RTP/AVP 31", "c=IN IP4 203.0.113.9", "b=AS:9", "a=y",
        ]  # fmt: skip

    def test_a_medium_without_an_end_is_rejected_and_a_rejected_one_stays_so(self) -> None:
        offer = session("m=audio 0 RTP/AVP 0", "m=video 4002 RTP/AVP 31", "m=audio 4004 RTP/AVP 8")
        text = lines_of(origin().describe(offer, [OURS, None, End("203.0.113.9", 40000, 40001)]))
        assert [line for line in text if line.startswith("m=")] == [
            "m=audio 0 RTP/AVP 0", "m=video 0 RTP/AVP 31", "m=audio 40000 RTP/AVP 8",
        ]  # fmt: skip

    def test_nothing_of_the_far_side_shows(self) -> None:
        secret = "192.0.2.101"
        text = origin().describe(
            session(
                "m=audio 4000/2 UDP/TLS/RTP/SAVPF 0", f"c=IN IP4 {secret}", f"a=rtcp:4001 IN IP4 {secret}",
                f"a=candidate:1 1 UDP 1 {secret} 4000 typ host", f"a=altc:1 IP4 {secret} 4000",
                f"a=remote-candidates:1 {secret} 4000", f"a=source-filter: incl IN IP4 * {secret}",
            ),
            [OURS],
        )  # fmt: skip
        assert secret.encode() not in text
        assert b"m=audio 30000 UDP/TLS/RTP/SAVPF 0\r\n" in text

    def test_what_passes_and_what_does_not(self) -> None:
        passing = (
            "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:abc", "a=ptime:20", "a=maxptime:150", "a=sendonly",
            "a=rtcp-xr:voip-metrics", "a=candidates-are-not-this:1", "a=silenceSupp:off", "x=unknown",
        )  # fmt: skip
        dropped = (
            "a=ice-ufrag:x", "a=ice-pwd:y", "a=ice-options:trickle", "a=ice-lite", "a=fingerprint:sha-256 00",
            "a=setup:actpass", "a=mid:0", "a=extmap:1 urn:x", "a=rtcp-fb:* nack", "a=ssrc:1 cname:x",
            "a=ssrc-group:FID 1 2", "a=msid:a b", "a=end-of-candidates", "a=rtcp-mux", "a=rtcp:9", "garbage",
            "a=group:BUNDLE 0", "a=tls-id:x", "a=bundle-only",
        )  # fmt: skip
        mixed = [line for pair in zip(dropped, (*passing, *[""] * 20), strict=False) for line in pair if line]
        assert described("m=audio 4000 RTP/AVP 0", *mixed)[1:] == list(passing)

    def test_session_level_lines(self) -> None:
        head = (
            "i=talk", "u=http://x", "c=IN IP4 192.0.2.1", "b=AS:80", "t=0 0", "r=1 2 3", "a=group:BUNDLE 0",
            "a=ice-lite", "a=sendonly", "a=msid-semantic: WMS",
        )  # fmt: skip
        text = lines_of(origin().describe(session(*AUDIO, head=head), [OURS]))
        assert text[2:9] == [
            "s=call", "i=talk", "u=http://x", "c=IN IP4 198.51.100.7", "b=AS:80", "t=0 0", "r=1 2 3",
        ]  # fmt: skip
        assert text[9:11] == ["a=sendonly", "m=audio 30000 RTP/AVP 0 8 101"]

    def test_mux_passes_when_kept(self) -> None:
        mux = ("m=audio 4000 RTP/AVP 0", "a=rtcp-mux", "a=x")
        shared = End("198.51.100.7", 30000, 30000)
        assert described(*mux, end=shared, keep_mux=True)[1:] == ["a=rtcp-mux", "a=x"]
        assert described(*mux)[1:] == ["a=x"]
        apart = End("198.51.100.7", 30000, 40001)  # for a far end that does not take up the mux
        assert described(*mux, end=apart, keep_mux=True)[1:] == ["a=rtcp-mux", "a=x", "a=rtcp:40001"]

    def test_rtcp_line_only_for_a_port_of_its_own(self) -> None:
        audio, fax = "m=audio 4000 RTP/AVP 0", "m=image 4000 udptl t38"
        assert described(audio, end=End("198.51.100.7", 30000, 40001))[1:] == ["a=rtcp:40001"]
        assert described(audio, end=End("198.51.100.7", 30000, 0))[1:] == []
        assert described(fax, end=End("198.51.100.7", 30000, 40001))[1:] == []

    @pytest.mark.parametrize("direction", [(), ("a=sendrecv",)])
    def test_hold_by_address_is_written_as_a_direction(self, direction: tuple[str, ...]) -> None:
        text = described("m=audio 4000 RTP/AVP 0", "c=IN IP4 0.0.0.0", *direction, "a=ptime:20")
        assert text == ["m=audio 30000 RTP/AVP 0", "a=ptime:20", "a=sendonly"]

    def test_session_names_that_are_empty(self) -> None:
        for name, written in ((b"s= ", "s= "), (b"s=", "s=-")):
            text = origin().describe(parse(sdp(*AUDIO).replace(b"s=call", name)), [OURS])
            assert lines_of(text)[2] == written

    def test_a_session_section_of_which_nothing_passes(self) -> None:
        text = origin().describe(parse(b"v=0\r\n\x01\r\nm=audio 0 RTP/AVP 0\r\n"), [None])
        assert lines_of(text)[2:] == ["s=-", "c=IN IP4 198.51.100.7", "t=0 0", "m=audio 0 RTP/AVP 0"]

    def test_bytes_that_are_no_text_survive(self) -> None:
        body = sdp(*AUDIO).replace(b"s=call", b"s=\xff\xe9t\xc3\xa9")
        assert b"\r\ns=\xff\xe9t\xc3\xa9\r\n" in origin().describe(parse(body), [OURS])

    def test_misuse(self) -> None:
        with pytest.raises(LocalError):
            origin().describe(session(*AUDIO), [])
        wrong = [("a b", 1, "::1"), ("", 1, "::1"), ("a", -1, "::1"), ("a", 1, "::1\r\n"), ("a", 1, "")]
        for username, number, address in wrong:
            with pytest.raises(LocalError):
                Origin(username, number, address)

    def test_what_we_describe_we_can_read(self) -> None:
        text = origin().describe(session(*AUDIO, "m=image 4002 udptl t38"), [OURS, End("203.0.113.1", 5, 6)])
        found = parse(text)
        assert [(each.kind, each.connection, each.port) for each in found.media] == [
            ("audio", "198.51.100.7", 30000), ("image", "203.0.113.1", 5),
        ]  # fmt: skip


class TestAnswers:
    def test_reject_answers_every_medium_with_port_0(self) -> None:
        offer = session(*AUDIO, "m=video 4002 RTP/AVP 31")
        answer = parse(reject(offer, origin()))
        assert [(each.kind, each.port) for each in answer.media] == [("audio", 0), ("video", 0)]
        assert is_answer_to(offer, answer) == ""

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


class TestOwnOffer:
    def test_codecs_in_order_with_an_event_for_each_rate(self) -> None:
        codecs = [CODECS[name] for name in ("opus", "PCMA", "PCMU", "G722")]
        leg = origin()
        text = offer_of(codecs, OURS, leg)
        [audio] = parse(text).media
        assert audio.formats == ("96", "8", "0", "9", "101", "102")
        assert audio.clock_rates == {96: 48000, 8: 8000, 0: 8000, 9: 8000, 101: 8000, 102: 48000}
        assert audio.telephone_event == (101, 102)
        assert (audio.port, audio.connection) == (30000, "198.51.100.7")
        assert "a=rtpmap:96 opus/48000/2" in lines_of(text)
        assert offer_of(codecs, OURS, leg) == text and leg.version == 1

    def test_a_narrow_offer_has_the_event_at_101(self) -> None:
        assert parse(offer_of([CODECS["PCMU"]], OURS, origin())).media[0].formats == ("0", "101")

    def test_a_codec_may_have_taken_101(self) -> None:
        text = offer_of([Codec("speex", 101, 16000)], OURS, origin())
        assert parse(text).media[0].telephone_event == (102,)


SDP = sdp(*AUDIO)


def multipart(*parts: bytes, line_end: bytes = b"\r\n") -> bytes:
    return b"".join(b"--b=1" + line_end + part + line_end for part in parts) + b"--b=1--" + line_end


def part(content_type: str, body: bytes, *fields: str, line_end: bytes = b"\r\n") -> bytes:
    head = [f"Content-Type: {content_type}".encode(), *[each.encode() for each in fields]]
    return line_end.join([*head, b"", body])


MIXED = 'multipart/mixed; boundary="b=1"'


def nested(depth: int) -> bytes:
    """A multipart body of that many levels, each with its own boundary, the description in the innermost."""
    body = multipart(part("application/sdp", SDP)).replace(b"b=1", b"level1")
    for level in range(2, depth + 1):
        inner = part(f"multipart/mixed; boundary=level{level - 1}", body)
        body = multipart(inner).replace(b"b=1", b"level%d" % level)
    return body.replace(b"level%d" % depth, b"b=1")


class TestFindSdp:
    @pytest.mark.parametrize("content_type", ["application/sdp", "Application/SDP ; charset=utf-8", ""])
    def test_plain(self, content_type: str) -> None:
        assert find_sdp(content_type, SDP) == SDP
        assert find_sdp(content_type, b"") is None

    @pytest.mark.parametrize("line_end", [b"\r\n", b"\n"])
    def test_multipart_with_isup(self, line_end: bytes) -> None:
        isup = part(
            "application/ISUP; version=itu-t92+", b"\x01\x00\r\n\r\n\x80",
            "Content-Disposition: signal;\r\n handling=optional", line_end=line_end,
        )  # fmt: skip
        body = multipart(isup, part("application/sdp", SDP, line_end=line_end), line_end=line_end)
        assert find_sdp(MIXED, body) == SDP
        kinds = [(each.content_type, each.disposition, each.is_required) for each in parts_of(MIXED, body)]
        assert kinds == [("application/isup", "signal", False), ("application/sdp", "", False)]
        assert parts_of(MIXED, body)[0].body == b"\x01\x00\r\n\r\n\x80"
        assert dict(parts_of(MIXED, body)[0].fields)["content-type"] == "application/ISUP; version=itu-t92+"

    def test_preamble_epilogue_and_a_missing_end(self) -> None:
        body = b"preamble\r\n" + multipart(part("application/sdp", SDP)) + b"epilogue\r\n--b=1\r\n"
        assert find_sdp(MIXED, body) == SDP
        assert find_sdp(MIXED, b"--b=1\r\n" + part("application/sdp", SDP)) == SDP

    def test_part_without_fields_and_empty_part(self) -> None:
        body = multipart(b"\r\nv=0 is text here\r\n\r\nmore", b"", part("application/sdp", SDP))
        first, second, _ = parts_of(MIXED, body)
        assert (first.content_type, first.body) == ("text/plain", b"v=0 is text here\r\n\r\nmore")
        assert second.body == b""

    def test_nested(self) -> None:
        inner = multipart(part("application/sdp", SDP)).replace(b"b=1", b"inner")
        location = part("application/pidf+xml", b"<x/>")
        body = multipart(part("multipart/alternative;boundary=inner", inner), location)
        assert find_sdp(MIXED, body) == SDP
        found = [each.content_type for each in parts_of(MIXED, body)]
        assert found == ["application/sdp", "application/pidf+xml"]

    def test_nested_as_deep_as_is_read(self) -> None:
        assert find_sdp(MIXED, nested(3)) == SDP

    def test_first_of_mixed_and_last_of_alternative(self) -> None:
        body = multipart(*[part("application/sdp", b"v=0\r\ns=%d\r\n" % number) for number in (1, 2)])
        assert find_sdp(MIXED, body) == b"v=0\r\ns=1\r\n"
        assert find_sdp('multipart/alternative; boundary="b=1"', body) == b"v=0\r\ns=2\r\n"

    def test_early_session_is_not_the_session(self) -> None:
        early = part("application/sdp", b"v=0\r\n", "Content-Disposition: early-session; handling=optional")
        assert find_sdp(MIXED, multipart(early, part("application/sdp", SDP))) == SDP
        assert find_sdp(MIXED, multipart(early)) is None

    @pytest.mark.parametrize(
        ("content_type", "body"),
        [
            ("text/plain", b"hello"),
            ("application/isup", b"\x01"),
            ("", b"hello"),
            (MIXED, multipart(part("text/x", b"", "Content-Disposition: render; HANDLING = Required"))),
        ],
    )
    def test_unknown_and_required_earns_415_with_accept(self, content_type: str, body: bytes) -> None:
        with pytest.raises(RemoteError) as raised:
            find_sdp(content_type, body)
        assert raised.value.status == 415
        assert raised.value.fields[0][0] == "Accept" and "application/sdp" in raised.value.fields[0][1]

    def test_unknown_and_optional_is_left_alone(self) -> None:
        assert find_sdp("text/plain", b"hello", "render; handling=optional") is None
        assert find_sdp(MIXED, multipart(part("text/plain", b"hello"))) is None

    @pytest.mark.parametrize(
        ("content_type", "body"),
        [
            ("multipart/mixed", multipart(SDP)),
            ("multipart/mixed; boundary=other", multipart(SDP)),
            ('multipart/mixed; boundary=""', multipart(SDP)),
            (f"multipart/mixed; boundary={'x' * 71}", multipart(SDP).replace(b"b=1", b"x" * 71)),
            (MIXED, multipart(*[part("text/plain", b"x")] * 40)),
            (MIXED, nested(4)),
        ],
    )
    def test_a_multipart_body_that_cannot_be_read_earns_400(self, content_type: str, body: bytes) -> None:
        with pytest.raises(RemoteError) as raised:
            find_sdp(content_type, body)
        assert raised.value.status == 400
