"""Session descriptions rewritten for the other leg, and our own offer."""

from __future__ import annotations

import re

import pytest

from sip_stack.errors import LocalError
from sip_stack.sdp import is_answer_to, parse
from sip_stack.sdp_rewriting import CODECS, Codec, End, Origin, offer_of, reject
from tests.sip_stack.descriptions import AUDIO, OURS, lines_of, origin, sdp, session


def described(*lines: str, end: End | None = OURS, keep_mux: bool = False) -> list[str]:
    """The lines after t= of a one-medium description, rewritten."""
    text = lines_of(origin().describe(session(*lines), [end], keep_mux=keep_mux))
    return text[text.index("t=0 0") + 1 :]


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

    def test_what_holds_is_said_again_without_going_back(self) -> None:
        leg = origin()
        first = leg.describe(session(*AUDIO), [OURS])
        assert leg.say_again(first) == first and leg.version == 1
        leg.describe(session(*AUDIO, "a=sendonly"), [OURS])  # an offer that was refused
        again = leg.say_again(first)
        assert again.replace(b" 77 3 ", b" 77 1 ") == first and leg.version == 3
        assert leg.say_again(first) == again and leg.say_again(again) == again

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


class TestReject:
    def test_reject_answers_every_medium_with_port_0(self) -> None:
        offer = session(*AUDIO, "m=video 4002 RTP/AVP 31")
        answer = parse(reject(offer, origin()))
        assert [(each.kind, each.port) for each in answer.media] == [("audio", 0), ("video", 0)]
        assert is_answer_to(offer, answer) == ""


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
