"""Two-step approval by persons: who prepared does not approve, and a centre above accepts after its children.

What is approved is locked: this centre signs no further revision of it until a leader unlocks it with a reason. A rule
is set aside only by a recorded exception, whose reason travels, signed, with the approval.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from federation.ledger import UP, Lane, append, new_rid
from node import audit
from node.errors import Conflict, CustodyLocked, Invalid, Stale
from node.figures import approval_rows, rows
from node.figures.approval import KIND, LONGEST_REASON, MOST_STATES, Act, Approval, encode, mark_of
from node.figures.approval_rows import Approvals, Step
from node.figures.catalogue import Catalogue
from node.figures.gathering import Place, expected
from node.figures.period import Grain, Period
from node.figures.rows import Stated

if TYPE_CHECKING:
    from node.context import NodeContext

LONGEST = Grain.MONTH  # what one approval may cover
FIRST_REASON = 5
_BEFORE: Mapping[Act, frozenset[Act | None]] = {
    Act.PREPARE: frozenset({None, Act.RETURN, Act.UNLOCK, Act.PREPARE}),
    Act.APPROVE: frozenset({Act.PREPARE}),
    Act.RETURN: frozenset({Act.PREPARE}),
    Act.UNLOCK: frozenset({Act.APPROVE, Act.RETURN, Act.UNLOCK, None}),
}
_NOT_NOW: Mapping[Act, str] = {
    Act.PREPARE: "kỳ này đã duyệt và khóa: phải mở khóa trước",
    Act.APPROVE: "chưa có ai chuẩn bị: phải chuẩn bị trước rồi người khác duyệt",
    Act.RETURN: "không có gì đang chờ duyệt để trả lại",
    Act.UNLOCK: "đang chờ duyệt: hãy trả lại thay vì mở khóa",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Who takes a step."""

    username: str
    display_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which step is to be taken on which dataset, seen at which number; a reason where act or exception needs one."""

    dataset: str
    period: Period
    act: Act
    number: int
    reason: str = ""
    is_exception: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What a centre holds of one dataset and period when a step is to be taken."""

    me: str
    place: Place
    period: Period
    approvals: Approvals
    states: tuple[Stated, ...]
    children: tuple[str, ...]
    freezes_at: datetime

    @property
    def own(self) -> tuple[Stated, ...]:
        """What this centre signed itself, the last revision of each."""
        return self.of(self.me)

    def of(self, centre: str) -> tuple[Stated, ...]:
        """What a centre signed, the last revision of each."""
        return tuple(one for one in self.states if one.centre == centre)

    def has_accepted(self, centre: str) -> bool:
        """Whether a centre approved all that it has said, and has said something."""
        said = self.of(centre)
        return bool(said) and all((one.centre, one.hash) in self.approvals.approved for one in said)

    @property
    def waiting_for(self) -> tuple[str, ...]:
        """The children that have not approved what they say."""
        return tuple(sorted(name for name in self.children if not self.has_accepted(name)))

    @property
    def is_frozen(self) -> bool:
        """Whether the freeze date is over."""
        return self.place.now > self.freezes_at


def freeze_of(context: "NodeContext", period: Period) -> datetime:
    """After this a change of a period is an exception."""
    return period.end + timedelta(seconds=context.settings.figures.freeze_s)


def desk_of(session: Session, context: "NodeContext", place: Place, dataset: str, period: Period) -> Desk:
    """Read what a step on a dataset depends on."""
    catalogue = context.definitions
    states = rows.within(session, period)
    return Desk(
        me=context.centre.name,
        place=place,
        period=period,
        approvals=approval_rows.that_hold(approval_rows.steps_in(session, period.begin, period.end)),
        states=tuple(last_of_each(states, catalogue, dataset)),
        children=children_due(place, catalogue, dataset, period, context.settings.figures.period_s),
        freezes_at=freeze_of(context, period),
    )


def last_of_each(states: Iterable[Stated], catalogue: Catalogue, dataset: str) -> list[Stated]:
    """Of every centre, indicator, period and kind of saying (own books, or a total) the revision that holds."""
    found: dict[tuple[object, ...], Stated] = {}
    for one in states:
        said = one.statement
        definition = catalogue.find(said.indicator, said.version)
        if definition is None or definition.subject != dataset or definition.hash != said.definition_hash:
            continue
        key = (one.centre, said.indicator, said.version, said.period, said.area_code, said.fold is None)
        known = found.get(key)
        if known is None or one.order > known.order:
            found[key] = one
    return list(found.values())


def children_due(place: Place, catalogue: Catalogue, dataset: str, period: Period, seconds: int) -> tuple[str, ...]:
    """The centres directly below from which, or from below which, something of a dataset is due."""
    due: set[str] = set()
    first = Period.of(period.begin, seconds)
    for definition in catalogue.valid(period.last_date):
        if definition.subject == dataset:
            due |= set(expected(place, definition, first if period.grain is not definition.grain else period))
    registry = place.registry
    return tuple(
        child
        for child in registry.children_of(place.centre)
        if any(name == child or registry.is_descendant(name, child) for name in due)
    )


# taking a step -------------------------------------------------------------------------------------------------------


def perform(session: Session, context: "NodeContext", place: Place, person: Person, asked: Asked) -> Step:
    """Take one step, sign it for the centres above and write it into the audit; raises what a person did wrong."""
    if context.custody_locked():
        raise CustodyLocked
    desk = desk_of(session, context, place, asked.dataset, asked.period)
    last = desk.approvals.holds(desk.me, asked.dataset, context.centre.area_code, asked.period)
    _check(desk, last, person, asked)
    now = place.now
    said = Approval(
        dataset=asked.dataset,
        area_code=context.centre.area_code,
        period=asked.period,
        number=last.approval.number + 1 if last else 1,
        act=asked.act,
        states=tuple(sorted({one.hash for one in desk.own})),
        actor=person.display_name or person.username,
        actor_mark=mark_of(desk.me, person.username),
        reason=asked.reason.strip(),
        without=desk.waiting_for if asked.act is Act.APPROVE else (),
        is_after_freeze=desk.is_frozen,
        at=now,
        follows=last.hash if last else b"",
    )
    raw, rid = encode(said), new_rid(now, context.random)
    append(session, lane=Lane.REGULAR, audience=UP, kind=KIND, payload=raw, now=now, rid=rid)
    step = Step(rid=rid, centre=desk.me, approval=said, raw=raw, signed_at=now, received_at=now, via=desk.me)
    approval_rows.keep(session, step)
    audit.record(
        session,
        actor=person.username,
        act=f"figure.{said.act.value}",
        subject=f"{said.dataset} {said.period.key} {said.area_code}",
        detail={
            "number": said.number,
            "states": len(said.states),
            "reason": said.reason,
            "without": list(said.without),
            "after_freeze": said.is_after_freeze,
        },
        now=now,
    )
    return step


def _check(desk: Desk, last: Step | None, person: Person, asked: Asked) -> None:
    number, before = (last.approval.number, last.approval.act) if last else (0, None)
    if asked.number != number:
        raise Stale("có người vừa thay đổi: hãy xem lại rồi quyết định", extra={"number": number})
    if asked.period.grain.order > LONGEST.order:
        raise Invalid("kỳ quá dài", errors=[{"field": "period", "message": "chỉ duyệt đến từng tháng"}])
    if asked.period.end > desk.place.now:
        raise Conflict("kỳ chưa kết thúc")
    if before not in _BEFORE[asked.act] or (asked.act is Act.UNLOCK and not _may_unlock(desk, before)):
        raise Conflict(_NOT_NOW[asked.act])
    hashes = {one.hash for one in desk.own}
    if not hashes and asked.act is not Act.UNLOCK:  # after the freeze date a period without a word can be opened
        raise Conflict("trung tâm này chưa ký số liệu nào của kỳ này")
    if len(hashes) > MOST_STATES:
        raise Invalid(
            "quá nhiều số liệu cho một lần duyệt", errors=[{"field": "period", "message": "chọn kỳ ngắn hơn"}]
        )
    if asked.act is Act.APPROVE and last is not None:
        if last.approval.actor_mark == mark_of(desk.me, person.username):
            raise Conflict("người đã chuẩn bị không tự duyệt: cần một người khác")
        if set(last.approval.states) != hashes:
            raise Conflict("số liệu đã đổi từ khi chuẩn bị: cần chuẩn bị lại")
    _check_exceptions(desk, asked)


def _may_unlock(desk: Desk, before: Act | None) -> bool:
    """What is approved can be opened; what is not, only after the freeze date, which locks by itself."""
    return before is Act.APPROVE or desk.is_frozen


def _check_exceptions(desk: Desk, asked: Asked) -> None:
    needed = []
    if asked.act is Act.APPROVE and desk.waiting_for:
        needed.append("có cấp dưới chưa duyệt")
    if desk.is_frozen:
        needed.append("đã quá ngày khóa sổ")
    if needed and not asked.is_exception:
        names = list(desk.waiting_for) if asked.act is Act.APPROVE else []
        raise Conflict(
            f"{' và '.join(needed)}: chỉ làm được khi ghi nhận ngoại lệ có lý do",
            extra={"needs_exception": True, "without": names},
        )
    if (needed or asked.act in {Act.RETURN, Act.UNLOCK}) and len(asked.reason.strip()) < FIRST_REASON:
        raise Invalid("cần lý do", errors=[{"field": "reason", "message": f"ít nhất {FIRST_REASON} chữ"}])
    if len(asked.reason) > LONGEST_REASON:
        raise Invalid("lý do quá dài", errors=[{"field": "reason", "message": f"nhiều nhất {LONGEST_REASON} chữ"}])


# what is locked ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Locks:
    """Which revisions a centre may sign by itself now."""

    context: "NodeContext"
    approvals: Approvals
    now: datetime

    def holds_back(self, dataset: str, period: Period) -> bool:
        """Whether a further revision waits for a person: it is approved, or the freeze date is over."""
        me = self.context.centre.name
        if self.approvals.is_locked(me, dataset, period):
            return True
        return self.now > freeze_of(self.context, period) and not self.approvals.is_released(me, dataset, period)


def locks(session: Session, context: "NodeContext", periods: Sequence[Period], now: datetime) -> Locks:
    """Read what is locked in these periods."""
    return Locks(context, approval_rows.approvals_in(session, periods), now)
