"""What a flow is checked against: plain values, gathered by whoever asks for the check."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class TrunkFacts:
    """takes_calls: has an address to send calls to. caller_id: as HeaderRecipe.from_user.

    own_numbers_only: refuses calls that show a number which is not ours.
    """

    takes_calls: bool = True
    allowed_prefixes: tuple[str, ...] = ()
    caller_id: str = "caller"
    own_numbers_only: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """What is not known is left empty, and then not checked.

    trunks: by name; None when not known. interfaces: of the relay, by name.
    own_numbers: our dialled numbers, each with the name of the flow that it points to.
    own_addresses: host, IPv6 without brackets, and port.
    recipients_limit: of one step; more draw a warning.
    voicemails: destination, or the URI that is rung for it → the second of ringing in which its voicemail was
    seen to answer.
    answer_limit: seconds after which the trunks that call us give up an unanswered call; 0 never.
    speech_installed: whether espeak-ng is there. missing_files: prompts that cannot be found. foreign_files: prompts
    that whoever wrote the flow may not have played. unplayable_files: prompts that are no sounds, each with the reason.
    tones: countries whose ringing tone is known.
    """

    trunks: Mapping[str, TrunkFacts] | None = None
    interfaces: frozenset[str] = frozenset()
    own_numbers: Mapping[str, str] = field(default_factory=dict)
    own_addresses: frozenset[tuple[str, int]] = frozenset()
    emergency_numbers: frozenset[str] = frozenset()
    recipients_limit: int = 20
    voicemails: Mapping[str, float] = field(default_factory=dict)
    answer_limit: float = 0.0
    speech_installed: bool | None = None
    foreign_files: frozenset[str] = frozenset()
    missing_files: frozenset[str] = frozenset()
    unplayable_files: Mapping[str, str] = field(default_factory=dict)
    tones: frozenset[str] = frozenset()
