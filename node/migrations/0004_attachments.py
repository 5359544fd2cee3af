"""Photographs and files of incidents, by the hash of their bytes."""

import sqlalchemy as sa
from alembic import op

revision = "node_0004"
down_revision = "node_0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "incident_attachment",
        sa.Column("incident_id", sa.Uuid, primary_key=True),
        sa.Column("digest", sa.LargeBinary(32), primary_key=True),
        sa.Column("place", sa.Integer, nullable=False),
        sa.Column("manifest_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("media_type", sa.String(120), nullable=False),
        sa.Column("manifest", sa.LargeBinary, nullable=False),
    )
