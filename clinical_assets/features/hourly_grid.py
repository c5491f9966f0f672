"""The hours of ICU stays, and what was known at each of them: for any feature set with a row per hour.

An event counts at an hour if it had happened and had been stored by then. Every event is put on the first grid row at
which it was known, so "the latest value known" is an as-of join on row numbers and "the worst of the last day" is the
latest time a value that bad was measured: both are single passes over sorted columns, whatever the number of hours.

Times here are microseconds since ICU admission (`at`: when it was measured), rows are numbers from 0 over all stays.
"""

from __future__ import annotations

from datetime import timedelta

import polars as pl

HOUR = timedelta(hours=1)
_HOUR_US = 3_600_000_000
HOURS_BEFORE = 12
"""Grid rows before admission, so that a change over twelve hours can be told at admission; no table shows them."""
_STAY = ["subject_id", "stay_id"]


def admissions(icu_stays: pl.LazyFrame) -> pl.LazyFrame:
    """One row per ICU stay with the place of its hours in the grid.

    Args:
        icu_stays: `subject_id`, `stay_id`, `intime`, `outtime`. A stay without an `outtime`, or one not later than
            `intime`, has no hours.

    Returns:
        `subject_id`, `stay_id`, `intime`, `last_hr` (the last full hour before `outtime`), `first_row`.
    """
    hours = -(-(pl.col("outtime") - pl.col("intime")).dt.total_microseconds() // _HOUR_US) - 1
    return (
        icu_stays.filter(pl.col("outtime") > pl.col("intime"))
        .select(*_STAY, "intime", last_hr=hours)
        .sort(_STAY)
        .with_columns(first_row=(pl.col("last_hr") + 1 + HOURS_BEFORE).cum_sum().shift(1, fill_value=0))
    )


def grid(stays: pl.LazyFrame) -> pl.LazyFrame:
    """One row per stay and hour from `HOURS_BEFORE` before admission on, in row order.

    Args:
        stays: as from `admissions`.

    Returns:
        `subject_id`, `stay_id`, `hr`, `index_time` (admission plus `hr` hours), `row`, `first_row` of the stay.
    """
    return (
        stays.with_columns(hr=pl.int_ranges(-HOURS_BEFORE, pl.col("last_hr") + 1))
        .explode("hr", empty_as_null=False)
        .select(
            *_STAY,
            "hr",
            "first_row",
            index_time=pl.col("intime") + pl.duration(microseconds=pl.col("hr") * _HOUR_US),
            row=pl.col("first_row") + pl.col("hr") + HOURS_BEFORE,
        )
        .set_sorted("row")
    )


def known_in_stay(
    stays: pl.LazyFrame, events: pl.LazyFrame, *, by: str, no_older_than: timedelta | None = None
) -> pl.LazyFrame:
    """The events of each stay that were known by some hour of it, on the first row at which they were.

    Args:
        stays: as from `admissions`.
        events: `by`, `charttime`, `known` (both times; an event without either never counts) and their values.
        by: `stay_id` for what is charted in the ICU, `subject_id` for laboratory results.
        no_older_than: leaves out what was measured longer before admission; needed where a patient has many stays.

    Returns:
        The events' values with `stay_id`, `row`, `first_row`, `at`.
    """
    since_admission = (pl.col("known") - pl.col("intime")).dt.total_microseconds()
    joined = events.join(stays.select(*_STAY, "intime", "last_hr", "first_row").drop(_other(by)), on=by)
    if no_older_than is not None:
        joined = joined.filter(pl.col("charttime") >= pl.col("intime") - no_older_than)
    return (
        joined.with_columns(
            hour=first_hour(since_admission).clip(lower_bound=-HOURS_BEFORE),
            at=(pl.col("charttime") - pl.col("intime")).dt.total_microseconds(),
        )
        .filter(pl.col("hour") <= pl.col("last_hr"), pl.col("at").is_not_null())
        .with_columns(row=pl.col("first_row") + pl.col("hour") + HOURS_BEFORE)
        .drop("hour", "last_hr", "charttime", "known", "intime")
    )


def first_hour(since_admission: pl.Expr) -> pl.Expr:
    """The first full hour at or after a time given in microseconds since admission."""
    return -(-since_admission // _HOUR_US)


def _other(by: str) -> str:
    return next(name for name in _STAY if name != by)


def with_latest(hours: pl.LazyFrame, events: pl.LazyFrame, name: str, *, holds_for: timedelta | None) -> pl.LazyFrame:
    """The hours with the value measured last among those known: column `name`, and `name` + `__at` when measured.

    Values measured and becoming known together are averaged. A value filed late does not replace a newer one.

    Args:
        hours: as from `grid`.
        events: `row`, `first_row`, `at`, `value`, as from `known_in_stay`.
        name: of the column.
        holds_for: how long after its measurement a value still says something; None for good.
    """
    measured = f"{name}__at"
    newest = pl.col("at") >= pl.col("at").cum_max().over("first_row", order_by="row")
    by_row = (
        events.drop_nulls("value")
        .group_by("row", "first_row", "at")
        .agg(pl.col("value").mean())
        .sort("row", "at")
        .unique("row", keep="last", maintain_order=True)
        .filter(newest)
        .select("row", stay_of_value="first_row", at="at", value="value")
        .set_sorted("row")
    )
    holds = pl.col("stay_of_value") == pl.col("first_row")
    if holds_for is not None:
        holds &= pl.col("hr") * _HOUR_US - pl.col("at") <= microseconds(holds_for)
    return hours.join_asof(by_row, on="row", check_sortedness=False).select(
        pl.exclude("stay_of_value", "at", "value"),
        pl.when(holds).then("value").alias(name),
        pl.when(holds).then("at").alias(measured),
    )


def change_over(name: str, hours: int) -> pl.Expr:
    """What `name` is now less what it was so many hours ago, both as known then.

    Null where nothing was measured since: no news is not stability. Rows must be in order, `hours` at most
    `HOURS_BEFORE`, so that the row so many places above is the same stay's in every row from admission on.
    """
    if hours > HOURS_BEFORE:
        raise ValueError(f"a change over {hours} h needs as many grid rows before admission; there are {HOURS_BEFORE}")
    measured = pl.col(f"{name}__at")
    return pl.when(measured > measured.shift(hours)).then(pl.col(name) - pl.col(name).shift(hours))


def with_worst(hours: pl.LazyFrame, events: pl.LazyFrame, name: str, *, window: timedelta, most: int) -> pl.LazyFrame:
    """The hours with the most points any event measured within the window, and known by then, has: column `name`.

    Args:
        hours: as from `grid`.
        events: `row`, `first_row`, `at`, `points` (0 to `most`), as from `known_in_stay`.
        name: of the column; null where the window holds no known event.
        window: (index time - window, index time] is looked at.
        most: the highest number of points.
    """
    levels = range(most + 1)
    last = {level: f"at_least_{level}" for level in levels}
    by_row = (
        events.drop_nulls("points")
        .group_by("row", "first_row")
        .agg(pl.col("at").filter(pl.col("points") >= level).max().alias(last[level]) for level in levels)
        .sort("row")
        .with_columns(
            pl.col(last[level]).cum_max().forward_fill().over("first_row", order_by="row") for level in levels
        )
        .rename({"first_row": "stay_of_value"})
        .set_sorted("row")
    )
    same_stay = pl.col("stay_of_value") == pl.col("first_row")
    earliest = pl.col("hr") * _HOUR_US - microseconds(window)
    points = pl.coalesce(
        pl.when(same_stay & (pl.col(last[level]) > earliest)).then(pl.lit(level, pl.Int64))
        for level in reversed(levels)
    )
    joined = hours.join_asof(by_row, on="row", check_sortedness=False)
    return joined.with_columns(points.alias(name)).drop("stay_of_value", *last.values())


def with_sum(hours: pl.LazyFrame, events: pl.LazyFrame, name: str, *, window: timedelta) -> pl.LazyFrame:
    """The hours with the sum of what was measured within the window and known by then: column `name`.

    Also `name` + `__first` and `name` + `__last`: when the first and the last event known by then were measured.

    Args:
        hours: as from `grid`.
        events: `row`, `first_row`, `at`, `value`, as from `known_in_stay`.
        name: of the column; null where no event is known yet.
        window: (index time - window, index time] is looked at.
    """
    enters = events.drop_nulls("value")
    leaves_at = pl.col("first_row") + HOURS_BEFORE + first_hour(pl.col("at") + microseconds(window))
    # An event leaves the window on a row fixed by its own times: a sum is what came in less what went out.
    leaves = enters.with_columns(row=pl.max_horizontal("row", leaves_at), value=-pl.col("value"))
    first, last = f"{name}__first", f"{name}__last"
    by_row = (
        pl.concat(
            [
                enters.select("row", "first_row", "value", pl.col("at").alias(first), pl.col("at").alias(last)),
                leaves.select(
                    "row",
                    "first_row",
                    "value",
                    pl.lit(None, pl.Int64).alias(first),
                    pl.lit(None, pl.Int64).alias(last),
                ),
            ]
        )
        .group_by("row", "first_row")
        .agg(pl.col("value").sum(), pl.col(first).min(), pl.col(last).max())
        .sort("row", "first_row")
        .with_columns(
            pl.col("value").cum_sum().round(6).over("first_row", order_by="row"),
            pl.col(first).cum_min().forward_fill().over("first_row", order_by="row"),
            pl.col(last).cum_max().forward_fill().over("first_row", order_by="row"),
        )
    )
    # Leaving may fall after the stay's last hour, on a row of the next stay: matched within the stay.
    joined = hours.join_asof(by_row.set_sorted("row"), on="row", by="first_row", check_sortedness=False)
    return joined.rename({"value": name})


def microseconds(span: timedelta) -> int:
    """A time span in the unit of `at`."""
    return round(span.total_seconds() * 1_000_000)
