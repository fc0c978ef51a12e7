"""Scenario files made whole: what every message has in common is written once, here, as {{blocks}}.

A scenario in scenarios/ is SIPp's XML, with these in it. In messages:

    {{ask METHOD CSEQ}}      a caller's request that begins something: INVITE, OPTIONS, ...
    {{withdraw CSEQ}}        the CANCEL of the caller's INVITE of that number
    {{confirm CSEQ}}         the ACK of a failure of that INVITE
    {{within METHOD CSEQ}}   a caller's request within the dialog, the ACK of a 2xx too
    {{within failed ACK CSEQ}}  the ACK of a failure of an INVITE within the dialog
    {{callee METHOD CSEQ}}, {{callee failed ACK CSEQ}}  the same from a callee, who must have {{meet}} the INVITE
    {{answer CODE REASON}}   a response to an INVITE that has no To-tag yet
    {{refuse CODE REASON}}   the same without a Contact
    {{late CODE REASON}}     the same when a CANCEL has come in between
    {{reply CODE REASON}}    a response to any other request
    {{me}}                   the Contact of whoever writes
    {{sdp VERSION DIRECTION}}    a session description, Content-Length and all; the last thing in a message
    {{nothing}}              no body; the last thing in a message
    {{=TERM}}                what the test says (Party.terms)

In place of commands:

    {{meet}}      in a callee's first <recv>: notes who calls, for requests of its own
    {{calls}}     a caller's whole INVITE with SDP, up to the ACK of its 200
    {{answers}}   a callee's whole INVITE: rings, answers after {{=ring}} ms, up to the ACK
    {{hangs up CSEQ}}, {{callee hangs up CSEQ}}   BYE and its 200
    {{is hung up}}    the same from the other side
    {{is stopped}}    CANCEL, its 200, 487 and its ACK
    {{linger}}        stays for a moment, so that a message that should not come is seen

The branch of a request says its method and number, so that CANCEL and ACK find their INVITE (RFC 3261 §9.1, §17.1.1.3).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

SCENARIOS: Final = Path(__file__).parent / "scenarios"
LINGER: Final = 150  # milliseconds

_VIA = "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=z9hG4bK-[pid]-[call_number]-{branch};rport"
_NUMBER = "sip:[service]@[remote_ip]:[remote_port]"
_CALLER = 'From: "Dana" <sip:{{{{=from}}}}@[local_ip]:[local_port]>;tag=[pid]d[call_number]'
_ME = "Contact: <sip:[local_ip]:[local_port];transport=[transport]>"

_TAG = ";tag=[pid]k[call_number]"

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


_CALLS = """\
<send retrans="500"><![CDATA[
{{ask INVITE 1}}
{{me}}
{{=fields}}
{{sdp 1 sendrecv}}
]]></send>
<recv response="100"/>
<recv response="180" optional="true"/>
<recv response="200" rrs="true"/>
<send><![CDATA[
{{within ACK 1}}
{{nothing}}
]]></send>"""

_ANSWERS = """\
<recv request="INVITE" rrs="true">
{{meet}}
</recv>
<Reference variables="calling,called"/>
<send><![CDATA[
{{answer 180 Ringing}}
{{nothing}}
]]></send>
<pause milliseconds="{{=ring}}"/>
<send retrans="500"><![CDATA[
{{answer 200 OK}}
{{=fields}}
{{sdp 1 sendrecv}}
]]></send>
<recv request="ACK"/>"""

_HANGS_UP = """\
<send retrans="500"><![CDATA[
{{{{{request}}}}}
{{{{nothing}}}}
]]></send>
<recv response="200"/>
{{{{linger}}}}"""

_IS_HUNG_UP = """\
<recv request="BYE"/>
<send><![CDATA[
{{reply 200 OK}}
{{nothing}}
]]></send>
{{linger}}"""

_IS_STOPPED = """\
<recv request="CANCEL"/>
<send><![CDATA[
{{refuse 200 OK}}
{{nothing}}
]]></send>
<send retrans="500"><![CDATA[
{{late 487 Request Terminated}}
{{nothing}}
]]></send>
<recv request="ACK"/>
{{linger}}"""

_LATE = _RESPONSE.replace("[last_CSeq:]", "CSeq: 1 INVITE")

# What the test may leave unsaid.
TERMS: Final[Mapping[str, str]] = {
    "from": "+15550123",  # the caller's number
    "hold": "200",  # milliseconds of talk
    "ring": "200",  # milliseconds of ringing
    "fields": "",  # header lines of the first INVITE, of its answer or its refusal
    "body": "{{nothing}}",
    "reason": "Because",
    "tag": "",
    "acknowledgement": "",
}


def render(name: str, terms: Mapping[str, str]) -> str:
    """The scenario of that name as SIPp takes it."""
    text = (SCENARIOS / f"{name}.xml").read_text(encoding="utf-8")
    return _expand(text, {**TERMS, **terms})


def _expand(text: str, terms: Mapping[str, str]) -> str:
    # A term may stand within a block: {{answer {{=status}} No}}.
    text = re.sub(r"\{\{=(\w+)\}\}", lambda found: terms[found[1]], text)
    text = re.sub(r"\{\{(.+?)\}\}", lambda found: _expand(_block(found[1].split()), terms), text)
    return re.sub(r"\n[ \t]*\n(?=[A-Za-z-]+: )", "\n", text)  # a term that was left empty


def _block(words: list[str]) -> str:
    match words:
        case ["ask", method, cseq]:
            return _INITIAL.format(method=method, cseq=cseq, branch=f"{method}-{cseq}", tag="")
        case ["withdraw", cseq]:
            return _INITIAL.format(method="CANCEL", cseq=cseq, branch=f"INVITE-{cseq}", tag="")
        case ["confirm", cseq]:
            return _INITIAL.format(method="ACK", cseq=cseq, branch=f"INVITE-{cseq}", tag="[peer_tag_param]")
        case ["within", method, cseq]:
            return _WITHIN.format(method=method, cseq=cseq, branch=f"{method}-{cseq}")
        case ["within", "failed", "ACK", cseq]:
            return _WITHIN.format(method="ACK", cseq=cseq, branch=f"INVITE-{cseq}")
        case ["callee", "hangs", "up", cseq]:
            return _HANGS_UP.format(request=f"callee BYE {cseq}")
        case ["callee", method, cseq]:
            return _FROM_CALLEE.format(method=method, cseq=cseq, branch=f"{method}-{cseq}")
        case ["callee", "failed", "ACK", cseq]:
            return _FROM_CALLEE.format(method="ACK", cseq=cseq, branch=f"INVITE-{cseq}")
        case ["answer", code, *reason]:
            return _RESPONSE.format(code=code, reason=" ".join(reason), tag=_TAG) + f"\n{_ME}"
        case ["refuse", code, *reason]:
            return _RESPONSE.format(code=code, reason=" ".join(reason), tag=_TAG)
        case ["late", code, *reason]:
            return _LATE.format(code=code, reason=" ".join(reason), tag=_TAG)
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
        case ["calls"]:
            return _CALLS
        case ["answers"]:
            return _ANSWERS
        case ["hangs", "up", cseq]:
            return _HANGS_UP.format(request=f"within BYE {cseq}")
        case ["is", "hung", "up"]:
            return _IS_HUNG_UP
        case ["is", "stopped"]:
            return _IS_STOPPED
        case ["linger"]:
            return f'<pause milliseconds="{LINGER}"/>'
    raise ValueError(f"no such block: {' '.join(words)}")
