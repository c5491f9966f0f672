"""Oxford Acute Severity of Illness Score, on the first ICU day (Johnson et al. 2013)."""

from __future__ import annotations

import polars as pl

from clinical_assets.concepts.declaration import (
    HADM_ID,
    STAY_ID,
    SUBJECT_ID,
    concept,
    conform,
    flag,
    integer,
    number,
    points,
)
from clinical_assets.concepts.measurements import FIRST_DAY
from clinical_assets.concepts.scoring import below, first_true, of_first_day, probability
from clinical_assets.concepts.ventilated import ventilated_on_first_day

_Rule = tuple[pl.Expr, int, str]
"""A condition, its points, and which extreme (`min` or `max`) it is about."""

ELECTIVE = "ELECTIVE"
SURGICAL_SERVICE, ORTHOPEDICS = "surg", "ORTHO"
WAIT = {10.2: 5, 297: 3, 1440: 0, 18708: 2}
"""Minutes in hospital before the ICU; longer waits score 1."""

_SCORES = [
    "age_score",
    "preiculos_score",
    "gcs_score",
    "heart_rate_score",
    "mbp_score",
    "resp_rate_score",
    "temp_score",
    "urineoutput_score",
    "mechvent_score",
    "electivesurgery_score",
]

OASIS = concept(
    "oasis",
    grain="one row per ICU stay",
    meaning="OASIS and its predicted hospital mortality, with the value each component was scored on.",
    columns=(
        SUBJECT_ID,
        HADM_ID,
        STAY_ID,
        points("oasis", "Sum of the components, unobserved ones taken as 0.", 75),
        number("oasis_prob", "Predicted probability of death in hospital."),
        integer("age", "Age at hospital admission.", "a"),
        points("age_score", "Points of age.", 9),
        integer("preiculos", "Time from hospital to ICU admission.", "min"),
        points("preiculos_score", "Points of the time before the ICU.", 5),
        number("gcs", "Lowest Glasgow Coma Scale of the first day.", "points"),
        points("gcs_score", "Points of consciousness.", 10),
        number("heartrate", "Heart rate scored on; the middle of lowest and highest where neither scores.", "/min"),
        points("heart_rate_score", "Points of the heart rate.", 6),
        number("meanbp", "Mean arterial pressure scored on, or the middle.", "mm[Hg]"),
        points("mbp_score", "Points of the pressure.", 4),
        number("resprate", "Respiratory rate scored on, or the middle.", "/min"),
        points("resp_rate_score", "Points of the respiratory rate.", 10),
        number("temp", "Temperature scored on, or the middle.", "Cel"),
        points("temp_score", "Points of the temperature.", 6),
        number("urineoutput", "Urine of the first 24 h.", "mL"),
        points("urineoutput_score", "Points of the urine output.", 10),
        flag("mechvent", "1 where invasively ventilated on the first day."),
        points("mechvent_score", "Points of ventilation.", 9),
        flag("electivesurgery", "1 where admitted electively and under a surgical service."),
        points("electivesurgery_score", "Points of an admission other than for elective surgery.", 6),
    ),
    primary_key=("stay_id",),
)


def _extreme_rules() -> dict[str, tuple[str, str, list[_Rule]]]:
    """Per vital sign: the column of the value scored on, the column that must be known, and its rules in order."""
    hr, hr_low = pl.col("heart_rate_max"), pl.col("heart_rate_min")
    mbp, mbp_low = pl.col("mbp_max"), pl.col("mbp_min")
    rr, rr_low = pl.col("resp_rate_max"), pl.col("resp_rate_min")
    temp, temp_low = pl.col("temperature_max"), pl.col("temperature_min")
    return {
        "heart_rate": (
            "heartrate",
            "heart_rate_max",
            [
                (hr > 125, 6, "max"),
                (hr_low < 33, 4, "min"),
                (hr.is_between(107, 125), 3, "max"),
                (hr.is_between(89, 106), 1, "max"),
            ],
        ),
        "mbp": (
            "meanbp",
            "mbp_min",
            [
                (mbp_low < 20.65, 4, "min"),
                (mbp_low < 51, 3, "min"),
                (mbp > 143.44, 3, "max"),
                (mbp_low < 61.33, 2, "min"),
            ],
        ),
        "resp_rate": (
            "resprate",
            "resp_rate_min",
            [
                (rr_low < 6, 10, "min"),
                (rr > 44, 9, "max"),
                (rr > 30, 6, "max"),
                (rr > 22, 1, "max"),
                (rr_low < 13, 1, "min"),
            ],
        ),
        "temperature": (
            "temp",
            "temperature_max",
            [
                (temp > 39.88, 6, "max"),
                (temp_low.is_between(33.22, 35.93), 4, "min"),
                (temp.is_between(33.22, 35.93), 4, "max"),
                (temp_low < 33.22, 3, "min"),
                ((temp_low > 35.93) & (temp_low <= 36.39), 2, "min"),
                (temp.is_between(36.89, 39.88), 2, "max"),
            ],
        ),
    }


def _extremes_scored() -> list[pl.Expr]:
    """Points and the value scored on, of each vital sign."""
    exprs = []
    for sign, (value, decider, rules) in _extreme_rules().items():
        unknown = pl.col(decider).is_null()
        score = "temp_score" if sign == "temperature" else f"{sign}_score"
        known = [(~unknown & condition, points) for condition, points, _ in rules]
        exprs.append(first_true(known, unknown=unknown).alias(score))
        scored = (pl.col(f"{sign}_min") + pl.col(f"{sign}_max")) / 2
        for condition, _, extreme in reversed(rules):
            scored = pl.when(condition).then(pl.col(f"{sign}_{extreme}")).otherwise(scored)
        exprs.append(pl.when(~unknown).then(scored).alias(value))
    return exprs


def _others_scored() -> list[pl.Expr]:
    age, gcs, urine = pl.col("age"), pl.col("gcs"), pl.col("urineoutput")
    return [
        first_true(
            [(age < 24, 0), (age <= 53, 3), (age <= 77, 6), (age <= 89, 9), (age >= 90, 7)], unknown=age.is_null()
        ).alias("age_score"),
        first_true(below("preiculos", WAIT), unknown=pl.col("preiculos").is_null(), otherwise=1).alias(
            "preiculos_score"
        ),
        first_true([(gcs <= 7, 10), (gcs < 14, 4), (gcs == 14, 3)], unknown=gcs.is_null()).alias("gcs_score"),
        first_true(
            [
                (urine < 671.09, 10),
                (urine > 6896.80, 8),
                (urine.is_between(671.09, 1426.99), 5),
                (urine.is_between(1427.00, 2544.14), 1),
            ],
            unknown=urine.is_null(),
        ).alias("urineoutput_score"),
        (pl.col("mechvent") * 9).alias("mechvent_score"),
        ((1 - pl.col("electivesurgery")) * 6).alias("electivesurgery_score"),
    ]


def _surgical(icustays: pl.LazyFrame, services: pl.LazyFrame) -> pl.LazyFrame:
    """ICU stays whose patient came under a surgical service before the end of the first day: `stay_id`, `surgical`."""
    service = pl.col("curr_service")
    return (
        icustays.select("stay_id", "hadm_id", "intime")
        .join(services.select("hadm_id", "transfertime", "curr_service"), on="hadm_id")
        .filter(pl.col("transfertime") < pl.col("intime") + FIRST_DAY)
        .filter(service.str.to_lowercase().str.contains(SURGICAL_SERVICE, literal=True) | (service == ORTHOPEDICS))
        .select("stay_id", surgical=pl.lit(value=True))
        .unique()
    )


def oasis(
    icustays: pl.LazyFrame,
    admissions: pl.LazyFrame,
    age: pl.LazyFrame,
    services: pl.LazyFrame,
    ventilation: pl.LazyFrame,
    first_day_gcs: pl.LazyFrame,
    first_day_vitalsign: pl.LazyFrame,
    first_day_urine_output: pl.LazyFrame,
) -> pl.LazyFrame:
    """OASIS. One row per ICU stay."""
    elective = (pl.col("admission_type") == ELECTIVE) & pl.col("surgical").fill_null(value=False)
    minute = {name: pl.col(name).dt.truncate("1m") for name in ("admittime", "intime")}
    rows = (
        of_first_day(
            icustays,
            first_day_gcs.select("stay_id", gcs="gcs_min"),
            first_day_vitalsign,
            first_day_urine_output,
            ventilated_on_first_day(icustays, ventilation).rename({"ventilated": "mechvent"}),
            _surgical(icustays, services),
        )
        .join(admissions.select("hadm_id", "admittime", "admission_type"), on="hadm_id")
        .join(age.select("hadm_id", "age"), on="hadm_id", how="left")
        .with_columns(
            preiculos=(minute["intime"] - minute["admittime"]).dt.total_minutes(),
            electivesurgery=elective.cast(pl.Int64),
        )
        .with_columns(*_extremes_scored(), *_others_scored())
        .with_columns(oasis=pl.sum_horizontal(_SCORES))
        .with_columns(oasis_prob=probability(-6.1746 + 0.1275 * pl.col("oasis")))
    )
    return conform(rows, OASIS)
