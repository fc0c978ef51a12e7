"""What the API answers with, for its description: which fields there are, and what they mean.

Answers are written from the values themselves and not through these models, which cost time; a test holds each
against a real answer. Where a model is open, more fields may come with a later version.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

Moment = Annotated[int, Field(description="Microseconds since 1970, UTC")]
Interval = Annotated[int, Field(description="Microseconds")]


class Answer(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Open(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True)


class Who(Open):
    name: str
    role: str = Field(description="owner, editor or viewer")


class SessionShape(Answer):
    user: Who
    csrf: str = Field(description='Goes with every change as X-CSRF-Token; "" for a token')
    ends_at: Moment | None


class RecipientShape(Open):
    leg: int = Field(description="Its number in the messages, from 1")
    name: str
    uri: str
    outcome: str | None
    sentence: str = Field(description="Ready to be shown: Stopped: Ana answered")
    status: int | None = Field(description="The last SIP status of his")
    reason: str
    invited_at: Moment | None
    ringing_at: Moment | None
    answered_at: Moment | None
    ended_at: Moment | None
    late_by: Interval | None = Field(description="Behind the winner, of one who answered too late")


class CallShape(Open):
    id: str
    trunk: str
    caller: str
    caller_name: str
    dialled: str
    number_name: str
    started_at: Moment
    outcome: str | None = Field(description="null while it runs")
    sentence: str = Field(description="Ready to be shown: Ana answered after 6.2 s; talked 54 s")
    answered_by: str | None
    ringing_at: Moment | None
    answered_at: Moment | None
    ended_at: Moment | None
    ended_by: str
    status: int | None = Field(description="The last SIP status that the caller was sent")
    voicemail: bool
    recipients: list[RecipientShape]


class MessageShape(Answer):
    at: Moment
    leg: int = Field(description="0 for the caller's side, else the leg of a recipient")
    received: bool
    transport: str
    local: str
    remote: str
    name: str = Field(description="INVITE, or 180 Ringing")
    is_response: bool
    cseq: str
    has_sdp: bool
    reason: str
    is_again: bool = Field(description="A retransmission")
    text: str | None = Field(description="The message whole; null for viewers")


class OneCallShape(CallShape):
    messages: list[MessageShape]
    streams: list[dict[str, Any]]
    quality: list[dict[str, Any]]
    downloads: dict[str, Any]


class CallsShape(Answer):
    calls: list[CallShape]
    next: str | None = Field(description="The `cursor` of the following page; null when there is none")
    searched_back_to: Moment | None = Field(description="Of a text that was not looked for to the end")


class RemarkShape(Answer):
    severity: str = Field(description="error or warning; errors keep a flow from being published")
    step: str
    field: str = Field(description="A path within the flow: dial.team.recipients.1.stop_after")
    text: str
    remedy: str


class ExitShape(Answer):
    exit: str
    field: str
    to: str = Field(description='A step; "" where the call ends')
    is_default: bool = Field(description="Not written: follows another exit")


class StepShape(Answer):
    name: str
    kind: str
    does: str
    exits: list[ExitShape]
    now: str | None = Field(description="Of a schedule: what it does now, and until when")
    is_reached: bool


class CheckShape(Answer):
    remarks: list[RemarkShape]
    steps: list[StepShape] = Field(description="In the order in which calls come to them")


class KeptShape(CheckShape):
    revision: Moment = Field(description="To be sent with the next change of this draft")


class VersionShape(Answer):
    version: int = Field(description="0 is the draft")
    note: str
    made_at: Moment
    made_by: str
    published_at: Moment | None
    published_by: str


class NumberShape(Answer):
    dialled: str
    name: str
    flow: str | None = Field(description="null for a number of the file with recipients of its own")
    flow_state: str = Field(description="published, file, own (recipients), or missing: never published")
    trunks: list[str] = Field(description="Those that may dial it; empty is all")
    recipients: list[str]
    in_file: bool = Field(description="It stands in the configuration file, and is not changed here")
    is_on: bool
    revision: Moment | None = Field(description="null for one of the file")
    changed_by: str | None
    calls_today: int


class OverruledShape(Answer):
    dialled: str
    name: str
    flow: str


class NumbersShape(Answer):
    numbers: list[NumberShape]
    overruled: list[OverruledShape] = Field(description="Of the database, where the file has the same digits")
    file: str = Field(description="Where numbers that are in_file stand")


class ToldShape(Answer):
    taken: bool = Field(description="Whether the core has been told")
    reason: str


class NumberKeptShape(ToldShape):
    dialled: str
    name: str
    flow: str
    trunks: list[str]
    is_on: bool
    revision: Moment


class NumberOfFlow(Answer):
    dialled: str
    name: str


class FlowShape(CheckShape):
    name: str
    version: int = Field(description="0 is the draft, or a flow of the configuration file")
    is_draft: bool
    in_file: bool = Field(description="It stands in the configuration file, and is not changed here")
    published_version: int | None
    revision: Moment | None
    flow: dict[str, Any] | None = Field(description="The table [flows.NAME]; null when it cannot be read")
    numbers: list[NumberOfFlow]
    versions: list[VersionShape]
    problem: str = Field(description="Why it cannot be read")


class FlowLineShape(Answer):
    name: str
    in_file: bool
    version: int | None = Field(description="That calls go through; null when nothing is published")
    published_at: Moment | None
    published_by: str
    has_draft: bool
    draft_at: Moment | None
    draft_by: str
    numbers: list[NumberOfFlow]
    recipients: list[str]
    summary: str
    problem: str


class FlowsShape(Answer):
    flows: list[FlowLineShape]


class PublishedShape(Answer):
    version: int
    taken: bool = Field(description="Whether the core has been told")
    reason: str


class DiffShape(Answer):
    old: int | None
    new: int
    lines: list[str]


class SpreadShape(Answer):
    of: int
    median: Interval
    p95: Interval


class SummaryShape(Answer):
    since: Moment
    calls: int
    answered: int
    missed: int
    abandoned: int
    other: int
    answer_rate: float | None
    time_to_answer: SpreadShape | None


class UserShape(Answer):
    name: str
    role: str
    is_on: bool
    made_at: Moment
    made_by: str
    seen_at: Moment | None


class UsersShape(Answer):
    users: list[UserShape]


class TokenShape(Answer):
    number: int
    name: str
    role: str
    made_at: Moment
    made_by: str
    used_at: Moment | None
    ends_at: Moment | None


class NewTokenShape(TokenShape):
    token: str = Field(description="Shown this once")


class TokensShape(Answer):
    tokens: list[TokenShape]


class EntryShape(Answer):
    number: int
    at: Moment
    who: str
    via: str = Field(description="session, token NAME or command line")
    address: str
    action: str
    subject: str
    before: Any
    after: Any


class AuditShape(Answer):
    entries: list[EntryShape]
    next: int | None


class EndedShape(Answer):
    call: str
