"""Rows of the citizen module; the reporter's identity stands here and nowhere else."""

from sqlalchemy import (
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

from node.tables import UtcTime

metadata = MetaData()

report = Table(
    "citizen_report",
    metadata,
    Column("incident_id", String(36), primary_key=True),
    Column("code", String(14), nullable=False, unique=True),
    Column("key", String(64), nullable=False, unique=True),
    Column("digest", LargeBinary(32), nullable=False),
    Column("category", String(32), nullable=False),
    Column("urgency", String(16), nullable=False),
    Column("description", Text, nullable=False),
    Column("place", Text, nullable=False),
    Column("area_code", String(16), nullable=False),
    Column("place_area_code", String(16), nullable=False),
    Column("lat", Float, nullable=True),
    Column("lon", Float, nullable=True),
    Column("accuracy_m", Float, nullable=True),
    Column("personal_data", Boolean, nullable=False),
    Column("complaint", Boolean, nullable=False),
    Column("reporter_name", String(120), nullable=True),
    Column("reporter_phone", String(32), nullable=True),
    Column("reporter_erased_at", UtcTime, nullable=True),
    Column("photo_erased_at", UtcTime, nullable=True),
    Column("text_erased_at", UtcTime, nullable=True),
    Column("rating", String(16), nullable=True),
    Column("rating_comment", Text, nullable=True),
    Column("rated_at", UtcTime, nullable=True),
    Column("public_text", Text, nullable=True),
    Column("published_at", UtcTime, nullable=True),
    Column("recorded_at", UtcTime, nullable=False),
    Index("citizen_report_recorded_at", "recorded_at"),
    Index("citizen_report_published_at", "published_at"),
)

photo = Table(
    "citizen_photo",
    metadata,
    Column("incident_id", String(36), ForeignKey("citizen_report.incident_id"), primary_key=True),
    Column("jpeg", LargeBinary, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
)
