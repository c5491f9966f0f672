"""Where a moment lies on a picture of years in which little happens: quiet stretches are cut short.

Between two stays of a patient lie months without an entry. Drawn to scale they would press the days that matter into
a few pixels; so days are to scale within a busy stretch, and what lies between two of them is a break of one width.
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

QUIET_DAYS = 30
"""More days than these without an entry are a break."""
WIDTH = 1150.0
"""Pixels the picture has before it scrolls."""
BREAK = 26.0
MARGIN = 8.0
LEAST_PER_DAY, MOST_PER_DAY = 1.5, 48.0
LABEL = 76.0
"""Pixels a date's label needs."""
_DAY = dt.timedelta(days=1)
_MIDNIGHT = dt.time()


@dataclass(frozen=True, slots=True)
class Stretch:
    """Days drawn to scale, first and last included, and where the first begins."""

    first: dt.date
    last: dt.date
    left: float

    @property
    def days(self) -> int:
        """How many."""
        return (self.last - self.first).days + 1


@dataclass(frozen=True, slots=True)
class Quiet:
    """A break between two stretches: where it lies, and how many days it stands for."""

    left: float
    days: int


@dataclass(frozen=True)
class TimeAxis:
    """Stretches, in order, and pixels per day."""

    stretches: tuple[Stretch, ...]
    per_day: float

    @classmethod
    def of(cls, days: Iterable[dt.date]) -> TimeAxis:
        """The axis of a patient with entries on these days.

        Raises:
            ValueError: there is no day.
        """
        busy = sorted(set(days))
        if not busy:
            raise ValueError("expected at least one day; found none")
        edges = [i for i in range(1, len(busy)) if (busy[i] - busy[i - 1]).days > QUIET_DAYS + 1]
        runs = [(busy[a], busy[b - 1]) for a, b in zip([0, *edges], [*edges, len(busy)], strict=True)]
        total = sum((last - first).days + 1 for first, last in runs)
        room = WIDTH - 2 * MARGIN - BREAK * (len(runs) - 1)
        per_day = min(max(room / total, LEAST_PER_DAY), MOST_PER_DAY)
        stretches, left = [], MARGIN
        for first, last in runs:
            stretches.append(Stretch(first, last, left))
            left += stretches[-1].days * per_day + BREAK
        return cls(tuple(stretches), per_day)

    @cached_property
    def width(self) -> float:
        """Of the whole picture."""
        return self._end(self.stretches[-1]) + MARGIN

    @cached_property
    def breaks(self) -> tuple[Quiet, ...]:
        """The quiet times between stretches."""
        pairs = pairwise(self.stretches)
        return tuple(Quiet(self._end(a), (b.first - a.last).days - 1) for a, b in pairs)

    def x(self, when: dt.date) -> float:
        """Where a day begins, or a time of day lies. What no stretch holds lies in the break, or at the edge."""
        day = when.date() if isinstance(when, dt.datetime) else when
        place = bisect_right([each.first for each in self.stretches], day) - 1
        if place < 0:
            return self.stretches[0].left
        stretch = self.stretches[place]
        part = (when - dt.datetime.combine(day, _MIDNIGHT)) / _DAY if isinstance(when, dt.datetime) else 0.0
        days = (day - stretch.first).days + part
        if days <= stretch.days:
            return stretch.left + days * self.per_day
        if place + 1 == len(self.stretches):
            return self._end(stretch)
        gap = (self.stretches[place + 1].first - stretch.last).days - 1
        return self._end(stretch) + BREAK * (days - stretch.days) / gap

    def labels(self) -> list[tuple[float, str]]:
        """Dates to be written: where a stretch begins, and the months in it, as far as there is room."""
        written: list[tuple[float, str]] = []
        for stretch in self.stretches:
            for day in (stretch.first, *_months(stretch)):
                place = self.x(day)
                if not written or place - written[-1][0] >= LABEL:
                    written.append((place, day.isoformat()))
        return written

    def _end(self, stretch: Stretch) -> float:
        return stretch.left + stretch.days * self.per_day


def _months(stretch: Stretch) -> list[dt.date]:
    """The first days of the months that begin within a stretch, without its own."""
    months = range(stretch.first.year * 12 + stretch.first.month, stretch.last.year * 12 + stretch.last.month)
    return [dt.date(month // 12, month % 12 + 1, 1) for month in months]
