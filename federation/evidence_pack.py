"""A pack: what proves one subject, for a process that trusts only the root certificate.

Of the frames that hold the records there go only the records themselves; of those around them only the signed headers.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, select
from sqlalchemy.orm import Session

from federation import tables
from federation.export import certificates_of
from federation.frame import Signer, StreamKey, decode_record, enclose, from_us, parse_frame
from federation.receipt import Ack, sign_ack
from federation.v1 import frame_pb2
from federation.verify import bundle, manifest
from federation.verify.pack import RECORDS, header_name, receipt_name
from federation.verify.proof import REGISTRY
from pki.registry import Registry

_Row = Row[*tuple[Any, ...]]
_CENTRE = re.compile(rb"n-[a-z2-7]{16}\.lienthong\.internal")
_stream, _frame, _receipt = tables.stream.c, tables.frame.c, tables.receipt.c


@dataclass(frozen=True, slots=True, order=True)
class Spot:
    """Where a record lies: its stream, its frame's position there, and its own in the frame."""

    stream_id: int
    pos: int
    index: int


def export_pack(  # noqa: PLR0917 - what is proved, by whom and when
    session: Session,
    registry: Registry,
    signer: Signer,
    now: datetime,
    subject: Mapping[str, str],
    spots: Iterable[Spot],
    extra: Mapping[str, bytes],
) -> bytes:
    """The records at these spots with what proves them, and this centre's signed manifest."""
    members, reaches = dict(extra), dict[tuple[int, bytes], set[int]]()
    for spot in spots:
        row = session.execute(_at(spot.stream_id).where(_frame.pos == spot.pos)).one()
        rid = decode_record(parse_frame(row.raw).records[spot.index]).rid
        members[f"{RECORDS}{row.origin}/{rid.hex}"] = enclose(row.raw, spot.index)
        reach = reaches.setdefault((spot.stream_id, row.epoch), set())
        reach.add(row.pos)
        for name, content, pos in _receipts(session, signer, row):
            members[name] = content
            reach.update(range(min(pos, row.pos), max(pos, row.pos) + 1))
    for (stream_id, epoch), reach in reaches.items():
        rows = session.execute(_at(stream_id).where(_frame.epoch == epoch).order_by(_frame.pos)).all()
        parts = [parse_frame(row.raw) for row in rows if row.pos in reach]
        content = bundle.join(piece for one in parts for piece in (one.header_bytes, one.signature))
        members[header_name(rows[0].origin, rows[0].lane, rows[0].audience, epoch)] = content
    members[REGISTRY] = registry.raw
    named = {name.decode() for content in members.values() for name in _CENTRE.findall(content)} | {signer.name}
    members |= certificates_of(registry, named)
    listed = manifest.write(signer.name, signer.key_id, now.isoformat(), members, subject)
    signed = {bundle.MANIFEST: listed, bundle.SIGNATURE: signer.sign(manifest.DOMAIN + listed)}
    return bundle.pack(members | signed)


def _at(stream_id: int) -> Select[*tuple[Any, ...]]:
    columns = (_stream.id, _stream.origin, _stream.lane, _stream.audience)
    rest = (_frame.epoch, _frame.frame_no, _frame.frame_hash, _frame.at_us, _frame.sender, _frame.raw)
    joined = select(*columns, *rest, _frame.pos).join_from(tables.frame, tables.stream, _frame.stream_id == _stream.id)
    return joined.where(_frame.stream_id == stream_id, _frame.pos > _stream.floor)


def _receipts(session: Session, signer: Signer, row: _Row) -> Iterator[tuple[str, bytes, int]]:
    """The receipts around a frame, each with its name and the position that it reaches."""
    headers = header_name(row.origin, row.lane, row.audience, row.epoch)
    if row.origin != signer.name:  # received here: when, this centre says again
        yield _own(signer, row, headers)
        before = session.execute(
            _at(row.id).where(_frame.epoch == row.epoch, _frame.pos < row.pos).order_by(_frame.pos.desc()).limit(1)
        ).first()
        if before is not None:
            yield _own(signer, before, headers)
        return
    mine = (
        select(_receipt.pos, _receipt.receiver, _receipt.ack, _receipt.signature, _frame.frame_no)
        .join(tables.frame, (_frame.stream_id == _receipt.stream_id) & (_frame.pos == _receipt.pos))
        .where(_receipt.stream_id == row.id, _frame.epoch == row.epoch)
    )
    after = mine.where(_receipt.pos >= row.pos).order_by(_receipt.pos, _receipt.id)
    first = session.execute(after.limit(1)).first()
    if first is None:
        return
    earlier = mine.where(_receipt.pos < row.pos, _receipt.receiver == first.receiver)
    last = session.execute(earlier.order_by(_receipt.pos.desc(), _receipt.id.desc()).limit(1)).first()
    for one in filter(None, (first, last)):
        name = receipt_name(headers, one.frame_no, one.receiver)
        yield name, bundle.join([one.ack, one.signature]), one.pos


def _own(signer: Signer, row: _Row, headers: str) -> tuple[str, bytes, int]:
    key = StreamKey(row.origin, row.lane, row.audience)
    ack = Ack(signer.name, signer.key_id, key, row.epoch, row.frame_no, row.frame_hash, from_us(row.at_us))
    signed: frame_pb2.SignedAck = sign_ack(ack, signer)
    return receipt_name(headers, row.frame_no, signer.name), bundle.join([signed.ack, signed.signature]), row.pos
