"""Calls that a trunk has sent and that lead nowhere: a number that is not there, a flow that was never published.

They cost no call, but they have a record: the number written in another way than the trunk writes it is the first
mistake that anybody makes, and without one there is nothing to find it by.
"""

from __future__ import annotations

from b2bua.calls.identity import stated_by
from b2bua.calls.record import CallOutcome, CallRecord, readable
from b2bua.calls.sentences import call_sentence
from sip_stack.errors import RemoteError
from sip_stack.flow import Flow
from sip_stack.message import Request


class TurnedAway(RemoteError):
    """What a directory says of a call of a trunk that it knows. version: that of its configuration."""

    def __init__(
        self, status: int, detail: str, *, trunk: str, dialled: str, number_name: str = "", version: str = ""
    ) -> None:
        super().__init__(status, detail)
        self.trunk = trunk
        self.dialled = dialled
        self.number_name = number_name
        self.version = version

    def record(self, request: Request, source: Flow, call: str, at: int) -> CallRecord:
        """The record of such a call, without its messages. at: microseconds since 1970."""
        display, number, _host = stated_by(request)
        record = CallRecord(
            id=call,
            trunk=self.trunk,
            source=f"{source.host}:{source.port}",
            caller=readable(number),
            caller_name=readable(display),
            dialled=readable(self.dialled),
            number_name=self.number_name,
            sip_call_id=readable(request.call_id),
            started_at=at,
            outcome=CallOutcome.REFUSED,
            ended_at=at,
            ended_by="service",
            status=self.status,
            reason=readable(self.detail),
            configuration=self.version,
        )
        record.sentence = call_sentence(record)
        return record
