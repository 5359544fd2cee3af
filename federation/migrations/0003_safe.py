"""What is held elsewhere too, and up to where the bytes of own frames were given up for it."""

import sqlalchemy as sa
from alembic import op

revision = "federation_0003"
down_revision = "federation_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "federation_safe",
        sa.Column(
            "stream_id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=False
        ),
        sa.Column("pos", sa.BigInteger, nullable=False),
    )
    op.add_column("federation_cursor", sa.Column("safe_pos", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("federation_stream", sa.Column("floor", sa.BigInteger, nullable=False, server_default="0"))


def downgrade() -> None:
    msg = "what was delivered is not taken back; restore a backup instead"
    raise NotImplementedError(msg)
