"""Urine output."""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from clinical_assets.concepts.declaration import CHARTTIME, STAY_ID, SUBJECT_ID, concept, conform, number
from clinical_assets.concepts.measurements import around_admission, is_item, per_stay
from clinical_assets.concepts.published_arithmetic import total

IRRIGANT_IN = 227488
"""What was flushed into the bladder leaves it again in 227489, "irrigant and urine out": it is taken off."""
URINE_LABELS = {
    226557: "R Ureteral Stent",
    226558: "L Ureteral Stent",
    226559: "Foley",
    226560: "Void",
    226561: "Condom Cath",
    226563: "Suprapubic",
    226564: "R Nephrostomy",
    226565: "L Nephrostomy",
    226567: "Straight Cath",
    226584: "Ileoconduit",
    IRRIGANT_IN: "GU Irrigant Volume In",
    227489: "GU Irrigant/Urine Volume Out",
}
"""Items of urine, all in mL, with the labels of `d_items`."""
URINE_ITEMS = tuple(URINE_LABELS)

URINE_OUTPUT = concept(
    "urine_output",
    grain="one row per ICU stay and chart time of any urine output",
    meaning="Urine output of all routes together, bladder irrigation taken off.",
    columns=(STAY_ID, CHARTTIME, number("urineoutput", "Urine since the entry before; may be negative.", "mL")),
    primary_key=("stay_id", "charttime"),
    happened="charttime",
)


def urine_output(outputevents: pl.LazyFrame) -> pl.LazyFrame:
    """Urine output. One row per ICU stay and chart time."""
    value = pl.col("value")
    flushed_in = (pl.col("itemid") == IRRIGANT_IN) & (value > 0)
    rows = (
        outputevents.filter(is_item(URINE_ITEMS))
        .select("subject_id", "stay_id", "charttime", urineoutput=pl.when(flushed_in).then(-value).otherwise(value))
        .group_by("subject_id", "stay_id", "charttime")
        .agg(total(pl.col("urineoutput")).alias("urineoutput"))
    )
    return conform(rows, URINE_OUTPUT)


FIRST_DAY_URINE_OUTPUT = concept(
    "first_day_urine_output",
    grain="one row per ICU stay",
    meaning="Urine output of the first 24 h in the ICU.",
    columns=(SUBJECT_ID, STAY_ID, number("urineoutput", "Urine from ICU admission to 24 h after.", "mL")),
    primary_key=("stay_id",),
)


def first_day_urine_output(icustays: pl.LazyFrame, urine_output: pl.LazyFrame) -> pl.LazyFrame:
    """First-day urine output. One row per ICU stay, null (not 0) where none was charted."""
    sums = (
        around_admission(icustays, urine_output, by="stay_id", before=timedelta(0))
        .group_by("stay_id")
        .agg(total(pl.col("urineoutput")).alias("urineoutput"))
    )
    return conform(per_stay(icustays, sums), FIRST_DAY_URINE_OUTPUT)
