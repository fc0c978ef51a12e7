"""One side of a call: its session, what it has said and heard of media, and its endpoints in the relay."""

from __future__ import annotations

from sip_stack.offer_answer import OfferAnswer
from sip_stack.sdp import Session as Description
from sip_stack.sdp_rewriting import End, Origin
from sip_stack.session import Session


class Leg:
    """The caller's leg is number 0, callees' legs count from 1: the numbers of the trace, the relay and the record.

    exchange: offers and answers of the dialog that this leg speaks in; its `remote` is what the far end said of itself.
    ends: what the relay lends for each medium, None where it lends nothing.
    latch: the far end may be behind NAT, so that the relay may learn where its media comes from.
    """

    __slots__ = (
        "_exchanges",
        "_first_offer",
        "_origin",
        "_session",
        "_session_id",
        "_tag",
        "ends",
        "exchange",
        "interface",
        "latch",
        "number",
        "source_hosts",
    )

    def __init__(self, number: int, interface: str, latch: bool, session_id: int, retry_after: int) -> None:
        self._session: Session | None = None
        self.number = number
        self.interface = interface
        self.latch = latch
        self.exchange = OfferAnswer(retry_after)
        self.ends: list[End | None] = []
        self.source_hosts: tuple[str, ...] = ()  # where its SIP comes from, while there is no session yet
        self._origin: Origin | None = None
        self._session_id = session_id
        self._tag = ""  # the far end's, of the dialog that this leg speaks in; "" while none is known
        self._first_offer = b""  # of our INVITE
        self._exchanges: dict[str, OfferAnswer] | None = None  # of other dialogs of that INVITE, by the far end's tag

    @property
    def session(self) -> Session | None:
        return self._session

    @session.setter
    def session(self, session: Session) -> None:
        """Every description in a dialog names the same origin, one that the session itself must give included."""
        self._session = session
        session.origin = self.origin()

    def offer(self, body: bytes) -> None:
        """An INVITE of ours offers this, perhaps the next after one that came to nothing."""
        if self._tag:
            self._tag, self._exchanges = "", None
            self.exchange = OfferAnswer(self.exchange.retry_after)
        if self.exchange.may_offer:
            self.exchange.send_offer(body)
        self._first_offer = body

    def may_enter(self, remote_tag: str) -> bool:
        """Whether this leg speaks in the dialog of that tag, or in none yet."""
        return self._tag in ("", remote_tag)

    def enter(self, remote_tag: str) -> None:
        """Speak in the dialog of this tag: each that came of our INVITE has an exchange of its own (§13.2.2.4).

        RFC 3261 §12.1.2 makes a dialog of each To-tag; all of them began with the same offer.
        """
        if remote_tag == self._tag:
            return
        if self._tag:
            others = self._exchanges = self._exchanges or {}
            others[self._tag] = self.exchange
            exchange = others.pop(remote_tag, None)
            if exchange is None:
                exchange = OfferAnswer(self.exchange.retry_after)
                exchange.send_offer(self._first_offer)
            self.exchange = exchange
        self._tag = remote_tag

    def leave(self, exchange: OfferAnswer) -> None:
        """Go on in a dialog that is yet to be made, with this exchange."""
        self._session = None
        self.exchange = exchange

    def lend(self, medium: int, end: End) -> None:
        while len(self.ends) <= medium:
            self.ends.append(None)
        self.ends[medium] = end

    def origin(self) -> Origin:
        if self._origin is None:
            address = next((end.address for end in self.ends if end is not None), "127.0.0.1")
            self._origin = Origin("multiring", self._session_id, address)
        return self._origin

    def describe(self, other: Description) -> bytes:
        """What the other leg's far end said, as this leg says it: with our addresses and ports."""
        ends = self.ends[: len(other.media)]
        ends += [None] * (len(other.media) - len(ends))
        return self.origin().describe(other, ends, keep_mux=True)

    def lacks(self, description: Description) -> int:
        """How many endpoints this leg has too few for the media of a description."""
        return max(0, len(description.media) - len(self.ends))

    @property
    def signalling_hosts(self) -> tuple[str, ...]:
        """Where the far end's SIP comes from: media of a far end behind NAT may be learnt from there as well."""
        return (self.session.dialog.source.host,) if self.session is not None else self.source_hosts

    @property
    def is_gone(self) -> bool:
        """No session, or one that nothing more is to come from."""
        return self._session is None or self._session.is_gone

    def dissolve(self) -> None:
        """The call is forgotten: let go of the session, which may have to finish a BYE by itself."""
        if self._session is not None:
            self._session.owner = None
            for server in self._session.unacknowledged.values():  # of re-INVITEs whose ACK is still to come
                server.owner = None
            self._session = None

    @property
    def is_up(self) -> bool:
        return self.session is not None and not self.session.has_ended
