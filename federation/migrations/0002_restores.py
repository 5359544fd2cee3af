"""What a restore leaves open, and what waits for a person after this centre was fenced."""

import sqlalchemy as sa
from alembic import op

revision = "federation_0002"
down_revision = "federation_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "federation_unsettled",
        sa.Column("peer", sa.String(80), primary_key=True),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
    )
    op.create_table(
        "federation_fence",
        sa.Column("peer", sa.String(80), primary_key=True),
        sa.Column("at_us", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("lifted_at_us", sa.BigInteger),
    )
    op.create_table(
        "federation_quarantine",
        sa.Column("rid", sa.LargeBinary(16), primary_key=True),
        sa.Column("pos", sa.BigInteger, nullable=False),
        sa.Column("lane", sa.String(16), nullable=False),
        sa.Column("audience", sa.String(80), nullable=False),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("raw", sa.LargeBinary, nullable=False),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("decided_at_us", sa.BigInteger),
        sa.Column("decision", sa.String(16), nullable=False),
    )


def downgrade() -> None:
    msg = "what was delivered is not taken back; restore a backup instead"
    raise NotImplementedError(msg)
