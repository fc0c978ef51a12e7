"""What is done with the numbers of the database: added, changed, removed, and checked before that."""

from __future__ import annotations

from dataclasses import replace

from b2bua.calls.flow import Flow
from b2bua.config import Config
from b2bua.flows.number_checks import check_name, check_number, digits, refuse_declared
from b2bua.flows.numbers import KeptNumber, NumberError, NumberStore
from b2bua.flows.use import with_numbers
from b2bua.flows.versions import FlowError, FlowVersions


class NumberEditing:
    """The numbers of one database. Everything may raise NumberError and StoreError."""

    def __init__(self, store: NumberStore, versions: FlowVersions) -> None:
        self.store = store
        self._versions = versions

    async def add(self, config: Config, number: KeptNumber, by: str) -> KeptNumber:
        """Keep a new number; its digits may be written with spaces and brackets."""
        number = replace(number, dialled=digits(number.dialled))
        refuse_declared(config, number.dialled)
        await self._check(config, number)
        return await self.store.add(number, by)

    async def change(
        self, config: Config, number: KeptNumber, by: str, revision: int | None = None
    ) -> tuple[KeptNumber, KeptNumber]:
        """Keep other settings of a number; gives what it was and what it is. revision: as of NumberStore.change."""
        refuse_declared(config, number.dialled)
        before = await self.store.number(number.dialled)
        if number.is_on or (number.flow, number.trunks) != (before.flow, before.trunks):
            await self._check(config, number)
        else:
            check_name(number)  # to switch it off must be possible when its flow or trunk is gone
        return before, await self.store.change(number, by, revision)

    async def remove(self, config: Config, dialled: str) -> KeptNumber:
        """Let a number go, even one that the file overrules; gives what it was."""
        try:
            return await self.store.remove(dialled)
        except NumberError:
            refuse_declared(config, dialled)  # which says more
            raise

    async def _check(self, config: Config, number: KeptNumber) -> None:
        merged = with_numbers(config, await self.store.all())
        names = {*config.flows, *await self._versions.names()}
        check_number(merged, number, names, await self._flow(config, number.flow))

    async def _flow(self, config: Config, name: str) -> Flow | None:
        """What calls would go through; None when nothing of that name is published, or cannot be read."""
        if name in config.flows:
            return config.flows[name]
        published = await self._versions.published(name)
        try:
            return None if published is None else published.value()
        except FlowError:
            return None
