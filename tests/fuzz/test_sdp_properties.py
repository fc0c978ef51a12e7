"""What holds of any description and any challenge, well formed or not."""

from __future__ import annotations

import string

from hypothesis import given
from hypothesis import strategies as st

from sip_stack.body import find_sdp, parts_of
from sip_stack.digest import DigestClient, parse_challenges
from sip_stack.errors import RemoteError
from sip_stack.offer_answer import Input, OfferAnswer, State
from sip_stack.sdp import Direction, Session, is_answer_to, parse
from sip_stack.sdp_rewriting import End, Origin, reject

FAR = "192.0.2.101"
TOKEN = st.text(string.ascii_letters + string.digits + "-", min_size=1, max_size=8)
VALUE = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), max_size=20)
ATTRIBUTE = st.one_of(
    st.sampled_from([f"a={direction.value}" for direction in Direction]),
    st.sampled_from(["a=rtcp-mux", f"a=rtcp:5000 IN IP4 {FAR}", f"a=candidate:1 1 UDP 1 {FAR} 9 typ host"]),
    st.builds("a=rtpmap:{} telephone-event/{}".format, st.integers(90, 130), st.integers(0, 99999)),
    st.builds("a=fmtp:{} {}".format, st.integers(90, 130), VALUE),
    st.builds("a={}:{}".format, TOKEN, VALUE),
)
CONNECTION = st.sampled_from([f"c=IN IP4 {FAR}", "c=IN IP4 0.0.0.0", "c=IN IP6 ::", f"c=IN IP4 {FAR}/127"])
PORT = st.one_of(st.just(0), st.integers(1, 65535))


@st.composite
def medium(draw: st.DrawFn) -> list[str]:
    kind, protocol = draw(st.sampled_from([("audio", "RTP/AVP"), ("video", "RTP/SAVPF"), ("image", "udptl")]))
    formats = " ".join(str(each) for each in draw(st.lists(st.integers(0, 127), min_size=1, max_size=5)))
    rest = [*draw(st.lists(CONNECTION, max_size=1)), *draw(st.lists(ATTRIBUTE, max_size=6))]
    return [f"m={kind} {draw(PORT)} {protocol} {formats}", *rest]


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    head = ["v=0", f"o=- {draw(st.integers(0, 2**63))} 1 IN IP4 {FAR}", "s=" + draw(VALUE), draw(CONNECTION)]
    media = [line for each in draw(st.lists(medium(), max_size=4)) for line in each]
    end = draw(st.sampled_from(["\r\n", "\n"]))
    return end.join([*head, "t=0 0", *draw(st.lists(ATTRIBUTE, max_size=3)), *media, ""]).encode()


def look_at_everything(session: Session) -> None:
    _ = session.name, session.origin, session.attributes, session.bandwidth
    for each in session.media:
        _ = each.attributes, each.bandwidth, each.effective_direction, each.clock_rates, each.telephone_event
        assert all(0 <= port < 65536 for port in (each.port, each.rtcp_port, each.separate_rtcp_port))


def ends_of(session: Session) -> list[End | None]:
    return [End("198.51.100.7", 30000 + 2 * i, 30001 + 2 * i) for i in range(len(session.media))]


@given(bodies())
def test_what_is_rewritten_says_the_same_but_for_addresses(body: bytes) -> None:
    session = parse(body)
    look_at_everything(session)
    leg = Origin("multiring", 1, "198.51.100.7")
    text = leg.describe(session, ends_of(session))
    written = parse(text)
    assert is_answer_to(session, written) == ""
    for before, after, end in zip(session.media, written.media, ends_of(session), strict=True):
        assert (after.kind, after.protocol, after.formats) == (before.kind, before.protocol, before.formats)
        assert after.direction is before.effective_direction
        assert after.clock_rates == before.clock_rates
        assert after.telephone_event == before.telephone_event
        assert after.port == (end.port if end and before.port else 0)
        assert after.connection == "198.51.100.7"
        assert not after.is_mux
    assert leg.describe(session, ends_of(session)) is text
    assert Origin("multiring", 1, "198.51.100.7").describe(written, ends_of(written)) == text


@given(bodies())
def test_a_rejection_answers_any_offer(body: bytes) -> None:
    offer = parse(body)
    answer = parse(reject(offer, Origin("multiring", 1, "198.51.100.7")))
    assert all(each.is_rejected for each in answer.media)
    assert is_answer_to(offer, answer) == ""


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    body = bytearray(draw(bodies()))
    changes = st.tuples(st.integers(0, len(body) - 1), st.integers(0, 255))
    for at, octet in draw(st.lists(changes, max_size=6)):
        body[at] = octet
    return bytes(body[: draw(st.integers(0, len(body)))])


TAIL = st.binary(max_size=100).map(lambda tail: b"v=0\r\n" + tail)
RUBBISH = st.one_of(damaged(), st.binary(max_size=200), TAIL)


@given(RUBBISH)
def test_rubbish_earns_a_status_and_never_another_exception(body: bytes) -> None:
    try:
        session = parse(body)
    except RemoteError as refused:
        assert refused.status in (400, 488)
        return
    look_at_everything(session)
    text = Origin("multiring", 1, "198.51.100.7").describe(session, ends_of(session))
    assert b"\r\n" not in text.replace(b"\r\n", b"") and b"\0" not in text
    assert len(parse(text).media) == len(session.media)


BOUNDARY = st.sampled_from(["b", "--", "b=1", "a b"])
PIECES = st.sampled_from([
    b"--b", b"--b--", b"--b=1", b"----", b"\r\n", b"\n", b"\r\n\r\n", b"v=0",
    b"Content-Type: application/sdp", b"Content-Type: multipart/mixed;boundary=b", b"\xff",
    b"Content-Disposition: x;handling=required",
])  # fmt: skip


@given(st.lists(PIECES, max_size=20).map(b"".join), BOUNDARY)
def test_a_multipart_body_yields_parts_or_a_status(body: bytes, boundary: str) -> None:
    try:
        parts = parts_of(f'multipart/mixed; boundary="{boundary}"', body)
    except RemoteError as refused:
        assert refused.status in (400, 415)
        return
    assert sum(len(part.body) for part in parts) <= len(body)


@given(st.text(max_size=40), st.binary(max_size=40), st.text(max_size=20))
def test_any_content_type_yields_a_body_or_a_status(content_type: str, body: bytes, disposition: str) -> None:
    try:
        find_sdp(content_type, body, disposition)
    except RemoteError as refused:
        assert refused.status in (400, 415)


@given(VALUE, VALUE, st.lists(st.sampled_from(["auth", "auth-int", "x"]), max_size=3))
def test_a_quoted_challenge_comes_back_as_it_was(realm: str, nonce: str, qop: list[str]) -> None:
    quoted = [text.replace("\\", "\\\\").replace('"', '\\"') for text in (realm, nonce)]
    value = f'Digest realm="{quoted[0]}", nonce="{quoted[1]}", qop="{",".join(qop)}"'
    found = parse_challenges(f"{value}, Basic realm=x, {value}")
    if any((each < " " and each != "\t") or each == "\x7f" for each in realm + nonce):
        assert found == ()
    else:
        assert [(each.realm, each.nonce, each.qop) for each in found] == [(realm, nonce, tuple(qop))] * 2


@given(st.text('Digest realm="nonce=",\\ \r\n\0', max_size=80))
def test_any_challenge_is_answered_or_not(value: str) -> None:
    leg = DigestClient([("a", "b", "")], lambda: "c")
    fields = leg.answer([("WWW-Authenticate", value)], "INVITE", "sip:x")
    assert fields is None or all("\r" not in text and "\n" not in text for _, text in fields)


SOME = parse(b"v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 0\r\n")
THEIRS = (Input.RECEIVE_OFFER, Input.RECEIVE_ANSWER, Input.RECEIVE_PREVIEW)


@given(st.lists(st.sampled_from(Input), max_size=30))
def test_a_session_in_force_has_both_sides_and_survives_what_fails(inputs: list[Input]) -> None:
    dialog = OfferAnswer()
    for number, what in enumerate(inputs):
        in_force = (dialog.local, dialog.remote)
        if what is Input.RECEIVE_OFFER and not dialog.may_offer:
            continue
        if what in (Input.SEND_ANSWER, Input.SEND_PREVIEW) and dialog.offered_remote is None:
            continue
        if what is Input.SEND_OFFER and not dialog.may_offer:
            continue
        if what is Input.SEND_OFFER:
            dialog.send_offer(b"%d" % number)
        elif what is Input.RECEIVE_OFFER:
            dialog.receive_offer(SOME)
        elif what is Input.FAIL:
            dialog.fail()
        elif what in THEIRS:
            dialog.receive_answer(SOME, is_reliable=what is Input.RECEIVE_ANSWER)
        else:
            dialog.send_answer(b"answer", is_reliable=what is Input.SEND_ANSWER)
        assert (dialog.local is None) == (dialog.remote is None) == (dialog.state < State.AGREED)
        if dialog.is_open or what is Input.FAIL:
            assert (dialog.local, dialog.remote) == in_force
