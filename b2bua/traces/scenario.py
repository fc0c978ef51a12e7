"""A call's trace as a SIPp scenario: one side of the call, to be played again.

SIPp then says what the caller, or one recipient, has said: the same messages in the same order and with the same
pauses, and it waits for what the service has said to them. Repeats are left to SIPp and the service. Pauses stand only
before what the party sends of itself; how long the service takes is the service's affair. A provisional response may
stay away in another run, and is optional where SIPp allows that: where another response is waited for after it.

A recipient's leg may have had several INVITEs to different places (a redirection followed, another number shown): the
last one, which has had all there was to have, is played.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple
from xml.sax.saxutils import escape, quoteattr

from b2bua.calls.record import CallRecord, TraceEntry
from b2bua.traces.keywords import Party
from b2bua.traces.spoken import Spoken

_SHORTEST_PAUSE: Final = 10  # milliseconds; what is shorter is a program's doing and no person's
_COPIED: Final = ("Via", "From", "To", "Call-ID", "CSeq")


class ScenarioError(ValueError):
    """There is nothing to play. The text is for a person."""


class _Turn(NamedTuple):
    """One message of the leg. at: microseconds. is_sent: by the party that is played."""

    at: int
    is_sent: bool
    said: Spoken


def render(record: CallRecord, leg: int = 0) -> str:
    """SIPp's XML for the caller's side (leg 0) or a recipient's (its leg). Raises ScenarioError."""
    name = _name(record, leg)
    entries = [entry for entry in sorted(record.trace, key=lambda entry: entry.at) if entry.leg == leg]
    if not entries:
        raise ScenarioError(f"No messages of {name} were kept.")
    turns, until = _turns(entries)
    service, own = entries[-1].local, entries[-1].remote
    party = Party([turn.said for turn in turns if turn.is_sent], own, service)
    steps = [*_Script(turns, party).steps(), *_waiting(turns, until)]
    title = quoteattr(f"{name} of call {record.id}".encode("ascii", "replace").decode())
    remark = _remark(leg, service, own, entries[-1].transport)
    return "\n".join(
        [
            '<?xml version="1.0" encoding="UTF-8"?>',
            remark,
            f"<scenario name={title}>",
            *steps,
            "</scenario>",
            "",
        ]
    )


def _name(record: CallRecord, leg: int) -> str:
    if leg == 0:
        return "the caller"
    return next((each.name for each in record.recipients if each.leg == leg), f"leg {leg}")


def _turns(entries: Sequence[TraceEntry]) -> tuple[list[_Turn], int]:
    """The messages to be played, repeats left out, and the time of the last one, repeats counted in."""
    read = [_Turn(entry.at, entry.received, Spoken.read(entry.data)) for entry in entries]
    call_id = next((turn.said.call_id for turn in reversed(read) if turn.said.method == "INVITE"), "")
    seen: set[tuple[bool, bytes]] = set()
    turns = []
    for entry, turn in zip(entries, read, strict=True):
        if turn.said.call_id == call_id and (entry.received, entry.data) not in seen:
            seen.add((entry.received, entry.data))
            turns.append(turn)
    return turns, entries[-1].at


def _remark(leg: int, service: str, own: str, transport: str) -> str:
    far = f" {service}" if leg == 0 else ""
    mode = "t1" if transport == "TCP" else "u1"
    host, _, port = own.rpartition(":")
    return (
        f"<!-- Play it as the {'caller' if leg == 0 else 'recipient'}, at most one call at a time:\n"
        f"     sipp{far} -sf FILE -m 1 -l 1 -t {mode} -i {escape(host)} -p {escape(port)} -->"
    )


def _waiting(turns: Sequence[_Turn], until: int) -> Iterable[str]:
    """The party stays as long as repeats of the last message came, as it did."""
    milliseconds = (until - turns[-1].at) // 1000
    if milliseconds >= _SHORTEST_PAUSE:
        yield f'<pause milliseconds="{milliseconds}"/>'


class _Script:
    """The steps of a scenario, made one after the other."""

    def __init__(self, turns: Sequence[_Turn], party: Party) -> None:
        self._turns = turns
        self._party = party
        self._is_caller = turns[0].is_sent
        self._captured: dict[int, dict[str, str]] = {}  # of a received message: variable, header

    def steps(self) -> list[str]:
        sent = {index: self._sent(index) for index, turn in enumerate(self._turns) if turn.is_sent}
        return [
            "\n".join(sent[index] if turn.is_sent else self._received(index))
            for index, turn in enumerate(self._turns)
        ]

    # Waiting.

    def _received(self, index: int) -> list[str]:
        said = self._turns[index].said
        attributes = f'response="{said.status}"' if said.is_response else f"request={quoteattr(said.method)}"
        if self._is_optional(index):
            attributes += ' optional="true"'
        if self._is_dialog_made(said):
            attributes += ' rrs="true"'
        captured = self._captured.get(index)
        if not captured:
            return [f"<recv {attributes}/>"]
        actions = [
            f'<ereg regexp=".*" search_in="hdr" header="{header}:" check_it="true" assign_to="{variable}"/>'
            for variable, header in captured.items()
        ]
        return [f"<recv {attributes}>", "<action>", *actions, "</action>", "</recv>"]

    def _is_optional(self, index: int) -> bool:
        """SIPp allows what may stay away only before something that must come."""
        if not 100 <= self._turns[index].said.status < 200 or index in self._captured:
            return False
        following = self._turns[index + 1 : index + 2]
        return bool(following) and not following[0].is_sent and following[0].said.is_response

    def _is_dialog_made(self, said: Spoken) -> bool:
        if said.method != "INVITE":
            return False
        if said.is_response:
            return 100 < said.status < 300 and bool(said.to_tag)
        return not said.to_tag

    # Sending.

    def _sent(self, index: int) -> list[str]:
        said = self._turns[index].said
        lines = self._response(index) if said.is_response else self._request(said)
        repeats = ' retrans="500"' if _is_repeated(said) else ""
        return [*self._pause(index), f"<send{repeats}>", "<![CDATA[", *lines, "]]>", "</send>"]

    def _pause(self, index: int) -> Iterable[str]:
        if index:
            milliseconds = round((self._turns[index].at - self._turns[index - 1].at) / 1000)
            if milliseconds >= _SHORTEST_PAUSE:
                yield f'<pause milliseconds="{milliseconds}"/>'

    def _request(self, said: Spoken) -> list[str]:
        invite = self._invite_of(said)
        if not self._is_caller:
            # The dialog is the service's: From and To are the other way round, and its To was given by it.
            first = next(index for index, turn in enumerate(self._turns) if not turn.is_sent)
            ours, theirs = self._variable(first, "To"), self._variable(first, "From")
            replaced = {"from": f"From:{ours};tag={self._party.tag(said.from_tag)}", "to": f"To:{theirs}"}
            return self._party.request(said, "[next_url]", replaced)
        replaced = self._acknowledging(said)
        if said.to_tag:
            address = self._party.text(said.value("to").replace(f";tag={said.to_tag}", ""), True)
            replaced["to"] = f"To: {address}[peer_tag_param]"
        is_within = bool(said.to_tag) and invite is None
        return self._party.request(said, "[next_url]" if is_within else None, replaced, is_within)

    def _invite_of(self, said: Spoken) -> Spoken | None:
        """The INVITE whose branch, and Request-URI, a CANCEL or the ACK of a failure has."""
        if said.method not in ("CANCEL", "ACK") or not said.branch:
            return None
        sent = (turn.said for turn in self._turns if turn.is_sent and turn.said.method == "INVITE")
        return next((invite for invite in sent if invite.branch == said.branch and not invite.to_tag), None)

    def _acknowledging(self, said: Spoken) -> dict[str, str]:
        """RFC 3262 §7.2: RAck repeats the RSeq of the response, which is another one at each call."""
        number, _, rest = said.value("rack").partition(" ")
        for index, turn in enumerate(self._turns):
            if number and not turn.is_sent and turn.said.value("rseq") == number:
                return {"rack": f"RAck:{self._variable(index, 'RSeq')} {rest}"}
        return {}

    def _response(self, index: int) -> list[str]:
        said = self._turns[index].said
        asked = self._asked(index)
        latest = max((at for at in range(index) if not self._turns[at].is_sent), default=-1)
        if asked is None or asked == latest:
            copied = [f"[last_{name}:]" for name in _COPIED]
        else:
            copied = [f"{name}:{self._variable(asked, name)}" for name in _COPIED if name != "Call-ID"]
            copied.append("Call-ID: [call_id]")
        if said.to_tag and (asked is None or not self._turns[asked].said.to_tag):
            copied[_COPIED.index("To")] += f";tag={self._party.tag(said.to_tag)}"
        return self._party.response(said, copied)

    def _asked(self, index: int) -> int | None:
        """Which message the response of this turn answers."""
        said = self._turns[index].said
        for at in range(index - 1, -1, -1):
            turn = self._turns[at]
            is_request = not turn.is_sent and not turn.said.is_response and turn.said.method != "ACK"
            if is_request and turn.said.cseq == said.cseq and turn.said.branch == said.branch:
                return at
        return None

    def _variable(self, index: int, header: str) -> str:
        """What a header of a received message will have said, with the space before it."""
        variable = f"{header.replace('-', '').lower()}_{index}"
        self._captured.setdefault(index, {})[variable] = header
        return f"[${variable}]"


def _is_repeated(said: Spoken) -> bool:
    """Whether whoever sends it sends it again until something comes back (RFC 3261 §17.1, §13.3.1.4, §17.2.1)."""
    if said.is_response:
        return said.method == "INVITE" and said.status >= 200
    return said.method != "ACK"
