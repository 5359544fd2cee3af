"""Periods: a day at the centres, or a shorter bucket in rehearsals, each named by its local beginning.

The key is ISO 8601 in local time (+07:00): `2025-06-01` for a day, `2025-06-01T08:00:05/PT5S` for a bucket of five
seconds. Whoever signs a state names its period by its own clock.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from node.territory import LOCAL_ZONE

DAY_S = 86_400
_FIRST_YEAR, _LAST_YEAR = 2000, 2200
_KEY = re.compile(r"(\d{4}-\d{2}-\d{2})(?:T(\d{2}:\d{2}:\d{2})/PT([1-9]\d{0,4})S)?")


class PeriodError(ValueError):
    """A key that names no period."""


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """One bucket of time, from its beginning up to, and without, its end."""

    begin: datetime
    seconds: int

    @classmethod
    def of(cls, moment: datetime, seconds: int) -> "Period":
        """The period of that length in which a moment lies."""
        local = moment.astimezone(LOCAL_ZONE)
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
        past_s = (local - midnight) // timedelta(seconds=1)
        begin = midnight + timedelta(seconds=past_s - past_s % seconds)
        return cls(begin.astimezone(UTC), seconds)

    @classmethod
    def parse(cls, key: str) -> "Period":
        """The period that a key names; raises PeriodError."""
        found = _KEY.fullmatch(key)
        try:
            if found is None:
                raise PeriodError(f"{key[:60]!r} names no period")
            day, time, length = found.groups()
            begin = datetime.fromisoformat(f"{day}T{time or '00:00:00'}").replace(tzinfo=LOCAL_ZONE)
            period = cls(begin.astimezone(UTC), int(length or DAY_S))
        except ValueError as error:
            raise PeriodError(f"{key[:60]!r} names no period") from error
        is_canonical = DAY_S % period.seconds == 0 and period.key == key and cls.of(begin, period.seconds) == period
        if not is_canonical or not _FIRST_YEAR <= begin.year <= _LAST_YEAR:
            raise PeriodError(f"{key[:60]!r} names no period")
        return period

    @property
    def end(self) -> datetime:
        """The first moment after it."""
        return self.begin + timedelta(seconds=self.seconds)

    @property
    def key(self) -> str:
        """Its name."""
        local = self.begin.astimezone(LOCAL_ZONE)
        if self.seconds == DAY_S:
            return local.date().isoformat()
        return f"{local.strftime('%Y-%m-%dT%H:%M:%S')}/PT{self.seconds}S"

    @property
    def local_date(self) -> date:
        """The day at the centres on which it begins: the day of its tree."""
        return self.begin.astimezone(LOCAL_ZONE).date()

    def after(self) -> "Period":
        """The next one."""
        return Period(self.end, self.seconds)

    def before(self, count: int = 1) -> "Period":
        """The one so many before."""
        return Period(self.begin - timedelta(seconds=self.seconds * count), self.seconds)


def last_closed(now: datetime, seconds: int) -> Period:
    """The newest period that is over."""
    return Period.of(now, seconds).before()


def between(first: Period, last: Period) -> Iterator[Period]:
    """Every period from one to another, both included."""
    while first <= last:
        yield first
        first = first.after()
