"""Both client transactions of RFC 3261 §17.1 with RFC 6026 §7.2: every state meets every input."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip_stack.client_transaction import INVITE, NON_INVITE, ClientTransaction, Input, Rows, State
from sip_stack.flow import Flow
from sip_stack.message import Response, parse
from sip_stack.outgoing import OutgoingRequest
from tests.sip_stack.rig import PEER, TCP_PEER, WheelLayer

I, S = Input, State
START = 1000.0
TIMERS = {
    I.TIMER_A, I.TIMER_B, I.TIMER_D, I.TIMER_E, I.TIMER_F, I.TIMER_K, I.TIMER_M,
}  # fmt: skip

# The figures of RFC 3261 §17.1.1.2 (as RFC 6026 §7.2 draws it anew) and §17.1.2.2, written down apart from the
# table: state, input -> next state. What is not named leaves the state as it is.
INVITE_FIGURE = {
    (S.CALLING, I.PROVISIONAL): S.PROCEEDING,
    (S.CALLING, I.SUCCESS): S.ACCEPTED,
    (S.CALLING, I.FAILURE): S.COMPLETED,
    (S.CALLING, I.TIMER_B): S.TERMINATED,
    (S.CALLING, I.TRANSPORT_ERROR): S.TERMINATED,
    (S.PROCEEDING, I.SUCCESS): S.ACCEPTED,
    (S.PROCEEDING, I.FAILURE): S.COMPLETED,
    (S.ACCEPTED, I.TIMER_M): S.TERMINATED,
    (S.COMPLETED, I.TRANSPORT_ERROR): S.TERMINATED,
    (S.COMPLETED, I.TIMER_D): S.TERMINATED,
}
NON_INVITE_FIGURE = {
    (S.TRYING, I.PROVISIONAL): S.PROCEEDING,
    (S.TRYING, I.SUCCESS): S.COMPLETED,
    (S.TRYING, I.FAILURE): S.COMPLETED,
    (S.TRYING, I.TIMER_F): S.TERMINATED,
    (S.TRYING, I.TRANSPORT_ERROR): S.TERMINATED,
    (S.PROCEEDING, I.SUCCESS): S.COMPLETED,
    (S.PROCEEDING, I.FAILURE): S.COMPLETED,
    (S.PROCEEDING, I.TIMER_F): S.TERMINATED,
    (S.PROCEEDING, I.TRANSPORT_ERROR): S.TERMINATED,
    (S.COMPLETED, I.TIMER_K): S.TERMINATED,
}
# Which inputs the user is told of: by a response, or by "no response".
TELLS_RESPONSE = {
    "INVITE": {(S.CALLING, I.PROVISIONAL), (S.CALLING, I.SUCCESS), (S.CALLING, I.FAILURE),
               (S.PROCEEDING, I.PROVISIONAL), (S.PROCEEDING, I.SUCCESS), (S.PROCEEDING, I.FAILURE),
               (S.ACCEPTED, I.SUCCESS)},
    "OPTIONS": {(S.TRYING, I.PROVISIONAL), (S.TRYING, I.SUCCESS), (S.TRYING, I.FAILURE),
                (S.PROCEEDING, I.PROVISIONAL), (S.PROCEEDING, I.SUCCESS), (S.PROCEEDING, I.FAILURE)},
}  # fmt: skip
TELLS_NONE = {
    "INVITE": {(S.CALLING, I.TIMER_B), (S.CALLING, I.TRANSPORT_ERROR)},
    "OPTIONS": {(S.TRYING, I.TIMER_F), (S.TRYING, I.TRANSPORT_ERROR), (S.PROCEEDING, I.TIMER_F),
                (S.PROCEEDING, I.TRANSPORT_ERROR)},
}  # fmt: skip


class User:
    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.causes: list[str] = []

    def handle_response(self, transaction: ClientTransaction, response: Response, now: float) -> None:
        self.statuses.append(response.status)

    def handle_no_response(self, transaction: ClientTransaction, cause: str, now: float) -> None:
        self.causes.append(cause)


def made(method: str, flow: Flow = PEER) -> tuple[ClientTransaction, WheelLayer, User]:
    outgoing = OutgoingRequest(
        method, "sip:bob@192.0.2.9", via="SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKours;rport", branch="z9hG4bKours",
        from_value="<sip:us@192.0.2.1>;tag=us1", to_value="<sip:bob@192.0.2.9>", call_id="ours1", cseq=7,
        routes=("<sip:192.0.2.8;lr>",), fields="Supported: timer\r\n",
    )  # fmt: skip
    layer, user = WheelLayer(), User()
    return ClientTransaction(layer, user, outgoing, flow, None), layer, user


def answer(status: int, tag: str = "bob1", method: str = "INVITE") -> Response:
    data = (
        f"SIP/2.0 {status} Said\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKours\r\n"
        f"From: <sip:us@192.0.2.1>;tag=us1\r\nTo: <sip:bob@192.0.2.9>;tag={tag}\r\nCall-ID: ours1\r\n"
        f"CSeq: 7 {method}\r\nContent-Length: 0\r\n\r\n"
    )
    message = parse(data.encode())
    assert isinstance(message, Response)
    return message


RESPONSES = {I.PROVISIONAL: 180, I.SUCCESS: 200, I.FAILURE: 486}
# How to come to each state by what may happen on the wire.
WAYS = {
    "INVITE": {
        S.CALLING: (), S.PROCEEDING: (I.PROVISIONAL,), S.ACCEPTED: (I.SUCCESS,), S.COMPLETED: (I.FAILURE,),
        S.TERMINATED: (I.TRANSPORT_ERROR,),
    },
    "OPTIONS": {
        S.TRYING: (), S.PROCEEDING: (I.PROVISIONAL,), S.COMPLETED: (I.FAILURE,), S.TERMINATED: (I.TRANSPORT_ERROR,),
    },
}  # fmt: skip
FIGURES: dict[str, tuple[dict[State, Rows], dict[tuple[State, Input], State]]] = {
    "INVITE": (INVITE, INVITE_FIGURE),
    "OPTIONS": (NON_INVITE, NON_INVITE_FIGURE),
}


def give(transaction: ClientTransaction, what: Input, now: float = START) -> None:
    layer = transaction.layer
    assert isinstance(layer, WheelLayer)
    if what in RESPONSES:
        transaction.handle_response(answer(RESPONSES[what], method=transaction.request.method), now)
    elif what is I.TRANSPORT_ERROR:
        transaction.handle_transport_error("ECONNREFUSED", now)
    else:
        layer.fire(transaction, what, now)


def came_to(method: str, state: State) -> tuple[ClientTransaction, WheelLayer, User]:
    transaction, layer, user = made(method)
    transaction.start(START)
    for what in WAYS[method][state]:
        give(transaction, what)
    assert transaction.state is state
    layer.sent.clear()
    user.statuses.clear()
    user.causes.clear()
    return transaction, layer, user


PAIRS = [
    (method, state, what) for method, ways in WAYS.items() for state, what in itertools.product(ways, Input)
]


@pytest.mark.parametrize(("method", "state", "what"), PAIRS)
def test_every_state_meets_every_input(method: str, state: State, what: Input) -> None:
    transaction, layer, user = came_to(method, state)
    rows, figure = FIGURES[method]
    give(transaction, what)
    assert transaction.state is figure.get((state, what), state)
    assert user.statuses == ([RESPONSES[what]] if (state, what) in TELLS_RESPONSE[method] else [])
    told = "ECONNREFUSED" if what is I.TRANSPORT_ERROR else "timeout"
    assert user.causes == ([told] if (state, what) in TELLS_NONE[method] else [])
    assert layer.timer_names() <= {name for name in rows[transaction.state] if name in TIMERS}
    assert (layer.forgotten == [transaction]) == (transaction.state is S.TERMINATED)


def test_the_tables_name_every_state_they_lead_to() -> None:
    for rows, _ in FIGURES.values():
        for row in rows.values():
            assert all(after in rows for _, after in row.values())
        assert rows[S.TERMINATED] == {}


# Timers A and B.


def test_timer_a_doubles_without_a_cap_and_timer_b_gives_up_at_64_t1() -> None:
    """§17.1.1.2."""
    transaction, layer, user = made("INVITE")
    transaction.start(START)
    end = layer.run(START, START + 100)
    assert [at - START for at, _ in layer.sent] == pytest.approx([0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5])
    assert len({data for _, data in layer.sent}) == 1
    assert end - START == pytest.approx(32.0)
    assert user.causes == ["timeout"]
    assert transaction.state is S.TERMINATED and len(layer.wheel) == 0


@pytest.mark.parametrize("method", ["INVITE", "OPTIONS"])
def test_over_a_reliable_transport_nothing_is_repeated_but_it_is_given_up_all_the_same(method: str) -> None:
    _transaction, layer, user = made(method, TCP_PEER)
    _transaction.start(START)
    end = layer.run(START, START + 100)
    assert len(layer.sent) == 1
    assert end - START == pytest.approx(32.0)
    assert user.causes == ["timeout"]


def test_a_provisional_stops_the_repetition_and_no_timer_is_left_to_end_the_ringing() -> None:
    transaction, layer, _ = made("INVITE")
    transaction.start(START)
    give(transaction, I.PROVISIONAL, START + 0.2)
    assert len(layer.wheel) == 0
    assert len(layer.sent) == 1


# Timer D and the ACK.


def test_each_failure_is_acknowledged_with_the_same_ack_and_told_once() -> None:
    transaction, layer, user = came_to("INVITE", S.PROCEEDING)
    for _ in range(3):
        give(transaction, I.FAILURE)
    assert len(layer.sent) == 3
    assert len({data for _, data in layer.sent}) == 1
    assert user.statuses == [486]


def test_the_ack_of_a_failure_is_as_the_rfc_says() -> None:
    """§17.1.1.3: Request-URI, top Via, From, Call-ID, CSeq number and Route as in the INVITE; To of the response."""
    transaction, layer, _ = came_to("INVITE", S.PROCEEDING)
    give(transaction, I.FAILURE)
    ack, invite = parse(layer.sent[-1][1]), parse(transaction.request.data)
    assert ack.method == "ACK" and ack.uri == invite.uri  # type: ignore[union-attr]
    assert ack.get_all("via") == invite.get_all("via")
    assert (ack.from_value, ack.call_id, ack.cseq, ack.cseq_method) == (invite.from_value, "ours1", 7, "ACK")
    assert ack.to_value == "<sip:bob@192.0.2.9>;tag=bob1"
    assert ack.get_all("route") == invite.get_all("route") == ["<sip:192.0.2.8;lr>"]
    assert ack.body == b"" and ack.get("supported") is None


@pytest.mark.parametrize(("flow", "interval"), [(PEER, 32.0), (TCP_PEER, 0.0)])
def test_timer_d_is_32_seconds_for_udp_and_none_for_tcp(flow: Flow, interval: float) -> None:
    transaction, layer, _ = made("INVITE", flow)
    transaction.start(START)
    give(transaction, I.FAILURE, START + 1)
    assert layer.run(START + 1, START + 100) - START - 1 == pytest.approx(interval)
    assert transaction.state is S.TERMINATED and len(layer.wheel) == 0


# Timer M (RFC 6026).


@pytest.mark.parametrize("flow", [PEER, TCP_PEER])
def test_further_2xx_are_passed_up_for_64_t1(flow: Flow) -> None:
    transaction, layer, user = made("INVITE", flow)
    transaction.start(START)
    for tag in ("bob1", "bob1", "bob2"):
        transaction.handle_response(answer(200, tag), START + 1)
    assert user.statuses == [200, 200, 200]
    assert layer.run(START + 1, START + 100) - START - 1 == pytest.approx(32.0)
    assert transaction.state is S.TERMINATED


def test_a_provisional_after_the_2xx_is_not_passed_up() -> None:
    """TRX-9: UDP may put them out of order."""
    transaction, _, user = came_to("INVITE", S.ACCEPTED)
    give(transaction, I.PROVISIONAL)
    assert user.statuses == []


# Timers E, F, K.


def test_timer_e_doubles_up_to_t2_and_timer_f_gives_up_at_64_t1() -> None:
    """§17.1.2.2."""
    transaction, layer, user = made("OPTIONS")
    transaction.start(START)
    end = layer.run(START, START + 100)
    expected = [0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert [at - START for at, _ in layer.sent] == pytest.approx(expected)
    assert end - START == pytest.approx(32.0)
    assert user.causes == ["timeout"]
    assert transaction.state is S.TERMINATED


def test_in_proceeding_timer_e_is_reset_with_t2_and_timer_f_goes_on() -> None:
    """§17.1.2.2: "Timer E MUST be reset with a value of T2 seconds"; F spans both states."""
    transaction, layer, user = made("OPTIONS")
    transaction.start(START)
    give(transaction, I.PROVISIONAL, START + 0.1)
    end = layer.run(START + 0.1, START + 100)
    assert [at - START for at, _ in layer.sent] == pytest.approx(
        [0, 0.5, 4.5, 8.5, 12.5, 16.5, 20.5, 24.5, 28.5]
    )
    assert end - START == pytest.approx(32.0)
    assert user.causes == ["timeout"]


@pytest.mark.parametrize(("flow", "interval"), [(PEER, 5.0), (TCP_PEER, 0.0)])
def test_timer_k_is_t4_for_udp_and_none_for_tcp(flow: Flow, interval: float) -> None:
    transaction, layer, user = made("BYE", flow)
    transaction.start(START)
    give(transaction, I.SUCCESS, START + 1)
    give(transaction, I.SUCCESS, START + 1)
    assert user.statuses == [200]
    assert layer.run(START + 1, START + 100) - START - 1 == pytest.approx(interval)
    assert transaction.state is S.TERMINATED


def test_the_key_holds_the_method_for_a_cancel_shares_the_branch_of_its_invite() -> None:
    """§17.1.3."""
    invite, *_ = made("INVITE")
    cancel = ClientTransaction(WheelLayer(), User(), invite.request.cancel(), PEER, None)
    assert invite.key[0] == cancel.key[0]
    assert invite.key != cancel.key


@given(
    st.sampled_from(["INVITE", "OPTIONS"]), st.sampled_from([PEER, TCP_PEER]),
    st.lists(st.tuples(st.sampled_from(list(Input)), st.floats(0, 10)), max_size=30),
)  # fmt: skip
def test_any_sequence_of_inputs_ends_and_leaves_nothing(
    method: str, flow: Flow, inputs: list[tuple[Input, float]]
) -> None:
    transaction, layer, user = made(method, flow)
    rows, _ = FIGURES[method]
    now = START
    transaction.start(now)
    for what, pause in inputs:
        layer.run(now, now + pause)
        now += pause
        give(transaction, what, now)
        assert layer.timer_names() <= set(rows[transaction.state])
    assert len(user.causes) + sum(status >= 300 for status in user.statuses) <= 1
    layer.run(now, now + 100)
    if (method, transaction.state) != ("INVITE", S.PROCEEDING):
        assert transaction.state is S.TERMINATED
    assert len(layer.wheel) == 0
    assert layer.forgotten == ([transaction] if transaction.state is S.TERMINATED else [])
