"""Numbers that a person types: signed like any other state, marked as typed, with evidence, never changed in place."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from node import audit
from node.errors import Conflict, CustodyLocked, Forbidden, Invalid, Stale
from node.figures import closing, quality, rows
from node.figures.approving import FIRST_REASON, Person, locks
from node.figures.closing import Sheet
from node.figures.definition import Definition
from node.figures.figure import Status
from node.figures.gathering import due_at
from node.figures.period import Grain, Period
from node.figures.rows import Stated, newest
from node.figures.state import Cell, Cells, Dimensions, StateError, StateType, problem, read_decimal
from node.figures.wire import LONGEST_TEXT, Entry, Statement, misfit

if TYPE_CHECKING:
    from node.context import NodeContext

TYPED, CORRECTION = "typed", "correction"
_WHOLE = {
    StateType.COUNT: ("n",),
    StateType.SUM: ("n",),
    StateType.MEAN: ("n",),
    StateType.RATIO: ("numerator", "denominator"),
}
_EXACT = {
    StateType.SUM: ("total",),
    StateType.MEAN: ("total", "squares"),
    StateType.STOCK: ("value",),
    StateType.EXTERNAL: ("value",),
    StateType.MINMAX: ("least", "most"),
}
_TITLES = {
    "n": "Số trường hợp",
    "numerator": "Tử số",
    "denominator": "Mẫu số",
    "total": "Tổng",
    "squares": "Tổng bình phương",
    "value": "Giá trị",
    "least": "Nhỏ nhất",
    "most": "Lớn nhất",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """What somebody typed for one indicator and period, seen at which revision."""

    period: Period
    revision: int
    cells: Sequence[tuple[Dimensions, Mapping[str, str]]]
    evidence: str = ""
    evidence_sha256: bytes = b""
    note: str = ""
    is_confirmed: bool = False


def fields_of(definition: Definition) -> list[dict[str, str]]:
    """The numbers that a person types for one cell, in words."""
    names = (*_WHOLE.get(definition.state, ()), *_EXACT.get(definition.state, ()))
    return [{"name": name, "title": _TITLES[name]} for name in names]


def is_typed(context: "NodeContext", definition: Definition, fed: frozenset[str]) -> bool:
    """Whether people at this centre type an indicator: its definition allows it, and no book feeds it here."""
    return definition.entry and definition.code not in fed and closing.is_asked(context, definition)


def enter(session: Session, context: "NodeContext", definition: Definition, person: Person, typed: Typed) -> Statement:
    """Sign what was typed as the next revision; raises what is wrong with it, in words."""
    if context.custody_locked():
        raise CustodyLocked
    now = context.clock.now()
    before = _before(session, context, definition, typed.period)
    last = newest(before.get(typed.period, ()))
    _check(session, context, definition, typed, last, now)
    cells = _cells(definition, typed)
    marks = quality.broken(definition, cells, earlier(before, typed.period))
    if marks and not typed.is_confirmed:
        words = [{"field": "cells", "message": f"{rule.label} ({limit})"} for rule, limit in marks]
        raise Invalid("số khác thường: xác nhận và ghi rõ vì sao", errors=words, extra={"needs_confirmation": True})
    said = Statement(
        indicator=definition.code,
        version=definition.version,
        definition_hash=definition.hash,
        area_code=context.centre.area_code,
        period=typed.period,
        revision=last.statement.revision + 1 if last else 1,
        status=Status.FINAL if now <= due_at(definition, typed.period) else Status.LATE,
        kind=definition.state,
        cells=cells,
        supersedes=last.hash if last else b"",
        reason=CORRECTION if last else TYPED,
        entry=Entry(
            actor=person.display_name or person.username,
            evidence=typed.evidence.strip(),
            evidence_sha256=typed.evidence_sha256,
            note=typed.note.strip(),
            marks=tuple(rule.value for rule, _ in marks),
        ),
    )
    if last is not None:
        said = replace(said, status=last.statement.status)  # a correction of what came in time is not late
    wrong = misfit(definition, said)
    if wrong:
        raise Invalid("số liệu không hợp định nghĩa", errors=[{"field": "cells", "message": wrong}])
    closing.sign(session, context, [Sheet(typed.period, (said,))], now)
    audit.record(
        session,
        actor=person.username,
        act="figure.type",
        subject=f"{definition.name} {typed.period.key} {said.area_code}",
        detail={"revision": said.revision, "evidence": said.entry.evidence if said.entry else "", "note": typed.note},
        now=now,
    )
    return said


def _before(
    session: Session, context: "NodeContext", definition: Definition, period: Period
) -> dict[Period, list[Stated]]:
    """What this centre signed of an indicator for a period and for those before it, by period."""
    found: dict[Period, list[Stated]] = {}
    periods = [period.before(back) for back in range(quality.BEFORE + 1)]
    for one in periods:
        states = rows.in_periods(session, [one], rows.figure_state.c.centre == context.centre.name)
        fitting = [
            state
            for state in states
            if state.statement.fold is None and state.statement.definition_hash == definition.hash
        ]
        if fitting:
            found[one] = fitting
    return found


def earlier(before: Mapping[Period, Sequence[Stated]], period: Period) -> list[Cells]:
    """The cells that hold of the periods before one."""
    last = (newest(states) for one, states in before.items() if one < period)
    return [one.statement.cells for one in last if one is not None]


def _check(  # noqa: PLR0917 - what a refusal depends on
    session: Session,
    context: "NodeContext",
    definition: Definition,
    typed: Typed,
    last: Stated | None,
    now: datetime,
) -> None:
    if not definition.entry:
        raise Forbidden("chỉ tiêu này lấy từ sổ sách, không nhập tay")
    seconds = context.settings.figures.period_s
    is_stated = typed.period.seconds == seconds and Period.of(typed.period.begin, seconds) == typed.period
    is_bucket = is_stated and definition.grain is Grain.DAY
    if typed.period.grain is not definition.grain and not is_bucket:
        raise Invalid(
            "kỳ không hợp với chỉ tiêu", errors=[{"field": "period", "message": f"cần một {definition.grain.label}"}]
        )
    if typed.period.end > now:
        raise Conflict("kỳ chưa kết thúc")
    number = last.statement.revision if last else 0
    if typed.revision != number:
        raise Stale("có người vừa nhập: hãy xem lại rồi quyết định", extra={"revision": number})
    if last is not None and len(typed.note.strip()) < FIRST_REASON:
        raise Invalid("sửa số đã ký cần lý do", errors=[{"field": "note", "message": f"ít nhất {FIRST_REASON} chữ"}])
    if not typed.evidence.strip() and not typed.evidence_sha256:
        raise Invalid("cần căn cứ", errors=[{"field": "evidence", "message": "văn bản, hoặc mã băm của tệp"}])
    if max(len(typed.evidence), len(typed.note)) > LONGEST_TEXT:
        raise Invalid("quá dài", errors=[{"field": "evidence", "message": f"nhiều nhất {LONGEST_TEXT} chữ"}])
    if locks(session, context, [typed.period], now).holds_back(definition.subject, typed.period):
        raise Conflict("kỳ này đã khóa: lãnh đạo phải mở khóa trước, có lý do")


def _cells(definition: Definition, typed: Typed) -> Cells:
    found: dict[Dimensions, Cell] = {}
    for place, numbers in typed.cells:
        try:
            cell = _cell(definition.state, numbers)
            wrong = problem(definition.state, cell, definition.buckets)
        except (StateError, ValueError) as error:
            wrong, cell = str(error), Cell()
        if wrong or place in found:
            words = _WORDS.get(wrong or "", wrong or "một nhóm có hai lần")
            raise Invalid("số liệu không hợp lệ", errors=[{"field": "cells", "message": words}])
        found[place] = cell
    if not found:
        raise Invalid("chưa nhập số nào", errors=[{"field": "cells", "message": "ít nhất một số"}])
    return found


_WORDS = {"a part that is larger than the whole": "tử số lớn hơn mẫu số"}


def _cell(kind: StateType, numbers: Mapping[str, str]) -> Cell:
    whole, exact = _WHOLE.get(kind, ()), _EXACT.get(kind, ())
    strangers = numbers.keys() - {*whole, *exact}
    if strangers or not numbers:
        raise ValueError(f"cần: {', '.join(_TITLES[name] for name in (*whole, *exact))}")
    counts: dict[str, int] = {}
    for name in whole:
        text = numbers.get(name, "")
        if not text.isascii() or not text.isdigit() or len(text) > 18:  # noqa: PLR2004 - beyond this no count is meant
            raise ValueError(f"{_TITLES[name]}: cần một số nguyên")
        counts[name] = int(text)
    values: dict[str, Decimal] = {}
    for name in exact:
        try:
            values[name] = read_decimal(numbers.get(name, ""))
        except StateError as error:
            raise ValueError(f"{_TITLES[name]}: cần một số, viết như 12.5") from error
    return Cell(
        n=counts.get("n", 1 if kind is StateType.MINMAX else 0),
        numerator=counts.get("numerator", 0),
        denominator=counts.get("denominator", 0),
        total=values.get("total"),
        squares=values.get("squares"),
        value=values.get("value"),
        least=values.get("least"),
        most=values.get("most"),
    )
