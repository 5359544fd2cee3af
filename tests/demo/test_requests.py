"""Real requests (or own ones) become reports inside the communes' circles."""

import math
import os
from pathlib import Path

import pytest

from node.demo.check.requests import METRES_PER_DEGREE, REPOSITORY, Spot, load, subject_of

SPOTS = [Spot("26374", 10.8813, 106.958, 3789.0), Spot("26173", 11.404, 107.146, 9424.0)]


def metres(spot: Spot, lat: float, lon: float) -> float:
    north = (lat - spot.lat) * METRES_PER_DEGREE
    east = (lon - spot.lon) * METRES_PER_DEGREE * math.cos(math.radians(spot.lat))
    return math.hypot(north, east)


@pytest.fixture
def data() -> Path:
    folder = Path(os.environ.get("LIENTHONG_DATA") or REPOSITORY.parent / "shared" / "data")
    if not (folder / "public").is_dir():
        reason = "the public request data is not beside the checkout (set LIENTHONG_DATA)"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    return folder


def check(requests, count):
    assert len(requests) == count
    assert {request.commune for request in requests} == {"26374", "26173"}
    by_code = {spot.code: spot for spot in SPOTS}
    for request in requests:
        spot = by_code[request.commune]
        assert metres(spot, request.lat, request.lon) < spot.radius_m
        assert request.text.strip()
    assert len({request.number for request in requests}) == count


def test_real_requests_are_mapped_into_the_communes(data):
    source, requests = load(data, SPOTS, 90)
    assert "St. Louis" in source
    assert "Boston" in source
    check(requests, 90)
    assert len({request.subject for request in requests}) >= 6
    assert len({(request.lat, request.lon) for request in requests}) > 60


def test_own_reports_stand_in_where_the_data_is_absent(tmp_path):
    source, requests = load(tmp_path, SPOTS, 90)
    assert source == "own sample reports"
    check(requests, 90)
    assert sum(request.grave for request in requests) >= 4
    assert load(None, SPOTS, 3)[0] == source


@pytest.mark.parametrize(
    ("text", "subject"),
    [("Potholes - Residnl", "road"), ("WTR-COMING-UP", "water"), ("Signal Stuck", "traffic"), ("???", "other")],
)
def test_a_foreign_description_finds_its_subject(text, subject):
    assert subject_of(text) == subject
