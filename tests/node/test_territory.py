import csv
import json
import os
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from node.commands.territory import app, keep, take
from node.outline import Point, Polygon, distance_m
from node.territory import Territory, TerritoryError, build, polygon_file

TOP = Path(__file__).parents[2]
FILE = TOP / "deploy" / "dongnai" / "territory.toml"
BEFORE, AFTER = date(2025, 6, 1), date(2025, 7, 1)


@pytest.fixture(scope="module")
def dongnai():
    return Territory.load(FILE)


@pytest.fixture(scope="module")
def unpinned(tmp_path_factory):
    copy = tmp_path_factory.mktemp("territory") / "territory.toml"
    copy.write_text(FILE.read_text("utf-8").replace("as_of = 2025-06-01", ""), "utf-8")
    return Territory.load(copy)


def units():
    folder = Path(os.environ.get("LIENTHONG_DATA") or TOP.parent / "shared" / "data") / "units"
    if not folder.is_dir():
        reason = "the public unit data is not beside the checkout (set LIENTHONG_DATA)"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return folder


def test_the_demo_tree_has_three_tiers_and_says_so(dongnai):
    assert dongnai.tree_label == "Cây đơn vị hành chính hiệu lực ngày 01/06/2025"
    assert [area.code for area in dongnai.path("26374", BEFORE)] == ["26374", "731", "75"]
    assert {area.code for area in dongnai.children("731", BEFORE)} == {"26374", "26377", "25993"}
    assert {area.code for area in dongnai.children("735", BEFORE)} == {"26173", "26179"}
    assert dongnai.is_inside("26173", "75", BEFORE)
    assert not dongnai.is_inside("26173", "731", BEFORE)
    assert not dongnai.is_inside("99999", "75", BEFORE)


def test_a_pinned_tree_answers_later_days_with_its_own(dongnai):
    assert dongnai.day(date(2026, 11, 24)) == BEFORE
    assert dongnai.parent_code("26374", date(2026, 11, 24)) == "731"


def test_without_the_pin_the_districts_are_gone_on_the_first_of_july(unpinned):
    assert unpinned.area("731", date(2025, 6, 30)) is not None
    assert unpinned.area("731", AFTER) is None
    assert unpinned.parent_code("26374", date(2025, 6, 30)) == "731"
    assert unpinned.parent_code("26374", AFTER) == "75"
    assert unpinned.area("25993", date(2025, 6, 30)).approximate
    assert not unpinned.area("25993", AFTER).approximate
    assert unpinned.area("26374", date(2021, 6, 30)) is None


def test_lineage_is_many_to_many_and_knows_its_parts(unpinned):
    ends = unpinned.successors("731", BEFORE)
    assert {(link.to_code, link.part) for link in ends} >= {("26374", "partial"), ("25993", "partial")}
    assert unpinned.successors("26374", BEFORE) == ()
    begins = unpinned.predecessors("25993", AFTER)
    assert {(link.from_code, link.part) for link in begins} >= {("25993", "full"), ("26191", "full")}
    assert unpinned.predecessors("25993", BEFORE) == ()


def test_a_place_is_found_by_the_nearest_centre_within_its_radius(dongnai):
    assert dongnai.locate(10.8813, 106.958, BEFORE).code == "26374"
    assert dongnai.locate(10.9137, 106.946, BEFORE).code == "26377"
    assert dongnai.locate(11.40, 107.15, BEFORE).code == "26173"


@pytest.mark.parametrize(
    ("lat", "lon"),
    [
        (10.7769, 106.7009),  # the next province
        (0.0, 0.0),
        (106.958, 10.8813),  # swapped
        (91.0, 106.9),
        (10.9, 181.0),
        (float("nan"), 106.9),
        (10.9, float("inf")),
    ],
)
def test_a_place_outside_is_in_no_unit(dongnai, lat, lon):
    assert dongnai.locate(lat, lon, BEFORE) is None


def test_the_radius_is_a_sharp_edge(dongnai):
    area = dongnai.area("26173", BEFORE)
    north = lambda metres: area.point.lat + metres / distance_m(Point(11, 107), Point(12, 107))  # noqa: E731 - short
    assert dongnai.locate(north(area.radius_m - 1), area.point.lon, BEFORE).code == "26173"
    assert dongnai.locate(north(area.radius_m + 1), area.point.lon, BEFORE) is None


def test_a_unit_without_a_point_is_drawn_in_the_middle_of_what_it_holds(dongnai):
    place = dongnai.place_of("735", BEFORE)
    assert min(11.0352, 11.404) < place.lat < max(11.0352, 11.404)
    assert dongnai.place_of("99999", BEFORE) is None


def test_the_local_day_begins_at_seventeen_utc(dongnai):
    assert dongnai.local_date(datetime(2025, 5, 31, 16, 59, tzinfo=UTC)) == date(2025, 5, 31)
    assert dongnai.local_date(datetime(2025, 5, 31, 17, 0, tzinfo=UTC)) == date(2025, 6, 1)


def facts(**more):
    area = {"code": "1", "name": "Một", "kind": "xã", "valid_from": BEFORE}
    return {"area": [area, area | {"code": "2"}], **more}


def test_a_file_that_contradicts_itself_names_every_problem():
    edges = [
        {"child": "1", "parent": "2", "valid_from": BEFORE},
        {"child": "1", "parent": "2", "valid_from": AFTER},
        {"child": "1", "parent": "7", "valid_from": BEFORE, "valid_to": BEFORE},
    ]
    with pytest.raises(TerritoryError) as caught:
        build(facts(edge=edges))
    assert "unknown unit" in str(caught.value)
    assert "ends before it begins" in str(caught.value)
    assert "valid twice" in str(caught.value)
    with pytest.raises(TerritoryError):
        build({"area": [{"code": "1"}]})
    with pytest.raises(TerritoryError):
        build({})


SQUARE = [[0, 0], [4, 0], [4, 4], [0, 4], [0, 0]]
HOLE = [[1, 1], [2, 1], [2, 2], [1, 2], [1, 1]]


def feature(code="1", valid_from="2025-06-01", rings=(SQUARE, HOLE), **more):
    properties = {"code": code, "name": "Một", "kind": "xã", "valid_from": valid_from, **more}
    return {"properties": properties, "geometry": {"type": "Polygon", "coordinates": [list(ring) for ring in rings]}}


def test_an_outline_decides_and_its_holes_are_outside():
    territory = build(facts(), [feature()])
    assert territory.locate(3, 3, BEFORE).code == "1"
    assert territory.locate(1.5, 1.5, BEFORE) is None
    assert territory.locate(5, 3, BEFORE) is None


def test_an_outline_of_a_unit_that_is_not_known_yet_adds_it():
    territory = build(facts(), [feature("9", "2025-07-01", parent_code="2")])
    assert territory.area("9", BEFORE) is None
    assert territory.parent_code("9", AFTER) == "2"


def test_an_outline_needs_closed_rings():
    with pytest.raises(TerritoryError):
        build(facts(), [feature(rings=[[[0, 0], [1, 1], [0, 0]]])])


def test_an_import_mends_a_bow_tie_and_refuses_what_is_no_surface(dongnai):
    bow_tie = {"type": "Polygon", "coordinates": [[[0, 0], [2, 2], [2, 0], [0, 2], [0, 0]]]}
    good = {"properties": {"code": "26374", "full_name": "Phường Tam Phước"}, "geometry": bow_tie}
    taken = take({"features": [good]}, dongnai, AFTER, None)
    assert (taken.mended, taken.known) == (1, 1)
    line = {"type": "LineString", "coordinates": [[0, 0], [1, 1]]}
    metres = {"type": "Polygon", "coordinates": [[[0, 0], [500000, 0], [500000, 9], [0, 0]]]}
    bad = [
        {"properties": {"code": "x"}, "geometry": bow_tie},
        {"properties": {"code": "5", "name": "a"}, "geometry": line},
        {"properties": {"code": "6", "name": "a"}, "geometry": metres},
        {"geometry": bow_tie},
    ]
    with pytest.raises(TerritoryError) as caught:
        take({"features": bad}, dongnai, AFTER, None)
    assert all(f"feature {index}" in str(caught.value) for index in range(4))
    for collection in ({}, {"features": []}, [], "x"):
        with pytest.raises(TerritoryError):
            take(collection, dongnai, AFTER, None)


@pytest.fixture(scope="module")
def today(tmp_path_factory):
    """The tree of today from the public outlines: two tiers, 95 communes."""
    pytest.importorskip("shapely")
    folder = units()
    path = tmp_path_factory.mktemp("today") / "territory.toml"
    path.write_text(FILE.read_text("utf-8").replace("as_of = 2025-06-01", ""), "utf-8")
    collection = json.loads((folder / "dong_nai_communes_11m.geojson").read_bytes())
    keep(take(collection, Territory.load(path), AFTER, "75"), path)
    assert polygon_file(path).exists()
    return Territory.load(path)


def test_the_public_outlines_make_the_two_tier_tree_of_today(today):
    assert len(today.children("75", AFTER)) == 95
    assert {area.code for area in today.children("75", BEFORE)} == {"731", "735"}
    assert today.area("731", AFTER) is None


def test_five_hundred_public_points_lie_where_they_should(today):
    with (units() / "dong_nai_points_500.csv").open(encoding="utf-8") as file:
        points = [(float(row["lat"]), float(row["lon"]), row["commune_code"]) for row in csv.DictReader(file)]
    assert len(points) == 500
    found = [(today.locate(lat, lon, AFTER), code) for lat, lon, code in points]
    wrong = [code for area, code in found if area is None or area.code != code]
    assert len(wrong) <= 2, wrong  # a simplified outline may lose a point on its very edge


def test_an_outline_agrees_with_a_library():
    shapely = pytest.importorskip("shapely")
    folder = units()
    collection = json.loads((folder / "dongnai-2025-wards.geojson").read_bytes())
    one = collection["features"][0]
    outline = Polygon.of([one["geometry"]["coordinates"]])
    other = shapely.geometry.shape(one["geometry"])
    for row in range(30):
        for column in range(30):
            lat = outline.south + (outline.north - outline.south) * (row + 0.5) / 30
            lon = outline.west + (outline.east - outline.west) * (column + 0.5) / 30
            assert outline.contains(Point(lat, lon)) == other.contains(shapely.Point(lon, lat))


@pytest.fixture
def config(tmp_path):
    (tmp_path / "territory.toml").write_text(FILE.read_text("utf-8"), "utf-8")
    file = tmp_path / "node.toml"
    file.write_text(
        f'[node]\ntier = "coc"\ncode = "26374"\ntitle = "COC"\nfolder = "{tmp_path / "data"}"\n'
        '[territory]\nfile = "territory.toml"\n',
        "utf-8",
    )
    return file


def test_the_command_shows_the_tree_and_takes_outlines(config):
    pytest.importorskip("shapely")
    runner = CliRunner()
    shown = runner.invoke(app, ["show", "--config", str(config)])
    assert shown.exit_code == 0, shown.output
    assert "Cây đơn vị hành chính hiệu lực ngày 01/06/2025" in shown.output
    assert "    26374  Phường Tam Phước  circle of 3789 m" in shown.output
    outlines = config.with_name("outlines.geojson")
    square = [[106.9, 10.8], [107.0, 10.8], [107.0, 10.9], [106.9, 10.9], [106.9, 10.8]]
    geometry = {"type": "Polygon", "coordinates": [square]}
    properties = {"code": "26374", "full_name": "Phường Tam Phước"}
    outlines.write_text(json.dumps({"features": [{"properties": properties, "geometry": geometry}]}), "utf-8")
    done = runner.invoke(app, ["import", str(outlines), "--config", str(config), "--valid-from", "2025-06-01"])
    assert done.exit_code == 0, done.output
    assert "1 outlines kept" in done.output
    assert "26374  Phường Tam Phước  outline" in runner.invoke(app, ["show", "--config", str(config)]).output


@pytest.mark.parametrize(
    ("text", "day"),
    [("no json", "2025-07-01"), ("{}", "2025-07-01"), ('{"features": [{}]}', "2025-07-01"), ("{}", "x")],
)
def test_the_command_refuses_in_a_sentence_and_keeps_what_was(config, text, day):
    outlines = config.with_name("outlines.geojson")
    outlines.write_text(text, "utf-8")
    done = CliRunner().invoke(app, ["import", str(outlines), "--config", str(config), "--valid-from", day])
    assert done.exit_code == 1
    assert "Traceback" not in done.output
    assert not polygon_file(config.with_name("territory.toml")).exists()
