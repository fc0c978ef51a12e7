from __future__ import annotations

import time

import pytest

from sip_stack import grammar


@pytest.mark.parametrize("text", ["INVITE", "a", "-.!%*_+`'~", "z9hG4bK-524287-1"])
def test_token(text: str) -> None:
    assert grammar.is_token(text)


@pytest.mark.parametrize("text", ["", "a b", "a,b", 'a"', "a@b", "é", "٣", "a\n"])
def test_not_a_token(text: str) -> None:
    assert not grammar.is_token(text)


@pytest.mark.parametrize(
    "text",
    [
        "sip:alice@example.com",
        "<sip:alice@example.com>",
        "<sip:example.com>;tag=1",
        '"A, B; <c>" <sip:alice@example.com;lr>;tag=1',
        r'"a \" b" <sip:a@b>',
        "A. Bell <sip:a@b>",
        "caller<sip:a@b>",
        "Zoë Ünal <sip:a@b>",
        '"\udcff" <sip:a@b>',
        "<sip:*31#@b>",
        "<sip:a@[2001:db8::1]:5060;transport=tcp?Subject=x>;q=0.5",
        "<tel:+1-212-555-0101;phone-context=example.com>",
        "<urn:service:sos>",
        "sip:a@b ; tag = 5",
        '<sip:a@b>;+sip.instance="<urn:uuid:1>";x=a/b:c@d',
    ],
)
def test_address(text: str) -> None:
    assert grammar.is_address(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<>",
        "<sip:>",
        "alice",
        '"open <sip:a@b>',
        "A, B <sip:a@b>",
        "< sip:a@b>",
        "<sip:a@b >",
        "<sip:a@b",
        "<sip:a@b>;;",
        "<sip:a@b>;tag=",
        "<sip:a@b> tag=1",
        "sip:a@b?Route=x",
        "sip:a,b@c",
        "<sip:a b@c>",
        "<sip:a%4@c>",
        "<sip:a@b>\n",
        "<sip:a@b><sip:c@d>",
    ],
)
def test_not_an_address(text: str) -> None:
    assert not grammar.is_address(text)


@pytest.mark.parametrize("text", ["a@b", "a", '()<>:\\"/[]?{}@()<>', "1234@[2001:db8::1]"])
def test_call_id(text: str) -> None:
    assert grammar.is_call_id(text)


@pytest.mark.parametrize("text", ["", "a b", "a@b@c", "a,b", "a;b", "@b"])
def test_not_a_call_id(text: str) -> None:
    assert not grammar.is_call_id(text)


def test_elements_of_a_list() -> None:
    assert grammar.find_elements('<a,b>,"c,d\\",e",f') == ["<a,b>", '"c,d\\",e"', "f"]


@pytest.mark.parametrize("text", ['a,"b,c', "a,<b", 'a,"b\\', "a,b>"])
def test_what_is_open_runs_to_the_end(text: str) -> None:
    assert ",".join(grammar.find_elements(text)) == text


@pytest.mark.parametrize("text", ["plain", 'with "quotes" and \\', "", "é"])
def test_unquote_undoes_quote(text: str) -> None:
    assert grammar.unquote(grammar.quote(text)) == text


def test_text_without_quotes_is_left_alone() -> None:
    assert [grammar.unquote(text) for text in ("a", '"', '"a', 'a"', "")] == ["a", '"', '"a', 'a"', ""]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("Example.COM", "example.com", True),
        ("2001:db8::1", "[2001:DB8:0:0:0:0:0:1]", True),
        ("2001:db8::1", "2001:db8::2", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("[2001:db8:::192.0.2.1]", "2001:db8::c000:201", True),
        ("example.com", "192.0.2.1", False),
    ],
)
def test_same_host(one: str, other: str, same: bool) -> None:
    assert grammar.same_host(one, other) is same
    assert grammar.same_host(other, one) is same


@pytest.mark.parametrize(
    ("name", "spelling"),
    [
        ("via", "Via"),
        ("call-id", "Call-ID"),
        ("cseq", "CSeq"),
        ("www-authenticate", "WWW-Authenticate"),
        ("p-asserted-identity", "P-Asserted-Identity"),
        ("x-unknown", "X-Unknown"),
    ],
)
def test_names_as_they_are_usually_written(name: str, spelling: str) -> None:
    assert grammar.spell(name) == spelling


def test_every_compact_form_of_par_2_is_known() -> None:
    assert set("vftimlcksexrbyouajd") <= grammar.COMPACT_NAMES.keys()


@pytest.mark.parametrize(
    "text",
    [
        "<" * 60_000,
        '"' * 60_001,
        '"' + '\\"' * 30_000,
        "a" * 60_000,
        "a " * 30_000,
        ";a" * 30_000,
        ";a=" * 20_000,
        " " * 60_000,
        "sip:" + "a" * 60_000,
        "sip:a@b" + ";c" * 30_000,
        "<sip:a@b>" + "; " * 30_000,
        "%" * 60_000,
        "sip:a@b?" + "c=d&" * 15_000,
    ],
)
def test_no_pattern_is_slow_on_hostile_text(text: str) -> None:
    started = time.process_time()
    grammar.is_address(text)
    grammar.is_call_id(text)
    grammar.is_request_uri(text)
    grammar.match_via(text)
    grammar.match_via("SIP/2.0/UDP a" + text)
    grammar.match_cseq(text)
    grammar.find_elements(text)
    grammar.find_pieces(text)
    grammar.find_blank_line(text.encode())
    # All of them take some 20 ms at the worst; a quadratic one would take minutes.
    assert time.process_time() - started < 2
