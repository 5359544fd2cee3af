"""One-time passwords, second factors, and what a list of sessions shows."""

import sqlalchemy as sa
from alembic import op

revision = "node_0003"
down_revision = "node_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("account", sa.Column("must_change", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("login", sa.Column("stage", sa.String(16), nullable=False, server_default="open"))
    op.add_column("login", sa.Column("address", sa.String(64), nullable=False, server_default="-"))
    op.add_column("login", sa.Column("device", sa.String(200), nullable=False, server_default=""))
    op.add_column("login", sa.Column("seen_at", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "second_factor",
        sa.Column("username", sa.String(64), sa.ForeignKey("account.username"), primary_key=True),
        sa.Column("sealed", sa.String(200), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("step", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "recovery_code",
        sa.Column("username", sa.String(64), sa.ForeignKey("account.username"), primary_key=True),
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
    )
    op.create_index("audit_actor", "audit", ["actor", "position"])
    op.create_index("audit_act", "audit", ["act", "position"])
