"""Where it goes what calls have to tell: records, live events, webhooks, the capture server, figures, the log."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from b2bua.calls.record import CallRecord
from b2bua.calls.switchboard import Switchboard
from b2bua.control import ControlServer
from b2bua.metrics.tally import CallTally
from b2bua.store import Store
from b2bua.traces.exporter import Exporter
from b2bua.webhooks import Webhooks

log = structlog.get_logger("core")


class Outlets:
    """tally: None where nobody scrapes. capture: None where no server is named."""

    def __init__(
        self,
        switchboard: Switchboard,
        store: Store,
        control: ControlServer,
        webhooks: Webhooks,
        capture: Exporter | None,
        tally: CallTally | None,
    ) -> None:
        self._switchboard = switchboard
        self._store = store
        self._control = control
        self._webhooks = webhooks
        self._capture = capture
        self._tally = tally
        self.bind_log()

    def bind_log(self) -> None:
        """Anew when the log was set up anew; bound once, as there is a line for every call."""
        self._say: Callable[..., object] = log.bind().info

    def take(self) -> bool:
        """What the switchboard has gathered in a turn; whether a call has ended in it."""
        switchboard = self._switchboard
        began = switchboard.take_began()
        for record in began:
            self._store.begin(record)
        records = switchboard.take_records()
        for record in records:
            self._ended(record)
        notices = switchboard.take_notices()
        for notice in notices:
            self._control.publish(notice)
        if self._webhooks.is_wanted:
            self._webhooks.note(began, notices, records)
        if switchboard.breakers.noticed or switchboard.failures:
            self._say_of_trouble()
        return bool(records)

    def _ended(self, record: CallRecord) -> None:
        if self._capture is not None and record.trace:
            self._capture.tell(record.id, record.trace)
        self._store.finish(record)
        if self._tally is not None:
            self._tally.note(record)
        self._say(
            "call ended",
            call=record.id,
            caller=record.caller,
            dialled=record.dialled,
            outcome=record.outcome.value if record.outcome else "",
            answered_by=record.answered_by,
            sentence=record.sentence,
        )

    def _say_of_trouble(self) -> None:
        noticed, failures = self._switchboard.breakers.noticed, self._switchboard.failures
        for trunk, cause in noticed:
            log.warning("a trunk fails whatever it is asked, and is left alone for a while", trunk=trunk, last=cause)
        for failure in failures:
            log.error("a call was ended by a bug", call=failure.call, trace=failure.text)
        if self._tally is not None:
            self._tally.bugs += len(failures)
        noticed.clear()
        failures.clear()
