"""A connected call of two sides, for tests of what passes between them; each is played with both sides asking."""

from __future__ import annotations

from typing import Any

import pytest

from tests.world.caller import TrunkCall
from tests.world.description import Description
from tests.world.dialog import Dialog
from tests.world.exchange import ClientRequest
from tests.world.network import Packet
from tests.world.phone import Phone
from tests.world.reading import write
from tests.world.world import World

BOTH = pytest.mark.parametrize("by", ["caller", "ana"])


class Rig:
    """ana and the caller have talked for a second; `asker` is the one of them who asks, `other` who is asked."""

    def __init__(self, by: str = "caller", **script: Any) -> None:
        self.world = World()
        self.ana: Phone = self.world.phone("ana", answers_after=1.0, **script)
        self.call: TrunkCall = self.world.connect(self.ana)
        self.by = by
        sides = [self.call.session, self.ana.dialog]
        self.asker, self.other = sides if by == "caller" else sides[::-1]

    @property
    def offer(self) -> Description:
        """What the asker said last, to be said anew."""
        assert self.asker.local_description is not None
        return self.asker.local_description

    @property
    def heard(self) -> Description:
        """What the other side takes the asker to have said."""
        assert self.other.remote_description is not None
        return self.other.remote_description

    def reinvite(self, offer: Description | None, seconds: float = 1.0) -> ClientRequest:
        request = self.asker.reinvite(offer)
        self.world.run(seconds)
        return request

    def ask(self, method: str, body: str = "", headers: tuple[tuple[str, str], ...] = ()) -> ClientRequest:
        request = self.asker.request(method, body, headers)
        self.world.run(1.0)
        return request

    def got(self, method: str) -> list[Packet]:
        """What of the method the other side was sent."""
        agent = self.other.agent
        return [p for p in agent.packets if p.begins(f"{method} ") and p.message.to_tag]

    def finish(self) -> None:
        self.world.finish_after(self.call)


def cancel(dialog: Dialog, request: ClientRequest) -> ClientRequest:
    """CANCEL of a re-INVITE."""
    sent = request.sent
    lines = [(name.title(), sent.must(name)) for name in ("via", "max-forwards", "from", "to", "call-id")]
    octets = write(f"CANCEL {sent.uri} SIP/2.0", [*lines, ("CSeq", f"{sent.cseq} CANCEL")])
    return ClientRequest(dialog.agent, octets, request.path)
