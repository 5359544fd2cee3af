"""Published reports (công khai): the text that a supervisor approved, and nothing by which a person could be known."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, select, update
from sqlalchemy.orm import Session

from modules.citizen.kinds import CATEGORIES
from modules.citizen.tables import report as report_table
from modules.citizen.wording import tidy, without_personal_data
from node import audit
from node.context import NodeContext
from node.errors import Invalid
from node.incident import rows
from node.incident.act import Desk, perform

_TEXT_LENGTH = 2000
_MOST = 50


def published(session: Session, context: NodeContext, say: Callable[[str], str]) -> list[dict[str, Any]]:
    """The latest published reports, newest first."""
    query = (
        select(report_table)
        .where(report_table.c.published_at.is_not(None))
        .order_by(report_table.c.published_at.desc())
        .limit(_MOST)
    )
    on = context.territory.local_date(context.clock.now())
    found = []
    for row in session.execute(query).mappings():
        incident = rows.get(session, UUID(row["incident_id"]))
        area = context.territory.area(row["place_area_code"], on)
        found.append(
            {
                "category_title": CATEGORIES[row["category"]].title,
                "area_name": area.name if area else row["place_area_code"],
                "text": row["public_text"],
                "status_title": say(incident.status.label),
                "published_at": row["published_at"].isoformat(),
            }
        )
    return found


def propose(session: Session, context: NodeContext, row: RowMapping, actor: str, text: str) -> str:
    """Submit a text for publication; contact details and the reporter's name are taken out of it whoever wrote it."""
    clean = _clean(row, text or row["description"])
    _perform(session, context, row, actor, "propose")
    values = {"public_text": clean, "published_at": None}
    session.execute(update(report_table).where(report_table.c.incident_id == row["incident_id"]).values(**values))
    return clean


def publish(session: Session, context: NodeContext, row: RowMapping, actor: str, text: str) -> str:
    """Approve a text that was proposed, as it stands or corrected; from then on anybody may read it."""
    clean = _clean(row, text or row["public_text"] or "")
    _perform(session, context, row, actor, "publish")
    values = {"public_text": clean, "published_at": context.clock.now()}
    session.execute(update(report_table).where(report_table.c.incident_id == row["incident_id"]).values(**values))
    return clean


def _clean(row: RowMapping, text: str) -> str:
    clean = without_personal_data(tidy(text), row["reporter_name"] or "", row["reporter_phone"] or "")
    if not clean or len(clean) > _TEXT_LENGTH:
        words = "Nội dung công khai phải có từ 1 đến 2000 ký tự."
        raise Invalid(words, errors=[{"field": "text", "message": words}])
    return clean


def _perform(session: Session, context: NodeContext, row: RowMapping, actor: str, act: str) -> None:
    now = context.clock.now()
    audit.record(session, actor=actor, act=f"report.{act}", subject=row["incident_id"], detail="", now=now)
    desk = Desk(context.centre, actor, now, context.custody_locked())
    perform(session, desk, UUID(row["incident_id"]), act, version=None, fields={})
