"""The keys of what incidents say of people, which are deleted when it is erased."""

import sqlalchemy as sa
from alembic import op

revision = "node_0007"
down_revision = "node_0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "incident_key",
        sa.Column("incident_id", sa.Uuid, primary_key=True),
        sa.Column("part", sa.String(8), primary_key=True),
        sa.Column("peer", sa.String(64), primary_key=True),
        sa.Column("key", sa.LargeBinary, nullable=False),
        sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True),
    )
