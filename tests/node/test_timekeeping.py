"""A clock that jumps rings once for each jump, in whichever direction, and silences no later alarm."""

from datetime import timedelta

import pytest

from federation import alarm
from node.timekeeping import JUMP, SKEW, ShiftedClock, Timekeeper, note_skew, watch_jumps
from tests.fakes.clock import FakeClock

JUMPS = (timedelta(hours=1), timedelta(hours=-1), timedelta(days=3652), timedelta(days=-3652))


class Skewed(FakeClock):
    ahead = timedelta(0)

    def now(self):
        return super().now() + self.ahead


def test_a_clock_that_runs_evenly_is_silent_and_each_jump_rings(centre) -> None:
    clock = Skewed()
    keeper = Timekeeper("n", clock)
    database = centre.context.database

    def look():
        clock.advance(5)
        return database.write(lambda session: watch_jumps(session, keeper))

    assert not look()
    assert not look()
    for jump in JUMPS:
        clock.ahead += jump
        assert look(), jump
        assert not look()
    rung = [one for one in database.read(alarm.latest) if one.code == JUMP]
    assert len(rung) == len(JUMPS)
    assert ["-3600" in one.detail for one in reversed(rung)] == [False, True, False, False]


def test_an_alarm_of_a_clock_that_ran_ahead_silences_nothing_later(centre) -> None:
    clock, database = centre.clock, centre.context.database

    def ring(at):
        return database.write(
            lambda session: alarm.raise_alarm(session.connection(), "FORK", at=at, peer="p", detail="d")
        )

    assert ring(clock.now() + timedelta(days=3652))
    assert ring(clock.now())
    assert not ring(clock.now() + timedelta(minutes=1))


@pytest.mark.parametrize(("ahead_s", "rings"), [(0, False), (45, False), (-45, False), (90, True), (-90, True)])
def test_a_clock_that_differs_from_the_parents_rings(centre, ahead_s, rings) -> None:
    clock, database = centre.clock, centre.context.database
    said = clock.now() - timedelta(seconds=ahead_s)
    assert note_skew(database, clock, "n", "the parent", said) == timedelta(seconds=ahead_s)
    database.write(lambda session: None)
    rung = [(one.code, one.peer) for one in database.read(alarm.latest)]
    assert rung == ([(SKEW, "the parent")] if rings else [])


@pytest.mark.parametrize(("text", "ahead_s"), [("3600", 3600), ("-3600", -3600), ("", 0), ("nonsense", 0)])
def test_a_file_sets_the_clock_wrong(tmp_path, text, ahead_s) -> None:
    file = tmp_path / "clock"
    file.write_text(text, "ascii")
    absent = ShiftedClock(tmp_path / "absent")
    assert round((ShiftedClock(file).now() - absent.now()).total_seconds(), -1) == ahead_s
