"""Records on the screen: the list, the page of a call, the ladder."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC

from hypothesis import given
from hypothesis import strategies as st

from b2bua import records
from b2bua.calls.record import (
    CallOutcome,
    CallRecord,
    RecipientOutcome,
    RecipientRecord,
    StreamRecord,
    TraceEntry,
)

START = 1_790_000_000_000_000


def message(first: str, cseq: str, *fields: str) -> bytes:
    return "\r\n".join([first, f"CSeq: {cseq}", *fields, "", ""]).encode()


def entry(milliseconds: float, leg: int, received: bool, data: bytes) -> TraceEntry:
    far = f"192.0.2.{leg + 1}:5060"
    return TraceEntry(START + int(milliseconds * 1000), leg, received, "UDP", "192.0.2.9:5060", far, data)


SDP = "Content-Type: application/sdp"
ELSEWHERE = 'Reason: SIP;cause=200;text="Call completed elsewhere"'
BUSY = message("SIP/2.0 486 Busy Here", "1 INVITE")
TRACE = [
    entry(0, 0, True, message("INVITE sip:100@h SIP/2.0", "1 INVITE", SDP)),
    entry(1, 1, False, message("INVITE sip:ana@h SIP/2.0", "7 INVITE", "c: application/sdp")),
    entry(2, 2, False, message("INVITE sip:ben@h SIP/2.0", "7 INVITE")),
    entry(3000, 2, True, BUSY),
    entry(3500, 2, True, BUSY),
    entry(3600, 1, False, message("CANCEL sip:ana@h SIP/2.0", "7 CANCEL", ELSEWHERE)),
]
RECORD = CallRecord(
    id="4f2a91c07d3311aa",
    trunk="carrier",
    source="192.0.2.1:5060",
    caller="+15550123",
    caller_name="Jo",
    dialled="+15550100",
    number_name="Sales",
    sip_call_id="abc",
    started_at=START,
    outcome=CallOutcome.ANSWERED,
    answered_by="Ana",
    answered_leg=1,
    answered_at=START + 6_200_000,
    ended_at=START + 190_200_000,
    ended_by="caller",
    status=200,
    reason="OK",
    recipients=[
        RecipientRecord(
            1, "Ana", "sip:ana@h", RecipientOutcome.ANSWERED, invited_at=START, ringing_at=START + 1_000_000,
            answered_at=START + 6_200_000, ended_at=START + 190_200_000,
        ),
        RecipientRecord(
            2, "Ben", "sip:ben@h", RecipientOutcome.BUSY, status=486, invited_at=START,
            ended_at=START + 3_000_000,
        ),
    ],
    streams=[StreamRecord(0, 0, 90, 1000, 10, 2.34, sent_packets=99, far="192.0.2.1:4000")],
    trace=TRACE,
)  # fmt: skip


def test_the_list() -> None:
    assert records.call_table([RECORD], UTC) == (
        "TIME                 CALLER     DIALLED          OUTCOME       RANG   TALKED      CALL\n"
        "2026-09-21 14:13:20  +15550123  +15550100 Sales  Ana answered  6.2 s  3 min 04 s  4f2a91c07d"
    )


def test_a_mailbox_does_not_ring() -> None:
    ben = dataclasses.replace(RECORD.recipients[0], ended_at=START + 10_000_000)
    left = dataclasses.replace(
        RECORD, outcome=CallOutcome.VOICEMAIL, answered_by=None, answered_leg=None, answered_at=None, recipients=[ben]
    )
    assert records.rang_until(left) == START + 10_000_000
    assert " voicemail  10 s " in records.call_table([left], UTC)
    assert records.rang_until(dataclasses.replace(left, recipients=[])) is None, "nobody was rung"


def test_the_version_of_a_flow_of_one_step_is_on_the_page() -> None:
    page = records.page(dataclasses.replace(RECORD, flow="desk", flow_version=3, steps=[]), UTC)
    assert "Flow      desk, version 3\n" in page


def test_the_ladder() -> None:
    assert records.ladder(RECORD).splitlines() == [
        "          caller                     service                    Ana                        Ben",
        "   0.000  |--INVITE 1 SDP----------->|                          |                          |",
        "   0.001  |                          |--INVITE 7 SDP----------->|                          |",
        "   0.002  |                          |--INVITE 7------------------------------------------>|",
        "          :                          :                          :                          :",
        "   3.000  |                          |<-486 Busy Here (INVITE 1)---------------------------|",
        "   3.500  |                          |<-486 Busy Here (INVITE 1) (again)-------------------|",
        "   3.600  |                          |--CANCEL 7: Call complet->|                          |",
    ]


def test_what_does_not_fit_is_said_shorter_and_the_sdp_is_kept() -> None:
    ringing = records.summary(message("SIP/2.0 183 Session Progress", "20493 INVITE", SDP))
    assert [ringing.label(room) for room in (40, 33, 20)] == [
        "183 Session Progress (INVITE 20493) SDP",
        "183 Session Progress (INVITE) SDP",
        "183 (INVITE) SDP",
    ]


def test_the_page_holds_all_that_is_known() -> None:
    page = records.page(RECORD, UTC)
    for text in (
        "Ana answered after 6.2 s; talked 3 min 04 s; the caller hung up.",
        "Sales (+15550100)",
        "10 (10.0%)",
        "2.3 ms",
        "192.0.2.1:4000",
        "Busy",
        "INVITE 1 SDP",
    ):
        assert text in page


def test_the_timeline_is_to_scale() -> None:
    ana, ben, scale = records.timeline(RECORD).splitlines()
    assert ana == "Ana  |" + "." * 6 + "-" * 34 + "=" * 8 + "|"
    assert ben == "Ben  |" + "." * 19 + " " * 29 + "|"
    assert "7.4 s" in scale


def test_a_call_with_nothing_in_it_has_a_page() -> None:
    bare = CallRecord("x", "", "", "", "", "", "", "", START)
    assert records.page(bare, UTC).startswith("Just begun.")
    assert records.call_table([bare], UTC).endswith("x")
    assert "anonymous" in records.call_table([bare], UTC)


def test_the_quality_of_each_direction_in_plain_words() -> None:
    heard = StreamRecord(
        0, 0, 1000, payload_type=8, codec="pcma", heard_by=1, owed=20.0, round_trip=8.0, reported_lost=12,
        reported_jitter=4.0, strangers=3, drops={"no far end": 40},
    )  # fmt: skip
    mute = StreamRecord(1, 0, heard_by=0, owed=20.0, silent=20.0, sent_packets=1000, round_trip=30.0)
    record = dataclasses.replace(RECORD, streams=[heard, mute])
    page = records.page(record, UTC)
    assert (
        "caller → Ana: 0.0 % lost on the way here, jitter 0 ms, round trip 38 ms, MOS 4.4, very good\n"
        "Ana → caller: no audio came in the 20 s that it was due: one-way audio\n"
        "caller, packets dropped: no far end 40, stranger 3"
    ) in page
    (first, second) = records.as_json(record)["quality"]
    assert (first["speaker"], first["listener"], first["mos"], first["verdict"]) == (0, 1, 4.37, "very good")
    assert first["sentence"].startswith("caller → Ana: 0.0 % lost")
    assert (second["is_one_way"], second["loss"]) == (True, None)
    assert "→" not in records.page(RECORD, UTC)  # of a call whose record is from before there were such figures


def test_messages_in_full() -> None:
    text = records.messages(RECORD)
    assert (
        "--- 0.000000 s  from caller  UDP 192.0.2.1:5060 > 192.0.2.9:5060\nINVITE sip:100@h SIP/2.0\n" in text
    )
    assert "--- 0.001000 s  to Ana  UDP 192.0.2.9:5060 > 192.0.2.2:5060\n" in text


def test_json_has_every_field() -> None:
    made = json.loads(json.dumps(records.as_json(RECORD)))
    assert set(made) == {*CallRecord.__slots__, "quality"}
    assert made["outcome"] == "answered"
    assert made["recipients"][1]["outcome"] == "busy"
    assert made["trace"][0]["data"].startswith("INVITE sip:100@h")
    assert "trace" not in records.as_json(RECORD, with_trace=False)


@given(st.binary(max_size=300), st.text(max_size=20))
def test_nothing_from_the_wire_reaches_the_terminal_raw(data: bytes, name: str) -> None:
    record = CallRecord("x", name, name, name, name, name, name, name, START)
    record.recipients = [RecipientRecord(1, name, name, reason=name)]
    record.trace = [entry(0, 0, True, data), entry(1, 1, False, data), entry(2, 9, False, data)]
    for text in (records.page(record), records.messages(record), records.call_table([record])):
        assert not [c for c in text if c != "\n" and (c < " " or "\x7f" <= c < "\xa0")]
    assert json.dumps(records.as_json(record))
