"""Places and outlines on the ground: no more geometry than finding the unit in which a point lies."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

EARTH_RADIUS_M = 6_371_008.8

Ring = tuple[tuple[float, float], ...]


class OutlineError(ValueError):
    """Coordinates that bound no surface."""


@dataclass(frozen=True, slots=True)
class Point:
    """A place on the ground, in degrees (WGS 84)."""

    lat: float
    lon: float


@dataclass(frozen=True, slots=True)
class Polygon:
    """One or more outlines with their holes; each ring is (lon, lat) pairs in degrees, as GeoJSON has them."""

    parts: tuple[tuple[Ring, ...], ...]
    west: float
    south: float
    east: float
    north: float

    @classmethod
    def of(cls, parts: Iterable[Iterable[Iterable[Iterable[float]]]]) -> "Polygon":
        """Take the coordinates of a GeoJSON MultiPolygon; a third coordinate is dropped."""
        kept = tuple(tuple(tuple((float(lon), float(lat)) for lon, lat, *_ in ring) for ring in part) for part in parts)
        corners = [corner for part in kept for ring in part[:1] for corner in ring]
        if not corners or any(len(ring) < 4 for part in kept for ring in part):  # noqa: PLR2004 - a closed triangle
            raise OutlineError("a polygon needs closed rings of at least four positions")
        lons, lats = [lon for lon, _ in corners], [lat for _, lat in corners]
        return cls(kept, min(lons), min(lats), max(lons), max(lats))

    def contains(self, point: Point) -> bool:
        """Whether the point lies inside an outline and outside its holes."""
        if not (self.west <= point.lon <= self.east and self.south <= point.lat <= self.north):
            return False
        return any(
            _inside_ring(point, part[0]) and not any(_inside_ring(point, hole) for hole in part[1:])
            for part in self.parts
        )


def distance_m(one: Point, other: Point) -> float:
    """Great-circle distance (haversine) in metres."""
    lat1, lat2 = math.radians(one.lat), math.radians(other.lat)
    half_lat, half_lon = (lat2 - lat1) / 2, math.radians(other.lon - one.lon) / 2
    chord = math.sin(half_lat) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin(half_lon) ** 2
    return 2 * EARTH_RADIUS_M * math.asin(min(1.0, math.sqrt(chord)))


def _inside_ring(point: Point, ring: Ring) -> bool:
    """Ray casting; a ring is closed, its first position repeated as the last."""
    inside = False
    for (lon1, lat1), (lon2, lat2) in pairwise(ring):
        if (lat1 > point.lat) != (lat2 > point.lat):
            crossing = lon1 + (point.lat - lat1) * (lon2 - lon1) / (lat2 - lat1)
            if point.lon < crossing:
                inside = not inside
    return inside
