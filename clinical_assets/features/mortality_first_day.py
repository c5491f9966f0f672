"""In-hospital death, predicted 24 hours after ICU admission, from what was known by then.

One row per ICU stay. The index time is `intime` + 24 h; the windows of the published first-day tables apply (vital
signs, laboratory and GCS from 6 h before to 24 h after admission, urine from admission), cut at what had been stored by
the index time. A stay that has ended by the index time (transfer or death) is not eligible: nobody is there to predict
for. That is known at the index time, so leaving such stays out uses no knowledge of the future.

The label is death in this hospital stay (`hospital_expire_flag`), never any later date of death.

Race, insurance and language are left out on purpose: what they could add is how patients were treated, not how ill
they were.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial

import polars as pl

from clinical_assets.features.feature import Feature
from clinical_assets.features.known import View, concept, record_at_index
from clinical_assets.tables import Column, Table, Type

INDEX = timedelta(hours=24)
LOOK_BACK = timedelta(hours=6)

_DAY = "from 6 h before to 24 h after ICU admission"
_SAID = {"min": "Lowest", "max": "Highest", "mean": "Mean"}


def _first_day(
    source: str, name: str, meaning: str, unit: str, low: float, high: float, *statistics: str
) -> tuple[Feature, ...]:
    return tuple(
        Feature(
            # the bedside's glucose is another measurement than the laboratory's
            name=f"lab_{name}_{s}" if name == "glucose" else f"{name}_{s}",
            column=f"{name}_{s}",
            meaning=f"{_SAID[s]} {meaning} {_DAY}.",
            unit=unit,
            source=source,
            plausible=(low, high),
        )
        for s in statistics
    )


# name, meaning, unit, lowest and highest believable value. Bounds of vital signs are those of the published concept
# (which has removed values outside already); of laboratory results, what a living patient's sample can show.
_VITAL_SIGNS = (
    ("heart_rate", "heart rate", "/min", 0, 300),
    ("sbp", "systolic blood pressure", "mm[Hg]", 0, 400),
    ("dbp", "diastolic blood pressure", "mm[Hg]", 0, 300),
    ("mbp", "mean arterial pressure", "mm[Hg]", 0, 300),
    ("resp_rate", "respiratory rate", "/min", 0, 70),
    ("temperature", "body temperature", "Cel", 10, 50),
    ("spo2", "oxygen saturation", "%", 0, 100),
)
_LABORATORY = (
    ("hemoglobin", "haemoglobin", "g/dL", 1, 25),
    ("platelets", "platelet count", "10*3/uL", 1, 3000),
    ("wbc", "white cell count", "10*3/uL", 0.01, 1000),
    ("albumin", "albumin", "g/dL", 0.5, 8),
    ("aniongap", "anion gap", "meq/L", -15, 60),
    ("bicarbonate", "bicarbonate", "meq/L", 1, 60),
    ("bun", "blood urea nitrogen", "mg/dL", 1, 300),
    ("calcium", "calcium", "mg/dL", 2, 20),
    ("chloride", "chloride", "meq/L", 50, 180),
    ("creatinine", "creatinine", "mg/dL", 0.05, 40),
    ("sodium", "sodium", "meq/L", 80, 200),
    ("potassium", "potassium", "meq/L", 1, 15),
    ("glucose", "laboratory glucose", "mg/dL", 5, 2500),
    ("inr", "INR", "{INR}", 0.5, 25),
    ("ptt", "partial thromboplastin time", "s", 10, 300),
    ("alt", "alanine aminotransferase", "[IU]/L", 1, 30000),
    ("ast", "aspartate aminotransferase", "[IU]/L", 1, 50000),
    ("bilirubin_total", "total bilirubin", "mg/dL", 0.05, 80),
)
_BLOOD_GAS = (
    ("lactate", "lactate", "mmol/L", 0.05, 40),
    ("ph", "blood pH", "[pH]", 6.3, 8.0),
    ("pco2", "carbon dioxide partial pressure", "mm[Hg]", 5, 200),
)
_ADMISSION_TYPES = (
    "AMBULATORY OBSERVATION",
    "DIRECT EMER.",
    "DIRECT OBSERVATION",
    "ELECTIVE",
    "EU OBSERVATION",
    "EW EMER.",
    "OBSERVATION ADMIT",
    "SURGICAL SAME DAY ADMISSION",
    "URGENT",
)
_CARE_UNITS = (
    "Cardiac Vascular Intensive Care Unit (CVICU)",
    "Coronary Care Unit (CCU)",
    "Intensive Care Unit (ICU)",
    "Medical Intensive Care Unit (MICU)",
    "Medical/Surgical Intensive Care Unit (MICU/SICU)",
    "Neuro Intermediate",
    "Neuro Stepdown",
    "Neuro Surgical Intensive Care Unit (Neuro SICU)",
    "Surgical Intensive Care Unit (SICU)",
    "Trauma SICU (TSICU)",
)

FEATURES: tuple[Feature, ...] = (
    Feature(name="age", meaning="Age at admission.", unit="a", source="stays", plausible=(0, 120)),
    Feature(name="female", meaning="1 if the record says female.", source="stays"),
    Feature(
        name="admission_type",
        meaning="Urgency and kind of the admission.",
        source="stays",
        categories=_ADMISSION_TYPES,
    ),
    Feature(name="first_careunit", meaning="ICU the patient entered.", source="stays", categories=_CARE_UNITS),
    Feature(name="through_emergency", meaning="1 if the admission came through the emergency room.", source="stays"),
    Feature(
        name="hours_before_icu",
        meaning="From hospital admission to ICU admission; negative where the ICU stay was recorded first.",
        unit="h",
        source="stays",
    ),
    *(f for sign in _VITAL_SIGNS for f in _first_day("first_day_vitalsign", *sign, "min", "max", "mean")),
    *(f for result in _LABORATORY for f in _first_day("first_day_lab", *result, "min", "max")),
    *(f for gas in _BLOOD_GAS for f in _first_day("first_day_bg", *gas, "min", "max")),
    *_first_day(
        "first_day_bg_art",
        "pao2fio2ratio",
        "ratio of arterial oxygen pressure to inspired share",
        "mm[Hg]",
        10,
        1000,
        "min",
    ),
    Feature(
        name="gcs_min",
        meaning=f"Lowest Glasgow Coma Scale {_DAY}.",
        unit="{score}",
        source="first_day_gcs",
        plausible=(3, 15),
    ),
    Feature(
        name="gcs_motor",
        meaning="Motor response at the lowest Glasgow Coma Scale.",
        unit="{score}",
        source="first_day_gcs",
        plausible=(1, 6),
    ),
    Feature(
        name="gcs_verbal",
        meaning="Verbal response at the lowest Glasgow Coma Scale; 0 while intubated.",
        unit="{score}",
        source="first_day_gcs",
        plausible=(0, 5),
    ),
    Feature(
        name="gcs_eyes",
        meaning="Eye opening at the lowest Glasgow Coma Scale.",
        unit="{score}",
        source="first_day_gcs",
        plausible=(1, 4),
    ),
    Feature(
        name="urine_output",
        meaning="Urine of the first 24 h in the ICU.",
        unit="mL",
        source="first_day_urine_output",
        column="urineoutput",
        plausible=(0, 30000),
    ),
    Feature(
        name="weight",
        meaning="Weight charted first, on admission where there is one.",
        unit="kg",
        source="first_day_weight",
        column="weight_admit",
        plausible=(20, 400),
    ),
)
"""Every feature, in column order."""

LABEL = "hospital_expire_flag"
ELIGIBLE = "eligible"

MORTALITY_FIRST_DAY = Table(
    key=("features", "mortality_first_day"),
    grain="one row per ICU stay",
    meaning="What was known about an ICU stay 24 h after it began, for predicting death in hospital. Units are "
    "normalised, implausible values removed, and nothing stored later than the index time is used.",
    primary_key=("stay_id",),
    known="index_time",
    source="published first-day concepts (MIT-LCP/mimic-code 8bcbd190) on the record as it stood at the index time",
    columns=(
        Column(name="subject_id", type=Type.INTEGER, nullable=False, meaning="The patient. Never a feature."),
        Column(name="hadm_id", type=Type.INTEGER, nullable=False, meaning="The hospital stay. Never a feature."),
        Column(name="stay_id", type=Type.INTEGER, nullable=False, meaning="The ICU stay. Never a feature."),
        Column(
            name="index_time",
            type=Type.TIMESTAMP,
            nullable=False,
            meaning="24 h after ICU admission: the moment of prediction.",
        ),
        Column(
            name=ELIGIBLE,
            type=Type.BOOLEAN,
            nullable=False,
            meaning="The patient is alive and in this ICU stay at the index time, and the hospital stay is known.",
        ),
        Column(
            name=LABEL,
            type=Type.INTEGER,
            plausible=(0, 1),
            meaning="The label: 1 if the patient died in this hospital stay. Never a feature.",
        ),
        *(feature.declared() for feature in FEATURES),
    ),
)


def mortality_first_day(
    icu_stays: pl.LazyFrame,
    hospital_stays: pl.LazyFrame,
    chartevents: pl.LazyFrame,
    labevents: pl.LazyFrame,
    outputevents: pl.LazyFrame,
) -> pl.LazyFrame:
    """One row per ICU stay with an index time; columns as in `MORTALITY_FIRST_DAY`."""
    stays = stays_with_index(icu_stays, hospital_stays)
    view = record_at_index(stays, chartevents, labevents, outputevents)
    made: dict[str, pl.LazyFrame] = {}
    rows = from_stays(icu_stays, hospital_stays)
    for source in CONCEPT_SOURCES:
        rows = rows.join(_values_of(source, view, made), on="stay_id", how="left")
    return rows.select(MORTALITY_FIRST_DAY.column_names)


def from_stays(icu_stays: pl.LazyFrame, hospital_stays: pl.LazyFrame, **_: pl.LazyFrame) -> pl.LazyFrame:
    """One row per ICU stay: keys, index time, eligibility, label and what the admission record says."""
    return stays_with_index(icu_stays, hospital_stays).select(
        "subject_id", "hadm_id", "stay_id", "index_time", ELIGIBLE, LABEL, *_values("stays")
    )


def from_concept(
    source: str, icu_stays: pl.LazyFrame, hospital_stays: pl.LazyFrame, **events: pl.LazyFrame
) -> pl.LazyFrame:
    """One row per ICU stay: the features taken from one concept."""
    view = record_at_index(stays_with_index(icu_stays, hospital_stays), **events)
    return _values_of(source, view, {})


CONCEPT_SOURCES = tuple(dict.fromkeys(f.source for f in FEATURES if f.source != "stays"))
PARTS: tuple[Callable[..., pl.LazyFrame], ...] = (
    from_stays,
    *(partial(from_concept, source) for source in CONCEPT_SOURCES),
)
"""The rule as independent parts, each column made by one of them: the lineage of a column is that of its part."""


def _values_of(source: str, view: View, made: View) -> pl.LazyFrame:
    return concept(source, view, made).select("stay_id", *_values(source))


def _values(source: str) -> list[pl.Expr]:
    return [feature.value() for feature in FEATURES if feature.source == source]


def stays_with_index(icu_stays: pl.LazyFrame, hospital_stays: pl.LazyFrame) -> pl.LazyFrame:
    """ICU stays with `index_time`, `earliest` (the first moment a window looks at), `eligible` and admission facts."""
    index_time = pl.col("intime") + INDEX
    facts = hospital_stays.select("subject_id", "hadm_id", "admission_type", "edregtime")
    return icu_stays.join(facts, on=["subject_id", "hadm_id"], how="left").with_columns(
        index_time=index_time,
        earliest=pl.col("intime") - LOOK_BACK,
        female=(pl.col("gender") == "F").cast(pl.Float64),
        through_emergency=pl.when("admission_found").then(pl.col("edregtime").is_not_null().cast(pl.Float64)),
        hours_before_icu=(pl.col("intime") - pl.col("admittime")).dt.total_seconds() / 3600,
        eligible=(
            pl.col("admission_found")
            & pl.col(LABEL).is_not_null()
            & (pl.col("outtime") > index_time)
            & (pl.col("deathtime").is_null() | (pl.col("deathtime") > index_time))
        ).fill_null(False),
    )
