"""Ring one recipient now, ask for a 1, and tell what his phone did: a call like any other, whose caller is within.

Theory. A small SIP stack of its own places the call, and the switchboard takes it as from a trunk, by a flow that no
socket has (`INSIDE`). So everything is tried that a caller's call would use (name look-up, credentials, recipe,
relay, digits), and the record of it says what was seen. When he has pressed 1 he would be connected: that is when
the caller within hangs up.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from b2bua.calls import flow as flows
from b2bua.calls.keys import key_in
from b2bua.calls.plan import CallPlan
from b2bua.calls.prompts import SPOKEN
from b2bua.calls.record import RING_TEST, CallRecord, RecipientRecord, TraceEntry
from b2bua.config import Config
from b2bua.config.loading import flows_in
from b2bua.config.reaching import dial_step, reached
from sip_stack.body import description_in
from sip_stack.errors import MalformedMessage, RemoteError
from sip_stack.events import Answered, Event, Failed
from sip_stack.flow import Flow
from sip_stack.invite_client import Invitation, InviteClient
from sip_stack.listeners import Listener
from sip_stack.message import Request, Response, parse
from sip_stack.outgoing import lines
from sip_stack.sdp_narrowing import names_in, narrowed
from sip_stack.sdp_rewriting import CODECS, End, Origin, offer_of
from sip_stack.session import Session
from sip_stack.stack import Dice, Stack

if TYPE_CHECKING:
    from b2bua.calls.switchboard import Switchboard

INSIDE: Final = "inside"  # the listener, and the transport, that only ring tests come by
NAME: Final = "ring-test"  # of the flow, and of the step
ASKS: Final = "This is a test call. Press 1 if you can hear this."
RING_TIME: Final = 30.0
CONFIRM_TIME: Final = 20.0
MOST_AT_ONCE: Final = 8  # tests that ring
_HOST: Final = "127.0.0.1"  # stands in the messages of the caller within; nothing is sent there


class RingTestResult(NamedTuple):
    """What a test has shown. Times are milliseconds from the INVITE, None where it never came to that.

    codec: of his answer. shown: From as he was sent it; asserted: P-Asserted-Identity, "" for none. keys: how his key
    came, "RFC 4733", "SIP INFO" or "". sentence: the outcome in words.
    """

    call: str
    name: str
    outcome: str
    sentence: str
    rang_after: float | None
    answered_after: float | None
    pressed_after: float | None
    codec: str
    shown: str
    asserted: str
    keys: str

    def as_json(self) -> dict[str, Any]:
        return self._asdict()


def flow_for(recipient: flows.DialRecipient, speaks: bool, tones: str = "us") -> flows.Flow:
    """The flow of a test. speaks: whether this machine can say words; else he hears a ringing tone, and may press 1."""
    kind = flows.PromptKind.SAY if speaks else flows.PromptKind.TONE
    dial = flows.Dial(
        (recipient,),
        mode=flows.Mode.ONE,
        ring_time=RING_TIME,
        press_one=True,
        confirm_prompt=flows.Prompt(kind, ASKS if speaks else tones),
        confirm_time=CONFIRM_TIME,
        exits={flows.NOBODY_ANSWERED: "end"},
    )
    return flows.Flow(NAME, 0, "ring", {"ring": dial, "end": flows.HangUp()})


class RingTests:
    """All tests that run. Hands their messages to the switchboard, and takes its own from `take`."""

    def __init__(self, dice: Dice) -> None:
        self._stack = Stack([Listener("caller", INSIDE, _HOST, 1)], dice)
        self._plans: dict[str, CallPlan] = {}
        self._running: dict[str, _Caller] = {}
        self.have_begun = False  # any of them, ever: until then nobody looks for their messages

    @staticmethod
    def listener(host: str, port: int) -> Listener:
        """What the service's own stack must have, for its messages to such callers. host, port: for its Contact."""
        return Listener(INSIDE, INSIDE, host, port)

    def start(self, toml: str, config: Config, switchboard: Switchboard, now: float) -> str:
        """Ring the recipient of a flow as `flow_for` makes it, written as TOML. Gives the id of the call.

        Raises ValueError, with a text for a person, when the flow cannot be read or nobody can be rung.
        """
        if len(self._running) >= MOST_AT_ONCE:
            raise ValueError(f"{MOST_AT_ONCE} ring tests run already: wait for one to end")
        found = flows_in(toml.encode(), "the ring test")
        if len(found) != 1:
            raise ValueError("a ring test is one flow")
        (flow,) = found.values()
        ready = reached(flow, config.trunks)
        dials = {name: dial_step(step) for name, step in ready.steps.items() if isinstance(step, flows.Dial)}
        if not any(dial.recipients for dial in dials.values()):
            raise ValueError("there is no way to this recipient: his trunk is not there, or takes no calls")
        number = next((dialled for dialled in config.numbers if dialled != "*"), "test")
        caller = _Caller(self._stack, number, self._ended)
        self._plans[caller.call_id] = CallPlan(
            trunk=RING_TEST,
            dialled=number,
            number_name="ring test",
            flow=ready,
            dials=dials,
            host=next(iter(config.sip.listeners)).advertised,
            configuration=config.version,
            tones=config.media.tones,
        )
        self._running[caller.call_id] = caller
        self.have_begun = True
        caller.begin(now)
        self.deliver(switchboard, now)
        call = next(
            (each for each in switchboard.calls.values() if each.record.sip_call_id == caller.call_id), None
        )
        if call is None:
            self._ended(caller)
            raise ValueError("the call was refused: the service is full, or ending")
        return call.id

    def plan(self, request: Request) -> CallPlan:
        """The plan of a test's INVITE."""
        plan = self._plans.pop(request.call_id, None)
        if plan is None:
            raise RemoteError(403, "no ring test of ours")
        return plan

    def deliver(self, switchboard: Switchboard, now: float) -> None:
        """Give the switchboard what the callers have to say."""
        while self._stack.outgoing:
            sent, self._stack.outgoing = self._stack.outgoing, []
            for _, data in sent:
                switchboard.receive(data, Flow(INSIDE, INSIDE, _HOST, 1), now)

    def take(self, datagrams: Sequence[tuple[Flow, bytes]], now: float) -> list[tuple[Flow, bytes]]:
        """Keep what is for a caller within; gives the rest."""
        others = []
        for flow, data in datagrams:
            if flow.local == INSIDE:
                self._stack.receive(data, Flow(INSIDE, "caller", _HOST, 1), now)
                self._stack.dispatch_events()
            else:
                others.append((flow, data))
        return others

    def handle_deadline(self, now: float) -> None:
        self._stack.handle_deadline(now, self._stack.dispatch_events)

    def next_deadline(self) -> float | None:
        return self._stack.next_deadline()

    def _ended(self, caller: _Caller) -> None:
        self._running.pop(caller.call_id, None)
        self._plans.pop(caller.call_id, None)


class Joined:
    """The switchboard with the callers within, as the driver drives them. All but datagrams and deadlines is the
    switchboard's own.
    """

    def __init__(self, switchboard: Switchboard, tests: RingTests) -> None:
        self._switchboard = switchboard
        self._tests = tests
        self.receive = switchboard.receive
        self.refuse_unframed = switchboard.refuse_unframed
        self.transport_failed = switchboard.transport_failed

    def take_datagrams(self) -> list[tuple[Flow, bytes]]:
        taken = self._switchboard.take_datagrams()
        if not self._tests.have_begun:
            return taken
        now, others = self._switchboard.stack.now, []
        while taken:
            others += self._tests.take(taken, now)
            self._tests.deliver(self._switchboard, now)
            taken = self._switchboard.take_datagrams()
        return others

    def handle_deadline(self, now: float) -> None:
        self._switchboard.handle_deadline(now)
        if self._tests.have_begun:
            self._tests.handle_deadline(now)
            self._tests.deliver(self._switchboard, now)

    def next_deadline(self) -> float | None:
        deadline = self._switchboard.next_deadline()
        if not self._tests.have_begun:
            return deadline
        within = self._tests.next_deadline()
        return within if deadline is None else deadline if within is None else min(deadline, within)


class _Caller:
    """The caller of one test: hangs up as soon as he is answered."""

    def __init__(self, stack: Stack, number: str, ended: Callable[[_Caller], None]) -> None:
        self.call_id = stack.token()
        self._ended = ended
        tag, flow = stack.token(), Flow(INSIDE, "caller", _HOST, 1)
        offer = offer_of((CODECS["PCMU"], CODECS["PCMA"]), End(_HOST, 9, 10), Origin("test", 1, _HOST))
        uri = f"sip:{number}@{_HOST}"
        invitation = Invitation(
            uri=uri,
            local_value=f'"Ring test" <sip:{number}@{_HOST}>;tag={tag}',
            remote_value=f"<{uri}>",
            local_tag=tag,
            call_id=self.call_id,
            cseq=1,
            fields=lines([("Contact", stack.listeners.contact(flow))]),
            body=offer,
            nat=False,
        )
        self._client = InviteClient(stack, self, invitation, flow, None)

    def begin(self, now: float) -> None:
        self._client.start(now)

    def handle(self, event: Event, now: float) -> None:
        if isinstance(event, Answered):
            session: Session = event.session
            session.owner = self
            session.bye("", now)
            self._ended(self)
        elif isinstance(event, Failed):
            self._ended(self)


def report(record: CallRecord) -> RingTestResult:
    """What the record of a test that is over says."""
    recipient = record.recipients[0] if record.recipients else RecipientRecord(1, "", "")
    begun = recipient.invited_at or record.started_at
    messages = [
        (entry, message) for entry in record.trace if entry.leg and (message := _read(entry)) is not None
    ]
    invite = next(
        (each for entry, each in messages if isinstance(each, Request) and not entry.received), None
    )
    info = any(entry.received and isinstance(each, Request) and key_in(each) for entry, each in messages)
    pressed = record.answered_at if record.answered_by is not None else None
    return RingTestResult(
        call=record.id,
        name=recipient.name,
        outcome=recipient.outcome.value if recipient.outcome is not None else "",
        sentence=recipient.sentence,
        rang_after=_milliseconds(begun, recipient.ringing_at),
        answered_after=_milliseconds(begun, recipient.answered_at),
        pressed_after=_milliseconds(begun, pressed),
        codec=_codec([each for _, each in messages]),
        shown=invite.from_value.partition(";tag=")[0] if invite is not None else "",
        asserted=(invite.get("p-asserted-identity") or "") if invite is not None else "",
        keys="SIP INFO" if info else "RFC 4733" if pressed is not None else "",
    )


def _read(entry: TraceEntry) -> Request | Response | None:
    try:
        return parse(entry.data)
    except (MalformedMessage, RemoteError):
        return None


def _codec(messages: Sequence[Request | Response]) -> str:
    """The codec of the answer in the first 2xx that has one."""
    for message in messages:
        if isinstance(message, Response) and 200 <= message.status < 300 and message.cseq_method == "INVITE":
            try:
                description = description_in(message)
            except RemoteError:
                continue
            if description is not None:
                chosen = narrowed(description, SPOKEN)
                return chosen.codec.name if chosen is not None else ", ".join(names_in(description))
    return ""


def _milliseconds(begun: int, at: int | None) -> float | None:
    return None if at is None else round((at - begun) / 1000, 1)
