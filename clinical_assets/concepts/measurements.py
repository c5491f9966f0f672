"""Measurements as data: which items hold one, in which unit, and which of their values are believed.

A concept's columns and its expressions are both generated from a tuple of `Measurement`, so a wrong unit or bound has
one place to be wrong in. What does not belong here: the items themselves; they are listed in their subject's module.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import reduce
from operator import and_

import polars as pl

from clinical_assets.concepts.declaration import number
from clinical_assets.tables import Column

BEFORE_ADMISSION = timedelta(hours=6)
"""Most first-day tables look back this far: the ward's or emergency room's last values describe the admission too."""
FIRST_DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """One measured quantity and the events that carry it.

    Attributes:
        name: the column's name.
        itemids: `d_items` or `d_labitems` ids whose events carry it.
        unit: of the column's values.
        meaning: a noun phrase for the columns' description.
        above: values at or below are not believed.
        below: values at or above are not believed.
        at_least: values below are not believed.
        at_most: values above are not believed.
        per: events are divided by this to reach `unit`.
    """

    name: str
    itemids: tuple[int, ...]
    unit: str | None
    meaning: str
    above: float | None = None
    below: float | None = None
    at_least: float | None = None
    at_most: float | None = None
    per: float = 1.0

    def believed(self, value: pl.Expr) -> pl.Expr:
        """Whether an event's value lies within the bounds (true where there are none)."""
        rules = [
            value > self.above if self.above is not None else None,
            value < self.below if self.below is not None else None,
            value >= self.at_least if self.at_least is not None else None,
            value <= self.at_most if self.at_most is not None else None,
        ]
        return reduce(and_, [rule for rule in rules if rule is not None], pl.lit(value=True))

    def reading(self) -> pl.Expr:
        """An event's believed value in the column's unit, null for events of other items; named as the column."""
        value = pl.col("valuenum")
        scaled = value if self.per == 1.0 else value / self.per
        return pl.when(self.carried() & self.believed(value)).then(scaled).alias(self.name)

    def carried(self) -> pl.Expr:
        """Whether an event is of one of the items."""
        return is_item(self.itemids)

    def column(self, how: str = "") -> Column:
        """The column's declaration; `how` says which value it is where several compete."""
        return number(self.name, f"{self.meaning}{how}.", self.unit)


def is_item(itemids: Sequence[int]) -> pl.Expr:
    """Whether an event is of one of the items."""
    itemid = pl.col("itemid")
    return itemid == itemids[0] if len(itemids) == 1 else itemid.is_in(list(itemids))


def items_of(measurements: Iterable[Measurement]) -> tuple[int, ...]:
    """All items of the measurements, each once, in ascending order."""
    return tuple(sorted({itemid for m in measurements for itemid in m.itemids}))


def text_of(itemid: int, name: str) -> pl.Expr:
    """The text of an event of that item, null for other items; named `name`."""
    return pl.when(pl.col("itemid") == itemid).then(pl.col("value")).alias(name)


def around_admission(
    icustays: pl.LazyFrame,
    events: pl.LazyFrame,
    *,
    by: str,
    before: timedelta = BEFORE_ADMISSION,
    time: str = "charttime",
) -> pl.LazyFrame:
    """The events of each ICU stay's first day.

    Args:
        icustays: `subject_id`, `stay_id`, `intime`.
        events: any table with `by` and `time`.
        by: `stay_id` for what is charted in the ICU, `subject_id` for laboratory results.
        before: how long before ICU admission the day begins; both ends are inclusive.
        time: the events' time column.

    Returns:
        One row per stay and event: `subject_id`, `stay_id` and `intime` of the stay, and what else the event says.
        An event may belong to the first day of two stays.
    """
    stays = icustays.select("subject_id", "stay_id", "intime")
    kept = events.drop([name for name in ("subject_id", "stay_id") if name != by], strict=False)
    return stays.join(kept, on=by, how="inner").filter(
        pl.col(time) >= pl.col("intime") - before, pl.col(time) <= pl.col("intime") + FIRST_DAY
    )


def per_stay(icustays: pl.LazyFrame, summaries: pl.LazyFrame) -> pl.LazyFrame:
    """One row per ICU stay with the summaries of that stay (one row per `stay_id`), null where it has none."""
    stays = icustays.select("subject_id", "stay_id")
    return stays.join(summaries.drop("subject_id", strict=False), on="stay_id", how="left")


EXTREMES = {"min": "Lowest", "max": "Highest", "mean": "Mean"}


def extremes(names: Iterable[tuple[str, str]], statistics: Sequence[str] = ("min", "max")) -> list[pl.Expr]:
    """Aggregations `<as>_<statistic>` of each `(column, as)` pair."""
    return [
        getattr(pl.col(source), statistic)().alias(f"{target}_{statistic}")
        for source, target in names
        for statistic in statistics
    ]


def extreme_columns(
    measurements: Iterable[tuple[Measurement, str]], period: str, statistics: Sequence[str] = ("min", "max")
) -> list[Column]:
    """The declarations of what `extremes` computes, for `(measurement, as)` pairs."""
    return [
        number(f"{target}_{s}", f"{EXTREMES[s]} {uncapitalised(m.meaning)} {period}.", m.unit)
        for m, target in measurements
        for s in statistics
    ]


def uncapitalised(phrase: str) -> str:
    """The phrase for use within a sentence; abbreviations keep their capitals."""
    return phrase if phrase[:2].isupper() or not phrase[1:2].islower() else phrase[0].lower() + phrase[1:]
