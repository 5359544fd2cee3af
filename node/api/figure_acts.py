"""What people do to figures: prepare and approve, type, and note what came out of a mark."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from node import audit
from node.access import Permission, Principal, check_within, require
from node.api.figures import FiguresRequest, book_of, may, period_and_place, wanted_of
from node.context import NodeContext
from node.errors import Forbidden, Invalid, NotFound
from node.figures import approving, datasets, entering, noting
from node.figures.approval import Act
from node.figures.approving import Asked, Person
from node.figures.entering import Typed
from node.figures.feeding import sources
from node.figures.gathering import Place
from node.figures.noting import Note
from node.figures.period import Period

router = APIRouter(prefix="/api/v1/figures", tags=["figures"])

Preparer = Annotated[Principal, Depends(require(Permission.FIGURE_PREPARE))]
_SHA256 = r"^([0-9a-f]{64})?$"


class ApprovalRequest(BaseModel):
    """One step on a dataset, as it was seen at a number; `exception` says that a rule is set aside for the reason."""

    model_config = ConfigDict(extra="forbid")

    dataset: str = Field(max_length=64)
    period: str = Field(max_length=40)
    act: Act
    number: int = Field(ge=0, description="The number of the last step that was seen; 0 if there was none.")
    reason: str = Field(default="", max_length=1000)
    exception: bool = False


class TypedCell(BaseModel):
    """The numbers of one cell, each as text, exactly as it is meant."""

    model_config = ConfigDict(extra="forbid")

    dimensions: list[str] = Field(default=[], max_length=8)
    numbers: dict[str, str] = Field(max_length=4)


class EntryRequest(BaseModel):
    """What somebody types for a period, with what it was taken from; a change of what was signed needs a note."""

    model_config = ConfigDict(extra="forbid")

    period: str = Field(max_length=40)
    revision: int = Field(ge=0, description="The revision that was seen; 0 if there was none.")
    cells: list[TypedCell] = Field(max_length=200)
    evidence: str = Field(default="", max_length=1000)
    evidence_sha256: str = Field(default="", pattern=_SHA256)
    note: str = Field(default="", max_length=1000)
    confirmed: bool = False


class NoteRequest(BaseModel):
    """What came out when somebody followed up a mark on a centre's share."""

    model_config = ConfigDict(extra="forbid")

    period: str = Field(max_length=40)
    centre: str = Field(max_length=64)
    rule: str = Field(max_length=32)
    note: str = Field(min_length=5, max_length=1000)


@router.post("/approvals", summary="Prepare, approve, return or unlock a dataset of a period")
def approve(request: Request, principal: Preparer, asked: ApprovalRequest) -> dict[str, Any]:
    """Sign one step; who prepared does not approve, and children approve before unless an exception is recorded."""
    context: NodeContext = request.app.state.node
    if not may(context, principal, asked.act):
        raise Forbidden("bước này là của lãnh đạo, với tài khoản của toàn trung tâm")
    period, place = _own(request, context, principal, asked.period)
    wanted = Asked(
        dataset=asked.dataset,
        period=period,
        act=asked.act,
        number=asked.number,
        reason=asked.reason,
        is_exception=asked.exception,
    )

    def step(session: Session) -> dict[str, Any]:
        known = {one.subject for one in context.definitions.definitions.values()}
        if asked.dataset not in known:
            raise NotFound("không có bộ số liệu này")
        approving.perform(session, context, place, _person(principal), wanted)
        book = book_of(session, context, place, period)
        found = datasets.datasets_view(session, context, book, lambda act: may(context, principal, act))
        return next((one for one in found if one["dataset"] == asked.dataset), {})

    return context.database.write(step, urgent=True)


@router.post("/{code}/entries", summary="Type the numbers of an indicator that no book feeds")
def enter(request: Request, principal: Preparer, code: str, asked: EntryRequest) -> dict[str, Any]:
    """Sign what was typed as the next revision, marked as typed and with its evidence."""
    context: NodeContext = request.app.state.node
    if not may(context, principal, Act.PREPARE):
        raise Forbidden("chỉ tài khoản của toàn trung tâm được nhập số liệu")
    period, place = _own(request, context, principal, asked.period)
    fed = frozenset(source.indicator for source in sources(context))
    typed = Typed(
        period=period,
        revision=asked.revision,
        cells=[(tuple(one.dimensions), one.numbers) for one in asked.cells],
        evidence=asked.evidence,
        evidence_sha256=bytes.fromhex(asked.evidence_sha256),
        note=asked.note,
        is_confirmed=asked.confirmed,
    )

    def step(session: Session) -> dict[str, Any]:
        (definition,) = wanted_of(book_of(session, context, place, period), code)
        if not entering.is_typed(context, definition, fed):
            raise Forbidden("chỉ tiêu này không nhập tay ở đây")
        said = entering.enter(session, context, definition, _person(principal), typed)
        return {"indicator": code, "period": period.key, "state_revision": said.revision, "reason": said.reason}

    return context.database.write(step, urgent=True)


@router.post("/{code}/notes", summary="Note what came out of a value that looked wrong")
def note(request: Request, principal: Preparer, code: str, asked: NoteRequest) -> dict[str, Any]:
    """Keep the note beside the mark, and write it into the audit; the value is not changed."""
    context: NodeContext = request.app.state.node
    wanted = FiguresRequest(period=asked.period)
    period, place = period_and_place(request, context, principal, wanted)
    now = context.clock.now()

    def step(session: Session) -> dict[str, Any]:
        book = book_of(session, context, place, period)
        (definition,) = wanted_of(book, code)
        part = next((one for one in book.gather(definition).parts if one.centre == asked.centre), None)
        broken = {rule.value for rule, _ in book.broken(definition, part)} if part is not None else set()
        if part is None or part.stated is None or asked.rule not in broken:
            raise NotFound("số này không có dấu như vậy")
        by = principal.display_name or principal.username
        noting.add(session, part.stated.hash, asked.rule, Note(by, now, asked.note.strip()))
        audit.record(
            session,
            actor=principal.username,
            act="figure.note",
            subject=f"{definition.name} {period.key} {asked.centre}",
            detail={"rule": asked.rule, "note": asked.note},
            now=now,
        )
        return {"noted": True}

    return context.database.write(step)


def _own(request: Request, context: NodeContext, principal: Principal, key: str) -> tuple[Period, Place]:
    """A period at the centre's own area."""
    if not key:
        raise Invalid("cần một kỳ", errors=[{"field": "period", "message": "không phải một kỳ"}])
    check_within(request, principal, context.centre.area_code)
    asked = FiguresRequest(period=key, area=context.centre.area_code)
    return period_and_place(request, context, principal, asked)


def _person(principal: Principal) -> Person:
    return Person(username=principal.username, display_name=principal.display_name)
