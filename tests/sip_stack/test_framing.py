from __future__ import annotations

import time

import pytest

from sip_stack.framing import MAX_MESSAGE, StreamFraming
from sip_stack.grammar import MAX_HEAD


def message(body: bytes = b"", length: str = "Content-Length: {}") -> bytes:
    head = (
        "INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP a;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n"
        f"To: <sip:c@d>\r\n{length.format(len(body))}\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\n\r\n"
    )
    return head.encode() + body


BODY_WITH_BLANK_LINES = b"v=0\r\n\r\n\r\nContent-Length: 3\r\n\r\n"


def test_one_message_in_one_segment() -> None:
    framing = StreamFraming()
    assert framing.feed(message(b"v=0")) == [message(b"v=0")]
    assert framing.is_idle and framing.failure is None


def test_cut_at_every_octet() -> None:
    stream = message(BODY_WITH_BLANK_LINES) + b"\r\n\r\n" + message() + b"\r\n" + message(b"v=0")
    expected = [message(BODY_WITH_BLANK_LINES), message(), message(b"v=0")]
    for cut in range(len(stream) + 1):
        framing = StreamFraming()
        assert framing.feed(stream[:cut]) + framing.feed(stream[cut:]) == expected
        assert framing.take_pings() == 1
        assert framing.is_idle


def test_octet_by_octet() -> None:
    framing = StreamFraming()
    stream = b"\r\n\r\n" + message(BODY_WITH_BLANK_LINES) + b"\r\n\r\n\r\n\r\n" + message()
    found = [whole for place in range(len(stream)) for whole in framing.feed(stream[place : place + 1])]
    assert found == [message(BODY_WITH_BLANK_LINES), message()]
    assert framing.take_pings() == 3


def test_many_messages_in_one_segment() -> None:
    assert StreamFraming().feed(message(b"v=0") * 50) == [message(b"v=0")] * 50


def test_pings_are_counted_once() -> None:
    framing = StreamFraming()
    assert framing.feed(b"\r\n\r\n\r\n") == []
    assert framing.take_pings() == 1
    assert framing.feed(b"\r\n") == []
    assert framing.take_pings() == 1
    assert framing.take_pings() == 0


def test_line_ends_within_a_message_are_no_ping() -> None:
    framing = StreamFraming()
    framing.feed(message(b"\r\n\r\n\r\n\r\n"))
    assert framing.take_pings() == 0


@pytest.mark.parametrize(
    "length",
    ["l: {}", "L:{}", "content-length \t:  {}  ", "Content-Length:\r\n {}", "Content-Length: {0}\r\nl: {0}"],
)
def test_spellings_of_content_length(length: str) -> None:
    data = message(b"12345", length)
    assert StreamFraming().feed(data + data) == [data, data]


@pytest.mark.parametrize(
    "length",
    [
        "X-Content-Length: {}",
        "Content-Length: -{}",
        "Content-Length: {}x",
        "Content-Length: 1 {}",
        "Content-Length:",
        "Content-Length: 0x{}",
        "Content-Length: +{}",
        "Content-Length: 99999999999999999999",
        "Content-Length: {}\r\nl: 9",
        "Subject: x\r\n Content-Length: {}",
    ],
)
def test_without_a_sound_content_length_nothing_more_is_read(length: str) -> None:
    framing = StreamFraming()
    good, bad = message(b"v=0"), message(b"12345", length)
    assert framing.feed(good + bad + good) == [good]
    assert framing.failure is not None and framing.failure.status == 400
    assert framing.feed(good) == []
    assert framing.failed_head == bad[:-5]


@pytest.mark.parametrize("length", ["Subject: none", "Content-Length: -1", "Content-Length: 2000000000"])
def test_the_request_that_failed_can_be_answered(length: str) -> None:
    framing = StreamFraming()
    framing.feed(message(b"", length))
    assert framing.failure is not None and framing.failure.request is not None
    assert framing.failure.request.branch == "z9hG4bK1"


@pytest.mark.parametrize(
    "change", [(b"INVITE", b"ACK"), (b"Call-ID", b"X"), (b"INVITE sip:a@b", b"SIP/2.0 200")]
)
def test_not_every_failure_can_be_answered(change: tuple[bytes, bytes]) -> None:
    framing = StreamFraming()
    framing.feed(message(b"", "Subject: none").replace(*change))
    assert framing.failure is not None and framing.failure.request is None


def test_idle_between_messages() -> None:
    framing = StreamFraming()
    states = []
    for piece in (b"\r\n", b"\r\n", b"\r", b"I", message()[1:-1], message()[-1:], b"\r\n"):
        framing.feed(piece)
        states.append(framing.is_idle)
    assert states == [True, True, True, False, False, True, True]


def test_a_huge_content_length_reserves_nothing() -> None:
    framing = StreamFraming()
    assert framing.feed(message(b"", "Content-Length: 2000000000")) == []
    assert framing.failure is not None and framing.failure.status == 513


def test_the_largest_message_passes() -> None:
    room = MAX_MESSAGE - len(message(b"", "Content-Length: 100000"))
    framing = StreamFraming()
    data = message(b"x" * room)
    assert len(data) == MAX_MESSAGE
    assert framing.feed(data) == [data]
    assert framing.feed(message(b"x" * (room + 1))) == []
    assert framing.failure is not None and framing.failure.status == 513


def test_a_head_without_end_is_given_up() -> None:
    framing = StreamFraming()
    line = b"X: " + b"y" * 1000 + b"\r\n"
    fed = 0
    while framing.failure is None:
        framing.feed(line)
        fed += len(line)
        assert fed < MAX_HEAD + 2 * len(line)
    assert framing.failure.status == 513


def test_a_long_head_at_once_is_given_up() -> None:
    framing = StreamFraming()
    assert framing.feed(message(b"", f"X: {'y' * MAX_HEAD}\r\nContent-Length: 0")) == []
    assert framing.failure is not None and framing.failure.status == 513


@pytest.mark.parametrize("rubbish", [b"\x16\x03\x01\x02\x00\x01" * 20_000, b"\n" * 200_000, b"\r" * 200_000])
def test_rubbish_costs_little(rubbish: bytes) -> None:
    started = time.process_time()
    framing = StreamFraming()
    for place in range(0, len(rubbish), 100):
        assert framing.feed(rubbish[place : place + 100]) == []
    assert time.process_time() - started < 2
