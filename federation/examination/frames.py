"""One stored frame held against its origin's key and against the frame before it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Row

from federation.examination.finding import Fault, Finding
from federation.frame import (
    NO_HASH,
    Frame,
    FrameInvalid,
    KeyFor,
    Record,
    StreamKey,
    decode_record,
    parse_frame,
    to_us,
    verify_frame,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tail:
    """The end of the chain so far; `frame_hash` and `next_seq` are None behind a frame that cannot be believed."""

    pos: int = 0
    epoch: bytes = b""
    frame_no: int = -1
    frame_hash: bytes | None = NO_HASH
    next_seq: int | None = 1
    count: int | None = 0


@dataclass(frozen=True, slots=True)
class Held:
    """A stored frame that is what its origin signed, with its records; an unreadable record is None."""

    pos: int
    frame: Frame
    records: tuple[Record | None, ...]

    @property
    def place(self) -> tuple[bytes, int, bytes]:
        """Epoch, number and hash."""
        header = self.frame.header
        return header.epoch, header.frame_no, self.frame.hash


def open_row(row: Row[*tuple[Any, ...]], key: StreamKey, key_for: KeyFor) -> Held:
    """Believe the bytes of a row for their signature; raises FrameInvalid."""
    parts = parse_frame(bytes(row.raw))
    header = parts.header
    if header.stream != key:
        raise FrameInvalid("STREAM", f"the bytes are those of a frame of {header.stream.origin}, {header.stream.lane}")
    public_key = key_for(key.origin, header.key_id)
    if public_key is None:
        raise FrameInvalid("KEY", "the frame names a key that its origin never had")
    frame = verify_frame(parts, public_key)
    return Held(row.pos, frame, tuple(_readable(raw) for raw in frame.records))


def check_row(
    row: Row[*tuple[Any, ...]], key: StreamKey, tail: Tail, key_for: KeyFor, senders: frozenset[str]
) -> tuple[Held | None, Tail, list[Finding]]:
    """One row after the tail: the frame if it can be believed, the new tail, and what is wrong."""
    try:
        held = open_row(row, key, key_for)
    except FrameInvalid as error:
        return None, _past(row, tail), [*_gap_by_position(row, key, tail), _unbelievable(row, key, tail, error)]
    header = held.frame.header
    found = list(_missing(row, key, tail, held))
    if not found:
        found += _chained(key, tail, held)
    count = None if tail.count is None or found else tail.count + header.count
    found += _columns(row, key, held, count, senders)
    after = Tail(
        pos=row.pos,
        epoch=header.epoch,
        frame_no=header.frame_no,
        frame_hash=held.frame.hash,
        next_seq=header.first_seq + header.count,
        count=row.end_count if count is None else count,
    )
    return held, after, found


def _past(row: Row[*tuple[Any, ...]], tail: Tail) -> Tail:
    """The tail behind a frame that cannot be believed: its number is known from its row, its hash is not."""
    epoch = bytes(row.epoch)
    return replace(tail, pos=row.pos, epoch=epoch, frame_no=row.frame_no, frame_hash=None, next_seq=None, count=None)


def _unbelievable(row: Row[*tuple[Any, ...]], key: StreamKey, tail: Tail, error: FrameInvalid) -> Finding:
    count = None if tail.count is None else row.end_count - tail.count
    is_same_epoch = tail.epoch == bytes(row.epoch)
    seq = tail.next_seq if is_same_epoch else 1
    return Finding(
        fault=Fault.BYTES,
        stream=key,
        epoch=bytes(row.epoch),
        frame_no=row.frame_no,
        seq=seq if count else None,
        last_seq=seq + count - 1 if seq is not None and count else None,
        pos=row.pos,
        last_pos=row.pos,
        reason=f"the stored bytes are not what the origin signed ({error.reason})",
    )


def _gap_by_position(row: Row[*tuple[Any, ...]], key: StreamKey, tail: Tail) -> Iterator[Finding]:
    if row.pos > tail.pos + 1:
        is_same = tail.epoch == bytes(row.epoch)
        yield Finding(
            fault=Fault.MISSING,
            stream=key,
            epoch=tail.epoch,
            frame_no=tail.frame_no + 1,
            last_frame_no=row.frame_no - 1 if is_same else None,
            seq=tail.next_seq,
            pos=tail.pos + 1,
            last_pos=row.pos - 1,
            reason=f"{row.pos - tail.pos - 1} stored frames are missing",
        )


def _missing(row: Row[*tuple[Any, ...]], key: StreamKey, tail: Tail, held: Held) -> Iterator[Finding]:
    """Frames that the chain, or the positions, say were here."""
    header = held.frame.header
    is_same = header.epoch == tail.epoch
    before = header.genesis
    ends_before = before is not None and tail.pos > 0 and before.epoch == tail.epoch and before.frame_no > tail.frame_no
    jumps = header.frame_no > tail.frame_no + 1 if is_same else before is None or ends_before
    if row.pos <= tail.pos + 1 and not jumps:
        return
    last_pos = row.pos - 1 if row.pos > tail.pos + 1 else None
    many = f"{row.pos - tail.pos - 1} stored frames are" if last_pos else "one or more stored frames are"
    is_first = not is_same and header.genesis is None and header.frame_no > 0
    last_frame_no = header.frame_no - 1 if is_same or is_first else None
    if before is not None and ends_before:
        last_frame_no = before.frame_no
    yield Finding(
        fault=Fault.MISSING,
        stream=key,
        epoch=header.epoch if is_same or is_first else tail.epoch,
        frame_no=0 if is_first else tail.frame_no + 1,
        last_frame_no=last_frame_no,
        seq=1 if is_first else tail.next_seq,
        last_seq=header.first_seq - 1 if is_same or is_first else None,
        pos=tail.pos + 1,
        last_pos=last_pos,
        reason=f"{many} missing before frame {header.frame_no}",
    )


def _chained(key: StreamKey, tail: Tail, held: Held) -> Iterator[Finding]:
    """Whether the frame continues the one before it."""
    header = held.frame.header
    broken = ""
    if header.genesis is None and (header.epoch, header.frame_no) != (tail.epoch, tail.frame_no + 1):
        broken = f"it is frame {header.frame_no}, after frame {tail.frame_no}"
    elif tail.frame_hash is not None and header.prev_frame_hash != tail.frame_hash:
        broken = "it continues another frame than the one before it"
    elif header.genesis is None and tail.next_seq is not None and header.first_seq != tail.next_seq:
        broken = f"it counts its records from {header.first_seq}, not {tail.next_seq}"
    elif header.genesis is not None and header.genesis.frame_hash != header.prev_frame_hash:
        broken = "it contradicts itself about the epoch before"
    if broken:
        yield replace(place_of(key, held), fault=Fault.REWRITTEN, reason=f"the chain is broken here: {broken}")


def _columns(
    row: Row[*tuple[Any, ...]], key: StreamKey, held: Held, count: int | None, senders: frozenset[str]
) -> Iterator[Finding]:
    """The columns beside the bytes say what the bytes say."""
    header = held.frame.header
    signed: dict[str, object] = {
        "epoch": header.epoch,
        "frame_no": header.frame_no,
        "frame_hash": held.frame.hash,
        "key_id": header.key_id,
        "size": len(held.frame.raw),
    }
    if count is not None:
        signed["end_count"] = count
    wrong = [name for name, value in signed.items() if _plain(row._mapping[name]) != value]  # noqa: SLF001 - its public API
    if row.sender not in senders:
        wrong.append("sender")
    if not row.sender and row.at_us < to_us(header.sealed_at):
        wrong.append("at_us")
    if wrong:
        yield place_of(key, held, Fault.ROW, f"the row was changed: {', '.join(wrong)} not as in the signed bytes")


def place_of(key: StreamKey, held: Held, fault: Fault = Fault.BYTES, reason: str = "") -> Finding:
    """A finding about a whole frame that can be believed."""
    header = held.frame.header
    return Finding(
        fault=fault,
        stream=key,
        reason=reason,
        epoch=header.epoch,
        frame_no=header.frame_no,
        seq=header.first_seq if header.count else None,
        last_seq=header.first_seq + header.count - 1 if header.count else None,
        pos=held.pos,
        last_pos=held.pos,
    )


def record_of(key: StreamKey, held: Held, index: int, fault: Fault, reason: str) -> Finding:
    """A finding about one record of a frame."""
    record = held.records[index] if index < len(held.records) else None
    seq = held.frame.header.first_seq + index
    one = place_of(key, held, fault, reason)
    return replace(one, seq=seq, last_seq=seq, rid=str(record.rid) if record else "")


def _plain(value: object) -> object:
    return bytes(value) if isinstance(value, memoryview) else value


def _readable(raw: bytes) -> Record | None:
    try:
        return decode_record(raw)
    except FrameInvalid:
        return None
