"""Incidents with their timelines, proofs, pictures and decided offers; the latest statement of each centre."""

import sqlalchemy as sa
from alembic import op

revision = "node_0002"
down_revision = "node_0001"
branch_labels = None
depends_on = None


def _time(name: str, *, nullable: bool = False) -> sa.Column:  # type: ignore[type-arg]  # a migration's shorthand
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _text(name: str, length: int, *, nullable: bool = False) -> sa.Column:  # type: ignore[type-arg]  # as above
    return sa.Column(name, sa.String(length), nullable=nullable)


def _whole(name: str, *, nullable: bool = False) -> sa.Column:  # type: ignore[type-arg]  # as above
    return sa.Column(name, sa.Integer, nullable=nullable)


def upgrade() -> None:
    _incident()
    op.create_table(
        "incident_event",
        sa.Column("incident_id", sa.Uuid, primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        _time("at"),
        _text("centre", 64),
        _text("actor", 200),
        _text("act", 32),
        _text("status", 32),
        sa.Column("note", sa.Text, nullable=False),
        _whole("severity", nullable=True),
        _text("category", 64),
        sa.Column("key_id", sa.LargeBinary(32), nullable=True),
        _time("received_at", nullable=True),
    )
    op.create_table(
        "incident_proof",
        sa.Column("incident_id", sa.Uuid, primary_key=True),
        sa.Column("rid", sa.Uuid, primary_key=True),
        _text("origin", 64),
        _text("kind", 64),
        sa.Column("key_id", sa.LargeBinary(32), nullable=False),
        _time("created_at"),
        _time("received_at"),
        _text("via", 64),
        _whole("serial"),
    )
    op.create_table(
        "incident_thumbnail",
        sa.Column("incident_id", sa.Uuid, primary_key=True),
        sa.Column("picture", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "incident_offer",
        sa.Column("incident_id", sa.Uuid, primary_key=True),
        sa.Column("giver", sa.String(64), primary_key=True),
        sa.Column("term", sa.BigInteger, primary_key=True),
        _text("decision", 16),
        _time("at"),
    )
    op.create_table(
        "presence",
        sa.Column("centre", sa.String(64), primary_key=True),
        _time("as_of"),
        _time("received_at"),
        _whole("open_incidents", nullable=True),
        _whole("waiting", nullable=True),
        _text("version", 40),
        _whole("period_s"),
    )


def _incident() -> None:
    op.create_table(
        "incident",
        sa.Column("id", sa.Uuid, primary_key=True),
        _whole("version"),
        _text("number", 40),
        _whole("own_number", nullable=True),
        _text("kind", 64),
        _text("kind_title", 200),
        _whole("rises_from", nullable=True),
        _text("title", 200),
        sa.Column("description", sa.Text, nullable=False),
        _text("category", 64),
        _whole("severity"),
        _text("status", 32),
        _time("status_at"),
        _text("custody_state", 16),
        _text("holder", 64),
        _text("offered_to", 64, nullable=True),
        sa.Column("term", sa.BigInteger, nullable=False),
        _time("custody_since"),
        sa.Column("asked_back", sa.Boolean, nullable=False),
        _text("area_code", 16),
        sa.Column("lat", sa.Float, nullable=True),
        sa.Column("lon", sa.Float, nullable=True),
        _text("origin", 64),
        _time("opened_at"),
        _time("updated_at"),
        sa.Column("has_thumbnail", sa.Boolean, nullable=False),
        _text("unit", 200),
        _time("deadline", nullable=True),
        _whole("extensions"),
        sa.Column("duplicate_of", sa.Uuid, nullable=True),
        _text("resumes", 32, nullable=True),
        _text("source", 64, nullable=True),
        sa.Column("content_rid", sa.Uuid, nullable=True),
        sa.Column("offer_rid", sa.Uuid, nullable=True),
        _whole("told_up"),
        _whole("told_down"),
        _whole("heard_below"),
        _whole("heard_above"),
        sa.Column("search", sa.Text, nullable=False),
    )
    op.create_index("incident_queue", "incident", ["status", "severity", "opened_at"])
    op.create_index("incident_opened", "incident", ["opened_at"])
    op.create_index("incident_number", "incident", ["number"])
    op.create_index("incident_own_number", "incident", ["own_number"], unique=True)
