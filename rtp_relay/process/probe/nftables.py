"""The rules of `nft -j list ruleset`, as far as they concern the first packet of a far end.

Tables that iptables writes by way of nftables hold expressions that nft cannot tell of ("xt"): those are left to
iptables-save.
"""

from __future__ import annotations

import json
from typing import Any, Final, Literal

from rtp_relay.process.probe.filtering import Chain, Rule, Spans, Verdict

HOOKS: Final = frozenset({"prerouting", "input"})
VERDICTS: Final[dict[str, Verdict]] = {"accept": "accept", "drop": "drop", "reject": "drop", "return": "return"}
SILENT: Final = frozenset({"counter", "log", "notrack", "mangle", "comment"})
FAMILIES: Final = {4: ("ip", "inet"), 6: ("ip6", "inet")}
SHOWN: Final = 160  # characters of a rule


def chains_in(listing: str, version: Literal[4, 6]) -> dict[str, Chain]:
    """Chains by family, table and name. Raises ValueError for what is not nft's JSON."""
    try:
        objects = json.loads(listing)["nftables"]
    except (KeyError, TypeError) as error:
        raise ValueError("no ruleset of nft") from error
    found: dict[str, Chain] = {}
    foreign = {_table(one["rule"]) for one in objects if "rule" in one and _is_foreign(one["rule"])}
    for one in objects:
        kind, what = next(iter(one.items()))
        if kind not in ("chain", "rule") or what["family"] not in FAMILIES[version] or _table(what) in foreign:
            continue
        if kind == "chain" and what.get("type") != "nat":
            name = f"{_table(what)} {what['name']}"
            hook = what.get("hook", "") if what.get("hook") in HOOKS else ""
            found[name] = Chain(name, hook, bool(hook) and what.get("policy") == "drop")
        elif kind == "rule" and (name := f"{_table(what)} {what['chain']}") in found:
            found[name].rules.append(_rule(what, version))
    return found


def _table(what: dict[str, Any]) -> str:
    return f"{what['family']} {what['table']}"


def _is_foreign(rule: dict[str, Any]) -> bool:
    return any("xt" in expression for expression in rule.get("expr", []))


def _rule(what: dict[str, Any], version: int) -> Rule:
    verdict: Verdict = ""
    target, ports, applies = "", None, True
    doubts = False
    for expression in what.get("expr", []):
        kind, value = next(iter(expression.items()))
        if kind in VERDICTS:
            verdict = VERDICTS[kind]
        elif kind in ("jump", "goto"):
            verdict, target = kind, f"{_table(what)} {value['target']}"
        elif kind == "match" and _is_port(value["left"]) and value.get("op", "==") in ("==", "in"):
            ports = _spans(value["right"])
            doubts = doubts or ports is None
        elif kind == "vmap":
            # Some verdict or other: perhaps it lets them in. By the state of a known connection it does not.
            applies = applies and not (isinstance(value["key"], dict) and "ct" in value["key"])
            verdict, doubts = "accept", True
        elif kind not in SILENT:
            said = _said(value, version) if kind == "match" else None
            applies = applies and said is not False
            doubts = doubts or said is None
    text = f"{_table(what)} {what['chain']}, handle {what.get('handle', 0)}: {json.dumps(what.get('expr', []))[:SHOWN]}"
    return Rule(verdict, text, ports, False if not applies else None if doubts else True, target)


def _is_port(left: object) -> bool:
    payload = left.get("payload") if isinstance(left, dict) else None
    return isinstance(payload, dict) and payload.get("field") == "dport" and payload.get("protocol") in ("udp", "th")


def _said(match: dict[str, Any], version: int) -> bool | None:
    """Whether a match is true of a far end's first packet; None if that is not known."""
    left, right = match["left"], match["right"]
    if not isinstance(left, dict):
        return None
    payload, meta, tracked = left.get("payload", {}), left.get("meta", {}), left.get("ct", {})
    said: bool | None = None
    if payload.get("field") in ("protocol", "nexthdr") or meta.get("key") == "l4proto":
        said = "udp" in _values(right) or 17 in _values(right)
    elif payload.get("field") in ("dport", "sport", "type", "code"):
        said = False if payload.get("protocol") not in ("udp", "th") else None
    elif meta.get("key") == "nfproto":
        said = f"ipv{version}" in _values(right)
    elif meta.get("key") in ("iif", "iifname"):
        said = False if _values(right) == ["lo"] else None
    elif tracked.get("key") == "state":
        said = "new" in _values(right)
    return (None if said is None else not said) if match.get("op") == "!=" else said


def _values(right: object) -> list[object]:
    if isinstance(right, dict) and "set" in right:
        right = right["set"]
    return list(right) if isinstance(right, list) else [right]


def _spans(right: object) -> Spans | None:
    spans: list[tuple[int, int]] = []
    for value in _values(right):
        if isinstance(value, int):
            spans.append((value, value))
        elif isinstance(value, dict) and "range" in value:
            spans.append((value["range"][0], value["range"][1]))
        else:
            return None  # a named set, or a number by name
    return tuple(spans)
