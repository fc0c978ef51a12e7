"""Dialogs (RFC 3261 §12): how they are made, where their requests go, and what moves the target."""

from __future__ import annotations

import pytest

from sip_stack.dialog import Dialog, contact_uri, dialog_of_answer, dialog_of_request, next_hop
from sip_stack.errors import RemoteError
from sip_stack.flow import Flow
from sip_stack.message import Request, Response, parse
from sip_stack.outgoing import OutgoingRequest
from tests.sip_stack import rig
from tests.sip_stack.rig import PEER, TCP_PEER

OURS = "<sip:192.0.2.1:5060>"
ROUTED = [
    ("Record-Route", "<sip:192.0.2.21;lr>, <sip:192.0.2.22;lr>"),
    ("Record-Route", "<sip:192.0.2.23;lr>"),
]
HOPS = ("<sip:192.0.2.21;lr>", "<sip:192.0.2.22;lr>", "<sip:192.0.2.23;lr>")


def our_invite() -> OutgoingRequest:
    return OutgoingRequest(
        "INVITE", "sip:bob@192.0.2.9", via="SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1", branch="z9hG4bK1",
        from_value="<sip:us@192.0.2.1>;tag=us1", to_value="<sip:bob@192.0.2.9>", call_id="ours1", cseq=7,
    )  # fmt: skip


def of_answer(nat: bool = True, **more: object) -> Dialog:
    outgoing = our_invite()
    sent = parse(outgoing.data)
    assert isinstance(sent, Request)
    answer = parse(rig.response(sent, 200, **more))  # type: ignore[arg-type]
    assert isinstance(answer, Response)
    return dialog_of_answer(outgoing, "us1", answer, PEER, OURS, nat)


def of_request(source: Flow = PEER, nat: bool = True, **more: object) -> Dialog:
    message = parse(rig.request(**more))  # type: ignore[arg-type]
    assert isinstance(message, Request)
    return dialog_of_request(message, "us1", source, OURS, nat)


def request_of(dialog: Dialog, method: str = "INFO") -> Request:
    outgoing = dialog.request(method, dialog.next_cseq(), "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK2", "z9hG4bK2")
    message = parse(outgoing.data)
    assert isinstance(message, Request)
    return message


# Making one.


def test_the_dialog_of_the_uac() -> None:
    """§12.1.2: the route set is the Record-Route reversed, the target the Contact, remote CSeq empty."""
    dialog = of_answer(fields=ROUTED, contact='"Bob" <sip:bob@192.0.2.99:5080>;expires=60')
    assert dialog.key == ("ours1", "us1", "bob1")
    assert dialog.routes == HOPS[::-1]
    assert dialog.target == "sip:bob@192.0.2.99:5080"
    assert (dialog.local_cseq, dialog.remote_cseq) == (7, 0)
    assert dialog.local_value == "<sip:us@192.0.2.1>;tag=us1"
    assert dialog.remote_value == "<sip:bob@192.0.2.9>;tag=bob1"


def test_the_dialog_of_the_uas() -> None:
    """§12.1.1: the route set is the Record-Route in its order, the local sequence number empty."""
    dialog = of_request(fields=ROUTED, cseq=42)
    assert dialog.key == ("call1@192.0.2.9", "us1", "ana1")
    assert dialog.routes == HOPS
    assert dialog.target == "sip:ana@192.0.2.9:5060"
    assert (dialog.local_cseq, dialog.remote_cseq) == (0, 42)
    assert dialog.local_value == "<sip:100@192.0.2.1>;tag=us1"
    assert dialog.remote_value == "<sip:ana@192.0.2.9>;tag=ana1"
    assert dialog.next_cseq() == 1


def test_a_request_without_contact_makes_no_dialog() -> None:
    with pytest.raises(RemoteError) as raised:
        of_request(contact="")
    assert raised.value.status == 400


def test_an_answer_without_contact_is_reached_by_the_uri_that_was_called() -> None:
    assert of_answer(contact="").target == "sip:bob@192.0.2.9"


@pytest.mark.parametrize("contact", ["<<>", "no uri at all", '"unclosed <sip:x>', "*"])
def test_an_answer_with_a_broken_contact_is_still_an_answer(contact: str) -> None:
    """A 2xx that could not make a dialog would leave the call ringing for ever: its ACK and BYE are due."""
    assert of_answer(contact=contact).target


def test_an_answer_with_a_broken_record_route_is_still_an_answer() -> None:
    dialog = of_answer(fields=[("Record-Route", "<<broken")])
    assert dialog.key == ("ours1", "us1", "bob1")
    assert dialog.flow == PEER


def test_an_rfc_2543_peer_has_no_tag() -> None:
    """§12.1.1: "the tag component of the dialog ID ... If ... there was no tag, ... the value is considered null"."""
    dialog = of_request(from_value="<sip:ana@192.0.2.9>")
    assert dialog.key == ("call1@192.0.2.9", "us1", "")


# Requests within it.


def test_requests_carry_the_values_of_the_dialog_and_count_up() -> None:
    """§12.2.1.1."""
    dialog = of_answer(contact="<sip:bob@192.0.2.99:5080>")
    first, second = request_of(dialog), request_of(dialog)
    assert first.uri == "sip:bob@192.0.2.99:5080"
    assert (first.from_value, first.to_value) == (dialog.local_value, dialog.remote_value)
    assert (first.call_id, first.cseq, second.cseq) == ("ours1", 8, 9)


def test_loose_routes_stand_in_route_and_the_target_in_the_request_uri() -> None:
    message = request_of(of_answer(fields=ROUTED))
    assert message.get_all("route") == list(HOPS[::-1])
    assert message.uri == "sip:bob@192.0.2.9:5060"


@pytest.mark.parametrize("route", ["<sip:192.0.2.23>", "<sip:192.0.2.23;lrx=1>"])
def test_a_strict_router_gets_its_own_uri_and_the_target_goes_last(route: str) -> None:
    """§12.2.1.1."""
    dialog = of_answer(fields=[("Record-Route", f"<sip:192.0.2.21;lr>, {route}")])
    message = request_of(dialog)
    assert message.uri == route[1:-1]
    assert message.get_all("route") == ["<sip:192.0.2.21;lr>", "<sip:bob@192.0.2.9:5060>"]
    assert dialog.flow.host == "192.0.2.23"


@pytest.mark.parametrize(
    "route", ["<sip:192.0.2.23;lr>", "<sip:192.0.2.23;LR>", "<sip:192.0.2.23;lr=on;ftag=x>"]
)
def test_a_loose_router_is_known_however_it_spells_lr(route: str) -> None:
    message = request_of(of_answer(fields=[("Record-Route", route)]))
    assert message.get_all("route") == [route]
    assert message.uri == "sip:bob@192.0.2.9:5060"


def test_the_route_of_a_record_route_keeps_its_header_parameters() -> None:
    message = request_of(of_answer(fields=[("Record-Route", "<sip:192.0.2.23;lr>;token=x")]))
    assert message.get_all("route") == ["<sip:192.0.2.23;lr>;token=x"]


# Target refresh.


def refreshing(contact: str) -> Request:
    message = parse(rig.request(contact=contact))
    assert isinstance(message, Request)
    return message


def test_a_target_refresh_moves_the_target_and_the_flow() -> None:
    dialog = of_request()
    dialog.refresh_target(refreshing("<sip:ana@192.0.2.77:5090>"), PEER)
    assert dialog.target == "sip:ana@192.0.2.77:5090"
    assert (dialog.flow.host, dialog.flow.port) == ("192.0.2.77", 5090)


def test_it_leaves_the_route_set_alone() -> None:
    """§12.2: "Requests within a dialog MAY contain Record-Route ... do not cause the dialog's route set to be
    modified"."""
    dialog = of_request(fields=ROUTED)
    dialog.refresh_target(refreshing("<sip:ana@192.0.2.77:5090>"), PEER)
    assert dialog.routes == HOPS
    assert dialog.flow.host == "192.0.2.21"


def test_without_contact_the_target_stays() -> None:
    dialog = of_request()
    dialog.refresh_target(refreshing(""), PEER._replace(host="192.0.2.77"))
    assert dialog.target == "sip:ana@192.0.2.9:5060" and dialog.flow == PEER


def test_a_peer_behind_nat_is_followed_to_its_new_port() -> None:
    dialog = of_request(PEER._replace(port=61000), contact="<sip:ana@10.0.0.5:5060>")
    assert dialog.flow.port == 61000
    dialog.refresh_target(refreshing("<sip:ana@10.0.0.5:5060>"), PEER._replace(port=62000))
    assert dialog.flow.port == 62000


# Where requests go.

FAR = PEER._replace(host="198.51.100.7", port=61000)
TCP = TCP_PEER._replace(host="198.51.100.7")


@pytest.mark.parametrize(
    ("target", "routes", "source", "nat", "expected"),
    [
        # The remote target, as it says.
        ("sip:bob@198.51.100.9:5070", (), FAR, True, ("UDP", "198.51.100.9", 5070, 0)),
        ("sip:bob@198.51.100.9", (), FAR, True, ("UDP", "198.51.100.9", 5060, 0)),
        ("sip:bob@[2001:db8::9]:5070", (), FAR, True, ("UDP", "2001:db8::9", 5070, 0)),
        # A private Contact from elsewhere: NAT, so back to where it came from; without nat, as it says.
        ("sip:bob@10.0.0.5:5060", (), FAR, True, ("UDP", "198.51.100.7", 61000, 0)),
        ("sip:bob@0.0.0.0:5060", (), FAR, True, ("UDP", "198.51.100.7", 61000, 0)),
        ("sip:bob@10.0.0.5:5060", (), FAR, False, ("UDP", "10.0.0.5", 5060, 0)),
        ("sip:bob@100.64.3.4", (), FAR, True, ("UDP", "198.51.100.7", 61000, 0)),
        ("sip:bob@[fd00::5]", (), FAR, True, ("UDP", "198.51.100.7", 61000, 0)),
        # A private Contact from there is no NAT.
        ("sip:bob@10.0.0.5:5070", (), FAR._replace(host="10.0.0.5"), True, ("UDP", "10.0.0.5", 5070, 0)),
        # A name never waits for DNS.
        ("sip:bob@phone.example.net", (), FAR, False, ("UDP", "198.51.100.7", 61000, 0)),
        ("not a uri", (), FAR, False, ("UDP", "198.51.100.7", 61000, 0)),
        # The first Route, whatever the target, and whether it is private or not.
        ("sip:bob@198.51.100.9", ("<sip:10.0.0.1:5080;lr>",), FAR, True, ("UDP", "10.0.0.1", 5080, 0)),
        ("sip:bob@198.51.100.9", ("<sip:p.example.net;lr>",), FAR, True, ("UDP", "198.51.100.7", 61000, 0)),
        # The connection in use is kept; the address says whereto another is opened when it is gone.
        ("sip:bob@198.51.100.9;transport=tcp", (), TCP, True, ("TCP", "198.51.100.9", 5060, 7)),
        ("sip:bob@10.0.0.5;transport=tcp", (), TCP, True, ("TCP", "198.51.100.7", 40000, 7)),
        ("sip:bob@198.51.100.9;transport=tcp", ("<sip:198.51.100.8;transport=tcp;lr>",), TCP, True,
         ("TCP", "198.51.100.8", 5060, 7)),
        # Another transport.
        ("sip:bob@198.51.100.9;transport=tcp", (), FAR, True, ("TCP", "198.51.100.9", 5060, 0)),
        ("sip:bob@198.51.100.9;transport=udp", (), TCP, False, ("UDP", "198.51.100.9", 5060, 0)),
        ("sip:bob@198.51.100.9;transport=TCP", (), FAR, True, ("TCP", "198.51.100.9", 5060, 0)),
        ("sip:bob@198.51.100.9;transport=sctp", (), FAR, True, ("UDP", "198.51.100.9", 5060, 0)),
    ],
)  # fmt: skip
def test_next_hop(
    target: str, routes: tuple[str, ...], source: Flow, nat: bool, expected: tuple[str, str, int, int]
) -> None:
    flow = next_hop(target, routes, source, nat)
    assert (flow.transport, flow.host, flow.port, flow.connection) == expected


@pytest.mark.parametrize(
    ("contact", "uri"),
    [
        ("<sip:a@192.0.2.9>", "sip:a@192.0.2.9"),
        ("sip:a@192.0.2.9;expires=3", "sip:a@192.0.2.9"),
        ('"A <b>" <sip:a@192.0.2.9;ob>;q=1', "sip:a@192.0.2.9;ob"),
        ("<sip:a@192.0.2.9>, <sip:b@192.0.2.9>", "sip:a@192.0.2.9"),
        ("", ""),
    ],
)
def test_the_uri_of_contact(contact: str, uri: str) -> None:
    assert contact_uri(refreshing(contact)) == uri
