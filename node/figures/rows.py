"""The rows of figure states: every revision that was ever signed here or arrived, in the bytes that were signed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Index,
    Integer,
    LargeBinary,
    RowMapping,
    String,
    Table,
    Uuid,
    bindparam,
    insert,
    select,
)
from sqlalchemy.orm import Session

from node.figures.period import DAY_S, Period
from node.figures.wire import Statement, decode_state, state_hash
from node.tables import UtcTime, metadata

TOPIC = "figures"
CLOCK_SLACK = timedelta(minutes=1)
_LONGEST_DAYS = 366

figure_state = Table(
    "figure_state",
    metadata,
    Column("rid", Uuid, primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("centre", String(64), nullable=False),
    Column("indicator", String(128), nullable=False),
    Column("version", Integer, nullable=False),
    Column("area_code", String(16), nullable=False),
    Column("begins_at", UtcTime, nullable=False),
    Column("seconds", Integer, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("is_fold", Boolean, nullable=False),
    Column("raw", LargeBinary, nullable=False),
    Column("hash", LargeBinary(32), nullable=False),
    Column("as_of", UtcTime, nullable=False),
    Column("signed_at", UtcTime, nullable=False),
    Column("received_at", UtcTime, nullable=False),
    Column("via", String(64), nullable=False),
    Index("figure_state_period", "begins_at", "seconds", "indicator"),
    Index("figure_state_centre", "centre", "begins_at"),
    Index("figure_state_received", "received_at"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """One signed state as it is kept: who said it, when, through whom it came, and its own bytes."""

    rid: UUID
    centre: str
    statement: Statement
    raw: bytes
    hash: bytes
    as_of: datetime
    signed_at: datetime
    received_at: datetime
    via: str

    @property
    def order(self) -> tuple[int, datetime, bytes]:
        """Which of several states of one centre holds: the highest revision; of equal ones the one signed last."""
        return self.statement.revision, self.signed_at, self.rid.bytes

    @property
    def is_clock_ahead(self) -> bool:
        """Whether its author's clock was ahead of this centre's: it signed later than it was heard, or too early."""
        limit = self.received_at + CLOCK_SLACK
        return self.signed_at > limit or self.statement.period.end > limit


# Asked and written for every state that arrives, so they are built once.
_KNOWN = select(figure_state.c.rid).where(
    figure_state.c.rid == bindparam("of_rid"), figure_state.c.position == bindparam("of_position")
)
_INSERT = insert(figure_state)


def keep(session: Session, found: Iterable[Stated]) -> int:
    """Keep states; one that is kept already changes nothing. How many were new."""
    new, connection = 0, session.connection()
    for position, one in enumerate(found):
        if connection.execute(_KNOWN, {"of_rid": one.rid, "of_position": position}).first() is not None:
            continue
        connection.execute(_INSERT, _row(one, position))
        new += 1
    if new:
        session.info.setdefault("touched", set()).add(TOPIC)
    return new


def _row(one: Stated, position: int) -> dict[str, object]:
    said = one.statement
    return {
        "rid": one.rid,
        "position": position,
        "centre": one.centre,
        "indicator": said.indicator,
        "version": said.version,
        "area_code": said.area_code,
        "begins_at": said.period.begin,
        "seconds": said.period.seconds,
        "revision": said.revision,
        "is_fold": said.fold is not None,
        "raw": one.raw,
        "hash": state_hash(one.raw),
        "as_of": one.as_of,
        "signed_at": one.signed_at,
        "received_at": one.received_at,
        "via": one.via,
    }


def _value(row: RowMapping) -> Stated:
    raw = bytes(row["raw"])
    return Stated(
        rid=row["rid"],
        centre=row["centre"],
        statement=decode_state(raw),
        raw=raw,
        hash=bytes(row["hash"]),
        as_of=row["as_of"],
        signed_at=row["signed_at"],
        received_at=row["received_at"],
        via=row["via"],
    )


def in_periods(session: Session, periods: Sequence[Period], *where: ColumnElement[bool]) -> list[Stated]:
    """Every revision of these periods, which are all of one length."""
    if not periods:
        return []
    conditions = (
        figure_state.c.begins_at.in_([period.begin for period in periods]),
        figure_state.c.seconds == periods[0].seconds,
        *where,
    )
    query = select(figure_state).where(*conditions).order_by(figure_state.c.received_at, figure_state.c.revision)
    return [_value(row) for row in session.execute(query).mappings()]


def in_mixed_periods(session: Session, periods: Sequence[Period]) -> list[Stated]:
    """Every revision of these periods, whatever their lengths."""
    lengths = sorted({period.seconds for period in periods})
    return [
        state
        for seconds in lengths
        for state in in_periods(session, [period for period in periods if period.seconds == seconds])
    ]


def long_periods_since(session: Session, moment: datetime) -> list[Period]:
    """The periods longer than a day, ending after a moment, of which a state is known, oldest first."""
    query = (
        select(figure_state.c.begins_at, figure_state.c.seconds)
        .where(
            figure_state.c.seconds > DAY_S,
            figure_state.c.begins_at > moment - timedelta(days=_LONGEST_DAYS),
            figure_state.c.is_fold.is_(False),
        )
        .distinct()
    )
    found = [Period(row.begins_at, row.seconds) for row in session.execute(query)]
    return sorted(period for period in found if period.end > moment)


def within(session: Session, span: Period) -> list[Stated]:
    """Every revision of every period, of any length, that lies wholly in a span."""
    query = (
        select(figure_state)
        .where(figure_state.c.begins_at >= span.begin, figure_state.c.begins_at < span.end)
        .order_by(figure_state.c.received_at, figure_state.c.revision)
    )
    found = (_value(row) for row in session.execute(query).mappings() if row["seconds"] <= span.seconds)
    return [one for one in found if one.statement.period.end <= span.end]


def of_centre(session: Session, centre: str, periods: Sequence[Period]) -> list[Stated]:
    """What one centre signed about these periods."""
    return in_periods(session, periods, figure_state.c.centre == centre)


def periods_heard_since(session: Session, moment: datetime, seconds: int, oldest: datetime) -> set[Period]:
    """The periods about which something arrived since a moment."""
    query = (
        select(figure_state.c.begins_at)
        .where(
            figure_state.c.received_at >= moment,
            figure_state.c.seconds == seconds,
            figure_state.c.begins_at >= oldest,
            figure_state.c.is_fold.is_(False),
        )
        .distinct()
    )
    return {Period(begin, seconds) for begin in session.scalars(query)}


def known_periods(session: Session, most: int) -> list[Period]:
    """The newest periods of which anything is known, newest first."""
    query = (
        select(figure_state.c.begins_at, figure_state.c.seconds)
        .distinct()
        .order_by(figure_state.c.begins_at.desc(), figure_state.c.seconds)
        .limit(most)
    )
    return [Period(row.begins_at, row.seconds) for row in session.execute(query)]


def oldest(session: Session) -> datetime | None:
    """When the oldest period of which anything is known begins."""
    return session.scalar(select(figure_state.c.begins_at).order_by(figure_state.c.begins_at).limit(1))


def newest(found: Iterable[Stated]) -> Stated | None:
    """The one of several states that holds."""
    return max(found, key=lambda one: one.order, default=None)
