"""One scene: the service, a caller and callees, and how it must have gone for each of them."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from b2bua.calls.record import CallRecord
from tests.sipp_scenarios import wire
from tests.sipp_scenarios.parties import Party
from tests.sipp_scenarios.service import Service
from tests.sipp_scenarios.waiting import until

NAMES = ("Ana", "Ben", "Carl")


class Stage:
    """What a test plays on. Ports: the service's, then one for each of Ana, Ben, Carl, and one for the caller."""

    def __init__(self, service: Service, port: int, directory: Path) -> None:
        self.service = service
        self.directory = directory
        self.parties: list[Party] = []
        self._port = port
        self._spare = 0

    def port_of(self, name: str) -> int:
        return self._port + NAMES.index(name)

    def callee(self, name: str, scenario: str, **settings: object) -> Party:
        """Somebody who waits to be rung; starts at once."""
        return self._party(name, f"callee_{scenario}", self.port_of(name), **settings)

    def caller(self, number: str, scenario: str, *, port: int = 0, **settings: object) -> Party:
        """Somebody who calls; starts at once."""
        address = str(settings.get("address", "127.0.0.1"))
        host = f"[{address}]" if ":" in address else address
        return self._party(
            f"caller {len(self.parties)}",
            f"caller_{scenario}",
            port or self._port + len(NAMES),
            target=f"{host}:{self.service.port}",
            service=number,
            **settings,
        )

    @property
    def spare_port(self) -> int:
        """Another port, for a second caller or for media."""
        self._spare += 1
        return self._port + len(NAMES) + self._spare

    def hang_up(self, caller: Party) -> None:
        """End the call of this caller from the service's side, as `b2bua hangup` does."""
        begun = self.service.begun_record(caller.messages[0].call_id)
        self.service.ask({"command": "hangup", "call": begun.id})

    def until_over(self, caller: Party, what: str) -> None:
        """Returns when this caller, who hangs up, has had his 200."""
        assert caller.process is not None
        try:
            until(lambda: caller.received("200 BYE"), 10.0, what, alive=[caller.process])
        except TimeoutError as error:
            error.add_note(self.report())
            raise

    def play(self, *, repeats: Sequence[str] = (), within: float = 0.0) -> None:
        """Wait for all parties; every one must have seen its scenario and nothing else.

        repeats: messages that may come more than once, as in Party.story with the party's name: "Ana < INVITE".
        """
        deadline = time.monotonic() + (within or max(party.patience for party in self.parties) + 2)
        statuses = {party.name: party.wait(max(deadline - time.monotonic(), 0.1)) for party in self.parties}
        assert set(statuses.values()) == {0}, self.report()
        for party in self.parties:
            assert not party.errors, self.report()
            for message in wire.repeated(party.messages):
                which = f"{party.name} {'<' if message.received else '>'} {message.name}"
                assert which in repeats, f"{which} came again\n{self.report()}"
        self.service.wait_until_idle()

    def record(self, caller: Party | None = None) -> CallRecord:
        """The record of the (only) caller's call."""
        caller = caller or next(party for party in self.parties if party.target)
        return self.service.record(caller.messages[0].call_id)

    def shown(self, caller: Party) -> dict[str, Any]:
        """What `b2bua show --json` tells of this caller's call."""
        record = self.record(caller)
        told = self.service.command("show", record.id, "--json", "--config", str(self.service.file))
        assert told.returncode == 0, told.stderr
        shown: dict[str, Any] = json.loads(told.stdout)
        return shown

    def outcomes(self) -> dict[str, str]:
        """What the record says of each recipient, and under "" of the call."""
        record = self.record()
        found = {each.name: each.outcome.value if each.outcome else "" for each in record.recipients}
        return {"": record.outcome.value if record.outcome else "", **found}

    def report(self) -> str:
        log = "\n".join(self.service.log.splitlines()[-15:])
        return "\n".join([*(party.report() for party in self.parties), f"=== service\n{log}"])

    def close(self) -> None:
        for party in self.parties:
            party.stop()

    def _party(self, name: str, scenario: str, port: int, **settings: object) -> Party:
        party = Party(
            name=name,
            scenario=scenario,
            port=port,
            directory=self.directory / name.replace(" ", "_"),
            **{"address": "127.0.0.1", **settings},  # type: ignore[arg-type]
        )
        self.parties.append(party)
        party.start()
        return party
