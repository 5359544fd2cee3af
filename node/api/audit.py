"""Read the record of who did and who read what: by page, by filter, or as a table. Nothing changes it."""

import csv
import io
import json
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import AwareDatetime

from node import audit
from node.access import Permission, Principal, require
from node.audit import Entry, Search
from node.context import NodeContext
from node.scope import scope_of

router = APIRouter(prefix="/api/v1/audit", tags=["audit"])

Reader = Annotated[Principal, Depends(require(Permission.AUDIT_READ))]

_PIECE = 500
_LARGEST = 2**63 - 1
MOST_ROWS = 100_000
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%", "＝", "＋", "－", "＠")


def search(  # noqa: PLR0917 - the fields of the form
    request: Request,
    reader: Reader,
    actor: Annotated[str, Query(max_length=100)] = "",
    act: Annotated[str, Query(max_length=64)] = "",
    subject: Annotated[str, Query(max_length=200)] = "",
    since: AwareDatetime | None = None,
    until: AwareDatetime | None = None,
) -> Search:
    """Read what a request looks for, within what its reader may see."""
    areas = scope_of(request.app.state.node, reader).codes
    return Search(actor=actor, act=act, subject=subject, since=since, until=until, areas=areas)


Sought = Annotated[Search, Depends(search)]


@router.get("", summary="The newest lines of the audit")
def lines(
    request: Request,
    sought: Sought,
    reader: Reader,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    before: Annotated[int | None, Query(ge=1, le=_LARGEST)] = None,
) -> dict[str, Any]:
    """Give lines newest first; `next_before` continues with older ones."""
    context: NodeContext = request.app.state.node
    entries = context.database.read(lambda session: audit.recent(session, limit=limit, before=before, search=sought))
    items = [
        {
            "position": entry.position,
            "at": entry.at.isoformat(),
            "actor": entry.actor,
            "act": entry.act,
            "subject": entry.subject,
            "detail": entry.detail,
        }
        for entry in entries
    ]
    before = entries[-1].position if len(entries) == limit else None
    return {"items": items, "next_before": before, "area": scope_of(context, reader).told()}


@router.get("/acts", summary="The acts that occur in the audit")
def acts(request: Request, reader: Reader) -> dict[str, list[str]]:
    """List them for a filter."""
    context: NodeContext = request.app.state.node
    areas = scope_of(context, reader).codes
    return {"items": list(context.database.read(lambda session: audit.acts(session, areas)))}


@router.get(
    "/table",
    responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
    summary="The audit as a table (CSV), the newest lines first",
)
def table(request: Request, sought: Sought, reader: Reader) -> StreamingResponse:
    """Give up to a hundred thousand lines; that somebody took them along is a line itself."""
    context: NodeContext = request.app.state.node
    now = context.clock.now()
    asked = (name for name in sought.__slots__ if name != "areas" and getattr(sought, name))
    detail = {name: str(getattr(sought, name)) for name in asked}
    if reader.area_code:
        detail["area_code"] = reader.area_code
    context.database.write(
        lambda session: audit.record(
            session, actor=reader.username, act="audit.export", subject="audit", detail=detail, now=now
        )
    )
    name = f"audit-{context.centre.code}-{now:%Y%m%d-%H%M}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(_table(context, sought), media_type="text/csv; charset=utf-8", headers=headers)


def cell(text: str) -> str:
    """Give a text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) or text.startswith(_FORMULA) else text


def _table(context: NodeContext, sought: Search) -> Iterator[str]:
    yield "\ufeff" + _row(["position", "at", "actor", "act", "subject", "detail"])
    before: int | None = None
    for _ in range(MOST_ROWS // _PIECE):
        entries = context.database.read(_piece(sought, before))
        yield "".join(_row(_cells(one)) for one in entries)
        if len(entries) < _PIECE:
            return
        before = entries[-1].position


def _piece(sought: Search, before: int | None) -> Any:  # noqa: ANN401 - a step of the reader
    return lambda session: audit.recent(session, limit=_PIECE, before=before, search=sought)


def _cells(one: Entry) -> list[str]:
    return [
        str(one.position),
        _time(one.at),
        one.actor,
        one.act,
        one.subject,
        json.dumps(one.detail, ensure_ascii=False),
    ]


def _time(at: datetime) -> str:
    return at.isoformat(timespec="seconds")


def _row(cells: list[str]) -> str:
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL).writerow([cell(one) for one in cells])
    return out.getvalue()
