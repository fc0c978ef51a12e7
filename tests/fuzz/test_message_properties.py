"""Properties of the wire layer over whatever hypothesis can think of.

The only exceptions that bytes from outside may raise are RemoteError and its kind; any other is a find.
"""

from __future__ import annotations

import contextlib
import itertools
import re

from hypothesis import example, given, settings
from hypothesis import strategies as st

from sip_stack import headers
from sip_stack.errors import LocalError, MalformedMessage, RemoteError
from sip_stack.framing import StreamFraming
from sip_stack.message import Message, Request, Response, parse
from sip_stack.reply import ReplyTemplate, response_destination
from sip_stack.request_defect import request_defect
from sip_stack.uri import Uri, number, parse_request_uri
from tests.sip_stack.samples import invite
from tests.torture.rfc4475 import MESSAGES as RFC4475
from tests.torture.rfc5118 import MESSAGES as RFC5118

TEMPLATE = ReplyTemplate(invite(), "192.0.2.1", 5060)
CORPUS = [*RFC4475.values(), *RFC5118.values()]

TYPED = ("vias", "top_via", "from_", "to", "contacts", "contact", "route", "record_route", "max_forwards")

# Text that is made of what the grammar is made of, so that it gets deep into the parsers.
WORDS = """
    sip: tel: SIP/2.0/UDP < > " \\ ; , = ? & @ : [ ] ::1 %41 % * ( ) / tag branch lr z9hG4bK a 0 99999999999
    é ٣ INVITE received rport cause text refresher
"""
SPACES_AND_WORSE = [" ", "\t", "\r\n", "\n", "\r", "\r\n ", "\0", "\x85", "\udcff"]
PIECES = st.sampled_from(WORDS.split() + SPACES_AND_WORSE)
SIP_LIKE = st.lists(PIECES, max_size=24).map("".join)

TOKEN = st.text("abcXYZ019-.!%*_+`'~", min_size=1, max_size=12)
QUOTED = st.text(max_size=12).filter(lambda text: not re.search("[\r\n\0\ud800-\udfff]", text))
HOST = st.sampled_from(["example.com", "192.0.2.1", "a", "x-1.example"])
PORT = st.none() | st.integers(1, 65535)
PARAMETERS = st.dictionaries(TOKEN.map(str.lower), st.none() | TOKEN, max_size=3)


@st.composite
def addresses(draw: st.DrawFn) -> headers.Address:
    display = draw(QUOTED)
    uri = Uri("sip", draw(st.sampled_from(["", "alice", "%41;b"])), draw(HOST), draw(PORT))
    return headers.Address(display, str(uri), draw(PARAMETERS))


@st.composite
def vias(draw: st.DrawFn) -> headers.Via:
    transport = draw(st.sampled_from(["UDP", "TCP", "TLS"]))
    host = draw(HOST | st.just("2001:db8::1"))
    return headers.Via(transport, host, draw(PORT), draw(PARAMETERS))


def edited(data: bytes, edits: list[tuple[int, int, bytes]]) -> bytes:
    for place, length, new in edits:
        place %= len(data) + 1
        data = data[:place] + new + data[place + length :]
    return data


MUTANTS = st.builds(
    edited,
    st.sampled_from(CORPUS),
    st.lists(
        st.tuples(
            st.integers(0, 4000),
            st.integers(0, 8),
            st.binary(max_size=4) | SIP_LIKE.map(lambda text: text.encode("utf-8", "surrogateescape")),
        ),
        max_size=4,
    ),
)


def exercise(data: bytes) -> None:
    """Do with a datagram all that the stack may do with it."""
    try:
        message = parse(data)
    except MalformedMessage as error:
        if error.request is not None:
            answer(error.request, error.status)
        return
    for name in TYPED:
        if hasattr(type(message), name):
            with contextlib.suppress(RemoteError):
                getattr(message, name)
    for name, _ in message.fields:
        message.values(name)
        message.tokens(name)
    assert "\n" not in repr(message)
    fixed_point(message)
    if isinstance(message, Request):
        answer(message, defect.status if (defect := request_defect(message)) else 200)


def fixed_point(message: Message) -> None:
    assert isinstance(message, Request | Response)
    printed = message.to_bytes()
    again = parse(printed)
    assert again.to_bytes() == printed
    assert again.body == message.body
    assert (again.call_id, again.cseq, again.branch) == (message.call_id, message.cseq, message.branch)
    assert (again.from_tag, again.to_tag) == (message.from_tag, message.to_tag)


def answer(request: Request, status: int) -> None:
    response_destination(request, "192.0.2.1", 5060)
    data = ReplyTemplate(request, "192.0.2.1", 5060).build(status, to_tag="t", fields=[("X", "y")])
    head, blank, body = data.partition(b"\r\n\r\n")
    assert blank and not body
    # No octet of the request may have made a line of its own.
    assert all(line[:1] not in (b" ", b"\t", b"") for line in head.split(b"\r\n"))
    assert head.count(b"\r\n") == head.count(b"\n") == head.count(b"\r")


@given(st.binary(max_size=400))
def test_any_bytes(data: bytes) -> None:
    exercise(data)


@settings(max_examples=400)
@given(SIP_LIKE)
def test_any_text_as_headers(text: str) -> None:
    value = text.encode("utf-8", "surrogateescape")
    names = (b"Via", b"From", b"To", b"Call-ID", b"CSeq", b"Contact", b"Route", b"Max-Forwards")
    good = dict(
        zip(
            names,
            (b"SIP/2.0/UDP a", b"<sip:a>;tag=1", b"<sip:a>", b"x", b"1 A", b"<sip:a>", b"<sip:a>", b"7"),
            strict=True,
        )
    )
    for name in names:
        fields = good | {name: value}
        exercise(
            b"A sip:a SIP/2.0\r\n" + b"".join(b"%b: %b\r\n" % field for field in fields.items()) + b"\r\n"
        )
    exercise(value + b" SIP/2.0\r\n" + b"".join(b"%b: %b\r\n" % field for field in good.items()) + b"\r\n")


@settings(max_examples=600)
@given(MUTANTS)
def test_torture_messages_with_octets_changed(data: bytes) -> None:
    exercise(data)


def test_the_corpus_itself() -> None:
    for data in CORPUS:
        exercise(data)


@settings(max_examples=400)
@given(SIP_LIKE)
@example("120 (")
@example("[")
def test_values_raise_nothing_but_remote_error(text: str) -> None:
    for parse_value in (
        headers.Via.parse,
        headers.Address.parse,
        headers.CSeq.parse,
        headers.RAck.parse,
        headers.SessionExpires.parse,
        headers.MinSE.parse,
        headers.parse_reasons,
        headers.RetryAfter.parse,
        Uri.parse,
        parse_request_uri,
        number,
    ):
        with contextlib.suppress(RemoteError):
            str(parse_value(text))
    headers.parameter(text, "tag")
    assert all(element.strip() == element != "" for element in headers.split_list(text))


@given(addresses())
def test_address_round_trip(address: headers.Address) -> None:
    assert headers.Address.parse(str(address)) == address


@given(vias())
def test_via_round_trip(via: headers.Via) -> None:
    assert headers.Via.parse(str(via)) == via


@given(st.lists(addresses(), min_size=1, max_size=4))
def test_a_list_of_addresses_is_split_where_it_was_joined(values: list[headers.Address]) -> None:
    assert headers.split_list(", ".join(map(str, values))) == [str(value) for value in values]


@given(st.builds(headers.Reason, TOKEN, st.none() | st.integers(0, 999), QUOTED))
def test_reason_round_trip(reason: headers.Reason) -> None:
    assert headers.Reason.parse(str(reason)) == reason


@given(SIP_LIKE, SIP_LIKE)
def test_uri_equivalence_is_symmetric(one: str, other: str) -> None:
    with contextlib.suppress(RemoteError):
        first, second = Uri.parse("sip:" + one), Uri.parse("sip:" + other)
        assert first.equivalent(first)
        assert first.equivalent(second) == second.equivalent(first)
        assert Uri.parse(str(first)) == first


@given(QUOTED | SIP_LIKE, st.lists(st.tuples(TOKEN, QUOTED | SIP_LIKE), max_size=5), st.binary(max_size=40))
def test_what_we_build_has_as_many_lines_as_we_put_in(
    reason: str, fields: list[tuple[str, str]], body: bytes
) -> None:
    """Nobody injects a header (PAR-9)."""
    try:
        data = TEMPLATE.build(200, reason, "tag", fields, body)
    except LocalError:
        return
    head, _, rest = data.partition(b"\r\n\r\n")
    assert rest == body
    bare = TEMPLATE.build(200, "", "tag").partition(b"\r\n\r\n")[0]
    assert len(re.split(rb"[\r\n]+", head)) == len(bare.split(b"\r\n")) + len(fields) + bool(body)


@given(st.lists(st.sampled_from(CORPUS), max_size=5), st.lists(st.integers(0, 6000), max_size=12))
def test_a_stream_may_be_cut_anywhere(messages: list[bytes], cuts: list[int]) -> None:
    stream = b"\r\n\r\n".join(messages)
    whole = StreamFraming()
    expected = whole.feed(stream)
    places = [0, *sorted(cut for cut in cuts if cut < len(stream)), len(stream)]
    framing = StreamFraming()
    found = []
    for start, end in itertools.pairwise(places):
        found += framing.feed(stream[start:end])
    assert found == expected
    assert framing.take_pings() == whole.take_pings()
    assert (framing.failure is None) == (whole.failure is None)
    assert framing.failed_head == whole.failed_head


@given(st.binary(max_size=300), st.integers(0, 300))
def test_any_bytes_in_a_stream(data: bytes, cut: int) -> None:
    framing = StreamFraming()
    for message in framing.feed(data[:cut]) + framing.feed(data[cut:]):
        exercise(message)
