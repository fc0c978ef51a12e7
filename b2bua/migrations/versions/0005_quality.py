"""How a stream sounded: drops by their reasons, what far ends reported (RTCP), round trip, MOS."""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

COUNTS: Final = ("ssrc_changes", "malformed", "rtcp_packets")


def upgrade() -> None:
    columns: tuple[sa.Column[Any], ...] = (
        *(sa.Column(name, sa.BigInteger, nullable=False, server_default="0") for name in COUNTS),
        *(sa.Column(name, sa.Float, nullable=False, server_default="0") for name in ("owed", "silent")),
        *(sa.Column(name, sa.String, nullable=False, server_default="") for name in ("drops", "codec")),
        sa.Column("heard_by", sa.Integer),
        sa.Column("round_trip", sa.Float),
        sa.Column("reported_lost", sa.BigInteger),
        sa.Column("reported_jitter", sa.Float),
        sa.Column("mos", sa.Float),
        sa.Column("is_one_way", sa.Boolean),
    )
    for column in columns:
        op.add_column("stream", column)


def downgrade() -> None:
    with op.batch_alter_table("stream") as stream:
        for name in (
            "is_one_way", "mos", "reported_jitter", "reported_lost", "round_trip", "heard_by", "codec", "drops",
            "silent", "owed", "rtcp_packets", "malformed", "ssrc_changes",
        ):  # fmt: skip
            stream.drop_column(name)
