"""Which flow a call went through, by which steps, and the message that its caller left."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

TEXTS: Final = ("flow", "steps", "mailbox", "voicemail")


def upgrade() -> None:
    for name in TEXTS:
        op.add_column("call", sa.Column(name, sa.String, nullable=False, server_default=""))
    op.add_column("call", sa.Column("flow_version", sa.Integer, nullable=False, server_default="0"))
    op.add_column("call", sa.Column("voicemail_seconds", sa.Float, nullable=False, server_default="0"))


def downgrade() -> None:
    with op.batch_alter_table("call") as call:
        for name in (*TEXTS, "flow_version", "voicemail_seconds"):
            call.drop_column(name)
