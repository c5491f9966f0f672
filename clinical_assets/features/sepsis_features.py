"""The features of `sepsis_hourly` and its table: what each is, how long a value holds, and what is believed.

The 42 names and their order are those of public ICU sepsis pipelines. How they are made is in `sepsis_hourly`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from clinical_assets.concepts.blood_gas import PCO2, PH, PO2
from clinical_assets.concepts.blood_gas import REST as GAS_RESULTS
from clinical_assets.concepts.laboratory import (
    BLOOD_COUNT,
    CHEMISTRY_RESULTS,
    COAGULATION_RESULTS,
    ENZYMES_AND_BILIRUBIN,
    HEART_MARKERS,
)
from clinical_assets.concepts.measurements import Measurement
from clinical_assets.concepts.vitals import BLOOD_PRESSURES, HEART_RATE, RESP_RATE, TEMPERATURE
from clinical_assets.features.feature import Feature
from clinical_assets.tables import Column, Table, Type

LABEL = "sepsis_onset_within_horizon"
ELIGIBLE = "eligible"
HORIZON_HOURS, GAP_HOURS = "horizon_hours", "gap_hours"
"""Columns that say what the label of a row asks: a table whose rows ask different things must not train a model."""

_CHARTED = "charted and stored by the index time"
_RESULTED = "drawn and stored by the index time"


@dataclass(frozen=True, kw_only=True)
class Latest:
    """A feature that is the newest value known of a measurement.

    Attributes:
        name: of the feature.
        measurement: what is measured, with the bounds of the published concept.
        low: lowest believable value; what is below is no measurement at all.
        high: highest believable value.
        source: the concept with the measurement's definition.
        holds_for: how long a value still says something.
        how: what to say beyond the measurement's own meaning.
    """

    name: str
    measurement: Measurement
    low: float
    high: float
    source: str
    holds_for: timedelta
    how: str = ""

    def feature(self) -> Feature:
        """Its declaration."""
        hours = self.holds_for // timedelta(hours=1)
        return Feature(
            name=self.name,
            meaning=f"{self.measurement.meaning}{self.how}.",
            unit=self.measurement.unit,
            source=self.source,
            plausible=(self.low, self.high),
            window=f"measured in the last {hours} h",
            aggregation="newest value known",
            available=_CHARTED if self.source == "vitalsign" else _RESULTED,
        )


VITALS_HOLD = timedelta(hours=8)
BLOODS_HOLD = timedelta(hours=48)
GASES_HOLD = timedelta(hours=24)


def _vital(name: str, measurement: Measurement, low: float, high: float) -> Latest:
    return Latest(name=name, measurement=measurement, low=low, high=high, source="vitalsign", holds_for=VITALS_HOLD)


def _blood(name: str, source: str, panel: tuple[Measurement, ...], low: float, high: float, of: str = "") -> Latest:
    measurement = next(m for m in panel if m.name == (of or name))
    return Latest(name=name, measurement=measurement, low=low, high=high, source=source, holds_for=BLOODS_HOLD)


def _arterial(name: str, measurement: Measurement, low: float, high: float) -> Latest:
    return Latest(
        name=name,
        measurement=measurement,
        low=low,
        high=high,
        source="bg",
        holds_for=GASES_HOLD,
        how=", arterial blood only",
    )


_SBP, _DBP, _ = BLOOD_PRESSURES
VITAL_SIGNS = (
    _vital("heart_rate", HEART_RATE, 0, 300),
    _vital("sbp", _SBP, 0, 400),
    _vital("dbp", _DBP, 0, 300),
    _vital("temperature", TEMPERATURE, 25, 45),
    _vital("respiratory_rate", RESP_RATE, 0, 70),
)
BLOODS = (
    _blood("wbc", "complete_blood_count", BLOOD_COUNT, 0.01, 1000),
    _blood("lactate", "bg", GAS_RESULTS, 0.05, 40),
    _blood("creatinine", "chemistry", CHEMISTRY_RESULTS, 0.05, 40),
    _blood("platelets", "complete_blood_count", BLOOD_COUNT, 1, 3000, "platelet"),
    _blood("bilirubin", "enzyme", ENZYMES_AND_BILIRUBIN, 0.05, 80, "bilirubin_total"),
    _blood("sodium", "chemistry", CHEMISTRY_RESULTS, 80, 200),
    _blood("potassium", "chemistry", CHEMISTRY_RESULTS, 1, 15),
    _blood("glucose", "chemistry", CHEMISTRY_RESULTS, 5, 2500),
    _blood("hemoglobin", "complete_blood_count", BLOOD_COUNT, 1, 25),
    _blood("bicarbonate", "chemistry", CHEMISTRY_RESULTS, 1, 60),
    _blood("anion_gap", "chemistry", CHEMISTRY_RESULTS, -15, 60, "aniongap"),
    _blood("albumin", "chemistry", CHEMISTRY_RESULTS, 0.5, 8),
    _blood("troponin", "cardiac_marker", HEART_MARKERS, 0, 100, "troponin_t"),
    _blood("bnp", "cardiac_marker", HEART_MARKERS, 0, 200_000, "ntprobnp"),
    _blood("inr", "coagulation", COAGULATION_RESULTS, 0.5, 25),
    _blood("ast", "enzyme", ENZYMES_AND_BILIRUBIN, 1, 50_000),
    _blood("alt", "enzyme", ENZYMES_AND_BILIRUBIN, 1, 30_000),
)
GASES = (
    _arterial("pao2", PO2, 10, 800),
    _arterial("paco2", PCO2, 5, 200),
    _arterial("ph", PH, 6.3, 8.0),
)
TRENDS = {
    "lactate_trend_12h": ("lactate", 12),
    "hr_trend_6h": ("heart_rate", 6),
    "wbc_trend_12h": ("wbc", 12),
    "sbp_trend_6h": ("sbp", 6),
    "temperature_trend_6h": ("temperature", 6),
    "rr_trend_6h": ("respiratory_rate", 6),
}
"""Name: the feature it is the change of, and over how many hours."""
LATEST = {latest.name: latest for latest in (*VITAL_SIGNS, *BLOODS, *GASES)}


def _trend(name: str) -> Feature:
    of, hours = TRENDS[name]
    latest = LATEST[of]
    span = latest.high - latest.low
    return Feature(
        name=name,
        meaning=f"Change of {of} over {hours} h: the value known now less the one known then.",
        unit=latest.measurement.unit,
        source=latest.source,
        plausible=(-span, span),
        window=f"the last {hours} h",
        aggregation="difference; null where nothing was measured since",
        available=_CHARTED if latest.source == "vitalsign" else _RESULTED,
    )


_PUBLISHED_ORDER = (
    "heart_rate",
    "sbp",
    "dbp",
    "temperature",
    "respiratory_rate",
    "wbc",
    "lactate",
    "creatinine",
    "platelets",
    "bilirubin",
    "sodium",
    "potassium",
    "glucose",
    "hemoglobin",
    "bicarbonate",
    "pao2",
    "paco2",
    "ph",
    "anion_gap",
    "albumin",
    "troponin",
    "bnp",
    "inr",
    "ast",
    "alt",
)

FEATURES: tuple[Feature, ...] = (
    Feature(name="age", meaning="Age at admission.", unit="a", source="stays", plausible=(0, 120)),
    Feature(name="gender", meaning="Administrative gender.", source="stays", categories=("F", "M")),
    Feature(
        name="bmi",
        meaning="Body mass index from the newest height and weight charted in this stay.",
        unit="kg/m2",
        source="weight_durations",
        plausible=(8, 100),
        available=_CHARTED,
    ),
    *(LATEST[name].feature() for name in _PUBLISHED_ORDER),
    *(_trend(name) for name in TRENDS),
    Feature(
        name="hour_of_admission",
        meaning="Hour of the day of ICU admission, 0 to 23.",
        unit="h",
        source="stays",
        plausible=(0, 23),
    ),
    Feature(name="icu_los_so_far", meaning="Hours since ICU admission.", unit="h", source="stays", plausible=(0, 6000)),
)
"""The 36 features that are no part of the label's definition."""


def _organ(name: str, meaning: str, available: str) -> Feature:
    return Feature(
        name=name,
        meaning=f"SOFA points of {meaning}.",
        unit="points",
        source="sofa",
        plausible=(0, 4),
        window="measured in the last 24 h",
        aggregation="worst",
        available=available,
        label_derived=True,
    )


TIMES = ("hour_of_admission", "icu_los_so_far")
"""The features that know nothing of the patient."""


LABEL_DERIVED: tuple[Feature, ...] = (
    _organ("respiratory_sofa", "respiration, by PaO2/FiO2 of arterial gases", _RESULTED),
    _organ("cardiovascular_sofa", "circulation, by mean pressure and vasopressors", _CHARTED),
    _organ("hepatic_sofa", "the liver, by bilirubin", _RESULTED),
    _organ("coagulation_sofa", "coagulation, by platelets", _RESULTED),
    _organ("renal_sofa", "the kidneys, by creatinine and urine", "stored by the index time"),
    _organ("neurological_sofa", "consciousness, by Glasgow Coma Scale", _CHARTED),
)
"""The six that the label is made of; leave them out to see what a model is worth without them."""
ALL_FEATURES = (*FEATURES, *LABEL_DERIVED)

SEPSIS_HOURLY = Table(
    key=("features", "sepsis_hourly"),
    grain="one row per ICU stay and full hour from admission on, until the patient leaves or dies",
    meaning="What was known about an ICU stay at each of its hours, and whether sepsis begins soon after: within the "
    "next 6 hours, unless the run was told another horizon or gap.",
    primary_key=("stay_id", "hr"),
    known="index_time",
    source="feature list of public ICU sepsis pipelines; definitions of the published concepts "
    "(MIT-LCP/mimic-code 8bcbd190) applied to what was known at the hour",
    columns=(
        Column(name="subject_id", type=Type.INTEGER, nullable=False, meaning="The patient. Never a feature."),
        Column(name="hadm_id", type=Type.INTEGER, meaning="The hospital stay. Never a feature."),
        Column(name="stay_id", type=Type.INTEGER, nullable=False, meaning="The ICU stay. Never a feature."),
        Column(name="hr", type=Type.INTEGER, nullable=False, unit="h", meaning="Hours since ICU admission."),
        Column(name="index_time", type=Type.TIMESTAMP, nullable=False, meaning="The hour: the moment of prediction."),
        Column(
            name=ELIGIBLE,
            type=Type.BOOLEAN,
            nullable=False,
            meaning="Sepsis has not begun by the index time, so there is something to predict.",
        ),
        Column(
            name=LABEL,
            type=Type.INTEGER,
            plausible=(0, 1),
            meaning="The label: 1 if onset_known_time lies within the horizon after the index time (and the gap, where "
            "there is one); null from onset on and for an onset within the gap. Never a feature.",
        ),
        Column(
            name=HORIZON_HOURS,
            type=Type.INTEGER,
            unit="h",
            nullable=False,
            meaning="How many hours the label looks at. The same in every row of a table. Never a feature.",
        ),
        Column(
            name=GAP_HOURS,
            type=Type.INTEGER,
            unit="h",
            nullable=False,
            meaning="How many hours after the index time the label begins to look. The same in every row. Never a "
            "feature.",
        ),
        *(feature.declared() for feature in ALL_FEATURES),
    ),
)
