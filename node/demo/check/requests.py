"""What citizens report during the check: real requests to two cities, put on the map of the demo's communes.

Real people's requests have what invented ones lack: blank fields, repeats, odd letters, long and empty words. Their
texts stay as they are; only the place is moved, by the same relative position, into a commune's circle. Where the
public data does not lie beside the checkout, own sample reports in Vietnamese take their place.
"""

import csv
import math
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

REPOSITORY = Path(__file__).parents[3]
SAMPLES = REPOSITORY / "node" / "demo" / "sample_reports.toml"
METRES_PER_DEGREE = 111_320.0

# The first word found in a request's own description decides; the last line is for what nothing matched.
SUBJECTS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("water", ("nowater", "wtr", "water", "fh-", "pressure", "meter")),
    ("flood", ("drain", "sewer")),
    ("light", ("light",)),
    ("traffic", ("signal", "sign", "traffic", "parking", "vehicle", "towing", "abandoned")),
    ("tree", ("tree", "limb", "stump")),
    ("animal", ("animal", "dog", "cat", "pets", "leash", "mice", "rat ", "roach", "needle")),
    (
        "waste",
        ("refuse", "cntnr", "contain", "recycl", "trash", "garbage", "debris", "litter", "dump", "cart", "ce coll"),
    ),
    ("building", ("bldg", "building", "housing", "heat", "ppty", "illegal use", "permit", "graffiti")),
    ("road", ("pothole", "street", "sidewalk", "snow", "alley", "curb", "road", "excavation")),
)
OTHER = "other"


@dataclass(frozen=True, slots=True)
class Spot:
    """A commune's circle on the map."""

    code: str
    lat: float
    lon: float
    radius_m: float

    def place(self, east: float, north: float) -> tuple[float, float]:
        """The point of the circle's inner half that lies as far east and north (-1..1) as asked."""
        reach_m = self.radius_m / 2 / math.sqrt(2)
        lat = self.lat + north * reach_m / METRES_PER_DEGREE
        return lat, self.lon + east * reach_m / (METRES_PER_DEGREE * math.cos(math.radians(self.lat)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One report to send: what it says, of which subject, where.

    `number` is the source's own; `mark` is the check's, short and without the long digits that a centre would hide as
    somebody's telephone number.
    """

    number: str
    mark: str
    text: str
    subject: str
    grave: bool
    commune: str
    lat: float
    lon: float


def subject_of(text: str) -> str:
    """The project's own word for what a foreign request is about."""
    folded = text.casefold()
    return next((subject for subject, words in SUBJECTS if any(word in folded for word in words)), OTHER)


def load(data: Path | None, spots: Sequence[Spot], count: int) -> tuple[str, tuple[Request, ...]]:
    """The source's name and that many requests, spread over the communes in turn."""
    public = data / "public" if data else None
    if public and (public / "stl_csb_2018-01-01_05.csv").is_file() and (public / "boston311_100.csv").is_file():
        source = "City of St. Louis 311 (January 2018) and Analyze Boston 311 (January 2022)"
        found = _in_turn(
            _st_louis(public / "stl_csb_2018-01-01_05.csv", count), _boston(public / "boston311_100.csv", count)
        )
    else:
        source = "own sample reports"
        found = _samples(count)
    return source, tuple(
        _put(raw, f"kt{index:03}", spots[index % len(spots)]) for index, raw in enumerate(islice(found, count))
    )


@dataclass(frozen=True, slots=True)
class _Raw:
    """A request before it has a commune; east and north are -1..1."""

    number: str
    text: str
    subject: str
    east: float
    north: float
    grave: bool = False


def _put(raw: _Raw, mark: str, spot: Spot) -> Request:
    lat, lon = spot.place(raw.east, raw.north)
    return Request(
        number=raw.number,
        mark=mark,
        text=raw.text,
        subject=raw.subject,
        grave=raw.grave,
        commune=spot.code,
        lat=round(lat, 6),
        lon=round(lon, 6),
    )


def _in_turn(*sources: Iterable[_Raw]) -> Iterator[_Raw]:
    """One of each source in turn, as long as any has more."""
    going = [iter(source) for source in sources]
    while going:
        for source in list(going):
            if (raw := next(source, None)) is None:
                going.remove(source)
            else:
                yield raw


def _st_louis(path: Path, count: int) -> Iterator[_Raw]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(islice(csv.DictReader(file), count))
    for row, (east, north) in zip(rows, _spread(rows, "srx", "sry"), strict=True):
        text = f"{row['description']} - {row['submitto'].strip(', ')} - {row['probaddtype']}/{row['callertype']}"
        yield _Raw(f"stl-{row['requestid']}", text, subject_of(row["description"]), east, north)


def _boston(path: Path, count: int) -> Iterator[_Raw]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(islice(csv.DictReader(file), count))
    for row, (east, north) in zip(rows, _spread(rows, "longitude", "latitude"), strict=True):
        text = f"{row['case_title']} - {row['subject']} - {row['reason']} - {row['neighborhood'].strip()}"
        yield _Raw(f"bos-{row['case_enquiry_id']}", text, subject_of(row["case_title"]), east, north)


def _spread(rows: Sequence[dict[str, str]], x: str, y: str) -> Iterator[tuple[float, float]]:
    """Each row's place relative to all of them, -1..1; a row without one is put in the middle."""
    located = [(float(row[x]), float(row[y])) for row in rows if row[x].strip() and row[y].strip()]
    (left, right), (low, high) = ((min(axis), max(axis)) for axis in zip(*located, strict=True))
    for row in rows:
        if row[x].strip() and row[y].strip() and right > left and high > low:
            yield (
                2 * (float(row[x]) - left) / (right - left) - 1,
                2 * (float(row[y]) - low) / (high - low) - 1,
            )
        else:
            yield 0.0, 0.0


def _samples(count: int) -> Iterator[_Raw]:
    """The own reports, again from the start where more are asked for than there are."""
    reports = tomllib.loads(SAMPLES.read_text(encoding="utf-8"))["report"]
    for index in range(count):
        report = reports[index % len(reports)]
        angle = index * 2.399963  # the golden angle: no two beside each other
        yield _Raw(
            f"own-{index + 1}",
            report["text"],
            report["subject"],
            math.cos(angle) * 0.9,
            math.sin(angle) * 0.9,
            bool(report.get("grave", False)),
        )
