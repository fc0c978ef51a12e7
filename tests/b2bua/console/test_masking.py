"""What viewers get in the place of numbers and names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from b2bua.console.masking import OPEN, Mask

MASK = Mask({"+15550100", "100"})


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("+15557001234", "…234"),
        ("15557001234", "…234"),
        ("+1 555 700 1234", "…234"),
        ("+1 (555) 700-1234", "…234"),
        ("sip:+15557001234@192.0.2.9", "sip:…234@192.0.2.9"),
        ("sip:5551@192.0.2.9:5060;transport=udp", "sip:…551@192.0.2.9:5060;transport=udp"),
        ("Ben was called at +15557001234.", "Ben was called at …234."),
        ('destination = "+15557001234"', 'destination = "…234"'),
        ("sip:+1-555-700-1234@192.0.2.9", "sip:…234@192.0.2.9"),
        ("<sip:5557001234>", "<sip:…234>"),
        ("sip:5557001234:5060", "sip:…234:5060"),
        ("Call 555-700-1234", "Call …234"),
        ("Call (555) 700-1234", "Call …234"),
        ("sip:192.0.2.9", "sip:192.0.2.9"),
        ("sip:192.0.2.9:5060;transport=udp", "sip:192.0.2.9:5060;transport=udp"),
        ("+15550100", "+15550100"),
        ("sip:100@192.0.2.9", "sip:100@192.0.2.9"),
        ("192.0.2.9:50601", "192.0.2.9:50601"),
        ("Ana answered after 6.2 s", "Ana answered after 6.2 s"),
        ("403 Forbidden", "403 Forbidden"),
        ("2026-11-22 18:05", "2026-11-22 18:05"),
    ],
)
def test_numbers_are_masked_wherever_they_stand(text: str, seen: str) -> None:
    assert MASK.text(text) == seen
    assert OPEN.text(text) == text


def test_names_of_callers_keep_their_initial() -> None:
    assert MASK.value({"caller": "alice", "caller_name": "Jo Doe"}) == {"caller": "a…", "caller_name": "J…"}
    nobody = {"caller": "Anonymous", "caller_name": ""}
    assert MASK.value(nobody) == nobody


def test_what_is_no_text_stays_as_it_is() -> None:
    value = {
        "id": "15557001234",
        "started_at": 1_790_000_000_000_000,
        "list": [1, None, True, "+15557001234"],
    }
    assert MASK.value(value) == {**value, "list": [1, None, True, "…234"]}
    assert OPEN.value(value) is value


@given(
    st.from_regex(r"\+[1-9]\d{9,14}", fullmatch=True),
    st.sampled_from(["{}", "sip:{}@h", "to {}", "({})", "{},", "“{}”"]),
)
def test_no_number_comes_through(number: str, around: str) -> None:
    assert number[1:-3] not in MASK.text(around.format(number))
