"""The configuration: one TOML file in, frozen plain values or findings with line and remedy out.

``check`` lists everything that is wrong with a file; ``load`` gives a Config or raises ConfigError.
A running service calls ``load`` again on SIGHUP and keeps what it has when that raises.
"""

from __future__ import annotations

from b2bua.config.findings import EX_CONFIG, ConfigError, Finding, Severity
from b2bua.config.loading import check, load, parse
from b2bua.config.values import (
    Config,
    Console,
    DialledNumber,
    Interface,
    Limits,
    Listener,
    MediaSettings,
    RecordSettings,
    ServiceSettings,
    SipSettings,
    Trunk,
    Webhook,
)

__all__ = [
    "EX_CONFIG",
    "Config",
    "ConfigError",
    "Console",
    "DialledNumber",
    "Finding",
    "Interface",
    "Limits",
    "Listener",
    "MediaSettings",
    "RecordSettings",
    "ServiceSettings",
    "Severity",
    "SipSettings",
    "Trunk",
    "Webhook",
    "check",
    "load",
    "parse",
]
