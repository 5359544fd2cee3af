"""Figures over HTTP: the list of a period, one figure down to the signed states, and the export."""

from datetime import date
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from node import audit
from node.access import Permission, Principal, check_within, require
from node.api import figure_models
from node.context import NodeContext
from node.errors import Invalid, NotFound
from node.figures import closing, datasets, detail, entering, publishing, rows, view
from node.figures.approval import Act
from node.figures.book import Book, open_book
from node.figures.definition import Definition
from node.figures.export import Origin, as_csv
from node.figures.feeding import sources
from node.figures.gathering import Place
from node.figures.period import DAY_S, Grain, Period, PeriodError, last_closed, last_of
from node.figures.spans import MOST_BUCKETS
from node.scope import scope_of
from node.territory import LOCAL_ZONE

router = APIRouter(prefix="/api/v1/figures", tags=["figures"])

MOST_PERIODS = 60
Reader = Annotated[Principal, Depends(require(Permission.FIGURE_READ))]
NEEDS = {Act.PREPARE: Permission.FIGURE_PREPARE}


class FiguresRequest(BaseModel):
    """Which figures: of a period, or the newest one of a length that is over; of an area; of one indicator or all."""

    indicator: str = Field(default="", max_length=128)
    period: str = Field(default="", max_length=40, description="`2026-11-24`, `2026-W47`, `2026-11`, `2026-Q4`, `2026`")
    grain: Literal["", "day", "week", "month", "quarter", "year"] = ""
    area: str = Field(default="", max_length=16)


class ExportRequest(FiguresRequest):
    """The same, and for whom: what is published withholds small cells."""

    audience: Literal["public", "internal"] = "public"


@router.get(
    "",
    responses={200: {"model": figure_models.FiguresAnswer}},
    summary="The figures of a period, each with its coverage and age",
)
def figures(request: Request, principal: Reader, asked: Annotated[FiguresRequest, Query()]) -> dict[str, Any]:
    """Tell each figure with value or unknown, who is missing, and what is kept without a known definition."""
    context: NodeContext = request.app.state.node
    period, place = period_and_place(request, context, principal, asked)

    def read(session: Session) -> dict[str, Any]:
        book = book_of(session, context, place, period)
        wanted = wanted_of(book, asked.indicator)
        last_year = _last_year(session, context, book)
        return {
            **_head(session, context, principal, book),
            "items": [one | {"last_year": _compared(last_year, one["code"])} for one in view.listed(book, wanted)],
            "datasets": datasets.datasets_view(session, context, book, lambda act: may(context, principal, act)),
            "unread": view.unread(book, context.definitions),
        }

    return context.database.read(read)


@router.get(
    "/export.csv",
    responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
    summary="The same figures as a table for a spreadsheet",
)
def export(request: Request, principal: Reader, asked: Annotated[ExportRequest, Query()]) -> Response:
    """Give CSV in which each line bears its label and source; without `audience=internal` small cells are withheld."""
    context: NodeContext = request.app.state.node
    period, place = period_and_place(request, context, principal, asked)
    is_public = asked.audience == "public"

    def read(session: Session) -> dict[str, Any]:
        book = book_of(session, context, place, period)
        wanted = wanted_of(book, asked.indicator)
        items = publishing.published(book, wanted) if is_public else view.listed(book, wanted)
        return {**_head(session, context, principal, book), "items": items}

    found = context.database.read(read)
    if not is_public:
        _note_export(context, principal, found)
    filters = f"kỳ {period.key}; địa bàn {found['area_name']}; chỉ tiêu {asked.indicator or 'tất cả'}"
    origin = Origin(
        source=f"Số liệu tại {context.centre.title}", filters=filters, made_at=place.now, is_public=is_public
    )
    key = found["period"].replace(":", "").replace("/", "_")
    name = f"so-lieu-{found['area_code']}-{key}{'' if is_public else '-noi-bo'}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(as_csv(found, origin).encode("utf-8-sig"), media_type="text/csv; charset=utf-8", headers=headers)


@router.get(
    "/{code}",
    responses={200: {"model": figure_models.FigureDetail}},
    summary="One figure with the share of each centre, all revisions and their signatures",
)
def one_figure(
    request: Request, principal: Reader, code: str, asked: Annotated[FiguresRequest, Query()]
) -> dict[str, Any]:
    """Tell who signed which state when, what took its place, and whether each still verifies now."""
    context: NodeContext = request.app.state.node
    period, place = period_and_place(request, context, principal, asked)

    def read(session: Session) -> dict[str, Any]:
        book = book_of(session, context, place, period)
        (definition,) = wanted_of(book, code)
        found = detail.detail(session, book, definition)
        last_year = _compared(_last_year(session, context, book), code)
        return found | {"last_year": last_year, "entry": _entry(context, principal, book, definition)}

    return context.database.read(read) | {"at": place.now.isoformat()}


# what is asked for ---------------------------------------------------------------------------------------------------


def book_of(session: Session, context: NodeContext, place: Place, period: Period) -> Book:
    """All that is held of a period."""
    return open_book(session, place, period, context.definitions, context.settings.figures.period_s)


def wanted_of(book: Book, code: str) -> list[Definition]:
    """The indicators that are asked for; raises NotFound."""
    wanted = [one for one in book.definitions() if code in {"", one.code}]
    if code and not wanted:
        raise NotFound("không có chỉ tiêu này")
    return wanted


def may(context: NodeContext, principal: Principal, act: Act) -> bool:
    """Whether somebody may take a step of an approval at all; who sees a part of the area only may none."""
    is_able = NEEDS.get(act, Permission.FIGURE_APPROVE) in principal.permissions
    return is_able and not scope_of(context, principal).is_limited


def period_and_place(
    request: Request, context: NodeContext, principal: Principal, asked: FiguresRequest
) -> tuple[Period, Place]:
    """The period and the area, if it lies in this person's and in the centre's; raises NotFound otherwise."""
    period = _period(context, asked)
    own = context.centre.area_code
    area = asked.area or scope_of(context, principal).code
    check_within(request, principal, area)
    if area != own and not context.territory.is_inside(area, own, period.local_date):
        raise NotFound("không có số liệu của địa bàn này tại trung tâm")
    return period, closing.place_of(context, context.clock.now(), area)


def _period(context: NodeContext, asked: FiguresRequest) -> Period:
    seconds, now = context.settings.figures.period_s, context.clock.now()
    try:
        if asked.period:
            period = Period.parse(asked.period)
        elif asked.grain in {"", Grain.DAY} and (seconds == DAY_S or not asked.grain):
            period = last_closed(now, seconds)
        else:
            period = last_of(now, Grain(asked.grain))
    except PeriodError as error:
        raise Invalid("kỳ không hợp lệ", errors=[{"field": "period", "message": "không phải một kỳ"}]) from error
    if period.grain is not Grain.BUCKET and period.seconds > MOST_BUCKETS * seconds:
        message = "quá nhiều kỳ ngắn trong đó"
        raise Invalid("kỳ quá dài", errors=[{"field": "period", "message": message}])
    return period


# what an answer says beside the figures ------------------------------------------------------------------------------


def _head(session: Session, context: NodeContext, principal: Principal, book: Book) -> dict[str, Any]:
    period, place = book.period, book.place
    on = min(period.last_date, place.now.astimezone(LOCAL_ZONE).date())
    area = context.territory.area(place.area_code, max(on, period.local_date))
    seconds = context.settings.figures.period_s
    return {
        "at": place.now.isoformat(),
        "period": period.key,
        "period_end": period.end.isoformat(),
        "grain": period.grain.value,
        "grains": view.grains_view(seconds, MOST_BUCKETS),
        "periods": _periods(session, context, book),
        "area_code": place.area_code,
        "area_name": area.name if area else context.centre.title,
        "centre_title": context.centre.title,
        "scope": scope_of(context, principal).told(),
        "tree_label": context.territory.tree_label,
    }


def _periods(session: Session, context: NodeContext, book: Book) -> list[dict[str, Any]]:
    seconds, now, grain = context.settings.figures.period_s, book.place.now, book.period.grain
    if book.period.seconds == seconds or grain is Grain.BUCKET:
        return view.periods_view(rows.known_periods(session, MOST_PERIODS), last_closed(now, seconds))
    oldest: date = (rows.oldest(session) or now).astimezone(LOCAL_ZONE).date()
    newest = Period.around(now.astimezone(LOCAL_ZONE).date(), grain)
    found = [newest]
    while len(found) < MOST_PERIODS and found[-1].local_date > oldest:
        found.append(found[-1].before())
    return view.periods_view([*found, book.period], newest)


def _last_year(session: Session, context: NodeContext, book: Book) -> Book | None:
    """The same period of the year before, where anything is held of it."""
    earlier = book.period.year_before()
    if earlier is None:
        return None
    found = book_of(session, context, book.place, earlier)
    return found if found.states else None


def _compared(book: Book | None, code: str) -> dict[str, Any] | None:
    """A figure of the year before, with its own label."""
    wanted = [one for one in book.definitions() if one.code == code] if book is not None else []
    if book is None or not wanted:
        return None
    found = book.gather(wanted[0])
    return {"period": book.period.key, **view.figure_view(found.figure(0))} if found.coverage.received else None


def _entry(context: NodeContext, principal: Principal, book: Book, definition: Definition) -> dict[str, Any] | None:
    """What a person may type here; null where books give it, or this person may not."""
    fed = frozenset(source.indicator for source in sources(context))
    is_here = book.place.area_code == context.centre.area_code and book.parts(definition) == [book.period]
    is_able = may(context, principal, Act.PREPARE) and entering.is_typed(context, definition, fed)
    if not (is_here and is_able):
        return None
    signed = view.states_of(book, definition, context.centre.name)
    return {"fields": entering.fields_of(definition), "revision": signed[-1].statement.revision if signed else 0}


def _note_export(context: NodeContext, principal: Principal, found: dict[str, Any]) -> None:
    """What leaves with small cells in it is written down before it leaves."""
    now, subject = context.clock.now(), f"{found['area_code']} {found['period']}"
    context.database.write(
        lambda session: audit.record(
            session, actor=principal.username, act="figure.export", subject=subject, detail="internal", now=now
        )
    )
