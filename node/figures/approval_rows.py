"""The rows of approvals: every step that was taken here or arrived, in the bytes that were signed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Column, Index, Integer, LargeBinary, RowMapping, String, Table, Uuid, insert, select
from sqlalchemy.orm import Session

from node.figures.approval import Act, Approval, approval_hash, decode
from node.figures.period import DAY_S, Period
from node.tables import UtcTime, metadata

TOPIC = "figure_approvals"

figure_approval = Table(
    "figure_approval",
    metadata,
    Column("rid", Uuid, primary_key=True),
    Column("centre", String(64), nullable=False),
    Column("dataset", String(64), nullable=False),
    Column("area_code", String(16), nullable=False),
    Column("begins_at", UtcTime, nullable=False),
    Column("ends_at", UtcTime, nullable=False),
    Column("number", Integer, nullable=False),
    Column("raw", LargeBinary, nullable=False),
    Column("signed_at", UtcTime, nullable=False),
    Column("received_at", UtcTime, nullable=False),
    Column("via", String(64), nullable=False),
    Index("figure_approval_period", "begins_at", "ends_at"),
    Index("figure_approval_received", "received_at"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One signed step as it is kept."""

    rid: UUID
    centre: str
    approval: Approval
    raw: bytes
    signed_at: datetime
    received_at: datetime
    via: str

    @property
    def hash(self) -> bytes:
        """What the step after it names."""
        return approval_hash(self.raw)

    @property
    def order(self) -> tuple[int, datetime, bytes]:
        """Which of several steps of one centre holds: the highest number; of equal ones the one signed last."""
        return self.approval.number, self.signed_at, self.rid.bytes

    @property
    def subject(self) -> tuple[str, str, str, Period]:
        """What the steps of one approval have in common."""
        said = self.approval
        return self.centre, said.dataset, said.area_code, said.period


@dataclass(frozen=True, slots=True)
class Approvals:
    """The steps that hold: the last one of each centre, dataset, area and period."""

    holding: Mapping[tuple[str, str, str, Period], Step]

    @property
    def approved(self) -> frozenset[tuple[str, bytes]]:
        """Each approved state, by centre and hash."""
        return frozenset(
            (step.centre, state)
            for step in self.holding.values()
            if step.approval.act is Act.APPROVE
            for state in step.approval.states
        )

    def holds(self, centre: str, dataset: str, area_code: str, period: Period) -> Step | None:
        """The last step for exactly this period."""
        return self.holding.get((centre, dataset, area_code, period))

    def around(self, centre: str, dataset: str, period: Period) -> list[Step]:
        """The last steps for this period and for longer ones in which it lies, the longest first."""
        found = [
            step
            for (by, subject, _, span), step in self.holding.items()
            if (by, subject) == (centre, dataset) and span.begin <= period.begin and period.end <= span.end
        ]
        return sorted(found, key=lambda step: -step.approval.period.seconds)

    def is_locked(self, centre: str, dataset: str, period: Period) -> bool:
        """Whether what a centre signed for a period does not change: it is approved, by itself or in a longer one."""
        return any(step.approval.act is Act.APPROVE for step in self.around(centre, dataset, period))

    def is_released(self, centre: str, dataset: str, period: Period) -> bool:
        """Whether it was opened after the freeze date, by an exception."""
        return any(
            step.approval.act is Act.UNLOCK and step.approval.is_after_freeze
            for step in self.around(centre, dataset, period)
        )


def keep(session: Session, one: Step) -> bool:
    """Keep a step; whether it was new."""
    connection = session.connection()
    known = select(figure_approval.c.rid).where(figure_approval.c.rid == one.rid)
    if connection.execute(known).first() is not None:
        return False
    said = one.approval
    values = {
        "rid": one.rid,
        "centre": one.centre,
        "dataset": said.dataset,
        "area_code": said.area_code,
        "begins_at": said.period.begin,
        "ends_at": said.period.end,
        "number": said.number,
        "raw": one.raw,
        "signed_at": one.signed_at,
        "received_at": one.received_at,
        "via": one.via,
    }
    connection.execute(insert(figure_approval).values(values))
    session.info.setdefault("touched", set()).add(TOPIC)
    return True


def _value(row: RowMapping) -> Step:
    raw = bytes(row["raw"])
    return Step(
        rid=row["rid"],
        centre=row["centre"],
        approval=decode(raw),
        raw=raw,
        signed_at=row["signed_at"],
        received_at=row["received_at"],
        via=row["via"],
    )


def steps_in(session: Session, begin: datetime, end: datetime) -> list[Step]:
    """Every step about a period that has a moment in common with this span, oldest first."""
    query = (
        select(figure_approval)
        .where(figure_approval.c.begins_at < end, figure_approval.c.ends_at > begin)
        .order_by(figure_approval.c.received_at, figure_approval.c.number)
    )
    return [_value(row) for row in session.execute(query).mappings()]


def that_hold(steps: Iterable[Step]) -> Approvals:
    """Of each centre, dataset, area and period the last step."""
    found: dict[tuple[str, str, str, Period], Step] = {}
    for step in steps:
        known = found.get(step.subject)
        if known is None or step.order > known.order:
            found[step.subject] = step
    return Approvals(found)


def approvals_in(session: Session, periods: Sequence[Period]) -> Approvals:
    """What holds for these periods, which stand in their order."""
    if not periods:
        return Approvals({})
    return that_hold(steps_in(session, periods[0].begin, max(one.end for one in periods)))


def periods_heard_since(session: Session, moment: datetime, seconds: int, oldest: datetime) -> set[Period]:
    """The buckets about which a step arrived since a moment."""
    query = select(figure_approval.c.begins_at, figure_approval.c.ends_at).where(
        figure_approval.c.received_at >= moment, figure_approval.c.ends_at > oldest
    )
    found: set[Period] = set()
    for row in session.execute(query):
        span = Period(row.begins_at, (row.ends_at - row.begins_at).days * DAY_S or seconds)
        found.update(one for one in span.buckets(seconds) if one.begin >= oldest)
    return found
