"""Signed states of figures, every revision in the bytes that were signed."""

import sqlalchemy as sa
from alembic import op

revision = "node_0005"
down_revision = "node_0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "figure_state",
        sa.Column("rid", sa.Uuid, primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("centre", sa.String(64), nullable=False),
        sa.Column("indicator", sa.String(128), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("area_code", sa.String(16), nullable=False),
        sa.Column("begins_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seconds", sa.Integer, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("is_fold", sa.Boolean, nullable=False),
        sa.Column("raw", sa.LargeBinary, nullable=False),
        sa.Column("hash", sa.LargeBinary(32), nullable=False),
        sa.Column("as_of", sa.DateTime(timezone=True), nullable=False),
        sa.Column("signed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("via", sa.String(64), nullable=False),
    )
    op.create_index("figure_state_period", "figure_state", ["begins_at", "seconds", "indicator"])
    op.create_index("figure_state_centre", "figure_state", ["centre", "begins_at"])
    op.create_index("figure_state_received", "figure_state", ["received_at"])
