"""SIPp's message log (-trace_msg), read back: every message as it was on the wire, with its time and direction."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

ELSEWHERE = "Call completed elsewhere"

_HEAD = re.compile(
    r"^-{20,} (?P<at>\d{4}-\d\d-\d\d[ T\t]\d\d:\d\d:\d\d\.\d+)\S*\n"
    r"(?P<transport>\S+) message (?P<direction>sent|received) .*?(?:\[\d+\] bytes|\(\d+ bytes\)).*?\n\n",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Message:
    """at: seconds since 1970. received: by the SIPp whose log it stands in."""

    at: float
    received: bool
    text: str

    @property
    def first_line(self) -> str:
        return self.text.split("\n", 1)[0].rstrip("\r")

    @property
    def status(self) -> int | None:
        """None for a request."""
        return int(self.first_line.split()[1]) if self.first_line.startswith("SIP/2.0 ") else None

    @property
    def method(self) -> str:
        """Of the request, or that a response belongs to."""
        return self.cseq.split()[1] if self.status is not None else self.first_line.split()[0]

    @property
    def cseq(self) -> str:
        return self.header("CSeq")

    @property
    def name(self) -> str:
        """INVITE; 180 INVITE."""
        return self.method if self.status is None else f"{self.status} {self.method}"

    @property
    def call_id(self) -> str:
        return self.header("Call-ID")

    def headers(self, name: str) -> list[str]:
        head = self.text.replace("\r\n", "\n").split("\n\n", 1)[0]
        return [
            value.strip()
            for field, _, value in (line.partition(":") for line in head.split("\n")[1:])
            if field.strip().lower() == name.lower()
        ]

    def header(self, name: str) -> str:
        """The only value of a header; "" when it is not there."""
        values = self.headers(name)
        assert len(values) <= 1, f"{len(values)} times {name} in\n{self.text}"
        return values[0] if values else ""

    @property
    def body(self) -> str:
        return self.text.replace("\r\n", "\n").partition("\n\n")[2]

    @property
    def is_elsewhere(self) -> bool:
        """Whether a Reason tells that somebody else has answered (RFC 3326)."""
        return any(ELSEWHERE in value for value in self.headers("Reason"))

    @property
    def media_port(self) -> int:
        """The port of the first m-line of its session description."""
        found = re.search(r"^m=audio (\d+) ", self.body, re.MULTILINE)
        assert found is not None, f"no audio in\n{self.text}"
        return int(found[1])

    @property
    def direction(self) -> str:
        """a= of the first medium; without one it is sendrecv (RFC 3264 §6.1)."""
        found = re.search(r"^a=(sendrecv|sendonly|recvonly|inactive)\s*$", self.body, re.MULTILINE)
        return found[1] if found else "sendrecv"


def read(path: Path) -> list[Message]:
    """All messages of a log, in its order."""
    text = path.read_bytes().decode(errors="replace") if path.exists() else ""
    heads = list(_HEAD.finditer(text))
    ends = [*(head.start() for head in heads), len(text)][1:]
    return [
        Message(
            _seconds(head["at"]), head["direction"] == "received", text[head.end() : end].rstrip("\n") + "\n"
        )
        for head, end in zip(heads, ends, strict=True)
    ]


def repeated(messages: Iterable[Message]) -> list[Message]:
    """Those that stand in the log more than once in the same direction: retransmissions."""
    seen: set[tuple[bool, str]] = set()
    again = []
    for message in messages:
        key = (message.received, message.text)
        if key in seen:
            again.append(message)
        seen.add(key)
    return again


def _seconds(text: str) -> float:
    return datetime.fromisoformat(re.sub(r"[\t]", " ", text)).timestamp()
