"""A pretended rtpengine: what of its behaviour ours depends on, learnt from the real one (test_rtpengine.py)."""

from __future__ import annotations

from dataclasses import dataclass, field

from rtp_relay.ng import description, messages
from rtp_relay.ng.messages import Reply, Request


@dataclass
class Tag:
    """One leg: our ports towards it, and the far ends that were described, medium by medium."""

    ports: list[int] = field(default_factory=list)
    far: list[tuple[str, int]] = field(default_factory=list)
    partner: str = ""
    packets: int = 0


@dataclass
class PretendedCall:
    tags: dict[str, Tag] = field(default_factory=dict)
    blocked: set[str] = field(default_factory=set)  # "" is the whole call

    def hears(self, tag: str) -> str:
        """Whose media a leg gets; "" for nobody's."""
        partner = self.tags[tag].partner
        return "" if {"", partner} & self.blocked else partner


class Puppet:
    """answer() is given a datagram, and gives one. refuses: commands that it has a reason not to obey."""

    def __init__(self, address: str = "203.0.113.1", first_port: int = 30000) -> None:
        self.calls: dict[str, PretendedCall] = {}
        self.commands: list[str] = []
        self.requests: list[Request] = []
        self.refuses: dict[str, str] = {}
        self._address, self._port = address, first_port
        self._answers: dict[str, bytes] = {}

    def answer(self, datagram: bytes) -> bytes:
        cookie, request = messages.read(datagram)
        if cookie not in self._answers:
            command = str(request["command"])
            if command != "ping":
                self.commands.append(command)
                self.requests.append(request)
            reason = self.refuses.get(command)
            reply: Reply = {"result": "error", "error-reason": reason} if reason else self._obey(command, request)
            self._answers[cookie] = messages.datagram(cookie, reply)
        return self._answers[cookie]

    def _obey(self, command: str, request: Request) -> Reply:
        if command == "ping":
            return {"result": "pong"}
        name = str(request["call-id"])
        if command != "offer" and name not in self.calls:
            return {"result": "error", "error-reason": "Unknown call-id"}
        call = self.calls.setdefault(name, PretendedCall())
        match command:
            case "offer" | "answer":
                return self._describe(command, call, request)
            case "block media":
                call.blocked.add(str(request.get("from-tag", "")))
            case "unblock media":
                call.blocked.discard(str(request.get("from-tag", "")))
            case "query":
                return {"result": "ok", "tags": {name: _told(call, tag) for name, tag in call.tags.items()}}
            case "delete" if "to-tag" in request:
                call.tags.pop(str(request["to-tag"]), None)
            case "delete":
                del self.calls[name]
        return {"result": "ok"}

    def _describe(self, command: str, call: PretendedCall, request: Request) -> Reply:
        offerer, answerer = str(request["from-tag"]), str(request["to-tag"])
        teller, told = (offerer, answerer) if command == "offer" else (answerer, offerer)
        far = [(end.address, end.port) for end in description.read(str(request["sdp"]))]
        for name in (teller, told):
            tag = call.tags.setdefault(name, Tag())
            while len(tag.ports) < len(far):
                tag.ports.append(self._port)
                self._port += 2
        call.tags[teller].far = far
        if command == "answer":
            call.tags[offerer].partner, call.tags[answerer].partner = answerer, offerer
        lines = ["v=0", "o=- 1 1 IN IP4 0.0.0.0", "s=-", f"c=IN IP4 {self._address}", "t=0 0"]
        for port in call.tags[told].ports[: len(far)]:
            lines += [f"m=audio {port} RTP/AVP 0", f"a=rtcp:{port + 1}"]
        return {"result": "ok", "sdp": "\r\n".join([*lines, ""])}


def _told(call: PretendedCall, tag: Tag) -> Reply:
    return {
        "medias": [
            {"index": at + 1, "streams": [
                {"local port": port, "stats": {"packets": tag.packets, "bytes": 172 * tag.packets, "errors": 0},
                 "endpoint": {"address": tag.far[at][0], "port": tag.far[at][1]} if at < len(tag.far) else {}},
                {"local port": port + 1, "stats": {"packets": 0, "bytes": 0, "errors": 0}},
            ]}
            for at, port in enumerate(tag.ports)
        ],
        "subscriptions": [{"tag": tag.partner, "type": "offer/answer"}] if tag.partner else [],
    }  # fmt: skip
