"""Height and weight.

A weight holds from when it was charted until the next one, so that a dose or urine rate per kg can look up the weight
of its own time. The admission weight is taken to hold from two hours before ICU admission.
"""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from clinical_assets.concepts.declaration import (
    CHARTTIME,
    STAY_ID,
    SUBJECT_ID,
    concept,
    conform,
    number,
    text,
    timestamp,
)
from clinical_assets.concepts.measurements import FIRST_DAY, Measurement, around_admission, is_item, per_stay
from clinical_assets.concepts.published_arithmetic import rounded

HEIGHT_CM = 226730
HEIGHT_INCHES = 226707
CM_PER_INCH = 2.54
BODY_HEIGHT = Measurement(
    name="height", itemids=(HEIGHT_CM, HEIGHT_INCHES), unit="cm", meaning="Body height", above=120, below=230
)

HEIGHT = concept(
    "height",
    grain="one row per charted height (repeated where one time has several)",
    meaning="Body height of adults; the metric entry goes before the one in inches of the same time.",
    columns=(SUBJECT_ID, STAY_ID, CHARTTIME, BODY_HEIGHT.column(", rounded to 0.01 cm")),
    happened="charttime",
)


def height(chartevents: pl.LazyFrame) -> pl.LazyFrame:
    """Body height. One row per patient, chart time and pair of a metric and an inch entry; columns as in `HEIGHT`."""
    charted = chartevents.filter(is_item(BODY_HEIGHT.itemids), pl.col("valuenum").is_not_null()).select(
        "subject_id", "stay_id", "charttime", "itemid", "valuenum"
    )
    metric = charted.filter(pl.col("itemid") == HEIGHT_CM).with_columns(height=rounded(pl.col("valuenum"), 2))
    inches = charted.filter(pl.col("itemid") == HEIGHT_INCHES).with_columns(
        height=rounded(pl.col("valuenum") * CM_PER_INCH, 2)
    )
    rows = (
        metric.join(inches, on=["subject_id", "charttime"], how="full", coalesce=True, suffix="_inches")
        .with_columns(pl.coalesce(name, f"{name}_inches").alias(name) for name in ("stay_id", "height"))
        .filter(BODY_HEIGHT.believed(pl.col("height")))
    )
    return conform(rows, HEIGHT)


FIRST_DAY_HEIGHT = concept(
    "first_day_height",
    grain="one row per ICU stay",
    meaning="Body height from 6 h before to 24 h after ICU admission.",
    columns=(SUBJECT_ID, STAY_ID, number("height", "Mean of the heights charted on the first ICU day.", "cm")),
    primary_key=("stay_id",),
)


def first_day_height(icustays: pl.LazyFrame, height: pl.LazyFrame) -> pl.LazyFrame:
    """First-day height. One row per ICU stay, null where none was charted."""
    mean = around_admission(icustays, height, by="stay_id").group_by("stay_id").agg(rounded(pl.col("height").mean(), 2))
    return conform(per_stay(icustays, mean), FIRST_DAY_HEIGHT)


ADMISSION_WEIGHT = 226512
DAILY_WEIGHT = 224639
BODY_WEIGHT = Measurement(
    name="weight",
    itemids=(ADMISSION_WEIGHT, DAILY_WEIGHT),
    unit="kg",
    meaning="Body weight",
    above=0,
    below=1500,
)
MARGIN = timedelta(hours=2)
"""Weights are taken to hold from this long before ICU admission until this long after discharge."""

WEIGHT_DURATIONS = concept(
    "weight_durations",
    grain="one row per charted weight, and one more per stay whose first weight came after ICU admission",
    meaning="Body weight and the time it holds for; the first known weight also holds backwards to admission.",
    columns=(
        STAY_ID,
        timestamp("starttime", "From when the weight holds."),
        timestamp("endtime", "Until when: the next weight, or two hours after ICU discharge."),
        BODY_WEIGHT.column(", rounded to 1 g"),
        text("weight_type", "Admission weight or daily weight.", allowed=("admit", "daily")),
    ),
    happened="starttime",
)


def weight_durations(icustays: pl.LazyFrame, chartevents: pl.LazyFrame) -> pl.LazyFrame:
    """Weights with the time each holds for. A stay's intervals don't overlap; of two of one time the second holds.

    The published order of weights of one time is left open; here an admission weight goes before a daily one, and a
    lower before a higher.
    """
    tied = ("weight_type", "weight")
    first_admission_weight = (pl.col("weight_type") == "admit") & (
        pl.int_range(pl.len()).over("stay_id", "weight_type", order_by=["charttime", "weight"]) == 0
    )
    weights = (
        chartevents.filter(is_item(BODY_WEIGHT.itemids), BODY_WEIGHT.believed(pl.col("valuenum")))
        .select(
            "stay_id",
            "charttime",
            weight_type=pl.when(pl.col("itemid") == ADMISSION_WEIGHT).then(pl.lit("admit")).otherwise(pl.lit("daily")),
            weight=rounded(pl.col("valuenum"), 3),
        )
        .join(icustays.select("subject_id", "stay_id", "intime", "outtime"), on="stay_id")
        .with_columns(starttime=pl.when(first_admission_weight).then(pl.col("intime") - MARGIN).otherwise("charttime"))
        .with_columns(
            endtime=pl.coalesce(
                pl.col("starttime").shift(-1).over("stay_id", order_by=["starttime", *tied]),
                pl.col("outtime") + MARGIN,
            )
        )
    )
    backwards = (
        weights.sort("starttime", *tied)
        .unique("stay_id", keep="first", maintain_order=True)
        .filter(pl.col("intime") < pl.col("starttime"))
        .with_columns(starttime=pl.col("intime") - MARGIN, endtime=pl.col("starttime"))
    )
    return pl.concat([conform(weights, WEIGHT_DURATIONS), conform(backwards, WEIGHT_DURATIONS)])


_PERIOD = "among the weights that began to hold before 24 h after ICU admission"

FIRST_DAY_WEIGHT = concept(
    "first_day_weight",
    grain="one row per ICU stay",
    meaning="Body weight up to 24 h after ICU admission.",
    columns=(
        SUBJECT_ID,
        STAY_ID,
        number("weight_admit", f"Mean admission weight {_PERIOD}.", "kg"),
        number("weight", f"Mean weight {_PERIOD}.", "kg"),
        number("weight_min", f"Lowest weight {_PERIOD}.", "kg"),
        number("weight_max", f"Highest weight {_PERIOD}.", "kg"),
    ),
    primary_key=("stay_id",),
)


def first_day_weight(icustays: pl.LazyFrame, weight_durations: pl.LazyFrame) -> pl.LazyFrame:
    """First-day weight. One row per ICU stay, null where no weight was charted by then."""
    weight = pl.col("weight")
    summaries = (
        icustays.select("stay_id", "intime")
        .join(weight_durations.drop("subject_id"), on="stay_id")
        .filter(pl.col("starttime") <= pl.col("intime") + FIRST_DAY)
        .group_by("stay_id")
        .agg(
            weight.filter(pl.col("weight_type") == "admit").mean().alias("weight_admit"),
            weight.mean(),
            weight.min().alias("weight_min"),
            weight.max().alias("weight_max"),
        )
    )
    return conform(per_stay(icustays, summaries), FIRST_DAY_WEIGHT)
