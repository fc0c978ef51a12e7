"""The states of a call."""

from __future__ import annotations

import enum


class State(enum.IntEnum):
    PREPARING = 0  # endpoints are being lent
    RINGING = 1  # or whatever else a step of its flow does while nobody is connected
    CONNECTED = 2
    OVER = 3
