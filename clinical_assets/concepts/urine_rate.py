"""Urine output per weight and hour over the last 6, 12 and 24 hours, in the two published ways.

`urine_output_rate` (used by SOFA) counts clock hours: the last 6 hours are the entry's own hour and the five before it.
`kdigo_uo` (used by KDIGO) counts elapsed time. Both divide by the time the entries of the window cover (each from the
entry before it), and both give no rate while that is shorter than the window.
"""

from __future__ import annotations

import polars as pl

from clinical_assets.concepts.anthropometry import BODY_WEIGHT
from clinical_assets.concepts.declaration import CHARTTIME, STAY_ID, concept, conform, number
from clinical_assets.concepts.interval_joins import left_join_where
from clinical_assets.concepts.measurements import is_item
from clinical_assets.concepts.published_arithmetic import rounded, total
from clinical_assets.concepts.vitals import HEART_RATE

WINDOWS = (6, 12, 24)
"""Hours."""
PER_WEIGHT_AND_HOUR = "mL/kg/h"
_CHARTED = pl.col("charttime")

URINE_OUTPUT_RATE = concept(
    "urine_output_rate",
    grain="one row per ICU stay and chart time of any urine output (repeated where several weights hold)",
    meaning="Urine output over the last 6, 12 and 24 clock hours, in total and per weight and hour.",
    columns=(
        STAY_ID,
        CHARTTIME,
        BODY_WEIGHT.column(" that holds at this time, from its start (exclusive) to its end (inclusive)"),
        number("uo", "Urine since the entry before.", "mL"),
        *(
            number(f"urineoutput_{h}hr", f"Urine of the last {h} clock hours, this one included.", "mL")
            for h in WINDOWS
        ),
        *(
            number(
                f"uo_mlkghr_{h}hr",
                f"That of {h} h per weight and hour covered; null while less than {h} h are covered.",
                PER_WEIGHT_AND_HOUR,
            )
            for h in WINDOWS
        ),
        *(number(f"uo_tm_{h}hr", f"Time the entries of the last {h} h cover, to 2 decimals.", "h") for h in WINDOWS),
    ),
    happened="charttime",
)


def urine_output_rate(
    icustays: pl.LazyFrame, chartevents: pl.LazyFrame, urine_output: pl.LazyFrame, weight_durations: pl.LazyFrame
) -> pl.LazyFrame:
    """Urine output rate by clock hours. One row per urine entry of stays with a heart rate; null without a weight.

    The first entry of a stay covers the time since the first heart rate; it may be negative.
    """
    first_heart_rate = (
        icustays.select("stay_id", "intime", "outtime")
        .join(chartevents.filter(is_item(HEART_RATE.itemids)).select("stay_id", "charttime"), on="stay_id")
        .filter(pl.col("intime").dt.offset_by("-1mo") < _CHARTED, pl.col("outtime").dt.offset_by("1mo") > _CHARTED)
        .group_by("stay_id")
        .agg(first_heart_rate=_CHARTED.min())
    )
    previous = pl.coalesce(_CHARTED.shift(1).over("stay_id", order_by="charttime"), "first_heart_rate")
    entries = urine_output.join(first_heart_rate, on="stay_id").with_columns(
        minutes=(_CHARTED.dt.truncate("1m") - previous.dt.truncate("1m")).dt.total_minutes(),
        hour=_CHARTED.dt.truncate("1h"),
    )
    hours_ago = (pl.col("hour").last() - pl.col("hour")).dt.total_hours()
    sums = (
        entries.sort("stay_id", "charttime")
        .rolling("charttime", period=f"{WINDOWS[-1] - 1}h", closed="both", group_by=["subject_id", "stay_id"])
        .agg(
            pl.col("urineoutput").last().alias("uo"),
            *(total(pl.col("urineoutput").filter(hours_ago < h)).alias(f"urineoutput_{h}hr") for h in WINDOWS),
            *((pl.col("minutes").filter(hours_ago < h).sum() / 60).alias(f"covered_{h}") for h in WINDOWS),
        )
        .with_columns(rounded(pl.col(f"covered_{h}"), 6).alias(f"covered_{h}") for h in WINDOWS)
    )
    weighed = left_join_where(
        sums,
        weight_durations.select("stay_id", "starttime", "endtime", "weight"),
        on="stay_id",
        where=(pl.col("starttime") < _CHARTED) & (pl.col("endtime") >= _CHARTED) & (pl.col("weight") > 0),
        by=["charttime"],
        values=["weight"],
    )
    rates = [
        pl.when(pl.col(f"covered_{h}") >= h).then(_rate(f"urineoutput_{h}hr", f"covered_{h}")).alias(f"uo_mlkghr_{h}hr")
        for h in WINDOWS
    ]
    times = [rounded(pl.col(f"covered_{h}"), 2).alias(f"uo_tm_{h}hr") for h in WINDOWS]
    return conform(weighed.with_columns(*rates, *times), URINE_OUTPUT_RATE)


def _rate(volume: str, hours: str) -> pl.Expr:
    return rounded(pl.col(volume) / pl.col("weight") / pl.col(hours), 4)


KDIGO_UO = concept(
    "kdigo_uo",
    grain="one row per ICU stay and chart time of any urine output (repeated where several weights hold)",
    meaning="Urine output over the 6, 12 and 24 hours up to each entry, for the staging of acute kidney injury.",
    columns=(
        STAY_ID,
        CHARTTIME,
        BODY_WEIGHT.column(" that holds at this time, from its start (inclusive) to its end (exclusive)"),
        *(number(f"urineoutput_{h}hr", f"Urine of the {h} h up to this time.", "mL") for h in WINDOWS),
        number(
            "uo_rt_6hr",
            "That of 6 h per weight and hour covered; null unless 6 h or more, but less than 12 h, are covered.",
            PER_WEIGHT_AND_HOUR,
        ),
        *(
            number(
                f"uo_rt_{h}hr",
                f"That of {h} h per weight and hour covered; null while less than {h} h are covered.",
                PER_WEIGHT_AND_HOUR,
            )
            for h in (12, 24)
        ),
        *(number(f"uo_tm_{h}hr", f"Time the entries of the {h} h cover, to 6 decimals.", "h") for h in WINDOWS),
    ),
    happened="charttime",
)


def kdigo_uo(icustays: pl.LazyFrame, urine_output: pl.LazyFrame, weight_durations: pl.LazyFrame) -> pl.LazyFrame:
    """Urine output rate by elapsed time. One row per urine entry; the first of a stay is taken to cover one hour."""
    since_previous = (_CHARTED - _CHARTED.shift(1)).over("stay_id", order_by="charttime").dt.total_seconds() / 3600
    sums = (
        urine_output.join(icustays.select("stay_id"), on="stay_id")
        .with_columns(hours=since_previous.fill_null(1))
        .sort("stay_id", "charttime")
        .with_columns(
            expr
            for h in WINDOWS
            for expr in (
                _sum_of_last(h, "urineoutput").alias(f"urineoutput_{h}hr"),
                rounded(_sum_of_last(h, "hours"), 6).alias(f"uo_tm_{h}hr"),
            )
        )
    )
    weighed = left_join_where(
        sums,
        weight_durations.select("stay_id", "starttime", "endtime", "weight"),
        on="stay_id",
        where=(pl.col("starttime") <= _CHARTED) & (pl.col("endtime") > _CHARTED),
        by=["charttime"],
        values=["weight"],
    )
    enough = {h: pl.col(f"uo_tm_{h}hr") >= h for h in WINDOWS}
    enough[6] &= pl.col("uo_tm_6hr") < 12
    rates = [
        pl.when(enough[h]).then(_rate(f"urineoutput_{h}hr", f"uo_tm_{h}hr")).alias(f"uo_rt_{h}hr") for h in WINDOWS
    ]
    return conform(weighed.with_columns(rates), KDIGO_UO)


def _sum_of_last(hours: int, name: str) -> pl.Expr:
    return pl.col(name).rolling_sum_by("charttime", f"{hours}h", closed="both").over("stay_id")
