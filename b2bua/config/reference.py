"""docs/configuration.md, made from the settings and the explanations that stand beneath them.

python -m b2bua.config.reference > docs/configuration.md
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from b2bua.config import flow_settings, settings

# In the order of the file; a heading for each.
_TABLES: Final[tuple[tuple[str, type[BaseModel]], ...]] = (
    ("[sip]", settings.Sip),
    ("[media]", settings.Media),
    ("[[media.interfaces]]", settings.MediaInterface),
    ("[[media.nodes]]", settings.MediaNode),
    ("[limits]", settings.LimitSettings),
    ("[trunks.NAME]", settings.TrunkSettings),
    ("[trunks.NAME.headers]", settings.Headers),
    ('[numbers."NUMBER"]', settings.NumberSettings),
    ('[[numbers."NUMBER".recipients]]', settings.RecipientSettings),
    ("[flows.NAME]", flow_settings.FlowSettings),
    ("[flows.NAME.dial.STEP]", flow_settings.DialSettings),
    ("[[flows.NAME.dial.STEP.recipients]]", flow_settings.FlowRecipientSettings),
    ("[flows.NAME.play.STEP]", flow_settings.PlaySettings),
    ("[flows.NAME.menu.STEP]", flow_settings.MenuSettings),
    ("[flows.NAME.schedule.STEP]", flow_settings.ScheduleSettings),
    ("[[flows.NAME.schedule.STEP.branches]]", flow_settings.BranchSettings),
    ("[flows.NAME.voicemail.STEP]", flow_settings.VoicemailSettings),
    ("[flows.NAME.hang_up.STEP]", flow_settings.HangUpSettings),
    ("[flows.NAME.….prompt]", flow_settings.PromptSettings),
    ("[records]", settings.Records),
    ("[[webhooks]]", settings.WebhookSettings),
    ("[console]", settings.ConsoleSettings),
    ("[service]", settings.Service),
)

_OPENING: Final = """\
# Configuration

One TOML file holds all of it. `b2bua check FILE` reads it as the service would and names file, line and
remedy for whatever is wrong; warnings are told, and the file is used all the same. Files to start from:
[examples/quick-start.toml](../examples/quick-start.toml) rings three phones on this machine,
[examples/full.toml](../examples/full.toml) has every setting,
[examples/flow.toml](../examples/flow.toml) has a call flow, which [flows.md](flows.md) explains.

The smallest file that does something:

```toml
[trunks.carrier]
sources = ["192.0.2.0/24"]        # calls come from here, and from nowhere else

[numbers."+15550100"]             # as the trunk sends it
recipients = [
    { name = "Ana", destination = "sip:ana@192.0.2.50" },
    { name = "Ben", destination = "sip:ben@192.0.2.51" },
]
```

## What holds everywhere

- A setting that does not exist is an error, told with the nearest one that does.
- Lengths of time are seconds. Text, and numbers to dial, stand in quotes.
- Relative paths start from the directory of the file.
- No value may hold a line break or NUL: it could end up in a header and begin another one there.
- Changes take effect with `b2bua reload` or SIGHUP, all at once: new calls use the new file, running calls
  keep the one that they began with. A file with errors changes nothing; the service keeps the last good one
  and says so in the log.
- After a restart only: `sip.listen`, `sip.advertised`, `sip.user_agent`, `sip.t1`, `[media]`, `[records]`,
  `[[webhooks]]`, `service.metrics` and `service.control_socket`. A reload that changes one of these says so in the log.
- A password is better kept in a `password_file` that only the service's user may read.

## What is refused

- Requests from an address that is no trunk's source. A caller never chooses where a call goes: it goes to
  recipients that stand in this file.
- Emergency numbers as a recipient's destination (`limits.emergency_numbers`).
- A phone recipient outside its trunk's `allowed_prefixes`.
- A recipient that is the number itself, or this service's own address.
- A call flow with an error that its check finds (see [flows.md](flows.md#what-is-checked)).

Warned of: the same destination twice in one number, more recipients than `limits.recipients`, a ring time
that nobody can answer within, sources that are the whole Internet, a wildcard address with nothing to tell
peers in its place.
"""


class Setting(NamedTuple):
    """One setting of one table."""

    table: str
    name: str
    field: FieldInfo
    explanation: str


def all_settings() -> Iterator[Setting]:
    explained = _explanations()
    for table, model in _TABLES:
        for name, field in model.model_fields.items():
            yield Setting(table, name, field, explained[model.__name__][name])


def reference() -> str:
    """The whole page."""
    explained = _explanations()
    parts = [_OPENING]
    for table, model in _TABLES:
        parts.append(f"## `{table}`\n\n{explained[model.__name__]['']}\n")
        for name, field in model.model_fields.items():
            parts.append(f"### `{name}`\n\n{_default(field)}\n\n{explained[model.__name__][name]}\n")
    return "\n".join(parts)


def _default(field: FieldInfo) -> str:
    kind = _kind(field)
    if field.is_required():
        return f"*{kind}; must be written.*"
    if field.default is None:
        return f"*{kind}; not written by default.*"
    if isinstance(field.default, BaseModel):
        return f"*{kind}.*"
    return f"*{kind}; default* `{_toml(field.default)}`"


def _kind(field: FieldInfo) -> str:
    text = str(field.annotation)
    if text.startswith(("list", "typing.List")):
        return "List"
    if "PromptSettings" in text:
        return "Prompt"
    if text.startswith("dict") or "settings.Headers" in text:
        return "Table"
    if "Literal" in text:
        return "One of " + text[text.index("[") + 1 : text.index("]")].replace("'", "`")
    if "bool" in text:
        return "`true` or `false`"
    for part, kind in (("int", "Whole number"), ("float", "Number")):
        if part in text:
            return kind + _bounds(field)
    return "Text"


def _bounds(field: FieldInfo) -> str:
    found = [*field.metadata, *(each for extra in field.metadata for each in getattr(extra, "metadata", ()))]
    low = next((each.ge for each in found if getattr(each, "ge", None) is not None), None)
    high = next((each.le for each in found if getattr(each, "le", None) is not None), None)
    return "" if low is None or high is None else f", {low:g} to {high:.10g}"


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, list):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{}"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _explanations() -> dict[str, dict[str, str]]:
    """Class → setting → the text beneath it; under "" the class's own docstring."""
    files = (settings.__file__, flow_settings.__file__)
    trees = [ast.parse(Path(file).read_text(encoding="utf-8")) for file in files]
    found: dict[str, dict[str, str]] = {}
    for node in (node for tree in trees for node in tree.body):
        if isinstance(node, ast.ClassDef):
            texts = found[node.name] = {"": _flowing(ast.get_docstring(node) or "")}
            for field, below in zip(node.body, node.body[1:], strict=False):
                if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                    texts[field.target.id] = _string(below)
    return found


def _string(node: ast.stmt) -> str:
    if (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    ):
        return _flowing(node.value.value)
    return ""


def _flowing(text: str) -> str:
    return " ".join(text.split())


if __name__ == "__main__":
    sys.stdout.write(reference())
