"""Reports as they lie on the wire, and what only looks like them."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from rtp_relay.rtcp import Block, Report, reports
from tests.rtp_relay.packets import receiver_report, report_block, sender_report

# RFC 3550 §6.4.1, laid out by hand: one source, 3 of 256 lost, 5 packets in all, 1000 received, jitter 12.
SENT = bytes.fromhex(
    "81c8000c" "0000beef" "e1234567" "89abcdef" "00010000" "000003e8" "0002a000"
    "0000cafe" "03000005" "000103e8" "0000000c" "456789ab" "00018000"
)  # fmt: skip
SDES = bytes.fromhex("81ca0003" "0000beef" "01026162" "00000000")


def test_a_sender_report_of_one_source() -> None:
    assert reports(SENT) == [
        Report(0xBEEF, 0x456789AB, (Block(0xCAFE, 5, 0x103E8, 12, 0x456789AB, 0x18000),))
    ]  # fmt: skip


def test_a_compound_is_read_to_its_end() -> None:
    packet = SENT + SDES + receiver_report(9, report_block(1), report_block(2))
    first, second = reports(packet)
    assert first.ssrc == 0xBEEF
    assert (second.ssrc, second.sent_at, [block.ssrc for block in second.blocks]) == (9, None, [1, 2])
    assert reports(memoryview(packet)) == [first, second]


def test_duplicates_make_a_loss_below_zero() -> None:
    (report,) = reports(receiver_report(1, report_block(lost=-3)))
    assert report.blocks[0].lost == -3


def test_a_report_alone_and_one_of_nobody_are_reports() -> None:
    assert reports(receiver_report(1)) == [Report(1, None, ())]
    assert reports(sender_report(1, 5)) == [Report(1, 5, ())]


def test_a_count_that_the_length_does_not_hold_ends_the_reading() -> None:
    lying = bytearray(SENT)
    lying[0] = 0x82  # two blocks, it says
    assert reports(bytes(lying)) == []
    short = bytearray(SENT)
    short[3] = 6  # and a length without any
    assert reports(bytes(short)) == []
    assert reports(SENT[:-1]) == []
    assert reports(SENT + lying) == reports(SENT)


def test_other_versions_are_passed_over() -> None:
    assert reports(b"\x01" + SENT[1:]) == []


def test_a_compound_of_thousands_is_not_read_to_its_end() -> None:
    empty = bytes.fromhex("80cb0001" "00000001")
    assert reports(empty * 7 + SENT) == reports(SENT)
    assert reports(empty * 8 + SENT) == []


@given(st.binary(max_size=200))
@settings(deadline=None)
def test_no_octets_break_the_reading(octets: bytes) -> None:
    for packet in (octets, SENT[:12] + octets, SENT + octets):
        for report in reports(packet):
            assert len(report.blocks) <= 31
