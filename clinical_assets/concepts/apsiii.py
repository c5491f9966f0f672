"""Acute Physiology Score III, on the first ICU day (Knaus et al. 1991): the physiology of APACHE III.

Of the lowest and the highest value of a quantity the one further from normal is scored; of two equally far the one with
more points.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from clinical_assets.concepts.blood_gas import ARTERIAL
from clinical_assets.concepts.declaration import HADM_ID, STAY_ID, SUBJECT_ID, concept, conform, number, points
from clinical_assets.concepts.icd import coded_as, flags_of_stays
from clinical_assets.concepts.scoring import below, first_true, of_first_day, probability
from clinical_assets.concepts.ventilated import during, gases_in_stay, invasive_periods, ventilated_on_first_day


@dataclass(frozen=True, kw_only=True)
class Physiology:
    """A quantity scored by bands.

    Attributes:
        score: the column of its points.
        value: prefix of its first-day columns `_min` and `_max`.
        normal: the value distances are measured from; None where only the highest value is scored.
        points_below: points of values below each bound, the lowest bound first.
        above: points of all higher values.
        meaning: what is scored.
    """

    score: str
    value: str
    normal: float | None
    points_below: Mapping[float, int] | Mapping[int, int]
    above: int
    meaning: str


QUANTITIES = (
    Physiology(
        score="hr_score",
        value="heart_rate",
        normal=75,
        points_below={40: 8, 50: 5, 100: 0, 110: 1, 120: 5, 140: 7, 155: 13},
        above=17,
        meaning="Heart rate",
    ),
    Physiology(
        score="mbp_score",
        value="mbp",
        normal=90,
        points_below={40: 23, 60: 15, 70: 7, 80: 6, 100: 0, 120: 4, 130: 7, 140: 9},
        above=10,
        meaning="Mean arterial pressure",
    ),
    Physiology(
        score="temp_score",
        value="temperature",
        normal=38,
        points_below={33.0: 20, 33.5: 16, 34.0: 13, 35.0: 8, 36.0: 2, 40.0: 0},
        above=4,
        meaning="Temperature",
    ),
    Physiology(
        score="resp_rate_score",
        value="resp_rate",
        normal=19,
        points_below={6: 17, 12: 8, 14: 7, 25: 0, 35: 6, 40: 9, 50: 11},
        above=18,
        meaning="Respiratory rate; under 14/min no points on a ventilator",
    ),
    Physiology(
        score="hematocrit_score",
        value="hematocrit",
        normal=45.5,
        points_below={41: 3, 50: 0},
        above=3,
        meaning="Hematocrit",
    ),
    Physiology(
        score="wbc_score",
        value="wbc",
        normal=11.5,
        points_below={1: 19, 3: 5, 20: 0, 25: 1},
        above=5,
        meaning="White cells",
    ),
    Physiology(
        score="creatinine_score",
        value="creatinine",
        normal=1,
        points_below={0.5: 3, 1.5: 0, 1.95: 4},
        above=7,
        meaning="Creatinine; 10 points from 1.5 mg/dL on in acute renal failure",
    ),
    Physiology(
        score="bun_score",
        value="bun",
        normal=None,
        points_below={17: 0, 20: 2, 40: 7, 80: 11},
        above=12,
        meaning="Urea nitrogen",
    ),
    Physiology(
        score="sodium_score",
        value="sodium",
        normal=145.5,
        points_below={120: 3, 135: 2, 155: 0},
        above=4,
        meaning="Sodium",
    ),
    Physiology(
        score="albumin_score",
        value="albumin",
        normal=3.5,
        points_below={2.0: 11, 2.5: 6, 4.5: 0},
        above=4,
        meaning="Albumin",
    ),
    Physiology(
        score="bilirubin_score",
        value="bilirubin_total",
        normal=None,
        points_below={2: 0, 3: 5, 5: 6, 8: 8},
        above=16,
        meaning="Total bilirubin",
    ),
    Physiology(
        score="glucose_score",
        value="glucose",
        normal=130,
        points_below={40: 8, 60: 9, 200: 0, 350: 3},
        above=5,
        meaning="Glucose, of laboratory and chart",
    ),
)
URINE = {400: 15, 600: 8, 900: 7, 1500: 5, 2000: 4, 4000: 0}
URINE_ABOVE = 1
PAO2 = {50: 15, 70: 5, 80: 2}
AADO2 = {100: 0, 250: 7, 350: 9, 500: 11}
AADO2_ABOVE = 14
ROOM_AIR, ENRICHED_AIR = 21, 50
"""Percent of oxygen: assumed where none was entered; from which on the gradient is scored instead of PaO2."""

# Acid-base: per pH bound, points by bounds of PaCO2, and above them.
ACID_BASE = (
    (7.20, {50: 12}, 4),
    (7.30, {30: 9, 40: 6, 50: 3}, 2),
    (7.35, {30: 9, 45: 0}, 1),
    (7.45, {30: 5, 45: 0}, 1),
    (7.50, {30: 5, 35: 0, 45: 2}, 12),
    (7.60, {40: 3}, 12),
)
ALKALOSIS = ({25: 0, 40: 3}, 12)

# Consciousness: whether eyes open at all, verbal responses, motor responses, points. Others are implausible: no points.
COMA = (
    (False, (1,), (1, 2), 48),
    (False, (1,), (3, 4), 33),
    (False, (1,), (5, 6), 16),
    (False, (2, 3), (1, 2), 29),
    (False, (2, 3), (3, 4), 24),
    (True, (1,), (1, 2), 29),
    (True, (1,), (3, 4), 24),
    (True, (1,), (5, 6), 15),
    (True, (2, 3), (1, 2), 29),
    (True, (2, 3), (3, 4), 24),
    (True, (2, 3), (5,), 13),
    (True, (2, 3), (6,), 10),
    (True, (4,), (1, 2, 3, 4), 13),
    (True, (4,), (5,), 8),
    (True, (4,), (6,), 3),
    (True, (5,), (1, 2, 3, 4, 5), 3),
    (True, (5,), (6,), 0),
)
SEVERE_KIDNEY_DISEASE = coded_as("5854 5855 5856", "N184 N185 N186")

_MOST = {"creatinine_score": 10}
_ORDER = [
    "hr_score",
    "mbp_score",
    "temp_score",
    "resp_rate_score",
    "pao2_aado2_score",
    "hematocrit_score",
    "wbc_score",
    "creatinine_score",
    "uo_score",
    "bun_score",
    "sodium_score",
    "albumin_score",
    "bilirubin_score",
    "glucose_score",
    "acidbase_score",
    "gcs_score",
]
_COLUMNS = {
    **{
        q.score: points(q.score, f"{q.meaning}; points.", max(*q.points_below.values(), q.above, _MOST.get(q.score, 0)))
        for q in QUANTITIES
    },
    "pao2_aado2_score": points("pao2_aado2_score", "Arterial oxygen or, on enriched air, its gradient; points.", 15),
    "uo_score": points("uo_score", "Urine output; points.", 15),
    "acidbase_score": points("acidbase_score", "The worst of the arterial acid-base states; points.", 12),
    "gcs_score": points("gcs_score", "Consciousness; 0 where a tube makes it unassessable; points.", 48),
}

APSIII = concept(
    "apsiii",
    grain="one row per ICU stay",
    meaning="Acute Physiology Score III and its predicted hospital mortality.",
    columns=(
        SUBJECT_ID,
        HADM_ID,
        STAY_ID,
        points("apsiii", "Sum of the components, unobserved ones taken as 0.", 252),
        number("apsiii_prob", "Predicted probability of death in hospital."),
        *(_COLUMNS[name] for name in _ORDER),
    ),
    primary_key=("stay_id",),
)


def _banded(quantity: Physiology, extreme: str) -> pl.Expr:
    name = f"{quantity.value}_{extreme}"
    value = pl.col(name)
    rules = below(name, quantity.points_below)
    if quantity.score == "resp_rate_score":
        rules = [((pl.col("ventilated") == 1) & (value < 14), 0), *rules]
    if quantity.score == "creatinine_score":
        rules = [(pl.col("renal_failure") & (value < 1.5), 0), (pl.col("renal_failure") & (value >= 1.5), 10), *rules]
    return first_true(rules, unknown=value.is_null(), otherwise=quantity.above)


def _scored(quantity: Physiology) -> pl.Expr:
    lowest, highest = _banded(quantity, "min"), _banded(quantity, "max")
    if quantity.normal is None:
        return highest.alias(quantity.score)
    high = (pl.col(f"{quantity.value}_max") - quantity.normal).abs()
    low = (pl.col(f"{quantity.value}_min") - quantity.normal).abs()
    only_highest = high > low
    if quantity.score == "creatinine_score":
        only_highest |= pl.col("renal_failure")
    further = pl.when(only_highest).then(highest).when(high < low).then(lowest)
    return further.otherwise(pl.max_horizontal(lowest, highest)).alias(quantity.score)


def _acid_base() -> pl.Expr:
    """Points of one gas with both pH and PaCO2."""
    bands, above = ALKALOSIS
    score = first_true(below("pco2", bands), unknown=pl.lit(value=False), otherwise=above)
    for ph, bands, above in reversed(ACID_BASE):
        banded = first_true(below("pco2", bands), unknown=pl.lit(value=False), otherwise=above)
        score = pl.when(pl.col("ph") < ph).then(banded).otherwise(score)
    return pl.when(pl.col("ph").is_not_null() & pl.col("pco2").is_not_null()).then(score)


def _gases(icustays: pl.LazyFrame, bg: pl.LazyFrame, ventilation: pl.LazyFrame) -> pl.LazyFrame:
    """Per ICU stay the highest PaO2 on plain air, the highest gradient on enriched air, the worst acid-base state."""
    ventilated = pl.col("ventilated")
    oxygen = pl.coalesce("fio2", "fio2_chartevents")
    drawn = gases_in_stay(icustays, bg.filter(pl.col("specimen") == ARTERIAL))
    return (
        during(drawn, invasive_periods(ventilation), "ventilated", from_start=True)
        .group_by("stay_id")
        .agg(
            pao2=pl.col("po2").filter(~ventilated & (oxygen.fill_null(ROOM_AIR) < ENRICHED_AIR)).max(),
            aado2=pl.col("aado2").filter(ventilated & (oxygen >= ENRICHED_AIR)).max(),
            acidbase_score=_acid_base().max(),
        )
    )


def _gcs() -> pl.Expr:
    eyes, verbal, motor = pl.col("gcs_eyes"), pl.col("gcs_verbal"), pl.col("gcs_motor")
    score = pl.lit(None, pl.Int64)
    for eyes_open, verbal_responses, motor_responses, worth in reversed(COMA):
        matches = (
            (eyes > 1 if eyes_open else eyes == 1)
            & verbal.is_in([float(n) for n in verbal_responses])
            & motor.is_in([float(n) for n in motor_responses])
        )
        score = pl.when(matches).then(pl.lit(worth, pl.Int64)).otherwise(score)
    return pl.when(pl.col("gcs_unable") == 1).then(pl.lit(0, pl.Int64)).otherwise(score).alias("gcs_score")


def _oxygen() -> pl.Expr:
    pao2, aado2 = pl.col("pao2"), pl.col("aado2")
    by_pressure = first_true(below("pao2", PAO2), unknown=pao2.is_null())
    by_gradient = first_true(below("aado2", AADO2), unknown=aado2.is_null(), otherwise=AADO2_ABOVE)
    return pl.when(pao2.is_not_null()).then(by_pressure).otherwise(by_gradient).alias("pao2_aado2_score")


def apsiii(
    icustays: pl.LazyFrame,
    bg: pl.LazyFrame,
    ventilation: pl.LazyFrame,
    diagnoses_icd: pl.LazyFrame,
    first_day_gcs: pl.LazyFrame,
    first_day_vitalsign: pl.LazyFrame,
    first_day_urine_output: pl.LazyFrame,
    first_day_lab: pl.LazyFrame,
) -> pl.LazyFrame:
    """APS III. One row per ICU stay.

    As published, blood gases are those of the whole ICU stay, and acute renal failure is told with the help of the
    coded diagnoses: the score is not known after 24 h.
    """
    glucose = first_day_vitalsign.select("stay_id", chart_min="glucose_min", chart_max="glucose_max")
    failing = (pl.col("creatinine_max") >= 1.5) & (pl.col("urineoutput") < 410) & (pl.col("severe") == 0)
    kidney = flags_of_stays(diagnoses_icd, severe=SEVERE_KIDNEY_DISEASE)
    scores = [name for name in _ORDER if name != "acidbase_score"]
    rows = (
        of_first_day(
            icustays,
            first_day_gcs,
            first_day_vitalsign.drop("glucose_min", "glucose_max", "glucose_mean"),
            first_day_urine_output,
            first_day_lab,
            glucose,
            _gases(icustays, bg, ventilation),
            ventilated_on_first_day(icustays, ventilation),
        )
        .join(kidney, on="hadm_id", how="left")
        .with_columns(
            renal_failure=failing.fill_null(value=False),
            glucose_min=pl.min_horizontal("glucose_min", "chart_min"),
            glucose_max=pl.max_horizontal("glucose_max", "chart_max"),
        )
        .with_columns(*(_scored(q) for q in QUANTITIES), _gcs(), _oxygen(), _urine())
        .with_columns(apsiii=pl.sum_horizontal(*scores, "acidbase_score"))
        .with_columns(apsiii_prob=probability(-4.4360 + 0.04726 * pl.col("apsiii")))
    )
    return conform(rows, APSIII)


def _urine() -> pl.Expr:
    unknown = pl.col("urineoutput").is_null()
    return first_true(below("urineoutput", URINE), unknown=unknown, otherwise=URINE_ABOVE).alias("uo_score")
