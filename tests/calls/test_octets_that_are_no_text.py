"""A caller whose name or Call-ID is no UTF-8: the octets pass on the wire, the record can be stored and shown."""

from __future__ import annotations

import json

from b2bua.calls.record import readable
from tests.world.world import World

INVITE = (
    b"INVITE sip:+15550100@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.9:5060;branch=z9hG4bKoctets\r\n"
    b'Max-Forwards: 70\r\nFrom: "Jos\xe9 \xff" <sip:+1555@198.51.100.9>;tag=1\r\nTo: <sip:+15550100@192.0.2.1>\r\n'
    b"Call-ID: octets\r\nCSeq: 1 INVITE\r\nContact: <sip:a@198.51.100.9>\r\nContent-Length: 0\r\n\r\n"
)


def test_the_record_can_be_stored_and_shown_and_the_phone_hears_the_octets() -> None:
    """PAR-1; a record was lost over it, and the live view broke."""
    world = World()
    ana = world.phone("ana")
    world.plan.ring_time = 5.0
    world.run(0.1)
    world.raw(INVITE)
    world.run(10.0)
    assert b'"Jos\xe9 \xff"' in world.sent("INVITE", ana)[0].octets
    record = world.records[-1]
    assert record.caller_name == "Jos\ufffd \ufffd"
    json.dumps(world.notices, ensure_ascii=False).encode()


def test_what_is_text_stays_and_what_is_none_is_marked() -> None:
    assert readable("Ana") == "Ana" and readable("José") == "José"
    assert readable("Jos\udce9") == "Jos\ufffd"
    assert readable("a\0b") == "a\ufffdb" and readable("é\0") == "é\ufffd"
