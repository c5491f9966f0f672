"""Glasgow Coma Scale.

Three components charted apart: eyes 1-4, verbal 1-5, motor 1-6. An intubated patient can't speak; the verbal entry then
reads "No Response-ETT" and says nothing about consciousness, so the total is set to 15 (taken as normal) and
`gcs_unable` to 1. A component missing at a chart time is taken from the row before when that is less than six hours
old, else assumed normal. Never is anything carried on from a row whose verbal score was the tube.
"""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from clinical_assets.concepts.declaration import CHARTTIME, STAY_ID, SUBJECT_ID, concept, conform, flag, number
from clinical_assets.concepts.measurements import around_admission, is_item, per_stay
from clinical_assets.tables import Column

COMPONENTS = {"gcs_motor": 223901, "gcs_verbal": 223900, "gcs_eyes": 220739}
NORMAL = {"gcs_motor": 6, "gcs_verbal": 5, "gcs_eyes": 4}
HIGHEST = 15
TUBE = "No Response-ETT"
"""The verbal entry of an intubated patient; counted as verbal score 0."""
CARRIED_ON_FOR = timedelta(hours=6)


def _columns(total: str, which: str) -> tuple[Column, ...]:
    return (
        number(total, f"Total Glasgow Coma Scale, 3-15, {which}; 15 where a tube makes it unassessable.", "points"),
        number("gcs_motor", "Motor response, 1-6; may come from the row before (under 6 h old).", "points"),
        number("gcs_verbal", "Verbal response, 1-5, 0 for a tube; may come from the row before.", "points"),
        number("gcs_eyes", "Eye opening, 1-4; may come from the row before.", "points"),
        flag("gcs_unable", "1 where the patient could not speak for an endotracheal tube."),
    )


GCS = concept(
    "gcs",
    grain="one row per ICU stay and chart time at which any component was charted",
    meaning="Glasgow Coma Scale with missing components filled as published; a tube scores as normal.",
    columns=(SUBJECT_ID, STAY_ID, CHARTTIME, *_columns("gcs", "at this time")),
    primary_key=("stay_id", "charttime"),
    happened="charttime",
)


def _before(name: str) -> pl.Expr:
    """The component in the stay's row before, where that row is recent enough."""
    recent = pl.col("charttime") - pl.col("charttime").shift(1) < CARRIED_ON_FOR
    return pl.when(recent).then(pl.col(name).shift(1)).over("stay_id", order_by="charttime").alias(f"{name}_before")


def _total() -> pl.Expr:
    """Sum of the components; the order of the rules is the published one."""
    verbal, verbal_before = pl.col("gcs_verbal"), pl.col("gcs_verbal_before")
    as_charted = [pl.coalesce(name, pl.lit(normal)) for name, normal in NORMAL.items()]
    carried_on = [pl.coalesce(name, f"{name}_before", pl.lit(normal)) for name, normal in NORMAL.items()]
    return (
        pl.when((verbal == 0) | (verbal.is_null() & (verbal_before == 0)))
        .then(HIGHEST)
        .when(verbal_before == 0)
        .then(pl.sum_horizontal(as_charted))
        .otherwise(pl.sum_horizontal(carried_on))
        .alias("gcs")
    )


def gcs(chartevents: pl.LazyFrame) -> pl.LazyFrame:
    """Glasgow Coma Scale. One row per ICU stay and chart time; columns as in `GCS`.

    `chartevents` needs `value` (the tube is a text) beside `valuenum`; where texts are missing, as in the open demo, a
    tube can't be told and verbal scores are taken as charted.
    """
    tube = (pl.col("itemid") == COMPONENTS["gcs_verbal"]) & (pl.col("value") == TUBE)
    readings = [
        pl.when(pl.col("itemid") == itemid).then(pl.when(tube).then(0).otherwise(pl.col("valuenum"))).alias(name)
        for name, itemid in COMPONENTS.items()
    ]
    rows = (
        chartevents.filter(is_item(tuple(COMPONENTS.values())))
        .select("subject_id", "stay_id", "charttime", *readings, tube.fill_null(value=False).alias("gcs_unable"))
        .group_by("subject_id", "stay_id", "charttime")
        .agg(*(pl.col(name).max() for name in COMPONENTS), pl.col("gcs_unable").max())
        .with_columns(_before(name) for name in COMPONENTS)
        .with_columns(_total())
        .with_columns(pl.coalesce(name, f"{name}_before").alias(name) for name in COMPONENTS)
    )
    return conform(rows, GCS)


FIRST_DAY_GCS = concept(
    "first_day_gcs",
    grain="one row per ICU stay",
    meaning="The worst Glasgow Coma Scale from 6 h before to 24 h after ICU admission, with its components.",
    columns=(SUBJECT_ID, STAY_ID, *_columns("gcs_min", "the lowest of the first day (of equals the latest)")),
    primary_key=("stay_id",),
)


def first_day_gcs(icustays: pl.LazyFrame, gcs: pl.LazyFrame) -> pl.LazyFrame:
    """First-day Glasgow Coma Scale. One row per ICU stay, all null where none was charted."""
    worst = (
        around_admission(icustays, gcs, by="stay_id")
        .sort("stay_id", "gcs", "charttime", descending=[False, False, True])
        .unique("stay_id", keep="first", maintain_order=True)
        .rename({"gcs": "gcs_min"})
    )
    return conform(per_stay(icustays, worst), FIRST_DAY_GCS)
