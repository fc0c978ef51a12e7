"""How a recipient is told who calls: From, and the headers of each recipe; nothing of the caller's breaks out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from b2bua.calls.identity import Identity, digits_of
from b2bua.calls.plan import CallPlan
from b2bua.calls.recipient import DialStep, HeaderRecipe
from b2bua.config.reaching import RING, flow_of
from sip_stack.errors import LocalError
from sip_stack.headers import Address
from sip_stack.message import Request, parse

PLAIN = HeaderRecipe()
ANONYMOUS = '"Anonymous" <sip:anonymous@anonymous.invalid>'  # RFC 3323 §4.1.1.3
EVERYTHING = HeaderRecipe(
    asserted_identity=True, diversion=True, pass_headers=("x-account",), add=(("X-Site", "north"),)
)


def invite(caller: str = '"Zoë" <sip:+15550199@198.51.100.1>', *lines: str) -> Request:
    head = [
        "INVITE sip:+15550100@192.0.2.1 SIP/2.0",
        "Via: SIP/2.0/UDP 198.51.100.1;branch=z9hG4bK1",
        f"From: {caller};tag=1",
        "To: <sip:+15550100@192.0.2.1>",
        "Call-ID: 1@trunk",
        "CSeq: 1 INVITE",
        *lines,
    ]
    request = parse("\r\n".join([*head, "", ""]).encode())
    assert isinstance(request, Request)
    return request


def identity(
    caller: str = '"Zoë" <sip:+15550199@198.51.100.1>', *lines: str, host: str = "192.0.2.1"
) -> Identity:
    nobody = DialStep(())
    plan = CallPlan("trunk", "+15550100", "Sales", flow_of("", nobody), {RING: nobody}, host)
    return Identity(invite(caller, *lines), plan)


@pytest.mark.parametrize(
    ("caller", "display", "number"),
    [
        ('"Zoë" <sip:+15550199@198.51.100.1>', "Zoë", "+15550199"),
        ("Zoe <sip:+15550199@198.51.100.1>", "Zoe", "+15550199"),
        ("sip:+15550199@198.51.100.1", "", "+15550199"),
        ("<sip:+15550199@[2001:db8::9]:5080;user=phone>", "", "+15550199"),
        ("<tel:+1-555-0199>", "", "+1-555-0199"),
        ("<sip:198.51.100.1>", "", ""),
        (r'"The \"Boss\" \\ Co" <sip:1@b.example>', r'The "Boss" \ Co', "1"),
        ('"Anonymous" <sip:anonymous@anonymous.invalid>', "Anonymous", "anonymous"),
        ("<sip:%31%32@b.example>", "", "%31%32"),
        ("<sip:a;b=c@d.example>", "", "a;b=c"),
    ],
)
def test_the_caller_as_the_trunk_stated_him(caller: str, display: str, number: str) -> None:
    found = identity(caller)
    assert (found.display, found.number) == (display, number)


def test_a_from_that_cannot_be_read_is_nobody() -> None:
    found = identity("<sip:1@[::zz]>")
    assert (found.display, found.number) == ("", "")
    assert found.from_value(PLAIN) == ANONYMOUS


@pytest.mark.parametrize(
    ("caller", "recipe", "told"),
    [
        ('"Zoë" <sip:1@b.example>', PLAIN, '"Zoë" <sip:1@192.0.2.1>'),
        ("<sip:1@b.example>", PLAIN, "<sip:1@192.0.2.1>"),
        ("<sip:b.example>", PLAIN, ANONYMOUS),
        (ANONYMOUS, PLAIN, ANONYMOUS),
        (ANONYMOUS, HeaderRecipe(from_host="pbx.example"), ANONYMOUS),
        (ANONYMOUS, HeaderRecipe(display_prefix="Sales: "), ANONYMOUS.replace('"A', '"Sales: A')),
        (ANONYMOUS, HeaderRecipe(from_user="dialled"), "<sip:+15550100@192.0.2.1>"),
        ("<sip:Anonymous@b.example>", PLAIN, ANONYMOUS),
        (r'"a \"b\" \\c" <sip:1@b.example>', PLAIN, r'"a \"b\" \\c" <sip:1@192.0.2.1>'),
        ('"Zoë" <sip:1@b.example>', HeaderRecipe(from_user="dialled"), '"Zoë" <sip:+15550100@192.0.2.1>'),
        ('"Zoë" <sip:1@b.example>', HeaderRecipe(from_user="+1999"), '"Zoë" <sip:+1999@192.0.2.1>'),
        ('"Zoë" <sip:1@b.example>', HeaderRecipe(from_host="pbx.example"), '"Zoë" <sip:1@pbx.example>'),
        ('"Zoë" <sip:1@b.example>', HeaderRecipe(from_host="2001:db8::7"), '"Zoë" <sip:1@[2001:db8::7]>'),
        ('"Zoë" <sip:1@b.example>', HeaderRecipe(from_host="[2001:db8::7]"), '"Zoë" <sip:1@[2001:db8::7]>'),
        ('"Zoë" <sip:1@b.example>', HeaderRecipe(display_prefix="Sales: "), '"Sales: Zoë" <sip:1@192.0.2.1>'),
        ("<sip:1@b.example>", HeaderRecipe(display_prefix='"S" '), r'"\"S\" " <sip:1@192.0.2.1>'),
    ],
)
def test_from_as_each_recipe_wants_it(caller: str, recipe: HeaderRecipe, told: str) -> None:
    found = identity(caller)
    assert found.from_value(recipe) == told
    assert found.from_value(recipe) == told, "the second recipient of that recipe is told the same"


def test_two_recipes_do_not_share_what_is_remembered() -> None:
    found = identity()
    first, second = HeaderRecipe(from_user="1", add=(("X-A", "1"),)), HeaderRecipe(from_user="2")
    assert found.from_value(first) != found.from_value(second)
    assert found.lines(first) == "X-A: 1\r\n" == found.lines(first)
    assert found.lines(second) == ""


def test_our_host_of_ipv6_stands_in_brackets_everywhere() -> None:
    """PAR-11."""
    found = identity(host="2001:db8::1")
    assert found.from_value(PLAIN) == '"Zoë" <sip:+15550199@[2001:db8::1]>'
    assert found.lines(EVERYTHING).splitlines()[:2] == [
        "P-Asserted-Identity: <sip:+15550199@[2001:db8::1]>",
        "Diversion: <sip:+15550100@[2001:db8::1]>;reason=unconditional",
    ]


def test_a_plain_recipe_adds_no_line() -> None:
    assert identity().lines(PLAIN) == ""


@pytest.mark.parametrize("recipe", [PLAIN, HeaderRecipe(from_user="dialled")])
def test_the_callers_privacy_passes_whatever_the_recipe(recipe: HeaderRecipe) -> None:
    """RFC 3323 §4.2: what he asked for is asked of the next hop too."""
    found = identity("<sip:1@b.example>", "Privacy: id;critical")
    assert found.lines(recipe) == "Privacy: id;critical\r\n"


@pytest.mark.parametrize("privacy", ["id", "user", "header;critical", "ID"])
def test_who_asks_for_privacy_is_anonymous(privacy: str) -> None:
    found = identity('"Zoë" <sip:+15550199@b.example>', f"Privacy: {privacy}")
    assert found.is_private and found.from_value(PLAIN) == ANONYMOUS
    ours = found.from_value(HeaderRecipe(from_user="dialled", display_prefix="Sales: "))
    assert ours == '"Sales: " <sip:+15550100@192.0.2.1>', "where our own number is shown, his name is not"


@pytest.mark.parametrize("privacy", ["none", "critical", "session"])
def test_other_privacy_hides_nobody(privacy: str) -> None:
    """RFC 3323 §4.2: session is the media's; none asks that nothing be hidden."""
    found = identity('"Zoë" <sip:+15550199@b.example>', f"Privacy: {privacy}")
    assert not found.is_private and found.from_value(PLAIN) == '"Zoë" <sip:+15550199@192.0.2.1>'


HIDDEN = ("Privacy: id", 'P-Asserted-Identity: "Zoë" <sip:+15550198@b.example>, <tel:+15550198>')
TOLD = HeaderRecipe(asserted_identity=True, private_identity=True)


@pytest.mark.parametrize(
    ("caller", "headers", "recipe", "lines"),
    [
        (ANONYMOUS, HIDDEN, HeaderRecipe(asserted_identity=True), "Privacy: id\r\n"),
        (ANONYMOUS, HIDDEN, HeaderRecipe(pass_headers=("p-asserted-identity",)), "Privacy: id\r\n"),
        (ANONYMOUS, HIDDEN, HeaderRecipe(private_identity=True), "Privacy: id\r\n"),
        (
            ANONYMOUS,
            HIDDEN,
            TOLD,
            "Privacy: id\r\nP-Asserted-Identity: <sip:+15550198@192.0.2.1>\r\n",
        ),
        (
            ANONYMOUS,
            HIDDEN[1:],
            TOLD,
            "Privacy: id\r\nP-Asserted-Identity: <sip:+15550198@192.0.2.1>\r\n",
        ),
        (
            "<sip:+15550199@b.example>",
            HIDDEN[:1],
            TOLD,
            "Privacy: id\r\nP-Asserted-Identity: <sip:+15550199@192.0.2.1>\r\n",
        ),
        (ANONYMOUS, (), TOLD, ""),
        (ANONYMOUS, ("P-Asserted-Identity: nonsense <",), TOLD, ""),
        (
            ANONYMOUS,
            HIDDEN,
            HeaderRecipe(from_user="dialled", asserted_identity=True),
            "Privacy: id\r\nP-Asserted-Identity: <sip:+15550100@192.0.2.1>\r\n",
        ),
    ],
)
def test_who_he_is_goes_to_trusted_trunks_alone(
    caller: str, headers: tuple[str, ...], recipe: HeaderRecipe, lines: str
) -> None:
    """RFC 3325 §7, and §9.3: it goes with Privacy: id, so that it goes no further."""
    assert identity(caller, *headers).lines(recipe) == lines


@pytest.mark.parametrize(
    ("number", "digits"),
    [
        ("+15550199", "15550199"),
        ("0015550199", "15550199"),
        ("+1-555-0199", "15550199"),
        ("214", ""),
        ("ana", ""),
    ],
)
def test_the_digits_of_a_number(number: str, digits: str) -> None:
    assert identity(f"<sip:{number}@b.example>").digits == digits == digits_of(f"sip:{number}@b.example;x=y")


def test_each_line_of_a_recipe() -> None:
    found = identity('"Zoë" <sip:1@b.example>', "Privacy: none", "X-Account: 7", "x-account: 8", "X-Other: 9")
    assert found.lines(EVERYTHING) == (
        "Privacy: none\r\n"
        "P-Asserted-Identity: <sip:1@192.0.2.1>\r\n"
        "Diversion: <sip:+15550100@192.0.2.1>;reason=unconditional\r\n"
        "X-Account: 7\r\nX-Account: 8\r\n"
        "X-Site: north\r\n"
    )


def test_the_asserted_identity_is_the_number_that_is_shown() -> None:
    """RFC 3325 §9.1, and the host that the recipient's trunk wants."""
    recipe = HeaderRecipe(from_user="+1999", from_host="trunk.example", asserted_identity=True)
    assert identity().lines(recipe) == "P-Asserted-Identity: <sip:+1999@trunk.example>\r\n"


def test_a_header_that_the_caller_did_not_send_is_not_made_up() -> None:
    assert identity().lines(HeaderRecipe(pass_headers=("x-account",))) == ""


@pytest.mark.parametrize("text", ["1\r\nX-Evil: 1", "1\nX-Evil: 1", "1\0", "1\rX-Evil: 1"])
def test_a_line_end_in_the_configuration_cannot_end_a_line(text: str) -> None:
    """PAR-9."""
    with pytest.raises(LocalError):
        identity().lines(HeaderRecipe(add=(("X-Site", text),)))


@pytest.mark.parametrize("number", ["%0d%0aX-Evil%3a%201", "1%3e%0d%0a", "a%22b"])
def test_escapes_in_the_callers_number_stay_escapes(number: str) -> None:
    """PAR-9: nothing is decoded on the way through."""
    found = identity(f"<sip:{number}@b.example>")
    assert found.from_value(PLAIN) == f"<sip:{number}@192.0.2.1>"
    assert found.lines(EVERYTHING).count("\r\n") == 3


@given(st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), max_size=40))
def test_any_name_comes_out_as_it_went_in(name: str) -> None:
    """A display name with quotes or backslashes in it is quoted so that it reads the same again."""
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    found = identity(f'"{escaped}" <sip:1@b.example>')
    again = Address.parse(found.from_value(PLAIN))
    assert again.display == found.display
    assert str(again.parsed_uri) == "sip:1@192.0.2.1"
