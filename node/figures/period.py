"""Periods: a day at the centres, a shorter bucket in rehearsals, and the weeks, months, quarters and years of days.

The key is ISO 8601 in local time (+07:00): `2025-06-01` for a day, `2025-06-01T08:00:05/PT5S` for a bucket of five
seconds, `2025-W22`, `2025-06`, `2025-Q2` and `2025` for what consists of days. Whoever signs a state names its period
by its own clock.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum

from node.territory import LOCAL_ZONE

DAY_S = 86_400
_FIRST_YEAR, _LAST_YEAR = 2000, 2200
_KEY = re.compile(r"(\d{4}-\d{2}-\d{2})(?:T(\d{2}:\d{2}:\d{2})/PT([1-9]\d{0,4})S)?")
_CALENDAR_KEY = re.compile(r"(\d{4})(?:-(W\d{2}|\d{2}|Q[1-4]))?")
_WEEK_DAYS, _MONTH_DAYS, _QUARTER_DAYS, _YEAR_DAYS = (7,), (28, 29, 30, 31), (90, 91, 92), (365, 366)


class PeriodError(ValueError):
    """A key that names no period."""


class Grain(StrEnum):
    """How long a period is; a bucket is what a rehearsal has in the place of a day."""

    BUCKET = "bucket"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"

    @property
    def label(self) -> str:
        """The Vietnamese word."""
        return _GRAIN_LABELS[self]

    @property
    def order(self) -> int:
        """Its place from short to long."""
        return tuple(Grain).index(self)


_GRAIN_LABELS = {
    Grain.BUCKET: "kỳ",
    Grain.DAY: "ngày",
    Grain.WEEK: "tuần",
    Grain.MONTH: "tháng",
    Grain.QUARTER: "quý",
    Grain.YEAR: "năm",
}
_GRAINS = {Grain.WEEK: _WEEK_DAYS, Grain.MONTH: _MONTH_DAYS, Grain.QUARTER: _QUARTER_DAYS, Grain.YEAR: _YEAR_DAYS}


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """One span of time, from its beginning up to, and without, its end."""

    begin: datetime
    seconds: int

    @classmethod
    def of(cls, moment: datetime, seconds: int) -> "Period":
        """The bucket of that length, at most a day, in which a moment lies."""
        local = moment.astimezone(LOCAL_ZONE)
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
        past_s = (local - midnight) // timedelta(seconds=1)
        begin = midnight + timedelta(seconds=past_s - past_s % seconds)
        return cls(begin.astimezone(UTC), seconds)

    @classmethod
    def around(cls, day: date, grain: Grain) -> "Period":
        """The week, month, quarter, year or the very day in which a day lies."""
        first = _FIRST_DAYS[grain](day)
        return cls.days(first, _next_first(first, grain))

    @classmethod
    def days(cls, first: date, end: date) -> "Period":
        """All days from one up to, and without, another."""
        begin = datetime(first.year, first.month, first.day, tzinfo=LOCAL_ZONE)
        return cls(begin.astimezone(UTC), (end - first).days * DAY_S)

    @classmethod
    def parse(cls, key: str) -> "Period":
        """The period that a key names; raises PeriodError."""
        found = _KEY.fullmatch(key)
        try:
            if found is None:
                return cls._calendar(key)
            day, time, length = found.groups()
            begin = datetime.fromisoformat(f"{day}T{time or '00:00:00'}").replace(tzinfo=LOCAL_ZONE)
            period = cls(begin.astimezone(UTC), int(length or DAY_S))
        except ValueError as error:
            raise PeriodError(f"{key[:60]!r} names no period") from error
        is_canonical = DAY_S % period.seconds == 0 and period.key == key and cls.of(begin, period.seconds) == period
        if not is_canonical or not _FIRST_YEAR <= begin.year <= _LAST_YEAR:
            raise PeriodError(f"{key[:60]!r} names no period")
        return period

    @classmethod
    def _calendar(cls, key: str) -> "Period":
        found = _CALENDAR_KEY.fullmatch(key)
        if found is None or not _FIRST_YEAR <= int(found[1]) <= _LAST_YEAR:
            raise PeriodError(f"{key[:60]!r} names no period")
        year, part = int(found[1]), found[2]
        if part is None:
            return cls.around(date(year, 1, 1), Grain.YEAR)
        if part.startswith("W"):
            return cls.around(date.fromisocalendar(year, int(part[1:]), 1), Grain.WEEK)
        if part.startswith("Q"):
            return cls.around(date(year, 3 * int(part[1:]) - 2, 1), Grain.QUARTER)
        return cls.around(date(year, int(part), 1), Grain.MONTH)

    @property
    def end(self) -> datetime:
        """The first moment after it."""
        return self.begin + timedelta(seconds=self.seconds)

    @property
    def grain(self) -> Grain:
        """How long it is, in words of the calendar."""
        if self.seconds <= DAY_S:
            return Grain.DAY if self.seconds == DAY_S else Grain.BUCKET
        days = self.seconds // DAY_S
        return next(grain for grain, lengths in _GRAINS.items() if days in lengths)

    @property
    def key(self) -> str:
        """Its name."""
        local = self.begin.astimezone(LOCAL_ZONE)
        match self.grain:
            case Grain.DAY:
                return local.date().isoformat()
            case Grain.WEEK:
                year, week, _ = local.isocalendar()
                return f"{year}-W{week:02}"
            case Grain.MONTH:
                return f"{local.year}-{local.month:02}"
            case Grain.QUARTER:
                return f"{local.year}-Q{(local.month + 2) // 3}"
            case Grain.YEAR:
                return str(local.year)
        return f"{local.strftime('%Y-%m-%dT%H:%M:%S')}/PT{self.seconds}S"

    @property
    def local_date(self) -> date:
        """The day at the centres on which it begins: the day of its tree, if it is no longer than a day."""
        return self.begin.astimezone(LOCAL_ZONE).date()

    @property
    def last_date(self) -> date:
        """The last day at the centres that lies in it."""
        return (self.end - timedelta(seconds=1)).astimezone(LOCAL_ZONE).date()

    def after(self) -> "Period":
        """The next one."""
        if self.grain.order > Grain.DAY.order:
            return Period.around(self.end.astimezone(LOCAL_ZONE).date(), self.grain)
        return Period(self.end, self.seconds)

    def before(self, count: int = 1) -> "Period":
        """The one so many before."""
        if self.grain.order <= Grain.DAY.order:
            return Period(self.begin - timedelta(seconds=self.seconds * count), self.seconds)
        found = self
        for _ in range(count):
            found = Period.around(found.local_date - timedelta(days=1), self.grain)
        return found

    def buckets(self, seconds: int) -> "list[Period]":
        """The shorter ones of that length, at most a day, of which it consists."""
        return [Period(self.begin + timedelta(seconds=at), seconds) for at in range(0, self.seconds, seconds)]

    def parts(self, grain: Grain) -> "list[Period]":
        """The days, months or quarters of which it consists, and a year or a quarter wholly."""
        first, found = Period.around(self.local_date, grain), list[Period]()
        while first.begin < self.end:
            found.append(first)
            first = first.after()
        return found

    def year_before(self) -> "Period | None":
        """The same one of the year before; None for buckets of rehearsals, and for a week that that year has not."""
        day = self.local_date
        match self.grain:
            case Grain.BUCKET:
                return None
            case Grain.WEEK:
                year, week, _ = day.isocalendar()
                try:
                    return Period.around(date.fromisocalendar(year - 1, week, 1), Grain.WEEK)
                except ValueError:
                    return None
            case _:
                is_leap_day = (day.month, day.day) == (2, 29)
                last_year = day.replace(year=day.year - 1, day=28 if is_leap_day else day.day)
                return Period.around(last_year, self.grain)


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


_FIRST_DAYS: Mapping[Grain, Callable[[date], date]] = {
    Grain.DAY: lambda day: day,
    Grain.WEEK: _monday,
    Grain.MONTH: lambda day: day.replace(day=1),
    Grain.QUARTER: lambda day: day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1),
    Grain.YEAR: lambda day: day.replace(month=1, day=1),
}
_MONTHS = {Grain.MONTH: 1, Grain.QUARTER: 3, Grain.YEAR: 12}


def _next_first(first: date, grain: Grain) -> date:
    if grain in _MONTHS:
        months = first.month - 1 + _MONTHS[grain]
        return first.replace(year=first.year + months // 12, month=months % 12 + 1)
    return first + timedelta(days=7 if grain is Grain.WEEK else 1)


def last_closed(now: datetime, seconds: int) -> Period:
    """The newest bucket that is over."""
    return Period.of(now, seconds).before()


def last_of(now: datetime, grain: Grain) -> Period:
    """The newest period of a length of the calendar that is over."""
    return Period.around(now.astimezone(LOCAL_ZONE).date(), grain).before()


def between(first: Period, last: Period) -> Iterator[Period]:
    """Every period from one to another, both included."""
    while first <= last:
        yield first
        first = first.after()
