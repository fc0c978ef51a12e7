"""Scenario files made whole: what every message has in common is written once, here, as {{blocks}}.

A scenario in scenarios/ is SIPp's XML, with these in its messages:

    {{ask METHOD CSEQ}}      a caller's request that begins something: INVITE, OPTIONS, ...
    {{withdraw CSEQ}}        the CANCEL of the caller's INVITE of that number
    {{confirm CSEQ}}         the ACK of a failure of that INVITE
    {{within METHOD CSEQ}}   a caller's request within the dialog, the ACK of a 2xx too
    {{answer CODE REASON}}   a response to an INVITE that has no To-tag yet
    {{reply CODE REASON}}    a response to any other request
    {{from callee METHOD CSEQ}}  a callee's request within the dialog; {{meet}} must have stood in its <recv>
    {{me}}                   the Contact of whoever writes
    {{sdp VERSION DIRECTION}}    a session description, Content-Length and all; the last thing in a message
    {{nothing}}              no body; the last thing in a message
    {{meet}}                 in a callee's first <recv>: notes who calls, for requests of its own
    {{linger}}               stays for a moment, so that a message that should not come is seen

The branch of a request says its method and number, so that CANCEL and ACK find their INVITE (RFC 3261 §9.1, §17.1.1.3).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

SCENARIOS: Final = Path(__file__).parent / "scenarios"
LINGER: Final = 150  # milliseconds

_VIA = "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=z9hG4bK-[pid]-[call_number]-{branch};rport"
_NUMBER = "sip:[service]@[remote_ip]:[remote_port]"
_CALLER = 'From: "Dana" <sip:+15550123@[local_ip]:[local_port]>;tag=[pid]d[call_number]'
_ME = "Contact: <sip:[local_ip]:[local_port];transport=[transport]>"

_INITIAL = f"""\
{{method}} {_NUMBER} SIP/2.0
{_VIA}
Max-Forwards: 70
{_CALLER}
To: <{_NUMBER}>{{tag}}
Call-ID: [call_id]
CSeq: {{cseq}} {{method}}"""

_WITHIN = f"""\
{{method}} [next_url] SIP/2.0
{_VIA}
[routes]
Max-Forwards: 70
{_CALLER}
To: <{_NUMBER}>[peer_tag_param]
Call-ID: [call_id]
CSeq: {{cseq}} {{method}}"""

_FROM_CALLEE = f"""\
{{method}} [next_url] SIP/2.0
{_VIA}
Max-Forwards: 70
From:[$called];tag=[pid]k[call_number]
To:[$calling]
Call-ID: [call_id]
CSeq: {{cseq}} {{method}}"""

_RESPONSE = """\
SIP/2.0 {code} {reason}
[last_Via:]
[last_From:]
[last_To:]{tag}
[last_Call-ID:]
[last_CSeq:]"""

_SDP = """\
Content-Type: application/sdp
Content-Length: [len]

v=0
o=- [pid] {version} IN IP[media_ip_type] [media_ip]
s=-
c=IN IP[media_ip_type] [media_ip]
t=0 0
m=audio [rtp_port] RTP/AVP 0 101
a=rtpmap:0 PCMU/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-15
a={direction}"""

_MEET = """\
<action>
<ereg regexp=".*" search_in="hdr" header="From:" check_it="true" assign_to="calling"/>
<ereg regexp=".*" search_in="hdr" header="To:" check_it="true" assign_to="called"/>
</action>"""


def render(name: str) -> str:
    """The scenario of that name as SIPp takes it."""
    text = (SCENARIOS / f"{name}.xml").read_text(encoding="utf-8")
    return re.sub(r"\{\{(.+?)\}\}", lambda found: _block(found[1].split()), text)


def _block(words: list[str]) -> str:
    match words:
        case ["ask", method, cseq]:
            return _INITIAL.format(method=method, cseq=cseq, branch=f"{method}-{cseq}", tag="")
        case ["withdraw", cseq]:
            return _INITIAL.format(method="CANCEL", cseq=cseq, branch=f"INVITE-{cseq}", tag="")
        case ["confirm", cseq]:
            return _INITIAL.format(
                method="ACK", cseq=cseq, branch=f"INVITE-{cseq}", tag="[peer_tag_param]"
            )
        case ["within", method, cseq]:
            return _WITHIN.format(method=method, cseq=cseq, branch=f"{method}-{cseq}")
        case ["within", "failed", "ACK", cseq]:
            return _WITHIN.format(method="ACK", cseq=cseq, branch=f"INVITE-{cseq}")
        case ["from", "callee", method, cseq]:
            return _FROM_CALLEE.format(method=method, cseq=cseq, branch=f"{method}-{cseq}")
        case ["from", "callee", "failed", "ACK", cseq]:
            return _FROM_CALLEE.format(method="ACK", cseq=cseq, branch=f"INVITE-{cseq}")
        case ["answer", code, *reason]:
            return (
                _RESPONSE.format(code=code, reason=" ".join(reason), tag=";tag=[pid]k[call_number]")
                + f"\n{_ME}"
            )
        case ["reply", code, *reason]:
            return _RESPONSE.format(code=code, reason=" ".join(reason), tag="")
        case ["me"]:
            return _ME
        case ["sdp", version, direction]:
            return _SDP.format(version=version, direction=direction)
        case ["nothing"]:
            return "Content-Length: 0\n"
        case ["meet"]:
            return _MEET
        case ["linger"]:
            return f'<pause milliseconds="{LINGER}"/>'
    raise ValueError(f"no such block: {' '.join(words)}")
