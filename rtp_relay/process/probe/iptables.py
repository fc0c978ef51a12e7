"""The rules of iptables-save and ip6tables-save, as far as they concern the first packet of a far end."""

from __future__ import annotations

import shlex
from typing import Final

from rtp_relay.process.probe.filtering import Chain, Rule, Spans, Verdict, span_of

HOOKS: Final = frozenset({"PREROUTING", "INPUT"})
VERDICTS: Final[dict[str, Verdict]] = {"ACCEPT": "accept", "DROP": "drop", "REJECT": "drop", "RETURN": "return"}
UDP: Final = ("udp", "17", "all")
NEWCOMER: Final = "NEW"
# What says nothing of the packet.
SILENT: Final = frozenset({"--comment", "--reject-with", "--log-prefix", "--log-level", "-m", "--match"})


def chains_in(saved: str) -> dict[str, Chain]:
    """Chains by table and name, in the order of the text; tables that do no filtering (nat) are left out."""
    found: dict[str, Chain] = {}
    table = ""
    for line in saved.splitlines():
        if line.startswith("*"):
            table = line[1:].strip()
        elif table == "nat":
            continue
        elif line.startswith(":"):
            name, policy = line[1:].split()[:2]
            hook = name if name in HOOKS else ""
            found[f"{table} {name}"] = Chain(f"{table} {name}", hook, bool(hook) and policy == "DROP")
        elif line.startswith("-A "):
            name, *words = shlex.split(line[3:])
            found.setdefault(f"{table} {name}", Chain(f"{table} {name}")).rules.append(_rule(table, words, line))
    return found


def _rule(table: str, words: list[str], text: str) -> Rule:
    """A rule's words after the name of its chain."""
    verdict: Verdict = ""
    target, ports, applies = "", None, True
    doubts, is_denied = False, False
    index = 0
    while index < len(words):
        word = words[index]
        index += 1
        if word == "!":
            is_denied = True
            continue
        value = ""
        if index < len(words) and not words[index].startswith("-") and words[index] != "!":
            value = words[index]
            index += 1
        if word in ("-j", "-g"):
            jump: Verdict = "jump" if word == "-j" else "goto"
            verdict, target = VERDICTS.get(value, jump), f"{table} {value}"
        elif word in ("--dport", "--dports", "--destination-port", "--destination-ports") and not is_denied:
            ports = _spans(value)
            doubts = doubts or ports is None
        elif word not in SILENT:
            said = _said(word, value)
            said = (None if said is None else not said) if is_denied else said
            applies = applies and said is not False
            doubts = doubts or said is None
        is_denied = False
    return Rule(verdict, text, ports, False if not applies else None if doubts else True, target)


def _said(option: str, value: str) -> bool | None:
    """Whether an option is true of a far end's first packet; None if that is not known."""
    if option in ("-p", "--protocol"):
        return value in UDP
    if option in ("-i", "--in-interface"):
        return False if value == "lo" else None
    if option in ("--ctstate", "--state"):
        return NEWCOMER in value.split(",")
    return None


def _spans(value: str) -> Spans | None:
    spans = [span_of(part, ":") for part in value.split(",")]
    known = tuple(span for span in spans if span is not None)
    return known if len(known) == len(spans) else None
