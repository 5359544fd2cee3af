"""Figures over HTTP: the list of a period, one figure down to the signed states, and the export."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from node.access import Permission, Principal, check_within, require
from node.context import NodeContext
from node.errors import Invalid, NotFound
from node.figures import closing, detail, rows, view
from node.figures.definition import Definition
from node.figures.export import as_csv
from node.figures.gathering import Place
from node.figures.period import Period, PeriodError, last_closed

router = APIRouter(prefix="/api/v1/figures", tags=["figures"])

MOST_PERIODS = 60
Reader = Annotated[Principal, Depends(require(Permission.FIGURE_READ))]


class FiguresRequest(BaseModel):
    """Which figures: of a period (the newest that is over if none is named), an area, and one indicator or all."""

    indicator: str = Field(default="", max_length=128)
    period: str = Field(default="", max_length=40)
    area: str = Field(default="", max_length=16)


@router.get("", summary="The figures of a period, each with its coverage and age")
def figures(request: Request, principal: Reader, asked: Annotated[FiguresRequest, Query()]) -> dict[str, Any]:
    """Tell each figure with value or unknown, who is missing, and what is kept without a known definition."""
    context: NodeContext = request.app.state.node
    return _listed(request, context, principal, asked)


@router.get(
    "/export.csv",
    responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
    summary="The same figures as a table for a spreadsheet",
)
def export(request: Request, principal: Reader, asked: Annotated[FiguresRequest, Query()]) -> Response:
    """Give CSV in which each line bears its coverage, age, status and revision, and no cell is a formula."""
    context: NodeContext = request.app.state.node
    found = _listed(request, context, principal, asked)
    name = f"so-lieu-{found['area_code']}-{found['period'].replace(':', '').replace('/', '_')}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(as_csv(found).encode("utf-8-sig"), media_type="text/csv; charset=utf-8", headers=headers)


@router.get("/{code}", summary="One figure with the share of each centre, all revisions and their signatures")
def one_figure(
    request: Request, principal: Reader, code: str, asked: Annotated[FiguresRequest, Query()]
) -> dict[str, Any]:
    """Tell who signed which state when, what took its place, and whether each still verifies now."""
    context: NodeContext = request.app.state.node
    period = _period(context, asked.period)
    place = _place(request, context, principal, asked.area, period)
    definition = next((one for one in context.definitions.valid(period.local_date) if one.code == code), None)
    if definition is None:
        raise NotFound("không có chỉ tiêu này")
    found = context.database.read(
        lambda session: detail.detail(session, view.open_book(session, place, period), definition)
    )
    return found | {"at": place.now.isoformat()}


def _listed(request: Request, context: NodeContext, principal: Principal, asked: FiguresRequest) -> dict[str, Any]:
    period = _period(context, asked.period)
    place = _place(request, context, principal, asked.area, period)
    definitions = context.definitions.valid(period.local_date)
    wanted = [one for one in definitions if not asked.indicator or one.code == asked.indicator]
    if asked.indicator and not wanted:
        raise NotFound("không có chỉ tiêu này")
    return context.database.read(lambda session: _answer(session, context, place, period, wanted))


def _answer(
    session: Session, context: NodeContext, place: Place, period: Period, wanted: list[Definition]
) -> dict[str, Any]:
    book = view.open_book(session, place, period)
    known = rows.known_periods(session, MOST_PERIODS)
    area = context.territory.area(place.area_code, period.local_date)
    return {
        "at": place.now.isoformat(),
        "period": period.key,
        "period_end": period.end.isoformat(),
        "periods": view.periods_view(known, last_closed(place.now, context.settings.figures.period_s)),
        "area_code": place.area_code,
        "area_name": area.name if area else context.centre.title,
        "tree_label": context.territory.tree_label,
        "items": view.listed(book, wanted),
        "unread": view.unread(book, context.definitions),
    }


def _place(request: Request, context: NodeContext, principal: Principal, asked: str, period: Period) -> Place:
    """The area that is asked for, if it lies in this person's and in the centre's; raises NotFound otherwise."""
    own = context.centre.area_code
    area = asked or principal.area_code or own
    check_within(request, principal, area)
    if area != own and not context.territory.is_inside(area, own, period.local_date):
        raise NotFound("không có số liệu của địa bàn này tại trung tâm")
    return closing.place_of(context, context.clock.now(), area)


def _period(context: NodeContext, key: str) -> Period:
    if not key:
        return last_closed(context.clock.now(), context.settings.figures.period_s)
    try:
        return Period.parse(key)
    except PeriodError as error:
        raise Invalid("kỳ không hợp lệ", errors=[{"field": "period", "message": "không phải một kỳ"}]) from error
