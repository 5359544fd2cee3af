"""A reporter's name and telephone are deleted after the days that the centre has set; the audit log proves it."""

from datetime import timedelta

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from modules.citizen.settings import settings_of
from modules.citizen.tables import report as report_table
from node import audit
from node.context import NodeContext

MOST_A_STEP = 40
ACTOR = "citizen.retention"


def erase_identities(session: Session, context: NodeContext) -> int:
    """Delete the identities that are older than allowed, a bounded number of them; return how many."""
    days = settings_of(context).identity_days
    now = context.clock.now()
    query = (
        select(report_table.c.incident_id, report_table.c.recorded_at)
        .where(or_(report_table.c.reporter_name.is_not(None), report_table.c.reporter_phone.is_not(None)))
        .where(report_table.c.recorded_at < now - timedelta(days=days))
        .order_by(report_table.c.recorded_at)
        .limit(MOST_A_STEP)
    )
    old = session.execute(query).all()
    for incident_id, recorded_at in old:
        session.execute(
            update(report_table)
            .where(report_table.c.incident_id == incident_id)
            .values(reporter_name=None, reporter_phone=None, reporter_erased_at=now)
        )
        detail = {"recorded_at": recorded_at.isoformat(), "kept_days": days}
        audit.record(session, actor=ACTOR, act="report.identity.erased", subject=incident_id, detail=detail, now=now)
    return len(old)
