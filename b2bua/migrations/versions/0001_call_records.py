"""Calls, recipients, streams and traces."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_Number = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "call",
        sa.Column("number", _Number, primary_key=True, autoincrement=True),
        sa.Column("id", sa.String, nullable=False),
        *(
            sa.Column(name, sa.String, nullable=False)
            for name in ("trunk", "source", "caller", "caller_name")
        ),
        *(sa.Column(name, sa.String, nullable=False) for name in ("dialled", "number_name", "sip_call_id")),
        sa.Column("started_at", sa.BigInteger, nullable=False),
        sa.Column("outcome", sa.String),
        sa.Column("sentence", sa.String, nullable=False),
        sa.Column("answered_by", sa.String),
        sa.Column("answered_leg", sa.Integer),
        sa.Column("ringing_at", sa.BigInteger),
        sa.Column("answered_at", sa.BigInteger),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("ended_by", sa.String, nullable=False),
        sa.Column("status", sa.Integer),
        sa.Column("reason", sa.String, nullable=False),
        sa.Column("configuration", sa.String, nullable=False),
        sa.UniqueConstraint("id", name="uq_call_id"),
    )
    op.create_index("ix_call_started_at", "call", ["started_at"])
    for column in ("caller", "dialled", "outcome", "answered_by"):
        op.create_index(f"ix_call_{column}_started_at", "call", [column, "started_at"])
    op.create_table(
        "recipient",
        sa.Column("call_number", _Number, primary_key=True, autoincrement=False),
        sa.Column("leg", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("uri", sa.String, nullable=False),
        sa.Column("outcome", sa.String),
        sa.Column("sentence", sa.String, nullable=False),
        sa.Column("status", sa.Integer),
        sa.Column("reason", sa.String, nullable=False),
        sa.Column("sip_call_id", sa.String, nullable=False),
        *(sa.Column(name, sa.BigInteger) for name in ("invited_at", "ringing_at", "answered_at", "ended_at")),
        sa.Column("late_by", sa.BigInteger),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "stream",
        sa.Column("call_number", _Number, primary_key=True, autoincrement=False),
        sa.Column("leg", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("medium", sa.Integer, primary_key=True, autoincrement=False),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in ("packets", "octets", "lost")),
        sa.Column("jitter", sa.Float, nullable=False),
        sa.Column("ssrc", sa.BigInteger, nullable=False),
        sa.Column("payload_type", sa.Integer, nullable=False),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in ("sent_packets", "strangers")),
        sa.Column("longest_gap", sa.Float, nullable=False),
        sa.Column("far", sa.String, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "trace",
        sa.Column("call_number", _Number, primary_key=True, autoincrement=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )


def downgrade() -> None:
    for table in ("trace", "stream", "recipient", "call"):
        op.drop_table(table)
