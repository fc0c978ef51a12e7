"""What may be asked of a running core through its control socket: live, records, hangup, reload, ring_test, flows,
status.

A command is an object with its name under "command". What cannot be obeyed is an exception whose text is for a person:
the socket's server gives it to who has asked.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from b2bua.calls.switchboard import Switchboard
from b2bua.config import ConfigError
from b2bua.control import live_call
from b2bua.core.in_force import InForce
from b2bua.core.relay_link import RelayLink
from b2bua.ring_test import RingTests
from b2bua.store import Store
from b2bua.webhooks import Webhooks

Said = dict[str, Any]
RECORDS_LIMIT = 1000  # calls in one answer


class ControlCommands:
    """reload: reads the file again and gives what is wrong with it. pump: sends what the calls have to send."""

    def __init__(
        self,
        switchboard: Switchboard,
        in_force: InForce,
        relay: RelayLink,
        ring_tests: RingTests,
        store: Store,
        webhooks: Webhooks,
        *,
        reload: Callable[[], str],
        pump: Callable[[], None],
    ) -> None:
        self._switchboard = switchboard
        self._in_force = in_force
        self._relay = relay
        self._ring_tests = ring_tests
        self._store = store
        self._webhooks = webhooks
        self._reload = reload
        self._pump = pump
        self._loop = asyncio.get_running_loop()

    def answer(self, command: Said) -> Said:
        """Obey. ValueError or LookupError for what cannot be."""
        match command.get("command"):
            case "live":
                return self._live()
            case "records":
                return self._records(command.get("calls"), bool(command.get("messages")))
            case "hangup":
                return self._hang_up(str(command.get("call", "")))
            case "reload":
                return self._read_file()
            case "ring_test":
                return self._ring_test(str(command.get("toml", "")))
            case "flows":  # something was published, or numbers have changed
                self._in_force.read_database_soon()
                return {"flows": "being read"}
            case "status":
                return self._status()
        raise ValueError(f"no such command: {command.get('command')!r}")

    def _live(self) -> Said:
        self._switchboard.is_watched = True
        calls = [live_call(call.record) for call in self._switchboard.calls.values()]
        return {"calls": calls, "relay": {"form": self._relay.form, "reason": self._relay.reason}}

    def _records(self, calls: object, with_messages: bool) -> Said:
        """Of those of the calls that run, by their ids: what the database will know of them when they have ended."""
        if not isinstance(calls, list):
            raise ValueError('"calls" is wanted: a list of ids')
        found = {str(each): self._switchboard.snapshot(str(each), with_messages) for each in calls[:RECORDS_LIMIT]}
        return {"records": {call_id: record for call_id, record in found.items() if record is not None}}

    def _hang_up(self, prefix: str) -> Said:
        found = [call_id for call_id in self._switchboard.calls if prefix and call_id.startswith(prefix)]
        if len(found) != 1:
            raise LookupError("no running call of that name" if not found else f"{len(found)} calls begin so")
        self._switchboard.hang_up(found[0], time.monotonic())
        self._loop.call_soon(self._pump)
        return {"call": found[0]}

    def _read_file(self) -> Said:
        problem = self._reload()
        if problem:
            raise ValueError(problem)
        return {"configuration": self._in_force.config.version}

    def _ring_test(self, toml: str) -> Said:
        config = self._in_force.directory.config
        try:
            call = self._ring_tests.start(toml, config, self._switchboard, time.monotonic())
        except ConfigError as problem:
            raise ValueError(str(problem)) from problem
        self._loop.call_soon(self._pump)
        return {"call": call}

    def _status(self) -> Said:
        switchboard = self._switchboard
        return {
            "calls": len(switchboard.calls),
            "total": switchboard.total,
            "refused": switchboard.admission.refused,
            "configuration": self._in_force.config.version,
            "relay": self._relay.form,
            "records_waiting": self._store.waiting,
            "events_waiting": self._webhooks.waiting,
            "trunks_resting": switchboard.breakers.states(time.monotonic()),
            "dropped": dict(switchboard.stack.dropped),
            **switchboard.stack.sizes(),
        }
