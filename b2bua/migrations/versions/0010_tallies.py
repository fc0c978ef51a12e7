"""What is counted of calls by the hour and by the day, for statistics. The console fills it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_table(
        "tally",
        sa.Column("hours", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("first", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "tally_mark",
        sa.Column("form", sa.Integer, primary_key=True, autoincrement=False),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in ("turn", "number")),
        *(sa.Column(name, sa.String, nullable=False) for name in ("call_id", "running")),
        sa.Column("floor", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("tally_mark")
    op.drop_table("tally")
