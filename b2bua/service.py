"""The core process: builds everything else and joins it. The only file that knows all of them.

SIP in and out (driver), calls (switchboard), the relay's client, the record's store, the control socket, name
look-ups, signals, systemd. Each of the others may fail without taking calls down: a relay that is gone
refuses new calls until it is back, a database that is full keeps records waiting, a console that is slow is
cut off.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

import structlog

from b2bua import logs
from b2bua.calls.admission import Admission
from b2bua.calls.record import CallRecord
from b2bua.calls.switchboard import Switchboard
from b2bua.config import EX_CONFIG, Config, ConfigError, load
from b2bua.control import ControlError, ControlServer, live_call
from b2bua.directory import ConfiguredDirectory
from b2bua.flows.numbers import NumberStore
from b2bua.flows.turns import TurnStore
from b2bua.flows.versions import FlowVersions
from b2bua.live_media import LiveMedia
from b2bua.media_engine import open_engine
from b2bua.metrics.tally import CallTally
from b2bua.notify import Notifier
from b2bua.ring_test import Joined, RingTests
from b2bua.store import Store, StoreError
from b2bua.traces.exporter import Exporter
from b2bua.traces.hep import Agent
from b2bua.webhooks import Webhooks, interrupted_calls
from rtp_relay import control
from sip_stack.aio.dice import SystemDice
from sip_stack.aio.driver import Driver
from sip_stack.aio.resolver import Resolver
from sip_stack.stack import Listener, Stack
from sip_stack.timers import Intervals

if TYPE_CHECKING:
    from b2bua.metrics.exposition import Sources
    from b2bua.metrics.point import MetricsPoint

HEARTBEAT: Final = 0.5  # seconds between looks at the loop's lateness, and signs of life to systemd
RELAY_PATIENCE: Final = 1.5  # seconds to wait for the relay at start before saying so
FAREWELL_PATIENCE: Final = 2.0  # seconds for the BYEs of calls that outlived the drain
STRANGERS_INTERVAL: Final = 60.0  # seconds between lines about strangers who call
STRANGERS_TOLD: Final = 5  # of them, those that call most
YOUNG_OBJECTS: Final = 30_000  # between collections of the youngest: some 2 ms each
IDLE_COLLECTION: Final = 600.0  # seconds between full collections, while there is no call
EXIT_FAILURE: Final = 1

log = structlog.get_logger("core")


class ListenError(Exception):
    """An address of sip.listen cannot be listened on. The text is for a person."""


class Core:
    """The running core. start() takes calls, stop() drains."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.notifier = Notifier()
        self.listeners: list[Listener] = []
        self._stopped = asyncio.Event()
        self._opened = contextlib.AsyncExitStack()  # what is to be closed, the last one first
        self._loop = asyncio.get_running_loop()
        self._questions: set[asyncio.Task[None]] = set()
        self._reading_flows = asyncio.Lock()
        self._heartbeat: asyncio.TimerHandle | None = None
        self._relay_form = self._relay_reason = ""
        self.capture: Exporter | None = None
        self._say_call: Callable[..., object] = log.bind().info  # bound once: there is a line for every call
        self._is_started = False
        self._relay_is_there = asyncio.Event()
        self._collected_at = 0.0
        self._beat_due = 0.0
        self._strangers_due = 0.0
        self.tally = CallTally()
        self.metrics: MetricsPoint | None = None

    async def start(self) -> None:
        """Open everything and take calls. ListenError, StoreError, ControlError say what could not be opened."""
        config = self.config
        # The socket first: whoever holds it is the one service of this configuration, and a second one must
        # not touch the first one's records.
        self.control = ControlServer(config.service.control_socket, self._answer)
        self.live_media = LiveMedia(lambda command: self.relay.send(command), self.control.publish)
        await self.control.start()
        self._opened.push_async_callback(self.control.close)
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
        self._open_capture()
        self.flow_versions = await FlowVersions.open(records.database)
        self._opened.push_async_callback(self.flow_versions.close)
        self.numbers = await NumberStore.open(records.database)
        self._opened.push_async_callback(self.numbers.close)
        self.turns = await TurnStore.open(records.database)
        self._opened.push_async_callback(self.turns.close)
        await self.webhooks.start(interrupted)
        self.driver = Driver(self._take, lambda host: self.config.trunk_of(host) is not None)
        self._opened.push_async_callback(self.driver.close)
        await self._listen()
        dice = SystemDice()
        self.ring_tests = RingTests(dice)
        first = self.listeners[0]
        within = RingTests.listener(first.host, first.port)
        stack = Stack(
            [*self.listeners, within], dice, intervals=Intervals(t1=config.sip.t1), product=config.sip.user_agent
        )
        published = await self.flow_versions.all_published()
        self.directory = ConfiguredDirectory(config, published.flows, await self.numbers.all())
        self.directory.ring_tests = self.ring_tests
        self._say_of_flows(published.problems)
        self.admission = Admission()
        self._apply_limits(config)
        self.switchboard = Switchboard(
            stack,
            self.directory,
            admission=self.admission,
            turns=self.turns.rotation,
            wall_offset=time.time() - time.monotonic(),
            is_watched=self.webhooks.is_wanted,
        )
        self.resolver = Resolver(stack.flow_to, dice.fraction)
        self.relay = open_engine(
            config.media, self._on_relay_event, self._on_relay_lost, self._on_relay_ready
        )
        self.relay.start()
        self._opened.callback(self.relay.close)
        if config.service.metrics is not None:
            await self._serve_metrics(*config.service.metrics)
        await self._wait_for_relay()
        self.driver.drive(Joined(self.switchboard, self.ring_tests))
        self._loop.add_signal_handler(signal.SIGTERM, self.stop)
        self._loop.add_signal_handler(signal.SIGINT, self.stop)
        self._loop.add_signal_handler(signal.SIGHUP, self.reload)
        self._beat_due = time.monotonic()  # what the start took is no lateness of the loop
        self._beat()
        self._is_started = True
        _tune_collector()
        places = [f"{each.transport.lower()}:{each.sent_by}" for each in self.listeners]
        log.info("taking calls", listen=places, numbers=len(self.directory.config.numbers), trunks=len(config.trunks))
        self.notifier.ready(f"taking calls on {', '.join(places)}")

    def _open_capture(self) -> None:
        server = self.config.records.hep
        if server is not None:
            self.capture = Exporter(server.host, server.port, Agent(server.capture_id, server.password))
            self.capture.start()
            self._opened.push_async_callback(asyncio.to_thread, self.capture.close)

    async def _wait_for_relay(self) -> None:
        """Calls that come meanwhile wait in the sockets; a relay that stays away refuses them, until it comes."""
        try:
            async with asyncio.timeout(RELAY_PATIENCE):
                await self._relay_is_there.wait()
        except TimeoutError:
            log.error(
                "no relay answers: calls are refused until one does", at=self.relay.path, seconds=RELAY_PATIENCE
            )

    async def _listen(self) -> None:
        wanted = [
            (each.host, Listener(each.name, each.transport, each.advertised, each.port))
            for each in self.config.sip.listeners
        ]
        try:
            self.listeners = await self.driver.listen(wanted)
        except OSError as problem:
            raise ListenError(problem.strerror) from problem

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

    async def close(self) -> None:
        """Let go of everything, in an order that loses nothing."""
        if self._heartbeat is not None:
            self._heartbeat.cancel()
        for call_id in list(self.switchboard.calls):
            self.switchboard.hang_up(call_id, time.monotonic())
        self.driver.pump()
        await self._wait_for_farewells()
        self.driver.pump()
        for task in list(self._questions):
            task.cancel()
        await self.abandon()
        log.info("stopped", calls=self.switchboard.total)

    async def abandon(self) -> None:
        """Close what is open, be it all or what a start that failed has come to."""
        await self._opened.aclose()
        self.notifier.close()

    async def _wait_for_farewells(self) -> None:
        """Calls that were hung up at the end of the drain have their BYEs answered and their records closed."""
        if self.switchboard.calls:
            self._stopped.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FAREWELL_PATIENCE):
                    await self._stopped.wait()

    def reload(self) -> str:
        """SIGHUP: read the file again. A bad one changes nothing: what is wrong with it is said, and given."""
        self.notifier.reloading()
        try:
            config = load(self.config.path)
        except ConfigError as problem:
            log.error(
                "the configuration is bad and was not taken; the last good one stays", problem=str(problem)
            )
            self.notifier.ready("the new configuration is bad; running with the last good one")
            return str(problem)
        fixed = _needing_restart(self.config, config)
        self.config = config
        self.directory.replace(config)
        self._take_flows()
        self._apply_limits(config)
        logs.set_up(config.service.log_level, config.service.mask_numbers)
        self._say_call = log.bind().info
        log.info("configuration reloaded", version=config.version, numbers=len(self.directory.config.numbers))
        if fixed:
            log.warning("these settings are taken only by a restart", settings=fixed)
        self.notifier.ready(f"configuration {config.version}")
        return ""

    def _take_flows(self) -> None:
        """Read flows and numbers of the database anew; calls that begin before that is done go by the old ones."""
        task = self._loop.create_task(self._read_flows(), name="flows")
        self._questions.add(task)
        task.add_done_callback(self._questions.discard)

    async def _read_flows(self) -> None:
        try:
            async with self._reading_flows:  # or what was read first might be taken last
                published = await self.flow_versions.all_published()
                numbers = await self.numbers.all()
                self.directory.replace(self.config, published.flows, numbers)
        except StoreError as problem:
            log.error("flows and numbers cannot be read; the last ones stay", problem=str(problem))
            return
        log.info("flows in use", published=len(published.flows), numbers=len(self.directory.config.numbers))
        self._say_of_flows(published.problems)

    def _say_of_flows(self, problems: Sequence[str]) -> None:
        for problem in problems:
            log.error("a flow cannot be used", problem=problem)
        for dialled, name in self.directory.flows.missing.items():
            log.error("a number has a flow that was never published: its callers get 480", number=dialled, flow=name)

    def _apply_limits(self, config: Config) -> None:
        limits = config.limits
        self.admission.calls = limits.calls
        self.admission.rate = limits.calls_per_second
        self.admission.retry_after = limits.retry_after

    # Each turn.

    def _take(self) -> None:
        """What the switchboard has for others than peers."""
        switchboard = self.switchboard
        self.admission.lag = self.driver.lag
        if switchboard.commands:
            self._send_commands()
        for question in switchboard.take_questions():
            task = self._loop.create_task(self._locate(question.id, question.uri))
            self._questions.add(task)
            task.add_done_callback(self._questions.discard)
        began = switchboard.take_began()
        for record in began:
            self.store.begin(record)
        records = switchboard.take_records()
        for record in records:
            if self.capture is not None and record.trace:
                self.capture.tell(record.id, record.trace)
            self.store.finish(record)
            if self.metrics is not None:
                self.tally.note(record)
            _log_call(record, self._say_call)
        if records and self.admission.is_draining:
            self._stop_if_drained()
        notices = switchboard.take_notices()
        for notice in notices:
            self.control.publish(notice)
        if self.webhooks.is_wanted:
            self.webhooks.note(began, notices, records)
        for trunk, cause in switchboard.breakers.noticed:
            log.warning("a trunk fails whatever it is asked, and is left alone for a while", trunk=trunk, last=cause)
        switchboard.breakers.noticed.clear()
        if switchboard.failures:
            self.tally.bugs += len(switchboard.failures)
            for failure in switchboard.failures:
                log.error("a call was ended by a bug", call=failure.call, trace=failure.text)
            switchboard.failures.clear()

    def _send_commands(self) -> None:
        commands = self.switchboard.take_commands()
        if not self.relay.say(commands):
            for command in commands:
                self._answer_for_the_relay(command)

    def _answer_for_the_relay(self, command: control.Command) -> None:
        """There is none: whoever waits for an answer is told so."""
        if isinstance(command, control.Reserve):
            refused = control.Refused(command.call, "the relay is not running")
            self._loop.call_soon(self._on_relay_event, refused)
        elif isinstance(command, control.Release) and not command.legs:
            self._loop.call_soon(self._on_relay_event, control.Released(command.call, ()))

    async def _locate(self, question: int, uri: str) -> None:
        targets = await self.resolver.locate(uri)
        self.switchboard.located(question, targets, time.monotonic())
        self.driver.pump()

    def _stop_if_drained(self) -> None:
        if not self.switchboard.calls:
            self._stopped.set()

    def _beat(self) -> None:
        now = time.monotonic()
        self.driver.note_lag(now - self._beat_due)
        self.admission.lag = self.driver.lag
        self._beat_due = now + HEARTBEAT
        self.switchboard.wall_offset = time.time() - now  # the time of day may be set while we run
        self.switchboard.is_watched = self.control.has_listeners or self.webhooks.is_wanted
        if self.control.has_listeners:
            self.live_media.ask(self.switchboard.calls.values(), now)
        if not self.switchboard.calls and now - self._collected_at > IDLE_COLLECTION:
            self._collected_at = now
            gc.collect()
        if self.directory.strangers and now >= self._strangers_due:
            self._strangers_due = now + STRANGERS_INTERVAL
            self._tell_of_strangers()
        self.notifier.watchdog()
        self._heartbeat = self._loop.call_later(HEARTBEAT, self._beat)

    def _tell_of_strangers(self) -> None:
        """The commonest mistake with a new trunk is that it calls from an address that nobody has named."""
        strangers, self.directory.strangers = self.directory.strangers, {}
        first = sorted(strangers, key=strangers.__getitem__, reverse=True)[:STRANGERS_TOLD]
        for host in first:
            log.warning("calls refused: no trunk has this source", source=host, calls=strangers[host])
        if len(strangers) > len(first):
            log.warning("calls of further strangers refused", sources=len(strangers) - len(first))

    # The relay.

    def _on_relay_event(self, event: control.Event) -> None:
        if isinstance(event, control.Holdings):
            self._release_strays(event)
            return
        if isinstance(event, control.Measures | control.Figures):
            self.live_media.take(event)
            if self.metrics is not None and isinstance(event, control.Measures):
                self.metrics.take(event)
            return
        self.switchboard.relay_event(event, time.monotonic())
        self.driver.pump()

    def _release_strays(self, holdings: control.Holdings) -> None:
        """Give back what a core before this one has left: its calls died with it, their ports need not wait."""
        strays = [name for name in holdings.calls if name not in self.switchboard.calls]
        for name in strays:
            self.relay.send(control.Release(name))
        if strays:
            log.warning("ports of calls that are no more were given back", calls=len(strays))

    def _on_relay_lost(self) -> None:
        log.error("the relay is gone: new calls are refused until it is back, others may have no audio")
        self.switchboard.relay_lost(time.monotonic())
        self.driver.pump()

    def _on_relay_ready(self, welcome: control.Welcome) -> None:
        log.info("the relay is there", form=welcome.form, reason=welcome.reason)
        self._relay_form, self._relay_reason = welcome.form, welcome.reason
        self.live_media.greet(welcome.form, welcome.reason)
        self._relay_is_there.set()
        self.switchboard.relay_is_back(time.monotonic())
        self.driver.pump()
        if welcome.calls:
            self.relay.send(control.Inventory())

    # Metrics.

    async def _serve_metrics(self, host: str, port: int) -> None:
        # Here, as with it comes prometheus_client, which who has no metrics need not load.
        from b2bua.metrics.point import MetricsPoint

        self.metrics = MetricsPoint(self._sources, self.relay.send)
        try:
            await self.metrics.server.start(host, port)
        except OSError as problem:
            raise ListenError(f"service.metrics: {problem.strerror}") from problem
        self._opened.push_async_callback(self.metrics.server.close)

    def _sources(self, relay: control.Measures | None) -> Sources:
        from b2bua.metrics.exposition import Sources

        switchboard = self.switchboard
        return Sources(
            self.tally, switchboard.states(), self.admission.refused, switchboard.stack.dropped,
            switchboard.stack.sizes(), self.driver.lag, self.admission.is_draining, self.store.waiting,
            self.webhooks.waiting, self.config.version, relay,
        )  # fmt: skip

    # The control socket.

    def _answer(self, command: dict[str, Any]) -> dict[str, Any]:
        if not self._is_started:
            raise ValueError("the service is starting: try again in a moment")
        match command.get("command"):
            case "live":
                self.switchboard.is_watched = True
                calls = [live_call(call.record) for call in self.switchboard.calls.values()]
                return {"calls": calls, "relay": self._relay()}
            case "hangup":
                return self._hang_up(str(command.get("call", "")))
            case "reload":
                problem = self.reload()
                if problem:
                    raise ValueError(problem)
                return {"configuration": self.config.version}
            case "ring_test":
                return self._ring_test(str(command.get("toml", "")))
            case "flows":  # something was published, or numbers have changed
                self._take_flows()
                return {"flows": "being read"}
            case "status":
                return self._status()
        raise ValueError(f"no such command: {command.get('command')!r}")

    def _relay(self) -> dict[str, str]:
        """How media is forwarded, and why so; for a person."""
        if not self.relay.is_ready:
            return {"form": "not there", "reason": self.relay.refusal}
        return {"form": self._relay_form, "reason": self._relay_reason}

    def _hang_up(self, prefix: str) -> dict[str, Any]:
        found = [call_id for call_id in self.switchboard.calls if prefix and call_id.startswith(prefix)]
        if len(found) != 1:
            raise LookupError("no running call of that name" if not found else f"{len(found)} calls begin so")
        self.switchboard.hang_up(found[0], time.monotonic())
        self._loop.call_soon(self.driver.pump)
        return {"call": found[0]}

    def _ring_test(self, toml: str) -> dict[str, Any]:
        try:
            call = self.ring_tests.start(toml, self.directory.config, self.switchboard, time.monotonic())
        except ConfigError as problem:
            raise ValueError(str(problem)) from problem
        self._loop.call_soon(self.driver.pump)
        return {"call": call}

    def _status(self) -> dict[str, Any]:
        switchboard = self.switchboard
        return {
            "calls": len(switchboard.calls),
            "total": switchboard.total,
            "refused": self.admission.refused,
            "configuration": self.config.version,
            "relay": self._relay_form if self.relay.is_ready else "not there",
            "records_waiting": self.store.waiting,
            "events_waiting": self.webhooks.waiting,
            "trunks_resting": switchboard.breakers.states(time.monotonic()),
            "dropped": dict(switchboard.stack.dropped),
            **switchboard.stack.sizes(),
        }


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
        return EX_CONFIG if isinstance(problem, ListenError) else EXIT_FAILURE
    await core.run_until_stopped()
    await core.close()
    return 0


def _tune_collector() -> None:
    """Only young objects are ever looked at: calls leave no rings behind (a test says so), libraries few.

    A collection of all that 500 calls a second keep alive (transactions, for 32 s) would stop the loop for
    a tenth of a second or more. What survives being young is collected when no call is there to be stopped.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, 1_000_000, 1_000_000)


def _needing_restart(old: Config, new: Config) -> list[str]:
    return [
        name
        for name, before, after in (
            ("sip.listen", old.sip.listeners, new.sip.listeners),
            ("sip.t1", old.sip.t1, new.sip.t1),
            ("sip.user_agent", old.sip.user_agent, new.sip.user_agent),
            ("media", old.media, new.media),
            ("records", old.records, new.records),
            ("webhooks", old.webhooks, new.webhooks),
            ("service.metrics", old.service.metrics, new.service.metrics),
            ("service.control_socket", old.service.control_socket, new.service.control_socket),
        )
        if before != after
    ]


def _log_call(record: CallRecord, say: Callable[..., object]) -> None:
    say(
        "call ended",
        call=record.id,
        caller=record.caller,
        dialled=record.dialled,
        outcome=record.outcome.value if record.outcome else "",
        answered_by=record.answered_by,
        sentence=record.sentence,
    )
