"""People of the console: users, sessions, tokens; what is set there; who changed what."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_Number = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "console_user",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("password", sa.String, nullable=False),
        sa.Column("role", sa.String, nullable=False),
        sa.Column("is_on", sa.Boolean, nullable=False),
        sa.Column("made_at", sa.BigInteger, nullable=False),
        sa.Column("made_by", sa.String, nullable=False),
        sa.Column("seen_at", sa.BigInteger),
    )
    op.create_table(
        "console_session",
        sa.Column("key", sa.String, primary_key=True),
        *(sa.Column(name, sa.String, nullable=False) for name in ("user", "csrf", "address")),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in ("made_at", "ends_at")),
    )
    op.create_index("ix_console_session_user", "console_session", ["user"])
    op.create_table(
        "console_token",
        sa.Column("number", _Number, primary_key=True, autoincrement=True),
        sa.Column("key", sa.String, nullable=False, unique=True),
        *(sa.Column(name, sa.String, nullable=False) for name in ("name", "role")),
        sa.Column("made_at", sa.BigInteger, nullable=False),
        sa.Column("made_by", sa.String, nullable=False),
        *(sa.Column(name, sa.BigInteger) for name in ("used_at", "ends_at")),
    )
    op.create_table(
        "console_setting",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("value", sa.String, nullable=False),
    )
    op.create_table(
        "audit",
        sa.Column("number", _Number, primary_key=True, autoincrement=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        *(
            sa.Column(name, sa.String, nullable=False)
            for name in ("who", "via", "address", "action", "subject", "before", "after")
        ),
    )


def downgrade() -> None:
    for table in ("audit", "console_setting", "console_token", "console_session", "console_user"):
        op.drop_table(table)
