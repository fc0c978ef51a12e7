"""CPU of whole calls in the core alone: no sockets, no other process, so that a profile shows our own code.

    python -m bench.core [--recipients 3] [--calls 3000] [--profile]

Wall time of the core's own steps, since asking for CPU time costs more than some of them: run it on a quiet
machine. Every call has an answering recipient and others that ring until they are cancelled; each message is built by
plain string work, whose own cost is measured and taken off.
"""

from __future__ import annotations

import argparse
import cProfile
import gc
import pstats
import time

from b2bua.calls.admission import Admission
from b2bua.calls.plan import CallPlan
from b2bua.calls.recipient import DialStep, Recipient
from b2bua.calls.switchboard import Switchboard
from b2bua.config.reaching import RING, flow_of
from rtp_relay import control
from sip_stack.aio.dice import SystemDice
from sip_stack.errors import RemoteError
from sip_stack.flow import Flow
from sip_stack.listeners import Listener
from sip_stack.message import Request
from sip_stack.stack import Dice, Stack

CALLER = Flow("UDP", "udp:127.0.0.1:5060", "127.0.0.1", 5061)
SDP = (
    b"v=0\r\no=user1 53655765 2353687637 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    b"m=audio 6000 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n"
    b"a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n"
)


class OneNumber:
    """A directory in which every number rings the same recipients."""

    def __init__(self, recipients: int) -> None:
        uris = [f"sip:phone{number}@127.0.0.1:{5071 + number}" for number in range(recipients)]
        step = DialStep(tuple(Recipient(uri, uri) for uri in uris))
        self._plan = CallPlan("bench", "100", "bench", flow_of("", step), {RING: step}, "127.0.0.1")

    def ignores(self, source: Flow) -> bool:
        return False

    def admit(self, request: Request, source: Flow) -> RemoteError | None:
        return None

    def plan(self, request: Request, source: Flow) -> CallPlan:
        return self._plan

    def may_ring(self, uri: str) -> bool:
        return True


def invite(number: int) -> bytes:
    return (
        f"INVITE sip:100@127.0.0.1:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5061;branch=z9hG4bK-{number}-1\r\n"
        f'From: "Caller" <sip:+15551234567@127.0.0.1:5061>;tag=c{number}\r\nTo: <sip:100@127.0.0.1:5060>\r\n'
        f"Call-ID: {number}@bench\r\nCSeq: 1 INVITE\r\nContact: <sip:caller@127.0.0.1:5061>\r\nMax-Forwards: 70\r\n"
        "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE\r\nSupported: timer, replaces\r\nUser-Agent: bench\r\n"
        f"Content-Type: application/sdp\r\nContent-Length: {len(SDP)}\r\n\r\n"
    ).encode() + SDP


def within(method: str, number: int, to_value: str, cseq: int) -> bytes:
    return (
        f"{method} sip:127.0.0.1:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5061;branch=z9hG4bK-{number}-{method}\r\n"
        f'From: "Caller" <sip:+15551234567@127.0.0.1:5061>;tag=c{number}\r\nTo: {to_value}\r\n'
        f"Call-ID: {number}@bench\r\nCSeq: {cseq} {method}\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    ).encode()


def reply(
    request: bytes, status: str, tag: str, body: bytes = b"", method: str = "", port: int = 5071
) -> bytes:
    head = request[: request.index(b"\r\n\r\n")].decode()
    kept = []
    for line in head.split("\r\n")[1:]:
        if line.startswith(("Via:", "From:", "Call-ID:")):
            kept.append(line)
        elif line.startswith("To:"):
            kept.append(line if ";tag=" in line or not tag else f"{line};tag={tag}")
        elif line.startswith("CSeq:"):
            kept.append(f"CSeq: {line.split()[1]} {method}" if method else line)
    contact = f"Contact: <sip:phone@127.0.0.1:{port}>\r\n" if tag else ""
    kind = "Content-Type: application/sdp\r\n" if body else ""
    return (
        f"SIP/2.0 {status}\r\n"
        + "\r\n".join(kept)
        + f"\r\n{contact}{kind}Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body


class Bench:
    """Runs calls one after another on a clock of its own; counts the time that the peers' side takes."""

    def __init__(self, recipients: int, dice: Dice | None = None) -> None:
        stack = Stack([Listener("udp:127.0.0.1:5060", "UDP", "127.0.0.1", 5060)], dice or SystemDice())
        self.board = Switchboard(stack, OneNumber(recipients), admission=Admission(), is_watched=False)
        self.now = 1000.0
        self.ours = 0.0
        self.messages = 0
        self.port = 20000

    def receive(self, data: bytes, flow: Flow) -> list[tuple[Flow, bytes]]:
        began = time.perf_counter()
        self.board.receive(data, flow, self.now)
        sent = self.board.take_datagrams()
        self.board.take_records()
        self.board.take_began()
        self.ours += time.perf_counter() - began
        self.messages += 1
        return sent

    def relay(self) -> list[tuple[Flow, bytes]]:
        sent: list[tuple[Flow, bytes]] = []
        for command in self.board.take_commands():
            event: control.Event | None = None
            if isinstance(command, control.Reserve):
                lent = [
                    control.Lent(leg.leg, 0, "127.0.0.1", self.port, self.port + 1) for leg in command.legs
                ]
                event = control.Reserved(command.call, tuple(lent))
            elif isinstance(command, control.Release):
                event = control.Released(command.call, ())
            if event is not None:
                began = time.perf_counter()
                self.board.relay_event(event, self.now)
                sent += self.board.take_datagrams()
                self.board.take_records()
                self.ours += time.perf_counter() - began
        return sent

    def call(self, number: int) -> None:
        self.receive(invite(number), CALLER)
        invites = self.relay()
        for index, (flow, data) in enumerate(invites):
            self.receive(reply(data, "180 Ringing", f"p{index}"), flow)
        flow, data = invites[0]
        sent = self.receive(reply(data, "200 OK", "p0", SDP), flow)
        self.relay()
        to_value = ""
        originals = {each[0].port: each[1] for each in invites}
        for flow, data in sent:
            if data.startswith(b"CANCEL"):
                self.receive(reply(data, "200 OK", ""), flow)
                self.receive(
                    reply(originals[flow.port], "487 Request Terminated", f"p{flow.port - 5071}"), flow
                )
            elif data.startswith(b"SIP/2.0 200"):
                text = data.decode()
                start = text.index("\r\nTo: ") + 6
                to_value = text[start : text.index("\r\n", start)]
        self.receive(within("ACK", number, to_value, 1), CALLER)
        sent = self.receive(within("BYE", number, to_value, 2), CALLER)
        for flow, data in sent:
            if data.startswith(b"BYE"):
                self.receive(reply(data, "200 OK", ""), flow)
        self.relay()
        self.now += 0.002
        began = time.perf_counter()
        self.board.handle_deadline(self.now)
        self.ours += time.perf_counter() - began


def measure(recipients: int, calls: int) -> dict[str, float]:
    """Microseconds of CPU a call, and what is left over at the end."""
    bench = Bench(recipients)
    for number in range(300):
        bench.call(number)
    gc.collect()
    gc.freeze()
    bench.ours, bench.messages = 0.0, 0
    for number in range(300, 300 + calls):
        bench.call(number)
    bench.now += 100
    bench.board.handle_deadline(bench.now)
    return {
        "recipients": recipients,
        "microseconds_per_call": round(bench.ours / calls * 1e6, 1),
        "messages_in_per_call": bench.messages / calls,
        "left_over": len(bench.board.leftovers()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="CPU of whole calls in the core alone")
    parser.add_argument("--recipients", type=int, default=3)
    parser.add_argument("--calls", type=int, default=3000)
    parser.add_argument("--profile", action="store_true")
    arguments = parser.parse_args()
    gc.set_threshold(50_000, 20, 1_000)
    if not arguments.profile:
        print(measure(arguments.recipients, arguments.calls))
        return
    profile = cProfile.Profile()
    profile.runcall(measure, arguments.recipients, arguments.calls)
    pstats.Stats(profile).sort_stats("tottime").print_stats(45)


if __name__ == "__main__":
    main()
