"""Which flow each number goes through: the file's own, or the one that was last published in the database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from b2bua.calls.flow import Flow
from b2bua.config import Config
from b2bua.config.reaching import reached


@dataclass(frozen=True, slots=True)
class FlowsInUse:
    """by_number: dialled → flow, its recipients with their ways. missing: dialled → the flow that is nowhere."""

    by_number: Mapping[str, Flow]
    missing: Mapping[str, str]


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
        else:
            missing[dialled] = name
    return FlowsInUse(by_number, missing)
