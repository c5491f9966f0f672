"""Which hours of a stay a model learns from: all before an event, and a few of the quiet ones.

Neighbouring hours of a stay are nearly the same row: learning from all of them costs time and pretends to evidence that
is not there. Every hour with the event is kept; of a stay's other hours a bounded number, spread evenly over the stay,
each weighted by how many it stands for. Weighted, the sample has the event rate of all hours, so that probabilities
learnt and calibrated on it hold for every hour.

Only training rows are ever thinned: a model is judged on, and predicts, every hour.
"""

from __future__ import annotations

import polars as pl

WEIGHT = "stands_for_hours"
MOST_QUIET_HOURS = 12
"""Of a stay. An event has at most as many hours as the label's horizon, six."""


def thinned(rows: pl.LazyFrame, *, label: str, most_quiet: int = MOST_QUIET_HOURS) -> pl.LazyFrame:
    """The rows to learn from, with the column `WEIGHT`: how many hours each stands for.

    Which hours are kept depends on the stay's own rows and number alone, never on the other rows of a run.

    Args:
        rows: one row per `stay_id` and `hr`; those labelled neither 0 nor 1 are left out.
        label: column of the event.
        most_quiet: hours without the event kept of a stay.
    """
    stay, quiet = pl.col("stay_id"), pl.col(label) == 0
    hours = quiet.sum().over(stay).cast(pl.Int64)
    step = pl.max_horizontal(-(-hours // most_quiet), 1)
    # Counted from an hour of its own, lest a long stay be seen at one hour of the day only in every stay alike.
    place = (pl.col("hr").rank("ordinal").over(stay, label).cast(pl.Int64) + stay) % step
    # Chosen by three columns: the others need not all be in memory for it.
    known = rows.select("stay_id", "hr", label).filter(pl.col(label).is_in([0, 1]))
    kept = known.with_columns(step=step, hours=hours).filter(~quiet | (place == 0))
    weight = pl.when(quiet).then(pl.col("hours") / quiet.sum().over(stay)).otherwise(1.0)
    return rows.join(
        kept.select("stay_id", "hr", weight.cast(pl.Float64).alias(WEIGHT)), on=["stay_id", "hr"], how="inner"
    )
