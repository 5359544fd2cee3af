"""`python -m node territory`: look at the dated tree of areas, and take outlines over from a GeoJSON file."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

from node.clock import SystemClock
from node.commands.plain import Config, fail, sentences
from node.settings import Settings
from node.territory import Area, Territory, TerritoryError, polygon_file

app = typer.Typer(help="The administrative units that this centre works in.", no_args_is_help=True)

MOST_BYTES = 200 * 1024 * 1024
MOST_FEATURES = 20_000
PLACES = 5

On = Annotated[str, typer.Option("--on", help="The day, such as 2025-06-01; today if it is not given.")]


@dataclass(frozen=True, slots=True)
class Taken:
    """What an import made: the features to keep, and how many were mended or are new units."""

    features: tuple[Mapping[str, Any], ...]
    mended: int
    known: int


@app.command("show")
def show(config: Config, on: On = "") -> None:
    """Print the tree of a day: code, name, kind, how its place is known."""
    with sentences():
        territory = Territory.load(Settings.load(config).territory.file)
        day = _day(on) or territory.local_date(SystemClock().now())
        typer.echo(f"{territory.tree_label}  [{territory.day(day)}]")
        tops = [area for area in territory.all_areas(day) if area.parent_code is None]
        for area in tops:
            _print_below(territory, area, day, 0)


@app.command("import")
def take_over(
    file: Annotated[Path, typer.Argument(help="GeoJSON with one feature per unit; properties code and full_name.")],
    config: Config,
    valid_from: Annotated[str, typer.Option("--valid-from", help="First day of these outlines, such as 2025-07-01.")],
    parent: Annotated[
        str, typer.Option(help="Code of the unit above those that the territory does not know yet.")
    ] = "",
) -> None:
    """Check the outlines and keep them beside the territory file; a place is then found by outline."""
    with sentences():
        begin = _day(valid_from)
        if begin is None:
            raise TerritoryError("--valid-from: give the first day of these outlines, such as 2025-07-01")
        path = Settings.load(config).territory.file
        territory = Territory.load(path)
        if file.stat().st_size > MOST_BYTES:
            fail(f"{file}: larger than {MOST_BYTES // 2**20} MiB")
        taken = take(_read(file), territory, begin, parent or None)
        keep(taken, path)
        known = f"{taken.known} known units, {len(taken.features) - taken.known} new ones"
        typer.echo(f"{len(taken.features)} outlines kept ({known}; {taken.mended} mended) in {polygon_file(path)}")


def _read(file: Path) -> Any:  # noqa: ANN401 - JSON is anything until it is checked
    try:
        return json.loads(file.read_bytes())
    except ValueError as error:
        raise TerritoryError(f"{file} is no GeoJSON: {error}") from error


def take(collection: Mapping[str, Any], territory: Territory, begin: date, parent: str | None) -> Taken:
    """Check and round the outlines of a GeoJSON collection; raises TerritoryError that lists every problem."""
    features = collection.get("features") if isinstance(collection, Mapping) else None
    if not isinstance(features, list) or not 0 < len(features) <= MOST_FEATURES:
        raise TerritoryError("no GeoJSON feature collection, or one without features")
    problems: list[str] = []
    kept: dict[str, Mapping[str, Any]] = {}
    mended = known = 0
    for index, feature in enumerate(features):
        try:
            facts = _facts(feature["properties"], begin, parent)
            geometry, was_mended = _outline(feature["geometry"])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            problems.append(f"feature {index}: {error}")
            continue
        if facts["code"] in kept:
            problems.append(f"feature {index}: code {facts['code']} for the second time")
        mended += was_mended
        known += any(area.is_valid(begin) for area in territory.areas.get(facts["code"], ()))
        kept[facts["code"]] = {"type": "Feature", "properties": facts, "geometry": geometry}
    if problems:
        raise TerritoryError("; ".join(problems[:20]))
    return Taken(tuple(kept[code] for code in sorted(kept)), mended, known)


def keep(taken: Taken, path: Path) -> None:
    """Write the outlines beside the territory file, whole or not at all, and only if the territory then loads."""
    goal = polygon_file(path)
    draft = goal.with_name(goal.name + ".part")
    draft.write_text(json.dumps({"type": "FeatureCollection", "features": taken.features}, ensure_ascii=False))
    try:
        Territory.load(path, draft)
    except TerritoryError:
        draft.unlink()
        raise
    draft.replace(goal)


def _facts(properties: Mapping[str, Any], begin: date, parent: str | None) -> dict[str, Any]:
    code = str(properties["code"])
    if not code.isdigit():
        raise ValueError(f"code {code!r} is not a code of a unit")
    named = properties.get("full_name")
    kind = properties.get("kind") or properties.get("type") or properties.get("type_2025")
    name = str(named or f"{kind or ''} {properties['name']}".strip())
    return {
        "code": code,
        "name": name,
        "kind": str(kind or name.split(maxsplit=1)[0]).lower(),
        "valid_from": begin.isoformat(),
        "parent_code": parent or properties.get("parent_code") or properties.get("province_code"),
    }


def _outline(geometry: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
    """The outline as a valid MultiPolygon with five decimals (about a metre); tells whether it had to be mended."""
    try:
        import shapely  # noqa: PLC0415 - only this command needs it
        from shapely.geometry import MultiPolygon, Polygon, mapping, shape  # noqa: PLC0415 - as above
    except ImportError:
        raise TerritoryError(
            "outlines are checked with shapely, which is not installed: see the extra 'territory'"
        ) from None
    found = shape(geometry)
    is_whole = bool(shapely.is_valid(found))
    if not is_whole:
        found = shapely.make_valid(found)
    parts = [part for part in getattr(found, "geoms", [found]) if isinstance(part, Polygon) and not part.is_empty]
    if not parts:
        raise ValueError("the geometry bounds no surface")
    west, south, east, north = found.bounds
    if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):  # noqa: PLR2004 - the degrees of the globe
        raise ValueError("the coordinates are not degrees")
    written = mapping(MultiPolygon(parts))
    rounded = [
        [[[round(lon, PLACES), round(lat, PLACES)] for lon, lat, *_ in ring] for ring in part]
        for part in written["coordinates"]
    ]
    return {"type": "MultiPolygon", "coordinates": rounded}, not is_whole


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise TerritoryError(f"{text}: not a day, such as 2025-06-01") from None


def _print_below(territory: Territory, area: Area, day: date, depth: int) -> None:
    how = "outline" if area.polygon else f"circle of {area.radius_m:.0f} m" if area.radius_m else "middle of its units"
    note = f"  ({area.approximate})" if area.approximate else ""
    typer.echo(f"{'  ' * depth}{area.code}  {area.name}  {how}{note}")
    for child in territory.children(area.code, day):
        _print_below(territory, child, day, depth + 1)
