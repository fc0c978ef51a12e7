"""What of the console is set in the console, by an owner: nothing here can keep a call from coming through."""

from __future__ import annotations

import json
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from b2bua.config.strict import Settings
from b2bua.console.database import begun
from b2bua.console.people import set_value
from b2bua.store import schema

_PREFIX = "preference."


def _zone(name: str) -> str:
    try:
        if name:
            ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as problem:
        raise ValueError(f'this machine knows no time zone "{name}"') from problem
    return name


class Preferences(Settings):
    """All of them, with what they are by default."""

    title: str = Field(
        default="Multiring", min_length=1, max_length=40, description="What stands atop each page."
    )
    time_zone: Annotated[str, AfterValidator(_zone)] = Field(
        default="",
        max_length=64,
        description="Whose clock the hours of the statistics are of, as in the IANA database: Europe/Berlin. "
        "Empty is the machine's.",
    )
    mask_for_viewers: bool = Field(
        default=True, description="Viewers see the last three digits of other people's numbers only."
    )
    ring_time: int = Field(
        default=30,
        ge=5,
        le=300,
        description="Seconds that a new step rings for. Steps that are there keep theirs. Shorter than a mobile's own "
        "voicemail takes to answer (20 to 29 s for most) keeps calls from ending there.",
    )
    learn_days: int = Field(
        default=30,
        ge=1,
        le=365,
        description="How many days of calls tell how a recipient fares, and when a voicemail answers.",
    )


class PreferenceStore:
    """Preferences as they are kept. Everything may raise StoreError."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._known: Preferences | None = None

    async def read(self) -> Preferences:
        """Read once; only this process changes them."""
        if self._known is None:
            table = schema.console_setting
            query = select(table).where(table.c.name.startswith(_PREFIX, autoescape=True))
            async with begun(self._engine) as connection:
                rows = (await connection.execute(query)).all()
            written = {row.name.removeprefix(_PREFIX): json.loads(row.value) for row in rows}
            known = {name: value for name, value in written.items() if name in Preferences.model_fields}
            self._known = Preferences.model_validate(known)
        return self._known

    async def change(self, changed: Preferences, names: set[str]) -> None:
        """Keep those that are named."""
        async with begun(self._engine) as connection:
            for name in sorted(names):
                await set_value(connection, _PREFIX + name, json.dumps(getattr(changed, name)))
        self._known = changed


def described(preferences: Preferences) -> list[dict[str, Any]]:
    """For a page that shows them: name, value, default, explanation and type of each."""
    kinds = {bool: "boolean", int: "number"}
    return [
        {
            "name": name,
            "value": getattr(preferences, name),
            "default": field.default,
            "explained": field.description,
            "type": kinds.get(type(field.default), "text"),
        }
        for name, field in Preferences.model_fields.items()
    ]
