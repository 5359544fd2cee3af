import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.citizen import texts
from modules.citizen.addresses import network_of
from modules.citizen.kinds import CATEGORIES, EMERGENCY_NUMBERS, URGENCIES
from modules.citizen.module import MODULE
from modules.citizen.tables import metadata
from modules.citizen.wording import HIDDEN, has_personal_data, is_complaint, tidy, without_personal_data
from node.incident.steps import ACT_TITLES, RATINGS
from node.incident.value import Severity, Status

FOLDER = Path(__file__).resolve().parents[3] / "modules" / "citizen"


def test_the_module_is_what_its_manifest_says():
    manifest = tomllib.loads((FOLDER / "manifest.toml").read_text())
    assert manifest["name"] == MODULE.name == FOLDER.name
    assert all((FOLDER / page.file).is_file() for page in MODULE.pages)
    assert all(kind.code == f"citizen.{name}" for kind, name in zip(MODULE.incident_kinds, CATEGORIES, strict=True))


def test_every_table_begins_with_the_modules_name_and_its_history_makes_them(centre):
    assert all(name.startswith("citizen_") for name in metadata.tables)
    from sqlalchemy import inspect

    made = inspect(centre.database.engine)
    for table in metadata.sorted_tables:
        assert {column["name"] for column in made.get_columns(table.name)} == set(table.c.keys())
        assert {index["name"] for index in made.get_indexes(table.name)} >= {index.name for index in table.indexes}


def test_life_in_danger_always_rises_and_a_normal_report_never():
    for kind in MODULE.incident_kinds:
        assert kind.rises(URGENCIES["danger"].severity)
        assert not kind.rises(URGENCIES["normal"].severity)
    assert CATEGORIES["flood"].kind.rises(Severity.HIGH)


def test_every_title_has_english():
    titles = [one.title for one in (*CATEGORIES.values(), *URGENCIES.values())]
    titles += [purpose for _, purpose in EMERGENCY_NUMBERS] + [title for _, title in RATINGS]
    titles += [status.label for status in Status] + [ACT_TITLES[act] for act in ACT_TITLES]
    assert [title for title in titles if title not in texts.ENGLISH] == []


def test_every_text_of_the_pages_has_english():
    import re

    said = set()
    for file in (FOLDER / "templates").glob("*.html"):
        said |= set(re.findall(r'_\("([^"]+)"\)', file.read_text()))
    assert said
    assert sorted(said - set(texts.ENGLISH)) == []


@pytest.mark.parametrize(
    "text",
    [
        "gọi 0901234567",
        "gọi 0901 234 567 nhé",
        "+84 901 234 567",
        "(0251) 3822 501 hoặc 0251-3822-501",
        "84901234567",
        "ai@example.com",
        "CCCD 075123456789",
        "CMND 270123456",
    ],
)
def test_contact_details_are_found_and_hidden(text):
    assert has_personal_data(text)
    clean = without_personal_data(text)
    assert HIDDEN in clean
    assert not has_personal_data(clean)


@pytest.mark.parametrize(
    "text", ["gọi 115", "số nhà 12, tổ 3", "nước sâu 40 cm lúc 21:30", "đường 768", "cột điện 1234"]
)
def test_ordinary_numbers_are_left_alone(text):
    assert not has_personal_data(text)
    assert without_personal_data(text) == text


def test_the_reporters_own_words_for_themselves_are_hidden():
    assert without_personal_data("nhà bà BƯỞI đó", "Bưởi", "") == f"nhà bà {HIDDEN} đó"
    assert without_personal_data("trái bưởichua", "Bưởi") == "trái bưởichua"


@pytest.mark.parametrize("text", ["tố cáo", "Khiếu Nại lần 2", "gửi đơn thư", "khieu nai dat dai"])
def test_complaints_are_recognised(text):
    assert is_complaint(text)


@pytest.mark.parametrize("text", ["cháy nhà", "đèn to cao quá, chói mắt", "Cây to cao sắp đổ"])
def test_other_matters_are_not(text):
    assert not is_complaint(text)


@given(st.text(max_size=200))
def test_tidying_is_idempotent_and_leaves_nothing_unprintable(text):
    once = tidy(text)
    assert tidy(once) == once
    assert "\x00" not in once
    assert "\u202e" not in once


@given(st.text(max_size=200), st.text(max_size=20))
def test_hiding_never_fails(text, name):
    assert not has_personal_data(without_personal_data(text, name)) or HIDDEN in without_personal_data(text, name)


@pytest.mark.parametrize(
    ("host", "network"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::1", "::/64"),
        ("2001:db8:1:2:aaaa::1", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("testclient", "testclient"),
    ],
)
def test_one_subscriber_is_one_asker(host, network):
    assert network_of(host) == network
