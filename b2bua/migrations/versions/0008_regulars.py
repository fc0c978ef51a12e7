"""Who has taken a caller's last call, so that he comes to the same recipient first."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "turn_regular",
        sa.Column("flow", sa.String, primary_key=True),
        sa.Column("step", sa.String, primary_key=True),
        sa.Column("caller", sa.String, primary_key=True),
        sa.Column("recipient", sa.String, nullable=False),
        sa.Column("answered_at", sa.BigInteger, nullable=False),
        sa.Column("kept_until", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("turn_regular")
