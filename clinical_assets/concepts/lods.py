"""Logistic Organ Dysfunction Score, on the first ICU day (Le Gall et al. 1996)."""

from __future__ import annotations

import polars as pl

from clinical_assets.concepts.declaration import HADM_ID, STAY_ID, SUBJECT_ID, concept, conform, points
from clinical_assets.concepts.scoring import all_null, first_true, of_first_day
from clinical_assets.concepts.ventilated import during, gases_in_stay, invasive_periods, mask_periods

ORGANS = ("neurologic", "cardiovascular", "renal", "pulmonary", "hematologic", "hepatic")
MASKS = "cpap|bipap mask"
NORMAL_PROTHROMBIN_TIME = 12
"""Seconds."""

LODS = concept(
    "lods",
    grain="one row per ICU stay",
    meaning="Logistic Organ Dysfunction Score, from 6 h before to 24 h after ICU admission.",
    columns=(
        SUBJECT_ID,
        HADM_ID,
        STAY_ID,
        points("lods", "Sum of the organs, unobserved ones taken as 0.", 22),
        points("neurologic", "Consciousness, by Glasgow Coma Scale.", 5),
        points("cardiovascular", "Circulation, by heart rate and systolic pressure.", 5),
        points("renal", "Kidneys, by urea nitrogen, creatinine and urine; null unless all three were observed.", 5),
        points("pulmonary", "Lungs, by PaO2/FiO2 on a ventilator or mask, of the whole ICU stay; 0 without.", 3),
        points("hematologic", "Blood, by white cells and platelets.", 3),
        points("hepatic", "Liver, by bilirubin and prothrombin time.", 1),
    ),
    primary_key=("stay_id",),
)


def _organs() -> list[pl.Expr]:
    value = pl.col
    gcs, urine, bun, creatinine = value("gcs_min"), value("urineoutput"), value("bun_max"), value("creatinine_max")
    ratio = value("pao2fio2_vent_min")
    incomplete = pl.any_horizontal(bun.is_null(), urine.is_null(), creatinine.is_null())
    renal = [
        ((urine < 500) | (bun >= 56), 5),
        ((creatinine >= 1.6) | (urine < 750) | (bun >= 28) | (urine >= 10_000), 3),
        ((creatinine >= 1.2) | (bun >= 7.5), 1),
    ]
    circulation = [
        ((value("heart_rate_min") < 30) | (value("sbp_min") < 40), 5),
        ((value("sbp_min") < 70) | (value("sbp_max") >= 270), 3),
        ((value("heart_rate_max") >= 140) | (value("sbp_max") >= 240) | (value("sbp_min") < 90), 1),
    ]
    blood = [
        (value("wbc_min") < 1.0, 3),
        ((value("wbc_min") < 2.5) | (value("platelets_min") < 50) | (value("wbc_max") >= 50), 1),
    ]
    liver = [
        (
            (value("bilirubin_total_max") >= 2.0)
            | (value("pt_max") > NORMAL_PROTHROMBIN_TIME + 3)
            | (value("pt_min") < NORMAL_PROTHROMBIN_TIME * 0.25),
            1,
        )
    ]
    renal_points = first_true(renal, unknown=pl.lit(value=False))
    return [
        pl.when(gcs >= 3)
        .then(first_true([(gcs <= 5, 5), (gcs <= 8, 3), (gcs <= 13, 1)], unknown=gcs.is_null()))
        .alias("neurologic"),
        pl.when(~all_null("heart_rate_max", "sbp_min"))
        .then(first_true(circulation, unknown=pl.lit(value=False)))
        .alias("cardiovascular"),
        pl.when(~incomplete).then(renal_points).alias("renal"),
        first_true([(ratio >= 150, 1), (ratio < 150, 3)], unknown=pl.lit(value=False)).alias("pulmonary"),
        pl.when(~all_null("wbc_max", "platelets_min"))
        .then(first_true(blood, unknown=pl.lit(value=False)))
        .alias("hematologic"),
        pl.when(~all_null("pt_max", "bilirubin_total_max"))
        .then(first_true(liver, unknown=pl.lit(value=False)))
        .alias("hepatic"),
    ]


def lods(
    icustays: pl.LazyFrame,
    chartevents: pl.LazyFrame,
    bg: pl.LazyFrame,
    ventilation: pl.LazyFrame,
    first_day_gcs: pl.LazyFrame,
    first_day_vitalsign: pl.LazyFrame,
    first_day_urine_output: pl.LazyFrame,
    first_day_lab: pl.LazyFrame,
) -> pl.LazyFrame:
    """LODS. One row per ICU stay.

    As published, the lungs are judged by gases of any specimen and of the whole ICU stay, not of its first day: the
    score of a longer stay is not known after 24 h.
    """
    gases = during(gases_in_stay(icustays, bg), invasive_periods(ventilation), "ventilated", from_start=True)
    masks = mask_periods(icustays, chartevents, MASKS, from_start=True)
    lungs = (
        during(gases, masks, "masked", from_start=True)
        .filter(pl.col("ventilated") | pl.col("masked"))
        .group_by("stay_id")
        .agg(pao2fio2_vent_min=pl.col("pao2fio2ratio").min())
    )
    rows = of_first_day(
        icustays, lungs, first_day_gcs, first_day_vitalsign, first_day_urine_output, first_day_lab
    ).with_columns(_organs())
    return conform(rows.with_columns(lods=pl.sum_horizontal(ORGANS)), LODS)
