"""Calls of a number are found by its name."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_index("ix_call_number_name_started_at", "call", ["number_name", "started_at"])


def downgrade() -> None:
    op.drop_index("ix_call_number_name_started_at", "call")
