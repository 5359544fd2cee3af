"""A centre's signed word about itself: how many open incidents it answers for, what waits to be sent, as of when.

The statement goes to every centre above. What the last one said is kept per centre, in the order of the origin's chain,
whatever its clock says. A centre that has not spoken for long is *silent*, one that never spoke is *unknown*; neither
is zero. While the line is down a centre hardly repeats itself: such statements would only wait to be out of date.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from google.protobuf.message import DecodeError
from sqlalchemy import Column, Integer, String, Table, func, insert, select, update
from sqlalchemy.orm import Session

from federation.ledger import UP, Lane, append
from federation.receiver import Inbound, Unacceptable
from node.incident.rows import incident
from node.incident.value import OPEN_STATUSES, text_problem
from node.tables import UtcTime, metadata
from node.v1 import presence_pb2
from node.version import VERSION

if TYPE_CHECKING:
    from federation.peer import PeerState
    from node.context import NodeContext

KIND = "centre.presence"
CHECK_S = 1.0
LEAST_GAP = timedelta(seconds=3)
CUT_OFF_GAP = timedelta(minutes=10)
_LIVE_PERIODS, _LATE_PERIODS = 2.5, 8
_LONGEST_PERIOD_S = 3600
_VERSION_LIMIT = 40
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_YEAR, _LAST_YEAR = 2000, 2200

presence = Table(
    "presence",
    metadata,
    Column("centre", String(64), primary_key=True),
    Column("as_of", UtcTime, nullable=False),
    Column("received_at", UtcTime, nullable=False),
    Column("open_incidents", Integer, nullable=True),
    Column("waiting", Integer, nullable=True),
    Column("version", String(40), nullable=False),
    Column("period_s", Integer, nullable=False),
)


class PresenceState(StrEnum):
    """What can be said of a centre now."""

    LIVE = "live"
    LATE = "late"
    SILENT = "silent"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    """A centre's last statement and when it arrived here; None in a figure means that the centre could not say."""

    centre: str
    as_of: datetime
    received_at: datetime
    open_incidents: int | None
    waiting: int | None
    version: str
    period_s: int

    def state(self, now: datetime) -> PresenceState:
        """What can be said of the centre now, by this centre's own clock."""
        periods = (now - self.received_at).total_seconds() / self.period_s
        if periods <= _LIVE_PERIODS:
            return PresenceState.LIVE
        return PresenceState.LATE if periods <= _LATE_PERIODS else PresenceState.SILENT


def step(session: Session, context: "NodeContext") -> bool:
    """Make this centre's statement if one is due; the job runner asks each second. Tells whether it did."""
    now, parents = context.clock.now(), _parents(context)
    statement = _statement(session, context, now)
    since = max((peer.since for peer in parents if peer.connected and peer.since), default=None)
    is_heard = context.centre.parent is None or any(peer.connected for peer in parents)
    last = latest(session).get(context.centre.name)
    if not is_due(last, statement, connected_since=since, is_heard=is_heard):
        return False
    _keep(session, statement)
    if context.centre.parent is not None:
        append(session, lane=Lane.REGULAR, audience=UP, kind=KIND, payload=encode(statement), now=now)
    return True


def _statement(session: Session, context: "NodeContext", now: datetime) -> Presence:
    me, parents = context.centre.name, _parents(context)
    return Presence(
        centre=me,
        as_of=now,
        received_at=now,
        open_incidents=count_open(session, me),
        waiting=sum(sum(peer.waiting.values()) for peer in parents) if parents else None,
        version=VERSION,
        period_s=max(1, round(context.settings.presence.period_s)),
    )


def _parents(context: "NodeContext") -> list["PeerState"]:
    return [peer for peer in context.peers() if peer.relation == "parent"]


def is_due(last: Presence | None, statement: Presence, *, connected_since: datetime | None, is_heard: bool) -> bool:
    """Whether to speak now: each period, sooner when something changed, rarely while nobody can hear it."""
    if last is None or statement.as_of < last.as_of:
        return True
    age = statement.as_of - last.as_of
    if not is_heard:
        return age >= CUT_OFF_GAP
    if connected_since is not None and connected_since > last.as_of:
        return True
    has_changed = last.open_incidents != statement.open_incidents
    return age >= timedelta(seconds=statement.period_s) or (has_changed and age >= LEAST_GAP)


def count_open(session: Session, me: str) -> int:
    """How many open incidents this centre answers for; one answers for each, so that sums count none twice."""
    mine = (incident.c.holder == me) & incident.c.status.in_(OPEN_STATUSES)
    return session.scalar(select(func.count()).select_from(incident).where(mine)) or 0


def hear(session: Session, inbound: Inbound, *, now: datetime) -> None:
    """Keep a centre's statement as its latest; raises Unacceptable."""
    _keep(session, decode(inbound.payload, centre=inbound.origin, received_at=now))


def latest(session: Session) -> dict[str, Presence]:
    """The last statement of each centre, this one included."""
    return {row["centre"]: Presence(**dict(row)) for row in session.execute(select(presence)).mappings()}


def encode(statement: Presence) -> bytes:
    """The payload of a record."""
    message = presence_pb2.CentrePresence(
        as_of_us=(statement.as_of - _EPOCH) // timedelta(microseconds=1),
        open_incidents=statement.open_incidents,
        waiting=statement.waiting,
        version=statement.version,
        period_s=statement.period_s,
    )
    return message.SerializeToString(deterministic=True)


def decode(payload: bytes, *, centre: str, received_at: datetime) -> Presence:
    """Read a payload; raises Unacceptable that says what cannot be."""
    try:
        message = presence_pb2.CentrePresence.FromString(payload)
        as_of = _EPOCH + timedelta(microseconds=message.as_of_us)
    except (DecodeError, OverflowError) as error:
        raise Unacceptable("SCHEMA", "not a centre's statement") from error
    problem = text_problem(message.version, _VERSION_LIMIT)
    is_sane = _FIRST_YEAR <= as_of.year <= _LAST_YEAR and 1 <= message.period_s <= _LONGEST_PERIOD_S
    if problem or not is_sane or max(message.open_incidents, message.waiting) >= 2**31:
        raise Unacceptable("INVALID", "a centre's statement with impossible figures")
    return Presence(
        centre=centre,
        as_of=as_of,
        received_at=received_at,
        open_incidents=message.open_incidents if message.HasField("open_incidents") else None,
        waiting=message.waiting if message.HasField("waiting") else None,
        version=message.version,
        period_s=message.period_s,
    )


def _keep(session: Session, statement: Presence) -> None:
    values = {name: getattr(statement, name) for name in presence.c.keys() if name != "centre"}  # noqa: SIM118 - columns
    mine = presence.c.centre == statement.centre
    if session.scalar(select(presence.c.centre).where(mine)) is None:
        session.execute(insert(presence).values(centre=statement.centre, **values))
    else:
        session.execute(update(presence).where(mine).values(values))
    session.info.setdefault("touched", set()).add("presence")
