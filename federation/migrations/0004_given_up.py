"""Which frames' bytes were given up, under this centre's signature; and each restore until its outcome is written."""

import sqlalchemy as sa
from alembic import op

revision = "federation_0004"
down_revision = "federation_0003"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "federation_given_up",
        sa.Column("stream_id", _ID, sa.ForeignKey("federation_stream.id"), primary_key=True),
        sa.Column("first_pos", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("last_pos", sa.BigInteger, nullable=False),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sa.Column("peer", sa.String(80), nullable=False),
        sa.Column("key_id", sa.LargeBinary(32), nullable=False),
        sa.Column("signature", sa.LargeBinary(64), nullable=False),
    )
    op.create_table(
        "federation_restore",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("begun_at_us", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("passed_over", sa.Text, nullable=False, server_default=""),
        sa.Column("outcome", sa.Text, nullable=False, server_default=""),
        sa.Column("signature", sa.LargeBinary(64), nullable=True),
    )


def downgrade() -> None:
    msg = "what was delivered is not taken back; restore a backup instead"
    raise NotImplementedError(msg)
