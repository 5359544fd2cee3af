"""Receipts from above the parent, the records that wait for one, what came by a bypass, and heads told from below."""

import sqlalchemy as sa
from alembic import op

revision = "federation_0005"
down_revision = "federation_0004"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "federation_awaited",
        sa.Column("rid", sa.LargeBinary(16), primary_key=True),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("audience", sa.String(80), nullable=False),
        sa.Column("leaf", sa.LargeBinary(32), nullable=False),
        sa.Column("upto", sa.String(16), nullable=False),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sa.Column("near_at_us", sa.BigInteger),
        sa.Column("satisfied_at_us", sa.BigInteger),
        sa.Column("rung_at_us", sa.BigInteger),
        sa.Column("bypass_rid", sa.LargeBinary(16)),
    )
    op.create_index("federation_awaited_open", "federation_awaited", ["satisfied_at_us", "at_us"])
    op.create_table(
        "federation_end_receipt",
        sa.Column("rid", sa.LargeBinary(16), primary_key=True),
        sa.Column("holder", sa.String(80), primary_key=True),
        sa.Column("received_at_us", sa.BigInteger, nullable=False),
        sa.Column("heard_at_us", sa.BigInteger, nullable=False),
        sa.Column("proof", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "federation_lifted",
        sa.Column("origin", sa.String(80), primary_key=True),
        sa.Column("rid", sa.LargeBinary(16), primary_key=True),
        sa.Column("lane", sa.String(16), nullable=False),
        sa.Column("audience", sa.String(80), nullable=False),
        sa.Column("epoch", sa.LargeBinary(16), nullable=False),
        sa.Column("frame_no", sa.BigInteger, nullable=False),
        sa.Column("frame_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("leaf", sa.LargeBinary(32), nullable=False),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sa.Column("raw", sa.LargeBinary, nullable=False),
    )
    place = ["origin", "lane", "audience", "epoch", "frame_no"]
    op.create_index("federation_lifted_place", "federation_lifted", place)
    op.create_table(
        "federation_reach",
        sa.Column("stream_id", _ID, sa.ForeignKey("federation_stream.id"), primary_key=True),
        sa.Column("receiver", sa.String(80), primary_key=True),
        sa.Column("pos", sa.BigInteger, nullable=False),
        sa.Column("ack", sa.LargeBinary, nullable=False),
        sa.Column("signature", sa.LargeBinary(64), nullable=False),
    )
    op.create_table(
        "federation_told_head",
        sa.Column("origin", sa.String(80), primary_key=True),
        sa.Column("lane", sa.String(16), primary_key=True),
        sa.Column("audience", sa.String(80), primary_key=True),
        sa.Column("epoch", sa.LargeBinary(16), nullable=False),
        sa.Column("frame_no", sa.BigInteger, nullable=False),
        sa.Column("frame_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.Column("told_at_us", sa.BigInteger, nullable=False),
        sa.Column("owed_epoch", sa.LargeBinary(16)),
        sa.Column("owed_frame_no", sa.BigInteger),
        sa.Column("owed_since_us", sa.BigInteger),
        sa.Column("rung_at_us", sa.BigInteger),
    )
    op.create_table(
        "federation_owed_record",
        sa.Column("origin", sa.String(80), primary_key=True),
        sa.Column("rid", sa.LargeBinary(16), primary_key=True),
        sa.Column("signed_at_us", sa.BigInteger, nullable=False),
        sa.Column("since_us", sa.BigInteger, nullable=False),
        sa.Column("rung_at_us", sa.BigInteger),
    )


def downgrade() -> None:
    msg = "what was delivered is not taken back; restore a backup instead"
    raise NotImplementedError(msg)
