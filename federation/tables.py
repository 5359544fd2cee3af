"""The rows of delivery: streams, frames, the place of each record, receipts, and what went wrong."""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData()

_Id = BigInteger().with_variant(Integer, "sqlite")

# One row: the position of the last record appended here, and the hybrid clock (48 bits of milliseconds, 16 of count).
local = Table(
    "federation_local",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("pos", BigInteger, nullable=False),
    Column("hlc", BigInteger, nullable=False),
)

# What was appended and is not sealed yet, in the order of `pos`.
pending = Table(
    "federation_pending",
    metadata,
    Column("pos", BigInteger, primary_key=True, autoincrement=False),
    Column("lane", String(16), nullable=False),
    Column("audience", String(80), nullable=False),
    Column("rid", LargeBinary(16), nullable=False, unique=True),
    Column("raw", LargeBinary, nullable=False),
)

# A chain of frames and its head. `origin_no` is the id of the origin's first stream and stands for the origin in
# `record`; `next_seq` counts records within the epoch, `head_count` within the stream. Up to `floor` the bytes of own
# frames were given up, because they are safe above.
stream = Table(
    "federation_stream",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("origin", String(80), nullable=False),
    Column("lane", String(16), nullable=False),
    Column("audience", String(80), nullable=False),
    Column("origin_no", BigInteger, nullable=False),
    Column("epoch", LargeBinary(16), nullable=False),
    Column("frame_no", BigInteger, nullable=False),
    Column("frame_hash", LargeBinary(32), nullable=False),
    Column("next_seq", BigInteger, nullable=False),
    Column("head_pos", BigInteger, nullable=False),
    Column("head_count", BigInteger, nullable=False),
    Column("floor", BigInteger, nullable=False, server_default="0"),
    UniqueConstraint("origin", "lane", "audience", name="federation_stream_name"),
)

# Where each epoch of a stream begins, and what its genesis says about the one before.
epoch = Table(
    "federation_epoch",
    metadata,
    Column("stream_id", ForeignKey("federation_stream.id"), primary_key=True),
    Column("first_pos", BigInteger, primary_key=True, autoincrement=False),
    Column("epoch", LargeBinary(16), nullable=False),
    Column("previous_epoch", LargeBinary(16), nullable=False),
    Column("previous_frame_no", BigInteger, nullable=False),
    Column("previous_hash", LargeBinary(32), nullable=False),
)

# Own and received frames alike; `raw` is what the origin signed. `sender` is empty for own frames.
frame = Table(
    "federation_frame",
    metadata,
    Column("stream_id", ForeignKey("federation_stream.id"), primary_key=True),
    Column("pos", BigInteger, primary_key=True, autoincrement=False),
    Column("epoch", LargeBinary(16), nullable=False),
    Column("frame_no", BigInteger, nullable=False),
    Column("frame_hash", LargeBinary(32), nullable=False),
    Column("key_id", LargeBinary(32), nullable=False),
    Column("size", Integer, nullable=False),
    Column("end_count", BigInteger, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("sender", String(80), nullable=False),
    Column("raw", LargeBinary, nullable=False),
    UniqueConstraint("stream_id", "epoch", "frame_no", name="federation_frame_place"),
)

# Each record once per origin: the guard of its effect, and where its signed bytes are.
record = Table(
    "federation_record",
    metadata,
    Column("rid", LargeBinary(16), primary_key=True),
    Column("origin_no", BigInteger, primary_key=True, autoincrement=False),
    Column("stream_id", BigInteger, nullable=False),
    Column("pos", BigInteger, nullable=False),
    Column("position", Integer, nullable=False),
    sqlite_with_rowid=False,
)

# Records that could not be applied; they keep their place and wait for a fix.
parked = Table(
    "federation_parked",
    metadata,
    Column("stream_id", ForeignKey("federation_stream.id"), primary_key=True),
    Column("pos", BigInteger, primary_key=True, autoincrement=False),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("rid", LargeBinary(16)),
    Column("kind", String(64), nullable=False),
    Column("sender", String(80), nullable=False),
    Column("code", String(64), nullable=False),
    Column("reason", Text, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("applied_at_us", BigInteger),
)

# How far each neighbour has acknowledged each stream, and how far it says that the stream is held elsewhere too.
cursor = Table(
    "federation_cursor",
    metadata,
    Column("peer", String(80), primary_key=True),
    Column("stream_id", ForeignKey("federation_stream.id"), primary_key=True),
    Column("pos", BigInteger, nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("safe_pos", BigInteger, nullable=False, server_default="0"),
)

# How far a verified backup, or a standby, holds each stream that is held here.
safe = Table(
    "federation_safe",
    metadata,
    Column("stream_id", _Id, primary_key=True, autoincrement=False),
    Column("pos", BigInteger, nullable=False),
)

# Signed receipts of neighbours, as they came.
receipt = Table(
    "federation_receipt",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("stream_id", ForeignKey("federation_stream.id"), nullable=False),
    Column("pos", BigInteger, nullable=False),
    Column("receiver", String(80), nullable=False),
    Column("received_at_us", BigInteger, nullable=False),
    Column("ack", LargeBinary, nullable=False),
    Column("signature", LargeBinary(64), nullable=False),
    Index("federation_receipt_place", "stream_id", "pos"),
)

# Frames that contradict what is held; both sides of a contradiction are kept.
evidence = Table(
    "federation_evidence",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("origin", String(80), nullable=False),
    Column("lane", String(16), nullable=False),
    Column("audience", String(80), nullable=False),
    Column("epoch", LargeBinary(16), nullable=False),
    Column("frame_no", BigInteger, nullable=False),
    Column("frame_hash", LargeBinary(32), nullable=False, unique=True),
    Column("sender", String(80), nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("raw", LargeBinary, nullable=False),
)

# What a person has to know; rows are only ever added. `subject` keeps a repeated cause from ringing again and again.
alarm = Table(
    "federation_alarm",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("at_us", BigInteger, nullable=False),
    Column("code", String(64), nullable=False),
    Column("peer", String(80), nullable=False),
    Column("origin", String(80), nullable=False),
    Column("subject", String(200), nullable=False),
    Column("detail", Text, nullable=False),
    Index("federation_alarm_cause", "code", "peer", "origin", "subject", "at_us"),
)

# The neighbours that have not said yet, to the end of a hello, what this node had forgotten when it was restored.
unsettled = Table(
    "federation_unsettled",
    metadata,
    Column("peer", String(80), primary_key=True),
    Column("at_us", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
)

# Another start of this centre took its connection away; until a person lifts the fence, this one does not dial.
fence = Table(
    "federation_fence",
    metadata,
    Column("peer", String(80), primary_key=True),
    Column("at_us", BigInteger, primary_key=True, autoincrement=False),
    Column("detail", Text, nullable=False),
    Column("lifted_at_us", BigInteger),
)

# Own records that were not delivered when this centre was fenced; a person decides. An empty decision: not yet.
quarantine = Table(
    "federation_quarantine",
    metadata,
    Column("rid", LargeBinary(16), primary_key=True),
    Column("pos", BigInteger, nullable=False),
    Column("lane", String(16), nullable=False),
    Column("audience", String(80), nullable=False),
    Column("kind", String(64), nullable=False),
    Column("raw", LargeBinary, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("decided_at_us", BigInteger),
    Column("decision", String(16), nullable=False),
)

# Which own frames' bytes were given up, a step a row, under this centre's signature: their places stay provable.
given_up = Table(
    "federation_given_up",
    metadata,
    Column("stream_id", ForeignKey("federation_stream.id"), primary_key=True),
    Column("first_pos", BigInteger, primary_key=True, autoincrement=False),
    Column("last_pos", BigInteger, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("peer", String(80), nullable=False),
    Column("key_id", LargeBinary(32), nullable=False),
    Column("signature", LargeBinary(64), nullable=False),
)

# Each restore of this node. It is over once its outcome is written; `passed_over` names neighbours, one a line, that a
# person did not wait for.
restore = Table(
    "federation_restore",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("begun_at_us", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("passed_over", Text, nullable=False, server_default=""),
    Column("outcome", Text, nullable=False, server_default=""),
    Column("signature", LargeBinary(64)),
)

# Large objects that this node would like to have, or has been given; `digest` is their name. `peer` is the child that
# brings it; `subject` the matter that the signed record with the hash is about; `asker` the centre where somebody
# asked. `at_us` is the time of the state. The manifest is empty until the child offered it.
want = Table(
    "federation_want",
    metadata,
    Column("digest", LargeBinary(32), primary_key=True),
    Column("manifest_hash", LargeBinary(32), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("media_type", String(120), nullable=False),
    Column("peer", String(80), nullable=False),
    Column("subject", String(64), nullable=False),
    Column("asker", String(80), nullable=False),
    Column("asked_by", String(200), nullable=False),
    Column("reason", Text, nullable=False),
    Column("asked_at_us", BigInteger, nullable=False),
    Column("state", String(16), nullable=False),
    Column("code", String(32), nullable=False),
    Column("detail", Text, nullable=False),
    Column("said_by", String(80), nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("manifest", LargeBinary, nullable=False),
    Index("federation_want_peer", "peer", "state"),
)

# Objects whose bytes lie in the folder of objects, until when, and who brought them (empty: this node's own).
copy = Table(
    "federation_copy",
    metadata,
    Column("digest", LargeBinary(32), primary_key=True),
    Column("manifest", LargeBinary, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("media_type", String(120), nullable=False),
    Column("sender", String(80), nullable=False),
    Column("subject", String(64), nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("until_us", BigInteger, nullable=False),
    Index("federation_copy_until", "until_us"),
)

# Own urgent records that go up, and whose receipt ends the wait: the parent's, or the top's. A record that waits too
# long rings once; it stays when the receipt comes, with the time.
awaited = Table(
    "federation_awaited",
    metadata,
    Column("rid", LargeBinary(16), primary_key=True),
    Column("kind", String(64), nullable=False),
    Column("audience", String(80), nullable=False),
    Column("leaf", LargeBinary(32), nullable=False),
    Column("upto", String(16), nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("near_at_us", BigInteger),
    Column("satisfied_at_us", BigInteger),
    Column("rung_at_us", BigInteger),
    Column("bypass_rid", LargeBinary(16)),
    Index("federation_awaited_open", "satisfied_at_us", "at_us"),
)

# Receipts of centres above the parent for single records that reached them enclosed: the holder's signed record.
end_receipt = Table(
    "federation_end_receipt",
    metadata,
    Column("rid", LargeBinary(16), primary_key=True),
    Column("holder", String(80), primary_key=True),
    Column("received_at_us", BigInteger, nullable=False),
    Column("heard_at_us", BigInteger, nullable=False),
    Column("proof", LargeBinary, nullable=False),
)

# Records of centres below that were applied here out of an enclosure, with their place; each gets one end receipt.
# `raw` is the enclosure itself where it came by a bypass, so that it can be passed on.
lifted = Table(
    "federation_lifted",
    metadata,
    Column("origin", String(80), primary_key=True),
    Column("rid", LargeBinary(16), primary_key=True),
    Column("lane", String(16), nullable=False),
    Column("audience", String(80), nullable=False),
    Column("epoch", LargeBinary(16), nullable=False),
    Column("frame_no", BigInteger, nullable=False),
    Column("frame_hash", LargeBinary(32), nullable=False),
    Column("leaf", LargeBinary(32), nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("raw", LargeBinary, nullable=False),
    Index("federation_lifted_place", "origin", "lane", "audience", "epoch", "frame_no"),
)

# The newest receipt of each centre above for each stream of a centre below, to be passed down towards its origin.
reach = Table(
    "federation_reach",
    metadata,
    Column("stream_id", ForeignKey("federation_stream.id"), primary_key=True),
    Column("receiver", String(80), primary_key=True),
    Column("pos", BigInteger, nullable=False),
    Column("ack", LargeBinary, nullable=False),
    Column("signature", LargeBinary(64), nullable=False),
)

# How far each centre below says, signed, that it has written each stream; `owed_*` is a head that is lacking here.
told_head = Table(
    "federation_told_head",
    metadata,
    Column("origin", String(80), primary_key=True),
    Column("lane", String(16), primary_key=True),
    Column("audience", String(80), primary_key=True),
    Column("epoch", LargeBinary(16), nullable=False),
    Column("frame_no", BigInteger, nullable=False),
    Column("frame_hash", LargeBinary(32), nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("told_at_us", BigInteger, nullable=False),
    Column("owed_epoch", LargeBinary(16)),
    Column("owed_frame_no", BigInteger),
    Column("owed_since_us", BigInteger),
    Column("rung_at_us", BigInteger),
)

# Records that a centre below says everybody above should have by now, and that are lacking here.
owed_record = Table(
    "federation_owed_record",
    metadata,
    Column("origin", String(80), primary_key=True),
    Column("rid", LargeBinary(16), primary_key=True),
    Column("signed_at_us", BigInteger, nullable=False),
    Column("since_us", BigInteger, nullable=False),
    Column("rung_at_us", BigInteger),
)
