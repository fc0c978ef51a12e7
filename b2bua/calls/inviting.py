"""The INVITEs of one branch, one after another: what each says, and what a refusal asks of the next.

All have one Call-ID and From tag and a rising CSeq (RFC 3261 §8.1.3.5): credentials (§22.2), a larger Min-SE
(RFC 4028 §7.3), the next address of the same target (RFC 3263 §4.3), another number shown, a redirect (§8.1.3.4).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from b2bua.calls.record import RecipientOutcome
from sip_stack.digest import DigestClient
from sip_stack.errors import RemoteError
from sip_stack.flow import Flow
from sip_stack.invite_client import Invitation, InviteClient
from sip_stack.message import Response
from sip_stack.outgoing import lines
from sip_stack.sdp import parse
from sip_stack.sdp_narrowing import names_in
from sip_stack.session import challenges

if TYPE_CHECKING:
    from b2bua.calls.branch import Branch

OUTCOMES = {
    486: RecipientOutcome.BUSY,
    600: RecipientOutcome.BUSY,
    603: RecipientOutcome.DECLINED,
    607: RecipientOutcome.DECLINED,
    608: RecipientOutcome.DECLINED,
    404: RecipientOutcome.UNREACHABLE,
    408: RecipientOutcome.UNREACHABLE,
    410: RecipientOutcome.UNREACHABLE,
    430: RecipientOutcome.UNREACHABLE,
    480: RecipientOutcome.UNREACHABLE,
    502: RecipientOutcome.UNREACHABLE,
    503: RecipientOutcome.UNREACHABLE,
    504: RecipientOutcome.UNREACHABLE,
    604: RecipientOutcome.UNREACHABLE,
}
_NEXT_ADDRESS = (408, 503)  # RFC 3263 §4.3: what sends a request on to the next address of the same target


class Again(NamedTuple):
    """Another INVITE: whereto, with which lines besides."""

    flow: Flow
    fields: str = ""


class Inviting:
    """targets: addresses of the URI that were not tried yet. tried: the URIs that were rung."""

    __slots__ = (
        "_branch",
        "_cseq",
        "_local_tag",
        "_min_se",
        "_redirects",
        "_uri",
        "digest",
        "sip_call_id",
        "targets",
        "tried",
    )

    def __init__(self, branch: Branch) -> None:
        call, recipient = branch.call, branch.recipient
        self._branch = branch
        self._cseq = 0
        self._local_tag = call.stack.token()
        self._min_se = 0
        self._redirects: list[str] = []
        self._uri = recipient.uri
        self.digest: DigestClient | None = None
        self.sip_call_id = call.server.request.call_id if recipient.keep_call_id else call.stack.token()
        self.targets: list[Flow] = []
        self.tried = {recipient.uri}

    def next_invitation(self, flow: Flow, more_fields: str) -> Invitation:
        branch, recipient = self._branch, self._branch.recipient
        call = branch.call
        self._cseq += 1
        body = call.offer_for(branch.leg)
        if self.digest is not None and not more_fields and self._uri == recipient.uri:
            # RFC 3261 §22.3: a new request, to another server maybe, which has refused none of our credentials.
            # Whereto somebody has redirected us they do not go unasked.
            more_fields = lines(self.digest.preauthorise("INVITE", self._uri, body))
        return Invitation(
            uri=self._uri,
            local_value=f"{call.identity.from_value(recipient.recipe)};tag={self._local_tag}",
            remote_value=f"<{self._uri}>",
            local_tag=self._local_tag,
            call_id=self.sip_call_id,
            cseq=self._cseq,
            fields=self._fields(flow) + more_fields,
            body=body,
            routes=(_route(recipient.route),) if recipient.route else (),
            max_forwards=call.max_forwards,
            nat=recipient.nat,
        )

    def digest_in_dialogs(self) -> DigestClient | None:
        """What answers a challenge to a request within a dialog, be it the first (RFC 3261 §22.2)."""
        if self.digest is None and self._branch.recipient.credentials:
            self.digest = self._new_digest()
        return self.digest

    def _fields(self, flow: Flow) -> str:
        """The header lines that are not the dialog's."""
        branch, call = self._branch, self._branch.call
        asked = call.server.request
        # FRK-19: reliable provisionals of several would be as many early dialogs to keep in step.
        is_alone = len(branch.fork.branches) == 1
        is_reliable = is_alone and ("100rel" in asked.tokens("supported") or "100rel" in asked.tokens("require"))
        supported = "timer, 100rel" if is_reliable else "timer"
        contact = call.stack.listeners.contact(flow)
        return (
            f"Contact: {contact}\r\nAllow: {call.switchboard.allow}\r\nSupported: {supported}\r\n"
            f"{call.switchboard.timer_lines(call.plan.timer, self._min_se)}User-Agent: {call.stack.product}\r\n"
            f"X-Call-ID: {call.id}\r\n{call.identity.lines(branch.recipient.recipe)}"
        )

    def after(self, response: Response, client: InviteClient) -> Again | None:
        """The INVITE that follows on this refusal to the same URI; None when none does."""
        status = response.status
        if status in self._branch.recipient.caller_id_refusals and self._show_another_number(status):
            return Again(client.flow)
        if status in (401, 407):
            fields = self._credentials_for(response, client.invitation.body)
            return None if fields is None else Again(client.flow, fields)
        if status == 422 and not self._min_se:
            text = (response.get("min-se") or "").split(";")[0].strip()
            if text.isascii() and text.isdigit() and len(text) < 8:
                self._min_se = int(text)
                return Again(client.flow)
        if status in _NEXT_ADDRESS and self.targets and not self._branch.has_rung:
            return Again(self.targets.pop(0))
        return None

    def redirected(self, response: Response) -> None:
        """A 3xx: its Contacts are what is rung next, if this recipient may be forwarded (FRK-10)."""
        if self._branch.recipient.follow_redirects >= len(self.tried):
            fork = self._branch.fork
            self._redirects = [uri for uri in redirects_in(response) if fork.may_ring_uri(uri)]

    def next_redirect(self) -> str:
        """The URI that is to be rung from now on, "" when there is none left."""
        if not self._redirects:
            return ""
        self._uri = self._redirects.pop(0)
        self.tried.add(self._uri)
        self.targets = []
        return self._uri

    def _show_another_number(self, status: int) -> bool:
        """Whether the trunk may have refused the number that was shown, and there is another one to show.

        What a telephone says that has rung is what somebody says who sits before it.
        """
        branch = self._branch
        recipient = branch.recipient
        if recipient.second_recipe is None or branch.has_rung:
            return False
        shown = "the caller's number" if recipient.recipe.from_user == "caller" else "the number shown"
        branch.note(f"the trunk refused {shown} ({status}); rang with the tracking number")
        branch.recipient = replace(recipient, recipe=recipient.second_recipe, second_recipe=None)
        return True

    def _credentials_for(self, response: Response, body: bytes) -> str | None:
        if not self._branch.recipient.credentials:
            return None
        if self.digest is None:
            self.digest = self._new_digest()
        fields = self.digest.answer(challenges(response), "INVITE", self._uri, body)
        return None if fields is None else lines(fields)

    def _new_digest(self) -> DigestClient:
        known = [(each.username, each.password, each.realm) for each in self._branch.recipient.credentials]
        return DigestClient(known, self._branch.call.stack.token)


def why(response: Response, client: InviteClient) -> str:
    """A refusal as the record tells it: whereto it pointed, or the codecs offered and those wanted."""
    if response.status < 400:
        return ", ".join(redirects_in(response)) or response.reason
    if response.status != 488:
        return response.reason
    text = f"{response.reason}: offered {_codecs_in(client.invitation.body) or 'none'}"
    wanted = _codecs_in(response.body)  # RFC 3261 §21.4.26: it may say so
    return f"{text}, wanted {wanted}" if wanted else text


def redirects_in(response: Response) -> list[str]:
    """The URIs of the Contacts of a 3xx, best first by q (RFC 3261 §8.1.3.4)."""
    try:
        contacts = response.contacts
    except RemoteError:
        return []
    ranked = sorted(contacts, key=lambda contact: -_q(contact.parameters.get("q")))
    return [contact.uri for contact in ranked if contact.uri.lower().startswith("sip:")]


def _codecs_in(body: bytes) -> str:
    try:
        return ", ".join(names_in(parse(body))) if body else ""
    except RemoteError:
        return ""


def _route(uri: str) -> str:
    return f"<{uri}>" if ";lr" in uri else f"<{uri};lr>"


def _q(text: str | None) -> float:
    try:
        q = float(text or "1")
    except ValueError:
        return 0.0
    return min(q, 1.0) if q > 0.0 else 0.0  # a NaN is not above it either
