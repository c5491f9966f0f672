"""The Charlson comorbidity index (Charlson et al. 1987), from the diagnoses coded for a hospital stay.

The diagnoses are those of the same stay, coded after discharge: for a prediction during the stay, all of it is future.
"""

from __future__ import annotations

import polars as pl

from clinical_assets.concepts.comorbidity_codes import COMORBIDITIES
from clinical_assets.concepts.declaration import HADM_ID, SUBJECT_ID, concept, conform, flag, points
from clinical_assets.concepts.icd import coded_as, flags_of_stays
from clinical_assets.concepts.scoring import below, first_true

AGE = {50: 0, 60: 1, 70: 2, 80: 3}
OLDEST = 4
WEIGHTS = {
    "myocardial_infarct": 1,
    "congestive_heart_failure": 1,
    "peripheral_vascular_disease": 1,
    "cerebrovascular_disease": 1,
    "dementia": 1,
    "chronic_pulmonary_disease": 1,
    "rheumatic_disease": 1,
    "peptic_ulcer_disease": 1,
    "paraplegia": 2,
    "renal_disease": 2,
    "aids": 6,
}
"""Points of the conditions that stand alone."""
GRADED = (
    {"mild_liver_disease": 1, "severe_liver_disease": 3},
    {"diabetes_without_cc": 1, "diabetes_with_cc": 2},
    {"malignant_cancer": 2, "metastatic_solid_tumor": 6},
)
"""Conditions in a milder and a severer form: only the one with more points counts."""

CHARLSON = concept(
    "charlson",
    grain="one row per hospital stay",
    meaning="Charlson comorbidity index. Known only after discharge, when diagnoses are coded.",
    columns=(
        SUBJECT_ID,
        HADM_ID,
        points("age_score", "One point per decade from 50 on.", OLDEST),
        *(flag(c.name, f"{c.meaning} among the coded diagnoses (1) or not (0).") for c in COMORBIDITIES),
        points("charlson_comorbidity_index", "Sum of the points of age and conditions.", 33),
    ),
    primary_key=("hadm_id",),
)


def charlson(admissions: pl.LazyFrame, diagnoses_icd: pl.LazyFrame, age: pl.LazyFrame) -> pl.LazyFrame:
    """Charlson index. One row per hospital stay; a stay without diagnoses has none of the conditions."""
    names = [c.name for c in COMORBIDITIES]
    conditions = flags_of_stays(diagnoses_icd, **{c.name: coded_as(c.icd9, c.icd10) for c in COMORBIDITIES})
    age_score = first_true(below("age", AGE), unknown=pl.lit(value=False), otherwise=OLDEST)
    alone = [pl.col(name) * weight for name, weight in WEIGHTS.items()]
    graded = [pl.max_horizontal(pl.col(name) * weight for name, weight in pair.items()) for pair in GRADED]
    rows = (
        admissions.select("subject_id", "hadm_id")
        .join(conditions, on="hadm_id", how="left")
        .join(age.select("hadm_id", age_score=age_score), on="hadm_id", how="left")
        .with_columns(pl.col(names).fill_null(0))
        .with_columns(
            charlson_comorbidity_index=pl.sum_horizontal(pl.col("age_score"), *alone, *graded, ignore_nulls=False)
        )
    )
    return conform(rows, CHARLSON)
