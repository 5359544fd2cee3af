"""A day of four communes: one is silent, comes back late, and nothing that was signed before is changed."""

from node.figures.figure import Status

COMMUNES = ("26374", "26377", "26173", "26179")


def a_day_passes(figures):
    figures.midnight()
    figures.post("26374").open_litter()
    figures.post("26374").open_flood()
    figures.post("26173").open_litter()
    figures.midnight()


def test_a_silent_commune_is_unknown_and_late_data_is_a_revision(figures):
    a_day_passes(figures)
    figures.close("26374", "26377", "26173")
    figures.carry()
    awaited = figures.gathered("75")
    assert (awaited.coverage.expected, awaited.coverage.received, awaited.coverage.silent) == (4, 3, 0)
    figures.later(hours=2)
    figures.total("75")
    missing = figures.gathered("75")
    assert missing.coverage.silent == 1
    figure = missing.figure(1)
    assert (figure.value, figure.partial, figure.status) == (None, 3, Status.PROVISIONAL)
    figures.close("26179")
    figures.carry()
    figures.total("75")
    whole = figures.gathered("75").figure(2)
    assert (whole.value, whole.partial, whole.status) == (3, None, Status.LATE)
    assert (whole.coverage.received, whole.coverage.late) == (4, 1)
    totals = figures.totals("75")
    assert [one.statement.revision for one in totals] == [1, 2]
    assert totals[1].statement.supersedes == totals[0].hash
    assert totals[0].statement.fold.coverage.received == 3
