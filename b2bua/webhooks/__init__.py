"""Webhooks: web servers are told what happens to calls, signed, in order, until they have taken it.

``Webhooks`` is told in the loop what has happened and only notes it; a task writes it to the ``Journal``, a table;
a ``Courier`` for each server takes it from there and posts it. docs/webhooks.md is for those who receive.
"""

from __future__ import annotations

from b2bua.webhooks.events import EVENTS
from b2bua.webhooks.webhooks import Webhooks, interrupted_calls

__all__ = ["EVENTS", "Webhooks", "interrupted_calls"]
