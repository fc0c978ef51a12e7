"""Both server transactions of RFC 3261 §17.2 with RFC 6026 §7.1: every state meets every input."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip_stack.errors import LocalError
from sip_stack.flow import Flow
from sip_stack.message import Request, parse
from sip_stack.server_transaction import (
    INVITE,
    NON_INVITE,
    Input,
    Rows,
    ServerTransaction,
    State,
    reply_flow,
)
from tests.sip_stack.rig import PEER, TCP_PEER, WheelLayer, request

I, S = Input, State
START = 1000.0
TIMERS = {I.TIMER_G, I.TIMER_H, I.TIMER_I, I.TIMER_J, I.TIMER_L}
STATUSES = {I.SEND_PROVISIONAL: 180, I.SEND_SUCCESS: 200, I.SEND_FAILURE: 486}

# §17.2.1 as RFC 6026 §7.1 draws it anew, and §17.2.2.
INVITE_FIGURE = {
    (S.PROCEEDING, I.SEND_SUCCESS): S.ACCEPTED,
    (S.PROCEEDING, I.SEND_FAILURE): S.COMPLETED,
    (S.ACCEPTED, I.TIMER_L): S.TERMINATED,
    (S.COMPLETED, I.ACK): S.CONFIRMED,
    (S.COMPLETED, I.TIMER_H): S.TERMINATED,
    (S.COMPLETED, I.TRANSPORT_ERROR): S.TERMINATED,
    (S.CONFIRMED, I.TIMER_I): S.TERMINATED,
}
NON_INVITE_FIGURE = {
    (S.TRYING, I.SEND_PROVISIONAL): S.PROCEEDING,
    (S.TRYING, I.SEND_SUCCESS): S.COMPLETED,
    (S.TRYING, I.SEND_FAILURE): S.COMPLETED,
    (S.TRYING, I.TRANSPORT_ERROR): S.TERMINATED,
    (S.PROCEEDING, I.SEND_SUCCESS): S.COMPLETED,
    (S.PROCEEDING, I.SEND_FAILURE): S.COMPLETED,
    (S.PROCEEDING, I.TRANSPORT_ERROR): S.TERMINATED,
    (S.COMPLETED, I.TIMER_J): S.TERMINATED,
    (S.COMPLETED, I.TRANSPORT_ERROR): S.TERMINATED,
}
MAY_SEND = {
    "INVITE": {S.PROCEEDING: {180, 200, 486}},
    "INFO": {S.TRYING: {180, 200, 486}, S.PROCEEDING: {180, 200, 486}},
}
# Where the same request again brings the last response again.
REPEATS = {"INVITE": {S.PROCEEDING, S.COMPLETED}, "INFO": {S.PROCEEDING, S.COMPLETED}}
WAYS = {
    "INVITE": {
        S.PROCEEDING: (I.SEND_PROVISIONAL,), S.ACCEPTED: (I.SEND_SUCCESS,), S.COMPLETED: (I.SEND_FAILURE,),
        S.CONFIRMED: (I.SEND_FAILURE, I.ACK), S.TERMINATED: (I.SEND_FAILURE, I.TIMER_H),
    },
    "INFO": {
        S.TRYING: (), S.PROCEEDING: (I.SEND_PROVISIONAL,), S.COMPLETED: (I.SEND_SUCCESS,),
        S.TERMINATED: (I.TRANSPORT_ERROR,),
    },
}  # fmt: skip
FIGURES: dict[str, tuple[dict[State, Rows], dict[tuple[State, Input], State]]] = {
    "INVITE": (INVITE, INVITE_FIGURE),
    "INFO": (NON_INVITE, NON_INVITE_FIGURE),
}


def made(method: str, flow: Flow = PEER) -> tuple[ServerTransaction, WheelLayer]:
    message = parse(request(method))
    assert isinstance(message, Request)
    layer = WheelLayer()
    return ServerTransaction(layer, message, flow, (message.branch, method, ""), None), layer


def give(transaction: ServerTransaction, what: Input, now: float = START) -> bool:
    """Whether the transaction took it; what it may not send is a LocalError."""
    layer = transaction.layer
    assert isinstance(layer, WheelLayer)
    try:
        if what in STATUSES:
            transaction.respond(STATUSES[what], now, to_tag="us1")
        elif what in TIMERS:
            layer.fire(transaction, what, now)
        else:
            transaction.handle(what, now)
    except LocalError:
        return False
    return True


def came_to(method: str, state: State) -> tuple[ServerTransaction, WheelLayer]:
    transaction, layer = made(method)
    for what in WAYS[method][state]:
        assert give(transaction, what)
    assert transaction.state is state
    layer.sent.clear()
    return transaction, layer


PAIRS = [
    (method, state, what) for method, ways in WAYS.items() for state, what in itertools.product(ways, Input)
]


@pytest.mark.parametrize(("method", "state", "what"), PAIRS)
def test_every_state_meets_every_input(method: str, state: State, what: Input) -> None:
    transaction, layer = came_to(method, state)
    rows, figure = FIGURES[method]
    was_taken = give(transaction, what)
    assert transaction.state is figure.get((state, what), state)
    if what in STATUSES:
        assert was_taken == (STATUSES[what] in MAY_SEND[method].get(state, set()))
        assert len(layer.sent) == was_taken
    elif what is I.REQUEST:
        assert len(layer.sent) == (state in REPEATS[method])
    assert layer.timer_names() <= {name for name in rows[transaction.state] if name in TIMERS}
    assert (layer.forgotten == [transaction]) == (transaction.state is S.TERMINATED)


def test_a_refused_response_leaves_the_transaction_as_it_was() -> None:
    transaction, layer = came_to("INVITE", S.COMPLETED)
    with pytest.raises(LocalError, match="cannot send 200"):
        transaction.respond(200, START)
    assert transaction.last_status == 486
    give(transaction, I.REQUEST)
    assert layer.sent[-1][1].startswith(b"SIP/2.0 486 ")


def test_before_the_first_response_a_repeated_request_gets_nothing() -> None:
    transaction, layer = made("INVITE")
    give(transaction, I.REQUEST)
    assert layer.sent == []
    assert not transaction.is_answered


def test_the_newest_provisional_is_what_is_repeated() -> None:
    """§17.2.1: "the most recent provisional response that was received from the TU MUST be passed"."""
    transaction, layer = made("INVITE")
    transaction.respond(100, START)
    newest = transaction.respond(183, START, to_tag="us1")
    give(transaction, I.REQUEST)
    assert layer.sent[-1][1] == newest


def test_timer_g_doubles_up_to_t2_until_timer_h() -> None:
    """§17.2.1."""
    transaction, layer = made("INVITE")
    give(transaction, I.SEND_FAILURE)
    end = layer.run(START, START + 100)
    expected = [0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert [at - START for at, _ in layer.sent] == pytest.approx(expected)
    assert len({data for _, data in layer.sent}) == 1
    assert end - START == pytest.approx(32.0)
    assert transaction.state is S.TERMINATED


def test_over_tcp_a_failure_is_not_repeated_and_timer_h_is_kept() -> None:
    _transaction, layer = made("INVITE", TCP_PEER)
    give(_transaction, I.SEND_FAILURE)
    assert layer.run(START, START + 100) - START == pytest.approx(32.0)
    assert len(layer.sent) == 1


@pytest.mark.parametrize(("flow", "interval"), [(PEER, 5.0), (TCP_PEER, 0.0)])
def test_the_ack_stops_timer_g_and_timer_i_absorbs_its_repetitions(flow: Flow, interval: float) -> None:
    transaction, layer = made("INVITE", flow)
    give(transaction, I.SEND_FAILURE)
    give(transaction, I.ACK, START + 0.1)
    assert layer.timer_names() == {I.TIMER_I}
    give(transaction, I.ACK, START + 0.1)
    assert layer.run(START + 0.1, START + 100) - START - 0.1 == pytest.approx(interval, abs=0.011)
    assert len(layer.sent) == 1


@pytest.mark.parametrize(("flow", "interval"), [(PEER, 32.0), (TCP_PEER, 0.0)])
def test_timer_j_is_64_t1_for_udp_and_none_for_tcp(flow: Flow, interval: float) -> None:
    transaction, layer = made("INFO", flow)
    give(transaction, I.SEND_SUCCESS)
    assert layer.run(START, START + 100) - START == pytest.approx(interval)
    assert transaction.state is S.TERMINATED and len(layer.wheel) == 0


@pytest.mark.parametrize("flow", [PEER, TCP_PEER])
def test_timer_l_is_64_t1_whatever_the_transport_and_repeated_invites_are_absorbed(flow: Flow) -> None:
    """RFC 6026 §7.1, §8.7."""
    transaction, layer = made("INVITE", flow)
    data = transaction.respond(200, START, to_tag="us1")
    give(transaction, I.REQUEST)
    assert len(layer.sent) == 1
    transaction.repeat_success(data, START)
    assert [sent for _, sent in layer.sent] == [data, data]
    assert layer.run(START, START + 100) - START == pytest.approx(32.0)
    assert transaction.state is S.TERMINATED


def test_a_terminated_transaction_has_no_user() -> None:
    transaction, _ = made("INFO")
    transaction.user = object()
    give(transaction, I.TRANSPORT_ERROR)
    assert transaction.user is None


# Where responses go.


def answered_to(via: str, source: Flow) -> tuple[str, int]:
    message = parse(request("INFO", via=via))
    assert isinstance(message, Request)
    flow = reply_flow(message, source)
    assert flow.local == source.local and flow.transport == source.transport
    return flow.host, flow.port


@pytest.mark.parametrize(
    ("via", "expected"),
    [
        ("SIP/2.0/UDP 192.0.2.9:5070;branch=z9hG4bK1", ("192.0.2.9", 5070)),
        ("SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1", ("192.0.2.9", 5060)),
        ("SIP/2.0/UDP 10.0.0.1:5070;branch=z9hG4bK1", ("192.0.2.9", 5070)),
        ("SIP/2.0/UDP 10.0.0.1:5070;branch=z9hG4bK1;rport", ("192.0.2.9", 61000)),
        ("SIP/2.0/UDP 10.0.0.1:5070;maddr=198.51.100.1;branch=z9hG4bK1", ("192.0.2.9", 5070)),
    ],
)
def test_over_udp_by_received_and_sent_by_or_rport(via: str, expected: tuple[str, int]) -> None:
    """§18.2.2, RFC 3581 §4."""
    assert answered_to(via, PEER._replace(port=61000)) == expected


def test_over_tcp_by_the_connection_and_else_to_the_port_of_sent_by() -> None:
    """§18.2.2: "the server SHOULD open a connection to the IP address in the received parameter, ... using the
    port in the sent-by value"."""
    message = parse(request("INFO", via="SIP/2.0/TCP 10.0.0.1:5070;branch=z9hG4bK1"))
    assert isinstance(message, Request)
    assert reply_flow(message, TCP_PEER) == TCP_PEER._replace(port=5070)
    assert answered_to("SIP/2.0/TCP 10.0.0.1;branch=z9hG4bK1", TCP_PEER) == ("192.0.2.9", 5060)


@given(
    st.sampled_from(["INVITE", "INFO"]), st.sampled_from([PEER, TCP_PEER]),
    st.lists(st.tuples(st.sampled_from(list(Input)), st.floats(0, 10)), max_size=30),
)  # fmt: skip
def test_any_sequence_of_inputs_leaves_only_timers_that_the_state_listens_to(
    method: str, flow: Flow, inputs: list[tuple[Input, float]]
) -> None:
    transaction, layer = made(method, flow)
    rows, _ = FIGURES[method]
    now = START
    finals = 0
    for what, pause in inputs:
        layer.run(now, now + pause)
        now += pause
        was_taken = give(transaction, what, now)
        finals += was_taken and what in (I.SEND_SUCCESS, I.SEND_FAILURE)
        assert layer.timer_names() <= set(rows[transaction.state])
    assert finals <= 1
    layer.run(now, now + 100)
    assert len(layer.wheel) == 0
    if finals:
        assert transaction.state is S.TERMINATED
        assert layer.forgotten == [transaction]
