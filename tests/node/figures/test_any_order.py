"""Whatever the lines do and whenever centres close: once all is carried, every ancestor says what the books say."""

import random
from decimal import Decimal

import pytest

COMMUNES = ("26374", "26377", "26173", "26179")


@pytest.mark.parametrize("seed", range(4))
def test_in_any_order_the_province_ends_with_what_the_books_say(figures, seed):
    chance = random.Random(seed)  # noqa: S311 - reproducible, guards nothing
    figures.midnight()
    days, books = [], []
    for _ in range(3):
        opened = 0
        for _ in range(12):
            code = chance.choice(COMMUNES)
            act = chance.choice(("open", "close", "cut", "join", "carry", "again", "total"))
            if act == "open":
                figures.post(code).open_litter()
                opened += 1
            elif act == "close":
                figures.close(code)
            elif act == "total":
                figures.total(chance.choice(("731", "735", "75")))
            elif act == "carry":
                figures.carry()
            elif act == "again":
                figures.tree.line(code).forget()
            else:
                figures.tree.line(chance.choice((code, "731", "735"))).is_cut = act == "cut"
        days.append(figures.last().after())
        books.append(opened)
        figures.midnight()
    for line in figures.tree.lines.values():
        line.is_cut = False
        line.forget()
    figures.close(*COMMUNES)
    figures.carry()
    figures.total("731", "735", "75")
    figures.carry()
    for day, opened in zip(days, books, strict=True):
        whole = figures.gathered("75", period=day)
        assert (whole.coverage.received, whole.coverage.expected) == (4, 4)
        assert whole.figure(1).value == Decimal(opened)
        halves = [figures.gathered(code, period=day) for code in ("731", "735")]
        assert sum(half.figure(1).value for half in halves) == Decimal(opened)
    assert figures.post("75").parked() == []
