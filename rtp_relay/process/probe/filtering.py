"""What a packet filter does to the first packet of a far end: UDP, to one of our ports, by a link, not seen before.

A best effort: a rule may ask for what cannot be known here (a source, a rate, a set of addresses). Such a rule is taken
as one that perhaps applies. Chains are walked as the kernel walks them: first match decides, a jump comes back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

from rtp_relay.facts import Obstacle

Verdict = Literal["", "accept", "drop", "return", "jump", "goto"]
DEPTH: Final = 16  # jumps within jumps, as the kernel allows

Spans = tuple[tuple[int, int], ...]


class Rule(NamedTuple):
    """ports: that it asks for, None for any. applies: None for perhaps. text: as a person knows it."""

    verdict: Verdict
    text: str
    ports: Spans | None = None
    applies: bool | None = True
    target: str = ""


@dataclass(frozen=True, slots=True)
class Chain:
    """hook: where the kernel begins with it, "" for one that is jumped to. drops: what its end means."""

    name: str
    hook: str = ""
    drops: bool = False
    rules: list[Rule] = field(default_factory=list)


def obstacles(chains: Mapping[str, Chain], span: tuple[int, int]) -> tuple[Obstacle, ...]:
    """Of all chains that packets to this host pass; one without a mark of doubt is certain."""
    found: list[Obstacle] = []
    for chain in chains.values():
        if chain.hook:
            walk = _Walk(chains)
            rest = walk.through(chain, (span,), 0)
            if chain.drops:
                walk.stop(rest, f"policy drop of {chain.name}, and no rule before it lets them in", not walk.doubts)
            found += walk.found
    return tuple(dict.fromkeys(found))


class _Walk:
    def __init__(self, chains: Mapping[str, Chain]) -> None:
        self._chains = chains
        self.found: list[Obstacle] = []
        self.doubts = False  # a rule that perhaps accepts was passed

    def through(self, chain: Chain, spans: Spans, depth: int) -> Spans:
        """The ports that no rule of the chain has decided about."""
        for rule in chain.rules:
            matched = spans if rule.ports is None else common(spans, rule.ports)
            if rule.applies is False or not matched:
                continue
            is_certain = rule.applies is True
            if rule.verdict == "return" and is_certain:
                # What returns is open again for the chain that jumped here, and for no later rule of this one.
                return spans if matched == spans else self._beside(chain, rule, spans, matched, depth)
            decided = self._obey(rule, matched, depth)
            if is_certain:
                spans = without(spans, decided)
        return spans

    def _beside(self, chain: Chain, rule: Rule, spans: Spans, matched: Spans, depth: int) -> Spans:
        """What comes after a return of some ports, for the others."""
        later = Chain(chain.name, rules=chain.rules[chain.rules.index(rule) + 1 :])
        return tuple(sorted(matched + self.through(later, without(spans, matched), depth)))

    def _obey(self, rule: Rule, matched: Spans, depth: int) -> Spans:
        """The ports among those matched whose packets end here."""
        if rule.verdict == "accept":
            self.doubts = self.doubts or rule.applies is None
            return matched
        if rule.verdict == "drop":
            self.stop(matched, rule.text, rule.applies is True)
            return matched
        if rule.verdict in ("jump", "goto") and rule.target in self._chains and depth < DEPTH:
            before = len(self.found)
            rest = self.through(self._chains[rule.target], matched, depth + 1)
            if rule.applies is None:
                self.found[before:] = [
                    Obstacle(one.first, one.last, one.rule, False) for one in self.found[before:]
                ]
                self.doubts = self.doubts or rest != matched
            return () if rule.verdict == "jump" and rest == matched else without(matched, rest)
        return ()

    def stop(self, spans: Spans, rule: str, certain: bool) -> None:
        self.found += [Obstacle(first, last, rule, certain) for first, last in spans]


def common(some: Spans, others: Spans) -> Spans:
    """The ports in both."""
    pairs = [(max(a[0], b[0]), min(a[1], b[1])) for a in some for b in others]
    return tuple(sorted({pair for pair in pairs if pair[0] <= pair[1]}))


def without(some: Spans, others: Spans) -> Spans:
    """The ports of `some` that are not in `others`."""
    left = list(some)
    for first, last in others:
        kept: list[tuple[int, int]] = []
        for low, high in left:
            if last < low or high < first:
                kept.append((low, high))
                continue
            kept += [(low, first - 1)] if low < first else []
            kept += [(last + 1, high)] if last < high else []
        left = kept
    return tuple(left)


def span_of(text: str, separator: str) -> tuple[int, int] | None:
    """"20000" or "20000:29999"; None for what is no port."""
    first, found, last = text.partition(separator)
    if not first.isdigit() or (found and not last.isdigit()):
        return None
    return int(first), int(last or first)


def chains_of(parts: Sequence[Chain]) -> dict[str, Chain]:
    return {chain.name: chain for chain in parts}
