"""Large objects: what is wanted of which child, and what lies in the folder of objects."""

import sqlalchemy as sa
from alembic import op

revision = "federation_0006"
down_revision = "federation_0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "federation_want",
        sa.Column("digest", sa.LargeBinary(32), primary_key=True),
        sa.Column("manifest_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("media_type", sa.String(120), nullable=False),
        sa.Column("peer", sa.String(80), nullable=False),
        sa.Column("subject", sa.String(64), nullable=False),
        sa.Column("asker", sa.String(80), nullable=False),
        sa.Column("asked_by", sa.String(200), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("asked_at_us", sa.BigInteger, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("code", sa.String(32), nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("said_by", sa.String(80), nullable=False),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sa.Column("manifest", sa.LargeBinary, nullable=False),
    )
    op.create_index("federation_want_peer", "federation_want", ["peer", "state"])
    op.create_table(
        "federation_copy",
        sa.Column("digest", sa.LargeBinary(32), primary_key=True),
        sa.Column("manifest", sa.LargeBinary, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("media_type", sa.String(120), nullable=False),
        sa.Column("sender", sa.String(80), nullable=False),
        sa.Column("subject", sa.String(64), nullable=False),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sa.Column("until_us", sa.BigInteger, nullable=False),
    )
    op.create_index("federation_copy_until", "federation_copy", ["until_us"])


def downgrade() -> None:
    msg = "what was delivered is not taken back; restore a backup instead"
    raise NotImplementedError(msg)
