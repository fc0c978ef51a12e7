"""Which numbers there are, and which flow each goes through: one of the file, or one published in the database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from b2bua.calls.flow import Flow
from b2bua.config import Config, DialledNumber
from b2bua.config.reaching import first_dial_step, reached
from b2bua.flows.numbers import KeptNumber


@dataclass(frozen=True, slots=True)
class FlowsInUse:
    """by_number: dialled → flow, its recipients with their ways. missing: dialled → the flow that is nowhere, of
    numbers that are on.
    """

    by_number: Mapping[str, Flow]
    missing: Mapping[str, str]


def with_numbers(config: Config, kept: Iterable[KeptNumber]) -> Config:
    """The configuration with the numbers of the database, in place of those that it may have of there already.

    A number of the file counts before one of the same digits in the database.
    """
    of_file = {dialled: number for dialled, number in config.numbers.items() if number.in_file}
    added = {each.dialled: _number(config, each) for each in kept}
    if not added and len(of_file) == len(config.numbers):
        return config
    return replace(config, numbers=added | of_file)


def _number(config: Config, kept: KeptNumber) -> DialledNumber:
    flow, timeout = config.flows.get(kept.flow), config.media.timeout
    return DialledNumber(
        kept.dialled,
        kept.name,
        frozenset(kept.trunks),
        first_dial_step(flow, timeout, 0.0),
        flow=flow,
        flow_name=kept.flow,
        media_timeout=timeout,
        in_file=False,
        is_on=kept.is_on,
    )


def flows_in_use(config: Config, published: Mapping[str, Flow]) -> FlowsInUse:
    """For every number of a configuration. published: by name, as of FlowVersions.all_published."""
    by_number: dict[str, Flow] = {}
    missing: dict[str, str] = {}
    ready: dict[str, Flow] = {}  # numbers that share a flow share its value
    for dialled, number in config.numbers.items():
        name = number.flow_name
        if number.flow is not None:
            by_number[dialled] = number.flow
        elif name in published:
            by_number[dialled] = ready.setdefault(name, reached(published[name], config.trunks))
        elif number.is_on:
            missing[dialled] = name
    return FlowsInUse(by_number, missing)
