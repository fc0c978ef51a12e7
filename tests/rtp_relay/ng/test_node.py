from __future__ import annotations

from rtp_relay.ng import messages
from rtp_relay.ng.messages import Reply
from rtp_relay.ng.node import PATIENCE, PING_INTERVAL, Address, Node
from tests.rtp_relay.ng.puppet import Puppet


class Asked:
    """A node, and what became of what it was asked."""

    def __init__(self) -> None:
        self.changes: list[bool] = []
        self.replies: list[Reply | None] = []
        self.node = Node(Address("127.0.0.1", 2223), "x", lambda node, now: self.changes.append(node.is_alive))
        self.puppet = Puppet()

    def query(self, now: float) -> None:
        self.node.ask(messages.query("call"), lambda reply, now: self.replies.append(reply), now)

    def sent(self) -> list[bytes]:
        outbox, self.node.outbox = self.node.outbox, []
        return outbox

    def deliver(self, now: float) -> None:
        for datagram in self.sent():
            self.node.hear(self.puppet.answer(datagram), now)


def test_a_node_that_answers_a_ping_is_alive() -> None:
    asked = Asked()
    asked.node.expire(0.0)
    assert asked.changes == []
    asked.deliver(0.01)
    assert asked.changes == [True]


def test_pings_go_on() -> None:
    asked = Asked()
    asked.node.expire(0.0)
    asked.deliver(0.01)
    assert asked.node.deadline == PING_INTERVAL
    asked.node.expire(PING_INTERVAL)
    assert len(asked.sent()) == 1


def test_a_request_is_said_again_in_the_same_words_and_then_given_up() -> None:
    asked = Asked()
    asked.node.expire(0.0)
    asked.deliver(0.0)
    asked.query(0.1)
    (first,) = asked.sent()
    now = 0.1
    for patience in PATIENCE[:-1]:
        now += patience
        asked.node.expire(now)
        assert first in asked.sent()
    now += PATIENCE[-1]
    asked.node.expire(now)
    assert first not in asked.sent()
    assert asked.replies == [None]
    assert asked.changes == [True, False]


def test_a_node_that_answers_something_else_meanwhile_is_alive() -> None:
    asked = Asked()
    asked.query(0.0)
    asked.sent()  # lost, and so is all that says it again
    now, end = 0.0, sum(PATIENCE) + 0.01
    while now < end:
        now = min(asked.node.deadline, end)
        asked.node.expire(now)
        for datagram in asked.sent():
            if b"ping" in datagram:
                asked.node.hear(asked.puppet.answer(datagram), now)
    assert asked.replies == [None]
    assert asked.changes == [True]


def test_a_late_answer_counts_once() -> None:
    asked = Asked()
    asked.query(0.0)
    (datagram,) = asked.sent()
    answer = asked.puppet.answer(datagram)
    asked.node.expire(0.2)
    asked.node.hear(answer, 0.3)
    asked.node.hear(answer, 0.3)
    assert len(asked.replies) == 1


def test_what_is_no_answer_is_passed_over() -> None:
    asked = Asked()
    asked.query(0.0)
    for octets in (b"", b"rubbish", b"other d6:result2:oke", b"\xff\xff d"):
        asked.node.hear(octets, 0.0)
    assert asked.replies == [] and asked.changes == []


def test_a_dead_node_is_found_alive_again() -> None:
    asked = Asked()
    asked.node.expire(0.0)
    asked.deliver(0.0)
    now = 0.0
    while asked.node.is_alive:
        now = asked.node.deadline
        asked.node.expire(now)
        asked.sent()
    while not asked.node.is_alive:
        now = asked.node.deadline
        asked.node.expire(now)
        asked.deliver(now)
    assert asked.changes == [True, False, True]
    assert now < 5.0


def test_an_address_of_ipv6_is_in_brackets() -> None:
    assert str(Address("::1", 2223)) == "[::1]:2223"
