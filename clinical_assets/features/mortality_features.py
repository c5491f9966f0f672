"""The features of `mortality_first_day` and its table: every name, meaning, unit, window and bound in one place.

`FEATURES` are the columns: the published first-day ones, and those the public list of 65 needs beyond them (in
`mortality_named`). How they are made is in `mortality_first_day`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from clinical_assets.features.feature import Feature
from clinical_assets.features.mortality_named import ADDED, CONCLUDED, DAY, NAMED, OURS
from clinical_assets.tables import Column, Table, Type

_SELDOM_ORDERED = {"albumin": 0.85}
"""Results asked for less often than the rest of the laboratory: the largest share of stays expected without one."""
_SAID = {"min": "Lowest", "max": "Highest", "mean": "Mean"}
_AGGREGATED = {"min": "minimum", "max": "maximum", "mean": "mean"}
_CHARTED = "charted and stored by the index time"
_RESULTED = "drawn and stored by the index time; a result without a store time was never known"
_AVAILABLE: Mapping[str, str] = {
    "stays": "recorded at admission",
    **dict.fromkeys(("first_day_vitalsign", "first_day_gcs", "first_day_urine_output", "first_day_weight"), _CHARTED),
    **dict.fromkeys(("first_day_lab", "first_day_bg", "first_day_bg_art", "cardiac_marker"), _RESULTED),
    "first_day_sofa": "charted or drawn, and stored, by the index time",
    "inspired oxygen": "charted, or entered with a gas, and stored by the index time",
    "body mass": _CHARTED,
    "treatments": "begun and stored by the index time",
    "suspicion_of_infection": "the antibiotic's order had begun and the culture was taken by the index time",
    "services": "the transfer to the service had happened by the index time",
    "earlier stays": "coded for hospital stays that had ended before this one began",
    CONCLUDED: "as of the features it is concluded from",
}
"""By source, what must have happened for a value to count at the index time."""


def _first_day(
    source: str, name: str, meaning: str, unit: str, low: float, high: float, *statistics: str
) -> tuple[Feature, ...]:
    return tuple(
        Feature(
            # the bedside's glucose is another measurement than the laboratory's
            name=f"lab_{name}_{s}" if name == "glucose" else f"{name}_{s}",
            column=f"{name}_{s}",
            meaning=f"{_SAID[s]} {meaning}.",
            unit=unit,
            source=source,
            plausible=(low, high),
            window=DAY,
            aggregation=_AGGREGATED[s],
            missing_at_most=_SELDOM_ORDERED.get(name),
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

_FEATURES: tuple[Feature, ...] = (
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
        meaning=f"Lowest Glasgow Coma Scale {DAY}.",
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
    *ADDED,
)
FEATURES = tuple(replace(feature, available=_AVAILABLE[feature.source]) for feature in _FEATURES)
"""Every feature, in column order: the published first-day columns first, then what else the 65 need."""


def _declared(feature: Feature) -> Column:
    """The column, with the names it has in the list of 65."""
    names = [name for name, column in NAMED.items() if column == feature.name]
    public, ours = [n for n in names if n not in OURS], [n for n in names if n in OURS]
    said = [f"In the public list of 61: {', '.join(public)}."] if public else []
    said += [f"One of our four that make 65: {', '.join(ours)}."] if ours else []
    column = feature.declared()
    return replace(column, meaning=" ".join([column.meaning, *said]))


LABEL = "hospital_expire_flag"
ELIGIBLE = "eligible"

MORTALITY_FIRST_DAY = Table(
    key=("features", "mortality_first_day"),
    grain="one row per ICU stay",
    meaning="What was known about an ICU stay 24 h after it began, for predicting death in hospital. Units are "
    "normalised, implausible values removed, and nothing stored later than the index time is used. It holds the 65 "
    "names of the public mortality list (61 of a public model's metadata and four of ours, said at each column) and "
    "the published first-day columns beyond them.",
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
        *(_declared(feature) for feature in FEATURES),
    ),
)
