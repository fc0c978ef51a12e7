from __future__ import annotations

from rtp_relay.form import Exit
from rtp_relay.forms.memory import MemoryForm


def test_packets_come_out_where_the_exit_says() -> None:
    form = MemoryForm()
    inner, outer = form.open("127.0.0.1", 20000), form.open("::1", 20000)
    assert inner is not None and outer is not None
    exit = Exit(outer)
    exit.address = ("2001:db8::1", 4000, 0, 0)
    inner.receive = lambda packet, source, now: exit
    assert form.deliver(b"abc", ("192.0.2.1", 1), ("127.0.0.1", 20000), 0.0)
    assert form.sent == [(b"abc", ("::1", 20000, 0, 0), ("2001:db8::1", 4000, 0, 0))]
    assert (exit.packets, exit.octets) == (1, 3)


def test_a_port_that_is_not_open() -> None:
    form = MemoryForm(taken=frozenset({20002}))
    assert form.open("127.0.0.1", 20002) is None
    port = form.open("127.0.0.1", 20000)
    assert port is not None
    assert form.open("127.0.0.1", 20000) is None
    port.close()
    assert not form.deliver(b"abc", ("192.0.2.1", 1), ("127.0.0.1", 20000), 0.0)


def test_packets_can_be_carried_on() -> None:
    carried: list[object] = []
    form = MemoryForm(lambda *what: carried.append(what))
    port = form.open("127.0.0.1", 20000)
    assert port is not None
    port.send(memoryview(b"abc"), ("192.0.2.1", 1))
    assert carried == [(b"abc", ("127.0.0.1", 20000), ("192.0.2.1", 1))]
    assert form.sent == []
