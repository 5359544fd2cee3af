"""What arriving records do: each once, through the handler of its kind, or parked with the reason it could not."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, insert, select, update
from sqlalchemy.orm import Session

from federation import chain, tables
from federation.alarm import raise_alarm
from federation.failpoint import failpoint
from federation.frame import Frame, Inbound, Record, decode_record, inbound, parse_frame, to_us
from federation.ledger import PAST_PARENT, end_of_bypass, observe_hlc
from federation.trouble import is_storage_failure, is_transaction_lost

Handler = Callable[[Session, Inbound], None]
log = logging.getLogger(__name__)


class Unacceptable(Exception):  # noqa: N818 - a handler's verdict on a record
    """Raised by a handler for a record that it cannot apply as things are: the record is parked with this reason.

    `origin` is the centre to blame, where that is not the one that signed the record but one quoted inside it.
    """

    def __init__(self, code: str, reason: str, *, origin: str = "") -> None:
        super().__init__(f"{code}: {reason}")
        self.code = code
        self.reason = reason
        self.origin = origin


@dataclass(frozen=True, slots=True)
class Taking:
    """The transaction in which a frame of one stream is taken in, who brought it, and when."""

    session: Session
    head: chain.Chain
    peer: str
    now: datetime


@dataclass(frozen=True, slots=True)
class _Parked:
    position: int
    item: Inbound | None
    trouble: Unacceptable


class Effects:
    """Applies the records of frames that were just stored."""

    def __init__(
        self,
        handlers: Mapping[str, Handler],
        *,
        name: str = "",
        own_handlers: Mapping[str, Handler] | None = None,
        kinds: Mapping[str, Handler] | None = None,
    ) -> None:
        """Take what to do with each kind that others send, with own ones that are given back, and with delivery's."""
        self._handlers = handlers
        self._name = name
        self._own_handlers = own_handlers or {}
        self._kinds = kinds or {}

    def apply(
        self, taking: Taking, frame: Frame, records: Sequence[Record | None], done: frozenset[bytes] = frozenset()
    ) -> None:
        """Apply those records of the frame at the head that never were before; None stands for an unreadable one.

        What is in `done` took effect here otherwise, and is only noted.
        """
        session, head, now = taking.session, taking.head, taking.now
        connection = session.connection()
        fresh: list[tuple[int, Inbound]] = []
        new: list[tuple[bytes, int]] = []
        rids = [record.rid.bytes if record else b"" for record in records]
        seen = _applied(connection, head, [rid for rid in rids if rid])
        for index, (record, rid) in enumerate(zip(records, rids, strict=True)):
            if record is None:
                _park(taking, _Parked(index, None, Unacceptable("RECORD", "the bytes of a record are no record")))
            elif rid not in seen:
                seen.add(rid)
                new.append((rid, index))
                item = inbound(record, frame.header, index, received_at=now, sender=taking.peer)
                if rid not in done and not self._is_mute(item):
                    fresh.append((index, item))
        chain.register(connection, head, new)
        if new:
            observe_hlc(connection, max(record.hlc for record in records if record), now)
        failpoint("receiver.before_effect")
        if not self._apply_together(session, [item for _, item in fresh]):
            for index, item in fresh:
                trouble = self._apply_alone(session, item)
                if trouble is not None:
                    _park(taking, _Parked(index, item, trouble))
        failpoint("receiver.after_effect")

    def _apply_together(self, session: Session, items: Sequence[Inbound]) -> bool:
        """Apply all in one savepoint, the ordinary case; False, with nothing done, if one of them fails."""
        if len(items) == 1:
            return False
        connection = session.connection()
        try:
            with session.begin_nested():
                for item in items:
                    self._handle(session, item)
        except Exception as error:
            if is_storage_failure(error) or is_transaction_lost(connection):
                raise
            return False
        return True

    def _apply_alone(self, session: Session, item: Inbound) -> Unacceptable | None:
        """Apply one record in its own savepoint; why not, if that cannot be done."""
        connection = session.connection()
        try:
            with session.begin_nested():
                self._handle(session, item)
        except Unacceptable as error:
            return error
        except Exception as error:
            if is_storage_failure(error) or is_transaction_lost(connection):
                raise
            log.exception("the handler of %s failed on record %s of %s", item.kind, item.rid, item.origin)
            return Unacceptable("HANDLER", f"{type(error).__name__}: {error}")
        return None

    def _is_mute(self, item: Inbound) -> bool:
        """Whether it is one of this node's own, of a kind that says nothing to the one who signed it."""
        return item.origin == self._name and item.kind not in self._own_handlers

    def _handle(self, session: Session, item: Inbound) -> None:
        if end_of_bypass(item.audience) and item.kind != PAST_PARENT:
            raise Unacceptable("WRONG_WAY", f"{item.kind} does not go past a parent by itself")
        handlers = self._own_handlers if item.origin == self._name else self._handlers
        handler = handlers.get(item.kind) or self._kinds.get(item.kind)
        if handler is None:
            raise Unacceptable("UNKNOWN_KIND", f"nothing here applies records of kind {item.kind}")
        handler(session, item)

    def replay_parked(self, session: Session, now: datetime, limit: int = 500, skip: int = 0) -> int:
        """Try parked records again, oldest first, after what stood in their way was mended; how many were applied.

        Those that still cannot be keep the reason of now; `skip` passes over so many of the oldest.
        """
        connection = session.connection()
        parked, frame, stream = tables.parked, tables.frame, tables.stream
        query = (
            select(parked, frame.c.raw, frame.c.at_us.label("received_us"), stream.c.origin)
            .join(frame, (frame.c.stream_id == parked.c.stream_id) & (frame.c.pos == parked.c.pos))
            .join(stream, stream.c.id == parked.c.stream_id)
            .where(parked.c.applied_at_us.is_(None), parked.c.rid.is_not(None))
            .order_by(parked.c.at_us, parked.c.stream_id, parked.c.pos, parked.c.position)
            .limit(limit)
            .offset(skip)
        )
        applied = 0
        for row in connection.execute(query).all():
            parts = parse_frame(bytes(row.raw))
            record = decode_record(parts.records[row.position])
            item = inbound(record, parts.header, row.position, received_at=now, sender=row.sender)
            trouble = self._apply_alone(session, item)
            place = (parked.c.stream_id == row.stream_id) & (parked.c.pos == row.pos)
            place &= parked.c.position == row.position
            if trouble is None:
                connection.execute(update(parked).where(place).values(applied_at_us=to_us(now)))
                applied += 1
            elif (trouble.code[:64], trouble.reason) != (row.code, row.reason):
                why = {"code": trouble.code[:64], "reason": trouble.reason}
                connection.execute(update(parked).where(place).values(why))
        return applied


_APPLIED = select(tables.record.c.rid).where(
    tables.record.c.origin_no == bindparam("origin_no"), tables.record.c.rid.in_(bindparam("rids", expanding=True))
)


def _applied(connection: Connection, head: chain.Chain, rids: Sequence[bytes]) -> set[bytes]:
    if not rids:
        return set()
    rows = connection.execute(_APPLIED, {"origin_no": head.origin_no, "rids": rids})
    return {bytes(row.rid) for row in rows}


def _park(taking: Taking, parked: _Parked) -> None:
    """Keep a record that cannot be applied, with the reason, and ring; its stream goes on."""
    connection, head, item = taking.session.connection(), taking.head, parked.item
    kind = item.kind[:64] if item else ""
    trouble = parked.trouble
    code = trouble.code[:64]
    place = {
        "stream_id": head.id,
        "pos": head.pos,
        "position": parked.position,
        "rid": item.rid.bytes if item else None,
    }
    why = {"kind": kind, "sender": taking.peer, "code": code, "reason": trouble.reason, "at_us": to_us(taking.now)}
    connection.execute(insert(tables.parked).values(place | why))
    raise_alarm(
        connection,
        code if trouble.origin else "PARKED",
        at=taking.now,
        peer=taking.peer,
        origin=trouble.origin or head.key.origin,
        subject=f"{kind} {code}",
        detail=f"{code}: {trouble.reason} (record {item.rid if item else parked.position}, frame {head.frame_no})",
    )
