"""Messages that a party has sent, with SIPp's keywords where it must say something else at each call.

What is of this one call (Call-ID, branches, the tags of the party) and of the machines it went between (addresses,
also those in a session description) becomes a keyword; everything else stays as it was, in its order and spelling.
What proxies on the way have put in (Record-Route, Route, every Via but the first) is left out: SIPp plays the party
and them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from b2bua.traces.spoken import Spoken, long_name, without_tag

_OF_PROXIES: Final = frozenset({"record-route", "route", "path"})
_CONTACT_HOST: Final = re.compile(
    r"(?P<before><?sips?:(?:[^@;?<>\"\s]+@)?)(?P<host>\[[^\]]+\]|[^:;?<>\s,]+)(?::\d+)?", re.IGNORECASE
)
_TRANSPORT: Final = re.compile(r";transport=\w+", re.IGNORECASE)
_VIA: Final = re.compile(
    r"SIP\s*/\s*2\.0\s*/\s*\w+\s+(?P<host>\[[^\]]+\]|[^:;,\s]+)(?:\s*:\s*\d+)?", re.IGNORECASE
)
_VIA_OF_THIS_HOP: Final = re.compile(r";[ \t]*(?:branch|received|rport)(?:[ \t]*=[^;,]*)?", re.IGNORECASE)
_NUMERIC: Final = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}|[0-9A-Fa-f]*:[0-9A-Fa-f:.]+")
_CONNECTION: Final = re.compile(r"(?P<before>(?:c=|o=.* )IN )IP[46] (?P<host>\S+)")
_MEDIUM: Final = re.compile(r"(?P<before>m=\w+ )(?P<port>\d+)")
_NOWHERE: Final = ("0.0.0.0", "::")  # RFC 3264 §8.4: an old way to put a call on hold

# What a trace that keeps no bodies (`records.trace = "ladder"`) has lost: some description, so that there is one.
_SOME_SDP: Final = b"\r\n".join([
    b"v=0", b"o=- 1 1 IN IP4 192.0.2.1", b"s=-", b"c=IN IP4 192.0.2.1", b"t=0 0", b"m=audio 6000 RTP/AVP 0 8 101",
    b"a=rtpmap:101 telephone-event/8000", b"",
])  # fmt: skip


class Party:
    """Whose side is played. One for a scenario: it remembers which branch and which tag became which keyword."""

    def __init__(self, said: Iterable[Spoken], own: str, service: str) -> None:
        """said: all that it has sent. own, service: "host:port" of the two, as the trace has them."""
        self._service_host, _, self._service_port = service.rpartition(":")
        self._own_hosts = {own.rpartition(":")[0], *_hosts_of(said)}
        hosts = sorted({*self._own_hosts, self._service_host}, key=len, reverse=True)
        self._place = re.compile(rf"(?<![\w.:])({'|'.join(map(re.escape, hosts))})(?![\w.])(:\d{{1,5}})?")
        self._branches: dict[str, int] = {}
        self._tags: dict[str, int] = {}

    def request(
        self, said: Spoken, uri: str | None, replaced: Mapping[str, str], routed: bool = False
    ) -> list[str]:
        """A request, line by line. uri: in the Request-URI's place, already with keywords, or None for its own.

        replaced: whole header lines by long name, in place of the recorded ones. routed: within a dialog.
        """
        first = f"{said.method} {self.text(said.uri, True) if uri is None else uri} SIP/2.0"
        lines = [first, self._via(said)]
        if routed:
            lines.append("[routes]")
        fixed = {"from": f"From: {self.text(without_tag(said.value('from')))};tag={self.tag(said.from_tag)}"}
        return lines + self._rest(said, {**fixed, **replaced}) + self._body(said)

    def response(self, said: Spoken, copied: Sequence[str]) -> list[str]:
        """A response. copied: the lines that it has from the request (RFC 3261 §8.2.6.2), with the tag of To."""
        replaced = dict.fromkeys(("from", "to", "call-id", "cseq"), "")
        return [escaped(said.first), *copied, *self._rest(said, replaced), *self._body(said)]

    def tag(self, own: str) -> str:
        return f"[pid]SIPpTag{self._tags.setdefault(own, len(self._tags)):02}[call_number]"

    def text(self, text: str, towards_service: bool = False) -> str:
        """Addresses of the two as keywords. towards_service: whose it is where both have the same address."""
        parts, position = [], 0
        for found in self._place.finditer(text):
            parts += [escaped(text[position : found.start()]), self._keyword(found, towards_service)]
            position = found.end()
        return "".join([*parts, escaped(text[position:])])

    def _keyword(self, found: re.Match[str], towards_service: bool) -> str:
        host, port = found[1], found[2]
        if host != self._service_host:
            is_service = False
        elif host not in self._own_hosts:
            is_service = True
        else:
            is_service = port[1:] == self._service_port if port else towards_service
        side = "remote" if is_service else "local"
        return f"[{side}_ip]" + (f":[{side}_port]" if port else "")

    def _via(self, said: Spoken) -> str:
        # RFC 3261 §9.1, §17.1.1.3: CANCEL, and the ACK of a failure, have the branch of their INVITE.
        number = self._branches.setdefault(said.branch or said.value("cseq"), len(self._branches) + 1)
        more = _VIA_OF_THIS_HOP.sub("", _VIA.sub("", said.value("via").partition(",")[0], count=1)).strip()
        branch = f"branch=z9hG4bK-[pid]-[call_number]-{number}"
        return f"Via: SIP/2.0/[transport] [local_ip]:[local_port];{branch};rport{escaped(more)}"

    def _rest(self, said: Spoken, replaced: Mapping[str, str]) -> list[str]:
        lines = []
        for spelled, value in said.fields:
            name = long_name(spelled)
            if name in replaced:
                lines += [replaced[name]] if replaced[name] else []
            elif name == "call-id":
                lines.append(f"{spelled}: [call_id]")
            elif name == "contact" and not 300 <= said.status < 400:
                lines.append(f"{spelled}: {self._contact(value)}")
            elif name not in _OF_PROXIES and name not in ("via", "content-length"):
                lines.append(f"{spelled}: {self.text(value, name in ('to', 'refer-to'))}")
        return lines

    def _contact(self, value: str) -> str:
        found = _CONTACT_HOST.search(value)
        if found is None:
            return self.text(value)
        after = _TRANSPORT.sub(";transport=[transport]", escaped(value[found.end() :]))
        before = value[: found.start()] + found["before"]
        return f"{escaped(before)}[local_ip]:[local_port]{after}"

    def _body(self, said: Spoken) -> list[str]:
        body = said.body
        if not body and said.is_sdp:
            body = _SOME_SDP
        if not body:
            return ["Content-Length: 0", ""]
        text = body.decode("iso-8859-1").removesuffix("\r\n")
        lines = re.split(r"\r?\n", text)
        return [
            "Content-Length: [len]",
            "",
            *(self._description(lines) if said.is_sdp else map(self._plain, lines)),
        ]

    def _plain(self, line: str) -> str:
        written = self.text(line)
        return f"\\x20{written[1:]}" if written.startswith(" ") else written  # SIPp eats leading white space

    def _description(self, lines: Iterable[str]) -> list[str]:
        written, medium = [], -1
        for line in lines:
            if found := _CONNECTION.fullmatch(line):
                is_somewhere = found["host"] not in _NOWHERE
                here = f"{escaped(found['before'])}IP[media_ip_type] [media_ip]"
                line = here if is_somewhere else escaped(line)
            elif found := _MEDIUM.match(line):
                medium += 1
                port = _media_port(2 * medium) if found["port"] != "0" else "0"
                line = f"{found['before']}{port}{escaped(line[found.end() :])}"
            elif line.startswith("a=rtcp:"):
                line = f"a=rtcp:{_media_port(2 * medium + 1)}"
            else:
                line = self._plain(line)
            written.append(line)
        return written


def escaped(text: str) -> str:
    """Text that SIPp and XML take as it stands: no keyword, no end of CDATA, no octet but ASCII."""
    return _SPECIAL.sub(lambda found: f"\\x{ord(found[0]):02X}", text)


_SPECIAL: Final = re.compile(r"\[|\](?=\]>)|\\(?=x)|[^\t\x20-\x7e]")


def _media_port(offset: int) -> str:
    return f"[media_port+{offset}]" if offset else "[media_port]"


def _hosts_of(said: Iterable[Spoken]) -> Iterable[str]:
    """Numeric addresses that a party calls its own, as they stand in headers: IPv6 in brackets."""
    for each in said:
        if not each.is_response and (via := _VIA.match(each.value("via"))) and _is_numeric(via["host"]):
            yield via["host"]
        contact = None if 300 <= each.status < 400 else _CONTACT_HOST.search(each.value("contact"))
        if contact is not None and _is_numeric(contact["host"]):
            yield contact["host"]


def _is_numeric(host: str) -> bool:
    return _NUMERIC.fullmatch(host.strip("[]")) is not None
