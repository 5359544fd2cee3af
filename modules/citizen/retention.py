"""Each part of a report is deleted after the days that the centre has set; the audit log proves it."""

from datetime import timedelta

from sqlalchemy import ColumnElement, exists, or_, select
from sqlalchemy.orm import Session

from modules.citizen.erasing import Order, Part, erase_part
from modules.citizen.settings import settings_of
from modules.citizen.tables import photo as photo_table
from modules.citizen.tables import report as report_table
from node import audit
from node.context import NodeContext
from node.incident.listing import open_before

MOST_A_STEP = 40
ACTOR = "citizen.retention"


def erase_identities(session: Session, context: NodeContext) -> int:
    """Delete the identities that are older than allowed, a bounded number of them; return how many."""
    days = settings_of(context).identity_days
    has_any = or_(report_table.c.reporter_name.is_not(None), report_table.c.reporter_phone.is_not(None))
    return _erase(session, context, Part.IDENTITY, days, has_any)


def erase_photos(session: Session, context: NodeContext) -> int:
    """Delete the photographs of cases that are over and older than allowed."""
    has_one = exists().where(photo_table.c.incident_id == report_table.c.incident_id)
    return _erase(session, context, Part.PHOTO, settings_of(context).photo_days, has_one, only_closed=True)


def erase_texts(session: Session, context: NodeContext) -> int:
    """Delete the words and places of cases that are over and older than allowed."""
    has_any = report_table.c.text_erased_at.is_(None)
    return _erase(session, context, Part.TEXT, settings_of(context).text_days, has_any, only_closed=True)


def _erase(
    session: Session,
    context: NodeContext,
    part: Part,
    days: int,
    has_any: ColumnElement[bool],
    *,
    only_closed: bool = False,
) -> int:
    until = context.clock.now() - timedelta(days=days)
    query = select(report_table).where(has_any).where(report_table.c.recorded_at < until)
    if only_closed:
        still_open = [str(one) for one in open_before(session, until)]
        query = query.where(report_table.c.incident_id.not_in(still_open))
    found = session.execute(query.order_by(report_table.c.recorded_at).limit(MOST_A_STEP)).mappings().all()
    order = Order(actor=ACTOR, cause="period", kept_days=days)
    for row in found:
        erase_part(session, context, row, part, order)
    if found:
        detail = {"part": part.value, "count": len(found), "until": until.isoformat(), "kept_days": days}
        now = context.clock.now()
        audit.record(session, actor=ACTOR, act="report.retention", subject=part.value, detail=detail, now=now)
    return len(found)
