"""SIPp processes: a caller or a callee that plays one scenario, and what it saw."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.sipp_scenarios import ports, script, wire
from tests.sipp_scenarios.waiting import BUSY, until

SIPP: Final = "sipp"
PATIENCE: Final = 40  # seconds for a scenario; each has its own limit where it needs more
READY: Final = 5.0  # seconds for SIPp to open its socket
_SAID: Final = 3000  # characters of a log that are shown
_MANY: Final = 10  # calls of one party, from which on they are counted and not written down

TRANSPORTS: Final = {"udp": "u1", "tcp": "t1"}


@dataclass(slots=True)
class Party:
    """One SIPp. address: where it listens. target: "host:port" that it calls, empty for a callee."""

    name: str
    scenario: str
    address: str
    port: int
    directory: Path
    transport: str = "udp"
    target: str = ""
    service: str = ""  # the number that it calls
    calls: int = 1
    patience: float = PATIENCE
    terms: dict[str, str] = field(default_factory=dict)
    rtp_port: int = 6000
    options: Sequence[str] = ()
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start SIPp; returns when its socket is open (a callee's) or at once (a caller's)."""
        self.directory.mkdir(parents=True, exist_ok=True)
        (self.directory / "scenario.xml").write_text(
            script.render(self.scenario, self.terms), encoding="utf-8"
        )
        (self.directory / "command").write_text(" ".join(self._command()) + "\n", encoding="utf-8")
        with (self.directory / "screen").open("wb") as screen:
            self.process = subprocess.Popen(
                self._command(),
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=screen,
            )
        if not self.target:
            try:
                until(
                    lambda: ports.is_bound(self.port, self.transport),
                    READY,
                    f"{self.name} listens on {self.port}",
                    alive=[self.process],
                )
            except TimeoutError as error:
                error.add_note(self.report())
                raise

    def wait(self, within: float) -> int:
        """The exit status. What takes far longer than it should is killed, and counts as 255."""
        assert self.process is not None
        try:
            return self.process.wait(within * BUSY)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return 255

    def stop(self) -> None:
        """Kill what still runs."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    # What it saw.

    @property
    def messages(self) -> list[wire.Message]:
        return wire.read(self.directory / "messages")

    @property
    def errors(self) -> str:
        """What SIPp found wrong; empty when nothing was."""
        path = self.directory / "errors"
        return path.read_text(errors="replace") if path.exists() else ""

    @property
    def story(self) -> list[str]:
        """Every message in a word: "> INVITE" sent, "< 180 INVITE" received."""
        return [f"{'<' if message.received else '>'} {message.name}" for message in self.messages]

    def received(self, name: str) -> list[wire.Message]:
        """The messages of that name that came: "CANCEL", "180 INVITE"."""
        return [message for message in self.messages if message.received and message.name == name]

    def sent(self, name: str) -> list[wire.Message]:
        return [message for message in self.messages if not message.received and message.name == name]

    def only(self, name: str) -> wire.Message:
        """The one message of that name that came."""
        found = self.received(name)
        assert len(found) == 1, f"{self.name} received {len(found)} times {name}: {self.story}"
        return found[0]

    def figure(self, name: str) -> int:
        """A cumulative figure of SIPp's statistics, when many calls were made: "FailedCall(C)"."""
        lines = (self.directory / "statistics").read_text(errors="replace").splitlines()
        return int(dict(zip(lines[0].split(";"), lines[-1].split(";"), strict=True))[name])

    def report(self) -> str:
        """All that tells why it failed."""
        status = self.process.poll() if self.process is not None else None
        story = "  ".join(self.story[:80])
        messages = "\n".join(message.text for message in self.messages)[-_SAID:]
        return (
            f"=== {self.name} ({self.scenario}) exit {status}, {self.directory}\n{story}\n"
            f"--- errors\n{self.errors[-_SAID:]}\n--- last messages\n{messages}\n"
            f"--- screen\n{(self.directory / 'screen').read_text(errors='replace')[-_SAID:]}"
        )

    def _command(self) -> list[str]:
        host = self.address
        command = [
            SIPP,
            *([self.target] if self.target else []),
            "-sf",
            "scenario.xml",
            "-i",
            host,
            "-mi",
            host,
        ]
        command += ["-p", str(self.port), "-t", TRANSPORTS[self.transport], "-m", str(self.calls), "-nostdin"]
        command += ["-timeout", f"{self.patience:g}", "-timeout_error", "-fd", "1"]
        # What is not in the scenario ends the call with failure, and with no message of SIPp's own.
        command += ["-default_behaviors", "abortunexp", "-trace_err", "-error_file", "errors"]
        if self.calls < _MANY:
            command += ["-trace_msg", "-message_file", "messages"]
        else:
            command += ["-trace_stat", "-stf", "statistics"]
        if self.service:
            command += ["-s", self.service]
        return [*command, "-key", "rtp_port", str(self.rtp_port), *self.options]
