"""The round: what ended is signed once, what changed later is signed again, and a quiet node writes nothing."""

from node.figures.feeding import sources
from node.figures.rounds import Rounds, pace_s

COMMUNES = ("26374", "26377", "26173", "26179")


def rounds_of(figures):
    return {
        code: Rounds(figures.post(code).context, sources(figures.post(code).context)) for code in figures.tree.posts
    }


async def everywhere(figures, rounds):
    signed = {}
    for code in (*COMMUNES, "731", "735", "75"):
        signed[code] = await rounds[code].take()
        figures.carry()
    return signed


async def test_a_day_is_closed_once_and_carried_up(figures):
    rounds = rounds_of(figures)
    figures.midnight()
    assert sum((await everywhere(figures, rounds)).values()) == 0, "no centre existed all of the first day"
    figures.post("26374").open_litter()
    figures.midnight()
    signed = await everywhere(figures, rounds)
    assert all(signed[code] == 4 for code in COMMUNES)
    assert (signed["731"], signed["735"]) == (4, 4), "totals only: they have no case of their own"
    assert (figures.gathered("75").figure(1).value, len(figures.totals("75"))) == (1, 1)
    assert sum((await everywhere(figures, rounds)).values()) == 0


async def test_books_that_change_later_are_signed_again(figures):
    rounds = rounds_of(figures)
    figures.midnight()
    one = figures.post("26374").open_litter()
    figures.midnight()
    await everywhere(figures, rounds)
    figures.post("26374").act(one.id, "receive")
    figures.post("26374").act(one.id, "triage", severity="4", category="Lũ")
    assert await rounds["26374"].take() == 0, "nobody said that the books changed"
    rounds["26374"].note(frozenset({"ledger", "figures"}))
    assert await rounds["26374"].take() == 0
    rounds["26374"].note(frozenset({"incidents"}))
    assert await rounds["26374"].take() == 1
    figures.carry()
    await everywhere(figures, rounds)
    assert [one.statement.revision for one in figures.totals("75")] == [1, 2]


async def test_a_silent_commune_is_told_when_it_is_due_and_not_before(figures):
    rounds = rounds_of(figures)
    figures.midnight()
    figures.midnight()
    del rounds["26179"]
    for code in (*COMMUNES[:3], "75"):
        await rounds[code].take()
        figures.carry()
    await rounds["75"].take()
    assert figures.totals("75") == []
    figures.later(hours=1)
    await rounds["75"].take()
    (total,) = figures.totals("75")
    assert (total.statement.fold.coverage.received, total.statement.fold.coverage.silent) == (3, 1)


async def test_days_that_a_node_slept_through_are_closed_from_its_books(figures):
    rounds = rounds_of(figures)
    figures.midnight()
    figures.post("26374").open_litter()
    for _ in range(5):
        figures.midnight()
    assert await rounds["26374"].take() == 5 * 4
    assert {one.statement.status for one in figures.states("26374", figures.last().before(3))} == {"L"}


async def test_what_could_not_be_written_is_tried_again(figures, monkeypatch):
    rounds = rounds_of(figures)["26374"]
    figures.midnight()
    figures.midnight()
    storage = figures.post("26374").database
    storage.fail_with = OSError("full")
    try:
        await rounds.take()
    except OSError:
        storage.fail_with = None
    assert await rounds.take() == 4


def test_the_pace_follows_the_period():
    assert (pace_s(5), pace_s(60), pace_s(86_400)) == (0.625, 7.5, 30.0)


async def test_a_district_that_opens_an_incident_is_counted_though_nobody_expects_it(figures):
    rounds = rounds_of(figures)
    figures.midnight()
    figures.post("731").open_litter()
    figures.midnight()
    await everywhere(figures, rounds)
    found = figures.gathered("75")
    assert (found.figure(1).value, found.coverage.expected, found.coverage.received) == (1, 5, 5)


async def test_a_restored_centre_signs_no_figure_before_it_was_told_all(figures):
    rounds = rounds_of(figures)["26374"]
    figures.midnight()
    figures.midnight()
    figures.post("26374").is_locked = True
    assert await rounds.take() == 0
    figures.post("26374").is_locked = False
    assert await rounds.take() == 4


async def test_many_periods_at_once_are_added_up_over_several_rounds(figures):
    rounds = rounds_of(figures)
    figures.midnight()
    for _ in range(20):
        figures.midnight()
    for code in COMMUNES:
        await rounds[code].take()
    figures.carry()
    assert [await rounds["75"].take() for _ in range(3)] == [16 * 4, 4 * 4, 0]
