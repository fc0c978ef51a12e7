"""Events that webhooks have yet to be told."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_Number = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "webhook_delivery",
        sa.Column("number", _Number, primary_key=True, autoincrement=True),
        *(sa.Column(name, sa.String, nullable=False) for name in ("webhook", "call_id", "key", "event")),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("due_at", sa.Float),
    )
    op.create_index("ix_webhook_delivery_webhook_due_at", "webhook_delivery", ["webhook", "due_at"])
    op.create_index(
        "ix_webhook_delivery_webhook_call_id_number", "webhook_delivery", ["webhook", "call_id", "number"]
    )


def downgrade() -> None:
    op.drop_table("webhook_delivery")
