"""Model for End-stage Liver Disease with sodium, on the first ICU day (Kamath et al. 2001; UNOS 2016)."""

from __future__ import annotations

import math

import polars as pl

from clinical_assets.concepts.declaration import HADM_ID, STAY_ID, SUBJECT_ID, concept, conform, flag, number
from clinical_assets.concepts.published_arithmetic import rounded
from clinical_assets.concepts.scoring import of_first_day

MOST_CREATININE = 4.0
"""mg/dL; patients on dialysis count as having it."""
MOST = 40.0
SODIUM_COUNTS_ABOVE = 11

MELD = concept(
    "meld",
    grain="one row per ICU stay",
    meaning="MELD score from 6 h before to 24 h after ICU admission; unobserved results are taken as normal.",
    columns=(
        SUBJECT_ID,
        HADM_ID,
        STAY_ID,
        number("meld_initial", "MELD without sodium, at most 40.", "points"),
        number("meld", "MELD with sodium.", "points"),
        flag("rrt", "1 where there was any sign of dialysis, else null."),
        number("creatinine_max", "Highest creatinine.", "mg/dL"),
        number("bilirubin_total_max", "Highest total bilirubin.", "mg/dL"),
        number("inr_max", "Highest INR.", "{INR}"),
        number("sodium_min", "Lowest sodium.", "meq/L"),
    ),
    primary_key=("stay_id",),
)


def _logarithm(name: str) -> pl.Expr:
    """Natural logarithm; results below 1 and unknown ones count as 1."""
    return pl.col(name).fill_null(1).clip(lower_bound=1).log()


def meld(icustays: pl.LazyFrame, first_day_lab: pl.LazyFrame, first_day_rrt: pl.LazyFrame) -> pl.LazyFrame:
    """MELD. One row per ICU stay."""
    creatinine, sodium = pl.col("creatinine_max"), pl.col("sodium_min")
    dialysis = (pl.col("rrt") == 1) | (creatinine > MOST_CREATININE)
    creatinine_log = pl.when(dialysis).then(math.log(MOST_CREATININE)).otherwise(_logarithm("creatinine_max"))
    tenth = 0.957 * creatinine_log + 0.378 * _logarithm("bilirubin_total_max") + 1.120 * _logarithm("inr_max") + 0.643
    deficit = (
        pl.when(sodium.is_null() | (sodium > 137)).then(0.0).when(sodium < 125).then(12.0).otherwise(137.0 - sodium)
    )
    initial = pl.col("meld_initial")
    rows = (
        of_first_day(icustays, first_day_lab, first_day_rrt.select("stay_id", rrt="dialysis_present"))
        .with_columns(meld_initial=pl.when(tenth > 4).then(MOST).otherwise(rounded(tenth, 1) * 10))
        .with_columns(
            meld=pl.when(initial > SODIUM_COUNTS_ABOVE)
            .then(initial + 1.32 * deficit - 0.033 * initial * deficit)
            .otherwise(initial)
        )
    )
    return conform(rows, MELD)
