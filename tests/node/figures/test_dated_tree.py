"""Every figure stands on the tree of its own period: a decree changes what follows, and nothing before."""

from datetime import date

import pytest

from node.figures.figure import Coverage
from node.territory import build

COMMUNES = ("26374", "26377", "26173", "26179")


@pytest.fixture
def day(figures):
    """A day with one incident in each of two communes, closed by all and heard by all."""
    figures.midnight()
    figures.post("26374").open_litter()
    figures.post("26173").open_flood()
    figures.midnight()
    figures.close(*COMMUNES)
    figures.carry()
    return figures


def _tree(abolished):
    """Two districts until a day, none after it."""
    areas = [{"code": code, "name": code, "kind": "x", "valid_from": _day("2020-01-01")} for code in ("75", *COMMUNES)]
    edges = []
    for district, communes in (("731", COMMUNES[:2]), ("735", COMMUNES[2:])):
        areas.append(
            {"code": district, "name": district, "kind": "x", "valid_from": _day("2020-01-01"), "valid_to": abolished}
        )
        edges.append({"child": district, "parent": "75", "valid_from": _day("2020-01-01"), "valid_to": abolished})
        for commune in communes:
            edges.append(
                {"child": commune, "parent": district, "valid_from": _day("2020-01-01"), "valid_to": abolished}
            )
            edges.append({"child": commune, "parent": "75", "valid_from": abolished})
    return build({"tree_label": "thử", "area": areas, "edge": edges})


def _day(text):
    return date.fromisoformat(text)


def test_abolishing_the_districts_leaves_every_earlier_figure_as_it_was(day):
    before = day.last()
    whole, district = day.gathered("75"), day.gathered("75", area="731")
    abolished = before.after().local_date
    day.post("75").context.territory = _tree(abolished)
    assert day.gathered("75", period=before) == whole
    assert day.gathered("75", period=before, area="731") == district
    day.post("26374").open_litter()
    day.midnight()
    day.close(*COMMUNES)
    day.carry()
    after = day.gathered("75")
    assert (after.coverage.received, after.figure(1).value) == (4, 1)
    gone = day.gathered("75", area="731")
    assert (gone.coverage.expected, gone.figure(0).value) == (0, None)


def test_an_area_counts_the_centres_that_lay_in_it(day):
    assert day.gathered("75", area="731").figure(1).value == 1
    assert day.gathered("75", area="735").figure(1).value == 1
    assert day.gathered("75", area="26374").coverage == Coverage(expected=1, received=1)


def test_who_did_not_exist_all_day_is_not_expected(figures):
    """The centres were planned in the morning: of that day nobody expects a figure, and it is no green zero."""
    figures.midnight()
    found = figures.gathered("75")
    assert (found.coverage.expected, found.figure(0).value) == (0, None)
