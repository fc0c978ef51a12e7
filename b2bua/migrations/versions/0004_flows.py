"""Versions of call flows, and whose turn it is in a round robin."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "flow_version",
        sa.Column("flow", sa.String, primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("body", sa.String, nullable=False),
        sa.Column("note", sa.String, nullable=False),
        sa.Column("made_at", sa.BigInteger, nullable=False),
        sa.Column("made_by", sa.String, nullable=False),
        sa.Column("published_at", sa.BigInteger),
        sa.Column("published_by", sa.String, nullable=False),
    )
    op.create_table(
        "turn",
        sa.Column("flow", sa.String, primary_key=True),
        sa.Column("step", sa.String, primary_key=True),
        sa.Column("pointer", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "turn_taken",
        sa.Column("flow", sa.String, primary_key=True),
        sa.Column("step", sa.String, primary_key=True),
        sa.Column("recipient", sa.String, primary_key=True),
        sa.Column("calls", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    for table in ("turn_taken", "turn", "flow_version"):
        op.drop_table(table)
