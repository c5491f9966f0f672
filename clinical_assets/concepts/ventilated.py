"""Whether a patient was ventilated when a blood gas was drawn, or on the first ICU day; for the severity scores.

The scores differ in small ways (which gases, which ends of an interval), and keep to what was published.
"""

from __future__ import annotations

import polars as pl

from clinical_assets.concepts.measurements import FIRST_DAY
from clinical_assets.concepts.respiratory import O2_DEVICE

INVASIVE = "InvasiveVent"
MASK_BEFORE = pl.duration(hours=1)
MASK_AFTER = pl.duration(hours=4)
"""A charted mask is taken to have been worn from an hour before its first entry to four hours after its last."""


def invasive_periods(ventilation: pl.LazyFrame) -> pl.LazyFrame:
    """Periods of invasive ventilation: `stay_id`, `starttime`, `endtime`."""
    return ventilation.filter(pl.col("ventilation_status") == INVASIVE).select("stay_id", "starttime", "endtime")


def gases_in_stay(icustays: pl.LazyFrame, bg: pl.LazyFrame) -> pl.LazyFrame:
    """The blood gases drawn during each ICU stay, matched by hospital stay: gases without one are left out."""
    drawn = pl.col("charttime")
    return (
        icustays.select("stay_id", "hadm_id", "intime", "outtime")
        .join(bg.drop("subject_id"), on="hadm_id")
        .filter(drawn >= pl.col("intime"), drawn < pl.col("outtime"))
    )


def during(
    gases: pl.LazyFrame, periods: pl.LazyFrame, name: str, *, by: str = "stay_id", from_start: bool
) -> pl.LazyFrame:
    """Mark the gases drawn within any of the periods.

    Args:
        gases: with `by` and `charttime`.
        periods: `by`, `starttime`, `endtime`.
        name: the column to add, true or false.
        by: what gas and period must share.
        from_start: whether a gas at the very start of a period lies in it; at its end it does.
    """
    drawn, start = pl.col("charttime"), pl.col("starttime")
    within = (
        gases.select(by, "charttime")
        .unique()
        .join(periods.select(by, "starttime", "endtime"), on=by)
        .filter(drawn >= start if from_start else drawn > start, drawn <= pl.col("endtime"))
        .select(by, "charttime", pl.lit(value=True).alias(name))
        .unique()
    )
    return gases.join(within, on=[by, "charttime"], how="left").with_columns(pl.col(name).fill_null(value=False))


def mask_periods(icustays: pl.LazyFrame, chartevents: pl.LazyFrame, pattern: str, *, from_start: bool) -> pl.LazyFrame:
    """Per ICU stay the time a mask was worn on the first day: `stay_id`, `subject_id`, `starttime`, `endtime`.

    Args:
        icustays: the stays.
        chartevents: the chart, with texts.
        pattern: regular expression of the devices that count, in lower case.
        from_start: whether an entry at the very minute of admission counts.
    """
    charted, intime = pl.col("charttime"), pl.col("intime")
    return (
        chartevents.filter(pl.col("itemid") == O2_DEVICE, pl.col("value").str.to_lowercase().str.contains(pattern))
        .select("stay_id", "charttime")
        .join(icustays.select("subject_id", "stay_id", "intime"), on="stay_id")
        .filter(charted >= intime if from_start else charted > intime, charted <= intime + FIRST_DAY)
        .group_by("subject_id", "stay_id", "intime")
        .agg(starttime=charted.min() - MASK_BEFORE, endtime=charted.max() + MASK_AFTER)
    )


def ventilated_on_first_day(icustays: pl.LazyFrame, ventilation: pl.LazyFrame) -> pl.LazyFrame:
    """One row per ICU stay: `stay_id`, `ventilated` (1 where invasively ventilated within its first 24 h, else 0)."""
    begins, ends = pl.col("intime"), pl.col("intime") + FIRST_DAY
    overlapping = (
        icustays.select("stay_id", "intime")
        .join(invasive_periods(ventilation), on="stay_id")
        .filter(
            pl.col("starttime").is_between(begins, ends)
            | pl.col("endtime").is_between(begins, ends)
            | ((pl.col("starttime") <= begins) & (pl.col("endtime") >= ends))
        )
        .select("stay_id", ventilated=pl.lit(1, pl.Int64))
        .unique()
    )
    return (
        icustays.select("stay_id")
        .join(overlapping, on="stay_id", how="left")
        .with_columns(pl.col("ventilated").fill_null(0))
    )
