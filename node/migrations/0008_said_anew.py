"""The incidents of which it must be said anew who answers for them, once a restore is over."""

import sqlalchemy as sa
from alembic import op

revision = "node_0008"
down_revision = "node_0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table("incident_anew", sa.Column("incident_id", sa.Uuid, primary_key=True))
