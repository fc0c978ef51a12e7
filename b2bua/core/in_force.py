"""The configuration in force: the file's, with the flows and numbers of the database.

Theory. New calls go by what is in force; running calls keep what they began with. A file that is bad changes nothing,
and a database that cannot be read leaves the flows and numbers that were read last.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog

from b2bua import logs
from b2bua.calls.admission import Admission
from b2bua.config import Config, ConfigError, load
from b2bua.directory import ConfiguredDirectory
from b2bua.flows.numbers import NumberStore
from b2bua.flows.versions import FlowVersions
from b2bua.store import StoreError

log = structlog.get_logger("core")


class InForce:
    """What new calls go by. `config` is the file's alone; `directory` answers for file and database together."""

    def __init__(self, config: Config, flow_versions: FlowVersions, numbers: NumberStore) -> None:
        self.config = config
        self.flow_versions = flow_versions
        self.numbers = numbers
        self.directory = ConfiguredDirectory(config)
        self.admission = Admission()
        self._reading = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._apply_limits()

    async def read_database(self) -> int:
        """Take flows and numbers of the database into use; how many flows are published. StoreError: none is taken."""
        async with self._reading:  # or what was read first might be taken last
            published = await self.flow_versions.all_published()
            numbers = await self.numbers.all()
            self.directory.replace(self.config, published.flows, numbers)
        self._say_of_flows(published.problems)
        return len(published.flows)

    def _say_of_flows(self, problems: Sequence[str]) -> None:
        for problem in problems:
            log.error("a flow cannot be used", problem=problem)
        for dialled, name in self.directory.flows.missing.items():
            log.error("a number has a flow that was never published: its callers get 480", number=dialled, flow=name)

    def read_database_soon(self) -> None:
        """Read flows and numbers of the database anew; calls that begin before that is done go by the old ones."""
        task = asyncio.get_running_loop().create_task(self._read_database_again(), name="flows")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _read_database_again(self) -> None:
        try:
            published = await self.read_database()
        except StoreError as problem:
            log.error("flows and numbers cannot be read; the last ones stay", problem=str(problem))
            return
        log.info("flows in use", published=published, numbers=len(self.directory.config.numbers))

    def reload(self) -> str:
        """Read the file again. A bad one changes nothing: what is wrong with it is said, and given."""
        try:
            config = load(self.config.path)
        except ConfigError as problem:
            log.error(
                "the configuration is bad and was not taken; the last good one stays", problem=str(problem)
            )
            return str(problem)
        fixed = _needing_restart(self.config, config)
        self.config = config
        self.directory.replace(config)
        self.read_database_soon()
        self._apply_limits()
        logs.set_up(config.service.log_level, config.service.mask_numbers)
        log.info("configuration reloaded", version=config.version, numbers=len(self.directory.config.numbers))
        if fixed:
            log.warning("these settings are taken only by a restart", settings=fixed)
        return ""

    def close(self) -> None:
        """Read nothing more."""
        for task in list(self._tasks):
            task.cancel()

    def _apply_limits(self) -> None:
        limits = self.config.limits
        self.admission.calls = limits.calls
        self.admission.rate = limits.calls_per_second
        self.admission.retry_after = limits.retry_after


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
