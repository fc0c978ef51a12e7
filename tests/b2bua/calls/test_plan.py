"""The plan of a call: what holds where the configuration says nothing."""

from __future__ import annotations

import dataclasses

import pytest

from b2bua.calls.plan import CallPlan
from b2bua.calls.recipient import DialStep
from b2bua.config.reaching import RING, flow_of
from sip_stack.sdp_rewriting import CODECS

NOBODY = DialStep(())


def plan() -> CallPlan:
    return CallPlan("trunk", "+15550100", "Sales", flow_of("", NOBODY), {RING: NOBODY}, "192.0.2.1")


def test_a_late_offer_is_of_the_two_codecs_that_everybody_speaks() -> None:
    assert plan().late_offer == (CODECS["PCMU"], CODECS["PCMA"])


def test_a_trunk_is_taken_to_be_behind_nat_and_its_calls_are_traced() -> None:
    made = plan()
    assert made.nat and made.keep_trace
    assert (made.configuration, made.interface) == ("", "")


def test_plans_do_not_change_and_are_shared() -> None:
    made = plan()
    with pytest.raises(dataclasses.FrozenInstanceError):
        made.trunk = "other"  # type: ignore[misc]
    assert plan() == made
    assert dataclasses.replace(made, dialled="+15550101") != made
