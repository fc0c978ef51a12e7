"""The trace of a call."""

from __future__ import annotations

from sip_stack.trace import Trace, Traced
from tests.sip_stack.rig import PEER, invited, request, rig


def test_the_legs_of_a_call_share_one_list_in_the_order_of_time() -> None:
    shared: list[Traced] = []
    caller, branch = Trace(0, shared), Trace(1, shared)
    caller.note(1.0, True, PEER, b"INVITE")
    branch.note(1.5, False, PEER, b"INVITE again")
    assert shared == [(1.0, 0, True, PEER, b"INVITE"), (1.5, 1, False, PEER, b"INVITE again")]


def test_it_does_not_grow_without_end() -> None:
    trace = Trace(0, [], limit=3)
    for number in range(5):
        trace.note(float(number), True, PEER, b"x")
    assert [at for at, *_ in trace.messages] == [0.0, 1.0, 2.0]


def test_the_stack_notes_every_message_of_an_incoming_invite_both_ways() -> None:
    bench = rig()
    data = request()
    server = invited(bench, data)
    bench.receive(data)
    server.reject(486, bench.now)
    bench.receive(request("ACK", to_value=f"<sip:100@192.0.2.1>;tag={server.local_tag}", cseq=1))
    trace = server.transaction.trace
    assert trace is not None
    words = [(received, data.split(b" ")[0 if received else 1]) for _, _, received, _, data in trace.messages]
    assert words == [
        (True, b"INVITE"), (False, b"100"), (True, b"INVITE"), (False, b"100"), (False, b"486"), (True, b"ACK"),
    ]  # fmt: skip
    bench.finish()
