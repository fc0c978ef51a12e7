"""`b2bua ringtest`: whom it rings."""

from __future__ import annotations

import pytest

from b2bua.calls.flow import RecipientType
from b2bua.commands import Failure
from b2bua.commands.ringtest import _meant
from b2bua.config import load


@pytest.mark.parametrize("name", ["Ben", "ben"])
def test_somebody_of_the_file_is_rung_by_his_name(name: str) -> None:
    found = _meant(load("examples/quick-start.toml"), name, "", "")
    assert (found.name, found.destination) == ("test", "sip:ben@127.0.0.1:5072")


def test_an_address_and_a_number() -> None:
    config = load("examples/quick-start.toml")
    assert _meant(config, "sip:ana@192.0.2.7", "", "12").type is RecipientType.SIP
    found = _meant(config, "+1 555 0102", "carrier", "")
    assert (found.type, found.trunk) == (RecipientType.PHONE, "carrier")


def test_nobody_of_that_name() -> None:
    with pytest.raises(Failure, match='"Zoe" is neither an address nor a number'):
        _meant(load("examples/quick-start.toml"), "Zoe", "", "")
