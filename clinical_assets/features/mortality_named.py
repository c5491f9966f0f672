"""The 65 names of the public mortality list, and the features they need beyond the published first-day columns.

`NAMED` says which column holds each name; a column's declaration is its definition.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import polars as pl

from clinical_assets.features.feature import Feature

DAY = "from 6 h before to 24 h after ICU admission"
CONCLUDED = "other features"
"""Source of what is concluded from features of several sources."""
_ADMISSION_SOURCES = (
    "AMBULATORY SURGERY TRANSFER",
    "CLINIC REFERRAL",
    "EMERGENCY ROOM",
    "INFORMATION NOT AVAILABLE",
    "INTERNAL TRANSFER TO OR FROM PSYCH",
    "PACU",
    "PHYSICIAN REFERRAL",
    "PROCEDURE SITE",
    "TRANSFER FROM HOSPITAL",
    "TRANSFER FROM SKILLED NURSING FACILITY",
    "WALK-IN/SELF REFERRAL",
)


@dataclass(frozen=True, kw_only=True)
class Worst:
    """A feature that is the lowest or the highest of the day, whichever lies farther from the middle of normal.

    Attributes:
        name: of the feature.
        of: what is measured, for the description.
        source: concept with `<column>_min` and `<column>_max`.
        column: in that concept.
        unit: of the values.
        normal: the reference range of adults.
        plausible: believable bounds; an extreme outside them is no value, the other one then counts.
    """

    name: str
    of: str
    source: str
    column: str
    unit: str
    normal: tuple[float, float]
    plausible: tuple[float, float]

    def feature(self) -> Feature:
        """Its declaration."""
        low, high = self.normal
        return Feature(
            name=self.name,
            meaning=f"Lowest or highest {self.of} {DAY}, whichever is farther from the middle of {low:g} to {high:g}.",
            unit=self.unit,
            source=self.source,
            plausible=self.plausible,
        )

    def value(self) -> pl.Expr:
        """The feature from the concept's extremes; of two equally far the higher."""
        middle = sum(self.normal) / 2
        lowest, highest = (
            pl.when(pl.col(f"{self.column}_{s}").is_between(*self.plausible)).then(f"{self.column}_{s}")
            for s in ("min", "max")
        )
        lower_is_worse = ((middle - lowest) > (highest - middle)) | highest.is_null()
        return pl.when(lower_is_worse).then(lowest).otherwise(highest).alias(self.name)


def _worst(
    name: str, of: str, source: str, column: str, unit: str, normal: tuple[float, float], low: float, high: float
) -> Worst:
    return Worst(
        name=f"worst_{name}_24h",
        of=of,
        source=source,
        column=column,
        unit=unit,
        normal=normal,
        plausible=(low, high),
    )


WORST = (
    _worst("hr", "heart rate", "first_day_vitalsign", "heart_rate", "/min", (60, 100), 0, 300),
    _worst("temp", "body temperature", "first_day_vitalsign", "temperature", "Cel", (36, 38), 10, 50),
    _worst("rr", "respiratory rate", "first_day_vitalsign", "resp_rate", "/min", (12, 20), 0, 70),
    _worst("ph", "arterial pH", "first_day_bg_art", "ph", "[pH]", (7.35, 7.45), 6.3, 8.0),
    _worst("paco2", "arterial carbon dioxide pressure", "first_day_bg_art", "pco2", "mm[Hg]", (35, 45), 5, 200),
    _worst("sodium", "sodium", "first_day_lab", "sodium", "meq/L", (135, 145), 80, 200),
    _worst("potassium", "potassium", "first_day_lab", "potassium", "meq/L", (3.5, 5.0), 1, 15),
    _worst("hematocrit", "hematocrit", "first_day_lab", "hematocrit", "%", (36, 46), 5, 75),
    _worst("wbc", "white cell count", "first_day_lab", "wbc", "10*3/uL", (4, 11), 0.01, 1000),
    _worst("glucose", "laboratory glucose", "first_day_lab", "glucose", "mg/dL", (70, 140), 5, 2500),
    _worst("bicarbonate", "bicarbonate", "first_day_lab", "bicarbonate", "meq/L", (22, 28), 1, 60),
    _worst("chloride", "chloride", "first_day_lab", "chloride", "meq/L", (98, 107), 50, 180),
)
"""Where both directions are dangerous; the reference ranges are the usual ones for adults, ours."""


def _organ(name: str, column: str, meaning: str) -> Feature:
    return Feature(
        name=name,
        column=column,
        meaning=f"SOFA points of {meaning} {DAY}; null where not observed.",
        unit="points",
        source="first_day_sofa",
        plausible=(0, 4),
    )


_ORGANS = (
    _organ("respiratory_sofa", "respiration", "respiration, by PaO2/FiO2 of arterial gases, never by saturation,"),
    _organ("cardiovascular_sofa", "cardiovascular", "circulation, by mean pressure and vasopressors,"),
    _organ("hepatic_sofa", "liver", "the liver, by bilirubin,"),
    _organ("coagulation_sofa", "coagulation", "coagulation, by platelets,"),
    _organ("renal_sofa", "renal", "the kidneys, by creatinine and urine,"),
    _organ("neurological_sofa", "cns", "consciousness, by Glasgow Coma Scale,"),
)


def _flag(name: str, source: str, meaning: str) -> Feature:
    return Feature(name=name, source=source, meaning=meaning, unit="1", plausible=(0, 1))


_OTHER = (
    Feature(
        name="pao2_min",
        column="po2_min",
        meaning=f"Lowest arterial oxygen pressure {DAY}.",
        unit="mm[Hg]",
        source="first_day_bg_art",
        plausible=(10, 800),
    ),
    Feature(
        name="troponin_max",
        meaning=f"Highest troponin T {DAY}.",
        unit="ng/mL",
        source="cardiac_marker",
        plausible=(0, 100),
    ),
    Feature(
        name="bnp_max",
        meaning=f"Highest NT-proBNP {DAY}.",
        unit="pg/mL",
        source="cardiac_marker",
        plausible=(0, 200_000),
    ),
    Feature(
        name="fio2_max",
        meaning=f"Highest inspired oxygen, charted or entered with a gas, {DAY}.",
        unit="%",
        source="inspired oxygen",
        plausible=(20, 100),
    ),
    Feature(
        name="bmi",
        meaning="Body mass index from the weight on admission and the heights of the first day.",
        unit="kg/m2",
        source="body mass",
        plausible=(8, 100),
    ),
    _flag(
        "ventilation_flag",
        "treatments",
        f"1 if ventilated through a tube {DAY}, by device and mode or a charted procedure; else 0.",
    ),
    _flag("vasopressor_flag", "treatments", f"1 if a vasopressor was running {DAY}, else 0."),
    _flag("dialysis_flag", "treatments", f"1 if dialysis was running {DAY}, else 0."),
    _flag("cardiac_arrest_flag", "treatments", f"1 if a cardiac arrest was charted {DAY}, else 0."),
    _flag(
        "suspected_infection",
        "suspicion_of_infection",
        "1 if an antibiotic and a culture near it had both begun by the index time, and infection was suspected less "
        "than a day before ICU admission or since; else 0.",
    ),
    _flag(
        "sepsis_flag",
        CONCLUDED,
        "1 if infection was suspected and the organ points known come to two or more; else 0. Never coded.",
    ),
    _flag(
        "shock_flag",
        CONCLUDED,
        f"1 if a vasopressor was running and lactate was above 2 mmol/L {DAY}; else 0. Ours.",
    ),
    _flag(
        "trauma_flag",
        "services",
        "1 if the patient had been under the trauma service in this hospital stay by the index time; else 0.",
    ),
    Feature(
        name="comorbidity_count",
        meaning="Conditions of the Charlson index coded for hospital stays that had ended before this one began, each "
        "once; null for a patient without such a stay. Never from this stay's codes.",
        unit="1",
        source="earlier stays",
        plausible=(0, 17),
    ),
)

ADDED: tuple[Feature, ...] = (
    *_ORGANS,
    Feature(
        name="age_points",
        meaning="APACHE II points for age: under 45 0, from 45 2, from 55 3, from 65 5, from 75 6.",
        unit="points",
        source="stays",
        plausible=(0, 6),
    ),
    *(worst.feature() for worst in WORST),
    *_OTHER,
    Feature(
        name="admission_source",
        meaning="Where the patient was admitted from, as recorded at admission.",
        source="stays",
        categories=_ADMISSION_SOURCES,
    ),
    Feature(
        name="icu_los_24h",
        meaning="Hours in the ICU by the index time, 24 for every eligible stay: listed, not informative.",
        unit="h",
        source="stays",
        plausible=(0, 24),
    ),
)
"""In column order."""

OURS = ("worst_pao2fio2_24h", "urine_output_24h", "worst_calcium_24h", "hours_before_icu")
"""The four that make 65: our choice, since the sources name 61."""
NAMED: Mapping[str, str] = MappingProxyType(
    {
        **{organ.name: organ.name for organ in _ORGANS},
        "age_points": "age_points",
        "gcs_score": "gcs_min",
        "worst_hr_24h": "worst_hr_24h",
        "worst_sbp_24h": "sbp_min",
        "worst_temp_24h": "worst_temp_24h",
        "worst_rr_24h": "worst_rr_24h",
        "worst_pao2_24h": "pao2_min",
        "worst_ph_24h": "worst_ph_24h",
        "worst_sodium_24h": "worst_sodium_24h",
        "worst_potassium_24h": "worst_potassium_24h",
        "worst_creatinine_24h": "creatinine_max",
        "worst_hematocrit_24h": "worst_hematocrit_24h",
        "min_hr_24h": "heart_rate_min",
        "max_hr_24h": "heart_rate_max",
        "min_sbp_24h": "sbp_min",
        "max_sbp_24h": "sbp_max",
        "min_temp_24h": "temperature_min",
        "max_temp_24h": "temperature_max",
        "min_rr_24h": "resp_rate_min",
        "max_rr_24h": "resp_rate_max",
        "worst_wbc_24h": "worst_wbc_24h",
        "worst_lactate_24h": "lactate_max",
        "worst_platelets_24h": "platelets_min",
        "worst_bilirubin_24h": "bilirubin_total_max",
        "worst_glucose_24h": "worst_glucose_24h",
        "worst_hemoglobin_24h": "hemoglobin_min",
        "worst_bicarbonate_24h": "worst_bicarbonate_24h",
        "worst_albumin_24h": "albumin_min",
        "worst_ast_24h": "ast_max",
        "worst_alt_24h": "alt_max",
        "worst_bun_24h": "bun_max",
        "worst_chloride_24h": "worst_chloride_24h",
        "worst_inr_24h": "inr_max",
        "worst_ptt_24h": "ptt_max",
        "worst_troponin_24h": "troponin_max",
        "worst_bnp_24h": "bnp_max",
        "worst_anion_gap_24h": "aniongap_max",
        "worst_paco2_24h": "worst_paco2_24h",
        "worst_map_24h": "mbp_min",
        "worst_spo2_24h": "spo2_min",
        "worst_fio2_24h": "fio2_max",
        "icu_type": "first_careunit",
        "ventilation_flag": "ventilation_flag",
        "vasopressor_flag": "vasopressor_flag",
        "dialysis_flag": "dialysis_flag",
        "age": "age",
        "gender": "female",
        "bmi": "bmi",
        "admission_source": "admission_source",
        "comorbidity_count": "comorbidity_count",
        "icu_los_24h": "icu_los_24h",
        "sepsis_flag": "sepsis_flag",
        "shock_flag": "shock_flag",
        "cardiac_arrest_flag": "cardiac_arrest_flag",
        "trauma_flag": "trauma_flag",
        # The four that make 65 are ours.
        "worst_pao2fio2_24h": "pao2fio2ratio_min",
        "urine_output_24h": "urine_output",
        "worst_calcium_24h": "calcium_min",
        "hours_before_icu": "hours_before_icu",
    }
)
"""The 65 names, and the column that holds each; the column's declaration is its definition.

The sources disagree: a public model's metadata list 61 names, its documents count 65 (six SOFA, twelve APACHE, eight
vital signs, 25 laboratory, ten ICU, four diagnoses) without naming them, its interface takes 47. The 61 here are those
of the metadata; the last four are *our* choice. Where a published first-day column is the same thing, that column is
it, and no second one repeats it: the lowest systolic pressure is both `worst_sbp_24h` and `min_sbp_24h`.
"""
