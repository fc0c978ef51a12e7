"""What SIPp's keywords stand for in a copied message, and what stays."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from b2bua.traces.keywords import Party, escaped
from b2bua.traces.spoken import Spoken
from tests.b2bua.traces.samples import CALLER, CONTACT, INVITE, OFFER, SERVICE, caller_says, message


def written(data: bytes, own: str = CALLER, service: str = SERVICE) -> list[str]:
    said = Spoken.read(data)
    return Party([said], own, service).request(said, None, {})


def header(lines: list[str], name: str) -> str:
    return next(line.partition(": ")[2] for line in lines if line.startswith(f"{name}: "))


def test_what_is_of_one_call_becomes_keywords() -> None:
    lines = written(INVITE)
    assert lines[0] == "INVITE sip:+15550100@[remote_ip] SIP/2.0"
    assert header(lines, "Via") == (
        "SIP/2.0/[transport] [local_ip]:[local_port];branch=z9hG4bK-[pid]-[call_number]-1;rport"
    )
    assert header(lines, "Call-ID") == "[call_id]"
    assert (
        header(lines, "From")
        == '"Dana \\x5Bhome]" <sip:+15550123@[local_ip]>;tag=[pid]SIPpTag00[call_number]'
    )
    assert header(lines, "To") == "<sip:+15550100@[remote_ip]>"
    assert header(lines, "Contact") == '"Dana" <sip:dana@[local_ip]:[local_port];transport=[transport]>'
    assert header(lines, "Content-Length") == "[len]"


def test_what_the_party_said_otherwise_stays_in_order_and_spelling() -> None:
    lines = written(caller_says("INVITE sip:1@192.0.2.9 SIP/2.0", 1, "x-Odd: A;b", "s: Hello", tagged=False))
    assert lines[2:3] + lines[-4:-2] == ["Max-Forwards: 69", "x-Odd: A;b", "s: Hello"]
    assert lines[-2:] == ["Content-Length: 0", ""]


def test_a_session_description_has_the_ports_of_sipp() -> None:
    video = OFFER + "m=video 41002 RTP/AVP 96\r\nm=image 0 udptl t38\r\nc=IN IP4 0.0.0.0\r\n"
    lines = written(message("INVITE sip:h SIP/2.0", [], video))
    body = lines[lines.index("") + 1 :]
    assert body[1] == "o=dana 7 1 IN IP[media_ip_type] [media_ip]"
    assert body[3] == "c=IN IP[media_ip_type] [media_ip]"
    assert body[5] == "m=audio [media_port] RTP/AVP 0 101"
    assert "a=rtcp:[media_port+1]" in body
    assert body[-3:] == ["m=video [media_port+2] RTP/AVP 96", "m=image 0 udptl t38", "c=IN IP4 0.0.0.0"]


def test_a_description_that_was_not_kept_is_made_up() -> None:
    lines = written(message("INVITE sip:h SIP/2.0", ["Content-Type: application/sdp"]))
    assert "m=audio [media_port] RTP/AVP 0 8 101" in lines


def test_what_proxies_have_put_in_is_left_out() -> None:
    more = ["Record-Route: <sip:p@192.0.2.3;lr>", "Via: SIP/2.0/UDP 192.0.2.4", "Route: <sip:192.0.2.9;lr>"]
    text = "\n".join(written(caller_says("INVITE sip:1@h SIP/2.0", 1, *more)))
    assert text.count("Via:") == 1 and "Route" not in text


def test_parameters_of_the_via_that_are_of_no_hop_stay() -> None:
    via = "Via: SIP/2.0/UDP host.example:5070;rport=1;branch=z9hG4bKa;received=192.0.2.8;keep"
    lines = written(message("OPTIONS sip:h SIP/2.0", [via]))
    assert header(lines, "Via").endswith("-1;rport;keep")


def test_the_party_is_reached_at_sipp_however_it_named_itself() -> None:
    for contact in ("<sip:pbx.example>", "sip:pbx.example:5999", "<sip:[2001:db8::1]:5060>"):
        lines = written(message("INVITE sip:h SIP/2.0", [f"m: {contact}"]))
        assert header(lines, "m").strip("<>") == "sip:[local_ip]:[local_port]"


def test_where_a_redirection_points_stays() -> None:
    said = Spoken.read(message("SIP/2.0 302 Moved", ["CSeq: 1 INVITE", "Contact: <sip:else@203.0.113.5>"]))
    assert "Contact: <sip:else@203.0.113.5>" in Party([said], CALLER, SERVICE).response(said, [])


def test_of_two_at_one_address_the_port_tells_them_apart_and_else_the_header() -> None:
    data = message("INVITE sip:1@127.0.0.1 SIP/2.0", [
        "X-Far: 127.0.0.1:5060", "X-Near: 127.0.0.1:5070", "To: <sip:1@127.0.0.1>",
        "P-Asserted-Identity: <sip:2@127.0.0.1>",
    ])  # fmt: skip
    lines = written(data, "127.0.0.1:5070", "127.0.0.1:5060")
    assert lines[0] == "INVITE sip:1@[remote_ip] SIP/2.0"
    assert [header(lines, name) for name in ("X-Far", "X-Near", "To", "P-Asserted-Identity")] == [
        "[remote_ip]:[remote_port]", "[local_ip]:[local_port]", "<sip:1@[remote_ip]>", "<sip:2@[local_ip]>",
    ]  # fmt: skip


def test_part_of_a_longer_address_is_none() -> None:
    lines = written(message("INVITE sip:h SIP/2.0", ["X-Odd: 192.0.2.10 1192.0.2.1 192.0.2.1.example"]))
    assert header(lines, "X-Odd") == "192.0.2.10 1192.0.2.1 192.0.2.1.example"


def test_ipv6_addresses_become_keywords_with_their_brackets() -> None:
    data = message(
        "INVITE sip:1@[2001:db8::9]:5060 SIP/2.0", [CONTACT, "P-Asserted-Identity: <sip:2@[2001:db8::1]>"]
    )
    lines = written(data, "[2001:db8::1]:5070", "[2001:db8::9]:5060")
    assert lines[0] == "INVITE sip:1@[remote_ip]:[remote_port] SIP/2.0"
    assert header(lines, "P-Asserted-Identity") == "<sip:2@[local_ip]>"


def test_what_sipp_or_xml_would_take_for_theirs_is_written_by_its_code() -> None:
    assert escaped("a[b] \\x41 ]]> \xfc\x01") == "a\\x5Bb] \\x5Cx41 \\x5D]> \\xFC\\x01"


@given(st.text(alphabet=st.characters(max_codepoint=255)))
def test_escaped_text_is_read_back_by_sipps_rule(text: str) -> None:
    written = escaped(text)
    assert written.isascii() and "[" not in written and "]]>" not in written
    parts = written.split("\\x")
    assert parts[0] + "".join(chr(int(part[:2], 16)) + part[2:] for part in parts[1:]) == text
