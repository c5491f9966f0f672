"""Simplified Acute Physiology Score II, on the first ICU day (Le Gall, Lemeshow and Saulnier 1993).

The day is (ICU admission, 24 h later]: nothing from before admission counts, unlike in the other first-day tables.
"""

from __future__ import annotations

import polars as pl

from clinical_assets.concepts.blood_gas import ARTERIAL
from clinical_assets.concepts.declaration import (
    HADM_ID,
    STAY_ID,
    SUBJECT_ID,
    concept,
    conform,
    number,
    points,
    timestamp,
)
from clinical_assets.concepts.icd import coded_as, flags_of_stays
from clinical_assets.concepts.measurements import FIRST_DAY, extremes
from clinical_assets.concepts.published_arithmetic import total
from clinical_assets.concepts.scoring import at_least, below, first_true, probability
from clinical_assets.concepts.ventilated import during, invasive_periods, mask_periods

MASKS = "cpap mask|bipap"
CHRONIC_DISEASES = {
    "aids": coded_as("042-044", "B20-B22 B24"),
    "hematologic": coded_as(
        "20000-20238 20240-20248 20250-20302 20310-20312 20302-20382 20400-20522 20580-20702 20720-20892 2386 2733",
        "C81-C96",
    ),
    "metastatic": coded_as("1960-1991 20970-20975 20979 78951", "C77-C79 C800"),
}
ELECTIVE = "ELECTIVE"

_COMPONENTS = {
    "age_score": ("Age", 18),
    "hr_score": ("Heart rate", 11),
    "sysbp_score": ("Systolic pressure", 13),
    "temp_score": ("Temperature", 3),
    "pao2fio2_score": ("Arterial PaO2/FiO2 on a ventilator or mask", 11),
    "uo_score": ("Urine output", 11),
    "bun_score": ("Urea nitrogen", 10),
    "wbc_score": ("White cells", 12),
    "potassium_score": ("Potassium", 3),
    "sodium_score": ("Sodium", 5),
    "bicarbonate_score": ("Bicarbonate", 6),
    "bilirubin_score": ("Bilirubin", 9),
    "gcs_score": ("Glasgow Coma Scale", 26),
    "comorbidity_score": ("AIDS, hematologic malignancy or metastatic cancer among the coded diagnoses", 17),
    "admissiontype_score": ("Kind of admission: scheduled surgery 0, medical 6, unscheduled surgery 8", 8),
}

SAPSII = concept(
    "sapsii",
    grain="one row per ICU stay",
    meaning="SAPS II and its predicted hospital mortality. Its chronic diseases are known only after discharge.",
    columns=(
        SUBJECT_ID,
        HADM_ID,
        STAY_ID,
        timestamp("starttime", "Exclusive begin of the day, ICU admission."),
        timestamp("endtime", "Inclusive end of the day, 24 h later."),
        points("sapsii", "Sum of the components, unobserved ones taken as 0.", 163),
        number("sapsii_prob", "Predicted probability of death in hospital."),
        *(points(name, f"{meaning}; points.", most) for name, (meaning, most) in _COMPONENTS.items()),
    ),
    primary_key=("stay_id",),
    happened="starttime",
)


def _first_day(icustays: pl.LazyFrame, events: pl.LazyFrame, by: str) -> pl.LazyFrame:
    """The events after admission and up to 24 h later."""
    stays = icustays.select("subject_id", "stay_id", "intime")
    kept = events.drop([name for name in ("subject_id", "stay_id") if name != by], strict=False)
    charted = pl.col("charttime")
    return stays.join(kept, on=by).filter(charted > pl.col("intime"), charted <= pl.col("intime") + FIRST_DAY)


def _oxygenation(
    icustays: pl.LazyFrame, bg: pl.LazyFrame, ventilation: pl.LazyFrame, chartevents: pl.LazyFrame
) -> pl.LazyFrame:
    gases = _first_day(icustays, bg.filter(pl.col("specimen") == ARTERIAL), "subject_id")
    # A mask is matched by patient, as published.
    masks = mask_periods(icustays, chartevents, MASKS, from_start=False).with_columns(
        starttime=pl.max_horizontal("starttime", "intime"),
        endtime=pl.min_horizontal("endtime", pl.col("intime") + FIRST_DAY),
    )
    ventilated = during(gases, invasive_periods(ventilation), "ventilated", from_start=False)
    return (
        during(ventilated, masks, "masked", by="subject_id", from_start=False)
        .filter(pl.col("ventilated") | pl.col("masked"))
        .group_by("stay_id")
        .agg(pao2fio2_min=pl.col("pao2fio2ratio").min())
    )


def _surgical(services: pl.LazyFrame) -> pl.LazyFrame:
    """Whether the first service of each hospital stay was surgical; of two at one time the first by name."""
    return (
        services.sort("transfertime", "curr_service")
        .unique("hadm_id", keep="first", maintain_order=True)
        .select("hadm_id", surgical=pl.col("curr_service").str.to_lowercase().str.contains("surg", literal=True))
    )


def _between(name: str, low: list[tuple[pl.Expr, int]], high: list[tuple[pl.Expr, int]]) -> pl.Expr:
    """Points of a quantity with a normal range: the rules of its lowest, then of its highest value."""
    return first_true([*low, *high], unknown=pl.col(f"{name}_max").is_null())


def _component_scores() -> dict[str, pl.Expr]:
    gcs = pl.col("gcs_min")
    chronic = [(pl.col(name) == 1, score) for name, score in (("aids", 17), ("hematologic", 10), ("metastatic", 9))]
    surgical, kind = pl.col("surgical").fill_null(value=False), pl.col("admission_type")
    return {
        "age_score": first_true(
            below("age", {40: 0, 60: 7, 70: 12, 75: 15, 80: 16}), unknown=pl.col("age").is_null(), otherwise=18
        ),
        "hr_score": first_true(
            [
                *below("heart_rate_min", {40: 11}),
                *at_least("heart_rate_max", {160: 7, 120: 4}),
                *below("heart_rate_min", {70: 2}),
            ],
            unknown=pl.col("heart_rate_max").is_null(),
        ),
        "sysbp_score": _between("sbp", below("sbp_min", {70: 13, 100: 5}), at_least("sbp_max", {200: 2})),
        "temp_score": _between("temperature", [], at_least("temperature_max", {39.0: 3})),
        "pao2fio2_score": first_true(
            below("pao2fio2_min", {100: 11, 200: 9}), unknown=pl.col("pao2fio2_min").is_null(), otherwise=6
        ),
        "uo_score": first_true(below("urineoutput", {500: 11, 1000: 4}), unknown=pl.col("urineoutput").is_null()),
        "bun_score": _between("bun", [], at_least("bun_max", {84: 10, 28: 6})),
        "wbc_score": _between("wbc", below("wbc_min", {1: 12}), at_least("wbc_max", {20: 3})),
        "potassium_score": _between("potassium", below("potassium_min", {3: 3}), at_least("potassium_max", {5: 3})),
        "sodium_score": _between("sodium", below("sodium_min", {125: 5}), at_least("sodium_max", {145: 1})),
        "bicarbonate_score": _between("bicarbonate", below("bicarbonate_min", {15: 6, 20: 3}), []),
        "bilirubin_score": _between("bilirubin", [], at_least("bilirubin_max", {6: 9, 4: 4})),
        "gcs_score": pl.when(gcs.is_between(3, 15)).then(
            first_true(below("gcs_min", {6: 26, 9: 13, 11: 7, 14: 5}), unknown=gcs.is_null())
        ),
        "comorbidity_score": first_true(chronic, unknown=pl.lit(value=False)),
        "admissiontype_score": first_true(
            [(surgical & (kind == ELECTIVE), 0), (surgical & (kind != ELECTIVE), 8)],
            unknown=pl.lit(value=False),
            otherwise=6,
        ),
    }


def sapsii(
    icustays: pl.LazyFrame,
    admissions: pl.LazyFrame,
    age: pl.LazyFrame,
    services: pl.LazyFrame,
    diagnoses_icd: pl.LazyFrame,
    chartevents: pl.LazyFrame,
    bg: pl.LazyFrame,
    ventilation: pl.LazyFrame,
    gcs: pl.LazyFrame,
    vitalsign: pl.LazyFrame,
    urine_output: pl.LazyFrame,
    chemistry: pl.LazyFrame,
    complete_blood_count: pl.LazyFrame,
    enzyme: pl.LazyFrame,
) -> pl.LazyFrame:
    """SAPS II. One row per ICU stay; vital signs and laboratory results are matched by patient."""
    vitals = [(name, name) for name in ("heart_rate", "sbp", "temperature")]
    labs = [(name, name) for name in ("bun", "potassium", "sodium", "bicarbonate")]
    observed = (
        _first_day(icustays, vitalsign, "subject_id").group_by("stay_id").agg(extremes(vitals)),
        _first_day(icustays, chemistry, "subject_id").group_by("stay_id").agg(extremes(labs)),
        _first_day(icustays, complete_blood_count, "subject_id").group_by("stay_id").agg(extremes([("wbc", "wbc")])),
        _first_day(icustays, enzyme, "subject_id")
        .group_by("stay_id")
        .agg(extremes([("bilirubin_total", "bilirubin")])),
        _first_day(icustays, gcs, "stay_id").group_by("stay_id").agg(extremes([("gcs", "gcs")], ("min",))),
        _first_day(icustays, urine_output, "stay_id")
        .group_by("stay_id")
        .agg(total(pl.col("urineoutput")).alias("urineoutput")),
        _oxygenation(icustays, bg, ventilation, chartevents),
    )
    rows = icustays.select(
        "subject_id", "hadm_id", "stay_id", starttime="intime", endtime=pl.col("intime") + FIRST_DAY
    ).join(admissions.select("hadm_id", "admission_type"), on="hadm_id")
    for frame in observed:
        rows = rows.join(frame, on="stay_id", how="left")
    for frame in (age.select("hadm_id", "age"), _surgical(services), flags_of_stays(diagnoses_icd, **CHRONIC_DISEASES)):
        rows = rows.join(frame, on="hadm_id", how="left")
    score = pl.col("sapsii")
    scored = (
        rows.with_columns(**_component_scores())
        .with_columns(sapsii=pl.sum_horizontal(list(_COMPONENTS)))
        .with_columns(sapsii_prob=probability(-7.7631 + 0.0737 * score + 0.9971 * (score + 1).log()))
    )
    return conform(scored, SAPSII)
