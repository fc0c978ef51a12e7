"""How every table of the file is read: strictly, with no key that is not known."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Seconds = Annotated[float, Field(ge=0, le=86400, allow_inf_nan=False)]


class Settings(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)
