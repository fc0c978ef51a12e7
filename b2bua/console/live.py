"""Live calls for any number of browsers, by one connection to the core, and by none while nobody looks.

The console keeps the calls that run as the core's events tell them, so that a browser which comes has its snapshot
from here and costs the core nothing. An event is masked and written once for all who may see the same of it, and
put into each browser's queue; a browser that does not read is cut off, comes back by itself, and begins with a
snapshot again.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
import structlog

from b2bua.console.core import Core
from b2bua.console.masking import Mask
from b2bua.control import ControlError

LINGER: Final = 10.0  # seconds that the connection outlives the last browser: a reload of a page is no reason
RETRY: Final = 1.0  # seconds between attempts to reach a core that is away
QUEUE_LIMIT: Final = 2_000  # events that wait for one browser
HEARTBEAT: Final = 15.0  # seconds after which a comment says that we are here, and he who looks is looked at
STREAMS_OF_ONE: Final = 40  # of one person at the same time: nobody is to take all connections
OPENING: Final = b"retry: 1000\n\n"
_HEARTBEAT_LINE: Final = b": still here\n\n"

_NOT_ASKED: Final = "The core was not asked: nobody looks."
_STATES: Final = {
    "recipient.invited": "invited",
    "recipient.ringing": "ringing",
    "recipient.asked": "asked",  # he hears a whisper, or is asked to press 1
    "recipient.answered": "answered",
    "recipient.ended": "ended",
}

log = structlog.get_logger("console")
_encode = msgspec.json.Encoder().encode


def told(event: str, value: Any) -> bytes:
    """A server-sent event (WHATWG HTML §9.2.5); JSON has no line breaks of its own."""
    return b"event: %b\ndata: %b\n\n" % (event.encode(), _encode(value))


class RunningCalls:
    """The calls that run, in the form of control.live_call; kept by the events of "live"."""

    def __init__(self) -> None:
        self.calls: dict[str, dict[str, Any]] = {}

    def replace(self, calls: list[dict[str, Any]]) -> None:
        self.calls = {call["call"]: call for call in calls}

    def apply(self, event: dict[str, Any]) -> None:
        """Take in one event; one that is not known changes nothing."""
        what, call_id = event.get("event", ""), event.get("call", "")
        if what == "call.started":
            self.calls[call_id] = _started(event)
        elif what == "call.ended":
            self.calls.pop(call_id, None)
        elif (call := self.calls.get(call_id)) is not None:
            _change(call, what, event)


def _started(event: dict[str, Any]) -> dict[str, Any]:
    names = event.get("recipients") or []
    return {
        "call": event["call"],
        "trunk": event.get("trunk", ""),
        "caller": event.get("caller") or "",
        "caller_name": event.get("caller_name") or "",
        "dialled": event.get("dialled") or "",
        "number_name": event.get("number_name") or "",
        "started_at": event["at"],
        "ringing_at": None,
        "answered_at": None,
        "answered_by": None,
        "step": event.get("step", ""),
        "recipients": [_lamp(leg, name) for leg, name in enumerate(names, 1)],
    }


def _lamp(leg: int, name: str) -> dict[str, Any]:
    return {"recipient": leg, "name": name, "state": "invited", "outcome": None}


def _change(call: dict[str, Any], what: str, event: dict[str, Any]) -> None:
    if what == "call.answered":
        call["answered_at"], call["answered_by"] = event["at"], event.get("answered_by")
        return
    if what == "call.step":
        call["step"] = event.get("step", "")
        return
    state = _STATES.get(what)
    leg = event.get("recipient")
    if state is None or leg is None:
        return
    lamp = next((each for each in call["recipients"] if each["recipient"] == leg), None)
    if lamp is None:
        lamp = _lamp(leg, event.get("name", ""))
        call["recipients"].append(lamp)
    lamp["state"] = state
    lamp["outcome"] = event.get("outcome")
    if state == "ringing" and call["ringing_at"] is None:
        call["ringing_at"] = event["at"]


@dataclass(eq=False, slots=True)
class Watcher:
    """One browser. mask: what it may see; queue: what it has yet to be sent, None to end."""

    mask: Mask
    queue: asyncio.Queue[bytes | None] = field(default_factory=lambda: asyncio.Queue(QUEUE_LIMIT))


class Live:
    """Hands the core's events to all who watch."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self.running = RunningCalls()
        self.absence = _NOT_ASKED  # why it is not there; "" while it is
        self._watchers: set[Watcher] = set()
        self._streams: Counter[str] = Counter()  # by person
        self._task: asyncio.Task[None] | None = None
        self._leaving: asyncio.TimerHandle | None = None
        self._has_news = asyncio.Event()
        self._is_closed = False

    def close(self) -> None:
        """End all streams."""
        self._is_closed = True
        for watcher in list(self._watchers):
            self._cut_off(watcher)
        self._stop()

    def is_full(self, who: str) -> bool:
        """Whether this person has as many streams as one may have."""
        return self._streams[who] >= STREAMS_OF_ONE

    async def stream(self, mask: Mask, may_still: Callable[[], Any], who: str = "") -> AsyncIterator[bytes]:
        """Server-sent events for one browser, without end. may_still: an awaitable that tells, each HEARTBEAT,
        whether he who asked, who, may still see this."""
        watcher = Watcher(mask)
        self._streams[who] += 1
        try:
            await self._attend(watcher)
            yield OPENING + self._snapshot(mask)
            clock = asyncio.get_running_loop().time
            look_at = clock() + HEARTBEAT
            while not self._is_closed:
                try:
                    async with asyncio.timeout_at(look_at):
                        said = await watcher.queue.get()
                except TimeoutError:
                    said = _HEARTBEAT_LINE
                if clock() >= look_at:  # however much there is to tell meanwhile
                    if not await may_still():
                        return
                    look_at = clock() + HEARTBEAT
                if said is None:
                    return
                yield said
        finally:
            self._streams -= Counter([who])  # and none of who has none are kept
            self._leave(watcher)

    async def _attend(self, watcher: Watcher) -> None:
        """From here on the watcher's queue has every event; the first one waits for word of the core."""
        if self._leaving is not None:
            self._leaving.cancel()
            self._leaving = None
        if self._task is None:
            self._has_news.clear()
            self._task = asyncio.get_running_loop().create_task(self._follow(), name="live")
        await self._has_news.wait()
        self._watchers.add(watcher)

    def _leave(self, watcher: Watcher) -> None:
        self._watchers.discard(watcher)
        if not self._watchers and self._task is not None and not self._is_closed:
            self._leaving = asyncio.get_running_loop().call_later(LINGER, self._stop)

    def _stop(self) -> None:
        if self._leaving is not None:
            self._leaving.cancel()
            self._leaving = None
        if self._task is not None:
            self._task.cancel()
            self._task = None
        # From here on nobody says what becomes of these calls.
        self.absence = _NOT_ASKED
        self.running.replace([])
        self._has_news.set()

    async def _follow(self) -> None:
        while True:
            try:
                await self._follow_once()
            except ControlError as problem:
                self._lost(str(problem))
            await asyncio.sleep(RETRY)

    async def _follow_once(self) -> None:
        is_first = True
        async for said in self.core.follow():
            if is_first:
                is_first = False
                self._found(said)
            else:
                self.running.apply(said)
                self._publish(said.get("event", "unknown"), said)
        self._lost("The core has gone away; the console looks for it once a second.")

    def _found(self, snapshot: dict[str, Any]) -> None:
        self.absence = ""
        self.running.replace(snapshot.get("calls", []))
        self._has_news.set()
        for watcher in list(self._watchers):
            self._tell(watcher, self._snapshot(watcher.mask))

    def _lost(self, reason: str) -> None:
        if self.absence != reason:
            log.warning("the core is not there", reason=reason)
            self.absence = reason
            self.running.replace([])
            self._publish("core", {"there": False, "reason": reason})
        self._has_news.set()

    def _snapshot(self, mask: Mask) -> bytes:
        core = {"there": not self.absence, "reason": self.absence}
        return told("snapshot", {"calls": mask.value(list(self.running.calls.values())), "core": core})

    def _publish(self, event: str, value: dict[str, Any]) -> None:
        written: dict[Mask, bytes] = {}
        for watcher in list(self._watchers):
            mask = watcher.mask
            if mask not in written:
                written[mask] = told(event, mask.value(value))
            self._tell(watcher, written[mask])

    def _tell(self, watcher: Watcher, said: bytes) -> None:
        try:
            watcher.queue.put_nowait(said)
        except asyncio.QueueFull:
            log.warning("a browser was cut off: it does not read", events=QUEUE_LIMIT)
            self._cut_off(watcher)

    def _cut_off(self, watcher: Watcher) -> None:
        self._watchers.discard(watcher)
        while not watcher.queue.empty():
            watcher.queue.get_nowait()
        watcher.queue.put_nowait(None)
