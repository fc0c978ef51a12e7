from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtp_relay.errors import ControlError
from rtp_relay.ng import bencode
from rtp_relay.ng.bencode import Value

VALUES: st.SearchStrategy[Value] = st.recursive(
    st.integers(-(1 << 62), 1 << 62) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize(("value", "octets"), [
    (0, b"i0e"),
    (-42, b"i-42e"),
    ("", b"0:"),
    ("über", "5:über".encode()),
    ([], b"le"),
    (["a", 1], b"l1:ai1ee"),
    ({"result": "pong"}, b"d6:result4:ponge"),
    ({"b": 1, "a": ["x"]}, b"d1:al1:xe1:bi1ee"),
])  # fmt: skip
def test_values_and_their_octets(value: Value, octets: bytes) -> None:
    assert bencode.encode(value) == octets
    assert bencode.decode(octets) == value


@given(VALUES)
def test_what_is_written_is_read(value: Value) -> None:
    assert bencode.decode(bencode.encode(value)) == value


def test_octets_that_are_no_text_come_unharmed() -> None:
    assert bencode.encode(bencode.decode(b"2:\xff\x00")) == b"2:\xff\x00"


def test_keys_may_come_in_any_order() -> None:
    assert bencode.decode(b"d1:bi1e1:ai2ee") == {"a": 2, "b": 1}


@pytest.mark.parametrize("octets", [
    b"", b"x", b"i", b"ie", b"i-e", b"i1", b"i--1e", b"i1_0e", b"3:ab", b"3", b"-1:a", b"l", b"d", b"d1:ae",
    b"di1ei2ee", b"i1ei2e",
    b"1:ab", b"l" * 1000, b"d" * 1000, b"99999999999999999999999:a", b"i" + b"9" * 5000 + b"e", b"i\xb2e",
])  # fmt: skip
def test_what_is_none(octets: bytes) -> None:
    with pytest.raises(ControlError):
        bencode.decode(octets)


@given(st.binary(max_size=64))
def test_rubbish_is_refused_and_nothing_else_happens(octets: bytes) -> None:
    try:
        value = bencode.decode(octets)
    except ControlError:
        return
    assert bencode.decode(bencode.encode(value)) == value
