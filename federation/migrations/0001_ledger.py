"""Streams, frames, records, cursors, receipts, evidence and alarms."""

import sqlalchemy as sa
from alembic import op

revision = "federation_0001"
down_revision = None
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_ONLY_ADDED = ("federation_alarm", "federation_evidence")


def upgrade() -> None:
    local = op.create_table(
        "federation_local",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("pos", sa.BigInteger, nullable=False),
        sa.Column("hlc", sa.BigInteger, nullable=False),
    )
    op.bulk_insert(local, [{"id": 1, "pos": 0, "hlc": 0}])
    op.create_table(
        "federation_pending",
        sa.Column("pos", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("lane", sa.String(16), nullable=False),
        sa.Column("audience", sa.String(80), nullable=False),
        sa.Column("rid", sa.LargeBinary(16), nullable=False, unique=True),
        sa.Column("raw", sa.LargeBinary, nullable=False),
    )
    _chains()
    _deliveries()
    _troubles()
    for table in _ONLY_ADDED:
        _only_added(table)


def _chains() -> None:
    op.create_table(
        "federation_stream",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("origin", sa.String(80), nullable=False),
        sa.Column("lane", sa.String(16), nullable=False),
        sa.Column("audience", sa.String(80), nullable=False),
        sa.Column("origin_no", sa.BigInteger, nullable=False),
        sa.Column("epoch", sa.LargeBinary(16), nullable=False),
        sa.Column("frame_no", sa.BigInteger, nullable=False),
        sa.Column("frame_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("next_seq", sa.BigInteger, nullable=False),
        sa.Column("head_pos", sa.BigInteger, nullable=False),
        sa.Column("head_count", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("origin", "lane", "audience", name="federation_stream_name"),
    )
    op.create_table(
        "federation_epoch",
        sa.Column("stream_id", _ID, sa.ForeignKey("federation_stream.id"), primary_key=True),
        sa.Column("first_pos", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("epoch", sa.LargeBinary(16), nullable=False),
        sa.Column("previous_epoch", sa.LargeBinary(16), nullable=False),
        sa.Column("previous_frame_no", sa.BigInteger, nullable=False),
        sa.Column("previous_hash", sa.LargeBinary(32), nullable=False),
    )
    op.create_table(
        "federation_frame",
        sa.Column("stream_id", _ID, sa.ForeignKey("federation_stream.id"), primary_key=True),
        sa.Column("pos", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("epoch", sa.LargeBinary(16), nullable=False),
        sa.Column("frame_no", sa.BigInteger, nullable=False),
        sa.Column("frame_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("key_id", sa.LargeBinary(32), nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("end_count", sa.BigInteger, nullable=False),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sa.Column("sender", sa.String(80), nullable=False),
        sa.Column("raw", sa.LargeBinary, nullable=False),
        sa.UniqueConstraint("stream_id", "epoch", "frame_no", name="federation_frame_place"),
    )
    op.create_table(
        "federation_record",
        sa.Column("rid", sa.LargeBinary(16), primary_key=True),
        sa.Column("origin_no", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("stream_id", sa.BigInteger, nullable=False),
        sa.Column("pos", sa.BigInteger, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sqlite_with_rowid=False,
    )


def _deliveries() -> None:
    op.create_table(
        "federation_parked",
        sa.Column("stream_id", _ID, sa.ForeignKey("federation_stream.id"), primary_key=True),
        sa.Column("pos", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("rid", sa.LargeBinary(16)),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("sender", sa.String(80), nullable=False),
        sa.Column("code", sa.String(64), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sa.Column("applied_at_us", sa.BigInteger),
    )
    op.create_table(
        "federation_cursor",
        sa.Column("peer", sa.String(80), primary_key=True),
        sa.Column("stream_id", _ID, sa.ForeignKey("federation_stream.id"), primary_key=True),
        sa.Column("pos", sa.BigInteger, nullable=False),
        sa.Column("count", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "federation_receipt",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("stream_id", _ID, sa.ForeignKey("federation_stream.id"), nullable=False),
        sa.Column("pos", sa.BigInteger, nullable=False),
        sa.Column("receiver", sa.String(80), nullable=False),
        sa.Column("received_at_us", sa.BigInteger, nullable=False),
        sa.Column("ack", sa.LargeBinary, nullable=False),
        sa.Column("signature", sa.LargeBinary(64), nullable=False),
    )
    op.create_index("federation_receipt_place", "federation_receipt", ["stream_id", "pos"])


def _troubles() -> None:
    op.create_table(
        "federation_evidence",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("origin", sa.String(80), nullable=False),
        sa.Column("lane", sa.String(16), nullable=False),
        sa.Column("audience", sa.String(80), nullable=False),
        sa.Column("epoch", sa.LargeBinary(16), nullable=False),
        sa.Column("frame_no", sa.BigInteger, nullable=False),
        sa.Column("frame_hash", sa.LargeBinary(32), nullable=False, unique=True),
        sa.Column("sender", sa.String(80), nullable=False),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sa.Column("raw", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "federation_alarm",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sa.Column("code", sa.String(64), nullable=False),
        sa.Column("peer", sa.String(80), nullable=False),
        sa.Column("origin", sa.String(80), nullable=False),
        sa.Column("subject", sa.String(200), nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
    )
    op.create_index("federation_alarm_cause", "federation_alarm", ["code", "peer", "origin", "subject", "at_us"])


def _only_added(table: str) -> None:
    """The database itself refuses to change or delete these rows."""
    if op.get_bind().dialect.name == "sqlite":
        for act in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_{act.lower()} BEFORE {act} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is only added to'); END"
            )
        return
    op.execute(
        f"CREATE FUNCTION {table}_kept() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{table} is only added to'; END $$"
    )
    op.execute(
        f"CREATE TRIGGER {table}_kept BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION {table}_kept()"
    )


def downgrade() -> None:
    msg = "what was delivered is not taken back; restore a backup instead"
    raise NotImplementedError(msg)
