"""All calls of one process, and the ways in and out: SIP, relay, name look-ups, records, live events.

Pure, like the calls: it is given bytes, events and the time, and things are taken from it. The driver
(or a test's world) calls one method, then takes everything, then arms one timer.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple, Protocol

from b2bua.calls.admission import Admission
from b2bua.calls.branch import Branch
from b2bua.calls.breakers import Breakers
from b2bua.calls.call import Call
from b2bua.calls.plan import CallPlan
from b2bua.calls.quality import assess, codec_of
from b2bua.calls.record import CallRecord, NotedTrace, RecipientRecord, StreamRecord, readable
from b2bua.calls.sentences import call_sentence, recipient_sentence
from b2bua.calls.state import State
from b2bua.calls.turned_away import TurnedAway
from b2bua.calls.turns import NoTurns, Turns
from rtp_relay import control
from sip_stack.capabilities import METHODS
from sip_stack.errors import LocalError, RemoteError
from sip_stack.events import Asked, Event, Invited
from sip_stack.flow import Flow
from sip_stack.invite_server import InviteServer
from sip_stack.message import Request
from sip_stack.outgoing import lines
from sip_stack.reply import stateless_tag
from sip_stack.server_location import numeric_target
from sip_stack.session_timer import TimerPolicy
from sip_stack.stack import Stack


class Question(NamedTuple):
    """A name to be looked up (RFC 3263); answered by Switchboard.located with the same id."""

    id: int
    uri: str


class Failure(NamedTuple):
    """A bug that ended a call: its trace, for the log."""

    call: str
    text: str


class Directory(Protocol):
    """What the configuration knows."""

    def admit(self, request: Request, source: Flow) -> RemoteError | None:
        """Whether a request outside of a dialog is taken at all; asked before any state is made."""

    def ignores(self, source: Flow) -> bool:
        """Whether somebody is a stranger who is to get no answer to anything."""

    def plan(self, request: Request, source: Flow) -> CallPlan:
        """What to do with an INVITE. RemoteError(404, 403, ...) when it is not for us."""

    def may_ring(self, uri: str) -> bool:
        """Whether a recipient may be forwarded to this URI."""


class Switchboard:
    """The calls of one process."""

    def __init__(
        self,
        stack: Stack,
        directory: Directory,
        *,
        admission: Admission | None = None,
        turns: Turns | None = None,
        wall_offset: float = 0.0,
        is_watched: bool = True,
    ) -> None:
        """wall_offset: seconds from the monotonic clock to the time of day (1970). is_watched: make live events."""
        self.stack = stack
        self.directory = directory
        self.wall_offset = wall_offset
        self.is_watched = is_watched
        self.calls: dict[str, Call] = {}
        self.commands: list[control.Command] = []
        self.allow = ", ".join(METHODS)
        self.admission = admission or Admission()
        self.turns: Turns = turns if turns is not None else NoTurns()
        self.breakers = Breakers()
        self.failures: list[Failure] = []
        self.began_records: list[CallRecord] = []
        self.total = 0
        self._questions: list[Question] = []
        self._asked: dict[int, Branch] = {}
        self._records: list[CallRecord] = []
        self._notices: list[dict[str, object]] = []
        self._session_ids = int(wall_offset) << 16
        self._question_ids = 0
        self._places = {name: listener.sent_by for name, listener in stack.listeners.items()}
        self._timer_lines: dict[tuple[TimerPolicy, int], str] = {}
        stack.front = self
        stack.admit = self.admit
        stack.ignores = directory.ignores

    def admit(self, request: Request, source: Flow) -> RemoteError | None:
        """Whether a request outside of a dialog is taken; what is not costs no state."""
        refused = self.directory.admit(request, source)
        if refused is None and request.method == "INVITE":
            return self.admission.refuse(len(self.calls), self.stack.now)
        return refused

    def states(self) -> dict[str, int]:
        """How many calls are preparing, ringing, connected, or over and about to be forgotten."""
        counted: dict[str, int] = dict.fromkeys([state.name.lower() for state in State], 0)
        for call in self.calls.values():
            counted[call.state.name.lower()] += 1
        return counted

    # In.

    def receive(self, data: bytes, flow: Flow, now: float) -> None:
        """One datagram, or one framed message of a TCP connection."""
        self.stack.receive(data, flow, now)
        self.stack.dispatch_events()

    def refuse_unframed(self, head: bytes, error: RemoteError, flow: Flow, now: float) -> None:
        self.stack.refuse_unframed(head, error, flow, now)

    def transport_failed(self, flow: Flow, reason: str, now: float, quoted: bytes = b"") -> None:
        self.stack.transport_failed(flow, reason, now, quoted)
        self.stack.dispatch_events()

    def relay_event(self, event: control.Event, now: float) -> None:
        self.stack.now = now
        call = self.calls.get(getattr(event, "call", ""))
        if call is not None:
            call.relay_event(event, now)
            self.stack.dispatch_events()

    def relay_lost(self, now: float) -> None:
        """The relay process is gone: calls that wait for it are told, the others keep their legs."""
        self._each_call(_relay_lost, now)

    def relay_is_back(self, now: float) -> None:
        self._each_call(_relay_is_back, now)

    def located(self, query_id: int, targets: Sequence[Flow], now: float) -> None:
        """The answer to a Question; no targets: not found."""
        self.stack.now = now
        branch = self._asked.pop(query_id, None)
        if branch is not None:
            branch.call.guard(_located, branch, targets, now)
            self.stack.dispatch_events()

    def handle_deadline(self, now: float) -> None:
        self.stack.handle_deadline(now, self.stack.dispatch_events)

    def next_deadline(self) -> float | None:
        return self.stack.next_deadline()

    def hang_up(self, call_id: str, now: float) -> bool:
        """End a call from the console or the command line; False when there is none of that name."""
        self.stack.now = now
        call = self.calls.get(call_id)
        if call is None:
            return False
        call.guard(_hang_up, call, None, now)
        self.stack.dispatch_events()
        return True

    def shut_down(self, now: float) -> None:
        """End every call that runs, as the service ends."""
        self._each_call(_shut_down, now)

    # Out.

    def take_datagrams(self) -> list[tuple[Flow, bytes]]:
        taken, self.stack.outgoing = self.stack.outgoing, []
        return taken

    def take_commands(self) -> list[control.Command]:
        taken = self.commands[:]
        self.commands.clear()
        return taken

    def take_questions(self) -> list[Question]:
        taken, self._questions = self._questions, []
        return taken

    def take_began(self) -> list[CallRecord]:
        """Records of calls that have begun since last asked; outcome None."""
        taken, self.began_records = self.began_records, []
        return taken

    def take_records(self) -> list[CallRecord]:
        """Records of calls that have ended since last asked."""
        taken, self._records = self._records, []
        return taken

    def take_notices(self) -> list[dict[str, object]]:
        taken, self._notices = self._notices, []
        return taken

    def leftovers(self) -> list[str]:
        """A line for everything that is still held; none when all has been quiet for 64*T1."""
        held = [repr(call) for call in self.calls.values()]
        held += [f"<question {question} of {branch!r}>" for question, branch in self._asked.items()]
        return held + self.stack.leftovers()

    # From the stack.

    def handle(self, event: Event, now: float) -> None:
        if isinstance(event, Invited):
            self._invited(event, now)
        elif isinstance(event, Asked):
            self._asked_outside(event, now)

    def _invited(self, event: Invited, now: float) -> None:
        server = event.server
        if server.request.get("x-call-id") in self.calls:
            # FRK-16: an INVITE of one of our own running calls has come back to us.
            server.reject(482, now)
            return
        try:
            call = self._call_of(server, now)
        except RemoteError as error:
            server.reject(error.status, now, reason=error.reason, fields=error.fields)
            self._turned_away(server, error, now)
            return
        except Exception as error:  # the edge of a call that could not even begin
            self._note_failure(server.request.call_id, error)
            server.reject(500, now)
            return
        self.calls[call.id] = call
        self.total += 1
        call.guard(_start, call, None, now)

    def _turned_away(self, server: InviteServer, error: RemoteError, now: float) -> None:
        if not isinstance(error, TurnedAway):
            return
        transaction, at = server.transaction, int((now + self.wall_offset) * 1e6)
        record = error.record(server.request, transaction.source, self.stack.token(), at)
        if transaction.trace is not None:
            record.trace = NotedTrace(transaction.trace.messages, self.wall_offset, self._places)
        self.began_records.append(record)
        self._records.append(record)

    def _call_of(self, server: InviteServer, now: float) -> Call:
        plan = self.directory.plan(server.request, server.transaction.source)
        if not plan.keep_trace:
            server.transaction.trace = None
        server.nat = plan.nat
        return Call(self, server, plan, self.stack.token(), now)

    def _asked_outside(self, event: Asked, now: float) -> None:
        transaction = event.transaction
        status, fields = self._answer_outside(transaction.request.method)
        # RFC 3261 §8.2.7: the answer and its To tag are the same however often it is asked for, so nothing need
        # be kept of it; else whoever has a trunk's address to send from could fill us with OPTIONS.
        tag = stateless_tag(transaction.request)
        transaction.respond(status, now, to_tag=tag, fields=fields)
        transaction.leave()

    def _answer_outside(self, method: str) -> tuple[int, Sequence[tuple[str, str]]]:
        if method == "OPTIONS":
            # RFC 3261 §11.2: as an INVITE would be answered; load-aware, so that a trunk looks elsewhere.
            if self.admission.is_draining:
                return 503, [("Retry-After", "30")]
            return 200, self.stack.capabilities
        status = 481 if method in ("BYE", "PRACK", "UPDATE", "INFO") else 405
        return status if method in _KNOWN_METHODS else 501, [("Allow", _ALLOWED_OUTSIDE)]

    # What calls ask for.

    def next_session_id(self) -> int:
        self._session_ids += 1
        return self._session_ids

    def locate(self, branch: Branch, uri: str, now: float) -> None:
        """Where a URI is: known at once for a numeric host, else asked of the world."""
        target = numeric_target(uri)
        if target is None:
            self._question_ids += 1
            self._asked[self._question_ids] = branch
            self._questions.append(Question(self._question_ids, uri))
            return
        try:
            flow = self.stack.listeners.flow_to(*target)
        except LocalError:
            branch.located([], now)
            return
        branch.located([flow], now)

    def timer_lines(self, policy: TimerPolicy, min_se: int) -> str:
        text = self._timer_lines.get((policy, min_se))
        if text is None:
            if len(self._timer_lines) > 100:
                self._timer_lines.clear()
            text = self._timer_lines[policy, min_se] = lines(policy.request_fields(min_se))
        return text

    def notify(self, event: str, call: Call, now: float, recipient: RecipientRecord | None) -> None:
        if not self.is_watched:
            return
        record = call.record
        notice: dict[str, object] = {"event": event, "call": call.id, "at": call.microseconds(now)}
        if recipient is not None:
            notice["recipient"] = recipient.leg
            notice["name"] = recipient.name
            if recipient.outcome is not None:
                notice["outcome"] = recipient.outcome.value
        else:
            notice["caller"], notice["caller_name"] = record.caller, record.caller_name
            notice["dialled"], notice["number_name"] = record.dialled, record.number_name
            if record.outcome is not None:
                notice["outcome"], notice["answered_by"] = record.outcome.value, record.answered_by
            notice["recipients"] = [each.name for each in record.recipients]
            if event == "call.step":
                notice["step"] = call.walk.name
        self._notices.append(notice)

    def began(self, call: Call) -> None:
        self.began_records.append(call.record)
        self.notify("call.started", call, self.stack.now, None)

    def note_streams(self, record: CallRecord, streams: Sequence[control.StreamFigures]) -> None:
        record.streams += [
            _stream_record(figures)
            for figures in streams
            if figures.packets or figures.sent_packets or figures.strangers or figures.drops
        ]

    def snapshot(self, call_id: str, with_messages: bool) -> CallRecord | None:
        """A copy of a running call's record as it is now, with no outcome yet; None if no such call runs."""
        call = self.calls.get(call_id)
        if call is None:
            return None
        record = call.record
        recipients = [
            replace(each, reason=readable(each.reason), uri=readable(each.uri)) for each in record.recipients
        ]
        trace = list(NotedTrace(call.messages, call.wall_offset, self._places)) if with_messages else []
        return replace(
            record, outcome=None, reason=readable(record.reason), recipients=recipients, trace=trace
        )

    def finished(self, call: Call) -> None:
        """The record of a call is complete; the call is forgotten."""
        if self.calls.pop(call.id, None) is None:
            return
        record = call.record
        self._records.append(record)
        if record.streams:
            described = {leg.number: leg.exchange.remote for leg in call.legs}
            for stream in record.streams:
                stream.codec = codec_of(stream, described)
            assess(record.streams)
        record.trace = NotedTrace(call.messages, call.wall_offset, self._places)
        record.reason = readable(record.reason)
        for recipient in record.recipients:
            recipient.reason, recipient.uri = readable(recipient.reason), readable(recipient.uri)
            recipient.sentence = recipient_sentence(recipient, record)
        record.sentence = call_sentence(record)
        call.dissolve()

    def failed(self, call: Call, error: Exception, event: object, now: float) -> None:
        """A bug in one call: keep its trace, end that call, go on."""
        self._note_failure(call.id, error)
        if call.id not in self.calls:  # its record is closed, and its parts were let go of
            return
        call.record.reason = f"internal error: {error}"
        for farewell in call.farewells(event):
            try:
                farewell(now)
            except Exception as another:  # the edge still: whoever else is there is told all the same
                self._note_failure(call.id, another)

    def _note_failure(self, call: str, error: Exception) -> None:
        self.failures.append(Failure(call, "".join(traceback.format_exception(error))))

    def _each_call(self, step: Callable[[Call, None, float], None], now: float) -> None:
        self.stack.now = now
        for call in list(self.calls.values()):
            call.guard(step, call, None, now)
            self.stack.dispatch_events()


_ALLOWED_OUTSIDE = "INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, UPDATE, INFO"
_KNOWN_METHODS = frozenset((*METHODS, "SUBSCRIBE", "PUBLISH", "REGISTER"))


def _start(call: Call, _: None, now: float) -> None:
    call.start(now)


def _located(branch: Branch, targets: Sequence[Flow], now: float) -> None:
    branch.located(list(targets), now)


def _hang_up(call: Call, _: None, now: float) -> None:
    call.hang_up(now)


def _shut_down(call: Call, _: None, now: float) -> None:
    call.shut_down(now)


def _relay_lost(call: Call, _: None, now: float) -> None:
    call.relay_lost(now)


def _relay_is_back(call: Call, _: None, now: float) -> None:
    call.relay_is_back(now)


def _stream_record(figures: control.StreamFigures) -> StreamRecord:
    return StreamRecord(
        leg=figures.leg,
        medium=figures.medium,
        packets=figures.packets,
        octets=figures.octets,
        lost=figures.lost,
        jitter=figures.jitter,
        ssrc=figures.ssrc,
        payload_type=figures.payload_type,
        sent_packets=figures.sent_packets,
        strangers=figures.strangers,
        longest_gap=figures.longest_gap,
        far=figures.far,
        ssrc_changes=figures.ssrc_changes,
        malformed=figures.malformed,
        rtcp_packets=figures.rtcp_packets,
        owed=figures.owed,
        silent=figures.silent,
        drops=dict(figures.drops),
        heard_by=None if figures.heard_by < 0 else figures.heard_by,
        round_trip=None if figures.round_trip < 0 else figures.round_trip,
        reported_lost=figures.reported_lost if figures.reports else None,
        reported_jitter=figures.reported_jitter if figures.reports else None,
    )


__all__ = ["Directory", "Failure", "Question", "Switchboard"]
