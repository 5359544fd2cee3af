"""What arriving records do: each once, through the handler of its kind, or parked with the reason it could not."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.orm import Session

from federation import chain, tables
from federation.alarm import raise_alarm
from federation.failpoint import failpoint
from federation.frame import Frame, FrameHeader, Inbound, StreamKey, parse_frame, to_us
from federation.ledger import PAST_PARENT, end_of_bypass, observe_hlc
from federation.trouble import is_storage_failure, is_transaction_lost
from federation.v1 import frame_pb2 as wire

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
class Laid:
    """A frame at its place in the store, with its records as they were read; None stands for an unreadable one."""

    stream_id: int
    origin_no: int
    pos: int
    frame: Frame
    records: Sequence[wire.Record | None]


@dataclass(frozen=True, slots=True)
class _Parked:
    laid: Laid
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
        self, session: Session, laid: Sequence[Laid], *, peer: str, now: datetime, done: frozenset[bytes] = frozenset()
    ) -> None:
        """Apply those records of stored frames that never were before, in their order.

        What is in `done` took effect here otherwise, and is only noted.
        """
        connection = session.connection()
        rows = [
            (record.rid, one.origin_no, one.stream_id, one.pos, index)
            for one in laid
            for index, record in enumerate(one.records)
            if record is not None
        ]
        if len(rows) < sum(len(one.records) for one in laid):
            self._park_unreadable(connection, laid, peer, now)
        claimed = chain.claim(connection, rows)
        if any(claimed):
            observe_hlc(connection, max(record.hlc for one in laid for record in one.records if record), now)
        new = iter(claimed)
        items = [
            Inbound(record, one.frame.header, index, now, peer)
            for one in laid
            for index, record in enumerate(one.records)
            if record is not None and next(new) and not (done and record.rid in done)
        ]
        if any(one.frame.header.stream.origin == self._name for one in laid):
            items = [item for item in items if not self._is_mute(item)]
        failpoint("receiver.before_effect")
        if not self._apply_together(session, items):
            for one in laid:
                self._apply_frame(session, one, [item for item in items if item.header is one.frame.header])
        failpoint("receiver.after_effect")

    def _apply_frame(self, session: Session, laid: Laid, items: Sequence[Inbound]) -> None:
        """Apply the records of one frame: the others of its step are not to suffer from what is wrong with it."""
        if not self._apply_together(session, items):
            for item in items:
                trouble = self._apply_alone(session, item)
                if trouble is not None:
                    _park(session.connection(), _Parked(laid, item.index, item, trouble), item.sender, item.received_at)

    def _park_unreadable(self, connection: Connection, laid: Sequence[Laid], peer: str, now: datetime) -> None:
        for one in laid:
            for index, record in enumerate(one.records):
                if record is None:
                    trouble = Unacceptable("RECORD", "the bytes of a record are no record")
                    _park(connection, _Parked(one, index, None, trouble), peer, now)

    def _apply_together(self, session: Session, items: Sequence[Inbound]) -> bool:
        """Apply all in one savepoint, the ordinary case; False, with nothing done, if one of them fails."""
        if not items:
            return True
        if len(items) == 1:
            return False
        connection = session.connection()
        try:
            with session.begin_nested():
                self._handle(session, items)
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
                self._handle(session, [item])
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

    def _handle(self, session: Session, items: Sequence[Inbound]) -> None:
        """Give each record to the handler of its kind, in order."""
        header: FrameHeader | None = None
        for item in items:
            if item.header is not header:
                header = item.header
                handlers = self._handlers_for(header.stream)
            kind = item.message.kind
            handler = handlers.get(kind)
            if handler is None:
                if end_of_bypass(item.audience):
                    raise Unacceptable("WRONG_WAY", f"{kind} does not go past a parent by itself")
                raise Unacceptable("UNKNOWN_KIND", f"nothing here applies records of kind {kind}")
            handler(session, item)

    def _handlers_for(self, stream: StreamKey) -> Mapping[str, Handler]:
        """What to do with the kinds that a stream may carry."""
        found = dict(self._kinds) | dict(self._own_handlers if stream.origin == self._name else self._handlers)
        if end_of_bypass(stream.audience):
            return {kind: handler for kind, handler in found.items() if kind == PAST_PARENT}
        return found

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
            record = wire.Record.FromString(parts.records[row.position])
            item = Inbound(record, parts.header, row.position, now, row.sender)
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


def _park(connection: Connection, parked: _Parked, peer: str, now: datetime) -> None:
    """Keep a record that cannot be applied, with the reason, and ring; its stream goes on."""
    laid, item = parked.laid, parked.item
    header = laid.frame.header
    kind = item.kind[:64] if item else ""
    trouble = parked.trouble
    code = trouble.code[:64]
    place = {
        "stream_id": laid.stream_id,
        "pos": laid.pos,
        "position": parked.position,
        "rid": item.rid.bytes if item else None,
    }
    why = {"kind": kind, "sender": peer, "code": code, "reason": trouble.reason, "at_us": to_us(now)}
    connection.execute(insert(tables.parked).values(place | why))
    raise_alarm(
        connection,
        code if trouble.origin else "PARKED",
        at=now,
        peer=peer,
        origin=trouble.origin or header.stream.origin,
        subject=f"{kind} {code}",
        detail=f"{code}: {trouble.reason} (record {item.rid if item else parked.position}, frame {header.frame_no})",
    )
