"""What can go wrong at the relay, drawn as a tree.

    RelayError
    ├── Refusal          a command that cannot be met; its text goes to the core
    │   └── PortsExhausted
    ├── StartError       the relay cannot begin; its text goes to the operator
    └── ControlError     what came on the control socket is none of ours
"""

from __future__ import annotations


class RelayError(Exception):
    """Anything below."""


class Refusal(RelayError):
    """A command that cannot be met."""


class PortsExhausted(Refusal):
    """No pair of ports is free, none has rested enough and none can be opened."""


class StartError(RelayError):
    """The relay cannot begin with the settings given."""


class ControlError(RelayError):
    """A packet on the control socket that does not decode, or is longer than it may be."""
