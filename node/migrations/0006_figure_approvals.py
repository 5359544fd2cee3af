"""Signed steps of the approval of figures, and what people noted about values that look wrong."""

import sqlalchemy as sa
from alembic import op

revision = "node_0006"
down_revision = "node_0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "figure_approval",
        sa.Column("rid", sa.Uuid, primary_key=True),
        sa.Column("centre", sa.String(64), nullable=False),
        sa.Column("dataset", sa.String(64), nullable=False),
        sa.Column("area_code", sa.String(16), nullable=False),
        sa.Column("begins_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("raw", sa.LargeBinary, nullable=False),
        sa.Column("signed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("via", sa.String(64), nullable=False),
    )
    op.create_index("figure_approval_period", "figure_approval", ["begins_at", "ends_at"])
    op.create_index("figure_approval_received", "figure_approval", ["received_at"])
    op.create_table(
        "figure_note",
        sa.Column("state_hash", sa.LargeBinary(32), primary_key=True),
        sa.Column("rule", sa.String(32), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("actor", sa.String(100), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("note", sa.Text, nullable=False),
    )
