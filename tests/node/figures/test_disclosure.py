"""Small cells against somebody who subtracts: whatever is published, of every area and period, none comes out."""

from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from node.figures import catalogue
from node.figures.disclosure import cases, disclosed, is_small, together
from node.figures.state import Cell, StateType, total_of

REPORTS = catalogue.load().find("citizen.reports", 2)
LEAST = REPORTS.privacy.min_cell
CODES = sorted(REPORTS.dimensions[0].known)
tables = st.dictionaries(
    st.sampled_from([(code,) for code in CODES]),
    st.integers(1, 40).map(lambda n: Cell(n=n)),
    max_size=len(CODES),
)


def ranges(cells, published):
    """What an attacker knows of each withheld cell of one centre: it is listed, so 1 or more, and all add up."""
    hidden = [place for place in cells if place not in published.cells]
    if published.total is None:
        return dict.fromkeys(hidden, (0, None))
    rest = published.total.n - sum(cell.n for cell in published.cells.values())
    return {place: (1, rest - (len(hidden) - 1)) for place in hidden}


@settings(max_examples=300)
@given(tables)
def test_what_one_centre_publishes_leaves_at_least_min_cell_possibilities(cells):
    published = disclosed(REPORTS, cells)
    assert not [place for place, cell in published.cells.items() if is_small(REPORTS, cell)]
    assert published.total is None or not is_small(REPORTS, published.total)
    for place, (low, high) in ranges(cells, published).items():
        assert high is None or high - low >= LEAST - 1, place
        assert high is None or low <= cells[place].n <= high
    assert len(published.withheld) == len(cells) - len(published.cells)


@settings(max_examples=100)
@given(st.lists(st.lists(tables, min_size=2, max_size=3), min_size=2, max_size=4))
def test_no_difference_of_two_published_numbers_tells_anything_new(centres):
    """All areas, all months and their quarter are published; each is taken from each other one."""
    leaves = [[disclosed(REPORTS, month) for month in months] for months in centres]
    spans = [[leaf[month] for month in range(len(leaf))] for leaf in leaves]
    groups = [group for size in (1, 2, len(spans)) for group in combinations(range(len(spans)), size)]
    for group in groups:
        whole = together(REPORTS, [one for index in group for one in spans[index]])
        rest = whole.total.n if whole.total else 0
        rest -= sum(one.total.n for index in group for one in spans[index] if one.total is not None)
        assert rest == 0, "an area, less all that is published below and before, leaves nothing"
        for code in CODES:
            left = whole.cells.get((code,), Cell()).n
            left -= sum(one.cells[code,].n for index in group for one in spans[index] if (code,) in one.cells)
            assert left == 0


def test_a_second_cell_is_withheld_with_a_small_one():
    cells = {("flood",): Cell(n=2), ("road",): Cell(n=9), ("order",): Cell(n=30)}
    published = disclosed(REPORTS, cells)
    assert published.total == Cell(n=41)
    assert dict(published.cells) == {("order",): Cell(n=30)}
    assert published.withheld_cells == 2


def test_where_all_together_would_tell_the_total_is_withheld_too():
    assert disclosed(REPORTS, {("flood",): Cell(n=3), ("road",): Cell(n=2)}).total is None
    assert disclosed(REPORTS, {("flood",): Cell(n=4)}).total is None
    assert disclosed(REPORTS, {("flood",): Cell(n=4), ("road",): Cell(n=4)}).total == Cell(n=8)
    assert disclosed(REPORTS, {("flood",): Cell(n=9)}).withheld_cells == 0
    assert disclosed(REPORTS, {}).total == Cell()


def test_of_a_ratio_neither_side_may_be_small():
    rated = catalogue.load().find("citizen.satisfaction", 2)
    assert cases(StateType.RATIO, Cell(numerator=39, denominator=40)) == 1
    assert disclosed(rated, {(): Cell(numerator=39, denominator=40)}).total is None
    assert disclosed(rated, {(): Cell(numerator=30, denominator=40)}).total is not None
    assert disclosed(rated, {(): Cell(numerator=0, denominator=40)}).total is not None


def test_what_has_no_small_cells_is_published_as_it_is():
    opened = catalogue.load().find("incident.opened", 1)
    cells = {("citizen.road", "1"): Cell(n=1)}
    assert disclosed(opened, cells).cells == cells
    assert total_of(StateType.COUNT, cells).n == 1
