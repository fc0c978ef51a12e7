"""The description, and the other parts, in the body of a message."""

from __future__ import annotations

import pytest

from sip_stack.body import description_in, find_sdp, parts_of
from sip_stack.errors import RemoteError
from sip_stack.message import parse
from tests.sip_stack.descriptions import AUDIO, sdp

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


class TestDescriptionIn:
    def describe(self, *fields: str, body: bytes = SDP) -> object:
        head = "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nFrom: <sip:a>;tag=1\r\nTo: <sip:b>;tag=2\r\n"
        head += f"Call-ID: c\r\nCSeq: 1 INVITE\r\nContent-Length: {len(body)}\r\n"
        return description_in(parse("\r\n".join([head + "\r\n".join(fields), "", ""]).encode() + body))

    def test_what_a_message_carries(self) -> None:
        assert self.describe("Content-Type: application/sdp") is not None
        assert self.describe("Content-Type: application/sdp", "Content-Disposition: session") is not None

    def test_no_body_and_a_body_for_something_else_describe_nothing(self) -> None:
        """RFC 3959 §5: early-session is another one than the session."""
        assert self.describe("Content-Type: application/sdp", body=b"") is None
        assert self.describe("Content-Type: application/sdp", "Content-Disposition: early-session") is None

    def test_a_broken_description_is_the_peers_fault(self) -> None:
        with pytest.raises(RemoteError):
            self.describe("Content-Type: application/sdp", body=b"nonsense")
