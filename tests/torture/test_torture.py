"""What becomes of each message of RFC 4475 and RFC 5118 at the wire layer, in one table."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from sip_stack.errors import MalformedMessage
from sip_stack.message import Request, Response, parse
from sip_stack.reply import ReplyTemplate
from sip_stack.request_defect import request_defect
from tests.torture import rfc4475, rfc5118

VALID, DROPPED = 0, -1


class Outcome(NamedTuple):
    """status: VALID, DROPPED or what the request is answered with by the wire layer.

    later: what a layer above must answer to what is well-formed; None where that is up to the call.
    """

    status: int
    later: int | None = None
    why: str = ""


OUTCOMES: dict[str, Outcome] = {
    # RFC 4475 §3.1.1
    "wsinv": Outcome(VALID),
    "intmeth": Outcome(VALID, 405, "or 501: nobody implements that method"),
    "esc01": Outcome(VALID),
    "escnull": Outcome(VALID),
    "esc02": Outcome(VALID, 501, "RE%47IST%45R is not REGISTER, C%6Fntact is not Contact"),
    "lwsdisp": Outcome(VALID),
    "longreq": Outcome(VALID),
    "dblreq": Outcome(VALID, None, "what follows Content-Length in the datagram is discarded"),
    "semiuri": Outcome(VALID),
    "transports": Outcome(VALID),
    "mpart01": Outcome(VALID),
    "unreason": Outcome(VALID),
    "noreason": Outcome(VALID),
    # RFC 4475 §3.1.2
    "badinv01": Outcome(400, None, "empty parameters and values in Via and Contact"),
    "clerr": Outcome(400, None, "Content-Length longer than the datagram"),
    "ncl": Outcome(400, None, "negative Content-Length"),
    "scalar02": Outcome(400, None, "CSeq above 2^31, Max-Forwards above 255"),
    "scalarlg": Outcome(DROPPED, None, "a response with a CSeq above 2^31"),
    "quotbal": Outcome(400, None, "open quote in To"),
    "ltgtruri": Outcome(400, None, "Request-URI in <>"),
    "lwsruri": Outcome(400, None, "white space in the Request-URI"),
    "lwsstart": Outcome(400, None, "two spaces in the request line"),
    "trws": Outcome(400, None, "white space at the end of the request line"),
    "escruri": Outcome(400, None, "headers in the Request-URI"),
    "baddate": Outcome(VALID, None, "the RFC leaves 400 or ignoring the Date open; we never act on Date"),
    "regbadct": Outcome(400, None, "a Contact with '?' that is not in <>"),
    "badaspec": Outcome(400, None, "white space within <>"),
    "baddn": Outcome(400, None, "a comma in an unquoted display name"),
    "badvers": Outcome(505),
    "mismatch01": Outcome(400, None, "the method is not that of CSeq"),
    "mismatch02": Outcome(400, None, "the RFC allows 501 too: the method is unknown besides"),
    "bigcode": Outcome(DROPPED, None, "status 4294967301"),
    # RFC 4475 §3.2 to §3.4
    "badbranch": Outcome(VALID, None, "the branch is the bare cookie: matched by the RFC 2543 rules"),
    "insuf": Outcome(DROPPED, None, "no From, To or Call-ID to put in a response"),
    "unkscm": Outcome(416),
    "novelsc": Outcome(416),
    "unksm2": Outcome(VALID, None, "To and From may be of any scheme"),
    "bext01": Outcome(VALID, 420),
    "invut": Outcome(VALID, 415),
    "regaut01": Outcome(VALID),
    "multi01": Outcome(400, None, "CSeq, Call-ID, From, To and Max-Forwards twice"),
    "mcl01": Outcome(400, None, "two Content-Lengths"),
    "bcast": Outcome(VALID, None, "dropped above: its top Via is not ours, and it has two"),
    "zeromf": Outcome(VALID, 483),
    "cparam01": Outcome(VALID),
    "cparam02": Outcome(VALID),
    "regescrt": Outcome(VALID),
    "sdp01": Outcome(VALID, 406, "Accept leaves no SDP in the answer"),
    "inv2543": Outcome(VALID, None, "no branch, no From tag, no Contact, no Content-Length, no Max-Forwards"),
    # RFC 5118 §4
    "ipv6-good": Outcome(VALID),
    "ipv6-bad": Outcome(400, None, "an IPv6 address without brackets"),
    "port-ambiguous": Outcome(VALID, None, "the port is part of the address, as written"),
    "port-unambiguous": Outcome(VALID),
    "via-received-param-with-delim": Outcome(VALID),
    "via-received-param-no-delim": Outcome(VALID),
    "ipv6-in-sdp": Outcome(VALID),
    "mult-ip-in-header": Outcome(VALID),
    "mult-ip-in-sdp": Outcome(VALID),
    "ipv4-mapped-ipv6": Outcome(VALID),
    "ipv6-bug-abnf-3-colons": Outcome(VALID, None, "tolerated, as §4.10 suggests"),
    "ipv6-correct-abnf-2-colons": Outcome(VALID),
}

MESSAGES = rfc4475.MESSAGES | rfc5118.MESSAGES


def status_of(data: bytes) -> tuple[int, Request | Response | None]:
    """What the wire layer makes of a datagram, and the message as far as it could be read."""
    try:
        message = parse(data)
    except MalformedMessage as error:
        return (error.status if error.request else DROPPED), error.request
    if isinstance(message, Response):
        return VALID, message
    defect = request_defect(message)
    return (defect.status if defect else VALID), message


def request(name: str) -> Request:
    message = parse(MESSAGES[name])
    assert isinstance(message, Request)
    return message


def test_every_message_of_both_rfcs_is_in_the_table() -> None:
    assert len(rfc4475.MESSAGES) == 49
    assert len(rfc5118.MESSAGES) == 12
    assert OUTCOMES.keys() == MESSAGES.keys()


@pytest.mark.parametrize("name", OUTCOMES)
def test_outcome(name: str) -> None:
    status, _ = status_of(MESSAGES[name])
    assert status == OUTCOMES[name].status


@pytest.mark.parametrize("name", [name for name, outcome in OUTCOMES.items() if outcome.status > 0])
def test_what_is_refused_can_be_answered(name: str) -> None:
    status, message = status_of(MESSAGES[name])
    assert isinstance(message, Request)
    answer = ReplyTemplate(message, "192.0.2.77", 5061).build(status, to_tag="ours")
    assert answer.startswith(f"SIP/2.0 {status} ".encode())
    for name in ("from", "call-id", "cseq"):
        value = message.get(name)
        assert value and value.encode() in answer


@pytest.mark.parametrize("name", [name for name, outcome in OUTCOMES.items() if outcome.status == VALID])
def test_what_is_valid_stays_so_when_printed_and_parsed_again(name: str) -> None:
    message = parse(MESSAGES[name])
    again = parse(message.to_bytes())
    assert again.to_bytes() == message.to_bytes()
    assert again.body == message.body
    assert (again.call_id, again.cseq, again.branch) == (message.call_id, message.cseq, message.branch)
    assert [str(via) for via in again.vias] == [str(via) for via in message.vias]
    assert isinstance(message, Response) or request_defect(again) is None  # type: ignore[arg-type]


def test_wsinv_is_understood() -> None:
    message = request("wsinv")
    assert (message.from_tag, message.to_tag) == ("98asjd8", "1918181833n")
    assert message.from_.display == 'J Rosenberg \\"'
    assert message.max_forwards == 68
    assert (message.cseq, message.cseq_method) == (9, "INVITE")
    assert message.branch == "390skdjuw"
    assert [via.host for via in message.vias] == ["192.0.2.2", "spindle.example.com", "192.168.255.111"]
    assert [via.branch for via in message.vias] == ["390skdjuw", "z9hG4bK9ikj8", "z9hG4bK30239"]
    assert message.get("subject") == ""
    assert message.get("newfangledheader") == "newfangled value continued newfangled value"
    assert message.values("unknownheaderwithunusualvalue") == [";;,,;;,;"]
    assert message.contacts[0].display == 'Quoted string ""'
    assert message.contacts[0].parameters == {"newparam": "newvalue", "secondparam": None, "q": "0.33"}
    assert len(message.body) == 150


def test_intmeth_is_understood() -> None:
    message = request("intmeth")
    assert message.method == message.cseq_method == "!interesting-Method0123456789_*+`.%indeed'~"
    assert message.to.display == "BEL:\x07 NUL:\x00 DEL:\x7f"
    assert message.to.parsed_uri.user == "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"
    assert message.from_tag == "_token~1'+`*%!-."
    assert message.call_id == "intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{"


def test_an_escaped_name_is_another_name() -> None:
    message = request("esc02")
    assert message.method == "RE%47IST%45R"
    assert [contact.parsed_uri.user for contact in message.contacts] == ["alias1", "alias3"]


def test_dblreq_is_one_request_without_a_body() -> None:
    assert request("dblreq").method == "REGISTER"
    assert request("dblreq").body == b""


def test_a_binary_body_survives() -> None:
    assert bytes(range(256)) in request("mpart01").body


def test_a_parameter_belongs_to_the_contact_or_to_its_uri() -> None:
    outside, inside = request("cparam01").contacts[0], request("cparam02").contacts[0]
    assert (outside.parameters, outside.parsed_uri.parameters) == ({"unknownparam": None}, ())
    assert (inside.parameters, inside.parsed_uri.parameters) == ({}, (("unknownparam", None),))


def test_longreq_keeps_the_order_of_its_34_vias() -> None:
    hosts = [via.host for via in request("longreq").vias]
    assert hosts == [f"sip{number}.example.com" for number in range(33, 0, -1)] + ["host.example.com"]


@pytest.mark.parametrize("form", ["with", "no"])
def test_received_may_have_brackets(form: str) -> None:
    assert request(f"via-received-param-{form}-delim").top_via.received == "2001:db8::9:255"


def test_a_third_colon_is_ignored() -> None:
    assert request("ipv6-bug-abnf-3-colons").to.parsed_uri.host == "2001:db8::192.0.2.1"
