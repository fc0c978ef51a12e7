"""What is wrong with a number of the database: with its digits, its trunks, and with the flow that it leads to."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Final, NamedTuple

from b2bua.calls.flow import Flow
from b2bua.config import Config, DialledNumber
from b2bua.config.addresses import phone_number
from b2bua.config.flow_facts import facts_of
from b2bua.config.reaching import reached
from b2bua.flows.lint import lint
from b2bua.flows.numbers import KeptNumber, NumberError
from b2bua.flows.use import with_numbers
from sip_stack.errors import RemoteError
from sip_stack.uri import Uri

NAME_LIMIT: Final = 64
_LIKE: Final = 'Write it as the trunk sends it: "+15550100".'


def digits(text: str) -> str:
    """A dialled number without what is written between its digits. Raises NumberError."""
    try:
        found = phone_number(text)
    except ValueError as problem:
        raise NumberError("dialled", f"{problem} {_LIKE}") from problem
    if not found.removeprefix("+").isdigit():
        raise NumberError("dialled", f'"{text}" is not digits alone. {_LIKE}')
    return found


def refuse_declared(config: Config, dialled: str) -> None:
    """Raises NumberError for a number of the file."""
    number = config.numbers.get(dialled)
    if number is not None and number.in_file:
        raise NumberError("dialled", f"{dialled} stands in {config.path}: change it there.", "conflict")


def check_number(config: Config, number: KeptNumber, flows: Collection[str], flow: Flow | None) -> None:
    """Whether a number may be kept so. flows: the names of all that there are; flow: what its calls would go through,
    None where nothing is published. Raises NumberError.
    """
    check_name(number)
    if number.flow not in flows:
        there_are = f"There are: {', '.join(sorted(flows))}." if flows else "Make one first, under Call flows."
        raise NumberError("flow", f'there is no flow "{number.flow}". {there_are}')
    for trunk in number.trunks:
        if trunk not in config.trunks:
            raise NumberError("trunks", f'there is no trunk "{trunk}". There are: {", ".join(config.trunks)}.')
    if flow is not None:
        _refuse_circles(config, number, flow)


def check_name(number: KeptNumber) -> None:
    """Raises NumberError for a name that records cannot show."""
    if len(number.name) > NAME_LIMIT or not number.name.isprintable():
        raise NumberError("name", f"is longer than {NAME_LIMIT} characters, or holds a line break.")


def _refuse_circles(config: Config, number: KeptNumber, flow: Flow) -> None:
    """Raises NumberError where the flow would have errors with this number that it has not without."""
    others = [_as_kept(each) for each in config.numbers.values() if not each.in_file]
    without = with_numbers(config, [each for each in others if each.dialled != number.dialled])
    with_it = with_numbers(config, [*others, number])
    way = reached(flow, config.trunks)
    had = {remark.text for remark in lint(way, facts_of(without, way)) if remark.severity == "error"}
    for remark in lint(way, facts_of(with_it, way)):
        if remark.severity == "error" and remark.text not in had:
            raise NumberError("flow", f"{flow.name}: {remark.text} {remark.remedy}", "conflict")


def _as_kept(number: DialledNumber) -> KeptNumber:
    return KeptNumber(number.dialled, number.name, number.flow_name, tuple(number.trunks), number.is_on)


class NumberRemark(NamedTuple):
    """One thing that is not as it is meant. in_file: of a number of the file."""

    dialled: str
    in_file: bool
    text: str
    remedy: str


def number_remarks(
    config: Config, kept: Iterable[KeptNumber], published: Collection[str]
) -> Iterator[NumberRemark]:
    """What is to be said of all numbers together. config: as of the file; published: names of flows in the database."""
    kept = list(kept)
    for number in kept:
        yield from _of_kept(config, number)
    merged = with_numbers(config, kept)
    for dialled, each in merged.numbers.items():
        if each.is_on and each.flow is None and each.flow_name not in published:
            text = f"its flow {each.flow_name} was never published: callers get 480."
            remedy = f"`b2bua flow publish {each.flow_name}` publishes its draft."
            yield NumberRemark(dialled, each.in_file, text, remedy)
        if each.in_file:
            yield from _of_recipients(merged, each)
    yield from _of_file_flows(config, merged)


def _of_kept(config: Config, number: KeptNumber) -> Iterator[NumberRemark]:
    dialled = number.dialled
    if dialled in config.numbers:
        text = f"stands in {config.path} too, which counts."
        yield NumberRemark(dialled, False, text, f"`b2bua numbers remove {dialled}` ends the doubt.")
    for trunk in number.trunks:
        if trunk not in config.trunks:
            remedy = f"`b2bua numbers change {dialled} --trunk NAME` names another."
            yield NumberRemark(dialled, False, f'there is no trunk "{trunk}" to dial it.', remedy)


def _of_recipients(merged: Config, number: DialledNumber) -> Iterator[NumberRemark]:
    """Recipients in the file that are numbers of the database; those of the file are found when it is read."""
    if number.flow_name:
        return
    for recipient in number.step.recipients:
        try:
            dialled = Uri.parse(recipient.uri).user
        except RemoteError:
            continue
        other = merged.numbers.get(dialled) if recipient.trunk else None
        if other is not None and not other.in_file:
            text = f"its recipient {recipient.name} is {dialled}, one of your own numbers: calls would go in a circle."
            yield NumberRemark(number.dialled, True, text, "List that number's recipients here instead.")


def _of_file_flows(config: Config, merged: Config) -> Iterator[NumberRemark]:
    """What the check of the file's flows says more when it knows the numbers of the database."""
    for flow in config.flows.values():
        had = {str(remark) for remark in lint(flow, facts_of(config, flow))}
        uses = next((each.dialled for each in merged.numbers.values() if each.flow_name == flow.name), "")
        for remark in lint(flow, facts_of(merged, flow)):
            if str(remark) not in had:
                yield NumberRemark(uses, False, f"its flow {flow.name}: {remark.text}", remark.remedy)
