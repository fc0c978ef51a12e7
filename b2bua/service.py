"""The core process: builds everything else and joins it. The only file that knows all of them.

SIP in and out (driver), calls (switchboard), the relay's client, the record's store, the control socket, name
look-ups, signals, systemd. Each of the others may fail without taking calls down: a relay that is gone
refuses new calls until it is back, a database that is full keeps records waiting, a console that is slow is
cut off. What each of them is told and asked stands in b2bua/core/; here is the start, the turn and the end.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import time
from typing import TYPE_CHECKING, Any, Final

import structlog

from b2bua import logs
from b2bua.calls.switchboard import Question, Switchboard
from b2bua.config import EX_CONFIG, Config, ConfigError, load
from b2bua.control import ControlError, ControlServer, ServiceRunning
from b2bua.core import collector
from b2bua.core.cannot_listen import ListenError
from b2bua.core.control_commands import ControlCommands
from b2bua.core.heartbeat import Heartbeat
from b2bua.core.in_force import InForce
from b2bua.core.outlets import Outlets
from b2bua.core.relay_link import RelayLink
from b2bua.core.talking import Talking
from b2bua.flows.numbers import NumberStore
from b2bua.flows.turns import TurnStore
from b2bua.flows.versions import FlowVersions
from b2bua.metrics.tally import CallTally
from b2bua.notify import Notifier
from b2bua.ring_test import Joined, RingTests
from b2bua.store import Store, StoreError
from b2bua.traces.exporter import Exporter
from b2bua.traces.hep import Agent
from b2bua.webhooks import Webhooks, interrupted_calls
from sip_stack.aio.dice import SystemDice
from sip_stack.aio.driver import Driver
from sip_stack.aio.resolver import Resolver
from sip_stack.listeners import Listener
from sip_stack.stack import Stack
from sip_stack.timers import Intervals

if TYPE_CHECKING:
    from b2bua.metrics.exposition import Sources
    from b2bua.metrics.point import MetricsPoint
    from rtp_relay.control import Measures

FAREWELL_PATIENCE: Final = 2.0  # seconds for the BYEs of calls that outlived the drain
EXIT_FAILURE: Final = 1

log = structlog.get_logger("core")


class Core:
    """The running core. start() takes calls, stop() drains."""

    def __init__(self, config: Config) -> None:
        self._first_config = config
        self.notifier = Notifier()
        self.listeners: list[Listener] = []
        self.tally = CallTally()
        self.metrics: MetricsPoint | None = None
        self.commands: ControlCommands | None = None  # none are obeyed before everything has started
        self._loop = asyncio.get_running_loop()
        self._stopped = asyncio.Event()
        self._opened = contextlib.AsyncExitStack()  # what is to be closed, the last one first
        self._look_ups: set[asyncio.Task[None]] = set()

    @property
    def config(self) -> Config:
        """The file as it is in force."""
        return self.in_force.config

    # The start.

    async def start(self) -> None:
        """Open everything and take calls. ListenError, StoreError, ControlError say what could not be opened."""
        config = self._first_config
        # The socket first: whoever holds it is the one service of this configuration, and a second one must
        # not touch the first one's records.
        self.control = ControlServer(config.service.control_socket, self._answer)
        await self.control.start()
        self._opened.push_async_callback(self.control.close)
        await self._open_database(config)
        stack = await self._open_sockets(config)
        await self.in_force.read_database()
        self._join(config, stack)
        if config.service.metrics is not None:
            await self._serve_metrics(*config.service.metrics)
        await self.relay.wait()
        self._begin()

    async def _open_database(self, config: Config) -> None:
        records = config.records
        self.webhooks = Webhooks(config.webhooks, records.database)
        interrupted = await interrupted_calls(records.database) if self.webhooks.is_wanted else []
        self.store = await Store.open(
            records.database,
            keep_days=records.keep_days,
            trace=records.trace,
            keep_traces=records.keep_traces,
        )
        self._opened.push_async_callback(self.store.close)
        self._opened.push_async_callback(self.webhooks.close)
        self._open_capture(config)
        flow_versions = await FlowVersions.open(records.database)
        self._opened.push_async_callback(flow_versions.close)
        numbers = await NumberStore.open(records.database)
        self._opened.push_async_callback(numbers.close)
        self.turns = await TurnStore.open(records.database)
        self._opened.push_async_callback(self.turns.close)
        await self.webhooks.start(interrupted)
        self.in_force = InForce(config, flow_versions, numbers)

    def _open_capture(self, config: Config) -> None:
        self.capture: Exporter | None = None
        server = config.records.hep
        if server is not None:
            self.capture = Exporter(server.host, server.port, Agent(server.capture_id, server.password))
            self.capture.start()
            self._opened.push_async_callback(asyncio.to_thread, self.capture.close)

    async def _open_sockets(self, config: Config) -> Stack:
        self.driver = Driver(self._take, lambda host: self.config.trunk_of(host) is not None)
        self._opened.push_async_callback(self.driver.close)
        wanted = [
            (each.host, Listener(each.name, each.transport, each.advertised, each.port))
            for each in config.sip.listeners
        ]
        try:
            self.listeners = await self.driver.listen(wanted)
        except OSError as problem:
            raise ListenError(problem) from problem
        dice = SystemDice()
        self.ring_tests = RingTests(dice)
        first = self.listeners[0]
        stack = Stack(
            [*self.listeners, RingTests.listener(first.host, first.port)],
            dice,
            intervals=Intervals(t1=config.sip.t1),
            product=config.sip.user_agent,
        )
        self.resolver = Resolver(stack.listeners.flow_to, dice.fraction)
        return stack

    def _join(self, config: Config, stack: Stack) -> None:
        in_force = self.in_force
        self.directory, self.admission = in_force.directory, in_force.admission
        self.directory.ring_tests = self.ring_tests
        self.switchboard = Switchboard(
            stack,
            self.directory,
            admission=self.admission,
            turns=self.turns.rotation,
            wall_offset=time.time() - time.monotonic(),
            is_watched=self.webhooks.is_wanted,
        )
        self.relay = RelayLink(config.media, self.switchboard, self.driver.pump_soon, self.control.publish)
        self.relay.start()
        self._opened.callback(self.relay.close)
        self.outlets = Outlets(
            self.switchboard, self.store, self.control, self.webhooks, self.capture,
            self.tally if config.service.metrics is not None else None,
        )  # fmt: skip
        self.heartbeat = Heartbeat(
            self.driver, self.switchboard, self.directory, self.control, self.webhooks, self.relay.live_media,
            self.notifier, Talking(self.store),
        )  # fmt: skip

    async def _serve_metrics(self, host: str, port: int) -> None:
        # Here, as with it comes prometheus_client, which who has no metrics need not load.
        from b2bua.metrics.point import MetricsPoint

        self.metrics = MetricsPoint(self._sources, self.relay.send)
        self.relay.measured = self.metrics.take
        try:
            await self.metrics.server.start(host, port)
        except OSError as problem:
            problem.filename = problem.filename or f"{host}:{port}"
            raise ListenError(problem, "service.metrics") from problem
        self._opened.push_async_callback(self.metrics.server.close)

    def _sources(self, relay: Measures | None) -> Sources:
        from b2bua.metrics.exposition import Sources

        switchboard = self.switchboard
        return Sources(
            self.tally, switchboard.states(), self.admission.refused, self.directory.strangers.total,
            switchboard.stack.dropped,
            switchboard.stack.sizes(), self.driver.lag, self.admission.is_draining, self.store.waiting,
            self.webhooks.waiting, self.config.version, relay,
        )  # fmt: skip

    def _begin(self) -> None:
        self.driver.drive(Joined(self.switchboard, self.ring_tests))
        self._loop.add_signal_handler(signal.SIGTERM, self.stop)
        self._loop.add_signal_handler(signal.SIGINT, self.stop)
        self._loop.add_signal_handler(signal.SIGHUP, self.reload)
        self.heartbeat.start()
        self.commands = ControlCommands(
            self.switchboard, self.in_force, self.relay, self.ring_tests, self.store, self.webhooks,
            reload=self.reload, pump=self.driver.pump,
        )  # fmt: skip
        collector.tune()
        places = [f"{each.transport.lower()}:{each.sent_by}" for each in self.listeners]
        numbers, trunks = len(self.directory.config.numbers), len(self.config.trunks)
        log.info("taking calls", listen=places, numbers=numbers, trunks=trunks)
        self.notifier.ready(f"taking calls on {', '.join(places)}")

    # While it runs.

    def _answer(self, command: dict[str, Any]) -> dict[str, Any]:
        if self.commands is None:
            raise ValueError("the service is starting: try again in a moment")
        return self.commands.answer(command)

    def reload(self) -> str:
        """SIGHUP: read the file again. A bad one changes nothing: what is wrong with it is said, and given."""
        self.notifier.reloading()
        problem = self.in_force.reload()
        if problem:
            self.notifier.ready("the new configuration is bad; running with the last good one")
        else:
            self.outlets.bind_log()
            self.notifier.ready(f"configuration {self.config.version}")
        return problem

    def _take(self) -> None:
        """The end of each turn: what the switchboard has for others than peers."""
        switchboard = self.switchboard
        self.admission.lag = self.driver.lag
        if switchboard.commands:
            self.relay.send_commands()
        for question in switchboard.take_questions():
            task = self._loop.create_task(self._locate(question))
            self._look_ups.add(task)
            task.add_done_callback(self._look_ups.discard)
        if self.outlets.take() and self.admission.is_draining:
            self._stop_if_drained()

    async def _locate(self, question: Question) -> None:
        targets = await self.resolver.locate(question.uri)
        self.switchboard.located(question.id, targets, time.monotonic())
        self.driver.pump()

    # The end.

    async def run_until_stopped(self) -> None:
        await self._stopped.wait()

    def stop(self) -> None:
        """SIGTERM: no new calls; running ones may end, up to the limit; a second time: at once."""
        if self.admission.is_draining:
            self._stopped.set()
            return
        self.admission.is_draining = True
        self.notifier.stopping(f"draining, {len(self.switchboard.calls)} calls")
        log.info("draining", calls=len(self.switchboard.calls), limit=self.config.limits.drain_seconds)
        self._loop.call_later(self.config.limits.drain_seconds, self._stopped.set)
        self._stop_if_drained()

    def _stop_if_drained(self) -> None:
        if not self.switchboard.calls:
            self._stopped.set()

    async def close(self) -> None:
        """Let go of everything, in an order that loses nothing."""
        self.heartbeat.stop()
        self.switchboard.shut_down(time.monotonic())
        self.driver.pump()
        await self._wait_for_farewells()
        self.driver.pump()
        for task in list(self._look_ups):
            task.cancel()
        self.in_force.close()
        await self.abandon()
        log.info("stopped", calls=self.switchboard.total)

    async def _wait_for_farewells(self) -> None:
        """Calls that were hung up at the end of the drain have their BYEs answered and their records closed."""
        if self.switchboard.calls:
            self._stopped.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FAREWELL_PATIENCE):
                    await self._stopped.wait()

    async def abandon(self) -> None:
        """Close what is open, be it all or what a start that failed has come to."""
        await self._opened.aclose()
        self.notifier.close()


def run(path: str) -> int:
    """Run the core until SIGTERM; returns the exit code. Everything that stops it from starting is said."""
    try:
        config = load(path)
    except ConfigError as problem:
        print(problem, file=sys.stderr)
        return EX_CONFIG
    logs.set_up(config.service.log_level, config.service.mask_numbers)
    for finding in config.findings:
        log.warning(str(finding))
    return asyncio.run(_run(config))


async def _run(config: Config) -> int:
    core = Core(config)
    try:
        await core.start()
    except (ListenError, StoreError, ControlError) as problem:
        log.error("cannot start", problem=str(problem))
        await core.abandon()
        return EXIT_FAILURE if isinstance(problem, StoreError | ServiceRunning) else EX_CONFIG
    await core.run_until_stopped()
    await core.close()
    return 0
