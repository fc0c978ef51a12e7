"""Numbers that are set up in the console: which flow the calls to each go through."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_table(
        "number",
        sa.Column("dialled", sa.String, primary_key=True),
        *(sa.Column(name, sa.String, nullable=False) for name in ("name", "flow", "trunks")),
        sa.Column("is_on", sa.Boolean, nullable=False),
        sa.Column("made_at", sa.BigInteger, nullable=False),
        sa.Column("made_by", sa.String, nullable=False),
        sa.Column("changed_at", sa.BigInteger, nullable=False),
        sa.Column("changed_by", sa.String, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("number")
