"""What this configuration, and this machine, have to say to a check of a flow."""

from __future__ import annotations

import ipaddress
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from b2bua.calls.flow import Dial, Flow, Menu, Play, Prompt, PromptKind, Step, Voicemail
from b2bua.config.addresses import family, is_wildcard
from b2bua.config.sound_files import unplayable
from b2bua.config.values import Config
from b2bua.flows.facts import Facts, TrunkFacts

SPEECH = "espeak-ng"
_NO_VOICEMAILS: Mapping[str, float] = {}
_NONE_KNOWN: Mapping[str, str] = {}


def facts_of(
    config: Config,
    flow: Flow,
    voicemails: Mapping[str, float] = _NO_VOICEMAILS,
    is_remote: bool = False,
    unplayable_files: Mapping[str, str] = _NONE_KNOWN,
) -> Facts:
    """The facts that a flow is checked against. voicemails: as of Facts, where one was learned. is_remote: it comes
    from the console, and who writes there is neither to play all files of this machine nor to learn which there are.
    unplayable_files: as of unplayable_in, which takes its time.
    """
    files = _files(flow)
    foreign = {file for file in files if is_remote and not _is_for_flows(config, file)}
    return Facts(
        trunks={
            name: TrunkFacts(
                takes_calls=bool(trunk.address),
                allowed_prefixes=trunk.allowed_prefixes,
                caller_id=trunk.recipe.from_user,
                own_numbers_only=trunk.own_numbers_only,
            )
            for name, trunk in config.trunks.items()
        },
        interfaces=frozenset(interface.name for interface in config.media.interfaces),
        own_numbers={dialled: number.flow_name or dialled for dialled, number in config.numbers.items()},
        own_addresses=frozenset(_own_addresses(config)),
        emergency_numbers=config.limits.emergency_numbers,
        recipients_limit=config.limits.recipients,
        voicemails=voicemails,
        answer_limit=_answer_limit(config, flow.name),
        speech_installed=speech_is_installed(),
        foreign_files=frozenset(foreign),
        missing_files=frozenset(file for file in files - foreign if not _is_there(_file(config, file))),
        unplayable_files=unplayable_files,
    )


def unplayable_in(config: Config, flow: Flow, is_remote: bool = False) -> dict[str, str]:
    """The files of a flow that are no sounds, each with the reason. Each is decoded, once for as long as it stays as
    it is: do not ask where calls wait. is_remote: as of facts_of.
    """
    asked = {file: _file(config, file) for file in _files(flow) if not is_remote or _is_for_flows(config, file)}
    found = unplayable(path for path in asked.values() if _is_there(path))
    return {file: found[path] for file, path in asked.items() if path in found}


def speech_is_installed() -> bool:
    """Whether texts can be spoken on this machine."""
    return shutil.which(SPEECH) is not None


def _file(config: Config, name: str) -> Path:
    return Path(config.path).absolute().parent / name


def _files(flow: Flow) -> set[str]:
    """What it plays, as it is written."""
    return {prompt.content for prompt in _prompts(flow) if prompt.kind is PromptKind.PLAY}


def _is_for_flows(config: Config, name: str) -> bool:
    """Whether a file is among those that were sent to the console, or beside the configuration."""
    places = (Path(config.console.prompts), Path(config.path).absolute().parent)
    file = _file(config, name).resolve()
    return any(file.is_relative_to(place.resolve()) for place in places)


def _is_there(file: Path) -> bool:
    try:
        return file.is_file()
    except OSError:  # a name that is too long for one
        return False


def _answer_limit(config: Config, flow: str) -> float:
    """The shortest patience of the trunks whose calls may come to a flow; 0 where all wait for ever."""
    limits = [
        trunk.answer_limit
        for name, trunk in config.trunks.items()
        if trunk.sources
        and trunk.answer_limit
        and any(
            number.flow_name == flow and (not number.trunks or name in number.trunks)
            for number in config.numbers.values()
        )
    ]
    return min(limits, default=0.0)


def _own_addresses(config: Config) -> Iterator[tuple[str, int]]:
    for listener in config.sip.listeners:
        for host in (listener.host, listener.advertised):
            yield str(ipaddress.ip_address(host)), listener.port
        if is_wildcard(listener.host):
            yield ("127.0.0.1" if family(listener.host) == 4 else "::1"), listener.port


def _prompts(flow: Flow) -> Iterator[Prompt]:
    for step in flow.steps.values():
        yield from (prompt for prompt in _prompts_of(step) if prompt is not None)


def _prompts_of(step: Step) -> tuple[Prompt | None, ...]:
    if isinstance(step, Dial):
        return (step.caller_hears, step.whisper, step.confirm_prompt, step.too_late)
    if isinstance(step, Play | Menu):
        return (step.prompt,)
    return (step.greeting,) if isinstance(step, Voicemail) else ()
