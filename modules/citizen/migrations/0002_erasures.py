"""When the photograph and the words of a report were deleted."""

import sqlalchemy as sa
from alembic import op

revision = "citizen_0002"
down_revision = "citizen_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("citizen_report", sa.Column("photo_erased_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("citizen_report", sa.Column("text_erased_at", sa.DateTime(timezone=True), nullable=True))
