"""Records, frames and receipts as bytes: what is hashed, what is signed, and how it is opened again.

Pure functions. Bytes that somebody signed are kept beside what they say and never made again from it.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from google.protobuf.message import DecodeError

from federation.merkle import leaf_hash, merkle_proof, merkle_root, root_from_proof
from federation.v1 import frame_pb2 as wire

VERSION = 1
MAX_RECORDS = 500
MAX_FRAME_BYTES = 256 * 1024
MAX_RECORD_BYTES = MAX_FRAME_BYTES - 2048
NO_HASH = bytes(32)
HASH_BYTES = 32
RID_BYTES = EPOCH_BYTES = 16

_FRAME_DOMAIN = b"lienthong.federation.frame.v1\x00"
_ZERO = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_FIRST_US = (datetime.min.replace(tzinfo=UTC) - _ZERO) // _MICROSECOND
_LAST_US = (datetime.max.replace(tzinfo=UTC) - _ZERO) // _MICROSECOND

KeyFor = Callable[[str, bytes], Ed25519PublicKey | None]


class FrameInvalid(Exception):  # noqa: N818 - says what is so, as its codes do
    """Bytes that are not what they claim to be; `origin` names the centre they claim to come from, or nobody."""

    def __init__(self, code: str, reason: str, origin: str = "") -> None:
        super().__init__(f"{code}: {reason}" + (f" (origin {origin})" if origin else ""))
        self.code = code
        self.reason = reason
        self.origin = origin


class Signer(Protocol):
    """What signing needs of a keystore."""

    @property
    def name(self) -> str:
        """The registry identity of the signing centre."""

    @property
    def key_id(self) -> bytes:
        """SHA-256 of the raw public signing key."""

    def sign(self, message: bytes) -> bytes:
        """The Ed25519 signature of the message."""


def to_us(moment: datetime) -> int:
    """Microseconds since 1970, exactly."""
    return (moment - _ZERO) // _MICROSECOND


def from_us(us: int) -> datetime:
    """The aware UTC time of microseconds since 1970."""
    return _ZERO + us * _MICROSECOND


@dataclass(frozen=True, slots=True, order=True)
class StreamKey:
    """What a chain of frames is named by."""

    origin: str
    lane: str
    audience: str


@dataclass(frozen=True, slots=True)
class Record:
    """The unit of effect."""

    rid: UUID
    kind: str
    schema: int
    created_at: datetime
    hlc: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Genesis:
    """Where the epoch before ended, and why a new one began; an empty `epoch` says that there was none."""

    epoch: bytes
    frame_no: int
    frame_hash: bytes
    reason: str


@dataclass(frozen=True, slots=True)
class FrameHeader:
    """What the signature of a frame covers."""

    stream: StreamKey
    epoch: bytes
    frame_no: int
    first_seq: int
    count: int
    prev_frame_hash: bytes
    merkle_root: bytes
    key_id: bytes
    sealed_at: datetime
    genesis: Genesis | None = None


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame whose signature and root hold, with the bytes it came in."""

    header: FrameHeader
    hash: bytes
    records: tuple[bytes, ...]
    raw: bytes


@dataclass(frozen=True, slots=True)
class Inbound:
    """A verified record on its way to a handler: its origin signed it, `sender` is the neighbour that delivered it.

    For a record taken out of an enclosure `sender` is the origin and `received_at` the time of sealing. What a handler
    does not ask for is not made.
    """

    message: wire.Record
    header: FrameHeader
    index: int
    received_at: datetime
    sender: str

    @property
    def rid(self) -> UUID:
        """The identity of the record."""
        return UUID(bytes=self.message.rid)

    @property
    def kind(self) -> str:
        """What the record is about, which decides about its handler."""
        return self.message.kind

    @property
    def schema(self) -> int:
        """The version of its payload's form."""
        return self.message.schema

    @property
    def created_at(self) -> datetime:
        """When its origin says that it was written."""
        return from_us(self.message.created_at_us)

    @property
    def payload(self) -> bytes:
        """What it says."""
        return self.message.payload

    @property
    def origin(self) -> str:
        """The centre that signed it."""
        return self.header.stream.origin

    @property
    def lane(self) -> str:
        """The lane of its stream."""
        return self.header.stream.lane

    @property
    def audience(self) -> str:
        """The audience of its stream."""
        return self.header.stream.audience

    @property
    def epoch(self) -> bytes:
        """The epoch of its frame."""
        return self.header.epoch

    @property
    def frame_no(self) -> int:
        """The number of its frame."""
        return self.header.frame_no

    @property
    def seq(self) -> int:
        """Its number among the records of its epoch."""
        return self.header.first_seq + self.index

    @property
    def key_id(self) -> bytes:
        """The key that signed it."""
        return self.header.key_id


# records ------------------------------------------------------------------------------------------------------------


def encode_record(record: Record) -> bytes:
    """The bytes that are stored, hashed and sent for a record, made once."""
    return wire.Record(
        rid=record.rid.bytes,
        kind=record.kind,
        schema=record.schema,
        created_at_us=to_us(record.created_at),
        hlc=record.hlc,
        payload=record.payload,
    ).SerializeToString(deterministic=True)


def decode_record(raw: bytes) -> Record:
    """The record in the bytes; raises FrameInvalid(RECORD)."""
    message = _record(raw)
    return Record(
        UUID(bytes=message.rid),
        message.kind,
        message.schema,
        from_us(message.created_at_us),
        message.hlc,
        message.payload,
    )


def _record(raw: bytes) -> wire.Record:
    try:
        message = wire.Record.FromString(raw)
    except DecodeError as error:
        raise FrameInvalid("RECORD", f"the bytes of a record are no record: {error}") from error
    if len(message.rid) != RID_BYTES or not message.kind:
        raise FrameInvalid("RECORD", "a record has no rid or no kind")
    if not _FIRST_US <= message.created_at_us <= _LAST_US:
        raise FrameInvalid("RECORD", "a record was written at no time that there is")
    return message


def read_record(raw: bytes) -> wire.Record | None:
    """The message in the bytes of a record, if they are one that `decode_record` would take."""
    try:
        return _record(raw)
    except FrameInvalid:
        return None


# frames -------------------------------------------------------------------------------------------------------------


def frame_hash(header: bytes) -> bytes:
    """The hash that stands for a frame in its chain, and that its origin signs."""
    return hashlib.sha256(_FRAME_DOMAIN + header).digest()


def seal_frame(
    *,
    signer: Signer,
    lane: str,
    audience: str,
    epoch: bytes,
    frame_no: int,
    first_seq: int,
    prev_frame_hash: bytes,
    records: Sequence[bytes],
    sealed_at: datetime,
    genesis: Genesis | None = None,
) -> Frame:
    """Number, chain and sign records as one frame of the signer's own stream."""
    key = StreamKey(signer.name, lane, audience)
    root = merkle_root(records)
    header = wire.FrameHeader(
        version=VERSION,
        origin=key.origin,
        lane=lane,
        audience=audience,
        epoch=epoch,
        frame_no=frame_no,
        first_seq=first_seq,
        count=len(records),
        prev_frame_hash=prev_frame_hash,
        merkle_root=root,
        key_id=signer.key_id,
        sealed_at_us=to_us(sealed_at),
    )
    if genesis is not None:
        header.genesis.previous_epoch = genesis.epoch
        header.genesis.previous_frame_no = genesis.frame_no
        header.genesis.previous_frame_hash = genesis.frame_hash
        header.genesis.reason = genesis.reason
    raw_header = header.SerializeToString(deterministic=True)
    digest = frame_hash(raw_header)
    raw = _container(raw_header, signer.sign(digest), records)
    if len(raw) > MAX_FRAME_BYTES:
        msg = f"a frame of {len(raw)} bytes is larger than {MAX_FRAME_BYTES}"
        raise ValueError(msg)
    return Frame(_header(raw_header), digest, tuple(records), raw)


def _container(header: bytes, signature: bytes, records: Sequence[bytes]) -> bytes:
    return wire.Frame(header=header, signature=signature, records=records).SerializeToString(deterministic=True)


def _header(raw: bytes) -> FrameHeader:
    """What header bytes say, whoever signed them; raises FrameInvalid(FORM)."""
    try:
        message = wire.FrameHeader.FromString(raw)
        genesis = message.genesis if message.HasField("genesis") else None
        header = FrameHeader(
            StreamKey(message.origin, message.lane, message.audience),
            message.epoch,
            message.frame_no,
            message.first_seq,
            message.count,
            message.prev_frame_hash,
            message.merkle_root,
            message.key_id,
            from_us(message.sealed_at_us),
            Genesis(genesis.previous_epoch, genesis.previous_frame_no, genesis.previous_frame_hash, genesis.reason)
            if genesis
            else None,
        )
    except (DecodeError, OverflowError) as error:
        raise FrameInvalid("FORM", "the header of a frame cannot be read") from error
    if message.version != VERSION:
        raise FrameInvalid("VERSION", f"a frame of version {message.version} is not understood", header.stream.origin)
    lengths = (len(header.epoch), len(header.prev_frame_hash), len(header.merkle_root), len(header.key_id))
    if lengths != (EPOCH_BYTES, HASH_BYTES, HASH_BYTES, HASH_BYTES):
        raise FrameInvalid("FORM", "a hash or an epoch in a frame has the wrong length", header.stream.origin)
    if (header.frame_no == 0) != (header.genesis is not None and header.count == 0):
        raise FrameInvalid("FORM", "frame 0, and only it, is a genesis without records", header.stream.origin)
    return header


@dataclass(frozen=True, slots=True)
class UnverifiedFrame:
    """A frame taken apart; nothing in it is believed yet."""

    header: FrameHeader
    header_bytes: bytes
    signature: bytes
    records: tuple[bytes, ...]
    raw: bytes


def parse_frame(raw: bytes) -> UnverifiedFrame:
    """Take a frame apart without believing it; raises FrameInvalid(FORM, VERSION or SIZE)."""
    if len(raw) > MAX_FRAME_BYTES:
        raise FrameInvalid("SIZE", f"a frame of {len(raw)} bytes is larger than {MAX_FRAME_BYTES}")
    try:
        message = wire.Frame.FromString(raw)
    except DecodeError as error:
        raise FrameInvalid("FORM", "a frame cannot be read") from error
    header = _header(message.header)
    records = tuple(message.records)
    if len(records) > MAX_RECORDS:
        raise FrameInvalid("SIZE", f"a frame of {len(records)} records", header.stream.origin)
    if _container(message.header, message.signature, records) != raw:
        raise FrameInvalid("FORM", "a frame carries bytes that nobody signed", header.stream.origin)
    return UnverifiedFrame(header, message.header, message.signature, records, raw)


def verify_frame(parts: UnverifiedFrame, public_key: Ed25519PublicKey) -> Frame:
    """Believe a frame if its origin signed the header and the header covers the records; raises BAD_ORIGIN_SIG."""
    origin = parts.header.stream.origin
    digest = frame_hash(parts.header_bytes)
    _verify(public_key, parts.signature, digest, "the signature of a frame does not hold", origin)
    if len(parts.records) != parts.header.count or merkle_root(parts.records) != parts.header.merkle_root:
        raise FrameInvalid("BAD_ORIGIN_SIG", "the records of a frame are not those that were signed", origin)
    return Frame(parts.header, digest, parts.records, parts.raw)


def open_frame(raw: bytes, public_key: Ed25519PublicKey) -> Frame:
    """Take a frame apart and verify it with its origin's key; raises FrameInvalid(code, reason)."""
    return verify_frame(parse_frame(raw), public_key)


def _verify(key: Ed25519PublicKey, signature: bytes, digest: bytes, reason: str, origin: str) -> None:
    try:
        key.verify(signature, digest)
    except InvalidSignature as error:
        raise FrameInvalid("BAD_ORIGIN_SIG", reason, origin) from error


# a record lifted out of its frame -----------------------------------------------------------------------------------


def enclose(raw_frame: bytes, index: int) -> bytes:
    """One record of a stored frame with the proof that its origin signed it."""
    parts = parse_frame(raw_frame)
    return wire.EnclosedRecord(
        record=parts.records[index],
        index=index,
        proof=merkle_proof(parts.records, index),
        header=parts.header_bytes,
        signature=parts.signature,
    ).SerializeToString(deterministic=True)


def open_enclosure(raw: bytes, key_for: KeyFor) -> Inbound:
    """The record inside, verified with its origin's key; raises FrameInvalid naming the origin."""
    try:
        message = wire.EnclosedRecord.FromString(raw)
    except DecodeError as error:
        raise FrameInvalid("FORM", "an enclosed record cannot be read") from error
    header = _header(message.header)
    origin = header.stream.origin
    key = key_for(origin, header.key_id)
    if key is None:
        raise FrameInvalid("BAD_ORIGIN_SIG", "the key of an enclosed record is not its origin's", origin)
    digest = frame_hash(message.header)
    _verify(key, message.signature, digest, "the signature of an enclosed record does not hold", origin)
    if root_from_proof(message.record, message.index, header.count, message.proof) != header.merkle_root:
        raise FrameInvalid("BAD_ORIGIN_SIG", "an enclosed record is not the one that was signed", origin)
    try:
        record = _record(message.record)
    except FrameInvalid as error:
        raise FrameInvalid(error.code, error.reason, origin) from error
    return Inbound(record, header, message.index, header.sealed_at, origin)


@dataclass(frozen=True, slots=True)
class EnclosedPlace:
    """Where an enclosed record lies at its origin: its frame, the frame's hash, and the leaf that stands for it."""

    header: FrameHeader
    frame_hash: bytes
    leaf: bytes
    rid: UUID


def place_of_enclosure(raw: bytes) -> EnclosedPlace:
    """The place that an enclosure tells of; believe it only of one that `open_enclosure` has verified."""
    message = wire.EnclosedRecord.FromString(raw)
    record = decode_record(message.record)
    return EnclosedPlace(_header(message.header), frame_hash(message.header), leaf_hash(message.record), record.rid)
