"""Where a centre works: administrative units with validity in time, as data and never as code.

Units are keyed by (code, valid_from): a code is used again for another unit after a merger, a name is no key at all.
Who belongs to whom is a dated edge of its own, because an unchanged commune changes its parent when a tier is
abolished. A file may say ``as_of``: it then describes the tree of that day, and a later day is answered with it, which
the label says wherever the tree is shown.
"""

import json
import math
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta, timezone
from enum import StrEnum
from itertools import pairwise
from pathlib import Path
from typing import Any

from node.outline import Point, Polygon, distance_m

LOCAL_ZONE = timezone(timedelta(hours=7), "Asia/Ho_Chi_Minh")


class Tier(StrEnum):
    """What a centre was configured to be; nothing but settings and this file compares with it."""

    IOC = "ioc"
    OC = "oc"
    COC = "coc"

    @property
    def full_title(self) -> str:
        """The name of the tier as the guidance writes it."""
        return _TIER_TITLES[self]


_TIER_TITLES = {
    Tier.IOC: "Trung tâm giám sát, điều hành thông minh cấp tỉnh",
    Tier.OC: "Trung tâm điều hành sở, ngành, cấp huyện",
    Tier.COC: "Trung tâm điều hành cấp xã",
}


class TerritoryError(ValueError):
    """A territory file that contradicts itself; the message lists every problem found."""


@dataclass(frozen=True, slots=True)
class Area:
    """An administrative unit as it was between two dates (valid_to is the first day on which it was no more)."""

    code: str
    name: str
    kind: str
    valid_from: date
    valid_to: date | None = None
    parent_code: str | None = None
    point: Point | None = None
    radius_m: float | None = None
    polygon: Polygon | None = None
    approximate: str = ""

    def is_valid(self, on: date) -> bool:
        """Whether the unit existed on that day."""
        return self.valid_from <= on and (self.valid_to is None or on < self.valid_to)


@dataclass(frozen=True, slots=True)
class Edge:
    """A unit belonged to another between two dates."""

    child: str
    parent: str
    valid_from: date
    valid_to: date | None = None

    def is_valid(self, on: date) -> bool:
        """Whether the edge held on that day."""
        return self.valid_from <= on and (self.valid_to is None or on < self.valid_to)


@dataclass(frozen=True, slots=True)
class Succession:
    """From a date on, (part of) one unit lies in another; ``part`` is "full" or "partial"."""

    on: date
    from_code: str
    from_name: str
    to_code: str
    to_name: str
    part: str = "full"


@dataclass(frozen=True, slots=True)
class Centre:
    """A centre as a node knows it: its registry name is its identity, all else is dated description."""

    name: str
    code: str
    title: str
    tier: Tier
    area_code: str
    parent: str | None = None


@dataclass(frozen=True, slots=True)
class Territory:
    """The units of a file, looked up by code and day."""

    tree_label: str
    as_of: date | None
    areas: Mapping[str, tuple[Area, ...]]
    edges: Mapping[str, tuple[Edge, ...]]
    successions: tuple[Succession, ...] = ()

    @classmethod
    def load(cls, path: Path, polygons: Path | None = None) -> "Territory":
        """Read a territory file and, where one lies beside it, the polygons that were imported for it.

        Raises TerritoryError with every problem of the file.
        """
        with path.open("rb") as file:
            facts = tomllib.load(file)
        outlines = polygons or polygon_file(path)
        features = json.loads(outlines.read_bytes())["features"] if outlines.exists() else []
        return build(facts, features)

    def day(self, on: date) -> date:
        """The day whose tree answers for ``on``."""
        return min(on, self.as_of) if self.as_of else on

    def local_date(self, now: datetime) -> date:
        """The calendar day at the centres at that moment."""
        return now.astimezone(LOCAL_ZONE).date()

    def area(self, code: str, on: date) -> Area | None:
        """The unit that bore this code on that day, with its parent of that day."""
        day = self.day(on)
        for area in self.areas.get(code, ()):
            if area.is_valid(day):
                return replace(area, parent_code=self.parent_code(code, on))
        return None

    def all_areas(self, on: date) -> tuple[Area, ...]:
        """Every unit of that day, by code."""
        found = (self.area(code, on) for code in sorted(self.areas))
        return tuple(area for area in found if area is not None)

    def parent_code(self, code: str, on: date) -> str | None:
        """The unit above on that day; None at the top or for an unknown code."""
        day = self.day(on)
        return next((edge.parent for edge in self.edges.get(code, ()) if edge.is_valid(day)), None)

    def children(self, code: str, on: date) -> tuple[Area, ...]:
        """The units directly below on that day, by code."""
        return tuple(area for area in self.all_areas(on) if area.parent_code == code)

    def path(self, code: str, on: date) -> tuple[Area, ...]:
        """The unit and everything above it on that day, from below."""
        found: list[Area] = []
        area = self.area(code, on)
        while area is not None and area not in found:
            found.append(area)
            area = self.area(area.parent_code, on) if area.parent_code else None
        return tuple(found)

    def is_inside(self, code: str, ancestor: str, on: date) -> bool:
        """Whether a unit is, or lies below, another on that day; unknown units lie nowhere."""
        return any(area.code == ancestor for area in self.path(code, on))

    def place_of(self, code: str, on: date) -> Point | None:
        """Where to draw a unit: its own point, or the middle of the points below it."""
        area = self.area(code, on)
        if area is None or area.point is not None:
            return area.point if area else None
        points = [point for child in self.children(code, on) if (point := self.place_of(child.code, on))]
        if not points:
            return None
        return Point(sum(p.lat for p in points) / len(points), sum(p.lon for p in points) / len(points))

    def locate(self, lat: float, lon: float, on: date) -> Area | None:
        """The lowest unit at a place: by outline where there is one, else the nearest centre within its radius.

        None outside of the territory, and for what is no place on earth.
        """
        if not (math.isfinite(lat) and math.isfinite(lon) and abs(lat) <= 90 and abs(lon) <= 180):  # noqa: PLR2004 - the degrees of the globe
            return None
        place = Point(lat, lon)
        areas = self.all_areas(on)
        parents = {area.parent_code for area in areas}
        lowest = [area for area in areas if area.code not in parents]
        for area in lowest:
            if area.polygon is not None and area.polygon.contains(place):
                return area
        near = [
            (distance, area)
            for area in lowest
            if area.polygon is None and area.point is not None and area.radius_m is not None
            if (distance := distance_m(place, area.point)) <= area.radius_m
        ]
        return min(near, key=lambda pair: (pair[0], pair[1].code))[1] if near else None

    def successors(self, code: str, on: date) -> tuple[Succession, ...]:
        """What became of the unit of that day when it ended, with the part that went there."""
        ends = [area.valid_to for area in self.areas.get(code, ()) if area.is_valid(self.day(on))]
        return tuple(link for link in self.successions if link.from_code == code and link.on in ends)

    def predecessors(self, code: str, on: date) -> tuple[Succession, ...]:
        """What the unit of that day was made of."""
        begins = [area.valid_from for area in self.areas.get(code, ()) if area.is_valid(self.day(on))]
        return tuple(link for link in self.successions if link.to_code == code and link.on in begins)


def polygon_file(path: Path) -> Path:
    """Where the imported outlines of a territory file lie."""
    return path.with_suffix(".polygons.geojson")


def build(facts: Mapping[str, Any], features: Iterable[Mapping[str, Any]] = ()) -> Territory:
    """Put a territory together from the contents of its file and of its outlines; raises TerritoryError."""
    try:
        areas = [_area(entry) for entry in facts["area"]]
        edges = [Edge(e["child"], e["parent"], e["valid_from"], e.get("valid_to")) for e in facts.get("edge", ())]
        links = [
            Succession(e["on"], e["from_code"], e["from_name"], e["to_code"], e["to_name"], e.get("part", "full"))
            for e in facts.get("succession", ())
        ]
        for feature in features:
            _add_feature(feature, areas, edges)
    except (KeyError, TypeError, ValueError) as error:
        raise TerritoryError(f"territory file: {type(error).__name__} {error}") from error
    problems = _problems(areas, edges)
    if problems:
        raise TerritoryError("; ".join(problems))
    return Territory(
        tree_label=str(facts.get("tree_label", "")),
        as_of=facts.get("as_of"),
        areas={code: tuple(a for a in areas if a.code == code) for code in {a.code for a in areas}},
        edges={code: tuple(e for e in edges if e.child == code) for code in {e.child for e in edges}},
        successions=tuple(links),
    )


def _area(entry: Mapping[str, Any]) -> Area:
    point = entry.get("point")
    km2 = entry.get("area_km2")
    return Area(
        code=entry["code"],
        name=entry["name"],
        kind=entry["kind"],
        valid_from=entry["valid_from"],
        valid_to=entry.get("valid_to"),
        point=Point(float(point[0]), float(point[1])) if point else None,
        radius_m=math.sqrt(km2 * 1e6 / math.pi) if km2 else None,
        approximate=entry.get("approximate", ""),
    )


def _add_feature(feature: Mapping[str, Any], areas: list[Area], edges: list[Edge]) -> None:
    """Attach an outline to the unit that existed when it became valid, or add that unit."""
    facts, geometry = feature["properties"], feature["geometry"]
    coordinates = geometry["coordinates"]
    outline = Polygon.of([coordinates] if geometry["type"] == "Polygon" else coordinates)
    begin = date.fromisoformat(facts["valid_from"])
    for index, area in enumerate(areas):
        if area.code == facts["code"] and area.is_valid(begin):
            areas[index] = replace(area, polygon=outline)
            return
    areas.append(Area(facts["code"], facts["name"], facts["kind"], begin, polygon=outline))
    if facts.get("parent_code"):
        edges.append(Edge(facts["code"], facts["parent_code"], begin))


def _problems(areas: list[Area], edges: list[Edge]) -> list[str]:
    """What cannot be: units that overlap in time under one code, ends before begins, two parents at once."""
    codes = {area.code for area in areas}
    found = [f"edge {e.child} -> {e.parent}: unknown unit" for e in edges if not {e.child, e.parent} <= codes]
    spans = [(f"area {a.code}", a.code, a.valid_from, a.valid_to) for a in areas]
    found += _overlaps(spans)
    found += _overlaps([(f"parent of {e.child}", e.child, e.valid_from, e.valid_to) for e in edges])
    return found


def _overlaps(spans: list[tuple[str, str, date, date | None]]) -> list[str]:
    found = [f"{label}: ends before it begins" for label, _, begin, end in spans if end is not None and end <= begin]
    ordered = sorted(spans, key=lambda span: (span[1], span[2]))
    for (label, key, _, end), (_, other, begin, _) in pairwise(ordered):
        if key == other and (end is None or begin < end):
            found.append(f"{label}: valid twice on {begin}")
    return found
