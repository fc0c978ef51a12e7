"""The configuration: what loads, and what each mistake says, with its line and remedy."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from b2bua.calls.recipient import Credentials, EarlyMedia, SixXX
from b2bua.config import Config, ConfigError, Finding, Severity, check, flow_facts, load, parse
from b2bua.config.settings import Media
from b2bua.config.values import CaptureServer
from sip_stack.sdp_rewriting import CODECS

ROOT = Path(__file__).parents[2]

SMALL = """\
[sip]
listen = ["udp:127.0.0.1:5060"]

[trunks.carrier]
sources = ["192.0.2.0/24"]
address = "sip:sip.carrier.example:5070;transport=tcp"
allowed_prefixes = ["+1"]

[numbers."+15550100"]
recipients = [
    { name = "Ana", destination = "sip:ana@192.0.2.9" },
    { name = "Ben", destination = "+1 555-0102", type = "phone", trunk = "carrier" },
]
"""


def no_route(_version: int) -> str:
    return ""


def parsed(text: str) -> Config:
    return parse(text.encode(), Path("/etc/multiring/multiring.toml"), lambda version: "198.51.100.7")


def findings(text: str) -> list[Finding]:
    """What the text draws, errors or warnings."""
    try:
        return list(parsed(text).findings)
    except ConfigError as problem:
        return list(problem.findings)


def only(text: str) -> Finding:
    found = findings(text)
    assert len(found) == 1, found
    return found[0]


def small(old: str, new: str) -> str:
    assert old in SMALL
    return SMALL.replace(old, new)


@pytest.mark.parametrize("example", sorted((ROOT / "examples").glob("*.toml")), ids=lambda path: path.name)
def test_every_example_loads_without_a_finding(example: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow_facts, "speech_is_installed", lambda: True)
    assert load(example).findings == ()


def test_a_small_file_has_nothing_to_find() -> None:
    assert findings(SMALL) == []


def test_the_step_of_a_number() -> None:
    config = parsed(small("recipients = [", 'ring_time = 20\nsix_xx = "everyone"\nrecipients = ['))
    trunk = config.trunks["carrier"]
    number = config.number("+15550100", trunk)
    assert number is not None
    step = config.dial_step(number)
    assert (step.ring_time, step.six_xx, step.early_media) == (20, SixXX.EVERYONE, EarlyMedia.NONE)
    assert step.media_timeout == 60
    assert [recipient.uri for recipient in step.recipients] == [
        "sip:ana@192.0.2.9",
        "sip:+15550102@sip.carrier.example:5070;transport=tcp",
    ]


def test_a_recipient_behind_a_trunk_has_it_as_outbound_proxy() -> None:
    config = parsed(small('"sip:ana@192.0.2.9"', '"sip:ana@pbx.example", trunk = "carrier"'))
    recipient = config.numbers["+15550100"].step.recipients[0]
    assert recipient.uri == "sip:ana@pbx.example"
    assert recipient.route == "sip:sip.carrier.example:5070;transport=tcp;lr"


def test_credentials_come_from_the_trunk_and_its_password_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("open sesame\n")
    path = tmp_path / "multiring.toml"
    path.write_text(small("address =", 'username = "u"\npassword_file = "secret"\nrealm = "r"\naddress ='))
    config = load(path)
    assert config.trunks["carrier"].credentials == (Credentials("u", "open sesame", "r"),)
    assert config.numbers["+15550100"].step.recipients[1].credentials == config.trunks["carrier"].credentials
    assert "open sesame" not in repr(config)


def test_what_a_number_says_of_the_caller_goes_before_the_trunk() -> None:
    text = small(
        "sources =",
        'caller_id = "dialled"\nheaders = { diversion = true, pass_headers = ["X-A"] }\nsources =',
    )
    recipes = [recipient.recipe for recipient in parsed(text).numbers["+15550100"].step.recipients]
    assert recipes[1].from_user == "dialled"
    assert recipes[1].diversion
    assert recipes[1].pass_headers == ("x-a",)
    assert recipes[0].from_user == "caller"
    text = text.replace("recipients = [", 'caller_id = "+1 555 0199"\nrecipients = [')
    assert {each.recipe.from_user for each in parsed(text).numbers["+15550100"].step.recipients} == {
        "+15550199"
    }


def test_a_disabled_recipient_is_not_in_the_step() -> None:
    step = (
        parsed(small('"sip:ana@192.0.2.9"', '"sip:ana@192.0.2.9", enabled = false')).numbers["+15550100"].step
    )
    assert [recipient.name for recipient in step.recipients] == ["Ben"]


def test_paths_are_meant_from_the_files_directory() -> None:
    config = parsed(SMALL + '[records]\ndatabase = "../var/calls.sqlite"\n')
    assert config.records.database == "sqlite+aiosqlite:////etc/var/calls.sqlite"
    assert config.service.control_socket == "/etc/var/core.sock"
    assert (config.media.relay_socket, config.media.starts_relay) == ("/etc/var/relay.sock", True)


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("udp:homer.example.com:9060", "homer.example.com", 9060),
        ("udp:[2001:db8::1]:9060", "2001:db8::1", 9060),
    ],
)
def test_a_capture_server_has_a_name_or_an_address(text: str, host: str, port: int) -> None:
    config = parsed(SMALL + f'[records]\nhep = "{text}"\nhep_capture_id = 7\nhep_password = "open sesame"\n')
    assert config.records.hep == CaptureServer(host, port, 7, "open sesame")
    assert "open sesame" not in repr(config)


@pytest.mark.parametrize(
    ("trace", "hep", "wanted"), [("off", "", False), ("off", "udp:h:1", True), ("ladder", "", True)]
)
def test_messages_are_noted_when_somebody_wants_them(trace: str, hep: str, wanted: bool) -> None:
    records = parsed(SMALL + f'[records]\ntrace = "{trace}"\nhep = "{hep}"\n').records
    assert records.wants_trace is wanted


@pytest.mark.parametrize(
    "text", ["homer.example.com", "tcp:h:9060", "udp:h:0", "udp:h:65536", "udp:[::g]:1", "udp:[:::]:1"]
)
def test_what_is_no_capture_server_is_told_with_a_remedy(text: str) -> None:
    with pytest.raises(ConfigError, match=r"records\.hep: .*Write it like"):
        parsed(SMALL + f'[records]\nhep = "{text}"\n')


def test_a_relay_that_is_named_is_not_started() -> None:
    config = parsed(SMALL + '[media]\nrelay_socket = "/run/relay.sock"\n')
    assert (config.media.relay_socket, config.media.starts_relay) == ("/run/relay.sock", False)


def test_the_version_tells_texts_apart() -> None:
    assert parsed(SMALL).version == parsed(SMALL).version
    assert parsed(SMALL).version != parsed(SMALL + "# other\n").version


# Who may call in


SOURCES = """\
[trunks.wide]
sources = ["192.0.2.0/24", "2001:db8::/32"]
[trunks.narrow]
sources = ["192.0.2.128/25", "2001:db8:1::/48"]
[trunks.one]
sources = ["192.0.2.200", "203.0.113.0/30"]
[numbers."*"]
recipients = [{ name = "Ana", destination = "sip:ana@192.0.2.9" }]
[numbers."100"]
trunks = ["one"]
recipients = [{ name = "Ana", destination = "sip:ana@192.0.2.9" }]
[sip]
listen = ["udp:127.0.0.1:5060"]
"""


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("192.0.2.1", "wide"),
        ("192.0.2.127", "wide"),
        ("192.0.2.128", "narrow"),
        ("192.0.2.200", "one"),
        ("192.0.3.0", None),
        ("203.0.113.3", "one"),
        ("203.0.113.4", None),
        ("2001:db8::5", "wide"),
        ("2001:db8:1::5", "narrow"),
        ("2001:db9::", None),
        ("::ffff:192.0.2.200", "one"),
        ("fe80::1%eth0", None),
    ],
)
def test_the_narrowest_network_wins(source: str, name: str | None) -> None:
    config = parsed(SOURCES)
    for _ in range(2):  # looked up, then remembered
        trunk = config.trunk_of(source)
        assert (trunk.name if trunk else None) == name


def test_a_flood_of_sources_does_not_grow_the_memory() -> None:
    config = parsed(SOURCES)
    for number in range(10_000):
        config.trunk_of(f"10.1.{number >> 8}.{number & 255}")
    assert len(config._sources) <= 4096


def test_numbers_by_trunk() -> None:
    config = parsed(SOURCES)
    one, wide = config.trunks["one"], config.trunks["wide"]
    assert config.number("100", one) is config.numbers["100"]
    assert config.number("100;npdi", one) is config.numbers["100"]
    assert config.number("100", wide) is None, "a number kept for one trunk is not opened to others by *"
    assert config.number("+4930", wide) is config.numbers["*"]


def test_the_codecs_are_those_that_can_be_offered() -> None:
    codecs = Media.model_fields["late_offer_codecs"].annotation
    assert set(get_args(get_args(codecs)[0])) == set(CODECS)


# Mistakes


@pytest.mark.parametrize(
    ("old", "new", "line", "setting", "problem", "remedy"),
    [
        ("listen =", "lisen =", 2, "sip.lisen", "no such setting", 'Did you mean "listen"'),
        ("listen =", "zebra =", 2, "sip.zebra", "no such setting", "Known here: listen, advertised"),
        ("recipients = [", "ring_tme = 5\nrecipients = [", 10, "ring_tme", "no such setting", "ring_time"),
        ('{ name = "Ana"', '{ nam = "Ana"', 11, "recipients[1].", "", ""),
        (
            "udp:127.0.0.1:5060",
            "udp:localhost:5060",
            2,
            "sip.listen[1]",
            "not a numeric",
            "udp:192.0.2.1:5060",
        ),
        ("udp:127.0.0.1:5060", "tls:127.0.0.1:5061", 2, "sip.listen[1]", "udp: or tcp:", "Write it like"),
        ("udp:127.0.0.1:5060", "udp:::1:5060", 2, "sip.listen[1]", "[brackets]", "Write it like"),
        ("udp:127.0.0.1:5060", "udp:127.0.0.1:70000", 2, "sip.listen[1]", "0 to 65535", "Write it like"),
        (
            '["udp:127.0.0.1:5060"]',
            '["udp:127.0.0.1:5060", "udp:127.0.0.1:5060"]',
            2,
            "listen[2]",
            "twice",
            "Remove",
        ),
        ('["udp:127.0.0.1:5060"]', '"udp:127.0.0.1:5060"', 2, "sip.listen", "must be a list", 'Write ["udp'),
        ("[sip]", '[sip]\nt1 = "fast"', 2, "sip.t1", 'is "fast", but must be a number', "number"),
        ("[sip]", '[sip]\nmin_se = "090"', 2, "sip.min_se", "a whole number", "Write 90, without quotes."),
        ('["192.0.2.0/24"]', '"192.0.2.0/24"', 5, "carrier.sources", "must be a list", 'Write ["192.0.2.0/24"].'),
        ("[trunks.carrier]", "[[trunks]]", 4, "trunks", "is a list of tables", "Write [trunks.NAME], in one pair"),
        ("[trunks.carrier]", "[trunks.carrier]\n[trunks.carrier]", 5, "", "twice", "above already"),
        ("[sip]", "[sip]\nsession_expires = true", 2, "session_expires", "true", "whole number"),
        ("[sip]", "[sip]\nmin_se = 30", 2, "sip.min_se", "out of bounds", "at least 90"),
        ("[sip]", '[sip]\nunknown_sources = "hang"', 2, "unknown_sources", '"hang"', "'refuse' or 'drop'"),
        ("[sip]", '[sip]\nadvertised = ["0.0.0.0"]', 2, "advertised[1]", "not an address", "numeric"),
        (
            "[sip]",
            '[sip]\nadvertised = ["192.0.2.1", "192.0.2.2"]',
            2,
            "advertised[2]",
            "second IPv4",
            "Keep one",
        ),
        ("[sip]", '[sip]\nuser_agent = "a\\r\\nX: y"', 2, "sip.user_agent", "line break", "one line"),
        ("[sip]", '[sip]\nuser_agent = "a\\u0000"', 2, "sip.user_agent", "NUL", "one line"),
        ("192.0.2.0/24", "192.0.2.1/24", 5, "sources[1]", "not an address or network", "bits"),
        ("192.0.2.0/24", "0.0.0.0/0", 5, "sources[1]", "whole Internet", "own addresses"),
        ("sip:sip.carrier", "sips:sip.carrier", 6, "trunks.carrier.address", "TLS", "Write it like"),
        ("sip:sip.carrier", "sip:me@sip.carrier", 6, "trunks.carrier.address", "names a user", "host only"),
        ("transport=tcp", "transport=sctp", 6, "trunks.carrier.address", "neither udp nor tcp", "Write"),
        ("sources =", 'password = "x"\nsources =', 4, "trunks.carrier", "no username", "username"),
        ("sources =", 'caller_id = "me"\nsources =', 5, "caller_id", "cannot be shown", "dialled"),
        (
            "sources =",
            'headers = { add = { Via = "x" } }\nsources =',
            5,
            "add.Via",
            "service itself",
            "Remove",
        ),
        (
            "sources =",
            'headers = { pass_headers = ["a b"] }\nsources =',
            5,
            "pass_headers[1]",
            "header name",
            "",
        ),
        ("sources =", 'interface = "inside"\nsources =', 5, "carrier.interface", "no interface", "default"),
        ('["+1"]', "[]", 12, "destination", "may not be dialled", "allowed_prefixes"),
        ('["+1"]', '["+44"]', 12, "recipients[2].destination", "+44", "allowed_prefixes"),
        ("+1 555-0102", "911", 12, "destination", "emergency", "emergency_numbers"),
        ("+1 555-0102", "sip:x@y", 12, "destination", "not a phone number", "+15550102"),
        ("+1 555-0102", "+15550100", 12, "destination", "ring itself", "another"),
        (', trunk = "carrier"', "", 12, "recipients[2]", "through a trunk", 'trunk = "…", one of: carrier'),
        ('trunk = "carrier"', 'trunk = "carier"', 12, "recipients[2].trunk", "no trunk", "carrier"),
        (
            'address = "sip:sip.carrier.example:5070;transport=tcp"',
            "",
            12,
            "trunk",
            "no address",
            "[trunks.carrier]",
        ),
        ("sip:ana@192.0.2.9", "ana", 11, "destination", "not a SIP URI", "sip:ana@"),
        ("sip:ana@192.0.2.9", "sip:112@192.0.2.9", 11, "destination", "emergency", "extension"),
        ("sip:ana@192.0.2.9", "sip:+15550100@127.0.0.1", 11, "destination", "ring itself", "phone's address"),
        ("sip:ana@192.0.2.9", "sip:x@127.0.0.1:5060", 11, "destination", "this service", "recipients here"),
        (
            '"sip:ana@192.0.2.9"',
            '"sip:a@192.0.2.9", start_after = 30',
            11,
            "start_after",
            "ring_time",
            "Lower",
        ),
        (
            '"sip:ana@192.0.2.9"',
            '"sip:a@192.0.2.9", start_after = 9, stop_after = 8',
            11,
            "stop_after",
            "not after",
            "0 for the end",
        ),
        ("recipients = [", "ring_time = 2\nrecipients = [", 10, "ring_time", "nobody answers", "300"),
        (
            "recipients = [",
            "ring_time = 301\nrecipients = [",
            10,
            "ring_time",
            "out of bounds",
            "at most 300",
        ),
        ("recipients = [", "ring_time = nan\nrecipients = [", 10, "ring_time", "", ""),
        ("recipients = [", 'trunks = ["x"]\nrecipients = [', 10, "trunks[1]", "no trunk", "carrier"),
        ("recipients = [", "timeout_status = 404\nrecipients = [", 10, "timeout_status", "404", "408 or 480"),
        ('[numbers."+15550100"]', '[numbers."a b"]', 9, 'numbers."a b"', "may not stand", ""),
        ("[sip]", "[media]\nports = [20000, 20003]\n[sip]", 2, "media.ports", "one call", "[first, last]"),
        (
            "[sip]",
            "[media]\nports = [80, 20003]\n[sip]",
            2,
            "media.ports[1]",
            "out of bounds",
            "at least 1024",
        ),
        (
            "[sip]",
            '[media]\ninterfaces = [{ name = "a", address = "0.0.0.0" }]\n[sip]',
            2,
            "interfaces[1].address",
            "wildcard",
            "advertised",
        ),
        (
            "[sip]",
            '[service]\ncontrol_socket = "' + "x" * 120 + '"\n[sip]',
            2,
            "control_socket",
            "too long",
            "107",
        ),
        ("[sip]", "[sip", 1, "", "not TOML", "brackets"),
        ("[sip]", "[sip]\nt1 = +x", 2, "", "not TOML", "quotes"),
    ],
)
def test_a_mistake_is_told_with_line_and_remedy(
    old: str, new: str, line: int, setting: str, problem: str, remedy: str
) -> None:
    found = findings(small(old, new))
    assert found, "nothing was found"
    first = found[0]
    assert first.line == line, first
    assert setting in first.setting, first
    assert problem in first.problem, first
    assert remedy in first.remedy, first
    assert str(first).startswith(f"/etc/multiring/multiring.toml:{line}: {first.severity.value}: ")


def test_a_name_that_is_empty_is_said_to_be() -> None:
    text = SMALL + '[flows.main]\nfirst = "team"\n[flows.main.dial.team]\nnobody_answered = "team"\n'
    found = findings(text + '[[flows.main.dial.team.recipients]]\nname = ""\ndestination = "sip:a@192.0.2.3"\n')
    assert [(each.problem, each.remedy) for each in found] == [("is empty.", "Write something there.")]


def test_all_mistakes_are_told_at_once_in_order_of_lines() -> None:
    text = SMALL.replace("192.0.2.0/24", "x").replace('["+1"]', "[]").replace("udp:127.0.0.1:5060", "y")
    assert [finding.line for finding in findings(text)] == [2, 5, 12]


def test_duplicates_and_crowds_are_warned_of() -> None:
    twice = only(
        small("+1 555-0102", "sip:ANA@192.0.2.9").replace('type = "phone", trunk = "carrier"', "nat = true")
    )
    assert (twice.severity, twice.line) == (Severity.WARNING, 12)
    assert "rings twice" in twice.problem
    crowd = only(SMALL + "[limits]\nrecipients = 1\n")
    assert crowd.severity is Severity.WARNING
    assert "2 recipients" in crowd.problem


def test_two_trunks_with_one_source() -> None:
    finding = only(SMALL + '[trunks.other]\nsources = ["192.0.2.0/24"]\n')
    assert (finding.severity, finding.line) == (Severity.WARNING, SMALL.count("\n") + 2)
    assert "a source of carrier too" in finding.problem


def test_nobody_enabled_is_refused() -> None:
    text = SMALL.replace('"sip:ana@192.0.2.9"', '"sip:ana@192.0.2.9", enabled = false')
    assert "nobody" in only(text.replace('"carrier" }', '"carrier", enabled = false }')).problem


def test_a_wildcard_needs_an_address_to_tell_peers() -> None:
    text = small("udp:127.0.0.1:5060", "udp:0.0.0.0:5060")
    warning = only(text)
    assert warning.severity is Severity.WARNING
    assert "198.51.100.7" in warning.problem
    assert parsed(text).sip.listeners[0].advertised == "198.51.100.7"
    with pytest.raises(ConfigError, match=r"no IPv4 route.*advertised"):
        parse(text.encode(), Path("x.toml"), no_route)
    told = text.replace("[sip]", '[sip]\nadvertised = ["203.0.113.5"]')
    assert findings(told) == []
    assert parsed(told).sip.listeners[0].advertised == "203.0.113.5"


def test_loopback_advertises_itself() -> None:
    config = parsed(small("[sip]", '[sip]\nadvertised = ["203.0.113.5"]'))
    assert config.sip.listeners[0].advertised == "127.0.0.1"
    assert config.sip.listeners[0].name == "udp:127.0.0.1:5060"


def test_ipv6_listeners() -> None:
    listener = parsed(small("udp:127.0.0.1:5060", "TCP:[2001:db8:0::1]:5060")).sip.listeners[0]
    assert dataclasses.astuple(listener) == (
        "tcp:[2001:db8::1]:5060",
        "TCP",
        "2001:db8::1",
        5060,
        "2001:db8::1",
    )


def test_a_missing_file_and_one_that_is_not_text(tmp_path: Path) -> None:
    missing = check(tmp_path / "none.toml")
    assert len(missing) == 1
    assert "No such file" in missing[0].problem
    broken = tmp_path / "broken.toml"
    broken.write_bytes(b"[sip]\nuser_agent = '\xff'\n")
    assert [(finding.line, finding.problem) for finding in check(broken)] == [(2, "is not UTF-8 text.")]


def test_a_password_file_that_is_not_there() -> None:
    finding = only(small("address =", 'username = "u"\npassword_file = "secret"\naddress ='))
    assert "secret" in finding.problem
    assert "readable" in finding.remedy


def test_windows_line_ends_are_read() -> None:
    assert findings(SMALL.replace("\n", "\r\n")) == []


@given(st.binary(max_size=200), st.integers(0, len(SMALL)))
def test_rubbish_is_a_finding_and_never_another_exception(rubbish: bytes, at: int) -> None:
    content = SMALL.encode()
    try:
        parse(content[:at] + rubbish + content[at:], Path("x.toml"), no_route)
    except ConfigError as problem:
        assert problem.findings
