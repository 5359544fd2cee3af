"""Frames taken apart and held against their signature: the rules of docs/protocol.md, written a second time."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography.exceptions import InvalidSignature

from . import wire
from .certificates import SignKey
from .verdict import Damaged

VERSION = 1
NO_HASH = bytes(32)
MOST_RECORDS = 500
HASH_BYTES = 32
EPOCH_BYTES = 16
RID_BYTES = 16
# A centre's clock may run this far outside its certificate before that is called a fault.
CLOCK_SLACK = timedelta(minutes=5)

_FRAME_DOMAIN = b"lienthong.federation.frame.v1\x00"
_START = datetime(1970, 1, 1, tzinfo=UTC)

KeyFor = Callable[[str, bytes], SignKey | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Genesis:
    """Where the epoch before ended; an empty epoch where there was none."""

    epoch: bytes
    frame_no: int
    frame_hash: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What a frame's one signature covers."""

    origin: str
    lane: str
    audience: str
    epoch: bytes
    frame_no: int
    first_seq: int
    count: int
    prev_frame_hash: bytes
    merkle_root: bytes
    key_id: bytes
    sealed_at: datetime
    genesis: Genesis | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One record; its payload stays bytes."""

    rid: bytes
    kind: str
    payload: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A frame whose signature, count and Merkle root hold."""

    header: Header
    digest: bytes
    records: tuple[Record, ...]


def open_frame(raw: bytes, key_for: KeyFor) -> Frame:
    """Take a frame apart; Damaged says what does not hold."""
    message = wire.read(raw)
    head, signature, records = message.string(1), message.string(2), message.strings(3)
    header = _header(head)
    if _written(head, signature, records) != raw:
        raise Damaged("ENCODING", "the frame carries bytes that nobody signed")
    digest = _check_signature(head, signature, header, key_for)
    if header.count != len(records) or header.count > MOST_RECORDS:
        raise Damaged("COUNT", f"the header counts {header.count} records, the frame holds {len(records)}")
    if (header.genesis is not None) != (header.frame_no == 0) or (header.genesis is None) != bool(records):
        raise Damaged("GENESIS", "only frame 0 begins an epoch, and it holds no record")
    if merkle_root(records) != header.merkle_root:
        raise Damaged("MERKLE", "the records are not those that were signed")
    return Frame(header=header, digest=digest, records=tuple(_record(record) for record in records))


def open_head(head: bytes, signature: bytes, key_for: KeyFor) -> tuple[Header, bytes]:
    """A frame's header without its records, and its hash; Damaged says what does not hold."""
    header = _header(head)
    return header, _check_signature(head, signature, header, key_for)


def open_enclosed(raw: bytes, key_for: KeyFor) -> tuple[Header, Record]:
    """A record lifted out of its frame; Damaged says what does not hold."""
    message = wire.read(raw)
    head, record = message.string(4), message.string(1)
    header = _header(head)
    _check_signature(head, message.string(5), header, key_for)
    index, proof = message.number(2), message.strings(3)
    if not 0 <= index < header.count <= MOST_RECORDS:
        raise Damaged("MERKLE", "the enclosed record's position is not in its frame")
    if _root_from(leaf_hash(record), index, header.count, proof) != header.merkle_root:
        raise Damaged("MERKLE", "the enclosed record is not the one that was signed")
    return header, _record(record)


def origin_of(raw: bytes) -> str:
    """The centre that a frame says it comes from, unverified; empty where even that cannot be read."""
    try:
        return _header(wire.read(raw).string(1)).origin
    except Damaged:
        return ""


def origin_of_enclosed(raw: bytes) -> str:
    """The centre that an enclosed record says it comes from, unverified; empty where that cannot be read."""
    try:
        return _header(wire.read(raw).string(4)).origin
    except Damaged:
        return ""


def frame_digest(head: bytes) -> bytes:
    """What is signed, and what the next frame names."""
    return hashlib.sha256(_FRAME_DOMAIN + head).digest()


def leaf_hash(record: bytes) -> bytes:
    """A record's leaf in the Merkle tree."""
    return hashlib.sha256(b"\x00" + record).digest()


def merkle_root(records: list[bytes]) -> bytes:
    """The root over a frame's records; of none, the hash of nothing."""
    if not records:
        return hashlib.sha256(b"").digest()
    level = [leaf_hash(record) for record in records]
    while len(level) > 1:
        odd = level[-1:] if len(level) % 2 else []
        level = [_node(level[at], level[at + 1]) for at in range(0, len(level) - 1, 2)] + odd
    return level[0]


def _written(head: bytes, signature: bytes, records: list[bytes]) -> bytes:
    """The one way in which a frame is written."""
    fields = [(1, head), (2, signature), *((3, record) for record in records)]
    return b"".join(wire.written(number, content) for number, content in fields)


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def _root_from(leaf: bytes, index: int, size: int, proof: list[bytes]) -> bytes:
    """The root that a leaf and its audit path give; a path of the wrong length gives none."""
    at, last, left_over, root = index, size - 1, list(proof), leaf
    while last > 0:
        if at % 2 or at < last:
            if not left_over:
                return b""
            sibling = left_over.pop(0)
            root = _node(sibling, root) if at % 2 else _node(root, sibling)
        at, last = at // 2, last // 2
    return b"" if left_over else root


def _check_signature(head: bytes, signature: bytes, header: Header, key_for: KeyFor) -> bytes:
    key = key_for(header.origin, header.key_id)
    if key is None:
        raise Damaged("KEY", "no certificate from the trusted root names this centre with this key")
    digest = frame_digest(head)
    try:
        key.key.verify(signature, digest)
    except InvalidSignature as error:
        raise Damaged("SIGNATURE", "the signature does not fit the frame's header") from error
    if not key.since - CLOCK_SLACK <= header.sealed_at <= key.until + CLOCK_SLACK:
        raise Damaged("TIME", "the frame was sealed when its key was not certified")
    return digest


def _header(head: bytes) -> Header:
    message = wire.read(head)
    if message.number(1) != VERSION:
        raise Damaged("VERSION", f"frame version {message.number(1)} is not known")
    genesis = message.strings(13)
    return Header(
        origin=message.text(2),
        lane=message.text(3),
        audience=message.text(4),
        epoch=_sized(message.string(5), EPOCH_BYTES, "epoch"),
        frame_no=message.number(6),
        first_seq=message.number(7),
        count=message.number(8),
        prev_frame_hash=_sized(message.string(9), HASH_BYTES, "previous hash"),
        merkle_root=_sized(message.string(10), HASH_BYTES, "Merkle root"),
        key_id=_sized(message.string(11), HASH_BYTES, "key id"),
        sealed_at=moment(wire.signed(message.number(12))),
        genesis=_genesis(wire.read(genesis[-1])) if genesis else None,
    )


def _genesis(message: wire.Message) -> Genesis:
    return Genesis(epoch=message.string(1), frame_no=message.number(2), frame_hash=message.string(3))


def _record(raw: bytes) -> Record:
    message = wire.read(raw)
    return Record(
        rid=_sized(message.string(1), RID_BYTES, "record id"), kind=message.text(2), payload=message.string(6)
    )


def _sized(content: bytes, length: int, what: str) -> bytes:
    if len(content) != length:
        raise Damaged("ENCODING", f"the {what} has {len(content)} bytes, not {length}")
    return content


def moment(microseconds: int) -> datetime:
    """A time out of microseconds; Damaged if no calendar has it."""
    try:
        return _START + timedelta(microseconds=microseconds)
    except OverflowError as error:
        raise Damaged("ENCODING", "a time outside all calendars") from error
