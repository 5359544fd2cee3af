"""The tiles of the situation: each is a `Figure`, which cannot bear a number without its coverage and its age."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from node.api.alarms import is_offered_to
from node.api.links import peers_of
from node.context import NodeContext
from node.figures.figure import Coverage, Figure, Status
from node.figures.view import figure_view
from node.incident.value import CustodyState, Incident, Severity, overdue_cause
from node.incident.view import Look, centre_title
from node.presence import Presence, PresenceState
from node.reachability import SPEAKING, Reach, reach_of
from node.scope import AreaScope

_AREA_BOOK = ": sự cố của địa bàn này mà trung tâm biết, kể cả sự cố do nơi khác chịu trách nhiệm"
_BOOK = ": mọi sự cố mà trung tâm biết, kể cả sự cố do nơi khác chịu trách nhiệm (bản đồ chỉ đếm việc của từng nơi)"
_SIGNED = "Báo cáo có chữ ký của các trung tâm cấp dưới"


@dataclass(frozen=True, slots=True)
class Facts:
    """What the database knows at one moment."""

    open_now: Sequence[Incident]
    latest: Mapping[str, Presence]
    cut: frozenset[str]  # the neighbours whose line is down
    answered_for: int  # open incidents of the area that this centre has the duty of care for


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One figure at a glance, with what it counts, in which unit, where it is from, and who is missing."""

    key: str
    title: str
    unit: str
    state: str
    source: str
    figure: Figure
    missing: tuple[str, ...] = ()

    def view(self) -> dict[str, Any]:
        """The tile as the screens get it: whole numbers, and beside a part of a sum the names of those that lack."""
        shown = self.figure
        partial = {"value": _whole(shown.partial), "missing": list(self.missing)} if self.missing else None
        return {
            "key": self.key,
            "title": self.title,
            **figure_view(shown),
            "value": _whole(shown.value),
            "partial": partial,
            "unit": self.unit,
            "state": self.state,
            "source": self.source,
        }


def _whole(value: Decimal | None) -> int | None:
    return None if value is None else int(value)


def tiles_view(facts: Facts, look: Look, context: NodeContext, scope: AreaScope) -> list[dict[str, Any]]:
    """The figures; what a limited account gets bears the name of its area instead of the whole book's."""
    shown = [tile.view() for tile in tiles(facts, look, context, scope)]
    return [{**tile, "area_name": scope.name} for tile in shown] if scope.is_limited else shown


def tiles(facts: Facts, look: Look, context: NodeContext, scope: AreaScope) -> list[Tile]:
    """What is counted at a glance."""
    me, open_now = look.centre.name, facts.open_now
    grave = sum(one.severity >= Severity.HIGH for one in open_now)
    late = sum(overdue_cause(one, me, look.now) is not None for one in open_now)
    away = sum(one.custody.state is CustodyState.OFFERED and one.custody.holder == me for one in open_now)
    whole = _own(look, scope, "open", "Sự cố trong sổ của trung tâm, đang mở", len(open_now))
    found = [
        replace(whole, source=whole.source + (_AREA_BOOK if scope.is_limited else _BOOK)),
        _own(look, scope, "grave", "Khẩn và rất khẩn", grave, "alarm"),
        _own(look, scope, "overdue", "Quá hạn", late, "watch"),
    ]
    below = expected_below(look, scope)
    offered = sum(is_offered_to(one, me) for one in open_now)
    if below or offered:
        found.append(_own(look, scope, "offered", "Cấp dưới chuyển lên, chờ nhận", offered, "watch"))
    if look.centre.parent is not None:
        found.append(_own(look, scope, "away", "Chờ cấp trên nhận", away))
    if below:
        found += [_below(facts, look, below), _centres(facts, look, below)]
    return [*found, _links(look, context, scope)]


def _figure(key: str, value: int | None, received: int, expected: int, as_of: datetime | None) -> Figure:
    """A number of this moment: a value if all have spoken, and a part of one if some have."""
    number = None if value is None or not received else Decimal(value)
    is_whole = received == expected > 0
    return Figure(
        value=number if is_whole else None,
        partial=None if is_whole else number,
        coverage=Coverage(expected=expected, received=received),
        as_of=as_of if received else None,
        status=Status.PROVISIONAL,
        revision=0,
        definition=f"situation.{key}@1",
    )


def _own(  # noqa: PLR0917 - what a tile says, in the order in which it is read
    look: Look, scope: AreaScope, key: str, title: str, value: int, worst: str = "ok"
) -> Tile:
    """A figure that this centre's own book answers."""
    where = f", địa bàn {scope.name}" if scope.is_limited else ""
    return Tile(
        key=key,
        title=f"{title} ({scope.name})" if scope.is_limited else title,
        unit="sự cố",
        state=worst if value else "ok",
        source=f"Sổ sự cố của {look.centre.title}{where}",
        figure=_figure(key, value, 1, 1, look.now),
    )


def _below(facts: Facts, look: Look, below: Sequence[str]) -> Tile:
    """The open incidents that the centres below answer for, from their own signed statements."""
    spoken: dict[str, Presence] = {}
    for name in below:
        said = facts.latest.get(name)
        if said and said.state(look.now) in SPEAKING and said.open_incidents is not None:
            spoken[name] = said
    heard = sum(said.open_incidents or 0 for said in spoken.values())
    missing = tuple(centre_title(look.registry, name) for name in below if name not in spoken)
    as_of = min((said.as_of for said in spoken.values()), default=None)
    return Tile(
        key="below",
        title="Đang mở ở các trung tâm cấp dưới",
        unit="sự cố",
        state="unknown" if missing else "ok",
        source=f"{_SIGNED}: sự cố mà từng nơi đang chịu trách nhiệm",
        figure=_figure("below", heard, len(spoken), len(below), as_of),
        missing=missing,
    )


def _centres(facts: Facts, look: Look, below: Sequence[str]) -> Tile:
    """How many centres below are live. Of one that was heard once it is known whether it is; of others nothing is."""
    live = sum(how_reached(name, facts, look).state is PresenceState.LIVE for name in below)
    known = [facts.latest[name] for name in below if name in facts.latest]
    missing = tuple(centre_title(look.registry, name) for name in below if name not in facts.latest)
    as_of = max((said.received_at for said in known), default=None)
    return Tile(
        key="centres",
        title="Trung tâm cấp dưới đang trực tuyến",
        unit="trung tâm",
        state="unknown" if not known else "ok" if live == len(below) else "watch",
        source=_SIGNED,
        figure=_figure("centres", live, len(known), len(below), as_of),
        missing=missing,
    )


def _links(look: Look, context: NodeContext, scope: AreaScope) -> Tile:
    """What waits here to be sent: this centre's own queue, whether or not anybody takes it."""
    peers = peers_of(context.peers(), context, scope)
    waiting = sum(sum(peer.waiting.values()) for peer in peers)
    is_cut = any(not peer.connected for peer in peers)
    one = int(bool(peers))
    return Tile(
        key="waiting",
        title="Bản ghi chờ gửi",
        unit="bản ghi",
        state="unknown" if not peers else "watch" if is_cut else "ok",
        source=f"Hàng chờ của {look.centre.title}",
        figure=_figure("waiting", waiting, one, one, look.now),
    )


# who is spoken of ----------------------------------------------------------------------------------------------------


def expected_below(look: Look, scope: AreaScope) -> list[str]:
    """The centres from which a word is due: every active one below this and in the area, by the registry."""
    me = look.centre.name
    return [
        entry.name
        for entry in look.registry.centres
        if entry.state == "active"
        and entry.name != me
        and look.registry.is_descendant(entry.name, me)
        and scope.covers(entry.code)
    ]


def how_reached(name: str, facts: Facts, look: Look) -> Reach:
    """How it stands with a centre, by what was heard of it and which lines are down."""
    return reach_of(name, facts.latest, look.registry, look.centre.name, look.now, cut=facts.cut)
