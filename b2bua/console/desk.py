"""All that the routes of the console work with: the configuration as it is now, database, people, the core."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from b2bua.config import Config, ConfigError, load
from b2bua.console.audit import Audit
from b2bua.console.core import Core
from b2bua.console.figures import Figures
from b2bua.console.flow_editing import FlowEditing
from b2bua.console.live import Live
from b2bua.console.masking import OPEN, Mask
from b2bua.console.passwords import Passwords
from b2bua.console.people import People, Role
from b2bua.console.preferences import PreferenceStore
from b2bua.console.sounds import Sounds
from b2bua.console.throttle import Throttle
from b2bua.flows.number_editing import NumberEditing
from b2bua.flows.numbers import KeptNumber, NumberStore
from b2bua.flows.use import with_numbers
from b2bua.flows.versions import FlowVersions
from b2bua.store import Archive, StoreError

_LOOK_INTERVAL: Final = 1.0  # seconds between looks at the configuration file's time

log = structlog.get_logger("console")


def product_version() -> str:
    try:
        return version("multiring")
    except PackageNotFoundError:
        return "not installed"


class Desk:
    """One console. engine: of a database that is ready. clock: seconds since 1970."""

    def __init__(
        self,
        config: Config,
        engine: AsyncEngine,
        clock: Callable[[], float] = time.time,
        passwords: Passwords | None = None,
    ) -> None:
        self._config = config
        self._file_time = _file_time(config.path)
        self._looked_at = clock()
        self.clock = clock
        self.engine = engine
        self.passwords = passwords or Passwords()
        self.people = People(engine, self.passwords, self.now)
        self.audit = Audit(engine, self.now)
        self.preferences = PreferenceStore(engine)
        self.throttle = Throttle()
        self.figures = Figures(engine, self.preferences, clock)
        self.archive = Archive(config.records.database)
        self.core = Core(config.service.control_socket)
        self.live = Live(self.core)
        self.sounds = Sounds(config.console.prompts)
        versions = FlowVersions(engine, clock)
        self.flows = FlowEditing(versions, self.figures, self.core)
        self.numbers = NumberEditing(NumberStore(engine, clock), versions)
        self.kept_numbers: tuple[KeptNumber, ...] = ()  # as they were when they were last read
        self._numbers_read_at = -math.inf
        self.started_at = self.now()
        self.configuration_problem = ""  # what is wrong with the file that is not taken
        self._masks: dict[frozenset[str], Mask] = {}

    async def close(self) -> None:
        self.live.close()
        await self.figures.close()
        await self.archive.close()
        await self.engine.dispose()

    def now(self) -> int:
        """Microseconds since 1970."""
        return int(self.clock() * 1e6)

    @property
    def config(self) -> Config:
        """The configuration file as it is now, with the numbers of the database; as it was last good when it is bad."""
        now = self.clock()
        if abs(now - self._looked_at) >= _LOOK_INTERVAL:
            self._looked_at = now
            changed = _file_time(self._config.path)
            if changed != self._file_time:
                self._file_time = changed
                self._read_again()
        return self._config

    def _read_again(self) -> None:
        try:
            self._config = with_numbers(load(self._config.path), self.kept_numbers)
        except ConfigError as problem:
            self.configuration_problem = str(problem)
            log.warning("the configuration file is bad; the last good one stays", problem=str(problem))
        else:
            self.configuration_problem = ""

    async def refresh(self, *, at_once: bool = False) -> None:
        """Read the numbers of the database, unless that was done within the last second. at_once: in any case."""
        now = self.clock()
        if not at_once and abs(now - self._numbers_read_at) < _LOOK_INTERVAL:
            return
        self._numbers_read_at = now
        try:
            kept = tuple(await self.numbers.store.all())
        except StoreError as problem:
            log.warning("the numbers cannot be read; the last ones stay", problem=str(problem))
            return
        if kept != self.kept_numbers:
            self.kept_numbers = kept
            self._config = with_numbers(self._config, kept)

    async def mask_for(self, role: Role) -> Mask:
        """What is hidden from one of this role; the same value for all who may see the same."""
        if role > Role.VIEWER or not (await self.preferences.read()).mask_for_viewers:
            return OPEN
        own = frozenset(self.config.numbers)
        if own not in self._masks:
            self._masks = {own: Mask(own)}
        return self._masks[own]


def _file_time(path: str) -> int:
    try:
        return Path(path).stat().st_mtime_ns
    except OSError:
        return 0
