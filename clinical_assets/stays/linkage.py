"""ED stay -> hospital stay -> ICU stay: the chains a patient's stays form.

The ED's `stay_id` and the ICU's `stay_id` are unrelated numbers, so both are kept under names of their own. The ED stay
names its hospital stay (`hadm_id`, often null, not unique); the hospital stay holds its ICU stays. A link is only made
within a patient: an ED stay that names another patient's admission stays unlinked.
"""

from __future__ import annotations

import polars as pl

_ADMISSION = ["subject_id", "hadm_id"]


def stay_links(ed_stays: pl.LazyFrame, hospital_stays: pl.LazyFrame, icu_stays: pl.LazyFrame) -> pl.LazyFrame:
    """One row per chain; stays of all three kinds appear at least once."""
    hospital = hospital_stays.select(*_ADMISSION, "admittime", "dischtime", in_hospital=pl.lit(True))
    emergency = ed_stays.select(
        "subject_id",
        # an admission that can't be found is no link
        hadm_id=pl.when("admission_found").then("hadm_id"),
        ed_stay_id="stay_id",
        ed_intime="intime",
        ed_outtime="outtime",
    )
    intensive = icu_stays.select(*_ADMISSION, icu_stay_id="stay_id", icu_intime="intime", icu_outtime="outtime")
    chains = hospital.join(emergency, on=_ADMISSION, how="full", coalesce=True).join(
        intensive, on=_ADMISSION, how="full", coalesce=True
    )
    return chains.select(
        "subject_id",
        "ed_stay_id",
        "hadm_id",
        "icu_stay_id",
        "ed_intime",
        "ed_outtime",
        "admittime",
        "dischtime",
        "icu_intime",
        "icu_outtime",
        link_type=pl.concat_str(
            pl.when(pl.col("ed_stay_id").is_not_null()).then(pl.lit("ed")),
            pl.when("in_hospital").then(pl.lit("hospital")),
            pl.when(pl.col("icu_stay_id").is_not_null()).then(pl.lit("icu")),
            separator="+",
            ignore_nulls=True,
        ),
        ed_stays_of_admission=_stays_of_admission("ed_stay_id"),
        icu_stays_of_admission=_stays_of_admission("icu_stay_id"),
        ed_to_icu_hours=(pl.col("icu_intime") - pl.col("ed_outtime")).dt.total_seconds() / 3600,
        admitted_before_ed_exit=pl.col("admittime") < pl.col("ed_outtime"),
    )


def _stays_of_admission(stay: str) -> pl.Expr:
    """How many different stays the chain's admission has; for an ED stay without an admission, none."""
    counted = pl.col(stay).drop_nulls().n_unique().over(_ADMISSION)
    return pl.when(pl.col("hadm_id").is_not_null()).then(counted).otherwise(0).cast(pl.Int64)
