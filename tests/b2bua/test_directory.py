"""What the configuration answers to calls: strangers, numbers, plans that are kept, and where not to forward to."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from b2bua.calls import flow as flows
from b2bua.calls.turned_away import TurnedAway
from b2bua.config import Config, load, parse
from b2bua.config.reaching import RING
from b2bua.directory import ConfiguredDirectory
from b2bua.flows.numbers import KeptNumber
from sip_stack.errors import RemoteError
from sip_stack.flow import Flow
from sip_stack.message import Request
from sip_stack.message import parse as parse_message
from sip_stack.sdp_rewriting import CODECS
from sip_stack.session_timer import TimerPolicy

SMALL = """\
[sip]
listen = ["udp:192.0.2.1:5060", "tcp:192.0.2.1:5061", "udp:[2001:db8::1]:5060"]
session_expires = 1800

[media]
late_offer_codecs = ["G722", "PCMA"]
interfaces = [{ name = "north", address = "192.0.2.2" }, { name = "south", address = "198.51.100.2" }]

[trunks.carrier]
sources = ["198.51.100.0/24"]
interface = "south"
nat = false

[trunks.pbx]
sources = ["203.0.113.7", "2001:db8:7::/48"]

[numbers."+15550100"]
name = "Sales"
recipients = [{ name = "Ana", destination = "sip:ana@192.0.2.9" }]

[numbers."+15550101"]
trunks = ["pbx"]
recipients = [{ name = "Ben", destination = "sip:ben@192.0.2.9" }]
"""
CARRIER = Flow("UDP", "udp:192.0.2.1:5060", "198.51.100.4", 5060)
PBX = Flow("UDP", "udp:192.0.2.1:5060", "203.0.113.7", 5060)
SPRING = KeptNumber("+15550177", "Spring", "evening")
NUMBERS = ("+15550101", "+15550177", "+15550199")
STRANGER = Flow("UDP", "udp:192.0.2.1:5060", "203.0.113.8", 5060)


def config(text: str = SMALL) -> Config:
    return parse(text.encode(), Path("/etc/multiring/multiring.toml"), lambda version: "192.0.2.1")


def directory(text: str = SMALL) -> ConfiguredDirectory:
    return ConfiguredDirectory(config(text))


def invite(uri: str = "sip:+15550100@192.0.2.1", method: str = "INVITE") -> Request:
    lines = [
        f"{method} {uri} SIP/2.0",
        "Via: SIP/2.0/UDP 198.51.100.4;branch=z9hG4bK1",
        "From: <sip:a@b>;tag=1",
    ]
    lines += ["To: <sip:c@d>", "Call-ID: 1", f"CSeq: 1 {method}", "", ""]
    request = parse_message("\r\n".join(lines).encode())
    assert isinstance(request, Request)
    return request


# Strangers.


@pytest.mark.parametrize(
    "source", [CARRIER, PBX, PBX._replace(host="2001:db8:7::1", local="udp:[2001:db8::1]:5060")]
)
@pytest.mark.parametrize("method", ["INVITE", "OPTIONS", "REGISTER"])
def test_a_trunk_may_ask(source: Flow, method: str) -> None:
    assert directory().admit(invite(method=method), source) is None


@pytest.mark.parametrize("method", ["INVITE", "OPTIONS", "REGISTER"])
@pytest.mark.parametrize(("setting", "status"), [("refuse", 403), ("drop", 0)])
def test_a_stranger_is_refused_or_not_even_answered(method: str, setting: str, status: int) -> None:
    """OVL-5: status 0 is silence."""
    text = SMALL.replace("session_expires", f'unknown_sources = "{setting}"\nsession_expires')
    refused = directory(text).admit(invite(method=method), STRANGER)
    assert refused is not None
    assert refused.status == status and refused.detail.startswith("unknown source")


def test_a_stranger_has_no_plan() -> None:
    with pytest.raises(RemoteError) as refused:
        directory().plan(invite(), STRANGER)
    assert refused.value.status == 403


# Numbers.


@pytest.mark.parametrize(
    ("uri", "source", "status"),
    [
        ("sip:+15559999@192.0.2.1", CARRIER, 404),
        ("sip:192.0.2.1", CARRIER, 404),
        ("sip:+15550101@192.0.2.1", CARRIER, 404),
        ("sip:%%%@192.0.2.1", CARRIER, 400),
    ],
)
def test_what_may_not_be_dialled(uri: str, source: Flow, status: int) -> None:
    with pytest.raises(RemoteError) as refused:
        directory().plan(invite(uri), source)
    assert refused.value.status == status
    assert isinstance(refused.value, TurnedAway) == (status == 404), "what leads nowhere has a record"


def test_a_number_of_one_trunk_alone() -> None:
    plan = directory().plan(invite("sip:+15550101@192.0.2.1"), PBX)
    assert [recipient.name for recipient in plan.dials[RING].recipients] == ["Ben"]


def test_the_plan_of_a_call() -> None:
    made = config()
    plan = ConfiguredDirectory(made).plan(invite(), CARRIER)
    assert (plan.trunk, plan.dialled, plan.number_name) == ("carrier", "+15550100", "Sales")
    assert (plan.host, plan.interface, plan.nat) == ("192.0.2.1", "south", False)
    assert plan.configuration == made.version
    assert plan.late_offer == (CODECS["G722"], CODECS["PCMA"])
    assert (plan.timer, plan.keep_trace) == (TimerPolicy(1800, made.sip.min_se), True)
    assert [(each.name, each.uri) for each in plan.dials[RING].recipients] == [("Ana", "sip:ana@192.0.2.9")]


def test_the_host_is_that_of_the_socket_that_the_call_came_in_by() -> None:
    flow = PBX._replace(host="2001:db8:7::1", local="udp:[2001:db8::1]:5060")
    assert directory().plan(invite(), flow).host == "2001:db8::1"


def test_calls_without_trace() -> None:
    text = SMALL + '[records]\ntrace = "off"\n'
    assert directory(text).plan(invite(), CARRIER).keep_trace is False


# Plans are made once.


def test_the_next_call_of_that_kind_has_the_same_plan() -> None:
    made = directory()
    first = made.plan(invite(), CARRIER)
    assert made.plan(invite(), CARRIER._replace(host="198.51.100.99", port=9)) is first
    assert made.plan(invite(), PBX) is not first


def test_another_configuration_counts_from_the_next_call_on() -> None:
    made = directory()
    before = made.plan(invite(), CARRIER)
    other = config(SMALL.replace('name = "Ana"', 'name = "Eve"'))
    made.replace(other)
    after = made.plan(invite(), CARRIER)
    assert after.dials[RING].recipients[0].name == "Eve" and before.dials[RING].recipients[0].name == "Ana"
    assert after.configuration == other.version != before.configuration


def test_plans_do_not_grow_without_end() -> None:
    """Anybody behind a trunk may dial anything where "*" is a number."""
    made = directory(SMALL.replace('"+15550100"', '"*"'))
    for number in range(10_100):
        made.plan(invite(f"sip:{number}@192.0.2.1"), CARRIER)
    assert len(made._plans) <= 10_001


# Forwarding.


@pytest.mark.parametrize(
    ("uri", "may"),
    [
        ("sip:eve@192.0.2.9", True),
        ("sip:eve@192.0.2.1:5090", True),
        ("sip:eve@pbx.example;transport=tcp", True),
        ("sip:eve@192.0.2.1", False),
        ("sip:eve@192.0.2.1:5060;transport=tcp", False),
        ("sip:eve@192.0.2.1:5061", False),
        ("sip:eve@[2001:db8::1]", False),
        ("sip:eve@[2001:DB8:0::1]:5060", False),
        ("sips:eve@192.0.2.9", False),
        ("tel:+15550100", False),
        ("http://192.0.2.9", False),
        ("", False),
        ("sip:eve@", False),
    ],
)
def test_where_a_call_may_be_forwarded(uri: str, may: bool) -> None:
    """FRK-10: only to SIP, and never back to us."""
    assert directory().may_ring(uri) is may


def test_behind_nat_both_our_addresses_are_our_own() -> None:
    made = directory(SMALL.replace("session_expires", 'advertised = ["203.0.113.200"]\nsession_expires'))
    assert not made.may_ring("sip:eve@203.0.113.200") and not made.may_ring("sip:eve@192.0.2.1")


def test_a_number_with_a_flow_goes_through_it() -> None:
    full = load("examples/full.toml")
    made = ConfiguredDirectory(full)
    dialled, number = next((key, each) for key, each in full.numbers.items() if each.flow and each.flow_name)
    trunk = next(name for name in full.trunks if not number.trunks or name in number.trunks)
    source = PBX._replace(host=str(full.trunks[trunk].sources[0].network_address))
    plan = made.plan(invite(f"sip:{dialled}@192.0.2.1"), source)
    assert plan.flow.name == number.flow_name
    assert set(plan.dials) == {name for name, step in plan.flow.steps.items() if isinstance(step, flows.Dial)}


def test_a_flow_that_was_never_published_turns_callers_away() -> None:
    made = config()
    number = dataclasses.replace(made.numbers["+15550101"], flow=None, flow_name="evening")
    made = dataclasses.replace(made, numbers={**made.numbers, "+15550101": number})
    with pytest.raises(RemoteError) as refused:
        ConfiguredDirectory(made).plan(invite("sip:+15550101@192.0.2.1"), PBX)
    assert refused.value.status == 480 and "evening" in refused.value.detail
    assert isinstance(refused.value, TurnedAway) and refused.value.number_name == number.name
    published = flows.Flow("evening", 3, "end", {"end": flows.HangUp(486)})
    plan = ConfiguredDirectory(made, {"evening": published}).plan(invite("sip:+15550101@192.0.2.1"), PBX)
    assert (plan.flow.version, plan.dials) == (3, {})


# Numbers of the database.


def refused(made: ConfiguredDirectory, dialled: str) -> int:
    with pytest.raises(RemoteError) as refused:
        made.plan(invite(f"sip:{dialled}@192.0.2.1"), PBX)
    return refused.value.status


def test_a_number_of_the_database_goes_through_its_published_flow() -> None:
    evening = flows.Flow("evening", 3, "end", {"end": flows.HangUp(486)})
    made = ConfiguredDirectory(config(), {"evening": evening}, [SPRING])
    plan = made.plan(invite("sip:+15550177@192.0.2.1"), PBX)
    assert (plan.number_name, plan.flow.name, plan.flow.version) == ("Spring", "evening", 3)
    assert made.plan(invite("sip:+15550177;npdi@192.0.2.1"), PBX).flow is plan.flow


def test_the_same_digits_of_the_file_count_first_and_any_other_last() -> None:
    evening = flows.Flow("evening", 3, "end", {"end": flows.HangUp(486)})
    any_other = '\n[numbers."*"]\nrecipients = [{ name = "Eve", destination = "sip:eve@192.0.2.9" }]\n'
    kept = [SPRING, dataclasses.replace(SPRING, dialled="+15550101")]
    made = ConfiguredDirectory(config(SMALL + any_other), {"evening": evening}, kept)
    rung = {dialled: made.plan(invite(f"sip:{dialled}@192.0.2.1"), PBX).flow.name for dialled in NUMBERS}
    assert rung == {"+15550101": "+15550101", "+15550177": "evening", "+15550199": "*"}


def test_a_number_that_is_off_is_refused_whatever_there_is_for_any_other() -> None:
    any_other = '\n[numbers."*"]\nrecipients = [{ name = "Eve", destination = "sip:eve@192.0.2.9" }]\n'
    off = dataclasses.replace(SPRING, is_on=False)
    assert refused(ConfiguredDirectory(config(SMALL + any_other), {}, [off]), "+15550177") == 404


def test_only_its_trunks_may_dial_it_even_when_they_are_gone() -> None:
    for trunk in ("carrier", "gone"):
        made = ConfiguredDirectory(config(), {}, [dataclasses.replace(SPRING, trunks=(trunk,))])
        assert refused(made, "+15550177") == 404
    assert refused(ConfiguredDirectory(config(), {}, [SPRING]), "+15550177") == 480, "evening was never published"


def test_a_changed_file_keeps_the_numbers_of_the_database_and_running_calls_their_plans() -> None:
    evening = flows.Flow("evening", 3, "end", {"end": flows.HangUp(486)})
    made = ConfiguredDirectory(config(), {"evening": evening}, [SPRING])
    before = made.plan(invite("sip:+15550177@192.0.2.1"), PBX)
    made.replace(config(SMALL.replace("Sales", "Shop")))
    assert made.plan(invite("sip:+15550177@192.0.2.1"), PBX).flow.name == "evening"
    made.replace(config(), None, [])
    assert refused(made, "+15550177") == 404
    assert before.flow.name == "evening"


def test_strangers_who_call_are_counted_by_their_address() -> None:
    """So that the log can say what the commonest mistake with a new trunk is."""
    made = directory()
    strange = PBX._replace(host="192.0.2.200")
    for _ in range(3):
        assert made.admit(invite(), strange) is not None
    assert made.admit(invite(method="OPTIONS"), strange) is not None
    assert made.admit(invite(), PBX) is None
    assert made.strangers.take() == ([("192.0.2.200", 3)], 0)
