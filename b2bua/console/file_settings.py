"""What stands in the configuration file, to look at: what it is now, and from when on a change of it counts.

These are changed in the file and not here, since a slip in one of them cuts somebody off: callers, phones, or whoever
reads this. Passwords and secrets are left out.
"""

from __future__ import annotations

from typing import Any, Final

from b2bua.config import Config

AT_RELOAD: Final = "reload"
AT_START: Final = "start"
_FOR_EVER: Final = "for ever"


def file_settings(config: Config) -> list[dict[str, Any]]:
    """Tables of the file: table, title and settings, each with name, value, what it is, and "reload" or "start"."""
    return [
        _table("limits", "Limits", _limits(config)),
        _table("records", "Records and retention", _records(config)),
        _table("media", "Media", _media(config)),
        _table("sip", "SIP", _sip(config)),
        *(_table(f"trunks.{name}", f"Trunk {name}", _trunk(config, name)) for name in config.trunks),
        *(
            _table(f"webhooks {number}", f"Webhook {webhook.name}", _webhook(config, number - 1))
            for number, webhook in enumerate(config.webhooks, 1)
        ),
        _table("service", "Service", _service(config)),
        _table("console", "Console", _console(config)),
    ]


Line = tuple[str, Any, str, str]


def _table(table: str, title: str, lines: list[Line]) -> dict[str, Any]:
    settings = [
        {"name": name, "value": _said(value), "explained": explained, "counts": counts}
        for name, value, explained, counts in lines
    ]
    return {"table": table, "title": title, "settings": settings}


def _said(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple | frozenset):
        return ", ".join(map(str, sorted(value) if isinstance(value, frozenset) else value)) or "none"
    return str(value) or "none"


def _limits(config: Config) -> list[Line]:
    limits = config.limits
    return [
        ("calls", limits.calls, "Calls at the same time, ringing ones included.", AT_RELOAD),
        ("calls_per_second", limits.calls_per_second or "no limit", "New calls in a second.", AT_RELOAD),
        ("recipients", limits.recipients, "Recipients of one step without a warning.", AT_RELOAD),
        (
            "drain_seconds",
            f"{limits.drain_seconds:g} s",
            "How long a stop waits for calls to end.",
            AT_RELOAD,
        ),
        ("emergency_numbers", limits.emergency_numbers, "Never rung as a recipient.", AT_RELOAD),
    ]


def _records(config: Config) -> list[Line]:
    records = config.records
    days = f"{records.keep_days} days" if records.keep_days else _FOR_EVER
    return [
        ("keep_days", days, "How long calls stay in the log.", AT_START),
        ("trace", records.trace, "How much of the SIP messages is kept.", AT_START),
        ("keep_traces", records.keep_traces, "Calls whose messages are kept, the latest.", AT_START),
        ("messages", records.messages, "Where voicemail is kept.", AT_START),
    ]


def _media(config: Config) -> list[Line]:
    media = config.media
    places = [f"{each.name} {each.address}" for each in media.interfaces]
    return [
        ("interfaces", places, "Where audio is received.", AT_START),
        ("ports", f"{media.ports[0]} to {media.ports[1]}", "For audio; open them in the firewall.", AT_START),
        ("tones", media.tones, "Whose country's ringing tone callers hear, where it is ours.", AT_START),
        (
            "timeout",
            f"{media.timeout:g} s" if media.timeout else "never",
            "Without audio for so long, a call is ended.",
            AT_START,
        ),
        ("form", media.form, "How audio is forwarded.", AT_START),
    ]


def _sip(config: Config) -> list[Line]:
    sip = config.sip
    return [
        ("listen", [each.name for each in sip.listeners], "Where calls come in.", AT_START),
        ("unknown_sources", sip.unknown_sources, "What strangers get.", AT_RELOAD),
        ("session_expires", f"{sip.session_expires} s", "Between checks that a call is alive.", AT_RELOAD),
    ]


def _trunk(config: Config, name: str) -> list[Line]:
    trunk = config.trunks[name]
    return [
        ("sources", trunk.sources, "Calls come from there.", AT_RELOAD),
        ("address", trunk.address, "Calls to phones are sent there.", AT_RELOAD),
        ("allowed_prefixes", trunk.allowed_prefixes, "What may be dialled by it.", AT_RELOAD),
    ]


def _webhook(config: Config, index: int) -> list[Line]:
    webhook = config.webhooks[index]
    return [
        ("url", webhook.url, "Who is told. What signs it is shown nowhere.", AT_START),
        ("events", webhook.events, "Of what.", AT_START),
    ]


def _service(config: Config) -> list[Line]:
    service = config.service
    metrics = "{}:{}".format(*service.metrics) if service.metrics else "off"
    return [
        ("log_level", service.log_level, "What the log has.", AT_START),
        ("mask_numbers", service.mask_numbers, "The log has three digits of each number only.", AT_START),
        ("metrics", metrics, "Where Prometheus asks.", AT_START),
    ]


def _console(config: Config) -> list[Line]:
    console = config.console
    way = "its own certificate" if console.certificate else "a proxy" if console.is_behind_proxy else "none"
    return [
        ("listen", f"{console.host} port {console.port}", "Where this page comes from.", AT_START),
        ("HTTPS", way, "What keeps passwords secret on the way.", AT_START),
        ("session_hours", f"{console.session / 3600:g}", "After so long everybody logs in again.", AT_START),
    ]
