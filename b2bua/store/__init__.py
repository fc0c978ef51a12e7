"""The record of calls, kept in a database: Store writes it, Archive reads it."""

from __future__ import annotations

from b2bua.store.archive import Archive, CallFilter
from b2bua.store.opening import StoreError
from b2bua.store.writing import Store

__all__ = ["Archive", "CallFilter", "Store", "StoreError"]
