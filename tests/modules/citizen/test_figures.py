"""What citizens' reports say to the figures."""

from datetime import timedelta

from modules.citizen.readings import SOURCES
from node.figures import catalogue
from node.figures.period import DAY_S, Period
from node.figures.reading import Asked, fold_readings
from node.figures.state import Cell
from tests.modules.citizen.centre import ME


def ask(centre, indicator, moment):
    source = next(one for one in SOURCES if one.indicator == indicator)
    definition = catalogue.load().find(indicator, 1)
    periods = [Period.of(moment, DAY_S), Period.of(moment, DAY_S).after()]
    asked = Asked(centre=ME, periods=periods, definition=definition)
    found = centre.context.database.read(lambda session: list(source.read(session, asked)))
    return [fold_readings(definition, periods, found)[period] for period in periods]


def test_reports_are_counted_by_category_on_the_day_they_were_recorded(centre, citizen):
    today = centre.clock.now()
    for category in ("flood", "flood", "road"):
        centre.send(citizen, category=category)
    centre.clock.advance(timedelta(days=1).total_seconds())
    centre.send(citizen, category="road")
    assert ask(centre, "citizen.reports", today) == [
        {("flood",): Cell(n=2), ("road",): Cell(n=1)},
        {("road",): Cell(n=1)},
    ]


def test_every_category_of_the_form_is_in_the_closed_list():
    from modules.citizen.kinds import CATEGORIES

    definition = catalogue.load().find("citizen.reports", 1)
    assert set(CATEGORIES) == definition.dimensions[0].known
    opened = catalogue.load().find("incident.opened", 1)
    assert {one.kind.code for one in CATEGORIES.values()} < opened.dimensions[0].known


def test_a_rating_is_a_share_of_the_ratings(centre, citizen):
    from sqlalchemy import update

    from modules.citizen.tables import report

    today = centre.clock.now()
    codes = [centre.send(citizen).json()["code"] for _ in range(3)]
    words = ("satisfied", "accepted", "unsatisfied")
    for code, word in zip(codes, words, strict=True):
        change = update(report).where(report.c.code == code).values(rating=word, rated_at=today)
        centre.context.database.write(lambda session, change=change: session.execute(change))
    assert ask(centre, "citizen.satisfaction", today) == [{(): Cell(numerator=2, denominator=3)}, {}]
