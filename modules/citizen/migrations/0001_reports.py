"""Reports of citizens, and their photographs."""

import sqlalchemy as sa
from alembic import op

revision = "citizen_0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "citizen_report",
        sa.Column("incident_id", sa.String(36), primary_key=True),
        sa.Column("code", sa.String(14), nullable=False, unique=True),
        sa.Column("key", sa.String(64), nullable=False, unique=True),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("category", sa.String(32), nullable=False),
        sa.Column("urgency", sa.String(16), nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("place", sa.Text, nullable=False),
        sa.Column("area_code", sa.String(16), nullable=False),
        sa.Column("place_area_code", sa.String(16), nullable=False),
        sa.Column("lat", sa.Float, nullable=True),
        sa.Column("lon", sa.Float, nullable=True),
        sa.Column("accuracy_m", sa.Float, nullable=True),
        sa.Column("personal_data", sa.Boolean, nullable=False),
        sa.Column("complaint", sa.Boolean, nullable=False),
        sa.Column("reporter_name", sa.String(120), nullable=True),
        sa.Column("reporter_phone", sa.String(32), nullable=True),
        sa.Column("reporter_erased_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("rating", sa.String(16), nullable=True),
        sa.Column("rating_comment", sa.Text, nullable=True),
        sa.Column("rated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("public_text", sa.Text, nullable=True),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("citizen_report_recorded_at", "citizen_report", ["recorded_at"])
    op.create_index("citizen_report_published_at", "citizen_report", ["published_at"])
    op.create_table(
        "citizen_photo",
        sa.Column("incident_id", sa.String(36), sa.ForeignKey("citizen_report.incident_id"), primary_key=True),
        sa.Column("jpeg", sa.LargeBinary, nullable=False),
        sa.Column("width", sa.Integer, nullable=False),
        sa.Column("height", sa.Integer, nullable=False),
    )
